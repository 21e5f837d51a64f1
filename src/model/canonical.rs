//! The form in which a value is compared with the other side's
//!
//! Both sides of verify go through this file, and it shares nothing with the encoder. `jsonb` needs it: PostgreSQL keeps
//! the document and SQLite keeps its spelling, so that the two are equal if they are the same document. What that is
//! follows jsonb: the order of keys, blanks, escapes and exponents are spelling, the digits of a number are not, and of
//! equal keys the last one counts. So do moments and times of day where a column spells them in several ways.

mod moment;

use super::mapping::Mapping;
use super::value::Value;

/// Deeper documents are compared as they are spelled; the encoder does not let them through
const MAX_DEPTH: usize = 1000;

/// Numbers with larger exponents too; PostgreSQL sends none
const MAX_EXPONENT: i64 = 1000;

/// The value as it enters a digest: itself, unless the type keeps less than SQLite's spelling of it
pub fn comparable<'a>(value: Value<'a>, mapping: Mapping, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match (value, mapping) {
        (Value::Text(text), Mapping::Json { binary: true, .. }) => {
            scratch.clear();
            // Text that is no document is equal to no document either.
            if document(text, scratch).is_some() { Value::Text(scratch) } else { value }
        }
        (Value::Text(text), Mapping::Moment { .. }) => {
            scratch.clear();
            if moment::stamp(text, scratch).is_some() { Value::Text(scratch) } else { value }
        }
        (Value::Text(text), Mapping::TimeOfDay(_)) => {
            scratch.clear();
            if moment::time(text, scratch).is_some() { Value::Text(scratch) } else { value }
        }
        (value, _) => value,
    }
}

/// What SQLite gets for a value that comes from PostgreSQL: its own spelling, if it holds the same value already
///
/// This is what makes I10 hold for documents and for moments in any spelling: the file stays the home of the spelling, so
/// that one nobody changed goes to PostgreSQL and comes back byte by byte.
pub fn restore<'a>(old: Value<'a>, new: Value<'a>, mapping: Mapping) -> Value<'a> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let same = comparable(old, mapping, &mut ours).is_identical(&comparable(new, mapping, &mut theirs));
    if same { old } else { new }
}

/// Appends the canonical text of a document
fn document(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader { rest: text, members: Vec::new() };
    reader.value(out, 0)?;
    reader.blanks();
    reader.rest.is_empty().then_some(())
}

/// Where the members of an object stand in what is written
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

impl Member {
    /// As jsonb orders keys, short ones first
    fn order<'o>(&self, out: &'o [u8]) -> (usize, &'o [u8]) {
        (self.key_end - self.start, &out[self.start..self.key_end])
    }
}

struct Reader<'t> {
    rest: &'t [u8],
    /// Members of all open objects
    members: Vec<Member>,
}

