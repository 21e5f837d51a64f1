//! The plan for a schema that the application's own migrations have made
//!
//! Nothing is created: the target's types decide the conversions, and every value of the source has to prove them.
//! Tables and columns are matched by name first, since the target's types say what is to be looked for among the values;
//! then everything that would not fit is refused at once.

mod convert;
mod decide;
mod empty;
mod key;
mod matching;
mod rights;
mod spellings;
mod triggers;
mod uniqueness;

use super::evidence;
use super::rows::{warn_about_orphans_there, warn_about_texts};
use super::writer::Writer;
use super::{Notes, Proven, Request, choose_key, notice, warn_about_key};
use crate::model::bookkeeping::Verdict;
use crate::model::plan::{ColumnPlan, ForeignKeyPlan, Mode, Notice, Plan, Policy, TablePlan};
use crate::model::profile::TableProfile;
use crate::model::schema::{Generated, Key, Table};
use crate::model::target::{Catalog, TargetTable};

pub use matching::{Matched, MatchedTable, Revisions, match_tables};
pub use uniqueness::{Collision, Probe, ProbeColumn};

/// What was found of one matched table
pub struct FoundTable {
    pub matched: MatchedTable,
    pub profile: TableProfile,
    /// For each of `matched.probes`: the rows that the target would take for one another
    pub collisions: Vec<Collision>,
}

/// Decides everything; an empty list of refusals means that it can start
pub fn make_plan(
    found: Vec<FoundTable>,
    left: Matched,
    skipped: Vec<Notice>,
    request: &Request<'_>,
    catalog: &Catalog,
) -> Proven {
    let mut notes = left.notes;
    let writer = Writer::of(|table| catalog.bookkeeping.contains_key(table));
    let fractions = empty::other_forms(&found, writer);
    let (mut tables, mut evidence, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for (found, id) in found.into_iter().zip(1..) {
        let target = &catalog.tables[found.matched.target];
        let mut drafting = Drafting { found: &found, target, request, notes: &mut notes };
        if let Some(plan) = drafting.table(id, writer, &fractions) {
            evidence.push(evidence::of_table(&plan, &found.profile));
            own.push(super::own(&plan, &found.profile));
            tables.push((plan, found.matched.target));
        }
    }
    rights::check(&tables, catalog, &mut notes);
    rights::check_rows(&tables, catalog, &mut notes);
    let triggers = triggers::classify(&tables, catalog, request.choices, &mut notes);
    let tables: Vec<TablePlan> = tables.into_iter().map(|(plan, _)| plan).collect();
    let skipped = skipped.into_iter().chain(left.skipped).chain(extra_tables(&tables, catalog)).collect();
    let Notes { warnings, refusals, .. } = notes;
    let empty = Plan::empty(Mode::Existing, request.target_schema);
    let choices_digest = request.choices.digest();
    let plan = Plan { tables, triggers, skipped, warnings, refusals, choices_digest, ..empty };
    Proven { evidence, own, ..Proven::stored(plan) }
}

/// One table on its way to its plan
struct Drafting<'a> {
    found: &'a FoundTable,
    target: &'a TargetTable,
    request: &'a Request<'a>,
    notes: &'a mut Notes,
}

