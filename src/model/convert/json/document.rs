//! Whether a text is a JSON document, by the grammar of RFC 8259 and, for `jsonb`, its further demands
//!
//! Nothing is built: the text is walked once. The keys of open objects are noted in the caller's buffer, so that looking
//! for one that is there twice allocates nothing either.

use std::cmp::Ordering;

use crate::model::mapping::{JsonFault, Misfit};

const SYNTAX: Misfit = Misfit::Json(JsonFault::Syntax);
const NUMBER: Misfit = Misfit::Json(JsonFault::Number);
const SURROGATE: Misfit = Misfit::Json(JsonFault::LoneSurrogate);

/// Deepest nesting; PostgreSQL's parser is recursive too, and gives up at about 6,400 levels of a 2 MB stack
const MAX_DEPTH: usize = 1000;

/// Bytes of everything in one jsonb container, whose entries keep 28 bits of offset or length
const MAX_CONTAINER: usize = 0x0fff_ffff - 64;

/// Members of one container: PostgreSQL gathers them in one array of 72 bytes each, and doubles it up to 1 GB
const MAX_MEMBERS: usize = 1 << 23;

/// Largest exponent that is let through, far inside of what `numeric` takes
const MAX_EXPONENT: i64 = 1000;

/// Digits before and behind the point in a `numeric`
const MAX_WHOLE_DIGITS: i64 = 131_072;
const MAX_FRACTION_DIGITS: i64 = 16_383;

/// What kind of value the document is, at its top
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Top {
    Object,
    Array,
    String,
    Number,
    /// true, false or null
    Word,
}

/// Checks that a text is a document, by the rules of `jsonb` or only by those of `json`
///
/// `scratch` is used behind what it holds already and is left as it was.
pub fn check(text: &[u8], binary: bool, scratch: &mut Vec<u8>) -> Result<Top, Misfit> {
    let before = scratch.len();
    let mut parser = Parser { text, at: 0, binary, keys: scratch };
    let result = parser.document();
    scratch.truncate(before);
    result
}

struct Parser<'t, 's> {
    text: &'t [u8],
    at: usize,
    binary: bool,
    /// The keys of all open objects as pairs of 32-bit numbers, begin and end in the text, behind what the buffer held
    keys: &'s mut Vec<u8>,
}

impl Parser<'_, '_> {
    fn document(&mut self) -> Result<Top, Misfit> {
        self.skip_space();
        let top = match self.peek() {
            Some(b'{') => Top::Object,
            Some(b'[') => Top::Array,
            Some(b'"') => Top::String,
            Some(b't' | b'f' | b'n') => Top::Word,
            _ => Top::Number,
        };
        self.value(0)?;
        self.skip_space();
        if self.at == self.text.len() { Ok(top) } else { Err(SYNTAX) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the byte if it is next
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &[u8]) -> Result<usize, Misfit> {
        if !self.text[self.at..].starts_with(word) {
            return Err(SYNTAX);
        }
        self.at += word.len();
        Ok(0)
    }

    /// Takes one value; returns at least as many bytes as jsonb needs for it
    fn value(&mut self, depth: usize) -> Result<usize, Misfit> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<usize, Misfit> {
        let mut size = Size::open(depth)?;
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(size.bytes);
        }
        loop {
            self.skip_space();
            let value = self.value(depth)?;
            size.add(value, self.binary)?;
            self.skip_space();
            if self.take(b']') {
                return Ok(size.bytes);
            } else if !self.take(b',') {
                return Err(SYNTAX);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<usize, Misfit> {
        let mut size = Size::open(depth)?;
        let first_key = self.keys.len();
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(size.bytes);
        }
        loop {
            self.skip_space();
            let start = self.at;
            let key = self.string()?;
            self.note_key(start + 1, self.at - 1);
            self.skip_space();
            if !self.take(b':') {
                return Err(SYNTAX);
            }
            self.skip_space();
            let value = self.value(depth)?;
            size.add(key + MEMBER + value, self.binary)?;
            self.skip_space();
            if self.take(b'}') {
                self.distinct_keys(first_key)?;
                return Ok(size.bytes);
            } else if !self.take(b',') {
                return Err(SYNTAX);
            }
        }
    }

    /// Remembers where a key stands; texts are shorter than 2^32 bytes
    fn note_key(&mut self, start: usize, end: usize) {
        if self.binary {
            self.keys.extend_from_slice(&(start as u32).to_ne_bytes());
            self.keys.extend_from_slice(&(end as u32).to_ne_bytes());
        }
    }

    /// Forgets the keys of the object that just ended; none of them may be there twice
    fn distinct_keys(&mut self, first: usize) -> Result<(), Misfit> {
        let (keys, _) = self.keys[first..].as_chunks_mut::<8>();
        let text = self.text;
        let key = |place: &[u8; 8]| {
            let (start, end) = place.split_at(4);
            let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap_or_default()) as usize;
            &text[number(start)..number(end)]
        };
        if keys.len() > FEW {
            keys.sort_unstable_by(|a, b| compare_keys(key(a), key(b)));
        }
        let same = |a: &[u8; 8], b: &[u8; 8]| compare_keys(key(a), key(b)) == Ordering::Equal;
        let twice = if keys.len() > FEW {
            keys.windows(2).any(|pair| same(&pair[0], &pair[1]))
        } else {
            (1..keys.len()).any(|last| keys[..last].iter().any(|earlier| same(earlier, &keys[last])))
        };
        self.keys.truncate(first);
        if twice { Err(Misfit::Json(JsonFault::DuplicateKey)) } else { Ok(()) }
    }

    /// Takes a string, its quotes included
    fn string(&mut self) -> Result<usize, Misfit> {
        let start = self.at;
        if !self.take(b'"') {
            return Err(SYNTAX);
        }
        loop {
            let rest = &self.text[self.at..];
            let run = rest.iter().position(|b| matches!(b, b'"' | b'\\' | ..b' ')).ok_or(SYNTAX)?;
            self.at += run + 1;
            match rest[run] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(SYNTAX),
            }
        }
        let size = self.at - start;
        if self.binary && size > MAX_CONTAINER { Err(Misfit::TooLong) } else { Ok(size) }
    }

