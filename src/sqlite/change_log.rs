//! Reading the change log: its head, the nonce at a position, and the entries of a tail

use rusqlite::{Connection, OptionalExtension, Row};

use super::connection::classify;
use super::rows::column;
use super::utf16::unsound_term;
use crate::error::{Error, Result};
use crate::model::key::write_value;
use crate::model::plan::TablePlan;
use crate::model::value::Value;

/// An entry's number and its nonce: together they prove that the log at this place is the one that was read before
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    pub seq: i64,
    pub nonce: i64,
}

/// Why the position of the checkpoint is not in the log any more
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionLost {
    /// The log trimmed itself past the checkpoint
    Overflow,
    /// Another history: the file was restored, rolled back or replaced
    Forked,
}

/// The newest entry; the log is never empty while capture is installed
pub fn head(connection: &Connection) -> Result<LogPosition> {
    connection
        .prepare_cached("SELECT seq, r FROM _crossfade_log ORDER BY seq DESC LIMIT 1")
        .and_then(|mut s| s.query_row([], |row| Ok(LogPosition { seq: row.get(0)?, nonce: row.get(1)? })).optional())
        .map_err(|e| classify(e, "read the head of the change log"))?
        .ok_or_else(|| {
            Error::refused("the change log on the source is empty: something deleted entries from `_crossfade_log`")
                .hint("run `crossfade cancel`, then start again")
        })
}

/// The last reverse cycle that the file holds; 0 before the first
pub fn reverse_cycle(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("SELECT v FROM _crossfade_state WHERE k = 'cycle'")
        .and_then(|mut s| s.query_row([], |row| row.get(0)).optional())
        .map(Option::unwrap_or_default)
        .map_err(|e| classify(e, "read how far SQLite follows"))
}

/// Checks that the position is still in the log with the same nonce (I5)
pub fn find(connection: &Connection, position: LogPosition) -> Result<Option<PositionLost>> {
    let read = || -> rusqlite::Result<(Option<i64>, Option<i64>)> {
        let nonce = connection
            .prepare_cached("SELECT r FROM _crossfade_log WHERE seq = ?1")?
            .query_row([position.seq], |row| row.get(0))
            .optional()?;
        let first = connection
            .prepare_cached("SELECT min(seq) FROM _crossfade_log")?
            .query_row([], |row| row.get::<_, Option<i64>>(0))?;
        Ok((nonce, first))
    };
    let (nonce, first) = read().map_err(|e| classify(e, "look up the checkpoint in the change log"))?;
    Ok(match (nonce, first) {
        (Some(nonce), _) if nonce == position.nonce => None,
        (None, Some(first)) if first > position.seq => Some(PositionLost::Overflow),
        _ => Some(PositionLost::Forked),
    })
}

/// Where the key begins in a row of [`tail_sql`]
const TAIL_KEY: usize = 1;

/// Entries after `after`, oldest first, as a statement whose columns are `t, k1..kn, seq, r`; and then, in a UTF-16
/// database, one for each part of the key that says whether it is a text that is not valid UTF-16
pub fn tail_sql(key_width: usize, utf16: bool) -> String {
    let keys: Vec<String> = (1..=key_width).map(|n| format!("k{n}")).collect();
    let unsound = keys.iter().filter(|_| utf16).map(|key| format!(", {}", unsound_term(key))).collect::<String>();
    format!("SELECT t, {}, seq, r{unsound} FROM _crossfade_log WHERE seq > ?1 ORDER BY seq", keys.join(", "))
}

/// One part of an entry's key; NULL for a text that is not valid UTF-16, as in `utf16::key_value`
pub fn key_part<'r>(row: &'r Row<'_>, key_width: usize, place: usize) -> Value<'r> {
    let flag = TAIL_KEY + key_width + 2 + place;
    match flag < row.as_ref().column_count() && column(row, flag) == Value::Integer(1) {
        true => Value::Null,
        false => column(row, TAIL_KEY + place),
    }
}

/// The key of an entry, in the serialised form
pub fn key_of_entry(row: &Row<'_>, key_width: usize, table: &TablePlan) -> Vec<u8> {
    let mut key = Vec::new();
    (0..table.key.parts.len()).for_each(|place| write_value(&mut key, key_part(row, key_width, place)));
    key
}
