//! Keys that verify leaves out, because the two sides are looked at in different moments
//!
//! The target is seen at checkpoint M. A row of the source that is seen at head N is what it was at M unless its key has
//! an entry in (M, N]: such keys are in flight and left out, on both sides. In WAL mode the source is one read view, so
//! N is one number. In the rollback-journal modes a reader holds up commits, so the source is read in short slices, each
//! in a view of its own: a key is then judged by the N of the slice that its place in key order belongs to. While
//! PostgreSQL is the primary, the keys in its change log are in flight, and there are no slices.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::held::Held;
use crate::error::{Error, Result};
use crate::model::chunk::compare_keys;
use crate::model::key::KeyRef;
use crate::model::plan::{Plan, TablePlan};
use crate::postgres::control::Checkpoint;
use crate::sqlite::change_log::{self, LogPosition};
use crate::sqlite::connection::classify;
use crate::sqlite::rejected::has_nullable_key;
use crate::sqlite::utf16::is_utf16;

/// Keys in flight that are held in memory; with more the replicator is too far behind to compare
const KEYS_MAX: usize = 1_000_000;

/// The keys of one table with entries since the checkpoint, and what has been read of the source so far
pub struct Aside<'p> {
    plan: &'p Plan,
    table: &'p TablePlan,
    /// Number of the first entry of each key after the checkpoint
    first: HashMap<Vec<u8>, i64>,
    /// How far the log has been read
    position: LogPosition,
    /// Last key of each finished slice and the head at which it was read, in key order
    slices: Vec<(Vec<u8>, i64)>,
    /// Rows of the quarantine, which are looked at by themselves
    pub held: Held,
    /// So are rows with NULL in their key
    nullable: bool,
    /// Keys of rows that SQLite cannot hold while it follows
    pub noted: HashSet<Vec<u8>>,
    /// Every key is in flight
    pub is_whole: bool,
}

impl<'p> Aside<'p> {
    pub fn new(plan: &'p Plan, table: &'p TablePlan, checkpoint: Checkpoint) -> Aside<'p> {
        let position = LogPosition { seq: checkpoint.seq, nonce: checkpoint.nonce };
        let (first, slices, held) = (HashMap::new(), Vec::new(), Held::default());
        let (noted, nullable) = (HashSet::new(), has_nullable_key(table));
        Aside { plan, table, first, position, slices, held, nullable, noted, is_whole: false }
    }

    /// Leaves out a key that is in PostgreSQL's change log
    pub fn hold(&mut self, key: &[u8]) -> Result<()> {
        if !self.first.contains_key(key) {
            self.first.insert(key.to_vec(), i64::MIN);
        }
        self.check_size()
    }

    fn check_size(&self) -> Result<()> {
        if self.first.len() <= KEYS_MAX {
            return Ok(());
        }
        Err(Error::refused("the replicator is too far behind to compare")
            .hint("wait until the backlog in `crossfade status` is small"))
    }

    /// Takes in the entries up to the head of the view that is open on `source`
    pub fn catch_up(&mut self, source: &Connection) -> Result<()> {
        if change_log::find(source, self.position)?.is_some() {
            return Err(Error::refused("the checkpoint is not in the source's change log any more")
                .hint("`crossfade run` compares and repairs first; verify after that"));
        }
        let failed = |e| classify(e, "read the change log");
        let width = self.plan.tables.iter().map(|t| t.key.parts.len()).max().unwrap_or(1);
        let sql = change_log::tail_sql(width, is_utf16(self.table));
        let mut statement = source.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query([self.position.seq]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = |index| row.get::<_, i64>(index).map_err(failed);
            self.position = LogPosition { seq: read(width + 1)?, nonce: read(width + 2)? };
            if read(0)? == self.table.id {
                let key = change_log::key_of_entry(row, width, self.table);
                self.first.entry(key).or_insert(self.position.seq);
            }
            self.check_size()?;
        }
        Ok(())
    }

    /// Notes that everything up to this key was read in the view that [`Aside::catch_up`] saw last
    pub fn end_slice(&mut self, last_key: Vec<u8>) {
        self.slices.push((last_key, self.position.seq));
    }

    /// Begins to read the source from its first key again
    pub fn start_over(&mut self) {
        self.slices.clear();
    }

    /// Whether the key is left out of the comparison of both sides
    #[inline]
    pub fn leaves_out(&self, key: &[u8]) -> bool {
        self.holds(key)
            || self.held.contains(key)
            || self.noted.contains(key)
            || (self.nullable && KeyRef(key).has_null())
    }

    /// Whether the key has an entry after the checkpoint, as far as the log has been read
    pub fn is_touched(&self, key: &[u8]) -> bool {
        self.first.contains_key(key)
    }

    /// Whether the key was in flight when its place was read
    pub fn holds(&self, key: &[u8]) -> bool {
        self.first.get(key).is_some_and(|&first| first <= self.head_at(key))
    }

    /// The head at which the key's place in the table was read; beyond the last slice it is that of the latest view
    fn head_at(&self, key: &[u8]) -> i64 {
        let before = |last: &[u8]| compare_keys(KeyRef(last), KeyRef(key), &self.table.key) == Ordering::Less;
        let slice = self.slices.partition_point(|(last, _)| before(last));
        self.slices.get(slice).map_or(self.position.seq, |(_, head)| *head)
    }

    /// All keys that were in flight
    pub fn keys(&self) -> HashSet<Vec<u8>> {
        self.first.keys().filter(|key| self.holds(key)).cloned().collect()
    }
}
