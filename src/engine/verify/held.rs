//! Verify's look at the quarantine: every row there must be where it belongs, and be there only
//!
//! A key in the quarantine is set aside by the comparison. Instead its row must be on the source, still not fit, be
//! stored as it is now, and be missing from the target.

use std::collections::{HashMap, HashSet};

use super::aside::Aside;
use super::{TableCheck, TableVerdict, note};
use crate::codec::{RowImage, Stored, decode_row};
use crate::error::{Error, Result};
use crate::failpoint::row_bytes;
use crate::model::encode::{ROW_BYTES_MAX, check_row};
use crate::model::key::KeyRef;
use crate::model::plan::TablePlan;
use crate::model::quarantine::SERVER;
use crate::postgres::quarantine::{entries, image};
use crate::sqlite::connection::{classify, in_read_view};
use crate::sqlite::rejected::{has_nullable_key, unaddressable};
use crate::sqlite::rows::{bind_key, column, key_of, select_by_key_sql};
use crate::sqlite::utf16::{first_unsound, unsound};

/// Entries that are read at once
const PAGE: usize = 10_000;

/// Entries of one table whose keys are held in memory
const HELD_MAX: usize = 1_000_000;

/// Keys that are looked at in one view where a reader holds up commits
const KEYS_PER_VIEW: usize = 64;

/// The quarantine of one table, by key
#[derive(Default)]
pub struct Held(HashMap<Vec<u8>, Vec<HeldRow>>);

/// One row of the quarantine
struct HeldRow {
    /// Identifies its entry
    hash: Vec<u8>,
    /// The server refused it. Whether it still would is not to be told from here: a constraint may have gone, or the
    /// other row that has its unique value. So only that it is not there is held against the server's word
    by_server: bool,
}

impl Held {
    pub fn contains(&self, key: &[u8]) -> bool {
        !self.0.is_empty() && self.0.contains_key(key)
    }

    /// Rows; several where their key has a NULL in it
    pub fn count(&self) -> u64 {
        self.0.values().map(|hashes| hashes.len() as u64).sum()
    }
}

