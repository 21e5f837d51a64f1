//! Reads every value of a table once and counts what is there
//!
//! The application goes on writing meanwhile. A long reader would keep its WAL from being reused, and in the
//! rollback-journal modes it would hold up commits; so a rowid table is read in slices of a fraction of a second with a
//! gap after each, every slice in a read transaction of its own. Rows that change between two slices may be counted as
//! either; the plan's types are checked against every later value in any case (I10).

use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows};

use super::introspect::failed;
use crate::error::Result;
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Table, quote_identifier};

/// How long one read transaction may last, and how long none is open after it
#[derive(Clone, Copy)]
struct Pace {
    slice: Duration,
    gap: Duration,
    /// Rows between two looks at the clock; progress is reported as often
    rows: u64,
}

/// As long open as closed: a writer at full speed needs the gaps to begin its WAL anew (research: capture.md section 9)
const PACE: Pace = Pace { slice: Duration::from_millis(100), gap: Duration::from_millis(100), rows: 256 };

/// Counts over all rows of `table`. Outside of any transaction: it begins and ends its own. `on_rows` is told the number
/// of rows read since it was told last.
pub fn profile(conn: &Connection, table: &Table, on_rows: &mut dyn FnMut(u64)) -> Result<TableProfile> {
    profile_at(conn, table, PACE, on_rows).map_err(failed(format!("cannot read table {}", table.name)))
}

fn profile_at(
    conn: &Connection,
    table: &Table,
    pace: Pace,
    on_rows: &mut dyn FnMut(u64),
) -> rusqlite::Result<TableProfile> {
    let mut counts = Counts::new(table);
    // Qualified, because SQLite takes an unqualified "name" that no column has any more for a string.
    let columns: Vec<_> = table.columns.iter().map(|c| format!("t.{}", quote_identifier(&c.name))).collect();
    let (columns, name) = (columns.join(", "), quote_identifier(&table.name));
    let Some(rowid) = rowid_term(table) else {
        // No integer to go on from: one scan in key order.
        let mut statement = conn.prepare(&format!("SELECT {columns} FROM main.{name} AS t"))?;
        let mut rows = statement.query([])?;
        while counts.read(&mut rows, pace.rows, None, on_rows)?.is_some() {}
        return Ok(counts.table);
    };
    // NOT INDEXED still allows the rowid itself.
    let sql =
        format!("SELECT {columns}, {rowid} FROM main.{name} AS t NOT INDEXED WHERE {rowid} >= ?1 ORDER BY {rowid}");
    let mut statement = conn.prepare(&sql)?;
    let mut from = i64::MIN;
    loop {
        let mut rows = statement.query([from])?;
        let last = read_slice(&mut counts, &mut rows, pace, on_rows)?;
        drop(rows); // ends the read transaction
        match last.and_then(|rowid| rowid.checked_add(1)) {
            Some(next) => from = next,
            None => return Ok(counts.table),
        }
        std::thread::sleep(pace.gap);
    }
}

/// Reads until the slice's time is over: the last rowid, or `None` at the end of the table
fn read_slice(
    counts: &mut Counts,
    rows: &mut Rows<'_>,
    pace: Pace,
    on_rows: &mut dyn FnMut(u64),
) -> rusqlite::Result<Option<i64>> {
    let started = Instant::now();
    let rowid_at = Some(counts.table.columns.len());
    loop {
        let last = counts.read(rows, pace.rows, rowid_at, on_rows)?;
        if last.is_none() || started.elapsed() >= pace.slice {
            return Ok(last);
        }
    }
}

/// The rowid as SQL, by whatever name it can be reached
fn rowid_term(table: &Table) -> Option<String> {
    let alias = table.rowid_alias.map(|at| quote_identifier(&table.columns[at].name));
    alias.or_else(|| table.rowid_name.clone()).map(|name| format!("t.{name}"))
}

/// The counts so far
struct Counts {
    table: TableProfile,
    /// For each column: is it in a declared PRIMARY KEY that can hold NULL
    in_key: Vec<bool>,
}

impl Counts {
    fn new(table: &Table) -> Counts {
        let nullable = table.rowid_alias.is_none();
        let in_key = (0..table.columns.len()).map(|at| nullable && table.primary_key.contains(&at)).collect();
        let columns = vec![ColumnProfile::default(); table.columns.len()];
        Counts { table: TableProfile { columns, ..TableProfile::default() }, in_key }
    }

    /// Counts up to `limit` rows: the value of column `rowid_at` in the last one (0 without), `None` at the end
    fn read(
        &mut self,
        rows: &mut Rows<'_>,
        limit: u64,
        rowid_at: Option<usize>,
        on_rows: &mut dyn FnMut(u64),
    ) -> rusqlite::Result<Option<i64>> {
        let (mut seen, mut last) = (0, 0);
        while seen < limit {
            let Some(row) = rows.next()? else {
                on_rows(seen);
                return Ok(None);
            };
            self.add(row)?;
            last = rowid_at.map_or(Ok(0), |at| row.get(at))?;
            seen += 1;
        }
        on_rows(seen);
        Ok(Some(last))
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut null_key = false;
        for (at, column) in self.table.columns.iter_mut().enumerate() {
            let value = row.get_ref(at)?;
            null_key |= self.in_key[at] && value == ValueRef::Null;
            self.table.bytes += count(column, value);
        }
        self.table.rows += 1;
        self.table.null_keys += null_key as u64;
        Ok(())
    }
}

