//! `crossfade.touched`: the keys that reverse cycles have written since the last verify that compared everything
//!
//! With them the verify of a switch need not look at anything else. The list is bounded: where it would grow too long, and
//! where a repair has changed rows that nobody noted, `crossfade.reverse.untracked` is raised instead, and verifies from
//! before say nothing about now.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use super::connect::classify;
use crate::error::{Error, Result};

/// Keys of one statement
const KEYS_MAX: usize = 5_000;

/// Taken by a cycle before its view: what deletes from the list meanwhile would be in its way row by row, and one of the two
/// ended by a deadlock
pub(super) const LOCK: &str = "lock table crossfade.touched in row exclusive mode";

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, "keep track of what changed since the last verify")
}

/// Notes keys that a cycle has written, in its transaction
pub async fn note(client: &impl GenericClient, table_id: i64, cycle: i64, keys: &[Vec<u8>]) -> Result<()> {
    let sql = "insert into crossfade.touched (table_id, cycle, key) select $1, $2, k from unnest($3::bytea[]) k \
               on conflict (table_id, sha256(key)) do update set cycle = excluded.cycle";
    for some in keys.chunks(KEYS_MAX) {
        client.execute(sql, &[&table_id, &cycle, &some]).await.map_err(failed)?;
    }
    Ok(())
}

/// How many keys are noted
pub async fn count(client: &impl GenericClient) -> Result<u64> {
    let row = client.query_one("select count(*) from crossfade.touched", &[]).await.map_err(failed)?;
    Ok(row.get::<_, i64>(0) as u64)
}

/// The noted keys, each with the number of its table
pub async fn keys(client: &impl GenericClient) -> Result<Vec<(i64, Vec<u8>)>> {
    let rows = client.query("select table_id, key from crossfade.touched", &[]).await.map_err(failed)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Waits, in the caller's transaction, until no cycle is on its way, and keeps the next from beginning; `false` if that takes
/// too long
pub async fn hold_still(client: &Client) -> Result<bool> {
    let sql =
        "savepoint still; set local lock_timeout = '10s'; lock table crossfade.touched in share row exclusive mode";
    match client.batch_execute(sql).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            client.batch_execute("rollback to savepoint still").await.map(|()| false).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Gives up on knowing what changed: from here on only a verify of everything says anything
pub async fn lose_track(client: &impl GenericClient) -> Result<()> {
    let sql = "with gone as (delete from crossfade.touched) update crossfade.reverse set untracked = untracked + 1";
    client.execute(sql, &[]).await.map(|_| ()).map_err(failed)
}

/// How often track was lost so far: a verify counts while this stays the same
pub async fn lost(client: &impl GenericClient) -> Result<i64> {
    let row = client.query_one("select untracked from crossfade.reverse", &[]).await.map_err(failed)?;
    Ok(row.get(0))
}
