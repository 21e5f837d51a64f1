//! What one view of PostgreSQL has touched, written to SQLite in one transaction
//!
//! A row that SQLite cannot hold is noted in `crossfade.unreturned` and stops nothing; SQLite keeps what it has of it.
//! Where rows swap unique values, everything is done once more with the touched keys of that table deleted first.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;

use super::fields::{Decoder, key_places, write_key};
use crate::engine::job::Job;
use crate::error::{Error, Result};
use crate::model::key::KeyRef;
use crate::model::plan::TablePlan;
use crate::model::quarantine::{Changes, KeyHash, key_hash};
use crate::observe::metrics;
use crate::observe::progress::Stage;
use crate::postgres::change_log::{LogView, RowFields};
use crate::postgres::unreturned::Unreturned;
use crate::postgres::{quarantine, rows, touched, unreturned};
use crate::sqlite::apply::{Applied, SourceApplier};

/// Rows that do not go back, of one cycle: they wait in memory until the rows have gone by
const HELD_MAX: usize = 200_000;

/// Keys of one table in one cycle that are noted for the next verify; with more it compares everything
pub const TOUCHED_MAX: usize = 100_000;

/// Rows between two looks at requests to stop
const ROWS_PER_LOOK: u64 = 256;

/// A cycle of more rows than this shows a progress bar
const LONG_CYCLE_ROWS: u64 = 50_000;

/// How the rows of one table are written
#[derive(Debug, Default)]
struct Way {
    /// Rows swap unique values: every touched key is deleted before the first row is written
    delete_first: bool,
    /// Rows that SQLite refuses even so; what it has of them is neither deleted nor written
    left: HashMap<Vec<u8>, Unreturned>,
}

/// How one table went
enum Pass {
    Written(Notes),
    /// Rows are in each other's way, or some would have been deleted and not written: take all back, and do it again
    Again,
}

/// What is to be stored in the target's transaction once the rows have gone by
#[derive(Default)]
struct Notes {
    keys: u64,
    held: Vec<Unreturned>,
    released: Vec<Vec<u8>>,
    unquarantined: Vec<KeyHash>,
    /// `None` once there are too many
    touched: Option<Vec<Vec<u8>>>,
}

/// Everything that stays the same while one view is brought over
pub struct Bringing<'a> {
    pub job: &'a Job,
    pub client: &'a Client,
    pub view: &'a LogView<'a>,
    /// The tables of the quarantine: rows that only SQLite has, as a cutover was forced over them
    pub quarantined: &'a HashSet<i64>,
    /// How many keys are noted already for the next verify
    pub noted: u64,
}

/// What a view came to
#[derive(Clone, Copy, Debug, Default)]
pub struct Brought {
    pub keys: u64,
    /// Keys noted for the next verify, in all
    pub noted: u64,
    /// Rows that do not go back, of those that the view touched
    pub held: u64,
}

