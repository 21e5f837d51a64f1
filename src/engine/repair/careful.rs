//! A repair in which the server has refused a row
//!
//! The source is read twice in its one view, in slices of a few rows with their images: once into the staging table,
//! whose domains may refuse a row already, and once into the table itself, for the rows that are missing there when what
//! differs is deleted. A row that is refused by either goes to the quarantine, in the transaction of the repair (I3).

use super::{TableRepair, difference_sql};
use crate::engine::loading::write_slice;
use crate::model::chunk::Range;
use crate::postgres::apply::ApplyError;
use crate::postgres::careful::{self, Insert};
use crate::sqlite::whole::read_whole_slice_in_view;

impl TableRepair<'_> {
    pub(super) fn run_carefully(&self) -> Result<u64, ApplyError> {
        self.begin()?;
        self.write(&self.staging, Insert::All)?;
        let (delete, _) = difference_sql(&self.target, &self.staging, self.table);
        let updated = self.update()?;
        let deleted = self.delete(&delete)?;
        let inserted = self.write(&self.target, Insert::Missing)?;
        Ok(updated + deleted.max(inserted))
    }

    /// Writes every row of the source that the relation takes; returns how many it took
    fn write(&self, relation: &str, which: Insert) -> Result<u64, ApplyError> {
        let (job, table) = (self.job, self.table);
        let insert = job.wait(careful::prepare(self.client, relation, table, which))?;
        let mut range = Range::default();
        let mut stored = 0;
        loop {
            job.context.stop.check()?;
            let slice = read_whole_slice_in_view(self.source, table, &range)?;
            let last_key = slice.last_key.clone();
            stored += job.wait(write_slice(self.client, &job.plan.target_schema, &insert, table, slice))?;
            match last_key {
                Some(key) => range.after = Some(key),
                None => return Ok(stored),
            }
        }
    }
}
