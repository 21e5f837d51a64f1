//! The file says what was planned: given back, it leads to the same plan

use rusqlite::Connection;

use super::*;
use crate::cli::plan::render;
use crate::model::extensions::Offer;
use crate::model::planfile::read::PlanFile as File;
use crate::model::planner::{Found, Request, is_skipped, make_plan, sought};
use crate::sqlite::introspect::introspect;
use crate::sqlite::profile::{Tables, profile_for};

fn planned(conn: &Connection, choices: &Choices) -> Proven {
    let found = introspect(conn).unwrap();
    let all = found.tables.clone();
    let (left_out, tables): (Vec<_>, Vec<_>) = found.tables.into_iter().partition(|table| is_skipped(choices, table));
    let profiled = tables.into_iter().map(|table| {
        let profile =
            profile_for(conn, Tables { table: &table, all: &all }, sought(choices, &table), &[], None, &mut |_| {});
        let profile = profile.unwrap().0;
        (table, profile)
    });
    let found = Found {
        tables: profiled.collect(),
        left_out,
        fulltext: found.fulltext,
        skipped: found.skipped,
        ..Found::default()
    };
    make_plan(found, &Request { target_schema: "public", choices, offer: &Offer::default() })
}

fn written(old: Option<(&str, &Choices)>, proven: &Proven) -> String {
    let content = Content {
        title: title(Path::new("app.db"), proven),
        source: Some("app.db".into()),
        existing: false,
        identifiers: None,
        own: &proven.own,
        known: &proven.known,
        warnings: &proven.plan.warnings,
        refusals: &proven.plan.refusals,
    };
    write(old, &content).unwrap()
}

/// The file of this database, after it has led back to the same plan and the same file
fn file_of(conn: &Connection) -> String {
    let proven = planned(conn, &Choices::default());
    let text = written(None, &proven);
    let choices = File::parse(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}")).choices();
    let again = planned(conn, &choices);
    assert_eq!(render(&again), render(&proven), "{text}");
    assert_eq!(written(Some((&text, &choices)), &again), text);
    text
}

#[test]
fn sample_databases_lead_back() {
    for name in ["chinook.sqlite", "northwind.sqlite", "gnucash_book.sqlite"] {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
        let candidates = [beside, Path::new("/work/shared/data").join(name)];
        let Some(path) = candidates.iter().find(|path| path.exists()) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(name);
        fs::copy(path, &copy).unwrap();
        let text = file_of(&Connection::open(copy).unwrap());
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        assert!(longest < 400, "{name}: a line of {longest} bytes");
    }
}

#[test]
fn odd_schemas_lead_back() {
    let conn = Connection::open_in_memory().unwrap();
    let blob = "x'00112233445566778899aabbccddeeff'";
    conn.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF;
         CREATE TABLE empty(a, b INT, c REAL, d TEXT, e BLOB, f BOOLEAN, g DATE, h DATETIME DEFAULT CURRENT_TIMESTAMP,
                            i DECIMAL(10,2), j JSON, k UUID, l NUMERIC, m TIME, n ANY);
         CREATE TABLE full(id INTEGER PRIMARY KEY, a, b DATETIME, c TIMESTAMP, d TIME, e UUID, f UUID, g BOOLEAN,
                           h DECIMAL(5,1), i NUMERIC, j JSON UNIQUE, k JSON, l TEXT, m REAL, n DATE, o DATETIME);
         INSERT INTO full VALUES
           (1, 1, '2024-01-02 03:04:05', 1700000000123, '03:04', {blob}, '123E4567E89B12D3A456426614174000', 't', 1.5, 1, '[]',
            '{{}}', 'x', 1.5, '20240102', '2024-01-02T03:04:05.123+02:00'),
           (2, 'x', '2024-01-02 03:04:05.5', 1700000000124, '03:05', {blob}, NULL, 'f', 2, 1.5, NULL, 'no', CAST(x'00' AS TEXT),
            2, '20240103', NULL);
         CREATE TABLE child(id CHAR(36) PRIMARY KEY, parent CHAR(36) REFERENCES child, other TEXT) WITHOUT ROWID;
         INSERT INTO child VALUES ('123e4567-e89b-42d3-a456-426614174000', 'nobody', 'y');
         CREATE TABLE \"a \"\"b\"\".c\"(\"x.y\" INTEGER PRIMARY KEY, \"ü = 1\" TEXT, \"\" TEXT, \"z\n\" TEXT);"
    ))
    .unwrap();
    let text = file_of(&conn);
    for line in
        ["x.y\" = \"bigint\"", "\"ü = 1\" = \"text\"", "form = \"milliseconds since 1970\"", "form = \"16 bytes\""]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