impl Drafting<'_> {
    fn table(&mut self, id: i64, writer: Writer, others: &empty::Others) -> Option<TablePlan> {
        let source = &self.found.matched.source;
        let key = match choose_key(source, self.found.profile.null_keys) {
            Ok(key) => key,
            Err(refusal) => {
                self.notes.refusals.push(refusal);
                return None;
            }
        };
        warn_about_key(source, &key, self.found.profile.null_keys, self.notes);
        warn_about_texts(source, &self.found.profile, &key, self.notes);
        warn_about_orphans_there(source, &self.found.profile, self.notes);
        let mut columns = Vec::new();
        for at in 0..source.columns.len() {
            columns.extend(self.column(at, &key, writer, others));
        }
        let choice = self.request.choices.tables.get(&source.name);
        let mut plan = TablePlan {
            id,
            target_name: self.target.name.clone(),
            policy: choice.and_then(|choice| choice.policy).unwrap_or(Policy::Refuse),
            row_count: self.found.profile.rows,
            byte_count: self.found.profile.bytes,
            columns,
            ..TablePlan::new(source.clone(), key)
        };
        key::settle(&mut plan, self.target, self.notes);
        plan.foreign_keys = self.foreign_keys(&plan);
        uniqueness::check(self.found, self.target, self.notes);
        Some(plan)
    }

    /// The plan of one column; `None` where it has none, or where none serves
    fn column(&mut self, at: usize, key: &Key, writer: Writer, others: &empty::Others) -> Option<ColumnPlan> {
        let source = &self.found.matched.source;
        let seek = self.found.matched.columns[at].as_ref()?;
        let column = &source.columns[at];
        let object = format!("{}.{}", source.name, column.name);
        let target = &self.target.columns[seek.target];
        let profile = &self.found.profile.columns[at];
        if let Some(expression) = &target.generated {
            let message = "the target computes it: not copied, and not compared";
            self.notes.warn(&object, message, None);
            return Some(ColumnPlan { generated: Some(expression.clone()), ..seek.template.clone() });
        }
        if column.generated != Generated::No {
            self.notes.warn(&object, "generated column: the target gets its values, but does not compute them", None);
        }
        let in_key = key.parts.iter().any(|part| part.column == Some(at));
        let any_spelling = !in_key && spellings::are_free(source, at, self.target, seek.target);
        let decided = decide::decide(seek, column, profile, any_spelling, writer, others);
        let warning = decided.as_ref().ok().and_then(|decided| decided.warning.clone());
        if let Some(warning) = warning {
            self.notes.warnings.push(notice(&object, &warning.0, Some(&warning.1)));
        }
        match decided {
            Ok(decided) => Some(ColumnPlan { not_null: target.not_null || in_key, ..decided.column }),
            Err(faults) => {
                let refusals = faults.iter().map(|fault| fault.notice(&object, profile, target));
                self.notes.refusals.extend(refusals);
                // Its place is kept, so that keys and indexes over it are not refused once more.
                let likeliest = seek.sought.trials.first();
                Some(likeliest.unwrap_or(&seek.template).clone())
            }
        }
    }

    /// Those that stand on the target, over columns that are copied; nothing is created for them
    fn foreign_keys(&self, plan: &TablePlan) -> Vec<ForeignKeyPlan> {
        let position = |name: &String| plan.columns.iter().position(|column| column.target_name == *name);
        let of_here = self.target.foreign_keys.iter().filter(|key| key.parent_schema.is_none());
        let planned = of_here.filter_map(|key| {
            Some(ForeignKeyPlan {
                name: key.name.clone(),
                columns: key.columns.iter().map(position).collect::<Option<_>>()?,
                parent_name: key.parent.clone(),
                parent_columns: key.parent_columns.clone(),
                on_update: key.on_update.clone(),
                on_delete: key.on_delete.clone(),
                deferred: key.deferred,
            })
        });
        planned.collect()
    }
}

/// Tables that only the target has
fn extra_tables(tables: &[TablePlan], catalog: &Catalog) -> Option<Notice> {
    let is_planned = |name: &str| tables.iter().any(|table| table.target_name == name);
    let is_extra = |table: &&TargetTable| !is_planned(&table.name) && !catalog.bookkeeping.contains_key(&table.name);
    let names: Vec<&str> = catalog.tables.iter().filter(is_extra).map(|table| table.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!("tables that are only there are left alone: {}", names.join(", "));
    Some(notice("the target", &message, None))
}

/// What comparing the bookkeeping of both sides says
fn note(verdict: Verdict, skipped: &mut Vec<Notice>, notes: &mut Notes) {
    match verdict {
        Verdict::Equal(notice) => skipped.push(notice),
        Verdict::EqualButForItself(notice) => notes.warnings.push(notice),
        Verdict::Different(notice) => notes.refusals.push(notice),
    }
}

/// A name of the source as a person would look for it in the source
fn column_object(table: &Table, at: usize) -> String {
    format!("{}.{}", table.name, table.columns[at].name)
}

#[cfg(test)]
mod conversion_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod matching_tests;
