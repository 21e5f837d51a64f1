//! Files with capture for the tests of fence and apply

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::capture::install;
use super::connection::{open_writer, text_order};
use super::introspect::introspect;
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Mode, Plan, TablePlan};
use crate::model::planner::choose_key;
use crate::model::schema::{Generated, KeyKind, Table, quote_identifier};

pub const ID: &str = "0123456789abcdef0123456789abcdef";
pub const LIMIT: u64 = 5_000_000;

/// A database of an application, captured
pub struct File {
    directory: TempDir,
    pub plan: Plan,
}

impl File {
    pub fn new(journal: &str, script: &str) -> File {
        let directory = tempfile::Builder::new().prefix("crossfade-edge-").tempdir().unwrap();
        let path = directory.path().join("app.db");
        let application = Connection::open(&path).unwrap();
        // The encoding must be set before anything is written.
        let (first, script) = script.split_once(";;").unwrap_or(("", script));
        application.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false).unwrap();
        application.execute_batch(first).unwrap();
        application.execute_batch(&format!("PRAGMA journal_mode={journal}")).unwrap();
        application.execute_batch(script).unwrap();
        drop(application);
        let mut writer = open_writer(&path).unwrap();
        let plan = plan_of(&writer);
        install(&mut writer, &plan, LIMIT, ID).unwrap();
        File { directory, plan }
    }

    pub fn wal(script: &str) -> File {
        File::new("WAL", script)
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("app.db")
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn table(&self, name: &str) -> &TablePlan {
        self.plan.tables.iter().find(|table| table.source.name == name).unwrap()
    }

    /// A connection of the application, which waits for nobody
    pub fn app(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false).unwrap();
        connection
    }

    pub fn value<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.app().query_row(sql, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{e} in {sql}"))
    }
}

/// A plan of all tables and columns as they are
pub fn plan_of(connection: &Connection) -> Plan {
    let order = text_order(connection).unwrap();
    let tables = introspect(connection).unwrap().tables.into_iter().zip(1..).map(|(source, id)| {
        let mut key = choose_key(&source, 0).unwrap();
        key.text_order = order;
        let mut table = TablePlan { id, target_name: source.name.clone(), ..TablePlan::new(source, key) };
        table.columns = columns_of(&table.source);
        if table.key.kind == KeyKind::Rowid {
            table.columns.push(ColumnPlan::new(table.key.parts[0].sql.clone(), None, Mapping::Bigint, true));
        }
        let place = |column| table.columns.iter().position(|planned| planned.source_column == column).unwrap();
        table.key_columns = table.key.parts.iter().map(|part| place(part.column)).collect();
        table
    });
    Plan { tables: tables.collect(), ..Plan::empty(Mode::Create, "public") }
}

fn columns_of(source: &Table) -> Vec<ColumnPlan> {
    let column = |(at, column): (usize, &crate::model::schema::Column)| {
        let mut planned = ColumnPlan::new(quote_identifier(&column.name), Some(at), Mapping::Variant, false);
        planned.generated = (column.generated != Generated::No).then(String::new);
        planned
    };
    source.columns.iter().enumerate().map(column).collect()
}
