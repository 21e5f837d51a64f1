//! The quarantine: rows that the target cannot hold, each kept whole, and why
//!
//! A row is on the target or in the quarantine, never in both and never in neither (I10). It enters in the transaction
//! that would have written it, and leaves in the one that writes or deletes it.

use xxhash_rust::xxh3::xxh3_128;

use super::mapping::Misfit;
use super::plan::{ColumnPlan, TablePlan};

/// What identifies an entry within its table: keys may be longer than an index takes
pub type KeyHash = [u8; 16];

/// Reasons that begin so end in the server's SQLSTATE. Whether such a row fits by now, only the server can tell
pub const SERVER: &str = "server:";

/// A row that does not fit, as it is in one read view
#[derive(Debug)]
pub struct Rejected {
    /// In the serialised form of `key::write_value`
    pub key: Vec<u8>,
    /// Tells rows apart whose key has a NULL in it and so identifies none; `None` for all others
    pub place: Option<i64>,
    /// Every planned column, copied or not, as `codec::encode_row` writes it
    pub image: Vec<u8>,
    pub why: Why,
    /// Head of the change log in the view that the row was read in
    pub seq: i64,
}

/// Why a row is not on the target
#[derive(Debug)]
pub enum Why {
    /// The value of this column, a position in `TablePlan::columns`, is the first that does not fit
    Misfit(usize, Misfit),
    /// The values fit, but the server does not take the row
    Refused(Refusal),
}

/// SQLSTATEs of rows that are refused for the sake of another row: by a unique index, by an exclusion constraint
pub const CONTESTED: [&str; 2] = ["23505", "23P01"];

impl Rejected {
    /// Another row has its unique value, or stands where it would
    pub fn is_contested(&self) -> bool {
        matches!(&self.why, Why::Refused(refusal) if CONTESTED.contains(&refusal.code.as_str()))
    }
}

/// What the server says of a row that it refuses; holds no value of the row
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE
    pub code: String,
    /// The target's name of the column, where the server names one
    pub column: Option<String>,
    pub message: String,
}

/// A row as it is in one read view, in case that the server refuses it
#[derive(Debug)]
pub struct Whole {
    /// As in [`Rejected`]
    pub key: Vec<u8>,
    pub image: Vec<u8>,
    pub seq: i64,
}

/// What a batch changes in the quarantine
#[derive(Debug, Default)]
pub struct Changes {
    /// Entries to drop, if they are there: these rows are gone, or written
    pub released: Vec<KeyHash>,
    /// Keys with NULL in them whose entries are all to be dropped before `rejected` enters
    pub cleared: Vec<Vec<u8>>,
    pub rejected: Vec<Rejected>,
    /// Bytes of `rejected`, kept up to date so that nothing is summed for every row
    rejected_bytes: usize,
}

impl Rejected {
    pub fn hash(&self) -> KeyHash {
        key_hash(&self.key, self.place)
    }

    /// A word for programs
    pub fn reason(&self) -> String {
        match &self.why {
            Why::Misfit(_, Misfit::Null) if self.place.is_some() => "key".to_owned(),
            Why::Misfit(_, misfit) => reason(*misfit).to_owned(),
            Why::Refused(refusal) => format!("{SERVER}{}", refusal.code),
        }
    }

    /// The source's name of the column that is at fault; empty where it is the row as a whole
    pub fn column<'t>(&self, table: &'t TablePlan) -> &'t str {
        match &self.why {
            Why::Misfit(_, Misfit::RowTooLong) => "",
            Why::Misfit(at, _) => column_name(table, *at),
            Why::Refused(refusal) => {
                let named = |column: &ColumnPlan| Some(&column.target_name) == refusal.column.as_ref();
                table.columns.iter().position(named).map_or("", |at| column_name(table, at))
            }
        }
    }

    /// A sentence for people, without any value of the row
    pub fn message(&self, table: &TablePlan) -> String {
        match &self.why {
            Why::Misfit(_, Misfit::Null) if self.place.is_some() => "NULL in the key, which identifies no row".into(),
            Why::Misfit(_, Misfit::RowTooLong) => Misfit::RowTooLong.to_string(),
            Why::Misfit(at, misfit) => format!("{misfit} does not fit the type {}", table.columns[*at].type_sql),
            Why::Refused(refusal) => format!("PostgreSQL refuses the row: {}", refusal.message),
        }
    }

    /// Bytes that it holds in memory, about
    pub fn byte_size(&self) -> usize {
        size_of::<Rejected>() + self.key.len() + self.image.len()
    }
}

