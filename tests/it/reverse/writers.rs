//! Several writers at once, in every way in which rows come to PostgreSQL; and a backlog longer than memory

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::support::cluster::{database_on, own_cluster_with};
use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::primary::{migrate_and_switch, quoted};
use crate::support::process::{Pair, wait_until};
use crate::support::rng::Rng;
use crate::support::source::{self, Workplace};

pub const LEDGER: &str = "
    CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT, balance INT NOT NULL, slot INT UNIQUE, doc JSON);
    CREATE TABLE entry(id INTEGER PRIMARY KEY AUTOINCREMENT, account INT REFERENCES account(id) ON DELETE CASCADE,
        amount REAL, at DATETIME, word BOOLEAN);
    CREATE TABLE pair(a TEXT, b INT, v NUMERIC, PRIMARY KEY(a, b)) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO account SELECT i, 'name ' || i, 1000, i, '{\"z\": 1,  \"a\": [ ]}' FROM n;
    INSERT INTO entry(account, amount, at, word) SELECT id, id / 8.0, datetime(1700000000 + id, 'unixepoch'),
        CASE id % 2 WHEN 0 THEN 't' ELSE 'f' END FROM account;
    INSERT INTO pair SELECT 'key ' || (id % 20), id, CASE id % 3 WHEN 0 THEN id ELSE id + 0.5 END FROM account";

/// Writers on PostgreSQL; dropping them stops them
pub struct Writers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts this many; an error of the connection makes a writer connect again
    pub fn start(target: &str, seed: u64, count: u64) -> Writers {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let threads = (0..count)
            .map(|writer| {
                let (stop, done, target) = (Arc::clone(&stop), Arc::clone(&done), target.to_owned());
                std::thread::spawn(move || write(&target, &mut Rng::new(seed + writer), &stop, &done))
            })
            .collect();
        Writers { stop, done, threads }
    }

    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub fn wait_for(&self, transactions: u64) {
        let goal = self.done() + transactions;
        wait_until("the writers", || self.done() >= goal);
    }

    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("a writer that does not panic"));
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write(target: &str, rng: &mut Rng, stop: &AtomicBool, done: &AtomicU64) {
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(pg) = connection.take().or_else(|| Pg::try_connect(target).ok()) else { continue };
        let ran = pg.try_query(&transaction(rng));
        let lost = ran.as_ref().is_err_and(|error| !error.contains("Db("));
        done.fetch_add(u64::from(ran.is_ok()), Ordering::Relaxed);
        if ran.is_err() && !lost {
            // A deadlock, a serialization failure or a key that is taken: the application would try something else.
            let _ = pg.try_query("ROLLBACK");
        }
        connection = (!lost).then_some(pg);
    }
}

