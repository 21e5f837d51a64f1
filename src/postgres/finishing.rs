//! What `finish` notes in the target, so that it can be run again after a crash between the two sides

use tokio_postgres::GenericClient;

use super::connect::classify;
use super::control::superseded;
use crate::error::Result;

/// Whether SQLite is being put aside, or is already
pub async fn is_marked(client: &impl GenericClient) -> Result<bool> {
    let row = client.query_one("select finishing from crossfade.state", &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "look whether the migration is being finished"))
}

/// Notes that SQLite is about to be put aside, or that it is not after all; guarded by the run's number
///
/// # Errors
/// Refused, if another run took over.
pub async fn mark(client: &impl GenericClient, run_id: i64, finishing: bool) -> Result<()> {
    let sql = "update crossfade.state set finishing = $1 \
               where phase = 'reversed' and (select run_id from crossfade.checkpoint) = $2";
    let changed = client.execute(sql, &[&finishing, &run_id]).await;
    match changed.map_err(|e| classify(e, "note that the migration is being finished"))? {
        1 => Ok(()),
        _ => Err(superseded()),
    }
}

/// The day on the server's clock, in UTC
pub async fn today(client: &impl GenericClient) -> Result<String> {
    let sql = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD')";
    let row = client.query_one(sql, &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "read the server's clock"))
}
