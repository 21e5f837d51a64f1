//! The data: rows that are a function of their number, so that everyone can make the same ones again

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use crate::Outcome;

pub const NARROW: &str = "CREATE TABLE narrow (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount INTEGER NOT NULL, \
                          created_at INTEGER NOT NULL, status TEXT NOT NULL, note TEXT)";

/// Twenty columns, as a plain application declares them and as a framework does: the values are the same
const WIDE: [&str; 2] = [
    "CREATE TABLE wide (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, created_at TEXT, updated_at TEXT, day TEXT, \
     active INTEGER, deleted INTEGER, price REAL, weight REAL, quantity INTEGER, stock INTEGER, owner INTEGER, \
     views INTEGER, name TEXT, email TEXT, city TEXT, country TEXT, sku TEXT, note TEXT, payload TEXT)",
    "CREATE TABLE typed (id INTEGER PRIMARY KEY, uuid CHAR(36) NOT NULL, created_at DATETIME, updated_at DATETIME, \
     day DATE, active BOOLEAN, deleted BOOLEAN, price DECIMAL(10,2), weight REAL, quantity INTEGER, stock INTEGER, \
     owner INTEGER, views INTEGER, name TEXT, email TEXT, city TEXT, country TEXT, sku TEXT, note TEXT, payload JSON)",
];

const STATUS: [&str; 4] = ["new", "paid", "shipped", "returned"];

/// SplitMix64: small, seeded, good enough to scatter keys
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 1 through `most`
    pub fn up_to(&mut self, most: u64) -> i64 {
        (self.next() % most) as i64 + 1
    }
}

/// Columns 2 to 6 of a row of `narrow`
pub struct Narrow {
    pub customer: i64,
    pub amount: i64,
    pub created_at: i64,
    pub status: &'static str,
    pub note: String,
}

/// The row with this number, in the version that `salt` names
pub fn narrow_row(id: i64, salt: u64) -> Narrow {
    let bits = Random(id as u64 ^ (salt << 40)).next();
    Narrow {
        customer: (bits % 100_000) as i64,
        amount: (bits >> 20) as i64 % 1_000_000,
        created_at: 1_700_000_000_000 + id * 137,
        status: STATUS[(bits >> 60) as usize % 4],
        note: format!("order {:016x}", bits),
    }
}

/// A file with the table `narrow`
pub fn narrow(directory: &Path, name: &str, rows: u64) -> Outcome<PathBuf> {
    let (path, connection) = create(directory, name, NARROW)?;
    let mut insert = connection.prepare("INSERT INTO narrow VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for id in 1..=rows as i64 {
        let row = narrow_row(id, 0);
        insert.execute(params![id, row.customer, row.amount, row.created_at, row.status, row.note])?;
    }
    drop(insert);
    finish(connection)?;
    Ok(path)
}

/// A file with the table `wide` or `typed`: twenty columns, a uuid, timestamps, numbers and 300 bytes of JSON
pub fn wide(directory: &Path, table: &str, rows: u64) -> Outcome<PathBuf> {
    let schema = WIDE[usize::from(table == "typed")];
    let (path, connection) = create(directory, &format!("{table}.db"), schema)?;
    let marks: Vec<String> = (1..=20).map(|n| format!("?{n}")).collect();
    let mut insert = connection.prepare(&format!("INSERT INTO {table} VALUES ({})", marks.join(", ")))?;
    for id in 1..=rows as i64 {
        let mut random = Random(id as u64);
        let (a, b) = (random.next(), random.next());
        let uuid = format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", a >> 32, a & 0xffff, b >> 52, b & 0xfff, b >> 16);
        let second = a % 60;
        let payload = format!(
            "{{\"id\": {id}, \"tags\": [\"red\", \"blue\", \"t{}\"], \"trace\": \"{a:016x}{b:016x}\", \"text\": \"{}\"}}",
            a % 1000,
            "lorem ipsum dolor sit amet ".repeat(7)
        );
        insert.execute(params![
            id,
            uuid,
            format!("2025-0{}-1{} 12:{second:02}:00", 1 + a % 9, b % 9),
            format!("2026-0{}-1{} 08:{second:02}:30", 1 + b % 9, a % 9),
            format!("2024-1{}-0{}", a % 3, 1 + b % 9),
            (a & 1) as i64,
            (b & 1) as i64,
            (a % 100_000) as f64 / 100.0,
            (b % 10_000) as f64 / 8.0,
            (a % 100) as i64,
            (b % 5_000) as i64,
            (a % 1_000_000) as i64,
            (b >> 20) as i64,
            format!("product {:08x}", a >> 32),
            format!("user{}@example.org", b % 1_000_000),
            "Amsterdam",
            "NL",
            format!("SKU-{:08}", a % 100_000_000),
            format!("a note of some forty characters, {:06}", b % 1_000_000),
            payload,
        ])?;
    }
    drop(insert);
    finish(connection)?;
    Ok(path)
}

/// An empty file in which the schema was made, with a transaction open for the rows
pub fn create(directory: &Path, name: &str, schema: &str) -> Outcome<(PathBuf, Connection)> {
    let path = directory.join(name);
    let connection = Connection::open(&path)?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF")?;
    connection.execute_batch(schema)?;
    connection.execute_batch("BEGIN")?;
    Ok((path, connection))
}

/// Commits the rows and moves them from the WAL to the file
pub fn finish(connection: Connection) -> Outcome<()> {
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    connection.close().map_err(|(_, error)| error.into())
}

/// The application's own connection: WAL, synchronous=NORMAL, everything else as the C API has it
pub fn writer(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")?;
    Ok(connection)
}
