//! The plan for a schema that stands on the target already
//!
//! The target is read first and the source's values last: its types say what to look for among them.

use std::path::Path;

use rusqlite::Connection;

use super::{Reading, finished, search};
use crate::error::Result;
use crate::model::choices::Choices;
use crate::model::plan::Notice;
use crate::model::planner::existing::{self, FoundTable, Revisions};
use crate::model::planner::{Proven, Request, fit_search, left_to_target, without_place};
use crate::model::schema::Table;
use crate::model::target::Catalog;
use crate::observe::progress::Reporter;
use crate::sqlite::connection::{in_read_view, open_reader, text_order};
use crate::sqlite::introspect::{Introspection, introspect};
use crate::sqlite::revisions;

/// Reads the source and makes the plan; writes nothing anywhere
pub fn make_plan(
    source: &Path,
    request: &Request<'_>,
    catalog: &Catalog,
    sample: Option<u64>,
    reporter: &Reporter,
) -> Result<Proven> {
    let connection = open_reader(source)?;
    let (found, written) = in_read_view(&connection, |view| {
        let found = introspect(view)?;
        let written = bookkeeping(view, &found.tables)?;
        Ok((found, written))
    })?;
    let Introspection { tables, fulltext, mut skipped, .. } = found;
    // Nothing is read of full-text tables for which the target has no table.
    let (placed, elsewhere): (Vec<_>, Vec<_>) =
        fulltext.into_iter().partition(|table| catalog.tables.iter().any(|target| target.name == table.name));
    skipped.extend(left_to_target(&elsewhere));
    let all = tables.clone();
    let known = tables.iter().map(|table| table.name.clone()).collect();
    let (matched, left) = existing::match_tables(tables, catalog, request.choices, &written);
    let reading = Reading::begin(&connection, &all, matched.iter().map(|matched| &matched.source), sample, reporter)?;
    let mut found = Vec::with_capacity(matched.len());
    for matched in matched {
        let (profile, collisions) = reading.table(&matched.source, matched.sought(), &matched.probes)?;
        found.push(FoundTable { matched, profile, collisions });
    }
    let texts = search::read(&reading, placed, &Choices::default())?;
    skipped.extend(
        texts.others.iter().map(|table| without_place(table, table.unlike.unwrap_or("its text is not its own"))),
    );
    let order = text_order(&connection)?;
    let mut search_tables = Vec::new();
    for text in &texts.search {
        match fit_search(text, catalog, order) {
            Ok(mut planned) => {
                planned.table.id = -1 - search_tables.len() as i64;
                search_tables.push(planned);
            }
            Err(why) => skipped.push(without_place(&text.fulltext, &why)),
        }
    }
    reading.stage.finish();
    let sampled = found.iter().any(|found| found.profile.sampled);
    let mut proven = existing::make_plan(found, left, skipped, request, catalog);
    proven.plan.sampled = sampled;
    proven.plan.search_tables = search_tables;
    if proven.plan.tables.is_empty() && proven.plan.search_tables.is_empty() && proven.plan.refusals.is_empty() {
        proven.plan.refusals.push(nothing_to_copy(&source.display().to_string()));
    }
    proven.known = known;
    finished(&connection, proven)
}

fn bookkeeping(view: &Connection, tables: &[Table]) -> Result<Revisions> {
    let mut written = Revisions::new();
    for table in tables {
        if let Some(rows) = revisions::read(view, table)? {
            written.insert(table.name.clone(), rows);
        }
    }
    Ok(written)
}

fn nothing_to_copy(source: &str) -> Notice {
    Notice {
        object: source.into(),
        message: "the database has no table to copy".into(),
        remedy: Some("check the path given with --source, and the tables that the plan file skips".into()),
    }
}
