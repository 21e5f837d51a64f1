//! Names nobody should give a table, and some do
//!
//! All are shorter than PostgreSQL's 63 bytes, and none is the name of a column that PostgreSQL keeps for itself
//! (`ctid`, `xmin`): what becomes of those is a matter of the plan, and `bad_input` asks for it.

use crate::support::rng::Rng;

/// Hands out names, each once where it has to be unique
pub struct Names {
    tables: Vec<&'static str>,
    columns: Vec<&'static str>,
    counter: usize,
}

const TABLES: &[&str] = &[
    "order",
    "select",
    "Tab le",
    "q\"uote",
    "it's",
    "Käse",
    "pg_class",
    "checkpoint",
    "crossfade",
    "log",
    "x\"); DROP TABLE \"accounts\"; --",
    "new\nline",
    "a.b",
    "$1",
    "users",
    "日本",
    "%s{}",
    "back\\slash",
    "public.users",
];

const COLUMNS: &[&str] = &[
    "id",
    "ID2",
    "user",
    "group",
    "a b",
    "q\"q",
    "it's",
    "größe",
    "?1",
    ":p",
    "@v",
    "$1",
    "--c",
    "/*c*/",
    "[b]",
    "`t`",
    "a.b",
    "back\\slash",
    "new\nline",
    "NEW",
    "OLD",
    "excluded",
    "seq",
    "t",
    "k1",
    "r",
    "nonce",
    "ord",
    "key",
    "value",
    "%s",
    "{}",
    "null",
    "default",
    "x\"); DROP TABLE accounts; --",
    "name",
    "Name2",
    "n",
    "42",
    "\t",
];

impl Names {
    pub fn new() -> Names {
        Names { tables: TABLES.to_vec(), columns: Vec::new(), counter: 0 }
    }

    pub fn table(&mut self, rng: &mut Rng) -> String {
        if self.tables.is_empty() || rng.chance(40) {
            self.plain("table")
        } else {
            rng.take(&mut self.tables).to_owned()
        }
    }

    /// Columns may have the names of another table's columns
    pub fn start_table(&mut self) {
        self.columns = COLUMNS.to_vec();
    }

    pub fn column(&mut self, rng: &mut Rng) -> String {
        if self.columns.is_empty() || rng.chance(30) {
            self.plain("col")
        } else {
            rng.take(&mut self.columns).to_owned()
        }
    }

    /// For indexes and triggers; hostile ones too
    pub fn index(&mut self, rng: &mut Rng) -> String {
        let name = self.plain("ix");
        if rng.chance(30) { format!("{name} \"of\" 'it'; --") } else { name }
    }

    fn plain(&mut self, word: &str) -> String {
        self.counter += 1;
        format!("{word}_{}", self.counter)
    }
}
