//! Verify of a search table: the comparison that follows it, without applying anything
//!
//! Changes are in flight as long as the fingerprint of the source's index is not the one that the target's rows were
//! compared at. Rows that differ are compared again, by key, until it is; those that differ then are mismatches.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use super::views::{PATIENCE, Through};
use super::{ROUNDS, TableCheck, TableVerdict, note};
use crate::engine::searching::compare::{self, Ours, ROWS, key, rowid};
use crate::error::Result;
use crate::model::search::SearchPlan;
use crate::postgres::quarantine::entries;
use crate::postgres::{control, search};
use crate::sqlite::connection::in_read_view;
use crate::sqlite::search::fingerprint;
use crate::sqlite::words::Wanted;

/// Rows that differ and are compared again; with more the report says "at least"
const AGAIN_MAX: usize = 100_000;

/// Rows of the quarantine, and keys, that are read at once
const PAGE: usize = 1_000;

/// Between two looks whether the replicator has brought the changes over
const WAIT: Duration = Duration::from_millis(50);

impl TableCheck<'_> {
    pub(super) fn run_search(&self, planned: &SearchPlan) -> Result<(TableVerdict, Through)> {
        let mut verdict = TableVerdict { name: planned.name.clone(), ..TableVerdict::new(self.table) };
        let checkpoint = self.context.runtime.block_on(control::checkpoint(self.client))?;
        let through = Through { checkpoint, cycle: i64::MAX };
        let held = self.held_rowids()?;
        verdict.quarantined = held.len() as u64;
        let mut again = self.scan(planned, &mut verdict)?;
        again.extend(held);
        for _ in 0..ROUNDS {
            if again.is_empty() || !self.wait_for_comparison(planned)? {
                break;
            }
            let before = self.fingerprints(planned)?;
            let faults = self.faults(planned, &again)?;
            let after = self.fingerprints(planned)?;
            again = faults.iter().map(|(key, _)| rowid(key)).collect::<Result<_>>()?;
            if before == after && after.1.as_ref() == Some(&after.0) {
                // Nothing was on its way.
                faults.iter().for_each(|(key, fault)| note(&mut verdict, key, fault));
                again.clear();
            }
        }
        verdict.in_flight += again.len() as u64;
        Ok((verdict, through))
    }

    /// Compares every row; returns the rowids that differ
    fn scan(&self, planned: &SearchPlan, verdict: &mut TableVerdict) -> Result<BTreeSet<i64>> {
        let (mut after, mut found) = (None, BTreeSet::new());
        loop {
            self.context.stop.check()?;
            let range = self.range(planned, after)?;
            self.stage.add(range.ours.len() as u64, 0);
            verdict.rows_compared += range.ours.len() as u64;
            found.extend(range.differing());
            after = range.through;
            verdict.at_least = found.len() > AGAIN_MAX;
            if after.is_none() || verdict.at_least {
                return Ok(found);
            }
        }
    }

    fn range(&self, planned: &SearchPlan, after: Option<i64>) -> Result<compare::Range> {
        let Ours { rows, through, .. } = compare::read(self.source, planned, Wanted::Behind(after), ROWS)?;
        let theirs = compare::theirs(self.client, self.plan, self.table, (after, through), 2 * ROWS);
        Ok(compare::Range::new(rows, self.context.runtime.block_on(theirs)?, through, 2 * ROWS))
    }

    /// What is wrong with these rows as they are now
    fn faults(&self, planned: &SearchPlan, rowids: &BTreeSet<i64>) -> Result<Vec<(Vec<u8>, &'static str)>> {
        let mut faults = Vec::new();
        let held = self.held_rowids()?;
        let all: Vec<i64> = rowids.iter().copied().collect();
        for some in all.chunks(PAGE) {
            let keys: HashSet<Vec<u8>> = some.iter().map(|rowid| key(*rowid)).collect();
            let ours = compare::read(self.source, planned, Wanted::These(some), PAGE)?.rows;
            let left: HashMap<Vec<u8>, u128> = ours.into_iter().map(|(rowid, digest)| (key(rowid), digest)).collect();
            let right = self.target_by_keys(&keys)?;
            for rowid in some {
                let key = key(*rowid);
                let fault = match (left.get(&key), right.get(&key), held.contains(rowid)) {
                    (Some(_), Some(_), true) | (None, Some(_), true) => "in the quarantine, but on postgres too",
                    (None, None, true) => "in the quarantine, but not on sqlite",
                    (Some(ours), Some(theirs), false) if ours != theirs => "differs",
                    (Some(_), None, false) => "missing on postgres",
                    (None, Some(_), false) => "only on postgres",
                    _ => continue,
                };
                faults.push((key, fault));
            }
        }
        Ok(faults)
    }

    /// The fingerprint of the source now, and the one that the target's rows were compared at
    fn fingerprints(&self, planned: &SearchPlan) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let now = in_read_view(self.source, |view| fingerprint(view, planned))?;
        let stored = self.context.runtime.block_on(search::stored(self.client))?;
        let stored = stored.into_iter().find(|stored| stored.table_id == self.table.id);
        Ok((now, stored.and_then(|stored| stored.fingerprint)))
    }

    /// Waits until the target has been compared with the source as it is now; `false` if no replicator does that
    fn wait_for_comparison(&self, planned: &SearchPlan) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.context.stop.check()?;
            let (now, stored) = self.fingerprints(planned)?;
            if stored.is_some_and(|stored| stored == now) {
                return Ok(true);
            }
            if !self.context.runtime.block_on(control::is_locked(self.client))? || Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(WAIT);
        }
    }

    fn held_rowids(&self) -> Result<BTreeSet<i64>> {
        let (mut held, mut after) = (BTreeSet::new(), None);
        loop {
            let page = entries(self.client, Some(self.table.id), after.as_ref(), PAGE);
            let page = self.context.runtime.block_on(page)?;
            let Some(last) = page.last() else { return Ok(held) };
            after = Some(last.place());
            for entry in &page {
                held.insert(rowid(&entry.key)?);
            }
        }
    }
}
