//! Reading the record of the migration, for `report`

use std::collections::HashMap;

use tokio_postgres::{GenericClient, Row, SimpleQueryMessage};

use super::connect::classify;
use crate::error::{Error, Result};
use crate::model::record::{
    HeldRecord, NoticeRecord, PhaseRecord, QuarantineCount, Record, StepRecord, SwitchRecord, VerifyRecord,
};

/// Rows that are listed one by one; those beyond are counted only
const LISTED: i64 = 200;

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, "read the record of the migration")
}

/// A moment in UTC
fn moment(term: &str) -> String {
    format!("to_char({term} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
}

/// Everything, in the view of the caller's transaction
pub async fn read(client: &impl GenericClient) -> Result<Record> {
    let sql = format!(
        "select {}, {}, phase, primary_side, {}, 'PostgreSQL ' || current_setting('server_version') from crossfade.state",
        moment("now()"),
        moment("created_at"),
        moment("primary_since")
    );
    let row = client.query_one(&sql, &[]).await.map_err(failed)?;
    let (verify_runs, verify_runs_in_all) = verify_runs(client).await?;
    let (unreturned_rows, unreturned_in_all) = unreturned(client).await?;
    Ok(Record {
        read_at: row.get(0),
        created_at: row.get(1),
        phase: row.get(2),
        primary: row.get(3),
        primary_since: row.get(4),
        server: row.get(5),
        phases: phases(client).await?,
        switches: switches(client).await?,
        verify_runs,
        verify_runs_in_all,
        quarantine: quarantine(client).await?,
        quarantined_rows: quarantined_rows(client).await?,
        unreturned_in_all,
        unreturned_rows,
        notices: notices(client).await?,
    })
}

async fn rows<T>(client: &impl GenericClient, sql: &str, each: impl Fn(&Row) -> T) -> Result<Vec<T>> {
    Ok(client.query(sql, &[]).await.map_err(failed)?.iter().map(each).collect())
}

async fn count(client: &impl GenericClient, table: &str) -> Result<i64> {
    let sql = format!("select count(*) from crossfade.{table}");
    client.query_one(&sql, &[]).await.map(|row| row.get(0)).map_err(failed)
}

async fn phases(client: &impl GenericClient) -> Result<Vec<PhaseRecord>> {
    let sql = format!(
        "select phase, {}, extract(epoch from lead(entered_at) over (order by id) - entered_at)::float8 \
         from crossfade.phases order by id",
        moment("entered_at")
    );
    rows(client, &sql, |row| PhaseRecord { phase: row.get(0), entered_at: row.get(1), seconds: row.get(2) }).await
}

async fn switches(client: &impl GenericClient) -> Result<Vec<SwitchRecord>> {
    let sql = format!(
        "select switch_id, step, detail, {}, seconds from crossfade.switch_steps order by number",
        moment("began_at")
    );
    let mut steps: HashMap<i64, Vec<StepRecord>> = HashMap::new();
    for row in client.query(&sql, &[]).await.map_err(failed)? {
        let step = StepRecord { step: row.get(1), detail: row.get(2), began_at: row.get(3), seconds: row.get(4) };
        steps.entry(row.get(0)).or_default().push(step);
    }
    let sql = format!(
        "select id, kind, {}, {}, outcome, reason, forced, fence_seq, refused_seconds from crossfade.switches order by id",
        moment("began_at"),
        moment("ended_at")
    );
    let switches = client.query(&sql, &[]).await.map_err(failed)?;
    let record = |row: &Row| SwitchRecord {
        kind: row.get(1),
        began_at: row.get(2),
        ended_at: row.get(3),
        outcome: row.get(4),
        reason: row.get(5),
        forced: row.get(6),
        fence_seq: row.get(7),
        refused_seconds: row.get(8),
        steps: steps.remove(&row.get(0)).unwrap_or_default(),
    };
    Ok(switches.iter().map(record).collect())
}

async fn verify_runs(client: &impl GenericClient) -> Result<(Vec<VerifyRecord>, i64)> {
    let sql = format!(
        "select {}, {}, through_seq, rows_compared, mismatches, in_flight, quarantined from \
         (select * from crossfade.verify_runs order by id desc limit {LISTED}) newest order by id",
        moment("started_at"),
        moment("finished_at")
    );
    let record = |row: &Row| VerifyRecord {
        started_at: row.get(0),
        finished_at: row.get(1),
        through_seq: row.get(2),
        rows_compared: row.get(3),
        mismatches: row.get(4),
        in_flight: row.get(5),
        quarantined: row.get(6),
    };
    Ok((rows(client, &sql, record).await?, count(client, "verify_runs").await?))
}

async fn quarantine(client: &impl GenericClient) -> Result<Vec<QuarantineCount>> {
    let sql = "select t.name, h.column_name, h.reason, count(*) filter (where h.left_at is null), count(h.left_at) \
               from crossfade.quarantine_history h join crossfade.tables t on t.id = h.table_id \
               group by 1, 2, 3 order by 1, 2, 3";
    let record = |row: &Row| QuarantineCount {
        table: row.get(0),
        column: row.get(1),
        reason: row.get(2),
        held: row.get(3),
        left: row.get(4),
    };
    rows(client, sql, record).await
}

async fn quarantined_rows(client: &impl GenericClient) -> Result<Vec<HeldRecord>> {
    let sql = format!(
        "select t.name, h.key_text, h.column_name, h.reason, h.message, {}, {} \
         from crossfade.quarantine_history h join crossfade.tables t on t.id = h.table_id \
         order by h.left_at is not null, h.entered_at desc, t.name, h.key_text limit {LISTED}",
        moment("h.entered_at"),
        moment("h.left_at")
    );
    rows(client, &sql, held).await
}

async fn unreturned(client: &impl GenericClient) -> Result<(Vec<HeldRecord>, i64)> {
    let sql = format!(
        "select t.name, u.key_text, u.column_name, u.reason, u.message, {}, null::text \
         from crossfade.unreturned u join crossfade.tables t on t.id = u.table_id \
         order by u.since desc, t.name, u.key_text limit {LISTED}",
        moment("u.since")
    );
    Ok((rows(client, &sql, held).await?, count(client, "unreturned").await?))
}

fn held(row: &Row) -> HeldRecord {
    HeldRecord {
        table: row.get(0),
        key: row.get(1),
        column: row.get(2),
        reason: row.get(3),
        message: row.get(4),
        since: row.get(5),
        left_at: row.get(6),
    }
}

async fn notices(client: &impl GenericClient) -> Result<Vec<NoticeRecord>> {
    let sql = format!(
        "select object, message, {} from crossfade.notices order by noted_at, object, message",
        moment("noted_at")
    );
    rows(client, &sql, |row| NoticeRecord { object: row.get(0), message: row.get(1), noted_at: row.get(2) }).await
}

/// The one line that a statement gives, as `psql -At` prints it
pub async fn line(client: &tokio_postgres::Client, sql: &str) -> Result<String> {
    let failed = |e| classify(e, "read a table of the target for the report");
    for message in client.simple_query(sql).await.map_err(failed)? {
        if let SimpleQueryMessage::Row(row) = message {
            let fields: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or_default()).collect();
            return Ok(fields.join("|"));
        }
    }
    Err(Error::internal("a statement that counts gave no row"))
}
