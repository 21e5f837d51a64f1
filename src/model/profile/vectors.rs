//! Vectors among a column's values: lists of numbers as JSON text, or 32-bit floats as blobs
//!
//! They are made vectors only where the declaration, the name or the operator asks for it. Bounded: a few counts, and
//! the forms in which every list so far could have been written.

use serde::Serialize;

use super::Tally;
use crate::model::convert::forms::{ExponentForm, VectorForm, WholeNumbers};
use crate::model::convert::recognise;
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::schema::Column;
use crate::model::value::Value;

/// pgvector's most dimensions
const MAX_DIMENSIONS: usize = 16_000;

/// What a column's values are as vectors
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vectors {
    /// Of the first one; 0 before there is one
    pub dimensions: u16,
    /// Texts that are lists of so many numbers
    pub lists: u64,
    /// Blobs of so many finite floats
    pub blobs: u64,
    /// Values that are neither, or of other dimensions
    pub others: Tally,
    /// The forms of a list that give back every one of them
    #[serde(skip)]
    pub forms: Vec<VectorForm>,
}

/// Whether the column is meant to hold vectors: by its type (VECTOR(n), F32_BLOB(n), FLOAT\[n\]) or by its name
pub fn is_meant(column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_uppercase();
    let word = declared.split(['(', '[', ' ']).next().unwrap_or_default();
    let by_type = ["VECTOR", "F32_BLOB", "FLOAT32", "EMBEDDING", "HALFVEC"].contains(&word) && !declared.is_empty();
    let name = column.name.to_ascii_lowercase();
    by_type || declared.starts_with("FLOAT[") || name.contains("embedding") || name.contains("vector")
}

impl Vectors {
    /// Counts a value that is not NULL
    pub fn add(&mut self, value: Value<'_>, scratch: &mut Vec<u8>, key: &dyn Fn() -> String) {
        let first = self.dimensions == 0;
        let dimensions = match value {
            Value::Text(text) => of_list(text),
            Value::Blob(blob) => of_blob(blob),
            _ => None,
        };
        let Some(dimensions) = dimensions.filter(|dimensions| first || *dimensions == self.dimensions) else {
            return self.others.add(key);
        };
        self.dimensions = dimensions;
        if let Value::Blob(_) = value {
            self.blobs += 1;
            return;
        }
        if self.lists == 0 {
            self.forms = recognise::vector_forms().collect();
        }
        self.lists += 1;
        self.forms.retain(|form| {
            scratch.clear();
            encode_field(scratch, value, Mapping::Vector { dimensions, form: *form }).is_ok()
        });
    }
}

impl Vectors {
    /// The form of the lists, if one gives back every one of them
    ///
    /// What the values leave open is taken as the usual writers have it: Python puts blanks behind commas and writes `1.0`
    /// and `1e-05`, JavaScript writes `1` and `0.00001`.
    pub fn form(&self) -> Option<VectorForm> {
        let usual = |form: &&VectorForm| match form {
            VectorForm::Json { spaced: true, whole, exponent, .. } => {
                (*whole, *exponent) == (WholeNumbers::Point, ExponentForm::Python)
            }
            VectorForm::Json { spaced: false, whole, exponent, .. } => {
                (*whole, *exponent) == (WholeNumbers::Bare, ExponentForm::JavaScript)
            }
            VectorForm::BlobLe => true,
        };
        self.forms.iter().find(usual).or(self.forms.first()).copied()
    }
}

/// Dimensions of a blob of finite floats
fn of_blob(blob: &[u8]) -> Option<u16> {
    let (floats, odd) = blob.as_chunks::<4>();
    let usual = odd.is_empty() && (1..=MAX_DIMENSIONS).contains(&floats.len());
    (usual && floats.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite())).then_some(floats.len() as u16)
}

/// Numbers in a list, as those that `planner/vectors.rs` lets PostgreSQL read: at most 9 digits before the point, and no
/// exponent that makes a number larger, so that none is beyond a 32-bit float
fn of_list(text: &[u8]) -> Option<u16> {
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut count = 0;
    for number in inner.split(|byte| *byte == b',') {
        count += 1;
        if count > MAX_DIMENSIONS || !is_number(trim(number)) {
            return None;
        }
    }
    u16::try_from(count).ok()
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (digits, rest) = digits(text);
    let rest = match rest {
        [b'.', fraction @ ..] => match self::digits(fraction) {
            (0, _) => return false,
            (_, rest) => rest,
        },
        rest => rest,
    };
    let small = match rest {
        [] => true,
        [b'e' | b'E', b'-', exponent @ ..] => matches!(self::digits(exponent), (1..=2, [])),
        _ => false,
    };
    (1..=9).contains(&digits) && small
}

