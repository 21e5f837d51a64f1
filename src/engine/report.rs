//! Gathering the record of a migration from both sides

use std::collections::HashMap;
use std::path::Path;

use tokio_postgres::Client;

use crate::engine::job::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::model::audit::{self, Audit};
use crate::model::phase::Side;
use crate::model::plan::{ColumnPlan, Policy, TablePlan};
use crate::observe::report::{AuditReport, ColumnReport, Report, TableReport, html};
use crate::postgres::connect::classify;
use crate::postgres::control::{self, State, TableProgress};
use crate::postgres::{quarantine, record, unreturned};
use crate::sqlite::connection::{in_read_view, journal_mode, open_reader};
use crate::sqlite::{audit as source_audit, capture, change_log};

/// The record; with `digests` every table of both sides is read once
///
/// # Errors
/// [`ErrorKind::WrongPhase`] if the target has no migration.
pub fn gather(context: &Context, digests: bool) -> Result<Report> {
    let runtime = &context.runtime;
    let client = runtime.block_on(context.target.connect("crossfade report"))?;
    let state = runtime.block_on(control::load(&client))?.ok_or_else(|| {
        Error::new(ErrorKind::WrongPhase, "nothing is migrated on this target")
            .hint("`crossfade run` begins a migration")
    })?;
    let mut report = runtime.block_on(stored(context, &client, &state))?;
    if digests {
        let source = Source::open(context, &state, &mut report);
        for table in &mut report.tables {
            let Some(plan) = state.plan.tables.iter().find(|plan| plan.source.name == table.name) else { continue };
            // Before the copy there is nothing to compare, and perhaps no table.
            if table.state == "copied" {
                let audit = audit::audit(&state.plan, plan);
                table.audit = Some(check(context, &client, &state, plan, source.as_ref(), audit)?);
            }
        }
    }
    Ok(report)
}

/// Writes the report to a file: as JSON if its name says so, else as a page
pub fn write(report: &Report, path: &Path) -> Result<()> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        let text = serde_json::to_string_pretty(report).map_err(|e| Error::internal("write JSON").caused_by(e))?;
        return write_text(&text, path);
    }
    write_page(report, path)
}

/// Writes the page that people read
pub fn write_page(report: &Report, path: &Path) -> Result<()> {
    write_text(&html::page(report), path)
}

fn write_text(text: &str, path: &Path) -> Result<()> {
    std::fs::write(path, text)
        .map_err(|e| Error::usage(format!("cannot write the report to `{}`", path.display())).caused_by(e))
}

/// What the target says of itself, in one view
async fn stored(context: &Context, client: &Client, state: &State) -> Result<Report> {
    let failed = |e| classify(e, "read the record of the migration");
    client.batch_execute("begin isolation level repeatable read, read only").await.map_err(failed)?;
    let record = record::read(client).await?;
    let progress = control::tables(client).await?;
    let held = quarantine::counts(client).await?;
    let refused = unreturned::counts(client).await?;
    client.batch_execute("commit").await.map_err(failed)?;
    let tables = state.plan.tables.iter().map(|table| {
        let progress = progress.iter().find(|progress| progress.id == table.id);
        let count = |counts: &HashMap<i64, u64>| counts.get(&table.id).copied().unwrap_or_default();
        TableReport { quarantined: count(&held), unreturned: count(&refused), ..table_report(table, progress) }
    });
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        source: state.source_path.clone(),
        target: context.target.display(),
        mode: state.plan.mode,
        target_schema: state.plan.target_schema.clone(),
        tables: tables.collect(),
        skipped: state.plan.skipped.clone(),
        warnings: state.plan.warnings.clone(),
        settings: audit::SETTINGS,
        remarks: Vec::new(),
        record,
    })
}

