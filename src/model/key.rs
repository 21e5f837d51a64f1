//! Keys of touched rows, de-duplicated by storage class and bytes
//!
//! Native SQLite equality is the wrong one here: it merges `1` with `1.0`, and `ABC` with `abc` under NOCASE, and a row
//! would be lost or resurrected. A [`KeySet`] holds its keys in one growing buffer: no allocation per key.

use std::cmp::Ordering;

use super::value::Value;

/// A set of keys with the same number of parts, sorted on demand
#[derive(Debug, Default)]
pub struct KeySet {
    data: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

/// One key: its parts in the serialised form of [`write_value`]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef<'a>(pub &'a [u8]);

impl KeySet {
    pub fn new() -> KeySet {
        KeySet::default()
    }

    /// Starts a key; its parts follow through [`KeySet::part`], and [`KeySet::finish`] ends it
    pub fn start(&mut self) {
        self.spans.push((self.data.len(), self.data.len()));
    }

    /// Appends one part to the key that was started
    pub fn part(&mut self, value: Value<'_>) {
        write_value(&mut self.data, value);
    }

    /// Ends the key that was started
    pub fn finish(&mut self) {
        let end = self.data.len();
        if let Some(span) = self.spans.last_mut() {
            span.1 = end;
        }
    }

    pub fn push(&mut self, key: KeyRef<'_>) {
        let start = self.data.len();
        self.data.extend_from_slice(key.0);
        self.spans.push((start, self.data.len()));
    }

    /// Sorts by class and value, and drops identical keys
    pub fn sort_dedup(&mut self) {
        let data = &self.data;
        self.spans.sort_unstable_by(|a, b| KeyRef(&data[a.0..a.1]).compare(KeyRef(&data[b.0..b.1])));
        self.spans.dedup_by(|a, b| data[a.0..a.1] == data[b.0..b.1]);
    }

    /// Whether the key is in the set; the set must be sorted
    pub fn contains(&self, key: KeyRef<'_>) -> bool {
        self.spans.binary_search_by(|s| KeyRef(&self.data[s.0..s.1]).compare(key)).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = KeyRef<'_>> {
        self.spans.iter().map(|s| KeyRef(&self.data[s.0..s.1]))
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes that the set holds in memory, about
    pub fn byte_size(&self) -> usize {
        self.data.len() + self.spans.len() * size_of::<(usize, usize)>()
    }

    /// Empties the set and keeps its memory
    pub fn clear(&mut self) {
        self.data.clear();
        self.spans.clear();
    }
}

impl<'a> KeyRef<'a> {
    /// The parts of the key, in key order
    pub fn parts(self) -> KeyParts<'a> {
        KeyParts(self.0)
    }

    /// A part is NULL, so that no comparison finds the row by its key
    pub fn has_null(self) -> bool {
        self.parts().any(|part| matches!(part, Value::Null))
    }

    /// The key as the operator would write it, shortened, on one line
    pub fn text(self) -> String {
        let part = |value: Value<'_>| match value {
            Value::Null => "NULL".to_owned(),
            Value::Integer(v) => v.to_string(),
            Value::Real(v) => format!("{v:?}"),
            Value::Text(bytes) => format!("'{}'", shown(bytes)),
            Value::Blob(bytes) => {
                format!("x'{}'", bytes.iter().take(16).map(|b| format!("{b:02x}")).collect::<String>())
            }
        };
        self.parts().map(part).collect::<Vec<_>>().join(", ")
    }

    /// Order by class, then value; total, and equal only for identical keys
    pub fn compare(self, other: KeyRef<'_>) -> Ordering {
        let (mut left, mut right) = (self.parts(), other.parts());
        loop {
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(a), Some(b)) => match compare_values(a, b) {
                    Ordering::Equal => continue,
                    unequal => return unequal,
                },
            }
        }
    }
}

/// Iterator over the parts of a key
pub struct KeyParts<'a>(&'a [u8]);

impl<'a> Iterator for KeyParts<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (&class, rest) = self.0.split_first()?;
        let (value, rest) = match class {
            0 => (Value::Null, rest),
            1 => {
                let (bytes, rest) = rest.split_first_chunk::<8>()?;
                (Value::Integer(i64::from_le_bytes(*bytes)), rest)
            }
            2 => {
                let (bytes, rest) = rest.split_first_chunk::<8>()?;
                (Value::Real(f64::from_le_bytes(*bytes)), rest)
            }
            _ => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                (if class == 3 { Value::Text(bytes) } else { Value::Blob(bytes) }, rest)
            }
        };
        self.0 = rest;
        Some(value)
    }
}

/// The beginning of a text, with control characters escaped
fn shown(bytes: &[u8]) -> String {
    // Cut before it is converted: a key may be very long.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(240)]);
    let escaped = text.chars().take(60).flat_map(|c| {
        let escape = c.is_control().then(|| c.escape_default());
        let plain = escape.is_none().then_some(c);
        escape.into_iter().flatten().chain(plain)
    });
    escaped.collect()
}

/// Appends a value: class byte, then 8 little-endian bytes for numbers, or a 4-byte length and the bytes
pub fn write_value(buffer: &mut Vec<u8>, value: Value<'_>) {
    buffer.push(value.class() as u8);
    match value {
        Value::Null => {}
        Value::Integer(v) => buffer.extend_from_slice(&v.to_le_bytes()),
        Value::Real(v) => buffer.extend_from_slice(&v.to_le_bytes()),
        Value::Text(bytes) | Value::Blob(bytes) => {
            // SQLite's own limit for one value is below 2^31 bytes.
            buffer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            buffer.extend_from_slice(bytes);
        }
    }
}

fn compare_values(a: Value<'_>, b: Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(&b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(&b),
        (Value::Text(a), Value::Text(b)) | (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        (a, b) => a.class().cmp(&b.class()),
    }
}
