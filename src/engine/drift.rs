//! When the source's schema has moved: is capture still complete, and does the plan still fit?
//!
//! `PRAGMA schema_version` is compared in the read view of every cycle (I2). It also moves for harmless reasons (ANALYZE,
//! a new plain index, another table); then only the proof is repeated. Triggers that are gone, or not the ones that the
//! present indexes need, are installed again and the tables compared, because writes in between were not logged; so are
//! tables whose rowids VACUUM has changed. A table whose columns changed cannot be followed yet.

use rusqlite::Connection;

use crate::engine::indexing;
use crate::engine::job::Job;
use crate::error::{Error, Result};
use crate::model::plan::{IndexPlan, Notice, Plan, TablePlan};
use crate::model::schema::{Index, Table};
use crate::postgres::control;
use crate::sqlite::capture::{self, CaptureGap};
use crate::sqlite::connection::{in_read_view, open_reader, open_writer, schema_version};
use crate::sqlite::introspect::introspect;

/// What the look at the source came to
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Capture is complete and was so all the time
    None,
    /// Writes may have gone unlogged: the tables must be compared before the tail goes on
    Repair,
}

/// What the operator reads about it
pub const REASON: &str = "the schema of the source changed, or triggers of crossfade were gone";

/// Everything that one read view says about the source
struct Findings {
    version: i64,
    gaps: Vec<CaptureGap>,
    /// The plan with the source's present indexes
    plan: Plan,
    tables: Vec<Table>,
}

/// Proves capture complete at the present schema, installing it again where needed, and stores the proof
pub fn settle(job: &mut Job) -> Result<Drift> {
    let connection = open_reader(job.source())?;
    check_identity(&connection, &job.source_id)?;
    let findings = look(&connection, &job.plan)?;
    drop(connection);
    report_new_tables(job, &findings.tables)?;
    refuse_changed_tables(&findings.gaps)?;
    let (mut plan, mut version) = (findings.plan, findings.version);
    let repair = !findings.gaps.is_empty();
    if repair {
        // Stored before anything is mended: once capture stands again, nothing else would tell that changes were missed.
        need_repair(job, REASON)?;
        job.context.reporter.line(&format!("{}: capture is installed again", findings.gaps[0]));
        let mut writer = open_writer(job.source())?;
        let installed = capture::reinstall(&mut writer, &plan, job.log_limit, &job.source_id)?;
        (plan, version) = (installed.plan, installed.schema_version);
    }
    drop_lost_uniqueness(job, &mut plan)?;
    job.plan = plan;
    job.wait(control::set_proven(job.applier.client(), version, &job.plan))?;
    job.schema_version = Some(version);
    Ok(if repair { Drift::Repair } else { Drift::None })
}

/// Notes durably that the tables must be compared before the target counts as consistent
pub fn need_repair(job: &mut Job, reason: &str) -> Result<()> {
    job.wait(control::set_repair_reason(job.applier.client(), Some(reason)))?;
    job.repair_reason = Some(reason.to_owned());
    Ok(())
}

/// Unique indexes of the target whose counterpart the application has dropped: the next duplicate would stop everything
fn drop_lost_uniqueness(job: &Job, plan: &mut Plan) -> Result<()> {
    for at in 0..plan.tables.len() {
        let table = &plan.tables[at];
        let lost: Vec<String> =
            table.indexes.iter().filter(|i| i.unique && !is_unique(table, i)).map(|i| i.name.clone()).collect();
        for name in lost {
            job.wait(indexing::drop_index(
                job.applier.client(),
                plan,
                &name,
                "the source does not keep these values unique any more",
            ))?;
            plan.tables[at].indexes.retain(|i| i.name != name);
        }
    }
    Ok(())
}

/// The source still has a unique index over exactly these terms and rows, in whatever order; one that only the target
/// has is no promise of the source
fn is_unique(table: &TablePlan, index: &IndexPlan) -> bool {
    let Some(wanted) = &index.source else { return true };
    let terms = |index: &Index| index.terms.iter().map(|t| (t.what.clone(), t.collation.clone())).collect::<Vec<_>>();
    let wanted_terms = terms(wanted);
    table.source.indexes.iter().filter(|i| i.unique && i.predicate == wanted.predicate).any(|i| {
        let terms = terms(i);
        terms.len() == wanted_terms.len() && terms.iter().all(|term| wanted_terms.contains(term))
    })
}

/// The file must be the one that this target follows
pub fn check_identity(connection: &Connection, expected: &str) -> Result<()> {
    match capture::source_id(connection)? {
        Some(found) if found == expected => Ok(()),
        Some(_) => Err(Error::refused("this SQLite file is captured for another target")
            .hint("give the target it belongs to, or run `crossfade cancel` there first")),
        None => Err(Error::refused(
            "the source has no capture of crossfade: it is another file, or a copy made before the start",
        )
        .hint("put the right file back; or start over: `crossfade cancel`, then `crossfade run`")),
    }
}

fn look(connection: &Connection, plan: &Plan) -> Result<Findings> {
    in_read_view(connection, |connection| {
        Ok(Findings {
            version: schema_version(connection)?,
            gaps: capture::prove(connection, plan)?,
            plan: capture::adapt(connection, plan)?,
            tables: introspect(connection)?.tables,
        })
    })
}

fn refuse_changed_tables(gaps: &[CaptureGap]) -> Result<()> {
    let changed: Vec<&str> = gaps
        .iter()
        .filter_map(|gap| match gap {
            CaptureGap::MissingTable { table } | CaptureGap::TableChanged { table } => Some(table.as_str()),
            _ => None,
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the source's schema changed in a way that cannot be followed yet: {}",
        changed.join(", ")
    ))
    .hint("nothing is lost on the source; start over with the new schema: `crossfade cancel`, then `crossfade run`"))
}

fn report_new_tables(job: &Job, tables: &[Table]) -> Result<()> {
    let is_known = |table: &&Table| {
        let skipped = job.plan.skipped.iter().any(|notice| notice.object == table.name);
        skipped || job.plan.tables.iter().any(|planned| planned.source.name == table.name)
    };
    for table in tables.iter().filter(|table| !is_known(table)) {
        let notice = Notice {
            object: table.name.clone(),
            message: "this table appeared after the plan was made and is not followed".into(),
            remedy: Some("to include it: `crossfade cancel`, then `crossfade run`".into()),
        };
        job.context
            .reporter
            .line(&format!("table `{}` appeared after the plan was made and is not followed", table.name));
        job.wait(control::note(job.applier.client(), &notice))?;
    }
    Ok(())
}
