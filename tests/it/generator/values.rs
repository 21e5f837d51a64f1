//! Literals by value family
//!
//! A column keeps to one family for its whole life, because the plan maps it by the storage classes that it sees;
//! what falls outside of them is quarantine's business, not this generator's.

use crate::support::rng::Rng;

/// Which storage classes a column may hold (beside NULL)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Int,
    Real,
    Text,
    Blob,
    /// Integers and reals
    Numeric,
    /// All four classes
    Mixed,
}

pub const FAMILIES: [Family; 6] =
    [Family::Int, Family::Real, Family::Text, Family::Blob, Family::Numeric, Family::Mixed];

impl Family {
    /// Declared types under whose affinity the family's literals keep their storage classes. Some ask for more than a class
    /// (BOOLEAN, DECIMAL(10,2)); the first rows rarely prove it, and if they do, later ones may go to the quarantine
    pub fn declared_types(self) -> &'static [&'static str] {
        match self {
            Family::Int => &["INTEGER", "INT", "BIGINT", "", "TINYINT(1)", "BOOLEAN", "smallint unsigned"],
            // Not without affinity: the plan prepares such a column for integers too, and `numeric` holds no infinity.
            Family::Real => &["REAL", "DOUBLE PRECISION", "FLOAT"],
            Family::Text => &["TEXT", "VARCHAR(10)", "NVARCHAR(160)", "CLOB", ""],
            Family::Blob => &["BLOB", ""],
            Family::Numeric => &["NUMERIC", "DECIMAL", "DECIMAL(10,2)", "INTEGER", ""],
            // All four classes are there from the beginning, so that a declared meaning is lost already.
            Family::Mixed => &["", "BLOB", "DATETIME"],
        }
    }

    /// The storage classes, in SQLite's own words, that the rows must show before the plan is made
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Family::Int => &["integer"],
            Family::Real => &["real"],
            Family::Text => &["text"],
            Family::Blob => &["blob"],
            Family::Numeric => &["integer", "real"],
            Family::Mixed => &["integer", "real", "text", "blob"],
        }
    }

    /// A value of one class of the family, out of a small domain so that keys and unique columns collide often
    pub fn small(self, rng: &mut Rng) -> String {
        match rng.word(self.classes()) {
            "integer" => rng.below(24).to_string(),
            // The whole numbers among them meet integers of the same value: `1` and `1.0`.
            "real" => format!("{:?}", rng.below(16) as f64 / 2.0),
            "text" => text_literal(rng.word(SMALL_TEXTS)),
            _ => rng.pick(&["x''", "x'00'", "x'61'", "x'ff00'", "x'6162'"]).to_string(),
        }
    }

    /// A value of one class of the family, extremes included
    pub fn wide(self, rng: &mut Rng) -> String {
        if rng.chance(50) {
            return self.small(rng);
        }
        match rng.word(self.classes()) {
            "integer" => rng.pick(INTEGERS).to_string(),
            "real" => self.wide_real(rng),
            "text" if rng.chance(5) => text_literal(&"long tëxt ".repeat(700)),
            "text" => text_literal(rng.word(TEXTS)),
            _ if rng.chance(5) => format!("zeroblob({})", 3000 + rng.below(3000)),
            _ => format!("x'{:016x}'", rng.next()),
        }
    }

    fn wide_real(self, rng: &mut Rng) -> String {
        if rng.chance(10) {
            return rng.pick(&["9e999", "-9e999"]).to_string();
        }
        rng.pick(REALS).to_string()
    }
}

/// Single-quotes a text
pub fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Case variants, trailing blanks and number lookalikes: what collations and affinities fall over
const SMALL_TEXTS: &[&str] = &["a", "A", "b", "B", "ab", "AB", "ab ", "Ab  ", "", "1", "1.0", "é", "É", "z"];
const TEXTS: &[&str] =
    &["it's", "\"q\"", "\\x41", "tab\there", "line\nbreak", "日本語", "🦀", "\u{feff}bom", "\\N", "\\.", "{}", "null"];
const INTEGERS: &[&str] =
    &["9223372036854775807", "-9223372036854775808", "-1", "9007199254740993", "4294967296", "-32769"];
const REALS: &[&str] =
    &["0.1", "-2.25", "1e300", "1e-300", "3.141592653589793", "5e-324", "1.7976931348623157e308", "123456789.125"];
