//! Sequences behind columns that were filled with given values
//!
//! A sequence that was never asked still stands at its beginning, and the first row that the application inserts on the
//! target would meet a key that is taken: hours later, perhaps. So each is set behind the values that are there, and
//! behind those that SQLite has given and that are gone: whenever the application may begin to write here, never back.

use std::collections::HashMap;

use tokio_postgres::{Client, Row};

use super::connect::classify;
use super::copy::relation;
use super::ddl::qualified;
use crate::error::Result;
use crate::model::plan::{Notice, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// Sequences that belong to a column, as those of identity and serial do, or that its DEFAULT asks
const SEQUENCES: &str = "
    select distinct a.attname::text, n.nspname::text, c.relname::text, q.seqincrement, q.seqmin, q.seqmax,
           has_sequence_privilege(c.oid, 'UPDATE') and has_sequence_privilege(c.oid, 'SELECT'),
           has_sequence_privilege(c.oid, 'SELECT')
    from (select refobjid as owner, refobjsubid as number, objid as sequence from pg_depend
          where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
          union
          select d.adrelid, d.adnum, p.refobjid from pg_attrdef d join pg_depend p
          on p.classid = 'pg_attrdef'::regclass and p.objid = d.oid and p.refclassid = 'pg_class'::regclass) used
    join pg_attribute a on a.attrelid = used.owner and a.attnum = used.number
         and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
    join pg_class c on c.oid = used.sequence and c.relkind = 'S' join pg_namespace n on n.oid = c.relnamespace
    join pg_sequence q on q.seqrelid = c.oid
    where used.owner = to_regclass($1)
    order by 1, 2, 3";

/// Sets every sequence of the copied tables behind the values of its column, if it is not there already; returns what
/// could not be done. `numbers` holds, by the tables' names in the source, the largest that SQLite has given to a key
pub async fn advance(client: &Client, plan: &Plan, numbers: &HashMap<String, i64>) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for table in &plan.tables {
        let failed = |e| classify(e, &format!("look for the sequences of table `{}`", table.target_name));
        let target = relation(plan, table);
        for row in client.query(SEQUENCES, &[&target]).await.map_err(failed)? {
            let sequence = Sequence::of(&row);
            let floor = numbers.get(&table.source.name).filter(|_| sequence.fills_key_of(table));
            notices.extend(advance_one(client, &target, &sequence, floor.copied()).await?);
        }
    }
    Ok(notices)
}

/// What [`advance`] could not do, without doing anything
pub async fn check(client: &Client, plan: &Plan) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for table in &plan.tables {
        let failed = |e| classify(e, &format!("look for the sequences of table `{}`", table.target_name));
        let target = relation(plan, table);
        for row in client.query(SEQUENCES, &[&target]).await.map_err(failed)? {
            notices.extend(obstacle(client, &target, &Sequence::of(&row)).await?);
        }
    }
    Ok(notices)
}

/// The largest number that the target has given to the key of each table by itself, by the tables' names in the source:
/// numbers of rows that are gone are in none of them any more, and must not be given again there
pub async fn given(client: &Client, plan: &Plan) -> Result<Vec<(String, i64)>> {
    let mut given = Vec::new();
    for table in &plan.tables {
        let failed = |e| classify(e, &format!("read the sequences of table `{}`", table.target_name));
        let mut largest = None;
        for row in client.query(SEQUENCES, &[&relation(plan, table)]).await.map_err(failed)? {
            let sequence = Sequence::of(&row);
            if !sequence.readable || !sequence.fills_key_of(table) {
                continue;
            }
            let sql = format!("select last_value from {} where is_called", sequence.name);
            let last = client.query_opt(&sql, &[]).await.map_err(failed)?.map(|row| row.get::<_, i64>(0));
            largest = largest.max(last);
        }
        given.extend(largest.map(|number| (table.source.name.clone(), number)));
    }
    Ok(given)
}

struct Sequence {
    column: String,
    name: String,
    increment: i64,
    bounds: (i64, i64),
    writable: bool,
    readable: bool,
}

impl Sequence {
    fn of(row: &Row) -> Sequence {
        Sequence {
            column: row.get(0),
            name: qualified(row.get(1), row.get(2)),
            increment: row.get(3),
            bounds: (row.get(4), row.get(5)),
            writable: row.get(6),
            readable: row.get(7),
        }
    }

    /// Its column is the whole key, and it rises as SQLite's numbers do
    fn fills_key_of(&self, table: &TablePlan) -> bool {
        self.increment > 0 && table.key_plans().map(|key| &key.target_name).eq([&self.column])
    }

    fn notice(&self, message: &str, remedy: &str) -> Notice {
        Notice { object: self.name.clone(), message: message.to_owned(), remedy: Some(remedy.to_owned()) }
    }
}

async fn advance_one(client: &Client, target: &str, sequence: &Sequence, floor: Option<i64>) -> Result<Option<Notice>> {
    if !sequence.writable {
        return obstacle(client, target, sequence).await;
    }
    let name = &sequence.name;
    let failed = |e| classify(e, &format!("set the sequence {name}"));
    // A value that no sequence could have given, such as a fraction or a number beyond its bounds, does not count.
    let (extreme, behind) = if sequence.increment > 0 { ("max", ">=") } else { ("min", "<=") };
    let (column, (least, most)) = (quote_identifier(&sequence.column), sequence.bounds);
    let sql = format!(
        "select setval($1::text::regclass, v.value) \
         from (select greatest({extreme}({column})::bigint, $2) as value from {target} \
         where {column} between {least} and {most}) v, {name} s \
         where v.value {behind} case when s.is_called then s.last_value::numeric + {increment} else s.last_value end",
        increment = sequence.increment
    );
    let floor = floor.filter(|number| (least..=most).contains(number));
    client.execute(&sql, &[name, &floor]).await.map_err(failed)?;
    obstacle(client, target, sequence).await
}

/// Why a sequence cannot give numbers behind those that are there
async fn obstacle(client: &Client, target: &str, sequence: &Sequence) -> Result<Option<Notice>> {
    if !sequence.writable {
        let message = "this sequence is not set behind the copied values: the role may not set it";
        let remedy = "grant select and update on it, or set it with setval() before the application inserts rows";
        return Ok(Some(sequence.notice(message, remedy)));
    }
    let name = &sequence.name;
    let failed = |e| classify(e, &format!("look at the sequence {name}"));
    let (column, (least, most)) = (quote_identifier(&sequence.column), sequence.bounds);
    let spent =
        format!("select is_called and last_value = {} from {name}", if sequence.increment > 0 { most } else { least });
    if client.query_one(&spent, &[]).await.map_err(failed)?.get(0) {
        let message = format!("column {column} holds the last number that this sequence can give");
        return Ok(Some(sequence.notice(&message, "give that row another number, or the sequence other bounds")));
    }
    // Ahead of it only: it never comes to those that lie behind its beginning, such as 0 and below.
    let ahead = if sequence.increment > 0 { format!("> {most}") } else { format!("< {least}") };
    let beyond = format!("select exists(select from {target} where {column} {ahead})");
    if client.query_one(&beyond, &[]).await.map_err(failed)?.get(0) {
        let message = format!("column {column} holds values beyond what this sequence can give");
        return Ok(Some(sequence.notice(&message, "look whether it needs a larger type or other bounds")));
    }
    Ok(None)
}
