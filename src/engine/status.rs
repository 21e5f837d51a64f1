//! Gathering a status from both sides, as another process than the replicator

use rusqlite::Connection;
use tokio_postgres::Client;

use crate::engine::job::Context;
use crate::engine::searching;
use crate::error::{Error, Result};
use crate::model::phase::{Phase, Side};
use crate::observe::status::{ErrorStatus, Status, TableStatus, VerifyStatus};
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint, NO_POSITION, State};
use crate::postgres::{change_log as change_log_of_target, quarantine, unreturned};
use crate::sqlite::capture;
use crate::sqlite::change_log::{self, LogPosition};
use crate::sqlite::connection::{in_read_view, open_reader, schema_version};
use crate::sqlite::fence;

/// The status, and the error that kept a side from answering, if any
pub fn gather(context: &Context) -> (Status, Option<Error>) {
    let mut status = Status::empty();
    let source = Source::open(context);
    if let Ok(Some(source)) = &source {
        status.head_seq = Some(source.head);
    }
    let target = context.runtime.block_on(async {
        let client = context.target.connect("crossfade status").await?;
        from_target(&client, source.as_ref().ok().and_then(Option::as_ref), &mut status).await
    });
    if status.primary.is_none() {
        (status.primary, status.primary_since) = primary_of_source(&source, target.is_ok());
    }
    // The replicator reports what it sees; a source that does not answer now is news.
    let error = target.err().or(source.err());
    if let Some(error) = &error {
        status.in_sync = false;
        status.last_error = Some(ErrorStatus { message: error.summary(), hint: error.hint_text().map(str::to_owned) });
    }
    (status, error)
}

/// Who is the primary, where the target does not say: by the file's own word. With neither a migration here nor there it is
/// SQLite; and where nobody can be asked, nothing is said
fn primary_of_source(
    source: &Result<Option<Source>>,
    has_no_migration: bool,
) -> (Option<&'static str>, Option<String>) {
    match source {
        Ok(Some(source)) => fence::state(&source.connection).map_or((None, None), |state| {
            (Some(state.primary.as_str()), Some(state.since).filter(|since| !since.is_empty()))
        }),
        Ok(None) if has_no_migration => (Some(Side::Sqlite.as_str()), None),
        _ => (None, None),
    }
}

/// The source as it is now
struct Source {
    connection: Connection,
    id: String,
    head: i64,
    schema_version: i64,
}

impl Source {
    /// `None` where no capture is installed
    fn open(context: &Context) -> Result<Option<Source>> {
        let connection = open_reader(&context.settings.source)?;
        let facts = in_read_view(&connection, |connection| {
            let version = schema_version(connection)?;
            let id = capture::source_id(connection)?;
            id.map(|id| Ok((id, change_log::head(connection)?.seq, version))).transpose()
        })?;
        Ok(facts.map(|(id, head, schema_version)| Source { connection, id, head, schema_version }))
    }

    /// Why the target cannot be called in sync with this source, whatever the numbers say
    fn objection(&self, state: &State, checkpoint: Checkpoint) -> Result<Option<&'static str>> {
        let position = LogPosition { seq: checkpoint.seq, nonce: checkpoint.nonce };
        Ok(if self.id != state.source_id {
            Some("the source belongs to another migration")
        } else if state.repair_reason.is_some() {
            Some("changes were missed, and the tables are still to be compared")
        } else if change_log::find(&self.connection, position)?.is_some() {
            Some("the checkpoint is not in the change log of the source: it was restored, or the log overflowed")
        } else if state.schema_version != Some(self.schema_version) {
            Some("the schema of the source changed, and capture is not proven complete since")
        } else {
            None
        })
    }
}

