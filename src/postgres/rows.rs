//! Reading rows back from the target, for verify: all of a table through COPY, or some by key
//!
//! Values are handed out as the server's binary fields; they are decoded by code of their own (`model::decode`), not
//! by turning the encoder round.

use std::pin::pin;

use bytes::{Buf, BytesMut};
use futures_util::TryStreamExt;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, CopyOutStream};

use super::apply::RawArray;
use super::connect::classify;
use super::copy::{copied_list, relation, same_key, unnest};
use super::existing::of_source;
use crate::error::{Error, Result};
use crate::model::change::Rows;
use crate::model::plan::{ColumnPlan, Mode, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// Signature (11 bytes), flags (4) and extension length (4) before the first tuple
const HEADER_BYTES: usize = 19;

/// Calls `visit` with the compared fields of every row of the table, in no particular order of rows
pub async fn scan(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    visit: impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<()> {
    let rows = match (plan.mode, of_source(table)) {
        (Mode::Create, _) if table.columns.iter().all(ColumnPlan::is_copied) => {
            format!("{} ({})", relation(plan, table), compared_list(plan, table, ""))
        }
        // By query: a table that stands may be partitioned, and COPY takes neither such a table nor a computed column.
        (_, condition) => {
            let condition = condition.map(|condition| format!(" where {condition}")).unwrap_or_default();
            format!("(select {} from {} t{condition})", compared_list(plan, table, "t."), relation(plan, table))
        }
    };
    scan_relation(client, table, &rows, table.compared_columns(plan.mode).count(), visit).await
}

/// Calls `visit` with the copied fields of every row, in no particular order: what the target computes is not among them
pub async fn scan_copied(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    visit: impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<()> {
    let condition = of_source(table).map(|condition| format!(" where {condition}")).unwrap_or_default();
    let rows = format!("(select {} from {} t{condition})", copied_list(table, "t."), relation(plan, table));
    scan_relation(client, table, &rows, table.copied_columns().count(), visit).await
}

/// Calls `visit` with the fields of every row of what stands between COPY and TO, so many of each
pub async fn scan_relation(
    client: &Client,
    table: &TablePlan,
    rows: &str,
    width: usize,
    mut visit: impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<()> {
    let failed = |e| classify(e, &format!("read table `{}` of the target", table.target_name));
    let sql = format!("copy {rows} to stdout (format binary)");
    let stream: CopyOutStream = client.copy_out(&sql).await.map_err(failed)?;
    let mut stream = pin!(stream);
    let mut pending = BytesMut::new();
    let mut header = HEADER_BYTES;
    while let Some(data) = stream.try_next().await.map_err(failed)? {
        pending.extend_from_slice(&data);
        if header > 0 && pending.len() >= header {
            pending.advance(std::mem::take(&mut header));
        }
        if header == 0 {
            let used = visit_tuples(&pending, table, width, &mut visit)?;
            pending.advance(used);
        }
    }
    Ok(())
}

/// The compared columns, each behind `prefix`; words as their text
fn compared_list(plan: &Plan, table: &TablePlan, prefix: &str) -> String {
    let terms = table.compared_columns(plan.mode).map(|(_, column)| {
        let text = if column.is_words() { "::text" } else { "" };
        format!("{prefix}{}{text}", quote_identifier(&column.target_name))
    });
    terms.collect::<Vec<_>>().join(", ")
}

/// Visits every whole tuple and returns how many bytes they took
fn visit_tuples(
    data: &[u8],
    table: &TablePlan,
    width: usize,
    visit: &mut impl FnMut(&[Option<&[u8]>]) -> Result<()>,
) -> Result<usize> {
    let mut fields: Vec<Option<&[u8]>> = Vec::with_capacity(width);
    let mut used = 0;
    loop {
        let mut rest = &data[used..];
        let Some((count, after)) = rest.split_first_chunk::<2>() else { return Ok(used) };
        let count = i16::from_be_bytes(*count);
        if count < 0 {
            return Ok(data.len());
        }
        if count as usize != width {
            return Err(Error::internal(format!("table `{}`: the server sent {count} columns", table.target_name)));
        }
        rest = after;
        fields.clear();
        for _ in 0..count {
            let Some((length, after)) = rest.split_first_chunk::<4>() else { return Ok(used) };
            let length = i32::from_be_bytes(*length);
            if length < 0 {
                fields.push(None);
                rest = after;
                continue;
            }
            let Some((field, after)) = after.split_at_checked(length as usize) else { return Ok(used) };
            fields.push(Some(field));
            rest = after;
        }
        visit(&fields)?;
        used = data.len() - rest.len();
    }
}

/// Calls `visit` with the compared fields of the rows with these keys, as the server sends them; with one row twice where
/// two of the keys are the same to the target
pub async fn by_keys(
    client: &Client,
    plan: &Plan,
    table: &TablePlan,
    keys: &Rows,
    mut visit: impl FnMut(&[Option<&[u8]>]),
) -> Result<()> {
    let failed = |e| classify(e, &format!("read rows of table `{}` of the target", table.target_name));
    let wanted = unnest(table.key_plans(), "d");
    let only = of_source(table).map(|condition| format!(" and {condition}")).unwrap_or_default();
    // Nothing is sorted here, as whole rows would be: whoever wants a row once sees it by its key.
    let sql = format!(
        "select {} from {} t join {} on {}{only}",
        compared_list(plan, table, "t."),
        relation(plan, table),
        wanted.relation,
        same_key(table, &wanted.terms)
    );
    let arrays: Vec<RawArray<'_>> = keys.arrays().map(RawArray).collect();
    let parameters = arrays.iter().map(|array| array as &(dyn ToSql + Sync));
    let mut rows = pin!(client.query_raw(&sql, parameters).await.map_err(failed)?);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let fields: Vec<Option<RawField<'_>>> = (0..row.len()).map(|index| row.get(index)).collect();
        let fields: Vec<Option<&[u8]>> = fields.into_iter().map(|field| field.map(|field| field.0)).collect();
        visit(&fields);
    }
    Ok(())
}

/// The binary fields of a row
pub type Fields = Vec<Option<Vec<u8>>>;

/// The fields of a row as the server sent them
pub fn fields_of(row: &tokio_postgres::Row) -> Fields {
    (0..row.len()).map(|index| row.get::<_, Option<RawField<'_>>>(index).map(|field| field.0.to_vec())).collect()
}

/// A field as the server sent it
struct RawField<'r>(&'r [u8]);

impl<'a> FromSql<'a> for RawField<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(RawField(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