/// Counts one value; returns its bytes
fn count(column: &mut ColumnProfile, value: ValueRef<'_>) -> u64 {
    let bytes = match value {
        ValueRef::Null => {
            column.nulls += 1;
            0
        }
        ValueRef::Integer(integer) => {
            let first = column.integers == 0;
            column.int_min = if first { integer } else { column.int_min.min(integer) };
            column.int_max = if first { integer } else { column.int_max.max(integer) };
            column.integers += 1;
            8
        }
        ValueRef::Real(real) => {
            column.reals += 1;
            column.infinities += real.is_infinite() as u64;
            column.negative_zero += (real == 0.0 && real.is_sign_negative()) as u64;
            8
        }
        ValueRef::Text(text) => {
            column.texts += 1;
            column.nul_texts += text.contains(&0) as u64;
            column.invalid_utf8 += std::str::from_utf8(text).is_err() as u64;
            text.len() as u64
        }
        ValueRef::Blob(blob) => {
            column.blobs += 1;
            blob.len() as u64
        }
    };
    column.bytes_max = column.bytes_max.max(bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::introspect::introspect;

    /// Every slice ends after two rows
    const HASTY: Pace = Pace { slice: Duration::ZERO, gap: Duration::ZERO, rows: 2 };

    fn open(sql: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    }

    fn read(conn: &Connection, pace: Pace) -> (TableProfile, u64) {
        let table = introspect(conn).unwrap().tables.remove(0);
        let mut told = 0;
        let profile = profile_at(conn, &table, pace, &mut |rows| told += rows).unwrap();
        (profile, told)
    }

    #[test]
    fn every_class_is_counted_by_value() {
        let conn = open(
            "CREATE TABLE t(v);
             INSERT INTO t VALUES (NULL), (5), (-7), (9223372036854775807), (1.5), (9e999), (-9e999), ('abc'), (''),
               (x'00ff'), (CAST(x'61ff' AS TEXT)), (CAST(x'610062' AS TEXT)), (CAST(x'00c3' AS TEXT));",
        );
        conn.execute("INSERT INTO t VALUES (?1)", [-0.0f64]).unwrap();
        let (profile, told) = read(&conn, PACE);
        let expected = ColumnProfile {
            nulls: 1,
            integers: 3,
            reals: 4,
            texts: 5,
            blobs: 1,
            int_min: -7,
            int_max: i64::MAX,
            nul_texts: 2,
            invalid_utf8: 2,
            negative_zero: 1,
            infinities: 2,
            bytes_max: 8,
        };
        assert_eq!(profile.columns, [expected]);
        assert_eq!((profile.rows, told, profile.bytes), (14, 14, 7 * 8 + 3 + 2 + 2 + 3 + 2));
    }

    #[test]
    fn slices_miss_no_row_and_count_none_twice() {
        let conn = open(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON t(v, id);
             INSERT INTO t VALUES (-9223372036854775808, 'a'), (-1, 'b'), (0, 'c'), (7, 'd'), (9223372036854775807, 'e');",
        );
        let (profile, told) = read(&conn, HASTY);
        assert_eq!((profile.rows, told, profile.columns[1].texts), (5, 5, 5));
        assert_eq!((profile.columns[0].int_min, profile.columns[0].int_max), (i64::MIN, i64::MAX));
        assert_eq!(profile, read(&conn, PACE).0);
    }

    #[test]
    fn a_slice_ends_its_transaction_so_that_a_writer_gets_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("CREATE TABLE t(v); INSERT INTO t VALUES (1), (2), (3), (4)").unwrap();
        writer.busy_timeout(Duration::ZERO).unwrap();
        let reader = Connection::open(&path).unwrap();
        let table = introspect(&reader).unwrap().tables.remove(0);
        assert_eq!(profile_at(&reader, &table, HASTY, &mut |_| {}).unwrap().rows, 4);
        // In rollback-journal mode even a statement that was not reset would refuse this.
        writer.execute_batch("INSERT INTO t VALUES (5)").unwrap();
    }

    #[test]
    fn null_keys_are_rows() {
        let conn = open(
            "CREATE TABLE t(a, b, c, PRIMARY KEY(a, b));
             INSERT INTO t VALUES (NULL, NULL, 1), (1, NULL, 2), (1, 2, NULL);",
        );
        assert_eq!(read(&conn, HASTY).0.null_keys, 2);
        let conn = open("CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, NULL)");
        assert_eq!(read(&conn, PACE).0.null_keys, 0);
    }

    #[test]
    fn tables_without_a_reachable_rowid_take_one_scan() {
        for sql in [
            "CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES ('x', 1), ('y', 2), ('z', 3)",
            "CREATE TABLE t(rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3), (1, 2, 3), (1, 2, 3)",
            "CREATE TABLE \"t \"\"\"(\"rowid\", \"a b\" AS (1)); INSERT INTO \"t \"\"\"(rowid) VALUES (1), (1), (1)",
        ] {
            assert_eq!(read(&open(sql), HASTY).0.rows, 3, "{sql}");
        }
    }

    #[test]
    fn a_column_that_is_gone_is_no_string() {
        let conn = open("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2)");
        let table = introspect(&conn).unwrap().tables.remove(0);
        conn.execute_batch("ALTER TABLE t DROP COLUMN b").unwrap();
        assert!(profile(&conn, &table, &mut |_| {}).is_err());
    }

    #[test]
    fn a_table_that_is_gone_is_an_error_with_its_name() {
        let conn = open("CREATE TABLE gone(a)");
        let table = introspect(&conn).unwrap().tables.remove(0);
        conn.execute_batch("DROP TABLE gone").unwrap();
        let error = profile(&conn, &table, &mut |_| {}).unwrap_err();
        assert!(error.summary().contains("gone"), "{}", error.summary());
    }
}
