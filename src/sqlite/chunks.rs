//! Where the next chunk of a table ends

use rusqlite::{Connection, OptionalExtension};

use super::connection::classify;
use super::rows::{bind_key, boundary_sql, key_at};
use crate::error::Result;
use crate::model::key::{KeyRef, write_value};
use crate::model::plan::TablePlan;
use crate::model::schema::quote_identifier;
use crate::model::value::Value;

/// Finds the inclusive end of the chunk that begins after `after` and holds about `row_count` rows; `None` is the end of
/// the table
pub fn chunk_end(
    connection: &Connection,
    table: &TablePlan,
    after: Option<&[u8]>,
    row_count: u64,
) -> Result<Option<Vec<u8>>> {
    if table.key.is_rowid() {
        rowid_end(connection, table, after, row_count)
    } else {
        walked_end(connection, table, after, row_count)
    }
}

/// By arithmetic: one seek instead of a walk over every row. Uneven density makes chunks uneven, not wrong; readers
/// work in slices, so a dense chunk does not need more memory
fn rowid_end(
    connection: &Connection,
    table: &TablePlan,
    after: Option<&[u8]>,
    row_count: u64,
) -> Result<Option<Vec<u8>>> {
    let failed = |e| classify(e, &format!("find a chunk of table `{}`", table.source.name));
    let rowid = &table.key.parts[0].sql;
    let name = quote_identifier(&table.source.name);
    let after = match after.and_then(|key| KeyRef(key).parts().next()) {
        Some(Value::Integer(after)) => after,
        _ => i64::MIN,
    };
    // Skips gaps: the chunk begins where there are rows. A row at i64::MIN itself is in the first chunk anyway, whose
    // range has no lower bound.
    let first: Option<i64> = connection
        .query_row(&format!("SELECT {rowid} FROM {name} WHERE {rowid} > ?1 ORDER BY {rowid} LIMIT 1"), [after], |row| {
            row.get(0)
        })
        .optional()
        .map_err(failed)?;
    let bounds = format!("SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})");
    let (min, max): (Option<i64>, Option<i64>) =
        connection.query_row(&bounds, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    let (Some(first), Some(min), Some(max)) = (first, min, max) else { return Ok(None) };
    let spread = (i128::from(max) - i128::from(min) + 1) / i128::from(table.row_count.max(1));
    let end = i128::from(first) + i128::from(row_count) * spread.max(1) - 1;
    if end >= i128::from(max) {
        return Ok(None);
    }
    let mut key = Vec::new();
    write_value(&mut key, Value::Integer(end as i64));
    Ok(Some(key))
}

/// By walking the key's index
fn walked_end(
    connection: &Connection,
    table: &TablePlan,
    after: Option<&[u8]>,
    row_count: u64,
) -> Result<Option<Vec<u8>>> {
    let failed = |e| classify(e, &format!("find a chunk of table `{}`", table.source.name));
    let mut statement = connection.prepare_cached(&boundary_sql(table, after.is_some())).map_err(failed)?;
    let mut next = 1;
    if let Some(after) = after {
        bind_key(&mut statement, next, KeyRef(after))?;
        next += table.key.parts.len();
    }
    statement.raw_bind_parameter(next, row_count.saturating_sub(1) as i64).map_err(failed)?;
    let mut rows = statement.raw_query();
    let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
    Ok(Some(key_at(row, 0, table)))
}
