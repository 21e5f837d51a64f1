//! Why the tables must be compared before either side can be believed, as it is stored while PostgreSQL is the primary
//!
//! The follower notes it when it finds that writes were not captured, and a verify, which is another process, when it finds
//! rows that differ. Whoever has compared takes away the reason that he knew, and no other.

use tokio_postgres::GenericClient;

use super::connect::classify;
use crate::error::Result;

/// As it is stored now
pub async fn reason(client: &impl GenericClient) -> Result<Option<String>> {
    let row = client.query_one("select repair_reason from crossfade.state", &[]).await;
    row.map(|row| row.get(0)).map_err(|e| classify(e, "look whether the tables must be compared"))
}

/// The tables were compared for this reason; another one that came meanwhile stays
pub async fn settle(client: &impl GenericClient, reason: &str) -> Result<()> {
    let sql = "update crossfade.state set repair_reason = null where repair_reason = $1";
    let settled = client.execute(sql, &[&reason]).await;
    settled.map(|_| ()).map_err(|e| classify(e, "store that the tables were compared"))
}

/// Has the follower of PostgreSQL compare the tables, and bring over what differs; a rollback under way is given up for it.
/// Nothing where PostgreSQL is not the primary any more. Each call is a reason of its own, so that a comparison
/// that is under way does not settle it
pub async fn ask(client: &impl GenericClient, why: &str) -> Result<bool> {
    let sql = r#"update crossfade.state set repair_reason = $1 || to_char(clock_timestamp() at time zone 'UTC',
               ' "(at" YYYY-MM-DD HH24:MI:SS.US "UTC)"') where phase in ('reversed', 'rolling_back')"#;
    let asked = client.execute(sql, &[&why]).await.map_err(|e| classify(e, "ask for the tables to be compared"))?;
    Ok(asked > 0)
}