impl Bringing<'_> {
    /// Writes everything that the view has touched; `begin` takes back what was written and begins anew
    pub fn run(
        &self,
        source: &mut SourceApplier,
        mut begin: impl FnMut(&mut SourceApplier) -> Result<()>,
    ) -> Result<Brought> {
        let mut ways: HashMap<i64, Way> = HashMap::new();
        let stage = RefCell::new(None);
        'attempt: loop {
            let ids: Vec<i64> = self.view.touched.iter().map(|touched| touched.table_id).collect();
            let mut known = self.job.wait(unreturned::keys(self.client, &ids))?;
            let mut brought = Brought { noted: self.noted, ..Brought::default() };
            for touched in &self.view.touched {
                let Some(table) = self.job.plan.table(touched.table_id) else { continue };
                let way = ways.entry(table.id).or_default();
                let known = known.remove(&table.id).unwrap_or_default();
                match self.table(source, table, touched.whole, way, known, &stage)? {
                    Pass::Written(notes) => self.store(table, touched.whole, notes, &mut brought)?,
                    Pass::Again => {
                        begin(source)?;
                        continue 'attempt;
                    }
                }
            }
            stage.into_inner().iter().for_each(Stage::finish);
            return Ok(brought);
        }
    }

    fn table(
        &self,
        source: &mut SourceApplier,
        table: &TablePlan,
        whole: bool,
        way: &mut Way,
        known: HashSet<Vec<u8>>,
        stage: &RefCell<Option<Stage>>,
    ) -> Result<Pass> {
        let mut writer = Writer::new(self, source, table, way, known, stage);
        if whole {
            writer.source.empty(table)?;
            let places = key_places(table);
            self.job.wait(rows::scan_copied(self.client, &self.job.plan, table, |row| {
                let key: Vec<Option<&[u8]>> = places.iter().map(|&place| row[place]).collect();
                writer.write(&key, Some(row))
            }))?;
        } else {
            if writer.way.delete_first {
                let delete = |key: &RowFields<'_>, row: Option<&RowFields<'_>>| writer.delete(key, row);
                self.job.wait(self.view.rows(&self.job.plan, table, delete))?;
            }
            let write = |key: &RowFields<'_>, row: Option<&RowFields<'_>>| writer.write(key, row);
            self.job.wait(self.view.rows(&self.job.plan, table, write))?;
        }
        let Writer { mut notes, collided, refused, .. } = writer;
        if collided {
            metrics::collision();
            way.delete_first = true;
            return Ok(Pass::Again);
        }
        if !refused.is_empty() {
            way.left.extend(refused.into_iter().map(|row| (row.key.clone(), row)));
            return if way.left.len() > HELD_MAX { Err(too_many(table)) } else { Ok(Pass::Again) };
        }
        notes.held.extend(way.left.values().cloned());
        Ok(Pass::Written(notes))
    }

    /// Stores what is to be known of the rows, in the transaction that takes their entries out of the log
    fn store(&self, table: &TablePlan, whole: bool, notes: Notes, brought: &mut Brought) -> Result<()> {
        let (job, client) = (self.job, self.client);
        if whole {
            job.wait(unreturned::clear(client, table.id))?;
        } else if !notes.released.is_empty() {
            job.wait(unreturned::release(client, table.id, &notes.released))?;
        }
        job.wait(unreturned::hold(client, table.id, &notes.held))?;
        if !notes.unquarantined.is_empty() {
            let mut changes = Changes::default();
            changes.released = notes.unquarantined;
            job.wait(quarantine::change(client, table, &changes))?;
        }
        brought.keys += notes.keys;
        brought.held += notes.held.len() as u64;
        match notes.touched {
            // Which rows a TRUNCATE has taken is known to nobody.
            Some(keys) if !whole && brought.noted as usize + keys.len() <= TOUCHED_MAX => {
                brought.noted += keys.len() as u64;
                job.wait(touched::note(client, table.id, self.view.cycle + 1, &keys))
            }
            _ => {
                brought.noted = 0;
                job.wait(touched::lose_track(client))
            }
        }
    }
}

fn too_many(table: &TablePlan) -> Error {
    Error::refused(format!(
        "SQLite cannot hold more than {HELD_MAX} of the rows of `{}` that changed",
        table.source.name
    ))
    .hint("correct them on PostgreSQL; its change log keeps everything, and `crossfade run` goes on from there")
}

/// Writes the rows of one table, one after the other
struct Writer<'a> {
    bringing: &'a Bringing<'a>,
    source: &'a mut SourceApplier,
    table: &'a TablePlan,
    way: &'a Way,
    /// Keys that are in `crossfade.unreturned`
    known: HashSet<Vec<u8>>,
    in_quarantine: bool,
    key_decoder: Decoder<'a>,
    row_decoder: Decoder<'a>,
    key: Vec<u8>,
    scratch: Vec<u8>,
    notes: Notes,
    collided: bool,
    refused: Vec<Unreturned>,
    seen: u64,
    stage: &'a RefCell<Option<Stage>>,
}

