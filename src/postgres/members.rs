//! The relations behind the planned tables: each one itself, and its partitions
//!
//! A statement fires the statement triggers of the relation that it names, and of no other: what is to see every write
//! stands on all of them.

use tokio_postgres::{GenericClient, Row};

use super::connect::classify;
use super::copy::relation;
use crate::error::{Error, Result};
use crate::model::plan::{Plan, TablePlan};

/// One relation
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub oid: u32,
    /// Number of the planned table
    pub table_id: i64,
    /// With its schema, quoted
    pub relation: String,
    /// The planned table, for people
    pub table: String,
    /// It is the planned table, and not a part of it
    pub is_root: bool,
    pub is_partition: bool,
    pub is_partitioned: bool,
    pub is_foreign: bool,
    pub is_unlogged: bool,
    /// The role may alter it
    pub owned: bool,
    pub owner: String,
    /// Our triggers on it
    pub triggers: Vec<Trigger>,
}

/// A trigger as it stands
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Trigger {
    pub name: String,
    /// Bits of `tgtype`
    pub bits: i32,
    /// `tgenabled`: for which sessions it fires
    pub fires: char,
    /// Schema and name of the function
    pub function: String,
    /// Names of the transition tables
    pub old_rows: Option<String>,
    pub new_rows: Option<String>,
    /// It fires under a condition, or for some columns alone
    pub limited: bool,
}

impl Trigger {
    /// Fires for somebody
    pub fn is_enabled(&self) -> bool {
        self.fires != 'D'
    }
}

/// One query for all tables: in the middle of a switch there is no time for many
const MEMBERS: &str = "
    with recursive member(place, root, oid) as (
        select place, to_regclass(name)::oid, to_regclass(name)::oid
        from unnest($1::text[]) with ordinality u(name, place) where to_regclass(name) is not null
        union
        select m.place, m.root, i.inhrelid from member m join pg_inherits i on i.inhparent = m.oid)
    select m.place, c.oid, format('%I.%I', n.nspname, c.relname), m.root = c.oid, c.relispartition, c.relkind = 'p',
           c.relkind = 'f', c.relpersistence = 'u', pg_has_role(c.relowner, 'USAGE'),
           pg_get_userbyid(c.relowner)::text, g.triggers
    from member m join pg_class c on c.oid = m.oid join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select coalesce(json_agg(json_build_object(
                   'name', t.tgname, 'bits', t.tgtype, 'fires', t.tgenabled,
                   'function', f.nspname || '.' || p.proname, 'old_rows', t.tgoldtable, 'new_rows', t.tgnewtable,
                   'limited', t.tgqual is not null or t.tgattr::text <> '') order by t.tgname), '[]')::text as triggers
        from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace f on f.oid = p.pronamespace
        where t.tgrelid = c.oid and not t.tgisinternal and starts_with(t.tgname::text, '_crossfade_')) g
    order by m.place, m.root <> c.oid, c.oid";

/// The relations of these tables that are there, each table before its partitions
pub(super) async fn of<'p>(
    client: &impl GenericClient,
    plan: &Plan,
    tables: impl IntoIterator<Item = &'p TablePlan>,
) -> Result<Vec<Member>> {
    let tables: Vec<&TablePlan> = tables.into_iter().collect();
    let names: Vec<String> = tables.iter().map(|table| relation(plan, table)).collect();
    let rows = client.query(MEMBERS, &[&names]).await.map_err(failed)?;
    rows.iter()
        .map(|row| {
            let place = row.get::<_, i64>(0) as usize - 1;
            let table = tables.get(place).ok_or_else(|| Error::internal("a relation of no table"))?;
            member(row, table)
        })
        .collect()
}

/// The relations of all tables
pub(super) async fn all(client: &impl GenericClient, plan: &Plan) -> Result<Vec<Member>> {
    of(client, plan, &plan.tables).await
}

fn failed(error: tokio_postgres::Error) -> Error {
    classify(error, "look for the tables and their partitions")
}

fn member(row: &Row, table: &TablePlan) -> Result<Member> {
    let unreadable = |e| Error::internal("the server's list of triggers is not readable").caused_by(e);
    Ok(Member {
        oid: row.get(1),
        table_id: table.id,
        relation: row.get(2),
        table: table.target_name.clone(),
        is_root: row.get(3),
        is_partition: row.get(4),
        is_partitioned: row.get(5),
        is_foreign: row.get(6),
        is_unlogged: row.get(7),
        owned: row.get(8),
        owner: row.get(9),
        triggers: serde_json::from_str(row.get(10)).map_err(unreadable)?,
    })
}
