//! Chunks: key ranges of a table, and SQLite's order of keys
//!
//! A chunk covers the keys after `after` up to and including `through`, in the order of the index that enforces the
//! key. Whether a touched key lies in a range that is copied already is decided here, with SQLite's own rules
//! (<https://www.sqlite.org/datatype3.html#sort_order>); a wrong answer would lose the change or resurrect a row.

use std::cmp::Ordering;

use super::key::KeyRef;
use super::schema::{Key, TextOrder};
use super::value::Value;

/// A key range; keys are in the serialised form of `key::write_value`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Exclusive lower bound; `None` is the beginning of the table
    pub after: Option<Vec<u8>>,
    /// Inclusive upper bound; `None` is the end of the table, whatever will be inserted there
    pub through: Option<Vec<u8>>,
}

/// A key range with its place in the order of dispatch, which is the order of keys
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub number: i64,
    pub range: Range,
}

/// How much of a table the target holds between two waves
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// Nothing yet: every touched key is left to its chunk
    Nothing,
    /// All keys up to and including this one
    Through(Vec<u8>),
    /// The whole table
    All,
}

impl Copied {
    /// Whether the target is responsible for this key already
    pub fn covers(&self, key: KeyRef<'_>, definition: &Key) -> bool {
        match self {
            Copied::Nothing => false,
            Copied::All => true,
            Copied::Through(frontier) => compare_keys(key, KeyRef(frontier), definition) != Ordering::Greater,
        }
    }
}

/// What a killed snapshot left: the ranges that have no progress row, and where dispatch goes on
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// Ranges between finished chunks
    pub gaps: Vec<Chunk>,
    /// First number and lower bound of what was never dispatched; `None` if the last chunk is done
    pub next: Option<(i64, Option<Vec<u8>>)>,
}

/// Finds what is missing; `finished` must be in the order of numbers
pub fn remainder(finished: &[Chunk]) -> Remainder {
    let mut gaps = Vec::new();
    let mut next = Some((0, None));
    for chunk in finished {
        // By keys, not by numbers: a gap of several lost chunks is filled by one, and its other numbers stay unused.
        if let Some((number, after)) = next
            && chunk.range.after != after
        {
            gaps.push(Chunk { number, range: Range { after, through: chunk.range.after.clone() } });
        }
        next = chunk.range.through.as_ref().map(|through| (chunk.number + 1, Some(through.clone())));
    }
    Remainder { gaps, next }
}

/// Order of two keys of the same table, as the index that enforces the key sees it
pub fn compare_keys(a: KeyRef<'_>, b: KeyRef<'_>, definition: &Key) -> Ordering {
    let mut pairs = a.parts().zip(b.parts()).zip(&definition.parts);
    pairs
        .find_map(|((a, b), part)| match compare_native(a, b, &part.collation, definition.text_order) {
            Ordering::Equal => None,
            unequal => Some(unequal),
        })
        .unwrap_or(Ordering::Equal)
}

/// SQLite's order of two values under a built-in collation; unknown collations never get here (the planner keys such
/// tables by rowid or refuses them)
fn compare_native(a: Value<'_>, b: Value<'_>, collation: &str, order: TextOrder) -> Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(&b),
        (Value::Real(a), Value::Real(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (Value::Integer(a), Value::Real(b)) => compare_integer_real(a, b),
        (Value::Real(a), Value::Integer(b)) => compare_integer_real(b, a).reverse(),
        (Value::Text(a), Value::Text(b)) => compare_text(a, b, collation, order),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    }
}

/// Exact, where a cast to `f64` would round: 2^53 + 1 is greater than 2^53 as a real
fn compare_integer_real(integer: i64, real: f64) -> Ordering {
    if real >= 9_223_372_036_854_775_808.0 {
        Ordering::Less
    } else if real < -9_223_372_036_854_775_808.0 {
        Ordering::Greater
    } else {
        let whole = real.trunc();
        integer.cmp(&(whole as i64)).then(0.0_f64.partial_cmp(&(real - whole)).unwrap_or(Ordering::Equal))
    }
}

/// NOCASE and RTRIM exist for UTF-8 only: SQLite converts for them, whatever the database's encoding is
fn compare_text(a: &[u8], b: &[u8], collation: &str, order: TextOrder) -> Ordering {
    match collation {
        "NOCASE" => a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase)),
        "RTRIM" => trim_spaces(a).cmp(trim_spaces(b)),
        _ => match order {
            TextOrder::Utf8 => a.cmp(b),
            TextOrder::Utf16Le => compare_utf16(a, b, u16::to_le_bytes),
            TextOrder::Utf16Be => compare_utf16(a, b, u16::to_be_bytes),
        },
    }
}

/// By the bytes of the stored UTF-16; what is read through the UTF-8 interface is converted back
fn compare_utf16(a: &[u8], b: &[u8], bytes: fn(u16) -> [u8; 2]) -> Ordering {
    match (std::str::from_utf8(a), std::str::from_utf8(b)) {
        (Ok(a), Ok(b)) => a.encode_utf16().flat_map(bytes).cmp(b.encode_utf16().flat_map(bytes)),
        _ => a.cmp(b),
    }
}

