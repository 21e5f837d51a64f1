//! What the target says about a switch that is to begin: facts for the gate

use tokio_postgres::Client;

use super::connect::classify;
use super::copy::relation;
use crate::error::Result;
use crate::model::plan::{Notice, Plan};
use crate::model::schema::quote_identifier;

/// What stands in the control tables
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub last_error: Option<String>,
    /// Mismatches of the last verify that compared everything; `None` if there was none
    pub last_mismatches: Option<i64>,
    /// A verify that compared everything came to its end without a mismatch
    pub verified: bool,
    /// Rows that SQLite cannot hold
    pub unreturned: i64,
}

pub async fn facts(client: &Client) -> Result<Facts> {
    let sql = "select last_error, (select mismatches from crossfade.verify_runs where complete order by id desc limit 1), \
               exists(select from crossfade.verify_runs where complete and mismatches = 0 and (stands or in_flight = 0)), \
               (select count(*) from crossfade.unreturned) from crossfade.state";
    let row = client.query_one(sql, &[]).await.map_err(|e| classify(e, "look whether the switch can begin"))?;
    Ok(Facts { last_error: row.get(0), last_mismatches: row.get(1), verified: row.get(2), unreturned: row.get(3) })
}

/// Transactions that have been writing to the plan's tables for longer than this, and prepared ones: each with its name
pub async fn long_writers(client: &Client, plan: &Plan, seconds: f64) -> Result<Vec<String>> {
    let tables: Vec<String> = plan.tables.iter().map(|table| relation(plan, table)).collect();
    // A prepared transaction has no process: its locks show without one.
    let sql = "select coalesce('process ' || a.pid || ' of ' || a.usename || ' (' || a.application_name || ')', \
               'prepared transactions ' || (select string_agg(quote_literal(gid), ', ') from pg_prepared_xacts \
               where database = current_database())) \
               from pg_locks l left join pg_stat_activity a on a.pid = l.pid \
               where l.locktype = 'relation' and l.granted and l.relation = any(select to_regclass(t) from unnest($1::text[]) t) \
               and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', \
               'AccessExclusiveLock') and l.pid is distinct from pg_backend_pid() \
               and (l.pid is null or a.xact_start < now() - make_interval(secs => $2)) group by 1 order by 1";
    let rows = client.query(sql, &[&tables, &seconds]).await;
    let rows = rows.map_err(|e| classify(e, "look for transactions that are still writing"))?;
    Ok(rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)).collect())
}

/// Planned tables of which a policy would show the role some rows only
pub async fn row_security(client: &Client, plan: &Plan) -> Result<Vec<Notice>> {
    let tables: Vec<String> = plan.tables.iter().map(|table| relation(plan, table)).collect();
    let sql = "select t, current_user::text from unnest($1::text[]) t \
               where to_regclass(t) is not null and row_security_active(to_regclass(t)::oid) order by 1";
    let rows = client.query(sql, &[&tables]).await.map_err(|e| classify(e, "look for row security on the target"))?;
    let notice = |row: &tokio_postgres::Row| {
        let (table, role): (&str, String) = (row.get(0), quote_identifier(row.get(1)));
        let remedy = format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, or ALTER ROLE {role} BYPASSRLS");
        let message = "row security would hide rows of it from the role".to_owned();
        Notice { object: table.to_owned(), message, remedy: Some(remedy) }
    };
    Ok(rows.iter().map(notice).collect())
}
