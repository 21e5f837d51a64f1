//! What comes back has the source's own form, whatever the type that it went through

use std::fs;

use crate::support::fresh_database;
use crate::support::pg::{Pg, quote};
use crate::support::primary::{dump, migrate_and_switch};
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

/// Every row of a case's source is deleted on PostgreSQL and inserted there again, by statements of the application's:
/// SQLite must end with the same bytes, but for documents, whose spelling went with the row
fn goes_back(case: &str) {
    let work = Workplace::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
    let script = fs::read_to_string(folder.join("source.sql")).expect("the case");
    let pair = Pair::new(work.database(&script), fresh_database());
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    let (before, documents) = (dump(&pair.source), documents(&target));
    write_everything_again(&target, &pair);
    let after = dump(&pair.source);
    for (table, rows) in &before {
        assert_eq!(rows.len(), after[table].len(), "{case}: {table}");
        if !documents.contains(table) {
            assert_eq!(rows, &after[table], "{case}: {table}");
        }
    }
    pair.verify();
}

/// Tables with documents, or with moments in any spelling, of which only the value comes back
fn documents(target: &Pg) -> Vec<String> {
    let sql = "SELECT DISTINCT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
               WHERE c.relnamespace = 'public'::regnamespace AND atttypid = 'jsonb'::regtype AND c.relkind = 'r' \
               UNION SELECT t->>'target_name' FROM crossfade.state, json_array_elements(plan::json->'tables') t \
               WHERE t->>'columns' ~ '\"(moment|time_of_day)\"'";
    target.query(sql).into_iter().flatten().flatten().collect()
}

fn write_everything_again(target: &Pg, pair: &Pair) {
    let sql = "SELECT conrelid::regclass, conname FROM pg_constraint \
               WHERE contype = 'f' AND connamespace = 'public'::regnamespace";
    for row in target.query(sql) {
        let [table, name] = row.try_into().expect("two columns");
        target.execute(&format!("ALTER TABLE {} DROP CONSTRAINT {}", table.expect("a"), quote(&name.expect("b"))));
    }
    let tables = "SELECT oid::regclass::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum) \
                  FROM pg_class JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND attgenerated = '' AND NOT attisdropped \
                  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY oid ORDER BY oid";
    let tables: Vec<(String, String)> = target
        .query(tables)
        .into_iter()
        .map(|row| (row[0].clone().expect("a table"), row[1].clone().expect("columns")))
        .collect();
    for (at, (table, _)) in tables.iter().enumerate() {
        target.execute(&format!("CREATE TEMP TABLE saved_{at} AS SELECT * FROM {table}; DELETE FROM {table}"));
    }
    pair.bring_back();
    assert!(dump(&pair.source).values().all(Vec::is_empty), "everything was deleted");
    for (at, (table, columns)) in tables.iter().enumerate() {
        let sql = format!("INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM saved_{at}");
        target.execute(&sql);
    }
    pair.bring_back();
    let held = target.query("SELECT key_text, column_name, message FROM crossfade.unreturned");
    assert!(held.is_empty(), "{held:?}");
}

