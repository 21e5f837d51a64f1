//! The sample shop: a SQLite database as an application would have it

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{Error, Result};

const SCHEMA: &str = include_str!("shop.sql");
const FILL: &str = include_str!("fill.sql");

/// What a transfer starts from: every account opens with this balance
const OPENING_BALANCE: i64 = 10_000;

/// How much of everything the shop holds at the start; items, payments and stock follow from it
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub customers: u32,
    pub products: u32,
    pub orders: u32,
    pub accounts: u32,
}

impl Size {
    /// A little over 200,000 rows
    pub const DEMO: Size = Size { customers: 24_000, products: 2_000, orders: 50_000, accounts: 1_000 };
}

/// The shop's database file, and what is known about it
#[derive(Clone, Debug)]
pub struct Shop {
    pub path: PathBuf,
    pub size: Size,
    pub rows: u64,
}

impl Shop {
    /// Makes the shop at a path where nothing is yet
    pub fn create(path: &Path, size: Size) -> Result<Shop> {
        let rows = fill(path, size).map_err(broken("make the sample shop"))?;
        Ok(Shop { path: path.to_owned(), size, rows })
    }

    /// Opens it as a careful application does: WAL, a busy timeout, foreign keys on
    pub fn open(&self) -> Result<Connection> {
        connect(&self.path).map_err(broken("open the sample shop"))
    }

    /// What all accounts together hold, whoever has paid whom
    pub fn total_balance(&self) -> i64 {
        i64::from(self.size.accounts) * OPENING_BALANCE
    }
}

/// Turns a SQLite failure into ours, naming what we were about to do
pub fn broken(what: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |cause| Error::source_side(format!("cannot {what}")).caused_by(cause)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")?;
    Ok(connection)
}

fn fill(path: &Path, size: Size) -> rusqlite::Result<u64> {
    let mut connection = connect(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch("CREATE TEMP TABLE size (customers, products, orders, accounts)")?;
    let Size { customers, products, orders, accounts } = size;
    transaction.execute("INSERT INTO temp.size VALUES (?1, ?2, ?3, ?4)", (customers, products, orders, accounts))?;
    transaction.execute_batch(FILL)?;
    let rows = count_rows(&transaction)?;
    transaction.commit()?;
    Ok(rows)
}

fn count_rows(connection: &Connection) -> rusqlite::Result<u64> {
    let mut tables = connection.prepare("SELECT name FROM main.sqlite_master WHERE type = 'table'")?;
    let names: Vec<String> = tables.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut rows = 0;
    for name in names {
        let count: i64 = connection.query_row(&format!("SELECT count(*) FROM main.{name}"), (), |row| row.get(0))?;
        rows += count.unsigned_abs();
    }
    Ok(rows)
}

#[cfg(test)]
pub const SMALL: Size = Size { customers: 200, products: 40, orders: 300, accounts: 20 };

#[cfg(test)]
pub fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[cfg(test)]
pub fn assert_sound(connection: &Connection, shop: &Shop) {
    assert_eq!(number(connection, "SELECT sum(balance) FROM accounts"), shop.total_balance());
    assert_eq!(number(connection, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    let check: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_shop_holds_a_little_over_200_000_sound_rows() {
        let directory = tempfile::tempdir().unwrap();
        let shop = Shop::create(&directory.path().join("shop.db"), Size::DEMO).unwrap();
        assert!((200_000..300_000).contains(&shop.rows), "{}", shop.rows);
        assert_sound(&shop.open().unwrap(), &shop);
    }
}
