//! PostgreSQL made the primary by the product's own steps, in the order in which `cutover` takes them

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crossfade::postgres::{capture, control, fence as target_fence};
use crossfade::sqlite::fence;

use super::pg::{Pg, quote};
use super::process::{Pair, Running, wait_until};
use super::source;

/// Nobody waits for a lock in these tests for long
const TIMEOUT: Duration = Duration::from_secs(20);

/// Names the switch on both sides
pub const TOKEN: &str = "token-of-a-test";

/// Copies, and makes PostgreSQL the primary; no replicator runs afterwards
pub fn migrate_and_switch(pair: &Pair) {
    pair.migrate();
    make_primary(pair);
}

/// Makes PostgreSQL the primary of a pair that is in sync, while no replicator runs
pub fn make_primary(pair: &Pair) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut client, connection) =
            tokio_postgres::connect(&pair.target, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let state = control::load(&client).await.expect("the state").expect("a migration");
        let checkpoint = control::checkpoint(&client).await.expect("the checkpoint");
        let (hold, point) = fence::close(&pair.source, TOKEN, TIMEOUT).expect("the fence on SQLite");
        assert_eq!(point.position.seq, checkpoint.seq, "the pair is in sync");
        let transaction = client.transaction().await.expect("a transaction");
        capture::install(&transaction, &state.plan).await.expect("capture");
        transaction.commit().await.expect("capture");
        let transaction = client.transaction().await.expect("a transaction");
        let open = "update crossfade.state set phase = 'reversed', primary_side = 'postgres', \
                    primary_since = clock_timestamp() returning primary_since::text";
        let since: String = transaction.query_one(open, &[]).await.expect("the phase").get(0);
        target_fence::lift(&transaction, &state.plan).await.expect("the fence on PostgreSQL");
        transaction.commit().await.expect("the point of no return");
        hold.settle(&since).expect("the end of the switch");
    });
}

impl Pair {
    /// Waits until SQLite holds everything; only meaningful once nobody writes any more
    pub fn wait_returned(&self, replicator: &mut Running) {
        let target = Pg::connect(&self.target);
        wait_until("SQLite to hold everything", || {
            replicator.must_run();
            target.value("SELECT count(*) FROM crossfade.log").as_deref() == Some("0")
        });
    }

    /// `run --until in-sync` with PostgreSQL as the primary
    pub fn bring_back(&self) {
        self.migrate();
    }
}

/// Every row of every table as `.dump` of the sqlite3 shell writes its values, in the order of rowid or key
pub fn dump(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = source::open(path);
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_crossfade\\_%' ESCAPE '\\'";
    let mut tables = connection.prepare(sql).expect("the tables");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("the tables");
    let tables: Vec<String> = tables.collect::<Result<_, _>>().expect("the tables");
    let rows = |table: &String| {
        let mut columns =
            connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1").expect("columns");
        let columns = columns.query_map([table], |row| row.get::<_, String>(0)).expect("columns");
        let terms = columns.map(|name| format!("quote({})", quote(&name.expect("a name")))).collect::<Vec<_>>();
        let sql = format!("SELECT {} FROM main.{} ORDER BY 1", terms.join(" || ',' || "), quote(table));
        let mut statement = connection.prepare(&sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.collect::<Result<Vec<_>, _>>().expect("rows")
    };
    tables.iter().map(|table| (table.clone(), rows(table))).collect()
}

/// The one value of a query on SQLite, as `quote()` shows it
pub fn quoted(path: &Path, sql: &str) -> String {
    source::open(path).query_row(sql, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{e} in {sql}"))
}
