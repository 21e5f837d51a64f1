//! `crossfade.unreturned`: rows of the target that SQLite cannot hold while it follows
//!
//! Every change belongs to the transaction that takes the entries out of the change log. The row itself is in its table;
//! SQLite keeps what it had of it.

use std::collections::{HashMap, HashSet};

use tokio_postgres::GenericClient;
use tokio_postgres::types::ToSql;

use super::connect::classify;
use crate::error::{Error, Result};
use crate::model::key::KeyRef;

/// Entries of one statement
const ENTRIES_MAX: usize = 1_000;

/// One row that does not go back
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreturned {
    /// In the serialised form of `key::write_value`
    pub key: Vec<u8>,
    /// On the source; empty where the row as a whole is refused
    pub column: String,
    /// One word for scripts
    pub reason: &'static str,
    /// Holds no value of the row
    pub message: String,
}

fn failed(operation: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| classify(e, operation)
}

/// The keys that are noted, by table number, of these tables
pub async fn keys(client: &impl GenericClient, tables: &[i64]) -> Result<HashMap<i64, HashSet<Vec<u8>>>> {
    let sql = "select table_id, key from crossfade.unreturned where table_id = any($1)";
    let rows = client.query(sql, &[&tables]).await.map_err(failed("read the rows that did not go back"))?;
    let mut keys: HashMap<i64, HashSet<Vec<u8>>> = HashMap::new();
    for row in rows {
        keys.entry(row.get(0)).or_default().insert(row.get(1));
    }
    Ok(keys)
}

/// How many are noted, by table number; tables without any are left out
pub async fn counts(client: &impl GenericClient) -> Result<HashMap<i64, u64>> {
    let sql = "select table_id, count(*) from crossfade.unreturned group by 1";
    let rows = client.query(sql, &[]).await.map_err(failed("count the rows that did not go back"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64)).collect())
}

/// Drops the entries of these rows, which are on SQLite now, or gone
pub async fn release(client: &impl GenericClient, table_id: i64, keys: &[Vec<u8>]) -> Result<()> {
    for some in keys.chunks(ENTRIES_MAX) {
        let sql = "delete from crossfade.unreturned where table_id = $1 and sha256(key) in \
                   (select sha256(k) from unnest($2::bytea[]) k)";
        client.execute(sql, &[&table_id, &some]).await.map_err(failed("release rows that went back"))?;
    }
    Ok(())
}

/// Drops every entry of a table: all of it is about to be written anew
pub async fn clear(client: &impl GenericClient, table_id: i64) -> Result<()> {
    let sql = "delete from crossfade.unreturned where table_id = $1";
    client.execute(sql, &[&table_id]).await.map(|_| ()).map_err(failed("release the rows of a table"))
}

/// Notes these rows; one that is noted already stays there since it came
pub async fn hold(client: &impl GenericClient, table_id: i64, rows: &[Unreturned]) -> Result<()> {
    let sql = "insert into crossfade.unreturned as u (table_id, key, key_text, column_name, reason, message) \
               select $1, * from unnest($2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[]) \
               on conflict (table_id, sha256(key)) do update set \
               column_name = excluded.column_name, reason = excluded.reason, message = excluded.message";
    for some in rows.chunks(ENTRIES_MAX) {
        let keys: Vec<&[u8]> = some.iter().map(|row| row.key.as_slice()).collect();
        let texts: Vec<String> = some.iter().map(|row| KeyRef(&row.key).text()).collect();
        let columns: Vec<&str> = some.iter().map(|row| row.column.as_str()).collect();
        let reasons: Vec<&str> = some.iter().map(|row| row.reason).collect();
        let messages: Vec<&str> = some.iter().map(|row| row.message.as_str()).collect();
        let parameters: [&(dyn ToSql + Sync); 6] = [&table_id, &keys, &texts, &columns, &reasons, &messages];
        client.execute(sql, &parameters).await.map_err(failed("note rows that do not go back"))?;
    }
    Ok(())
}
