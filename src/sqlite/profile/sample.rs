//! A part of a very large table instead of all of it: blocks of rows, spread evenly over its rowids
//!
//! How many rows there are is then estimated from how densely the rowids of the blocks lie.

use rusqlite::{Connection, Result, params};

use super::{Counts, columns, source};
use crate::model::planner::existing::Collision;
use crate::model::profile::TableProfile;
use crate::model::schema::{Table, quote_identifier};

/// Blocks of one table: each may be a read from another place of the disk
const BLOCKS: u64 = 100;

/// The rowid's name, and the smallest and the largest one; `None` for a table without rowid, or without rows
pub(super) fn rowids(conn: &Connection, table: &Table) -> Result<Option<(String, i64, i64)>> {
    let alias = table.rowid_alias.map(|at| quote_identifier(&table.columns[at].name));
    let Some(name) = alias.or_else(|| table.rowid_name.clone()) else { return Ok(None) };
    let end = |function: &str| {
        let sql = format!("SELECT {function}(t.{name}) FROM {}", source(table));
        conn.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0))
    };
    Ok(end("min")?.zip(end("max")?).map(|(first, last)| (name, first, last)))
}

/// Rows that there are at most, if their rowids have no gaps
pub(super) fn span(first: i64, last: i64) -> u64 {
    last.abs_diff(first).saturating_add(1)
}

/// About `wanted` rows; `None` if the table has hardly more, or no rowid to spread them by
pub(super) fn sample(
    conn: &Connection,
    mut counts: Counts<'_>,
    wanted: u64,
    on_rows: &mut dyn FnMut(u64),
) -> Result<Option<(TableProfile, Vec<Collision>)>> {
    let (table, more) = (counts.table, counts.terms.sql());
    let Some((rowid, first, last)) = rowids(conn, table)? else { return Ok(None) };
    let span = span(first, last);
    if span <= wanted {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {}, t.{rowid}{} FROM {} NOT INDEXED WHERE t.{rowid} >= ? ORDER BY t.{rowid} LIMIT ?",
        columns(table),
        more,
        source(table)
    );
    let mut statement = conn.prepare(&sql)?;
    let rows_of_block = wanted.div_ceil(BLOCKS).max(1);
    let mut covered: u64 = 0;
    let mut next = first;
    for block in 0..BLOCKS {
        // In 128 bits: rowids may be anywhere in 64.
        let start = i128::from(first) + i128::from(span) * i128::from(block) / i128::from(BLOCKS);
        let start = i64::try_from(start).unwrap_or(i64::MAX).max(next);
        let mut rows = statement.query(params![start, rows_of_block as i64])?;
        let (mut read, mut end) = (0, start);
        while let Some(row) = rows.next()? {
            counts.add(row)?;
            end = row.get(table.columns.len())?;
            read += 1;
        }
        on_rows(read);
        // A block that the table's end cut off covers all up to there.
        covered = covered.saturating_add(self::span(start, if read < rows_of_block { last } else { end }));
        if read < rows_of_block || end == i64::MAX {
            break;
        }
        next = end + 1;
    }
    let (mut profile, collisions) = counts.finish();
    if covered < span {
        let estimate = |count: u64| (count as f64 * (span as f64 / covered.max(1) as f64)) as u64;
        profile.bytes = estimate(profile.bytes);
        profile.rows = estimate(profile.rows);
        profile.sampled = true;
    }
    Ok(Some((profile, collisions)))
}
