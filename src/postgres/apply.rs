//! Applying a cycle: deletes, upserts and the checkpoint in one transaction (I3)
//!
//! Rows arrive as one binary array per column and are written with `unnest`, the quickest way measured for any number
//! of changes (research: performance.md C). Statements of a step are pipelined: one round trip.

use std::collections::HashMap;

use futures_util::future::{join, try_join};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

use super::careful;
use super::connect::{classify, refuses_row};
use super::control::{Checkpoint, store_checkpoint_sql, superseded};
use super::copy::{Unnested, copied_list, overriding, same_key, unnest};
use super::ddl::qualified;
use super::disagreement::{Disagreement, computed_index, disagreement};
use super::quarantine;
use super::replace::{arbitrates, release, replace_sql};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Rows};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, IndexPlan, Plan, TablePlan};
use crate::model::quarantine::Rejected;
use crate::model::schema::quote_identifier;

/// An index entry below this always fits PostgreSQL's B-trees (a third of a page, less headers)
const INDEX_BYTES_MAX: usize = 2_600;

/// An array parameter that is in PostgreSQL's binary form already
#[derive(Debug)]
pub struct RawArray<'a>(pub &'a [u8]);

impl ToSql for RawArray<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Why a step of a cycle did not go through
#[derive(Debug)]
pub enum ApplyError {
    /// Two rows of the cycle swap a unique value: roll back and delete every touched key first
    Collision {
        /// The index, if it is over expressions or a part of the rows, and might be none that the source has
        computed: Option<String>,
    },
    /// A row is too large for this index
    IndexTooSmall {
        index: String,
    },
    /// The server does not take one of the rows, whatever the order
    Refused,
    /// What we put on the target to say more about the rows says something else than the source
    Disagreement(Disagreement),
    Other(Error),
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> ApplyError {
        ApplyError::Other(error)
    }
}

impl From<ApplyError> for Error {
    /// Where none of the plan's indexes can be there yet
    fn from(error: ApplyError) -> Error {
        match error {
            ApplyError::Other(error) => error,
            other => Error::internal(format!("rows are written carefully, but: {other:?}")),
        }
    }
}

struct TableStatements {
    delete: Statement,
    upsert: Statement,
}

/// The one connection that writes what the tail brings
pub struct Applier {
    client: Client,
    schema: String,
    run_id: i64,
    statements: HashMap<i64, TableStatements>,
    store_checkpoint: Statement,
    in_transaction: bool,
}

