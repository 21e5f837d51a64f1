//! `crossfade quarantine`

use std::io::Write;
use std::time::Duration;

use tokio_postgres::Client;

use super::run;
use crate::engine::job::Context;
use crate::engine::quarantine::{row_json, text_json, value_json};
use crate::error::{Error, ErrorKind, Result};
use crate::model::key::KeyRef;
use crate::model::plan::{Plan, TablePlan};
use crate::model::words::grouped;
use crate::postgres::connect::classify;
use crate::postgres::control;
use crate::postgres::quarantine::{self, Entry};

/// Entries that are held in memory at once
const PAGE: usize = 1_000;

/// Between two looks for the replicator's answer
const LOOK: Duration = Duration::from_millis(100);

/// Prints every row of the quarantine: which, since when, and why; as JSON with the row itself
pub fn list(context: &Context, table: Option<&str>, json: bool) -> Result<()> {
    let runtime = &context.runtime;
    let (client, plan, table) = open(context, table)?;
    // One view, so that the number belongs to the list.
    runtime
        .block_on(client.batch_execute("begin isolation level repeatable read read only"))
        .map_err(|e| classify(e, "open a read view of the target"))?;
    let total = count(context, &client, table)?;
    let mut out = std::io::stdout().lock();
    let mut after = None;
    let mut listed: u64 = 0;
    if json {
        print(&mut out, &format!("{{\n  \"quarantined\": {total},\n  \"rows\": ["))?;
    }
    loop {
        let page = runtime.block_on(quarantine::entries(&client, table, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.place());
        for entry in &page {
            let name = plan.name_of(entry.table_id).unwrap_or_default();
            if json {
                let image = runtime.block_on(quarantine::image(&client, entry.table_id, &entry.hash))?;
                let separator = if listed == 0 { "\n" } else { ",\n" };
                print(&mut out, &format!("{separator}    {}", json_of(name, entry, image.as_deref())?))?;
            } else {
                print(&mut out, &text_of(name, entry))?;
            }
            listed += 1;
        }
    }
    match (json, total) {
        (true, 0) => print(&mut out, "]\n}\n"),
        (true, _) => print(&mut out, "\n  ]\n}\n"),
        (false, 0) => print(&mut out, "the quarantine is empty\n"),
        (false, 1) => print(&mut out, "1 row is not on PostgreSQL\n"),
        (false, _) => print(&mut out, &format!("{} rows are not on PostgreSQL\n", grouped(total))),
    }
}

/// Has the replicator read every row of the quarantine again, and waits until it has
pub fn retry(context: &Context, name: Option<&str>, json: bool) -> Result<()> {
    run::stop_on_signals(context);
    let runtime = &context.runtime;
    let (client, _, table) = open(context, name)?;
    let before = count(context, &client, table)?;
    if !runtime.block_on(control::is_locked(&client))? {
        return Err(no_replicator());
    }
    let (request, asked) = runtime.block_on(control::request(&client, "retry", name))?;
    loop {
        context.stop.check()?;
        let (done, run) = runtime.block_on(control::is_answered(&client, request))?;
        if done {
            break;
        } else if run != asked || !runtime.block_on(control::is_locked(&client))? {
            return Err(no_replicator());
        }
        std::thread::sleep(LOOK);
    }
    let left = count(context, &client, table)?;
    let gone = before.saturating_sub(left);
    let text = match json {
        true => format!("{{\n  \"released\": {gone},\n  \"quarantined\": {left}\n}}\n"),
        false => format!("{} rows have left the quarantine, {} are in it\n", grouped(gone), grouped(left)),
    };
    print(&mut std::io::stdout().lock(), &text)
}

fn no_replicator() -> Error {
    Error::new(ErrorKind::WrongPhase, "no replicator is running that could try the rows again")
        .hint("start it with `crossfade run`, then ask again; a row that is corrected leaves by itself")
}

/// Connects, and finds the number of the table that was named
fn open(context: &Context, table: Option<&str>) -> Result<(Client, Plan, Option<i64>)> {
    let client = context.runtime.block_on(context.target.connect("crossfade quarantine"))?;
    let state = context.runtime.block_on(control::load(&client))?.ok_or_else(|| {
        Error::new(ErrorKind::WrongPhase, "there is no migration on this target").hint("start one with `crossfade run`")
    })?;
    let find = |name: &str| {
        let named = |table: &&TablePlan| state.plan.name_of(table.id) == Some(name);
        let searched = state.plan.search_tables.iter().map(|search| &search.table);
        state.plan.tables.iter().chain(searched).find(named).map(|table| table.id).ok_or_else(|| {
            Error::usage(format!("there is no table `{name}` in the plan")).hint("`crossfade status` lists the tables")
        })
    };
    let id = table.map(find).transpose()?;
    Ok((client, state.plan, id))
}

fn count(context: &Context, client: &Client, table: Option<i64>) -> Result<u64> {
    let counts = context.runtime.block_on(quarantine::counts(client))?;
    Ok(counts.iter().filter(|(id, _)| table.is_none_or(|table| table == **id)).map(|(_, count)| count).sum())
}

fn text_of(table: &str, entry: &Entry) -> String {
    let column = if entry.column.is_empty() { String::new() } else { format!("column {}: ", entry.column) };
    format!("{table} {}: {column}{} (since {})\n", entry.key_text, entry.message, entry.since)
}

/// One entry as a JSON object on one line
fn json_of(table: &str, entry: &Entry, image: Option<&[u8]>) -> Result<String> {
    let key: Vec<String> = KeyRef(&entry.key).parts().map(value_json).collect();
    let row = image.map(row_json).transpose()?.unwrap_or_else(|| "null".into());
    Ok(format!(
        "{{\"table\": {}, \"key\": [{}], \"column\": {}, \"reason\": {}, \"message\": {}, \"seq\": {}, \"since\": {}, \
         \"row\": {row}}}",
        text_json(table),
        key.join(", "),
        text_json(&entry.column),
        text_json(&entry.reason),
        text_json(&entry.message),
        entry.seq,
        text_json(&entry.since),
    ))
}

fn print(out: &mut impl Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|e| Error::internal("write to stdout").caused_by(e))
}
