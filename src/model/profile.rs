//! What a table really holds: the counts from which types are chosen
//!
//! Declared types say little in SQLite. One scan of the values decides what PostgreSQL type holds all of them (I10).
//! Counts are bounded, whatever the values are: a handful per column, and for each a few keys as examples.

pub mod attempt;
pub mod count;
pub mod form;
pub mod intent;
pub mod spellings;
pub mod trial;
pub mod vectors;

use serde::{Serialize, Serializer};

use attempt::Attempt;
use form::TextForm;
use spellings::Spellings;
use trial::Trial;
use vectors::Vectors;

/// Keys kept as examples of one kind of value
const EXAMPLES: usize = 3;
/// Forms that the texts of a column are told apart by; a column with more has none
const MAX_FORMS: usize = 8;

/// Counts over the values of one column
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ColumnProfile {
    pub nulls: u64,
    pub integers: u64,
    pub reals: u64,
    pub texts: u64,
    pub blobs: u64,
    /// Smallest integer; 0 while `integers` is 0
    pub int_min: i64,
    /// Largest integer; 0 while `integers` is 0
    pub int_max: i64,
    /// Texts with a NUL byte in them, valid or not
    pub nul_texts: u64,
    /// Texts that are not valid UTF-8
    pub invalid_utf8: u64,
    /// Texts with half of a surrogate pair, in a UTF-16 database; they are in no other count
    pub unsound: Tally,
    /// Reals that are `-0.0`
    pub negative_zero: u64,
    /// Reals that are `+Inf` or `-Inf`
    pub infinities: u64,
    /// Bytes of the longest value; 8 for a number
    pub bytes_max: u64,
    /// Characters of the longest text
    pub chars_max: u64,
    /// Rows with an integer, a real, a text, a blob
    pub keys: [Vec<String>; 4],
    /// Rows with a text that no PostgreSQL text type holds
    pub odd_keys: Vec<String>,
    /// Texts by their form; empty where there are too many of them
    #[serde(serialize_with = "forms")]
    pub forms: Vec<(TextForm, Tally)>,
    /// Texts without a form, or of one more than are told apart
    pub formless: Tally,
    /// In a BOOLEAN column: integers other than 0 and 1
    pub no_booleans: Tally,
    /// In a column of days or moments: integers by what they count
    pub epochs: Epochs,
    /// In a column of days, moments or times: texts that are one, whatever their spelling
    #[serde(skip)]
    pub spellings: Spellings,
    /// In a column of DECIMAL(p,s): most digits behind the point, most before it, and numbers with more than (p,s)
    pub scale_max: u32,
    pub whole_max: u32,
    pub beyond: Tally,
    /// In a JSON column: what `jsonb` takes, what only `json` takes, what neither takes
    pub documents: u64,
    pub spelled_documents: Tally,
    pub no_documents: Tally,
    /// Blobs of 16 bytes, and others
    pub blobs_of_16: u64,
    pub other_blobs: Tally,
    /// Rows with NULL
    pub null_keys: Vec<String>,
    /// Times and moments with more digits behind the seconds than the target's column keeps
    pub over_scale: Tally,
    /// The types that were tried
    #[serde(skip)]
    pub trials: Vec<Trial>,
    /// `None` for values that are no vectors, in a column that is not meant to hold any
    #[serde(skip_serializing_if = "no_vectors")]
    pub vectors: Option<Vectors>,
    /// The type that the plan file wants
    #[serde(skip)]
    pub attempt: Option<Attempt>,
    /// Texts with more characters than they are declared to have
    #[serde(skip)]
    pub too_long: Tally,
}

/// A count, and the keys of the first rows counted
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    pub count: u64,
    pub keys: Vec<String>,
}

/// Integers by the window in which they would be moments of the years 1973 to 2099
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Epochs {
    pub seconds: Tally,
    pub milliseconds: Tally,
    pub microseconds: Tally,
    pub none: Tally,
}

/// Counts over the rows of one table
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableProfile {
    pub rows: u64,
    /// Sum of the bytes of all values
    pub bytes: u64,
    /// In the order of `Table::columns`
    pub columns: Vec<ColumnProfile>,
    /// Rows in which any column of the declared PRIMARY KEY is NULL
    pub null_keys: u64,
    /// In the order of `Table::foreign_keys`: rows without a parent; `None` where they were not counted
    pub orphans: Vec<Option<Tally>>,
    /// Only some of the rows were read: `rows` and `bytes` are estimates, and the other counts are of these rows
    pub sampled: bool,
}

impl Tally {
    pub fn add(&mut self, key: &dyn Fn() -> String) {
        self.count += 1;
        note(&mut self.keys, key);
    }
}

/// Keeps the first keys; they are made only then
fn note(keys: &mut Vec<String>, key: &dyn Fn() -> String) {
    if keys.len() < EXAMPLES {
        keys.push(key());
    }
}

impl ColumnProfile {
    /// Values that are not NULL
    pub fn values(&self) -> u64 {
        self.integers + self.reals + self.texts + self.blobs
    }
}

fn no_vectors(vectors: &Option<Vectors>) -> bool {
    vectors.as_ref().is_none_or(|vectors| vectors.dimensions == 0)
}

fn forms<S: Serializer>(forms: &[(TextForm, Tally)], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Form<'a> {
        form: String,
        #[serde(flatten)]
        tally: &'a Tally,
    }
    serializer.collect_seq(forms.iter().map(|(form, tally)| Form { form: form.to_string(), tally }))
}
