//! `crossfade.quarantine`: rows that the target cannot hold, whole, beside what it holds
//!
//! Every change belongs to the transaction that writes the rows (I3); none of it runs while every value fits.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, GenericClient, Row};

use super::connect::classify;
use crate::error::{Error, Result};
use crate::model::key::KeyRef;
use crate::model::plan::TablePlan;
use crate::model::quarantine::{CONTESTED, Changes, KeyHash, Rejected};

/// Bytes of one part of an image: PostgreSQL takes 1 GiB in one message, and a part is held in memory three times
const PART_BYTES: usize = 64 << 20;

/// Entries, and bytes of images, of one statement
const ENTRIES_MAX: usize = 1_000;
const STATEMENT_BYTES: usize = 8 << 20;

/// One row of the quarantine, without its image
#[derive(Clone, Debug)]
pub struct Entry {
    pub table_id: i64,
    pub hash: Vec<u8>,
    /// In the serialised form of `key::write_value`
    pub key: Vec<u8>,
    /// The key identifies the row: no part of it is NULL
    pub addressable: bool,
    pub key_text: String,
    pub column: String,
    pub reason: String,
    pub message: String,
    pub seq: i64,
    pub since: String,
}

/// Place in the order of [`entries`]
pub type Place = (i64, Vec<u8>);

fn failed(operation: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| classify(e, operation)
}

/// Applies what a batch changes; after the batch's own rows, in their transaction
pub async fn change(client: &Client, table: &TablePlan, changes: &Changes) -> Result<()> {
    release(client, table.id, &changes.released).await?;
    clear_keys(client, table.id, &changes.cleared).await?;
    hold(client, table, &changes.rejected).await
}

/// Drops the entries of these rows, if there are any
async fn release(client: &impl GenericClient, table_id: i64, released: &[KeyHash]) -> Result<()> {
    if released.is_empty() {
        return Ok(());
    }
    let hashes: Vec<&[u8]> = released.iter().map(|hash| &hash[..]).collect();
    let sql = "with gone as (delete from crossfade.quarantine where table_id = $1 and key_hash = any($2) \
               returning key_hash), \
               left_now as (update crossfade.quarantine_history h set left_at = now() from gone \
               where h.table_id = $1 and h.key_hash = gone.key_hash) \
               delete from crossfade.quarantine_image i using gone where i.table_id = $1 and i.key_hash = gone.key_hash";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table_id, Type::INT8), (&hashes, Type::BYTEA_ARRAY)];
    client.query_typed(sql, &parameters).await.map(|_| ()).map_err(failed("release rows of the quarantine"))
}

/// Drops the entries of all rows with these keys, which have a NULL in them
async fn clear_keys(client: &impl GenericClient, table_id: i64, keys: &[Vec<u8>]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = "with gone as (delete from crossfade.quarantine \
               where table_id = $1 and place is not null and key = any($2) returning key_hash), \
               left_now as (update crossfade.quarantine_history h set left_at = now() from gone \
               where h.table_id = $1 and h.key_hash = gone.key_hash) \
               delete from crossfade.quarantine_image i using gone where i.table_id = $1 and i.key_hash = gone.key_hash";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table_id, Type::INT8), (&keys, Type::BYTEA_ARRAY)];
    client.query_typed(sql, &parameters).await.map(|_| ()).map_err(failed("release rows of the quarantine"))
}

/// Drops every entry of a table: it is about to be read anew
pub async fn clear(client: &impl GenericClient, table_id: i64) -> Result<()> {
    for sql in [
        "delete from crossfade.quarantine_image where table_id = $1",
        "delete from crossfade.quarantine where table_id = $1",
        "update crossfade.quarantine_history set left_at = now() where table_id = $1 and left_at is null",
    ] {
        client.execute(sql, &[&table_id]).await.map_err(failed("empty the quarantine of a table"))?;
    }
    Ok(())
}