impl Whole {
    /// The row on its way to the quarantine
    pub fn refused(self, refusal: Refusal) -> Rejected {
        let Whole { key, image, seq } = self;
        Rejected { key, place: None, image, why: Why::Refused(refusal), seq }
    }

    /// Bytes that it holds in memory, about
    pub fn byte_size(&self) -> usize {
        size_of::<Whole>() + self.key.len() + self.image.len()
    }
}

impl Changes {
    pub fn reject(&mut self, row: Rejected) {
        self.rejected_bytes += row.byte_size();
        self.rejected.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.released.is_empty() && self.cleared.is_empty() && self.rejected.is_empty()
    }

    /// Entries and keys that it names
    pub fn count(&self) -> usize {
        self.released.len() + self.cleared.len() + self.rejected.len()
    }

    /// Bytes that it holds in memory, about
    pub fn byte_size(&self) -> usize {
        self.released.len() * size_of::<KeyHash>() + self.rejected_bytes
    }
}

/// The identity of a row with this key
pub fn key_hash(key: &[u8], place: Option<i64>) -> KeyHash {
    match place {
        None => xxh3_128(key).to_be_bytes(),
        Some(place) => xxh3_128(&[key, &place.to_be_bytes()[..]].concat()).to_be_bytes(),
    }
}

/// The source's name of a planned column
pub fn column_name(table: &TablePlan, index: usize) -> &str {
    let planned = &table.columns[index];
    planned.source_column.map_or(&planned.source_sql, |at| &table.source.columns[at].name)
}

fn reason(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::Class(_) => "class",
        Misfit::Null => "null",
        Misfit::NulInText => "nul",
        Misfit::InvalidUtf8 => "utf8",
        Misfit::InvalidUtf16 => "utf16",
        Misfit::NegativeZero | Misfit::Infinite | Misfit::Range | Misfit::Scale | Misfit::Finer => "range",
        Misfit::Form | Misfit::NoMoment | Misfit::TrailingBlanks | Misfit::Dimensions => "form",
        Misfit::Characters | Misfit::TooLong | Misfit::RowTooLong => "length",
        Misfit::Label => "label",
        Misfit::Json(_) => "json",
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::super::plan::{example_column, example_table};
    use super::*;

    #[test]
    fn a_refusal_names_the_sources_column_and_no_value() {
        let mut column = example_column("target name", Mapping::Bigint);
        column.source_sql = "source name".into();
        let table = example_table(vec![column], vec![0]);
        let refused = |column: Option<&str>| {
            let (code, column) = ("23514".into(), column.map(str::to_owned));
            let refusal = Refusal { code, column, message: "the CHECK constraint `c` does not hold".into() };
            Whole { key: vec![1], image: vec![2], seq: 3 }.refused(refusal)
        };
        assert_eq!(refused(Some("target name")).column(&table), "source name");
        assert_eq!([refused(None).column(&table), refused(Some("other")).column(&table)], [""; 2]);
        assert_eq!(refused(None).reason(), "server:23514");
        let message = "PostgreSQL refuses the row: the CHECK constraint `c` does not hold";
        assert_eq!(refused(None).message(&table), message);
    }

    #[test]
    fn rows_with_the_same_null_key_are_told_apart() {
        let key = [0u8, 1, 2];
        let hashes = [key_hash(&key, None), key_hash(&key, Some(1)), key_hash(&key, Some(2))];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert_eq!(key_hash(&key, Some(2)), hashes[2]);
    }
}
