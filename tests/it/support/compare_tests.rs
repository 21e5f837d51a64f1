//! The comparison itself must see every kind of difference: a blind judge would make all other tests worthless

use super::{assert_equal, differences};
use crate::support::cluster::fresh_database;
use crate::support::pg::Pg;
use crate::support::source::Workplace;

const SOURCE: &str = "
    CREATE TABLE t(i, r, n, x, b, v);
    INSERT INTO t VALUES(1, 1.0, 1, 'a', x'61', 'a');
    INSERT INTO t VALUES(-9223372036854775808, 9e999, 2.5, '', x'', x'61');
    INSERT INTO t VALUES(NULL, 0.1, 1e300, 'ß', NULL, 1.0);
    INSERT INTO t VALUES(2, 5e-324, 2.0, 'b', x'00', CAST(x'ff' AS TEXT));
    INSERT INTO t VALUES(3, -9e999, 2, 'c', x'01', -9e999);
    CREATE TABLE _crossfade_log(seq INTEGER PRIMARY KEY)";

const TARGET: &str = "
    CREATE TABLE t(i bigint, r double precision, n numeric, x text, b bytea, v jsonb, _crossfade_rowid bigint);
    INSERT INTO t VALUES(1, 1, 1, 'a', '\\x61', '\"a\"', 1);
    INSERT INTO t VALUES(-9223372036854775808, 'Infinity', 2.5, '', '\\x', '{\"$blob\": \"61\"}', 2);
    INSERT INTO t VALUES(NULL, 0.1, (1e300)::numeric + 0.0, 'ß', NULL, '1.0', 3);
    INSERT INTO t VALUES(2, 5e-324, 2.0, 'b', '\\x00', '{\"$text\": \"ff\"}', 4);
    INSERT INTO t VALUES(3, '-Infinity', 2, 'c', '\\x01', '{\"$real\": \"-inf\"}', 5)";

#[test]
fn equal_sides_are_equal() {
    let work = Workplace::new();
    let (source, target) = (work.database(SOURCE), fresh_database());
    Pg::connect(&target).execute(TARGET);
    assert_equal(&source, &target);
}

#[test]
fn every_kind_of_difference_is_seen() {
    let work = Workplace::new();
    let (source, target) = (work.database(SOURCE), fresh_database());
    let pg = Pg::connect(&target);
    pg.execute(TARGET);
    let changes = [
        "UPDATE t SET i = 2 WHERE i = 1",
        "UPDATE t SET r = 0.10000000000000002 WHERE r = 0.1",
        "UPDATE t SET r = 1.7976931348623157e308 WHERE r = 'Infinity'",
        "UPDATE t SET n = 1.0 WHERE n = 1",
        "UPDATE t SET x = 'a ' WHERE x = 'a'",
        "UPDATE t SET x = NULL WHERE x = ''",
        "UPDATE t SET b = '\\x' WHERE b IS NULL",
        "UPDATE t SET b = '\\x62' WHERE b = '\\x61'",
        "UPDATE t SET v = '{\"$blob\": \"61\"}' WHERE v = '\"a\"'",
        "UPDATE t SET v = '1' WHERE v = '1.0'",
        "UPDATE t SET v = 'null' WHERE v = '1.0'",
        "UPDATE t SET v = '{\"$text\": \"fe\"}' WHERE _crossfade_rowid = 4",
        "UPDATE t SET _crossfade_rowid = 7 WHERE _crossfade_rowid = 4",
        "DELETE FROM t WHERE i = 1",
        "INSERT INTO t SELECT * FROM t WHERE i = 1",
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t ADD COLUMN extra text",
        "ALTER TABLE t ALTER COLUMN x TYPE json USING to_json(x)",
        "DROP TABLE t",
        "CREATE TABLE another()",
    ];
    for change in changes {
        pg.execute("BEGIN");
        pg.execute(change);
        pg.execute("COMMIT");
        assert!(!differences(&source, &target).is_empty(), "not seen: {change}");
        pg.execute("DROP TABLE IF EXISTS t, another");
        pg.execute(TARGET);
        assert_equal(&source, &target);
    }
}

const TYPED_SOURCE: &str = "
    CREATE TABLE t(b BOOLEAN, d DATE, h TIME, m DATETIME, z DATETIME, e DATETIME, n DECIMAL(10,2),
      u UUID, j JSON, k JSON, v JSON);
    INSERT INTO t VALUES(1, '2024-02-29', '03:04:05.5', '2024-02-29T03:04:05.120', '2024-01-02 03:04:05+05:30',
      1700000000123, 12.5, '{123E4567-E89B-42D3-A456-426614174000}',
      '{\"b\": 1, \"a\": [1.50]}', '{\"a\": 1, \"a\": 2}', 'no JSON');
    INSERT INTO t VALUES('f', '2024-01-01', '2000-01-01 00:00:00', '1969-12-31 23:59', '2024-01-02T00:00:00Z',
      0, -7, x'00112233445566778899aabbccddeeff', 5, '[]', '{}')";

const TYPED_TARGET: &str = "
    CREATE TABLE t(b boolean, d date, h time, m timestamp, z timestamptz, e timestamptz, n numeric(10,2), u uuid, j jsonb,
      k json, v jsonb, _crossfade_rowid bigint);
    INSERT INTO t VALUES(true, '2024-02-29', '03:04:05.5', '2024-02-29 03:04:05.12', '2024-01-01 21:34:05+00',
      '2023-11-14 22:13:20.123+00', 12.5, '123e4567-e89b-42d3-a456-426614174000', '{\"a\": [1.5], \"b\": 1}',
      '{\"a\": 1, \"a\": 2}', '\"no JSON\"', 1);
    INSERT INTO t VALUES(false, '2024-01-01', '00:00', '1969-12-31 23:59:00', '2024-01-02 00:00:00+00',
      '1970-01-01 00:00:00+00', -7, '00112233-4455-6677-8899-aabbccddeeff', '5', '[]', '\"{}\"', 2)";

#[test]
fn every_kind_of_typed_difference_is_seen() {
    let work = Workplace::new();
    let (source, target) = (work.database(TYPED_SOURCE), fresh_database());
    let pg = Pg::connect(&target);
    pg.execute(TYPED_TARGET);
    assert_equal(&source, &target);
    let changes = [
        "b = NOT b",
        "d = d + 1",
        "h = h + interval '1 microsecond'",
        "m = m + interval '1 microsecond'",
        "z = z + interval '1 second'",
        "e = e + interval '1 millisecond'",
        "n = n + 0.01",
        "u = '123e4567-e89b-42d3-a456-426614174001'",
        "j = '{\"a\": [1.5], \"b\": 2}'",
        "j = '{\"a\": [1.5]}'",
        "k = '{\"a\": 2}'",
        "v = '{}'",
        "e = NULL",
    ];
    for change in changes {
        pg.execute(&format!("UPDATE t SET {change} WHERE _crossfade_rowid = 1"));
        assert!(!differences(&source, &target).is_empty(), "not seen: {change}");
        pg.execute("DROP TABLE t");
        pg.execute(TYPED_TARGET);
    }
}
