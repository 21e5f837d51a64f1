//! The rows of `crossfade.quarantine`, read by code that shares nothing with the product
//!
//! bincode's standard form (<https://docs.rs/bincode/2/bincode/spec/>): numbers below 251 are one byte, larger ones have
//! a mark and 2, 4 or 8 little-endian bytes; signed ones are zigzag; strings and lists have their length in front.

use rusqlite::types::ValueRef;

use super::pg::Pg;

/// A whole row: the source's names of its columns, and their values
pub struct Row(pub Vec<(String, Held)>);

#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
    /// The bytes of a text in a UTF-16 database, where it is not valid
    Text16(Vec<u8>),
}

impl Held {
    pub fn value(&self) -> ValueRef<'_> {
        match self {
            Held::Null => ValueRef::Null,
            Held::Integer(v) => ValueRef::Integer(*v),
            Held::Real(v) => ValueRef::Real(*v),
            Held::Text(bytes) => ValueRef::Text(bytes),
            Held::Blob(bytes) => ValueRef::Blob(bytes),
            Held::Text16(_) => panic!("SQLite hands out no such text"),
        }
    }
}

/// Every quarantined row of a table of the source
pub fn rows(target: &Pg, table: &str) -> Vec<Row> {
    let sql = format!(
        "SELECT string_agg(encode(i.image, 'hex'), '' ORDER BY i.part) FROM crossfade.quarantine q \
         JOIN crossfade.tables t ON t.id = q.table_id AND t.name = '{}' \
         LEFT JOIN crossfade.quarantine_image i USING (table_id, key_hash) GROUP BY q.table_id, q.key_hash",
        table.replace('\'', "''")
    );
    let hex = target.query(&sql).into_iter().map(|row| row[0].clone().expect("an image for every entry"));
    hex.map(|hex| decode(&unhex(&hex))).collect()
}

/// Rows in the quarantine, and images without one
pub fn count(target: &Pg) -> u64 {
    let sql = "SELECT count(*) FROM crossfade.quarantine_image i WHERE NOT EXISTS (\
               SELECT FROM crossfade.quarantine q WHERE q.table_id = i.table_id AND q.key_hash = i.key_hash)";
    assert_eq!(target.value(sql).as_deref(), Some("0"), "images without an entry");
    target.value("SELECT count(*) FROM crossfade.quarantine").expect("a count").parse().expect("a number")
}

fn decode(image: &[u8]) -> Row {
    let mut rest = Reader(image);
    assert_eq!(rest.take(1), [1], "the version");
    let names: Vec<String> = (0..rest.number()).map(|_| String::from_utf8(rest.bytes()).expect("a name")).collect();
    let count = rest.number();
    let values: Vec<Held> = (0..count).map(|_| rest.value()).collect();
    assert!(rest.0.is_empty(), "something behind the row");
    assert_eq!(names.len(), values.len());
    Row(names.into_iter().zip(values).collect())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken.to_vec()
    }

    fn number(&mut self) -> u64 {
        let width = match self.take(1)[0] {
            251 => 2,
            252 => 4,
            253 => 8,
            small => return u64::from(small),
        };
        self.take(width).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.number();
        self.take(length as usize)
    }

    fn value(&mut self) -> Held {
        match self.number() {
            0 => Held::Null,
            1 => {
                let zigzag = self.number();
                Held::Integer((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            2 => Held::Real(f64::from_bits(self.number())),
            3 => Held::Text(self.bytes()),
            4 => Held::Blob(self.bytes()),
            5 => Held::Text16(self.bytes()),
            other => panic!("a value of kind {other}"),
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |c: u8| if c <= b'9' { c - b'0' } else { c - b'a' + 10 };
    hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
