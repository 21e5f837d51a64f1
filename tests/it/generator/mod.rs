//! A seeded generator of source databases and of what applications do to them

pub mod bank;
mod names;
pub mod schema;
pub mod statements;
mod values;

use std::path::Path;

use rusqlite::Connection;

use crate::support::pg::quote;
use crate::support::rng::Rng;
use crate::support::source;
use schema::{Schema, Shape, Table};

/// Statements of one application transaction, BEGIN and COMMIT included
#[derive(Clone, Debug)]
pub struct Transaction {
    pub statements: Vec<String>,
    /// An error rolls all of it back; otherwise the application shrugs and goes on, as many do
    pub all_or_nothing: bool,
}

/// Makes the database of a seed: the accounts, the generated tables, and first rows in all of them
///
/// The rows show every storage class that their columns will ever hold, so that the plan maps them for good.
pub fn create(path: &Path, seed: u64, tables: usize, journal_mode: &str) -> Schema {
    for attempt in 0.. {
        let mut rng = Rng::new(seed.wrapping_add(attempt << 40));
        let connection = source::open(path);
        source::set_journal_mode(&connection, journal_mode);
        let schema = Schema::generate(&mut rng, tables);
        if fill(&connection, &mut rng, &schema) {
            return schema;
        }
        drop(connection);
        // Some column's classes did not get past its constraints: another draw.
        std::fs::remove_file(path).expect("the database can be removed");
        assert!(attempt < 200, "seed {seed} gives no database");
    }
    unreachable!("the loop above has no end")
}

fn fill(connection: &Connection, rng: &mut Rng, schema: &Schema) -> bool {
    let run = |sql: &str| connection.execute_batch(sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
    run("BEGIN");
    run("CREATE TABLE audit(id INTEGER PRIMARY KEY, what TEXT); INSERT INTO audit(what) VALUES('begin')");
    run(&bank::ddl(rng));
    schema.ddl.iter().for_each(|ddl| run(ddl));
    let more = rng.below(120);
    schema.tables.iter().for_each(|table| fill_table(connection, rng, table, more));
    run("COMMIT");
    // Asked once more at the end: triggers of one table take rows out of another.
    schema.tables.iter().all(|table| shows_all_classes(connection, table))
}

fn fill_table(connection: &Connection, rng: &mut Rng, table: &Table, more: usize) {
    let mut left = more;
    for _ in 0..400 {
        if shows_all_classes(connection, table) {
            if left == 0 {
                return;
            }
            left -= 1;
        }
        // A constraint may refuse the row, then the next one comes by; it may not end the transaction with the tables.
        let insert = statements::insert(rng, table).replace("OR ROLLBACK ", "");
        if let Err(error) = connection.execute_batch(&insert) {
            assert!(is_constraint(&error), "{error} in {insert}");
        }
    }
}

fn shows_all_classes(connection: &Connection, table: &Table) -> bool {
    let has = |column: &str, class: &str| {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE typeof({column}) = '{class}')", table.sql_name());
        connection.query_row(&sql, [], |row| row.get::<_, bool>(0)).unwrap_or_else(|e| panic!("{e} in {sql}"))
    };
    table.columns.iter().enumerate().all(|(at, column)| {
        let null_needed = table.shape == Shape::NullKey && table.key == [at];
        let name = quote(&column.name);
        column.family.classes().iter().all(|class| has(&name, class)) && (!null_needed || has(&name, "null"))
    })
}

#[test]
fn the_generator_makes_every_shape_and_statements_that_mostly_run() {
    let work = source::Workplace::new();
    let (mut done, mut refused) = (0, 0);
    let mut shapes = std::collections::HashSet::new();
    for seed in 0..12 {
        let path = work.path(&format!("{seed}.db"));
        let schema = create(&path, seed, 6, "MEMORY");
        shapes.extend(schema.tables.iter().map(|t| format!("{:?}", t.shape)));
        let connection = source::open(&path);
        let mut rng = Rng::new(seed);
        for _ in 0..300 {
            let sql = statements::statement(&mut rng, &schema);
            match connection.execute_batch(&sql) {
                Ok(()) => done += 1,
                Err(e) if is_constraint(&e) => refused += 1,
                Err(e) => panic!("seed {seed}: {e} in {sql}\n{}", schema.ddl.join(";\n")),
            }
        }
    }
    assert_eq!(shapes.len(), 13, "shapes seen: {shapes:?}");
    assert!(done > refused, "{done} statements ran and {refused} hit a constraint");
}

/// A constraint said no: the only error, beside BUSY, that an application may see here
pub fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