fn trim_spaces(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rposition(|&byte| byte != b' ').map_or(0, |at| at + 1);
    &bytes[..kept]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::write_value;
    use crate::model::schema::{KeyKind, KeyPart};

    fn key(value: Value<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_value(&mut bytes, value);
        bytes
    }

    fn chunk(number: i64, after: Option<i64>, through: Option<i64>) -> Chunk {
        let bound = |v: Option<i64>| v.map(|v| key(Value::Integer(v)));
        Chunk { number, range: Range { after: bound(after), through: bound(through) } }
    }

    #[test]
    fn nothing_finished_leaves_the_whole_table() {
        assert_eq!(remainder(&[]), Remainder { gaps: vec![], next: Some((0, None)) });
    }

    #[test]
    fn a_missing_chunk_becomes_a_gap_and_dispatch_goes_on_after_the_last() {
        let found = remainder(&[chunk(0, None, Some(10)), chunk(2, Some(20), Some(30)), chunk(5, Some(60), Some(70))]);
        assert_eq!(found.gaps, vec![chunk(1, Some(10), Some(20)), chunk(3, Some(30), Some(60))]);
        assert_eq!(found.next, Some((6, Some(key(Value::Integer(70))))));
    }

    #[test]
    fn a_gap_of_several_chunks_is_filled_by_one() {
        let mut finished = vec![chunk(0, None, Some(10)), chunk(3, Some(40), Some(50))];
        let gap = chunk(1, Some(10), Some(40));
        assert_eq!(remainder(&finished).gaps, vec![gap.clone()]);
        finished.insert(1, gap);
        assert_eq!(remainder(&finished).gaps, vec![]);
    }

    #[test]
    fn the_open_last_chunk_ends_dispatch_but_not_the_gaps_before_it() {
        let found = remainder(&[chunk(1, Some(10), None)]);
        assert_eq!(found, Remainder { gaps: vec![chunk(0, None, Some(10))], next: None });
    }

    #[test]
    fn integers_and_reals_compare_exactly() {
        let real = |r| Value::Real(r);
        let int = Value::Integer;
        assert_eq!(
            compare_native(int((1 << 53) + 1), real(9_007_199_254_740_992.0), "BINARY", TextOrder::Utf8),
            Ordering::Greater
        );
        assert_eq!(
            compare_native(int(i64::MAX), real(9_223_372_036_854_775_808.0), "BINARY", TextOrder::Utf8),
            Ordering::Less
        );
        assert_eq!(compare_native(int(-1), real(-1.5), "BINARY", TextOrder::Utf8), Ordering::Greater);
        assert_eq!(compare_native(int(1), real(1.5), "BINARY", TextOrder::Utf8), Ordering::Less);
        assert_eq!(compare_native(int(1), real(1.0), "BINARY", TextOrder::Utf8), Ordering::Equal);
        assert_eq!(compare_native(real(f64::INFINITY), int(i64::MAX), "BINARY", TextOrder::Utf8), Ordering::Greater);
        assert_eq!(compare_native(Value::Text(b""), real(1e300), "BINARY", TextOrder::Utf8), Ordering::Greater);
    }

    #[test]
    fn coverage_follows_the_collation_of_the_key() {
        let part = |collation: &str| KeyPart { column: Some(0), sql: "\"k\"".into(), collation: collation.into() };
        let define = |collation| Key::new(KeyKind::PrimaryKey, vec![part(collation)]);
        let through = Copied::Through(key(Value::Text(b"M")));
        let probe = key(Value::Text(b"b"));
        assert!(through.covers(KeyRef(&probe), &define("NOCASE")));
        assert!(!through.covers(KeyRef(&probe), &define("BINARY")));
        let spaced = key(Value::Text(b"M  "));
        assert!(through.covers(KeyRef(&spaced), &define("RTRIM")));
        assert!(!through.covers(KeyRef(&spaced), &define("BINARY")));
    }

    #[test]
    fn i7_text_is_ordered_by_the_bytes_that_are_stored() {
        let compare = |a: &str, b: &str, order| compare_text(a.as_bytes(), b.as_bytes(), "BINARY", order);
        // U+0100 is 00 01 in little-endian UTF-16, and U+0041 is 41 00.
        assert_eq!(compare("\u{100}", "A", TextOrder::Utf16Le), Ordering::Less);
        assert_eq!(compare("\u{100}", "A", TextOrder::Utf16Be), Ordering::Greater);
        // A surrogate pair (D83D DE00) sorts before U+FFFD in UTF-16, and after it in UTF-8.
        assert_eq!(compare("\u{1f600}", "\u{fffd}", TextOrder::Utf16Be), Ordering::Less);
        assert_eq!(compare("\u{1f600}", "\u{fffd}", TextOrder::Utf8), Ordering::Greater);
        assert_eq!(compare("ab", "abc", TextOrder::Utf16Le), Ordering::Less);
        assert_eq!(compare_text(b"B", b"a", "NOCASE", TextOrder::Utf16Le), Ordering::Greater);
    }
}
