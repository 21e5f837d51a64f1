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
        "ALTER TABLE t ALTER COLUMN x TYPE varchar",
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