    /// Takes an escape, its backslash already taken
    fn escape(&mut self) -> Result<(), Misfit> {
        let kind = self.peek().ok_or(SYNTAX)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let unit = self.four_hex()?;
                if self.binary { self.character(unit) } else { Ok(()) }
            }
            _ => Err(SYNTAX),
        }
    }

    /// What jsonb makes of `\uXXXX` must be a character
    fn character(&mut self, unit: u16) -> Result<(), Misfit> {
        match unit {
            0 => Err(Misfit::Json(JsonFault::NulEscape)),
            0xd800..0xdc00 if self.text[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                if (0xdc00..0xe000).contains(&self.four_hex()?) { Ok(()) } else { Err(SURROGATE) }
            }
            0xd800..0xe000 => Err(SURROGATE),
            _ => Ok(()),
        }
    }

    fn four_hex(&mut self) -> Result<u16, Misfit> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(SYNTAX)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| {
            let value = char::from(*digit).to_digit(16).ok_or(SYNTAX)?;
            Ok(unit << 4 | value as u16)
        })
    }

    /// Takes the digits that are next and returns how many they are
    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<usize, Misfit> {
        let start = self.at;
        let negative = self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(SYNTAX);
        }
        let fraction = if self.take(b'.') { self.required_digits()? } else { 0 };
        let mantissa = &self.text[start..self.at];
        let exponent = if self.take(b'e') || self.take(b'E') { self.exponent()? } else { 0 };
        if !self.binary {
            return Ok(0);
        }
        if negative && mantissa.iter().all(|b| matches!(b, b'-' | b'0' | b'.')) {
            return Err(NUMBER);
        }
        let (whole, fraction) = (whole as i64 + exponent, fraction as i64 - exponent);
        if exponent.abs() > MAX_EXPONENT || whole > MAX_WHOLE_DIGITS || fraction > MAX_FRACTION_DIGITS {
            return Err(NUMBER);
        }
        // A header, two bytes for four digits, and two groups that are only in part there
        Ok(16 + (self.at - start) / 2)
    }

    fn required_digits(&mut self) -> Result<usize, Misfit> {
        let count = self.digits();
        if count == 0 { Err(SYNTAX) } else { Ok(count) }
    }

    /// The exponent behind its letter; one that is far too large stops at a number that is too large too
    fn exponent(&mut self) -> Result<i64, Misfit> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let start = self.at;
        self.required_digits()?;
        let digits = &self.text[start..self.at];
        let size = digits.iter().fold(0i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000));
        Ok(if negative { -size } else { size })
    }
}

/// Objects with no more keys than this are compared key by key
const FEW: usize = 8;

/// Bytes that jsonb takes for a member beside its content: an entry of 4 bytes and up to 3 of padding
const MEMBER: usize = 8;

/// Upper bound of what a container takes in jsonb
struct Size {
    bytes: usize,
    members: usize,
}

impl Size {
    fn open(depth: usize) -> Result<Size, Misfit> {
        if depth > MAX_DEPTH { Err(Misfit::Json(JsonFault::Depth)) } else { Ok(Size { bytes: 4, members: 0 }) }
    }

    fn add(&mut self, value: usize, binary: bool) -> Result<(), Misfit> {
        self.bytes += value + MEMBER;
        self.members += 1;
        let fits = self.bytes <= MAX_CONTAINER && self.members <= MAX_MEMBERS;
        if fits || !binary { Ok(()) } else { Err(Misfit::TooLong) }
    }
}

/// Order of two keys as they stand in the text, by the characters that they mean
fn compare_keys(a: &[u8], b: &[u8]) -> Ordering {
    if a.contains(&b'\\') || b.contains(&b'\\') { bytes_meant(a).cmp(bytes_meant(b)) } else { a.cmp(b) }
}

/// The bytes in UTF-8 that a checked string means
fn bytes_meant(string: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = string;
    let mut pending = [0u8; 4];
    let (mut next, mut end) = (0, 0);
    std::iter::from_fn(move || {
        if next < end {
            next += 1;
            return Some(pending[next - 1]);
        }
        let (first, after) = rest.split_first()?;
        rest = after;
        if *first != b'\\' {
            return Some(*first);
        }
        let (kind, after) = rest.split_first()?;
        rest = after;
        if *kind != b'u' {
            return Some(simple_escape(*kind));
        }
        let (code, after) = code_point(rest)?;
        rest = after;
        (next, end) = (1, code.encode_utf8(&mut pending).len());
        Some(pending[0])
    })
}

fn simple_escape(kind: u8) -> u8 {
    match kind {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        itself => itself,
    }
}

/// The character of one `\u` or of a pair of them, the first `\u` already taken
fn code_point(digits: &[u8]) -> Option<(char, &[u8])> {
    let unit = |at: usize| {
        let four = std::str::from_utf8(digits.get(at..at + 4)?).ok()?;
        u16::from_str_radix(four, 16).ok()
    };
    let first = unit(0)?;
    let second = (0xd800..0xdc00).contains(&first).then(|| unit(6)).flatten();
    let taken = if second.is_some() { 10 } else { 4 };
    let decoded = char::decode_utf16([Some(first), second].into_iter().flatten()).next()?.ok()?;
    Some((decoded, &digits[taken..]))
}