macro_rules! go_back {
    ($($test:ident: $case:literal;)*) => {
        $(#[test] fn $test() { goes_back($case); })*
    };
}

go_back! {
    i10_booleans_go_back: "booleans";
    i10_days_and_times_go_back: "days_and_times";
    i10_decimals_go_back: "decimals";
    i10_documents_go_back: "documents";
    i10_epochs_go_back: "epochs";
    i10_moments_go_back: "moments";
    i10_moments_with_zone_go_back: "moments_with_zone";
    i10_uuids_go_back: "uuids";
    i10_uuids_as_blobs_go_back: "uuids_as_blobs";
    i10_keys_of_every_type_go_back: "keys_of_every_type";
    i10_generated_columns_go_back: "generated_columns";
    i10_hostile_names_go_back: "hostile_names";
    i10_nocase_goes_back: "nocase";
    i10_enums_go_back: "enums_from_check";
    i10_strict_tables_go_back: "strict_and_without_rowid";
    i10_full_text_goes_back: "fts5_external";
}

/// Values of every class in one column, and the hard ones
#[test]
fn i10_values_of_every_class_go_back() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE odd(id INTEGER PRIMARY KEY, any, n NUMERIC, r REAL, t TEXT, b BLOB);
         INSERT INTO odd VALUES
         (1, 1, 1, 1.0, 'a', x'00ff'), (2, 1.0, 1.5, 0.1, '', x''), (3, 'text', 9223372036854775807, 1e300, 'é😀', NULL),
         (4, x'0001', -1, -0.5, char(10, 9, 34, 92), x'ff'), (5, NULL, NULL, NULL, NULL, NULL),
         (6, 1e300, 1e300, 9e999, '1.0', x'31'), (7, -9e999, 0.1, -9e999, '1', NULL), (8, '1', 2, 3.0, ' 1 ', NULL),
         (9, 9007199254740993, 9007199254740993, 5e-324, '{\"a\":1}', NULL), (10, '{\"$blob\": \"00\"}', 7, 2.5, 'x', NULL);
         CREATE TABLE mixed(k PRIMARY KEY, v) WITHOUT ROWID;
         INSERT INTO mixed VALUES (1, 'integer'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real')",
    );
    let pair = Pair::new(path, fresh_database());
    migrate_and_switch(&pair);
    let before = dump(&pair.source);
    write_everything_again(&Pg::connect(&pair.target), &pair);
    assert_eq!(before, dump(&pair.source));
    pair.verify();
}

/// SQLite keeps no sign of a zero in a column of REAL affinity. A row must come back all the same, in a key too, and both
/// sides then count as alike
#[test]
fn i10_a_negative_zero_is_the_zero_that_sqlite_stores() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE zero(id INTEGER PRIMARY KEY, r REAL, any);
         INSERT INTO zero VALUES(1, 0.5, -0.0), (2, 0.0, 0.5), (3, 1.5, -1.5);
         CREATE TABLE keyed(r REAL PRIMARY KEY, t TEXT) WITHOUT ROWID; INSERT INTO keyed VALUES(0.5, 'a')",
    );
    let pair = Pair::new(path, fresh_database());
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    target.execute("UPDATE zero SET r = '-0', \"any\" = '-0' WHERE id < 3; INSERT INTO keyed VALUES('-0', 'b')");
    pair.bring_back();
    assert_eq!(target.query("SELECT key_text FROM crossfade.unreturned"), Vec::<Vec<Option<String>>>::new());
    let signs = |column: &str| -> Vec<bool> {
        let zero = source::open(&pair.source);
        let mut rows = zero.prepare(&format!("SELECT {column} FROM zero ORDER BY id")).expect("the rows");
        let rows = rows.query_map([], |row| row.get(0)).expect("the rows");
        rows.map(|real: rusqlite::Result<f64>| real.expect("a real").is_sign_negative()).collect()
    };
    assert_eq!((signs("r"), signs("any")), (vec![false; 3], vec![true; 3]), "the sign stays where SQLite keeps it");
    assert_eq!(dump(&pair.source)["keyed"], ["0.0,'b'", "0.5,'a'"]);
    pair.verify();
    target.execute("UPDATE keyed SET t = 'c' WHERE r = 0; DELETE FROM zero WHERE r = 0");
    pair.bring_back();
    assert_eq!(dump(&pair.source)["keyed"], ["0.0,'c'", "0.5,'a'"]);
    assert_eq!(dump(&pair.source)["zero"].len(), 1);
    pair.verify();
}

