//! Reading PostgreSQL's change log as a queue, in one REPEATABLE READ view
//!
//! Its numbers do not rise in the order of commits, so there is no place in it up to which everything is done. What a view
//! shows is read, and exactly that is deleted at its end, in the same transaction: a REPEATABLE READ delete removes what
//! its view shows and nothing else. An entry that commits meanwhile is there in the next view.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use super::capture::{log_column, spelling};
use super::connect::classify;
use super::control;
use super::copy::{relation, same_key};
use super::existing::{helper_column, kept_keys};
use super::touched;
use crate::error::{Error, Result};
use crate::model::plan::{ColumnPlan, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// What waits in the log
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Noted keys; a table noted as a whole counts as one
    pub keys: i64,
    /// Age of the oldest entry, in seconds
    pub seconds: f64,
}

/// What waits in the log now; cheap enough to ask many times a second
pub async fn backlog(client: &Client) -> Result<Backlog> {
    let sql = "select coalesce(sum(keys), 0)::bigint, \
               coalesce(greatest(extract(epoch from clock_timestamp() - min(at)), 0), 0)::float8 from crossfade.log";
    let row = client.query_one(sql, &[]).await.map_err(failed("read how much waits in the change log"))?;
    Ok(Backlog { keys: row.get(0), seconds: row.get(1) })
}

/// A table that the view's entries name
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    pub table_id: i64,
    /// Every row may have changed
    pub whole: bool,
}

/// One view of the target with the log and the rows in it; dropped without [`LogView::finish`] the transaction must be
/// rolled back by the caller
pub struct LogView<'c> {
    client: &'c Client,
    /// The cycle that SQLite holds, as the target knows it
    pub cycle: i64,
    pub touched: Vec<Touched>,
    /// How far the server's own log reached when the view was open
    written: String,
    /// What makes touched rows of the target's own rows of both sides
    releases: Vec<String>,
}

/// How long a view waits for an ALTER TABLE of the application's
const LOCK_TIMEOUT: &str = "10s";

/// Fields as the server sent them, in the order of the statement's columns
pub type RowFields<'f> = [Option<&'f [u8]>];

fn failed(operation: &str) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
    move |e| classify(e, operation)
}

