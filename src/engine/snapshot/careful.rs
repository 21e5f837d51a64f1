//! A piece again, after the server has refused a row of it
//!
//! COPY takes all rows or none and does not say which one it refused. So the range is read once more, in slices of a few
//! rows with their images, and what is refused of them goes to the quarantine in the transaction of the piece.

use std::time::Instant;

use tokio_postgres::Client;

use super::Copier;
use crate::engine::loading::write_slice;
use crate::error::Result;
use crate::model::chunk::Range;
use crate::model::plan::{Policy, TablePlan};
use crate::postgres::careful::{self, Insert};
use crate::postgres::copy::relation;
use crate::postgres::quarantine;
use crate::postgres::staging::leave_out;
use crate::sqlite::connection::{journal_mode, open_reader};
use crate::sqlite::durable;
use crate::sqlite::whole::{WholeSlice, read_whole_slice};

impl Copier<'_> {
    /// As `stream`, row by row where need be; how many rows were read, and about how many bytes. They have been counted
    /// as progress before they were refused
    pub(super) fn fill(&self, client: &Client, table: &TablePlan, range: &Range) -> Result<(u64, u64)> {
        let runtime = &self.context.runtime;
        let target = relation(self.plan, table);
        let insert = runtime.block_on(careful::prepare(client, &target, table, Insert::All))?;
        self.each_slice(table, range, |slice| {
            runtime.block_on(write_slice(client, &self.plan.target_schema, &insert, table, slice))?;
            Ok(())
        })
    }

    /// As `fill`, into a table that exists: there a row may also find its key or another unique value taken, and must
    /// not overwrite what is there (I7). All of it is left to the tail, which writes each row as it is then and has a
    /// careful way of its own
    pub(super) fn leave(&self, client: &Client, table: &TablePlan, range: &Range) -> Result<(u64, u64)> {
        let runtime = &self.context.runtime;
        self.each_slice(table, range, |slice| {
            let mut keys: Vec<Vec<u8>> = slice.whole.into_iter().map(|row| row.key).collect();
            if !slice.rejected.is_empty() {
                if table.policy == Policy::Merge {
                    // A row that does not fit takes the place of one with its key all the same.
                    let addressable = slice.rejected.iter().filter(|row| row.place.is_none());
                    keys.extend(addressable.map(|row| row.key.clone()));
                }
                runtime.block_on(quarantine::hold(client, table, &slice.rejected))?;
            }
            runtime.block_on(leave_out(client, table, &keys))
        })
    }

    /// Reads the range in slices of a few rows with their images; how many rows they were, and about how many bytes
    fn each_slice(
        &self,
        table: &TablePlan,
        range: &Range,
        mut settle: impl FnMut(WholeSlice) -> Result<()>,
    ) -> Result<(u64, u64)> {
        let path = &self.context.settings.source;
        let source = open_reader(path)?;
        let is_wal = journal_mode(&source)? == "wal";
        let (mut range, mut rows, mut bytes) = (range.clone(), 0, 0);
        loop {
            self.context.stop.check()?;
            let began = Instant::now();
            let mut slice = read_whole_slice(&source, table, &range)?;
            self.rest(is_wal, began.elapsed());
            rows += (slice.rows.count() + slice.rejected.len()) as u64;
            bytes += slice.rows.byte_size() as u64;
            let last_key = slice.last_key.take();
            settle(slice)?;
            match last_key {
                Some(key) => range.after = Some(key),
                None => break,
            }
        }
        // I4: before the target commits what was read here.
        durable::sync(&source, path)?;
        Ok((rows, bytes))
    }
}