impl Applier {
    /// Takes a connection that holds the replicator's lock
    pub async fn new(client: Client, plan: &Plan, run_id: i64) -> Result<Applier> {
        let store_checkpoint =
            client.prepare(store_checkpoint_sql()).await.map_err(|e| classify(e, "prepare to store the checkpoint"))?;
        let schema = plan.target_schema.clone();
        Ok(Applier { client, schema, run_id, statements: HashMap::new(), store_checkpoint, in_transaction: false })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The plan's columns have changed, and with them the statements
    pub fn forget_statements(&mut self) {
        self.statements.clear();
    }

    pub fn run_id(&self) -> i64 {
        self.run_id
    }

    /// Begins a transaction, unless one is open
    pub async fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.in_transaction, true) {
            self.client.batch_execute("begin").await.map_err(|e| classify(e, "begin a transaction"))?;
        }
        Ok(())
    }

    /// Writes one batch, beginning the cycle's transaction with the first
    pub async fn apply(&mut self, table: &TablePlan, batch: &Batch) -> std::result::Result<(), ApplyError> {
        if !self.statements.contains_key(&table.id) {
            let statements = self.prepare(table).await.map_err(ApplyError::Other)?;
            self.statements.insert(table.id, statements);
        }
        let begin = !std::mem::replace(&mut self.in_transaction, true);
        let statements = &self.statements[&table.id];
        let client = &self.client;
        // Polled in this order, so the messages go out in this order, in one flight.
        let work = try_join(
            async { if begin { client.batch_execute("begin").await } else { Ok(()) } },
            try_join(
                execute(client, &statements.delete, &batch.deletes),
                execute(client, &statements.upsert, &batch.upserts),
            ),
        );
        let written = work.await.map(|_| ()).map_err(|e| match e.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => ApplyError::Collision { computed: computed_index(&e, table) },
            Some(&SqlState::PROGRAM_LIMIT_EXCEEDED) => match index_at_fault(&e, table, &batch.upserts) {
                Some(index) => ApplyError::IndexTooSmall { index },
                None => ApplyError::Refused,
            },
            Some(state) if refuses_row(state) => match disagreement(&e, table) {
                Some(found) => ApplyError::Disagreement(found),
                None => ApplyError::Refused,
            },
            _ => ApplyError::Other(classify(e, &format!("apply changes of table `{}`", table.source.name))),
        });
        written?;
        if batch.quarantine.is_empty() {
            return Ok(());
        }
        quarantine::change(client, table, &batch.quarantine).await.map_err(ApplyError::Other)
    }

    /// As [`Applier::apply`], in pieces down to the single row: what the server refuses goes to the quarantine. Where rows
    /// may swap unique values, one that finds its own taken is no refusal yet but a collision
    pub async fn apply_carefully(
        &mut self,
        table: &TablePlan,
        batch: &mut Batch,
        may_swap: bool,
    ) -> std::result::Result<(), ApplyError> {
        if !self.statements.contains_key(&table.id) {
            let statements = self.prepare(table).await?;
            self.statements.insert(table.id, statements);
        }
        let (statements, client) = (&self.statements[&table.id], &self.client);
        if !std::mem::replace(&mut self.in_transaction, true) {
            // What is deferred would otherwise be refused at COMMIT, and take the whole cycle with it.
            let begin = client.batch_execute("begin; set constraints all immediate").await;
            begin.map_err(|e| classify(e, "begin a cycle"))?;
        }
        let failed = |e| classify(e, &format!("apply changes of table `{}`", table.source.name));
        execute(client, &statements.delete, &batch.deletes).await.map_err(failed)?;
        let whole = std::mem::take(&mut batch.whole);
        let written = careful::write(client, &self.schema, &statements.upsert, table, &batch.upserts, whole).await?;
        if may_swap && written.refused.iter().any(Rejected::is_contested) {
            return Err(ApplyError::Collision { computed: None });
        }
        // A key that two batches name has been written by the first, if its row was not refused there.
        let keys = careful::keys(table, &written.refused);
        execute(client, &statements.delete, &keys).await.map_err(failed)?;
        written.refused.into_iter().for_each(|row| batch.quarantine.reject(row));
        Ok(quarantine::change(client, table, &batch.quarantine).await?)
    }

    /// Stores the checkpoint and commits, in one flight; the caller has made the source durable up to it (I4)
    pub async fn commit(&mut self, checkpoint: Checkpoint) -> Result<()> {
        let begin = !std::mem::replace(&mut self.in_transaction, true);
        let client = &self.client;
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&checkpoint.seq, &checkpoint.nonce, &checkpoint.consistent, &self.run_id];
        // The statement fails where another run took over, and the COMMIT behind it then only rolls back.
        let store = async {
            if begin {
                let begun = client.batch_execute("begin");
                try_join(begun, client.execute(&self.store_checkpoint, &parameters)).await.map(|_| ())
            } else {
                client.execute(&self.store_checkpoint, &parameters).await.map(|_| ())
            }
        };
        let commit = crate::failpoint::hit_after_sending("apply.commit_sent", client.batch_execute("commit"));
        // Joined, not tried: the reply to COMMIT belongs to this cycle even when the checkpoint failed.
        let (stored, committed) = join(store, commit).await;
        self.in_transaction = false;
        stored.map_err(|e| match e.code() {
            Some(&SqlState::DIVISION_BY_ZERO) => superseded(),
            _ => classify(e, "store the checkpoint"),
        })?;
        committed.map_err(|e| classify(e, "commit a cycle"))
    }

    /// Takes back what the cycle wrote so far
    pub async fn rollback(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) {
            self.client.batch_execute("rollback").await.map_err(|e| classify(e, "roll back a cycle"))?;
        }
        Ok(())
    }

    async fn prepare(&self, table: &TablePlan) -> Result<TableStatements> {
        let failed = |e| classify(e, &format!("prepare to apply changes of table `{}`", table.source.name));
        let (delete, upsert) = (delete_sql(&self.schema, table), upsert_sql(&self.schema, table));
        let (delete, upsert) =
            try_join(self.client.prepare(&delete), self.client.prepare(&upsert)).await.map_err(failed)?;
        Ok(TableStatements { delete, upsert })
    }
}

/// The secondary index that a row is too large for: the one that the server names, or, as it does not always name one,
/// that with the longest values
pub(super) fn index_at_fault(error: &tokio_postgres::Error, table: &TablePlan, rows: &Rows) -> Option<String> {
    if let Some(named) = error.as_db_error()?.constraint() {
        let index = table.indexes.iter().find(|index| index.name == named && index.is_ours());
        return index.map(|index| index.name.clone());
    }
    // What an expression comes to is not known here; it is hardly longer than all columns together.
    let all: usize = (0..table.copied_columns().count()).map(|place| rows.longest(place)).sum();
    let place = |column: usize| table.copied_columns().position(|(index, _)| index == column);
    let length = |index: &&IndexPlan| match index.columns().count() == index.terms.len() {
        true => index.columns().filter_map(place).map(|place| rows.longest(place)).sum::<usize>(),
        false => all,
    };
    let longest = table.indexes.iter().filter(|index| index.is_ours()).max_by_key(length)?;
    (length(&longest) > INDEX_BYTES_MAX).then(|| longest.name.clone())
}

