//! Sequences: no number that SQLite has ever given is given again by the target
//!
//! Replicated rows bring their numbers along, so the sequences behind them stay where they are. They are set past the
//! largest number in the table, and past what SQLite remembers for AUTOINCREMENT, whenever the application may begin to
//! write to the target; never back.

use std::collections::HashMap;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::classify;
use super::control;
use super::copy::relation;
use crate::error::Result;
use crate::model::plan::{Notice, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// A sequence that fills a column
struct Sequence {
    /// Quoted, with its schema
    name: String,
    /// Unquoted
    column: String,
    /// The largest number that it gives
    limit: i64,
}

/// Sets every sequence behind a column of the plan past the numbers in use
///
/// `numbers` holds, by the tables' names in the source, the largest that SQLite has given to a key.
pub async fn advance(client: &Client, plan: &Plan, numbers: &HashMap<String, i64>) -> Result<()> {
    for table in &plan.tables {
        let floor = numbers.get(&table.source.name).copied().unwrap_or(0);
        for sequence in owned(client, plan, table).await? {
            advance_one(client, plan, table, &sequence, floor).await?;
        }
    }
    Ok(())
}

/// The rising sequences that belong to columns of the table: of an identity, or of `serial`
async fn owned(client: &Client, plan: &Plan, table: &TablePlan) -> Result<Vec<Sequence>> {
    let sql = "select s.seqrelid::regclass::text, a.attname::text, s.seqmax \
               from pg_depend d join pg_sequence s on s.seqrelid = d.objid \
               join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
               where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass \
               and d.deptype in ('a', 'i') and d.refobjid = to_regclass($1) and s.seqincrement > 0 \
               and a.atttypid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)";
    let rows = client
        .query(sql, &[&relation(plan, table)])
        .await
        .map_err(|e| classify(e, &format!("look for sequences of table `{}`", table.target_name)))?;
    Ok(rows.iter().map(|row| Sequence { name: row.get(0), column: row.get(1), limit: row.get(2) }).collect())
}

async fn advance_one(client: &Client, plan: &Plan, table: &TablePlan, sequence: &Sequence, floor: i64) -> Result<()> {
    let column = quote_identifier(&sequence.column);
    let operation = format!("set the sequence of `{}.{}`", table.target_name, sequence.column);
    let is_key = table.key_plans().any(|key| key.target_name == sequence.column);
    // Numbers below one are none that a sequence would give.
    let sql = format!(
        "select setval('{literal}', top.number) from {name} now, \
         (select least(greatest((select max({column})::bigint from {table}), $1), $2) as number) top \
         where top.number >= 1 and (top.number > now.last_value or (top.number = now.last_value and not now.is_called)) \
         union all select last_value from {name}",
        name = sequence.name,
        literal = sequence.name.replace('\'', "''"),
        table = relation(plan, table),
    );
    let floor = if is_key { floor } else { 0 };
    match client.query(&sql, &[&floor, &sequence.limit]).await {
        Ok(rows) => {
            let last: i64 = rows.iter().map(|row| row.get(0)).max().unwrap_or(0);
            if last < sequence.limit { Ok(()) } else { note_end(client, table, sequence).await }
        }
        Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let message = format!("the sequence of `{}` was not set: the role may not", sequence.column);
            let remedy = Some(format!("an administrator can `grant usage, update on sequence {}`", sequence.name));
            control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await
        }
        Err(e) => Err(classify(e, &operation)),
    }
}

/// SQLite would look for a number that is free, a sequence does not
async fn note_end(client: &Client, table: &TablePlan, sequence: &Sequence) -> Result<()> {
    let message = format!(
        "`{}` holds {}, the largest number there is: the target gives no further ones by itself",
        sequence.column, sequence.limit
    );
    let remedy = Some(format!("give the row another number, or set the sequence {} by hand", sequence.name));
    control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await
}
