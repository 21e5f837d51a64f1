//! Switches of the primary as the target records them: the switch, its steps, and what a request came to

use std::time::Duration;

use tokio_postgres::{Client, GenericClient, Row, Transaction};

use super::connect::classify;
use super::control::{self, guard};
use crate::error::{Error, Result};
use crate::model::phase::{Phase, Side};

/// Where nobody is kept waiting by ours
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Where writers wait behind us
pub const MOMENT: Duration = Duration::from_millis(150);

/// A switch that was begun and has not come to its end
#[derive(Clone, Debug)]
pub struct Begun {
    pub id: i64,
    /// Random; names the switch on the source too
    pub token: String,
    /// cutover, rehearsal, rollback
    pub kind: String,
    /// The step it was in
    pub step: Option<String>,
    /// switched, rehearsed, aborted; `None` if that was still open
    pub outcome: Option<String>,
}

/// What is asked for with a switch
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    pub kind: &'a str,
    pub request: i64,
    /// Names of the blockers that were overridden
    pub forced: &'a [String],
}

/// A step as another process reads it
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub number: i32,
    pub name: String,
    pub detail: String,
    /// `None` while it is under way, or if it failed
    pub seconds: Option<f64>,
}

/// How a switch ended
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// switched, rehearsed, aborted
    pub outcome: String,
    pub reason: Option<String>,
    /// For how long neither side accepted writes; `None` if nobody was there to measure it
    pub refused_seconds: Option<f64>,
}

/// How far a request has come
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub steps: Vec<Step>,
    pub done: bool,
    pub answer: Option<String>,
    /// Run that the target belongs to now
    pub run_id: i64,
    pub replicator_running: bool,
}

fn failed(operation: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| classify(e, operation)
}

/// A transaction that only the run in charge can commit, and whose COMMIT is on the disk when it returns, whatever the
/// role's settings say
pub async fn guarded(client: &mut Client, run_id: i64) -> Result<Transaction<'_>> {
    guarded_for(client, run_id, LOCK_TIMEOUT).await
}

/// As [`guarded`], with a limit to how long it waits for locks
pub async fn guarded_for(client: &mut Client, run_id: i64, patience: Duration) -> Result<Transaction<'_>> {
    let operation = "begin a step of the switch on the target";
    let transaction = client.transaction().await.map_err(failed(operation))?;
    let settings = format!(
        "set local synchronous_commit = on; set local lock_timeout = {}",
        patience.as_millis().clamp(1, i32::MAX as u128)
    );
    transaction.batch_execute(&settings).await.map_err(failed(operation))?;
    guard(&transaction, run_id).await?;
    Ok(transaction)
}

