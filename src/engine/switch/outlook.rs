//! What a switch would do, for `--dry-run`: its steps, with what can be counted cheaply

use std::path::Path;

use tokio_postgres::Client;

use crate::engine::job::Context;
use crate::engine::switch::Kind;
use crate::engine::verify::changed::{self, Known};
use crate::error::Result;
use crate::model::plan::{Check, ColumnPlan, Notice, Plan, TablePlan};
use crate::model::words::counted;
use crate::postgres::change_log as target_log;
use crate::postgres::control::{self, State};
use crate::sqlite::apply::left_behind;
use crate::sqlite::change_log;
use crate::sqlite::connection::open_reader;

/// Each step by its name, with what it would come to now
pub fn steps(context: &Context, client: &Client, state: &State, kind: Kind) -> Result<Vec<(&'static str, String)>> {
    let runtime = &context.runtime;
    let tables = counted(state.plan.tables.len() as u64, "table");
    let hook = "the command of `run --on-switch`, if there is one".to_owned();
    if kind == Kind::Rollback {
        let backlog = runtime.block_on(target_log::backlog(client))?;
        let open = "SQLite, in the transaction that proves capture and lifts its fence: the point of no return";
        return Ok(vec![
            ("hook", hook),
            ("catch up", counted(backlog.keys.max(0) as u64, "change")),
            ("compare", "what changed since the last clean verify".into()),
            ("fence", format!("PostgreSQL, {tables}: writes are refused from here")),
            ("drain", "what is written until then".into()),
            ("verify", "what was written since".into()),
            ("open", open.into()),
            ("settle", "capture is removed from PostgreSQL, which stays fenced and follows".into()),
        ]);
    }
    let head = change_log::head(&open_reader(&context.settings.source)?)?.seq;
    let behind = (head - runtime.block_on(control::checkpoint(client))?.seq).max(0) as u64;
    let compare = match runtime.block_on(changed::known(client, &context.settings.source))? {
        Known::Since(entries) => format!("{} since the last clean verify", counted(entries, "change")),
        Known::Nothing | Known::Trimmed => "what changed since the last clean verify, which is not known".into(),
    };
    let mut steps = vec![
        ("hook", hook),
        ("catch up", counted(behind, "change")),
        ("compare", compare),
        ("fence", format!("SQLite, {tables}: writes are refused from here")),
        ("drain", "what is written until then".into()),
        ("verify", "what was written since".into()),
        ("sequences", "set behind every number that SQLite has given".into()),
        ("capture", format!("on PostgreSQL, {tables}")),
    ];
    match kind {
        Kind::Rehearsal => {
            steps.push(("canary", "a row of our own goes there and back; then SQLite is opened again".into()))
        }
        _ => steps.push(("open", "PostgreSQL, in one transaction: the point of no return".into())),
    }
    Ok(steps)
}

/// What a way back does not bring to SQLite, though every row comes: to be known before PostgreSQL becomes the primary
pub fn lost_on_the_way_back(source: &Path, plan: &Plan) -> Result<Vec<Notice>> {
    let mut notices = left_behind(&open_reader(source)?, &plan.tables)?;
    for table in &plan.tables {
        let columns: Vec<&str> = table.left_out().map(|column| column.name.as_str()).collect();
        if !columns.is_empty() {
            let message = format!(
                "a row whose key is changed on PostgreSQL loses what SQLite has in columns that the plan leaves out: {}",
                columns.join(", ")
            );
            notices.push(Notice { object: table.source.name.clone(), message, remedy: None });
        }
        notices.extend(too_fine(table));
    }
    Ok(notices)
}

/// `now()` has six digits behind the seconds: where SQLite's form shows fewer, each row with it would keep a rollback waiting
fn too_fine(table: &TablePlan) -> Option<Notice> {
    let holds = |column: &&ColumnPlan| match (column.mapping.second_digits(), &column.check) {
        (Some(shown), Check::Scale(kept)) => shown < *kept,
        (Some(shown), _) => shown < 6,
        (None, _) => false,
    };
    let columns: Vec<&str> = table.columns.iter().filter(holds).map(|column| column.target_name.as_str()).collect();
    let message = format!(
        "SQLite's form shows less than a moment of PostgreSQL's may hold; write localtimestamp(0), say, and not now(), or \
         a rollback waits until such rows are changed: {}",
        columns.join(", ")
    );
    (!columns.is_empty()).then(|| Notice { object: table.source.name.clone(), message, remedy: None })
}