/// A column that SQLite computes and PostgreSQL stores cannot be given another value
#[test]
fn i10_what_sqlite_computes_is_not_written() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE sum(id INTEGER PRIMARY KEY, n INT, twice INT AS (abs(n) + unicode(n)) STORED, t TEXT);
         INSERT INTO sum(n, t) VALUES(1, 'a'), (2, 'b'), (3, 'c')",
    );
    let pair = Pair::new(path, fresh_database());
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    let generated = "SELECT attgenerated = '' FROM pg_attribute WHERE attrelid = 'sum'::regclass AND attname = 'twice'";
    assert_eq!(target.value(generated).as_deref(), Some("t"), "the test needs a column that PostgreSQL cannot compute");
    target.execute("UPDATE sum SET t = 'x' WHERE id = 1; UPDATE sum SET n = 7 WHERE id = 2");
    target.execute("INSERT INTO sum VALUES (4, 4, 56, 'new'), (5, 5, 1, 'wrong')");
    pair.bring_back();
    let held =
        target.query("SELECT key_text || ' ' || column_name || ' ' || message FROM crossfade.unreturned ORDER BY 1");
    let held: Vec<String> = held.into_iter().flatten().flatten().collect();
    assert_eq!(held, ["2 twice SQLite computes another value", "5 twice SQLite computes another value"]);
    target.execute("UPDATE sum SET twice = 62 WHERE id = 2; DELETE FROM sum WHERE id = 5");
    pair.bring_back();
    assert_eq!(dump(&pair.source)["sum"], ["1,1,50,'x'", "2,7,62,'b'", "3,3,54,'c'", "4,4,56,'new'"]);
    pair.verify();
}

/// An update that gives one row the values of another must give the same bytes on SQLite
#[test]
fn i10_updated_values_have_the_form_of_their_column() {
    let work = Workplace::new();
    let path = work.database(
        "CREATE TABLE form(id INTEGER PRIMARY KEY, yes BOOLEAN, word BOOLEAN, at DATETIME, iso DATETIME, day DATE,
             uid UUID, bare UUID, price DECIMAL(10,2), doc JSON, seconds INTEGER);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
         INSERT INTO form SELECT i, i % 2, CASE i % 2 WHEN 0 THEN 't' ELSE 'f' END, datetime(1700000000 + i * 977, 'unixepoch'),
             strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + i * 977, 'unixepoch'), date(1700000000 + i * 97700, 'unixepoch'),
             printf('0f%06x-0000-4000-8000-%012x', i, i * 17), printf('0f%06x000040008000%012x', i, i * 17),
             i * 1.25, '{\"n\": ' || i || '}', 1700000000 + i FROM n",
    );
    let pair = Pair::new(path, fresh_database());
    migrate_and_switch(&pair);
    let before = dump(&pair.source);
    let target = Pg::connect(&pair.target);
    let sql = "SELECT string_agg(format('%I = o.%I', attname, attname), ', ') FROM pg_attribute \
               WHERE attrelid = 'form'::regclass AND attnum > 1 AND NOT attisdropped";
    let set = target.value(sql).expect("columns");
    // The values of the row before it, all around.
    target.execute(&format!("UPDATE form f SET {set} FROM form o WHERE o.id = (f.id + 18) % 20 + 1"));
    pair.bring_back();
    let shifted: String = "UPDATE form SET id = -id; UPDATE form SET id = (-id) % 20 + 1".into();
    let after = dump(&pair.source);
    assert_ne!(before, after);
    // The same on a copy, by SQLite itself; documents were spelled by PostgreSQL as here.
    let copy = Workplace::new();
    let copied = copy.path("copy.db");
    source::open(&pair.source).execute("VACUUM INTO ?1", [copied.to_str()]).expect("a copy");
    let other = source::open(&copied);
    source::remove_capture(&other);
    other.execute_batch("DELETE FROM form").expect("an empty table");
    for row in &before["form"] {
        other.execute_batch(&format!("INSERT INTO form VALUES({row})")).expect("a row");
    }
    other.execute_batch(&shifted).expect("the same update");
    assert_eq!(dump(&copied), after);
    pair.verify();
}