pub(super) async fn execute(
    client: &Client,
    statement: &Statement,
    rows: &Rows,
) -> std::result::Result<u64, tokio_postgres::Error> {
    if rows.count() == 0 {
        return Ok(0);
    }
    let arrays: Vec<RawArray<'_>> = rows.arrays().map(RawArray).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|a| a as &(dyn ToSql + Sync)).collect();
    client.execute(statement, &parameters).await
}

fn delete_sql(schema: &str, table: &TablePlan) -> String {
    let keys = unnest(table.key_plans(), "d");
    let target = qualified(schema, &table.target_name);
    let delete = format!("delete from {target} t using {} where {}", keys.relation, same_key(table, &keys.terms));
    with_release(table, &keys, &keys.terms, delete)
}

/// The statement, behind what forgets the rows that were there before the copy
fn with_release(table: &TablePlan, rows: &Unnested, key: &[String], statement: String) -> String {
    match release(table, &rows.relation, key) {
        Some(release) => format!("with {release} {statement}"),
        None => statement,
    }
}

fn upsert_sql(schema: &str, table: &TablePlan) -> String {
    if !arbitrates(table) {
        return replace_sql(schema, table);
    }
    let key: Vec<String> = table.key_plans().map(|c| quote_identifier(&c.target_name)).collect();
    let written: Vec<String> = (table.copied_columns())
        .filter(|(index, column)| !table.key_columns.contains(index) || has_equal_spellings(column))
        .map(|(_, column)| format!("{0} = excluded.{0}", quote_identifier(&column.target_name)))
        .collect();
    let action = if written.is_empty() { "nothing".to_owned() } else { format!("update set {}", written.join(", ")) };
    let rows = unnest(table.copied_columns().map(|(_, column)| column), "u");
    let place = |key: &usize| table.copied_columns().position(|(index, _)| index == *key);
    let terms: Vec<String> = table.key_columns.iter().filter_map(place).map(|at| rows.terms[at].clone()).collect();
    let upsert = format!(
        "insert into {} ({}) {}select {} from {} on conflict ({}) do {action}",
        qualified(schema, &table.target_name),
        copied_list(table, ""),
        overriding(table),
        rows.terms.join(", "),
        rows.relation,
        key.join(", ")
    );
    with_release(table, &rows, &terms, upsert)
}

/// Types whose equality is coarser than ours: `1` and `1.0` are one key there, and the stored spelling must follow the
/// source (I10)
pub(super) fn has_equal_spellings(column: &ColumnPlan) -> bool {
    let coarse = matches!(
        column.mapping,
        Mapping::Numeric
            | Mapping::Double
            | Mapping::Variant
            | Mapping::Float4
            | Mapping::Decimal { .. }
            | Mapping::Interval(_)
            | Mapping::Json { .. }
            | Mapping::Inet { .. }
            | Mapping::Moment { .. }
            | Mapping::TimeOfDay(_)
            | Mapping::Padded
            | Mapping::Vector { .. }
            | Mapping::Array { .. }
    );
    coarse || column.is_citext()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::{Check, Identity, example_column, example_table};

    #[test]
    fn columns_are_named_and_elements_become_the_targets_types() {
        let mut columns = ["id", "mood", "sum", "n"].map(|name| example_column(name, Mapping::Text));
        columns[0].mapping = Mapping::Bigint;
        columns[0].identity = Some(Identity::ByDefault);
        columns[1].type_sql = "\"my app\".\"mood\"".into();
        columns[1].check = Check::Labels(vec!["ok".into()]);
        columns[2].generated = Some("n + 1".into());
        columns[3].mapping = Mapping::Numeric;
        let table = example_table(columns.into(), vec![1, 3]);
        assert_eq!(
            delete_sql("s", &table),
            "delete from \"s\".\"t\" t using unnest($1::text[], $2::numeric[]) d(a1, a2) \
             where t.\"mood\" = d.a1::\"my app\".\"mood\" and t.\"n\" = d.a2"
        );
        assert_eq!(
            upsert_sql("s", &table),
            "insert into \"s\".\"t\" (\"id\", \"mood\", \"n\") overriding system value \
             select u.a1, u.a2::\"my app\".\"mood\", u.a3 \
             from unnest($1::bigint[], $2::text[], $3::numeric[]) u(a1, a2, a3) \
             on conflict (\"mood\", \"n\") do update set \"id\" = excluded.\"id\", \"n\" = excluded.\"n\""
        );
    }
}