/// As [`guarded`], with these tables locked against writers; `None` where somebody holds one for longer than a moment.
/// Whoever writes waits behind us no longer than that
pub async fn locked<'c>(client: &'c mut Client, run_id: i64, tables: &[String]) -> Result<Option<Transaction<'c>>> {
    let operation = "lock the tables of the target";
    let transaction = guarded_for(client, run_id, MOMENT).await?;
    if tables.is_empty() {
        return Ok(Some(transaction));
    }
    // Each lock may be waited for so long; all together not much longer.
    let lock = format!(
        "set local statement_timeout = {}; lock table {} in share row exclusive mode; \
         set local statement_timeout to default",
        (MOMENT * 3).as_millis(),
        tables.join(", ")
    );
    match transaction.batch_execute(&lock).await.map_err(failed(operation)) {
        Ok(()) => Ok(Some(transaction)),
        Err(error) if error.is_transient() => {
            transaction.rollback().await.map_err(failed(operation))?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Enters a phase from the one that it must follow upon
///
/// # Errors
/// Another phase stands there: somebody else has moved on.
pub async fn enter(transaction: &Transaction<'_>, from: Phase, to: Phase) -> Result<()> {
    let sql = "with entered as (insert into crossfade.phases (phase) values ($2)) \
               update crossfade.state set phase = $2 where phase = $1";
    let changed = transaction.execute(sql, &[&from.as_str(), &to.as_str()]).await.map_err(failed("store the phase"))?;
    moved(changed, from)
}

fn moved(changed: u64, from: Phase) -> Result<()> {
    if changed == 1 {
        return Ok(());
    }
    Err(Error::refused(format!("the migration is not in phase `{from}` any more: another process moved it on")))
}

/// Begins a switch: the phase and its record, in one transaction
pub async fn begin(client: &mut Client, run_id: i64, phases: (Phase, Phase), intent: Intent<'_>) -> Result<Begun> {
    let operation = "begin the switch on the target";
    let transaction = guarded(client, run_id).await?;
    enter(&transaction, phases.0, phases.1).await?;
    let sql = "insert into crossfade.switches (token, kind, request, forced) \
               values (replace(gen_random_uuid()::text, '-', ''), $1, $2, $3) returning id, token, kind, null::text, null::text";
    let row = transaction.query_one(sql, &[&intent.kind, &intent.request, &intent.forced]).await;
    let begun = begun(&row.map_err(failed(operation))?);
    transaction.commit().await.map_err(failed(operation))?;
    Ok(begun)
}

fn begun(row: &Row) -> Begun {
    Begun { id: row.get(0), token: row.get(1), kind: row.get(2), step: row.get(3), outcome: row.get(4) }
}

/// The switches that have not come to their end, the newest first; more than one only if somebody meddled
pub async fn unfinished(client: &impl GenericClient) -> Result<Vec<Begun>> {
    let sql = "select id, token, kind, (select step from crossfade.switch_steps where switch_id = id and seconds is null \
               order by number desc limit 1), outcome from crossfade.switches where ended_at is null order by id desc";
    let rows = client.query(sql, &[]).await.map_err(failed("read the switches that were begun"))?;
    Ok(rows.iter().map(begun).collect())
}

/// Ends one step and begins the next, in one round trip. Nobody is harmed if a crash loses the last of these records, so
/// they do not wait for the disk while writes are refused
pub async fn step(
    client: &impl GenericClient,
    switch: i64,
    ended: Option<(i32, f64, &str)>,
    begun: Option<(i32, &str)>,
) -> Result<()> {
    let sql = "with quick as (select set_config('synchronous_commit', 'off', true)), \
               ended as (update crossfade.switch_steps set seconds = $3, detail = $4 where switch_id = $1 and number = $2) \
               insert into crossfade.switch_steps (switch_id, number, step) select $1, $5, $6 from quick \
               where $5::int is not null";
    let (number, seconds, detail) = ended.map_or((None, None, None), |(n, s, d)| (Some(n), Some(s), Some(d)));
    let (next, name) = begun.map_or((None, None), |(n, name)| (Some(n), Some(name)));
    client
        .execute(sql, &[&switch, &number, &seconds, &detail, &next, &name])
        .await
        .map(|_| ())
        .map_err(failed("record a step of the switch"))
}

/// Stores the fence point, for people
pub async fn fenced_at(client: &impl GenericClient, switch: i64, seq: i64) -> Result<()> {
    let sql = "update crossfade.switches set fence_seq = $2 where id = $1";
    client.execute(sql, &[&switch, &seq]).await.map(|_| ()).map_err(failed("record the fence point"))
}

/// Makes a side the primary, from the phase that this must follow upon; part of the transaction that opens it. `since` is
/// the server's clock if it is not given. Returns the moment in UTC
pub async fn make_primary(
    transaction: &Transaction<'_>,
    side: Side,
    phases: (Phase, Phase),
    since: Option<&str>,
) -> Result<String> {
    let sql = "with entered as (insert into crossfade.phases (phase) values ($2)) \
               update crossfade.state set phase = $2, primary_side = $3, \
               primary_since = coalesce($4::text::timestamptz, clock_timestamp()) where phase = $1 \
               returning to_char(primary_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')";
    let (from, to) = phases;
    let row = transaction
        .query_opt(sql, &[&from.as_str(), &to.as_str(), &side.as_str(), &since])
        .await
        .map_err(failed("store which side is the primary"))?;
    moved(u64::from(row.is_some()), from)?;
    Ok(row.map(|row| row.get(0)).unwrap_or_default())
}

/// Moment of the server's clock in UTC, in the form in which both sides keep it
pub async fn now(client: &impl GenericClient) -> Result<String> {
    let sql = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')";
    client.query_one(sql, &[]).await.map(|row| row.get(0)).map_err(failed("ask for the time"))
}

/// Since when the primary is the primary, in UTC
pub async fn primary_since(client: &impl GenericClient) -> Result<String> {
    let sql = "select to_char(primary_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') from crossfade.state";
    client.query_one(sql, &[]).await.map(|row| row.get(0)).map_err(failed("ask since when the primary is the primary"))
}

/// Notes how a switch ended; part of the transaction that made it so
pub async fn conclude(client: &impl GenericClient, switch: i64, outcome: &str, reason: Option<&str>) -> Result<()> {
    let sql = "update crossfade.switches set outcome = $2, reason = $3 where id = $1";
    client.execute(sql, &[&switch, &outcome, &reason]).await.map(|_| ()).map_err(failed("record the end of the switch"))
}

/// Closes the record of a switch, with the time for which writes were refused if it was measured
pub async fn close(client: &impl GenericClient, switch: i64, refused_seconds: Option<f64>) -> Result<()> {
    let sql = "update crossfade.switches set ended_at = clock_timestamp(), refused_seconds = $2 where id = $1";
    client.execute(sql, &[&switch, &refused_seconds]).await.map(|_| ()).map_err(failed("record the end of the switch"))
}

/// Answers a request
pub async fn answer(client: &impl GenericClient, request: i64, answer: &str) -> Result<()> {
    let sql =
        "update crossfade.control set answer = $2, taken_at = coalesce(taken_at, now()), done_at = now() where id = $1";
    client.execute(sql, &[&request, &answer]).await.map(|_| ()).map_err(failed("answer a request to the replicator"))
}

/// Answers what an earlier run was asked and did not answer: `switched` for what became a switch, else `dropped`
pub async fn answer_old(client: &impl GenericClient, switched: &str, dropped: &str) -> Result<()> {
    let sql = "update crossfade.control c set done_at = now(), answer = case when exists(\
               select from crossfade.switches where request = c.id) then $1 else $2 end \
               where taken_at is not null and done_at is null and verb in ('cutover', 'rehearse', 'rollback', 'abort')";
    client.execute(sql, &[&switched, &dropped]).await.map(|_| ()).map_err(failed("answer old requests"))
}

/// Takes a request that a switch be given up; whether there was one
pub async fn take_abort(client: &impl GenericClient) -> Result<bool> {
    let sql =
        "update crossfade.control set taken_at = now(), done_at = now() where verb = 'abort' and taken_at is null";
    client.execute(sql, &[]).await.map(|taken| taken > 0).map_err(failed("look for a request to give up the switch"))
}

/// How far a request has come
pub async fn progress(client: &impl GenericClient, request: i64) -> Result<Progress> {
    let operation = "look how far the switch has come";
    // Asked before anything else: a replicator that ends right after its answer must not look like one that gave none.
    let replicator_running = control::is_locked(client).await?;
    let sql = "select number, step, detail, seconds from crossfade.switch_steps \
               where switch_id = (select max(id) from crossfade.switches where request = $1) order by number";
    let asked = "select done_at is not null, answer, (select run_id from crossfade.checkpoint) from crossfade.control \
                 where id = $1";
    let asked = client.query_opt(asked, &[&request]).await.map_err(failed(operation))?;
    let steps = client.query(sql, &[&request]).await.map_err(failed(operation))?;
    let step = |row: &Row| Step { number: row.get(0), name: row.get(1), detail: row.get(2), seconds: row.get(3) };
    let (done, answer, run_id) = asked.map_or((true, None, 0), |row| (row.get(0), row.get(1), row.get(2)));
    Ok(Progress { steps: steps.iter().map(step).collect(), done, answer, run_id, replicator_running })
}

/// How the switch that a request began has ended
pub async fn outcome(client: &impl GenericClient, request: i64) -> Result<Option<Outcome>> {
    let sql = "select coalesce(outcome, ''), reason, refused_seconds from crossfade.switches where request = $1 \
               order by id desc limit 1";
    let row = client.query_opt(sql, &[&request]).await.map_err(failed("read how the switch ended"))?;
    Ok(row.map(|row| Outcome { outcome: row.get(0), reason: row.get(1), refused_seconds: row.get(2) }))
}

/// Closes the record of a switch whose end nobody measured, unless it is closed
pub async fn close_if_open(client: &impl GenericClient, switch: i64) -> Result<()> {
    let sql = "update crossfade.switches set ended_at = clock_timestamp() where id = $1 and ended_at is null";
    client.execute(sql, &[&switch]).await.map(|_| ()).map_err(failed("record the end of the switch"))
}