impl TableCheck<'_> {
    /// The table's quarantine in the target's open view
    pub fn held(&self) -> Result<Held> {
        let mut held = Held::default();
        let (mut after, mut count) = (None, 0);
        loop {
            let runtime = &self.context.runtime;
            let page = runtime.block_on(entries(self.client, Some(self.table.id), after.as_ref(), PAGE))?;
            let Some(last) = page.last() else { return Ok(held) };
            after = Some(last.place());
            count += page.len();
            if count > HELD_MAX {
                return Err(Error::refused(format!(
                    "more than {HELD_MAX} rows of table `{}` are in the quarantine",
                    self.table.source.name
                ))
                .hint("a plan that knows these values holds them: `crossfade cancel`, then `crossfade run`"));
            }
            for entry in page {
                let row = HeldRow { by_server: entry.reason.starts_with(SERVER), hash: entry.hash };
                held.0.entry(entry.key).or_default().push(row);
            }
        }
    }

    /// Checks every row of the quarantine, and every row with NULL in its key; returns the keys that were in flight when
    /// they were looked at
    pub fn check_all_held(&self, aside: &mut Aside<'_>, verdict: &mut TableVerdict) -> Result<HashSet<Vec<u8>>> {
        let held = std::mem::take(&mut aside.held);
        let mut keys: HashSet<Vec<u8>> = held.0.keys().cloned().collect();
        if has_nullable_key(self.table) {
            keys.extend(unaddressable(self.source, self.table, None)?.into_iter().map(|row| row.key));
        }
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        let mut in_flight = HashSet::new();
        for some in keys.chunks(if self.in_slices { KEYS_PER_VIEW } else { PAGE }) {
            let mut check = |aside: &Aside<'_>| {
                let (touched, settled): (Vec<_>, Vec<_>) = some.iter().partition(|key| aside.is_touched(key));
                in_flight.extend(touched.into_iter().cloned());
                self.check_held(&held, settled.into_iter(), verdict)
            };
            if self.in_slices {
                in_read_view(self.source, |source| {
                    aside.catch_up(source)?;
                    check(aside)
                })?;
            } else {
                check(aside)?;
            }
        }
        Ok(in_flight)
    }

    /// Checks the rows of these keys that are, or should be, in the quarantine; the rest is left to the comparison
    pub fn check_held<'k>(
        &self,
        held: &Held,
        keys: impl Iterator<Item = &'k Vec<u8>>,
        verdict: &mut TableVerdict,
    ) -> Result<()> {
        let mut addressable = HashSet::new();
        for key in keys {
            self.context.stop.check()?;
            let rows = held.0.get(key).map_or(&[][..], Vec::as_slice);
            let fault = match rows {
                _ if KeyRef(key).has_null() => self.fault_of_null_key(key, rows)?,
                [row] => self.fault(key, row)?,
                _ => continue,
            };
            match fault {
                Some(fault) => note(verdict, key, fault),
                None => drop(addressable.insert(key.clone())),
            }
            if addressable.len() >= PAGE {
                self.check_absent(&std::mem::take(&mut addressable), verdict)?;
            }
        }
        self.check_absent(&addressable, verdict)
    }

    fn check_absent(&self, keys: &HashSet<Vec<u8>>, verdict: &mut TableVerdict) -> Result<()> {
        let there = self.target_by_keys(keys)?;
        there.keys().for_each(|key| note(verdict, key, "in the quarantine, but on postgres too"));
        Ok(())
    }

    /// What is wrong with an entry whose key identifies its row
    fn fault(&self, key: &[u8], held: &HeldRow) -> Result<Option<&'static str>> {
        let failed = |e| classify(e, &format!("read rows of table `{}`", self.table.source.name));
        let mut statement = self.source.prepare_cached(&select_by_key_sql(self.table)).map_err(failed)?;
        bind_key(&mut statement, 1, KeyRef(key))?;
        let mut rows = statement.raw_query();
        let row = rows.next().map_err(failed)?.filter(|row| key_of(row, self.table) == key);
        let Some(row) = row else { return Ok(Some("in the quarantine, but not on sqlite")) };
        if !held.by_server && first_unsound(row, self.table).is_none() && fits(row, self.table) {
            return Ok(Some("in the quarantine, but postgres can hold it"));
        }
        let stored = self.image(&held.hash)?;
        let same = is_row(&decode_row(&stored)?, row, self.table);
        Ok((!same).then_some("in the quarantine, but not as it is on sqlite"))
    }

    /// Rows whose key has a NULL in it are compared all together, as nothing else tells them apart
    fn fault_of_null_key(&self, key: &[u8], held: &[HeldRow]) -> Result<Option<&'static str>> {
        let rows = unaddressable(self.source, self.table, Some(KeyRef(key)))?;
        let mut there: Vec<Vec<u8>> = rows.into_iter().map(|row| row.image).collect();
        let mut here = held.iter().map(|row| self.image(&row.hash)).collect::<Result<Vec<_>>>()?;
        there.sort();
        here.sort();
        Ok((there != here).then_some("NULL in the key, and not in the quarantine as it is on sqlite"))
    }

    fn image(&self, hash: &[u8]) -> Result<Vec<u8>> {
        let image = self.context.runtime.block_on(image(self.client, self.table.id, hash))?;
        image.ok_or_else(|| Error::internal("a row of the quarantine has no image"))
    }
}

fn fits(row: &rusqlite::Row<'_>, table: &TablePlan) -> bool {
    let mut scratch = Vec::new();
    let mut bytes = 0;
    let fit = table.copied_columns().all(|(index, planned)| {
        scratch.clear();
        let fits = planned.encode(&mut scratch, column(row, index)).is_ok();
        bytes += scratch.len();
        fits
    });
    fit && check_row(bytes, row_bytes(ROW_BYTES_MAX)).is_ok()
}

fn is_row(image: &RowImage<'_>, row: &rusqlite::Row<'_>, table: &TablePlan) -> bool {
    image.values.iter().enumerate().all(|(index, stored)| match (stored, unsound(row, table, index)) {
        (Stored::Value(value), None) => value.is_identical(&column(row, index)),
        (Stored::Utf16(bytes), Some(now)) => *bytes == now,
        _ => false,
    })
}