/// Keeps these rows; one that is there already is replaced, and stays there since it came
pub async fn hold(client: &impl GenericClient, table: &TablePlan, rejected: &[Rejected]) -> Result<()> {
    for some in rejected.chunks(ENTRIES_MAX) {
        store_entries(client, table, some).await?;
        store_images(client, table.id, some).await?;
    }
    Ok(())
}

async fn store_entries(client: &impl GenericClient, table: &TablePlan, rejected: &[Rejected]) -> Result<()> {
    let hashes: Vec<KeyHash> = rejected.iter().map(Rejected::hash).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
    let keys: Vec<&[u8]> = rejected.iter().map(|row| row.key.as_slice()).collect();
    let places: Vec<Option<i64>> = rejected.iter().map(|row| row.place).collect();
    let texts: Vec<String> = rejected.iter().map(|row| KeyRef(&row.key).text()).collect();
    let columns: Vec<&str> = rejected.iter().map(|row| row.column(table)).collect();
    let reasons: Vec<String> = rejected.iter().map(Rejected::reason).collect();
    let messages: Vec<String> = rejected.iter().map(|row| row.message(table)).collect();
    let seqs: Vec<i64> = rejected.iter().map(|row| row.seq).collect();
    let bytes: Vec<i64> = rejected.iter().map(|row| row.image.len() as i64).collect();
    let parts: Vec<i32> = rejected.iter().map(|row| row.image.len().div_ceil(PART_BYTES) as i32).collect();
    // A row that comes back was there all the time, as far as anybody could tell, or is a new case.
    let sql = "with noted as (insert into crossfade.quarantine_history (table_id, key_hash, key_text, column_name, reason, \
               message) select $1, hash, key_text, column_name, reason, message from \
               unnest($2::bytea[], $5::text[], $6::text[], $7::text[], $8::text[]) \
               as held(hash, key_text, column_name, reason, message) \
               on conflict (table_id, key_hash) do update set column_name = excluded.column_name, \
               reason = excluded.reason, message = excluded.message, left_at = null) \
               insert into crossfade.quarantine as q (table_id, key_hash, key, place, key_text, column_name, reason, \
               message, seq, bytes, parts) \
               select $1, * from unnest($2::bytea[], $3::bytea[], $4::int8[], $5::text[], $6::text[], $7::text[], \
               $8::text[], $9::int8[], $10::int8[], $11::int4[]) \
               on conflict (table_id, key_hash) do update set column_name = excluded.column_name, \
               reason = excluded.reason, message = excluded.message, seq = excluded.seq, bytes = excluded.bytes, \
               parts = excluded.parts, seen = now()";
    let parameters: [&(dyn ToSql + Sync); 11] =
        [&table.id, &hashes, &keys, &places, &texts, &columns, &reasons, &messages, &seqs, &bytes, &parts];
    client.execute(sql, &parameters).await.map_err(failed("keep rows in the quarantine"))?;
    let sql = "delete from crossfade.quarantine_image where table_id = $1 and key_hash = any($2)";
    client.execute(sql, &[&table.id, &hashes]).await.map(|_| ()).map_err(failed("keep rows in the quarantine"))
}

/// Stores the images in as few statements as their size allows
async fn store_images(client: &impl GenericClient, table_id: i64, rejected: &[Rejected]) -> Result<()> {
    let sql = "insert into crossfade.quarantine_image (table_id, key_hash, part, image) \
               select $1, * from unnest($2::bytea[], $3::int4[], $4::bytea[])";
    let pieces: Vec<(KeyHash, i32, &[u8])> = rejected
        .iter()
        .flat_map(|row| (0..).zip(row.image.chunks(PART_BYTES)).map(|(part, bytes)| (row.hash(), part, bytes)))
        .collect();
    let mut rest = &pieces[..];
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|(_, _, piece)| {
            bytes += piece.len();
            bytes <= STATEMENT_BYTES
        });
        // A piece that is too large for any statement has one of its own.
        let (some, others) = rest.split_at(fitting.count().max(1));
        let hashes: Vec<&[u8]> = some.iter().map(|(hash, _, _)| &hash[..]).collect();
        let parts: Vec<i32> = some.iter().map(|(_, part, _)| *part).collect();
        let images: Vec<&[u8]> = some.iter().map(|(_, _, image)| *image).collect();
        client
            .execute(sql, &[&table_id, &hashes, &parts, &images])
            .await
            .map_err(failed("keep rows in the quarantine"))?;
        rest = others;
    }
    Ok(())
}