/// One transaction of some statements
fn transaction(rng: &mut Rng) -> String {
    let count = 1 + rng.below(4);
    let statements: Vec<String> = (0..count).map(|_| statement(rng)).collect();
    let isolation = rng.word(&["", "", " ISOLATION LEVEL REPEATABLE READ"]);
    let end = rng.word(&["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]);
    format!("BEGIN{isolation}; {}; {end}", statements.join("; "))
}

fn statement(rng: &mut Rng) -> String {
    let (id, other, n) = (1 + rng.below(220), 1 + rng.below(220), rng.below(1000));
    match rng.below(12) {
        0 => format!("UPDATE account SET balance = balance + {n} WHERE id = {id}"),
        1 => format!(
            "INSERT INTO account VALUES ({id}, 'new', {n}, NULL, '{{\"n\": {n}}}') \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        ),
        2 => format!("DELETE FROM account WHERE id = {id}"),
        3 => format!(
            "INSERT INTO entry (account, amount, at, word) SELECT id, {n}.5, '2026-01-01', {n} % 2 = 0 \
             FROM account WHERE id = {id}"
        ),
        4 => format!("UPDATE entry SET amount = amount + 1 WHERE id % 50 = {}", n % 50),
        // A swap of unique values, through NULL: the constraint is checked row by row.
        5 => format!(
            "UPDATE account SET slot = NULL WHERE id IN ({id}, {other}); UPDATE account SET slot = {other} WHERE id = {id} \
                      AND NOT EXISTS (SELECT FROM account WHERE slot = {other})"
        ),
        6 => format!(
            "SAVEPOINT s; DELETE FROM pair WHERE b = {id}; ROLLBACK TO s; UPDATE pair SET v = {n} WHERE b = {id}"
        ),
        7 => format!("INSERT INTO pair VALUES ('key {}', {id}, {n}.25) ON CONFLICT DO NOTHING", n % 20),
        8 => format!("UPDATE pair SET a = 'moved ' || a WHERE b = {id}"),
        9 => format!("DELETE FROM pair WHERE b BETWEEN {id} AND {}", id + 3),
        10 => format!("UPDATE account SET doc = jsonb_set(doc, '{{n}}', '{n}') WHERE id = {id}"),
        _ => format!("DELETE FROM entry WHERE id % 97 = {}", n % 97),
    }
}

pub fn ledger() -> (Workplace, Pair) {
    let work = Workplace::new();
    let pair = Pair::new(work.database(LEDGER), fresh_database());
    migrate_and_switch(&pair);
    (work, pair)
}

#[test]
fn i6_several_writers_at_random_end_equal() {
    let (_work, pair) = ledger();
    let mut replicator = pair.replicate(&[]);
    let writers = Writers::start(&pair.target, 8101, 4);
    writers.wait_for(1_500);
    // While they write: exact all the same, or not compared.
    let verdict = pair.verb("verify").arg("--json").run().expect_code(0).json();
    assert_eq!(verdict["mismatches"], 0, "{verdict}");
    writers.finish();
    pair.wait_returned(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// I12: what waits is read as a stream
#[test]
fn i12_a_long_backlog_comes_back_in_little_memory() {
    let work = Workplace::new();
    let pair = Pair::new(
        work.database(
            "CREATE TABLE big(id INTEGER PRIMARY KEY, body TEXT, n INT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
             INSERT INTO big SELECT i, printf('%0300d', i), i FROM n",
        ),
        fresh_database(),
    );
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    target.execute(
        "UPDATE big SET n = -n; DELETE FROM big WHERE id % 10 = 0; UPDATE big SET body = body || 'x' WHERE id % 3 = 0",
    );
    let mut replicator = pair.replicate(&[]);
    pair.wait_returned(&mut replicator);
    let status = std::fs::read_to_string(format!("/proc/{}/status", replicator.pid())).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak of resident memory");
    let peak: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    assert!(peak < 100 * 1024, "{peak} KiB at the peak");
    replicator.stop();
    let sums = "SELECT count(*) || ' ' || sum(id) || ' ' || sum(n) || ' ' || sum(length(body)) FROM big";
    assert_eq!(Some(quoted(&pair.source, sums)), target.value(sums));
    pair.verify();
}

/// A transaction that is prepared is nobody's yet; and COPY notes every row
#[test]
fn prepared_transactions_and_copy_arrive() {
    let cluster = own_cluster_with(&[("max_prepared_transactions", "5")]);
    let work = Workplace::new();
    let pair = Pair::new(work.database(LEDGER), database_on(&cluster));
    migrate_and_switch(&pair);
    let target = Pg::connect(&pair.target);
    target.execute("BEGIN");
    target.execute("UPDATE account SET balance = 7 WHERE id <= 5");
    target.execute("PREPARE TRANSACTION 'later'");
    target.execute("UPDATE account SET balance = 8 WHERE id = 9");
    pair.bring_back();
    let balances = "SELECT sum(balance) || '' FROM account WHERE id < 10";
    assert_eq!(quoted(&pair.source, balances), "8008");
    target.execute("COMMIT PREPARED 'later'");
    let rows: String = (1000..3000).map(|id| format!("{id}\\tcopied\\t1\\t{id}\\t\\\\N\\n")).collect();
    let file = work.path("rows.txt");
    std::fs::write(&file, rows.replace("\\t", "\t").replace("\\n", "\n").replace("\\\\N", "\\N")).expect("a file");
    make_readable(work.0.path());
    target.execute(&format!("COPY account FROM '{}'", file.display()));
    pair.bring_back();
    assert_eq!(quoted(&pair.source, balances), "3043");
    assert_equal(&pair.source, &pair.target);
    let count: i64 =
        source::open(&pair.source).query_row("SELECT count(*) FROM account", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 2_200);
}

/// The server may run as another user
fn make_readable(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}