async fn from_target(client: &Client, source: Option<&Source>, status: &mut Status) -> Result<()> {
    status.replicator_running = control::is_locked(client).await?;
    let Some(state) = control::load(client).await? else { return Ok(()) };
    status.phase = Some(state.phase.to_string());
    let checkpoint = control::checkpoint(client).await?;
    status.consistent = checkpoint.consistent;
    status.checkpoint_seq = (checkpoint.seq != NO_POSITION).then_some(checkpoint.seq);
    let quarantined = quarantine::counts(client).await?;
    status.quarantined = quarantined.values().sum();
    let count = |table: &control::TableProgress| quarantined.get(&table.id).copied().unwrap_or_default();
    let tables = control::tables(client).await?.into_iter();
    status.tables = tables.map(|table| TableStatus { quarantined: count(&table), ..table_status(table) }).collect();
    status.search_tables = searching::states(client, &state.plan, source.map(|source| &source.connection)).await?;
    let notices = control::notices(client).await?.into_iter();
    status.notices = notices.map(|n| format!("{}: {}", n.object, n.message)).collect();
    status.last_verify = last_verify(client).await?;
    let sql = "select head_seq, rate, last_error, last_error_hint, \
               extract(epoch from now() - coalesce(in_sync_at, created_at))::float8, primary_side, \
               primary_since::text from crossfade.state";
    let live = client.query_one(sql, &[]).await.map_err(|e| classify(e, "read the live state"))?;
    status.head_seq = status.head_seq.or_else(|| live.get(0));
    status.rate = live.get(1);
    status.last_error = live.get::<_, Option<String>>(2).map(|message| ErrorStatus { message, hint: live.get(3) });
    let primary = live.get::<_, &str>(5).parse().unwrap_or(Side::Sqlite);
    status.primary = Some(primary.as_str());
    status.primary_since = live.get(6);
    status.switching = state.phase.is_switch();
    status.unreturned = unreturned::counts(client).await?.values().sum();
    if primary == Side::Postgres {
        return in_reverse(client, &state, source, status).await;
    }
    if let (Some(head), Some(checkpoint)) = (status.head_seq, status.checkpoint_seq) {
        // The head was read first: the replicator may have gone past it since.
        let backlog = (head - checkpoint).max(0);
        status.backlog = Some(backlog);
        status.lag_seconds = Some(if backlog == 0 { 0.0 } else { live.get(4) });
    }
    let following = state.phase == Phase::Following && checkpoint.consistent;
    if let (Some(source), true) = (source, following) {
        // With a replicator at work the view of the source may be a moment older than the checkpoint; it sees to such
        // things by itself within that moment.
        let objection = source
            .objection(&state, checkpoint)?
            .filter(|_| checkpoint.seq <= source.head || !status.replicator_running);
        let is_searched = status.search_tables.iter().all(|table| table.changed == Some(false));
        status.in_sync = is_searched && objection.is_none() && status.backlog == Some(0) && status.last_error.is_none();
        status.notices.extend(objection.map(|why| format!("not in sync: {why}; `crossfade run` sees to it")));
    }
    Ok(())
}

/// How far SQLite follows
async fn in_reverse(client: &Client, state: &State, source: Option<&Source>, status: &mut Status) -> Result<()> {
    // SQLite's number before the log: what is deleted from the log in between has arrived.
    let held = source.map(|source| change_log::reverse_cycle(&source.connection)).transpose()?;
    let waiting = change_log_of_target::backlog(client).await?;
    status.backlog = Some(waiting.keys);
    status.lag_seconds = Some(waiting.seconds);
    let (Some(source), Some(held)) = (source, held) else { return Ok(()) };
    let row = client.query_one("select cycle from crossfade.reverse", &[]).await;
    let expected: i64 = row.map_err(|e| classify(e, "read how far SQLite follows"))?.get(0);
    let objection = if source.id != state.source_id {
        Some("the source belongs to another migration".to_owned())
    } else if let Some(reason) = &state.repair_reason {
        Some(format!("the tables are still to be compared: {reason}"))
    } else if held < expected && !status.replicator_running || held > expected + 1 {
        Some("SQLite's file is not the one that followed: it was restored or replaced".to_owned())
    } else {
        None
    };
    let is_settled = state.phase == Phase::Reversed && status.last_error.is_none();
    status.in_sync = is_settled && objection.is_none() && waiting.keys == 0;
    status.notices.extend(objection.map(|why| format!("not in sync: {why}; `crossfade run` sees to it")));
    Ok(())
}

fn table_status(table: control::TableProgress) -> TableStatus {
    TableStatus {
        name: table.name,
        rows_copied: table.rows_copied,
        rows_total: table.rows_total,
        bytes_copied: table.bytes_copied,
        state: table.state,
        quarantined: 0,
    }
}

async fn last_verify(client: &Client) -> Result<Option<VerifyStatus>> {
    let sql = "select finished_at::text, through_seq, rows_compared, mismatches, in_flight, quarantined \
               from crossfade.verify_runs order by id desc limit 1";
    let row = client.query_opt(sql, &[]).await.map_err(|e| classify(e, "read the last verify"))?;
    Ok(row.map(|row| VerifyStatus {
        finished_at: row.get(0),
        through_seq: row.get(1),
        rows_compared: row.get(2),
        mismatches: row.get(3),
        in_flight: row.get(4),
        quarantined: row.get(5),
    }))
}