/// The keys of the rows that the open transaction has put into the quarantine, as far as they identify a row
pub async fn just_held(client: &impl GenericClient, table_id: i64) -> Result<Vec<Vec<u8>>> {
    // `now()` is when the transaction began.
    let sql = "select key from crossfade.quarantine where table_id = $1 and place is null and since = now()";
    let rows = client.query(sql, &[&table_id]).await.map_err(failed("read the quarantine"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many rows of each table are in the quarantine; tables without any are left out
pub async fn counts(client: &impl GenericClient) -> Result<HashMap<i64, u64>> {
    let sql = "select table_id, count(*) from crossfade.quarantine group by table_id";
    let rows = client.query(sql, &[]).await.map_err(failed("count the rows of the quarantine"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64)).collect())
}

/// The next entries behind a place, of one table or of all
pub async fn entries(
    client: &impl GenericClient,
    table_id: Option<i64>,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Entry>> {
    let (after_table, after_hash) = after.map_or((i64::MIN, &[][..]), |(table, hash)| (*table, &hash[..]));
    let sql = "select table_id, key_hash, key, place is null, key_text, column_name, reason, message, seq, since::text \
               from crossfade.quarantine where (table_id, key_hash) > ($1, $2) and ($3::int8 is null or table_id = $3) \
               order by table_id, key_hash limit $4";
    let rows = client
        .query(sql, &[&after_table, &after_hash, &table_id, &(limit as i64)])
        .await
        .map_err(failed("read the quarantine"))?;
    Ok(rows.iter().map(entry).collect())
}

/// Entries of rows that the server refuses for the sake of another row: they may fit as soon as that one is corrected,
/// which touches only the other. Those that were tried longest ago
pub async fn contested(client: &impl GenericClient, limit: usize) -> Result<Vec<Entry>> {
    let sql = "select table_id, key_hash, key, place is null, key_text, column_name, reason, message, seq, since::text \
               from crossfade.quarantine where reason = any($1) order by seen limit $2";
    let reasons = CONTESTED.map(|code| format!("server:{code}"));
    let rows =
        client.query(sql, &[&reasons.as_slice(), &(limit as i64)]).await.map_err(failed("read the quarantine"))?;
    Ok(rows.iter().map(entry).collect())
}

fn entry(row: &Row) -> Entry {
    Entry {
        table_id: row.get(0),
        hash: row.get(1),
        key: row.get(2),
        addressable: row.get(3),
        key_text: row.get(4),
        column: row.get(5),
        reason: row.get(6),
        message: row.get(7),
        seq: row.get(8),
        since: row.get(9),
    }
}

impl Entry {
    pub fn place(&self) -> Place {
        (self.table_id, self.hash.clone())
    }
}

/// The stored form of the whole row; `None` if it has left meanwhile
pub async fn image(client: &impl GenericClient, table_id: i64, hash: &[u8]) -> Result<Option<Vec<u8>>> {
    let sql = "select image from crossfade.quarantine_image where table_id = $1 and key_hash = $2 and part = $3";
    let statement = client.prepare(sql).await.map_err(failed("read a row of the quarantine"))?;
    let mut image: Option<Vec<u8>> = None;
    for part in 0i32.. {
        let row = client
            .query_opt(&statement, &[&table_id, &hash, &part])
            .await
            .map_err(failed("read a row of the quarantine"))?;
        let Some(row) = row else { break };
        image.get_or_insert_default().extend_from_slice(row.get(0));
    }
    Ok(image)
}
