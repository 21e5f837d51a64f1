//! The plan for a schema that stands on the target already
//!
//! The target is read first and the source's values last: its types say what to look for among them.

use std::path::Path;

use rusqlite::Connection;

use super::{Reading, finished};
use crate::error::Result;
use crate::model::plan::Notice;
use crate::model::planner::existing::{self, FoundTable, Revisions};
use crate::model::planner::{Proven, Request, left_to_target};
use crate::model::schema::Table;
use crate::model::target::Catalog;
use crate::observe::progress::Reporter;
use crate::sqlite::connection::{in_read_view, open_reader};
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
    skipped.extend(left_to_target(&fulltext));
    let all = tables.clone();
    let known = tables.iter().map(|table| table.name.clone()).collect();
    let (matched, left) = existing::match_tables(tables, catalog, request.choices, &written);
    let reading = Reading::begin(&connection, &all, matched.iter().map(|matched| &matched.source), sample, reporter)?;
    let mut found = Vec::with_capacity(matched.len());
    for matched in matched {
        let (profile, collisions) = reading.table(&matched.source, matched.sought(), &matched.probes)?;
        found.push(FoundTable { matched, profile, collisions });
    }
    reading.stage.finish();
    let sampled = found.iter().any(|found| found.profile.sampled);
    let mut proven = existing::make_plan(found, left, skipped, request, catalog);
    proven.plan.sampled = sampled;
    if proven.plan.tables.is_empty() && proven.plan.refusals.is_empty() {
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