impl<'c> LogView<'c> {
    /// Opens the view on the client, which must not be in a transaction
    pub async fn open(client: &'c Client, plan: &Plan) -> Result<LogView<'c>> {
        // The tables are locked before the view is there, against nothing but ALTER TABLE and its like: to a view from before
        // a table was rewritten that table is empty, and all of its touched rows would count as deleted.
        let tables: Vec<String> = plan.tables.iter().map(|table| relation(plan, table)).collect();
        let lock = match tables.is_empty() {
            true => String::new(),
            false => format!("; lock table {} in access share mode", tables.join(", ")),
        };
        let begin = format!(
            "begin isolation level repeatable read; set local lock_timeout = '{LOCK_TIMEOUT}'; {}{lock}",
            touched::LOCK
        );
        let begun = client.batch_execute(&begin).await.map_err(failed("open a view of the target's change log"));
        let view = match begun {
            Ok(()) => LogView::read(client, plan).await,
            Err(error) => Err(error),
        };
        match view {
            Ok(view) => Ok(view),
            Err(error) => {
                // The first failure is what counts; where the connection is gone there is nothing to roll back.
                let _ = client.batch_execute("rollback").await;
                Err(error)
            }
        }
    }

    async fn read(client: &'c Client, plan: &Plan) -> Result<LogView<'c>> {
        let failed = failed("read the target's change log");
        // What the view shows was written before the position is read; it may not be on disk yet, where the application
        // commits without waiting for that.
        let sql = "select cycle, pg_current_wal_insert_lsn()::text from crossfade.reverse";
        let row = client.query_one(sql, &[]).await.map_err(&failed)?;
        let (cycle, written) = (row.get(0), row.get(1));
        let sql = "select table_id, bool_or(whole) from crossfade.log group by table_id order by table_id";
        let rows = client.query(sql, &[]).await.map_err(&failed)?;
        let touched: Vec<Touched> =
            rows.iter().map(|row| Touched { table_id: row.get(0), whole: row.get(1) }).collect();
        let releases = touched.iter().filter_map(|touched| release(plan, touched)).collect();
        Ok(LogView { client, cycle, touched, written, releases })
    }

    /// Whether PostgreSQL has flushed everything that the view shows (I4)
    pub async fn is_durable(&self) -> Result<bool> {
        let sql = "select pg_current_wal_flush_lsn() >= $1::text::pg_lsn";
        let row = self.client.query_one(sql, &[&self.written]).await;
        row.map(|row| row.get(0)).map_err(failed("ask what the target has made durable"))
    }

    /// Visits each touched key once, with the copied fields of its row as it is now; `None` where no row has exactly that
    /// key. In the order of keys. A key with a NULL in it names no single row: it is visited once with each row that has
    /// it, or once without. Rows stream: memory does not grow with their number
    pub async fn rows(
        &self,
        plan: &Plan,
        table: &TablePlan,
        mut visit: impl FnMut(&RowFields<'_>, Option<&RowFields<'_>>) -> Result<()>,
    ) -> Result<()> {
        let operation = format!("read changed rows of table `{}` of the target", table.target_name);
        let failed = failed(&operation);
        let keys = table.key_columns.len();
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        for sql in rows_sql(plan, table) {
            let rows = self.client.query_raw(&sql, nothing).await.map_err(&failed)?;
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await.map_err(&failed)? {
                let fields = fields_of(&row);
                let here = fields[keys].is_some();
                visit(&fields[..keys], here.then_some(&fields[keys + 1..]))?;
            }
        }
        Ok(())
    }

    /// Deletes exactly the entries that the view shows, stores the next cycle and commits
    pub async fn finish(self, run_id: i64) -> Result<i64> {
        let operation = "finish a cycle of the target's change log";
        let failed = failed(operation);
        self.guard(run_id).await?;
        for release in &self.releases {
            self.client.batch_execute(release).await.map_err(&failed)?;
        }
        let mut sql: Vec<String> =
            self.touched.iter().map(|touched| format!("delete from crossfade.log_{}", touched.table_id)).collect();
        sql.push("delete from crossfade.log".to_owned());
        sql.push(format!("update crossfade.reverse set cycle = {}, changed_at = now()", self.cycle + 1));
        self.client.batch_execute(&sql.join(";\n")).await.map_err(&failed)?;
        crate::failpoint::hit("reverse.entries_deleted");
        self.client.batch_execute("commit").await.map_err(&failed)?;
        Ok(self.cycle + 1)
    }

    /// An old run may have read the same entries; they are not for it to delete any more
    async fn guard(&self, run_id: i64) -> Result<()> {
        let sql = "select from crossfade.checkpoint where run_id = $1 for share";
        match self.client.query_opt(sql, &[&run_id]).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(control::superseded()),
            // The run's number has changed since the view was opened.
            Err(e) if e.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => Err(control::superseded()),
            Err(e) => Err(classify(e, "check that this run is still the current one")),
        }
    }

    /// Ends the view; the entries stay
    pub async fn abandon(self) -> Result<()> {
        self.client.batch_execute("rollback").await.map_err(failed("close a view of the target's change log"))
    }
}

/// The keys of a table as the log has them, each once, with their spellings where the type takes several for equal
struct Noted {
    /// `k1`, `k2`
    names: Vec<String>,
    /// Spellings of the log's own, and those of the row `t`
    spelled: Vec<(String, String)>,
}

impl Noted {
    fn of(plan: &Plan, table: &TablePlan) -> Noted {
        let names: Vec<String> = (0..table.key_columns.len()).map(log_column).collect();
        let spelled = table.key_plans().zip(&names).filter_map(|(column, name)| {
            let row = spelling(plan, column, &format!("t.{}", quote_identifier(&column.target_name)))?;
            Some((spelling(plan, column, &format!("n.{name}"))?, row))
        });
        Noted { spelled: spelled.collect(), names }
    }