/// How many digits the text begins with, and what follows
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, &text[count..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::convert::forms::VectorDigits;
    use crate::model::schema::{Affinity, Generated};

    fn column(name: &str, declared: &str) -> Column {
        Column {
            name: name.into(),
            declared_type: declared.into(),
            affinity: Affinity::of_declared(declared),
            not_null: false,
            default: None,
            generated: Generated::No,
            collation: "BINARY".into(),
        }
    }

    #[test]
    fn vectors_are_meant_by_type_or_by_name() {
        for (name, declared) in [
            ("e", "VECTOR(1536)"),
            ("e", "f32_blob(3)"),
            ("e", "float[768]"),
            ("e", "Embedding"),
            ("e", "FLOAT32 (3)"),
            ("doc_embedding", "TEXT"),
            ("Embeddings", ""),
            ("vector", "BLOB"),
        ] {
            assert!(is_meant(&column(name, declared)), "{name} {declared}");
        }
        for (name, declared) in [("e", "FLOAT"), ("e", "TEXT"), ("e", ""), ("e", "VECTORS"), ("embed", "BLOB")] {
            assert!(!is_meant(&column(name, declared)), "{name} {declared}");
        }
    }

    #[test]
    fn lists_that_postgresql_surely_reads() {
        for (text, dimensions) in
            [("[1]", 1), ("[0.5, -1e-05,2E-7]", 3), ("[ 1 ,  2 ]", 2), ("[123456789.123456789123456789]", 1)]
        {
            assert_eq!(of_list(text.as_bytes()), Some(dimensions), "{text}");
        }
        for text in [
            "",
            "[]",
            "[1",
            "1,2",
            "[1,]",
            "[1;2]",
            "[1e5]",
            "[1e+05]",
            "[1e-100]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[NaN]",
            "[1234567890]",
            "[[1]]",
            "[\"1\"]",
            "[1\n]",
            "[1 2]",
            "[- 1]",
            "[1e-]",
            "[1.e-5]",
            "[null]",
        ] {
            assert_eq!(of_list(text.as_bytes()), None, "{text}");
        }
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert_eq!((of_list(many(16_000).as_bytes()), of_list(many(16_001).as_bytes())), (Some(16_000), None));
    }

    #[test]
    fn forms_that_one_value_contradicts_are_gone() {
        let (mut vectors, mut scratch) = (Vectors::default(), Vec::new());
        let mut add = |vectors: &mut Vectors, value: Value<'_>| vectors.add(value, &mut scratch, &|| "id=1".into());
        add(&mut vectors, Value::Text(b"[0.5, 0.25]"));
        assert_eq!((vectors.lists, vectors.forms.len()), (1, 12), "only the separator is known");
        add(&mut vectors, Value::Text(b"[0.1, 1e-05]"));
        let python =
            |whole| VectorForm::Json { spaced: true, digits: VectorDigits::F32, whole, exponent: ExponentForm::Python };
        assert_eq!(vectors.forms, [python(WholeNumbers::Point), python(WholeNumbers::Bare)], "no number was whole");
        assert_eq!(vectors.form(), Some(python(WholeNumbers::Point)));
        let mut compact = Vectors::default();
        add(&mut compact, Value::Text(b"[0.1,0.25]"));
        let javascript = VectorForm::Json {
            spaced: false,
            digits: VectorDigits::F32,
            whole: WholeNumbers::Bare,
            exponent: ExponentForm::JavaScript,
        };
        assert_eq!(compact.form(), Some(javascript));
        add(&mut vectors, Value::Text(b"[0.1, 0.12345678901234]"));
        assert_eq!(vectors.form(), None);
        add(&mut vectors, Value::Text(b"[0.1]"));
        add(&mut vectors, Value::Integer(1));
        add(&mut vectors, Value::Blob(&[0; 12]));
        add(&mut vectors, Value::Blob(&[0; 8]));
        add(&mut vectors, Value::Blob(&[0, 0, 0xc0, 0x7f, 0, 0, 0, 0]));
        assert_eq!((vectors.dimensions, vectors.lists, vectors.blobs, vectors.others.count), (2, 3, 1, 4));
    }
}