fn table_report(table: &TablePlan, progress: Option<&TableProgress>) -> TableReport {
    let column = |column: &ColumnPlan| ColumnReport {
        name: column.source_sql.clone(),
        declared: column.source_column.map(|at| table.source.columns[at].declared_type.clone()).unwrap_or_default(),
        target_name: column.target_name.clone(),
        target_type: column.type_sql.clone(),
    };
    TableReport {
        name: table.source.name.clone(),
        target_name: table.target_name.clone(),
        key: table.key_plans().map(|column| column.target_name.clone()).collect(),
        columns: table.columns.iter().map(column).collect(),
        state: progress.map(|progress| progress.state.clone()).unwrap_or_default(),
        rows_planned: table.row_count,
        rows_copied: progress.map_or(0, |progress| progress.rows_copied),
        bytes_copied: progress.map_or(0, |progress| progress.bytes_copied),
        quarantined: 0,
        unreturned: 0,
        audit: None,
    }
}

/// The source, where it may be read from one end to the other
struct Source {
    connection: rusqlite::Connection,
}

impl Source {
    fn open(context: &Context, state: &State, report: &mut Report) -> Option<Source> {
        let opened = || -> Result<std::result::Result<Source, &'static str>> {
            let connection = open_reader(&context.settings.source)?;
            if capture::source_id(&connection)?.as_ref() != Some(&state.source_id) {
                return Ok(Err("this SQLite file is not the one that was followed: its tables are not compared"));
            }
            // Without a WAL a reader keeps writers waiting, and this one reads whole tables.
            if state.phase.primary() == Side::Sqlite && journal_mode(&connection)? != "wal" {
                return Ok(Err(
                    "SQLite is not in WAL mode, and reading whole tables would hold its writers up: they are \
                               counted on PostgreSQL only",
                ));
            }
            Ok(Ok(Source { connection }))
        };
        let remark = match opened() {
            Ok(Ok(source)) => return Some(source),
            Ok(Err(remark)) => remark.to_owned(),
            Err(error) => format!("SQLite could not be read: {}", error.summary()),
        };
        report.remarks.push(remark);
        None
    }

    /// The line, and the last entry of the change log in the same view
    fn line(&self, sql: &str) -> Result<(String, i64)> {
        in_read_view(&self.connection, |connection| {
            let head = change_log::head(connection)?.seq;
            Ok((source_audit::line(connection, sql)?, head))
        })
    }
}

/// Runs the statements of one table; the sides are comparable if nothing was between them
fn check(
    context: &Context,
    client: &Client,
    state: &State,
    table: &TablePlan,
    source: Option<&Source>,
    audit: Audit,
) -> Result<AuditReport> {
    let runtime = &context.runtime;
    let sqlite = source.map(|source| source.line(&audit.sqlite)).transpose()?;
    let (postgres, digest, checkpoint, waiting) = runtime.block_on(async {
        let failed = |e| classify(e, "read a table of the target for the report");
        client.batch_execute("begin isolation level repeatable read, read only").await.map_err(failed)?;
        client.batch_execute(audit::SETTINGS).await.map_err(failed)?;
        let checkpoint = control::checkpoint(client).await?;
        let log = client.query_one("select exists(select from crossfade.log)", &[]).await.map_err(failed)?;
        let postgres = record::line(client, &audit.postgres).await?;
        let digest = record::line(client, &audit.digest).await?;
        client.batch_execute("commit").await.map_err(failed)?;
        Ok::<_, Error>((postgres, digest, checkpoint, log.get::<_, bool>(0)))
    })?;
    let (sqlite, head) = sqlite.unzip();
    let same_moment = match state.phase.primary() {
        Side::Sqlite => checkpoint.consistent && head == Some(checkpoint.seq),
        Side::Postgres => !waiting,
    };
    // Rows that only PostgreSQL has are kept beside those that were copied.
    let comparable = same_moment && table.policy != Policy::Merge;
    let equal = sqlite.as_ref().filter(|_| comparable).map(|sqlite| *sqlite == postgres);
    Ok(AuditReport {
        terms: audit.terms,
        sqlite_sql: audit.sqlite,
        sqlite,
        postgres_sql: audit.postgres,
        postgres,
        digest_sql: audit.digest,
        digest,
        equal,
    })
}