    /// As a relation with the keys, and the spellings as `s1`, `s2`
    fn relation(&self, table: &TablePlan) -> String {
        let spelled = self.spelled.iter().enumerate().map(|(at, (term, _))| format!("{term} as s{at}"));
        let columns: Vec<String> = self.names.iter().map(|name| format!("n.{name}")).chain(spelled).collect();
        format!("(select distinct {} from crossfade.log_{} n)", columns.join(", "), table.id)
    }

    /// The condition that a row has exactly the key
    fn same(&self, table: &TablePlan) -> String {
        let terms: Vec<String> = self.names.iter().map(|name| format!("k.{name}")).collect();
        let spelled = self.spelled.iter().enumerate().map(|(at, (_, row))| format!(" and {row} = k.s{at}"));
        same_key(table, &terms) + &spelled.collect::<String>()
    }
}

/// One statement for keys that name one row, and another for those with a NULL in them, where there may be some
fn rows_sql(plan: &Plan, table: &TablePlan) -> Vec<String> {
    let noted = Noted::of(plan, table);
    let (keys, target) = (noted.relation(table), relation(plan, table));
    let names: Vec<String> = noted.names.iter().map(|name| format!("k.{name}")).collect();
    let copied: Vec<String> =
        table.copied_columns().map(|(_, c)| format!("t.{}", quote_identifier(&c.target_name))).collect();
    // A row is there if it has a table; any column of it may be NULL.
    let columns = [names.clone(), vec!["t.tableoid".to_owned()], copied].concat().join(", ");
    let full = table.key_plans().zip(&names).map(|(_, name)| format!("{name} is not null")).collect::<Vec<_>>();
    let mut statements = vec![format!(
        "select {columns} from {keys} k left join {target} t on {} where {} order by {}",
        noted.same(table),
        full.join(" and "),
        order(&noted)
    )];
    let nullable = |column: &ColumnPlan| !column.not_null;
    // A row that has no number of ours is none of the source's, and nobody has touched it.
    if helper_column(table).is_none() && table.key_plans().any(nullable) {
        let same: Vec<String> = table
            .key_plans()
            .zip(&names)
            .map(|(c, name)| format!("t.{} is not distinct from {name}", quote_identifier(&c.target_name)))
            .collect();
        statements.push(format!(
            "select {columns} from {keys} k left join {target} t on {} where not ({}) order by {}",
            same.join(" and "),
            full.join(" and "),
            order(&noted)
        ));
    }
    statements
}

fn order(noted: &Noted) -> String {
    let spelled = (0..noted.spelled.len()).map(|at| format!("k.s{at}"));
    let names = noted.names.iter().map(|name| format!("k.{name}"));
    names.chain(spelled).collect::<Vec<_>>().join(", ")
}

/// A row that was on the target before the copy, and that the application has written to, is one of both sides from now
/// on; after a TRUNCATE those that are gone are nobody's
fn release(plan: &Plan, touched: &Touched) -> Option<String> {
    let table = plan.table(touched.table_id)?;
    let kept = kept_keys(table)?;
    let terms = |alias: &str, name: &dyn Fn(usize, &ColumnPlan) -> String| -> Vec<String> {
        table.key_plans().enumerate().map(|(place, column)| format!("{alias}.{}", name(place, column))).collect()
    };
    let logged = terms("n", &|place, _| log_column(place));
    let mut sql = format!("delete from {kept} t using crossfade.log_{} n where {}", table.id, same_key(table, &logged));
    if touched.whole {
        let own = terms("r", &|_, column| quote_identifier(&column.target_name));
        let gone = format!("not exists (select from {} r where {})", relation(plan, table), same_key(table, &own));
        sql.push_str(&format!(";\ndelete from {kept} t where {gone}"));
    }
    Some(sql)
}

/// The fields of a row, borrowed from it
fn fields_of(row: &Row) -> Vec<Option<&[u8]>> {
    (0..row.len()).map(|index| row.get::<_, Option<Raw<'_>>>(index).map(|field| field.0)).collect()
}

/// A field as the server sent it
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