impl<'t> Reader<'t> {
    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The next byte that is not blank
    fn next(&mut self) -> Option<u8> {
        self.blanks();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn is_next(&mut self, byte: u8) -> bool {
        self.blanks();
        self.rest.first() == Some(&byte)
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.blanks();
        if depth > MAX_DEPTH {
            return None;
        }
        match self.rest.first()? {
            b'{' => self.object(out, depth + 1),
            b'[' => self.array(out, depth + 1),
            b'"' => self.string(out),
            b't' | b'f' | b'n' => self.word(out),
            _ => self.number(out),
        }
    }

    fn word(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let words: [&[u8]; 3] = [b"true", b"false", b"null"];
        let word = words.into_iter().find(|word| self.rest.starts_with(word))?;
        self.rest = &self.rest[word.len()..];
        out.extend_from_slice(word);
        Some(())
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        out.push(self.next()?);
        if self.is_next(b']') {
            out.push(self.next()?);
            return Some(());
        }
        loop {
            self.value(out, depth)?;
            let separator = self.next().filter(|byte| matches!(byte, b',' | b']'))?;
            out.push(separator);
            if separator == b']' {
                return Some(());
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let (start, first) = (out.len() + 1, self.members.len());
        out.push(self.next()?);
        if self.is_next(b'}') {
            out.push(self.next()?);
            return Some(());
        }
        loop {
            self.blanks();
            let start = out.len();
            self.string(out)?;
            let key_end = out.len();
            out.push(self.next().filter(|byte| *byte == b':')?);
            self.value(out, depth)?;
            self.members.push(Member { start, key_end, end: out.len() });
            match self.next()? {
                b',' => out.push(b','),
                b'}' => break,
                _ => return None,
            }
        }
        put_in_order(out, start, &mut self.members[first..]);
        self.members.truncate(first);
        out.push(b'}');
        Some(())
    }

    /// A string with the escapes that JSON demands, all of them in one spelling
    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.rest = self.rest.strip_prefix(b"\"")?;
        out.push(b'"');
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => break,
                b'\\' => self.escape(out)?,
                ..b' ' => return None,
                plain => out.push(*plain),
            }
        }
        out.push(b'"');
        Some(())
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        let character = match kind {
            b'"' | b'\\' | b'/' => char::from(*kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return None,
        };
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            control @ ..' ' => {
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).map(|digit| digit as u8);
                out.extend_from_slice(b"\\u00");
                out.push(digit(control as u8 >> 4)?);
                out.push(digit(control as u8 & 15)?);
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Some(())
    }

    /// The character of an escape or of a pair of them; jsonb knows neither NUL nor halves of pairs
    fn code_point(&mut self) -> Option<char> {
        let first = self.unit()?;
        let code = match first {
            0 => return None,
            0xd800..0xdc00 => {
                self.rest = self.rest.strip_prefix(b"\\u")?;
                let second = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit))?;
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code)
    }

    fn unit(&mut self) -> Option<u32> {
        let (four, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        four.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }

    fn digits(&mut self) -> &'t [u8] {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    fn skip(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first().filter(|(first, _)| bytes.contains(first))?;
        self.rest = rest;
        Some(*first)
    }

    /// A number as `numeric` prints it: no exponent, and all the digits behind the point that were there
    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        if self.skip(b"-").is_some() {
            out.push(b'-');
        }
        let whole = self.digits();
        let fraction = if self.skip(b".").is_some() { Some(self.digits()) } else { None };
        let exponent = if self.skip(b"eE").is_some() { self.exponent()? } else { 0 };
        let leading_zero = whole.len() > 1 && whole[0] == b'0';
        if whole.is_empty() || leading_zero || fraction.is_some_and(<[u8]>::is_empty) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let point = whole.len() as i64 + exponent;
        let digit = |power: i64| {
            let at = usize::try_from(point - 1 - power).ok();
            let behind = |at: usize| fraction.get(at.checked_sub(whole.len())?);
            at.and_then(|at| whole.get(at).or_else(|| behind(at))).copied().unwrap_or(b'0')
        };
        let leading = (1..point).rev().find(|power| digit(*power) != b'0').unwrap_or(0);
        out.extend((0..=leading).rev().map(digit));
        let scale = fraction.len() as i64 - exponent;
        if scale > 0 {
            out.push(b'.');
            out.extend((1..=scale).map(|place| digit(-place)));
        }
        Some(())
    }

    fn exponent(&mut self) -> Option<i64> {
        let negative = self.skip(b"+-") == Some(b'-');
        let size: i64 = std::str::from_utf8(self.digits()).ok()?.parse().ok()?;
        let exponent = if negative { -size } else { size };
        (size <= MAX_EXPONENT).then_some(exponent)
    }
}

/// Sorts the members of an object that begin at `start`, and leaves out those that a later one replaces
fn put_in_order(out: &mut Vec<u8>, start: usize, members: &mut [Member]) {
    if members.is_sorted_by(|a, b| a.order(out) < b.order(out)) {
        return;
    }
    members.sort_by(|a, b| a.order(out).cmp(&b.order(out)));
    let mut sorted = Vec::with_capacity(out.len() - start);
    for (at, member) in members.iter().enumerate() {
        let replaced = members.get(at + 1).is_some_and(|next| next.order(out) == member.order(out));
        if !replaced {
            if !sorted.is_empty() {
                sorted.push(b',');
            }
            sorted.extend_from_slice(&out[member.start..member.end]);
        }
    }
    out.truncate(start);
    out.extend_from_slice(&sorted);
}

#[cfg(test)]
mod tests;
