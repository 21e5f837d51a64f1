//! Rows of a key range with their images, for when the server has refused one of them
//!
//! What the quarantine would keep of a row is made before anybody knows which row it will be, so only few rows are held
//! at once.

use rusqlite::Connection;

use super::change_log;
use super::connection::{classify, in_read_view};
use super::cycle::push_row;
use super::rejected::{has_nullable_key, reject, unaddressable, whole};
use super::rows::{bind_key, key_of, select_range_sql};
use crate::error::Result;
use crate::model::change::Rows;
use crate::model::chunk::Range;
use crate::model::key::KeyRef;
use crate::model::plan::TablePlan;
use crate::model::quarantine::{Rejected, Whole};

/// Rows and bytes of one slice
const SLICE_ROWS: usize = 256;
const SLICE_BYTES: usize = 4 << 20;

/// Part of a key range
pub struct WholeSlice {
    /// Sealed
    pub rows: Rows,
    /// The same rows
    pub whole: Vec<Whole>,
    /// Rows with a value that does not fit; they are in neither
    pub rejected: Vec<Rejected>,
    /// Key of the last row if the range goes on, `None` if the range is finished
    pub last_key: Option<Vec<u8>>,
}

/// Reads rows of a range in a read view of its own
pub fn read_whole_slice(connection: &Connection, table: &TablePlan, range: &Range) -> Result<WholeSlice> {
    in_read_view(connection, |connection| read_whole_slice_in_view(connection, table, range))
}

/// As [`read_whole_slice`], in the read view that is open
pub fn read_whole_slice_in_view(connection: &Connection, table: &TablePlan, range: &Range) -> Result<WholeSlice> {
    let failed = |e| classify(e, &format!("read table `{}`", table.source.name));
    let seq = change_log::head(connection)?.seq;
    let mut statement = connection.prepare_cached(&select_range_sql(table, range)).map_err(failed)?;
    let mut next = 1;
    for bound in [&range.after, &range.through].into_iter().flatten() {
        bind_key(&mut statement, next, KeyRef(bound))?;
        next += table.key.parts.len();
    }
    let rows = Rows::new(table.copied_columns().map(|(_, column)| column));
    let mut slice = WholeSlice { rows, whole: Vec::new(), rejected: Vec::new(), last_key: None };
    if range.after.is_none() && has_nullable_key(table) {
        slice.rejected = unaddressable(connection, table, None)?;
    }
    let mut bytes = 0;
    let mut found = statement.raw_query();
    while let Some(row) = found.next().map_err(failed)? {
        match push_row(row, table, &mut slice.rows) {
            Ok(()) => {
                slice.rows.end_row();
                let row = whole(row, table, seq)?;
                bytes += row.byte_size();
                slice.whole.push(row);
            }
            Err((index, misfit)) => {
                slice.rows.undo_row();
                let row = reject(row, table, index, misfit, seq)?;
                bytes += row.byte_size();
                slice.rejected.push(row);
            }
        }
        if slice.whole.len() + slice.rejected.len() >= SLICE_ROWS || bytes >= SLICE_BYTES {
            slice.last_key = Some(key_of(row, table));
            break;
        }
    }
    slice.rows.seal();
    Ok(slice)
}