impl<'a> Writer<'a> {
    fn new(
        bringing: &'a Bringing<'a>,
        source: &'a mut SourceApplier,
        table: &'a TablePlan,
        way: &'a Way,
        known: HashSet<Vec<u8>>,
        stage: &'a RefCell<Option<Stage>>,
    ) -> Writer<'a> {
        Writer {
            bringing,
            source,
            table,
            way,
            known,
            in_quarantine: bringing.quarantined.contains(&table.id),
            key_decoder: Decoder::of_key(table),
            row_decoder: Decoder::of_row(table),
            key: Vec::new(),
            scratch: Vec::new(),
            notes: Notes { touched: Some(Vec::new()), ..Notes::default() },
            collided: false,
            refused: Vec::new(),
            seen: 0,
            stage,
        }
    }

    /// Deletes what SQLite has of a row, unless nothing could be written in its place
    fn delete(&mut self, key: &RowFields<'_>, row: Option<&RowFields<'_>>) -> Result<()> {
        self.step(key)?;
        let is_readable = row.is_none_or(|row| self.row_decoder.decode(row, |_| ()).is_ok());
        if !is_readable || self.way.left.contains_key(&self.key) {
            return Ok(());
        }
        let (source, table) = (&mut *self.source, self.table);
        self.key_decoder.decode(key, |key| source.delete_first(table, key)).unwrap_or(Ok(()))
    }

    /// Writes a row as it is now, or deletes it
    fn write(&mut self, key: &RowFields<'_>, row: Option<&RowFields<'_>>) -> Result<()> {
        // The rest of the rows goes by: the stream is read to its end.
        if self.collided {
            return Ok(());
        }
        self.step(key)?;
        self.notes.keys += 1;
        self.note_touched();
        if self.way.left.contains_key(&self.key) {
            return Ok(());
        }
        if KeyRef(&self.key).has_null() {
            return self.keyless(row.is_some());
        }
        let (source, table) = (&mut *self.source, self.table);
        let applied = match row {
            None => self.key_decoder.decode(key, |key| source.write(table, key, None)),
            Some(row) => {
                let row_decoder = &mut self.row_decoder;
                let written = self
                    .key_decoder
                    .decode(key, |key| row_decoder.decode(row, |row| source.write(table, key, Some(row))));
                match written {
                    Ok(Err(fault)) => {
                        let held = self.row_decoder.describe(&self.key, fault);
                        return self.hold(held);
                    }
                    Ok(Ok(applied)) => Ok(applied),
                    Err(fault) => Err(fault),
                }
            }
        };
        match (applied, row) {
            (Ok(applied), _) => self.note(applied?),
            (Err(fault), Some(_)) => {
                let held = self.key_decoder.describe(&self.key, fault);
                self.hold(held)
            }
            // Under a key that SQLite cannot hold, there was never a row.
            (Err(_), None) => self.note(Applied::Unchanged),
        }
    }

    /// A key with NULL in it identifies no row, on neither side: no cycle would find again what this one writes
    fn keyless(&mut self, is_there: bool) -> Result<()> {
        if !is_there {
            return self.note(Applied::Unchanged);
        }
        let is_noted = self.notes.held.iter().any(|row| row.key == self.key);
        let (key, column) = (self.key.clone(), String::new());
        let message = "NULL in the key, which identifies no row".to_owned();
        if is_noted { Ok(()) } else { self.hold(Unreturned { key, column, reason: "key", message }) }
    }

    fn step(&mut self, key: &RowFields<'_>) -> Result<()> {
        self.key.clear();
        write_key(&mut self.key, self.table, key, &mut self.scratch);
        self.seen += 1;
        if self.seen.is_multiple_of(ROWS_PER_LOOK) {
            self.bringing.job.context.stop.check()?;
            self.show();
        }
        Ok(())
    }

    fn show(&mut self) {
        let mut stage = self.stage.borrow_mut();
        match stage.as_ref() {
            Some(stage) => stage.add(ROWS_PER_LOOK, 0),
            None if self.seen >= LONG_CYCLE_ROWS => {
                let begun = self.bringing.job.context.reporter.stage("bring back", "changes", self.seen);
                begun.add(self.seen, 0);
                *stage = Some(begun);
            }
            None => {}
        }
    }

    fn note_touched(&mut self) {
        let full = self.notes.touched.as_ref().is_some_and(|keys| keys.len() >= TOUCHED_MAX);
        if full {
            self.notes.touched = None;
        } else if let Some(keys) = &mut self.notes.touched {
            keys.push(self.key.clone());
        }
    }

    fn note(&mut self, applied: Applied) -> Result<()> {
        match applied {
            Applied::Collision if !self.way.delete_first => self.collided = true,
            Applied::Collision => {
                let message = "a unique value of it is another row's on SQLite".to_owned();
                self.refuse(Unreturned { key: self.key.clone(), column: String::new(), reason: "unique", message })?;
            }
            Applied::Refused { column, reason } => {
                let row = Unreturned { key: self.key.clone(), column, reason: "sqlite", message: reason };
                self.refuse(row)?;
            }
            Applied::Inserted | Applied::Updated | Applied::Deleted | Applied::Unchanged => {
                if self.known.contains(&self.key) {
                    self.notes.released.push(self.key.clone());
                }
                if self.in_quarantine {
                    self.notes.unquarantined.push(key_hash(&self.key, None));
                }
            }
        }
        Ok(())
    }

    /// SQLite does not take the row. What it has of it was deleted on the way if keys are deleted first, and must be back
    fn refuse(&mut self, row: Unreturned) -> Result<()> {
        if !self.way.delete_first {
            return self.hold(row);
        }
        self.refused.push(row);
        if self.refused.len() > HELD_MAX { Err(too_many(self.table)) } else { Ok(()) }
    }

    fn hold(&mut self, row: Unreturned) -> Result<()> {
        self.notes.held.push(row);
        if self.notes.held.len() > HELD_MAX { Err(too_many(self.table)) } else { Ok(()) }
    }
}
