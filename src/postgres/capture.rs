//! Capture on PostgreSQL: triggers that note which rows were touched, while PostgreSQL is the primary
//!
//! Statement triggers with transition tables note the keys in the transaction that touches the rows (I1): one entry in
//! `crossfade.log` for each statement and table, the keys in `crossfade.log_<table number>`, in the types of the table's
//! own. Nothing is noted that a statement did not do, and nothing twice by one statement.
//!
//! Sessions under `session_replication_role = replica`, and the workers of subscriptions, fire a trigger for each row instead.
//! Ours are silent by a setting that the function looks at, whatever their role.
//!
//! What no trigger sees is DDL that gives a column other values: [`disturbed`] finds it afterwards by the columns' own rows
//! in the catalog, and the table is compared.
//!
//! Rows of a table with the policy `merge` that were there before the copy are noted like all others. Once written to,
//! such a row belongs to both sides (see [`super::change_log`]); those that nobody touches stay the target's own.

use std::collections::HashMap;

use tokio_postgres::GenericClient;

use super::apply::has_equal_spellings;
use super::connect::classify;
use super::copy::relation;
use super::existing::helper_column;
use super::fence::{execute, source_id, wait_for_no_vacuum};
use super::members::{self, Member, Trigger};
use super::staging::TYPES;
use super::standing::{self, Standing};
use crate::error::{Error, Result};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Mode, Notice, Plan, TablePlan};
use crate::model::schema::{quote_identifier, quote_literal};
use crate::model::template::fill;

const CAPTURE_SQL: &str = include_str!("../../triggers/postgres/capture.sql");
const LOG_SQL: &str = include_str!("../../triggers/postgres/capture_log.sql");
const TRIGGERS_SQL: &str = include_str!("../../triggers/postgres/capture_triggers.sql");
const TRUNCATE_SQL: &str = include_str!("../../triggers/postgres/capture_truncate.sql");
const ROWS_SQL: &str = include_str!("../../triggers/postgres/capture_rows.sql");
const NUMBER_SQL: &str = include_str!("../../triggers/postgres/number.sql");

/// The triggers of a table, each with its bits of `tgtype` (AFTER, for each statement) and its transition tables
const STATEMENTS: [(&str, i32, bool, bool); 3] = [
    ("_crossfade_note_insert", 4, false, true),
    ("_crossfade_note_update", 16, true, true),
    ("_crossfade_note_delete", 8, true, false),
];
const TRUNCATE: (&str, i32) = ("_crossfade_note_truncate", 32);

/// AFTER INSERT, UPDATE and DELETE, for each row: of a partitioned table for everybody, of others in place of those of
/// statements for sessions under `session_replication_role = replica`
const ROWS: (&str, i32) = ("_crossfade_note_rows", 1 | 4 | 8 | 16);

/// Numbers the rows of a table without a key: BEFORE INSERT and UPDATE, for each row
const NUMBER: (&str, i32) = ("_crossfade_number", 1 | 2 | 4 | 16);

/// Installs the log tables, the functions and the triggers of every table, in the caller's transaction; what stands is
/// kept, with what it has noted. Readers of the tables are not waited for, writers are
pub async fn install(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    wait_for_no_vacuum(client).await?;
    let source_id = source_id(client).await?;
    let members = members::all(client, plan).await?;
    // Names that stand already are expected, and not worth a message each.
    let mut sql = vec!["set local client_min_messages = warning".to_owned()];
    for table in &plan.tables {
        let parts = Parts::of(client, plan, table, &source_id).await?;
        sql.push(parts.fill(LOG_SQL));
        let own: Vec<&Member> = members.iter().filter(|member| member.table_id == table.id).collect();
        sql.extend(templates(plan, table, &own).map(|(_, template)| parts.fill(template)));
        if !is_partitioned(&own) {
            sql.push(parts.fill(TRIGGERS_SQL));
        }
        let partitioned = is_partitioned(&own);
        for member in own {
            if partitioned {
                let always = format!("alter table only {} enable always trigger \"{}\"", member.relation, ROWS.0);
                sql.push(always);
            }
            let values = [("relation", member.relation.clone()), ("id", table.id.to_string())];
            sql.push(fill(TRUNCATE_SQL, &values));
        }
    }
    sql.push(format!("update crossfade.reverse set triggers = array({STANDING})"));
    execute(client, sql, "install capture on the target").await
}

/// Each trigger of ours, and each column of the tables under them, with the number of the planned table and the transaction
/// that wrote its row in the catalog. A trigger is another one once somebody has switched it off, even if it was on again
/// before anybody looked; and a column once its type was altered, or once it was dropped and another has its name. What
/// merely moves rows in the table's file (VACUUM FULL, CLUSTER, TRUNCATE) leaves the columns alone
const STANDING: &str = r"
    select concat_ws(' ', split_part(p.proname, '_', 2), 'trigger', t.oid, t.xmin) as entry
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid where t.tgname like '\_crossfade\_n%'
    union all
    select concat_ws(' ', split_part(p.proname, '_', 2), 'column', a.attrelid, a.attnum, a.xmin)
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    join pg_catalog.pg_attribute a on a.attrelid = t.tgrelid and a.attnum > 0 and not a.attisdropped
    where t.tgname = '_crossfade_note_truncate'";

/// What is not as it was when capture was installed
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbed {
    /// Number of the planned table, if that is known
    pub table_id: Option<i64>,
    /// A column, and not a trigger
    pub is_column: bool,
}

/// What was switched off, replaced or altered since capture was installed, also if it looks the same by now: writes or
/// values may have gone unnoticed there
pub async fn disturbed(client: &impl GenericClient) -> Result<Vec<Disturbed>> {
    let sql = format!(
        "with standing as materialized ({STANDING})
         select distinct split_part(e, ' ', 1), split_part(e, ' ', 2) = 'column'
         from crossfade.reverse, unnest(triggers) e where e not in (select entry from standing)"
    );
    let rows = client.query(&sql, &[]).await.map_err(|e| classify(e, "look at the triggers of the target"))?;
    let read =
        |row: &tokio_postgres::Row| Disturbed { table_id: row.get::<_, &str>(0).parse().ok(), is_column: row.get(1) };
    Ok(rows.iter().map(read).collect())
}

/// Whether nothing is [`disturbed`]
pub async fn is_undisturbed(client: &impl GenericClient) -> Result<bool> {
    disturbed(client).await.map(|found| found.is_empty())
}

/// The column of ours in a table of the application's own that has no key; a table that we have made numbers its rows by
/// itself
fn numbered<'t>(plan: &Plan, table: &'t TablePlan) -> Option<&'t str> {
    helper_column(table).filter(|_| plan.mode == Mode::Existing)
}

fn is_partitioned(members: &[&Member]) -> bool {
    members.iter().any(|member| member.is_root && member.is_partitioned)
}

/// The functions of a table: what the name begins with, and the template
fn templates(
    plan: &Plan,
    table: &TablePlan,
    members: &[&Member],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let note = ("note", if is_partitioned(members) { ROWS_SQL } else { CAPTURE_SQL });
    [note].into_iter().chain(numbered(plan, table).map(|_| ("number", NUMBER_SQL)))
}

/// Takes capture out of action, in the caller's transaction, and forgets what it has noted; readers of the tables are not
/// waited for. [`install`] puts it back
pub async fn rest(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let standing = standing::of(client, &function_names(plan)).await?;
    let firing = standing.iter().filter(|trigger| trigger.enabled);
    let disable = |t: &Standing| format!("alter table only {} disable trigger {}", t.relation, t.name);
    let mut sql: Vec<String> = firing.map(disable).collect();
    for table in logs(client).await? {
        sql.push(format!("delete from {table}"));
    }
    sql.push("delete from crossfade.log".to_owned());
    execute(client, sql, "put capture on the target to rest").await
}

/// Removes it where that is possible at once, and else puts it to [`rest`]: a trigger is dropped only when nobody reads its
/// table, and whoever comes while we wait for that has to wait behind us
pub async fn retire(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let failed = |e| classify(e, "end capture on the target");
    client.batch_execute("savepoint crossfade_retire; set local lock_timeout = '100ms'").await.map_err(failed)?;
    if remove(client, plan).await.is_ok() {
        return client.batch_execute("release savepoint crossfade_retire").await.map_err(failed);
    }
    // With the limit that was there before.
    client.batch_execute("rollback to savepoint crossfade_retire").await.map_err(failed)?;
    rest(client, plan).await
}

/// Removes all of it, with what it has noted; does nothing where nothing is
pub async fn remove(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let functions = function_names(plan);
    let mut sql = vec!["set local client_min_messages = warning".to_owned()];
    sql.extend(standing::drop_statements(&standing::of(client, &functions).await?));
    sql.extend(functions.iter().map(|function| format!("drop function if exists crossfade.{function}()")));
    for table in &plan.tables {
        sql.push(format!("drop sequence if exists crossfade.numbers_{}", table.id));
        sql.push(format!("drop table if exists crossfade.log_{}", table.id));
    }
    sql.push("delete from crossfade.log".to_owned());
    execute(client, sql, "remove capture from the target").await
}

/// What the triggers of these tables run
fn function_names(plan: &Plan) -> Vec<String> {
    plan.tables.iter().flat_map(|table| ["note", "number"].map(|name| format!("{name}_{}", table.id))).collect()
}

/// The tables of noted keys that are there
async fn logs(client: &impl GenericClient) -> Result<Vec<String>> {
    let sql = r"select format('crossfade.%I', relname) from pg_class
                where relnamespace = 'crossfade'::regnamespace and relkind = 'r' and relname ~ '^log_\d+$' order by 1";
    let rows = client.query(sql, &[]).await.map_err(|e| classify(e, "look for the change log of the target"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The name of a key's column in the log
pub(super) fn log_column(place: usize) -> String {
    format!("k{}", place + 1)
}

/// The spelling of a value, where its type takes several for equal: `1` and `1.0` are two keys on SQLite
pub(super) fn spelling(plan: &Plan, column: &ColumnPlan, term: &str) -> Option<String> {
    // In a schema of the application's own, a text column may have any collation.
    let coarse = has_equal_spellings(column) || (plan.mode == Mode::Existing && column.mapping == Mapping::Text);
    coarse.then(|| format!("{term}::text collate \"C\""))
}

/// What the templates take for one table
struct Parts {
    values: Vec<(&'static str, String)>,
}

impl Parts {
    async fn of(client: &impl GenericClient, plan: &Plan, table: &TablePlan, source_id: &str) -> Result<Parts> {
        let types = key_types(client, plan, table).await?;
        Ok(Parts::new(plan, table, &types, source_id))
    }

    fn new(plan: &Plan, table: &TablePlan, types: &[String], source_id: &str) -> Parts {
        let prefixed = |prefix: &str| -> Vec<String> {
            table.key_plans().map(|c| format!("{prefix}.{}", quote_identifier(&c.target_name))).collect()
        };
        let keys = prefixed("t");
        let named = |terms: Vec<String>| {
            let named = terms.iter().enumerate().map(|(place, term)| format!("{term} as {}", log_column(place)));
            named.collect::<Vec<_>>().join(", ")
        };
        let typed = named(keys.iter().zip(types).map(|(key, sql)| format!("{key}::{sql}")).collect());
        let spellings = table.key_plans().zip(&keys).enumerate().filter_map(|(place, (column, key))| {
            spelling(plan, column, key).map(|spelled| format!("{spelled} as s{}", place + 1))
        });
        let distinct: Vec<String> = [named(keys.clone())].into_iter().chain(spellings).collect();
        let noted: Vec<String> = (0..keys.len()).map(|place| format!("noted.{}", log_column(place))).collect();
        let column = numbered(plan, table).map(quote_identifier).unwrap_or_default();
        Parts {
            values: vec![
                ("id", table.id.to_string()),
                ("relation", relation(plan, table)),
                ("source_id", quote_literal(source_id)),
                ("typed_keys", typed),
                ("keys", keys.join(", ")),
                ("old_keys", prefixed("old").join(", ")),
                ("new_keys", prefixed("new").join(", ")),
                ("distinct_keys", distinct.join(", ")),
                ("noted_keys", noted.join(", ")),
                ("column", column),
            ],
        }
    }

    fn fill(&self, template: &str) -> String {
        fill(&template.replace("$body$", &self.tag()), &self.values)
    }

    /// What the body of a function stands between: a name may hold anything, also what would end it
    fn tag(&self) -> String {
        let mut tag = "$body$".to_owned();
        while self.values.iter().any(|(_, value)| value.contains(&tag)) {
            tag.insert(1, '_');
        }
        tag
    }

    /// The body of the function, as the server keeps it
    fn body(&self, template: &str) -> String {
        self.fill(template).split(&self.tag()).nth(1).unwrap_or_default().to_owned()
    }
}

/// The types of the key's columns, of a domain the type under it: its conditions must not make a statement of the
/// application fail in the log
async fn key_types(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<Vec<String>> {
    let failed = |e| classify(e, &format!("read the key of table `{}`", table.target_name));
    let rows = client.query(TYPES, &[&relation(plan, table)]).await.map_err(failed)?;
    let types: HashMap<&str, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let of_key = |column: &ColumnPlan| {
        let found = types.get(column.target_name.as_str()).map(|sql| (*sql).to_owned());
        let message =
            || format!("column `{}` of table `{}` is not on the target", column.target_name, table.target_name);
        found.ok_or_else(|| Error::refused(message()).hint("put it back, as rows are found by it"))
    };
    table.key_plans().map(of_key).collect()
}

/// What is missing or altered, as one notice each; nothing means that capture is complete (I2)
pub async fn prove(client: &impl GenericClient, plan: &Plan) -> Result<Vec<Notice>> {
    let (source_id, members) = (source_id(client).await?, members::all(client, plan).await?);
    let bodies = functions(client).await?;
    let mut notices = Vec::new();
    for table in &plan.tables {
        let mut tell = |message: String| {
            let remedy =
                Some("`crossfade run` installs it again; what was written meanwhile is found by comparing".into());
            notices.push(Notice { object: table.target_name.clone(), message, remedy });
        };
        let own: Vec<&Member> = members.iter().filter(|member| member.table_id == table.id).collect();
        if own.is_empty() {
            tell("this table is not on the target any more".to_owned());
            continue;
        }
        for (member, trigger) in lacking(plan, table, &own) {
            tell(format!("trigger {trigger} is missing, disabled or altered on {}", member.relation));
        }
        let parts = Parts::of(client, plan, table, &source_id).await?;
        let expected: Vec<(String, String)> = templates(plan, table, &own)
            .map(|(name, template)| (format!("{name}_{}", table.id), parts.body(template)))
            .collect();
        for (name, _) in expected.iter().filter(|(name, body)| bodies.get(name) != Some(body)) {
            let how = if bodies.contains_key(name) { "was altered" } else { "is missing" };
            tell(format!("function crossfade.{name} {how}"));
        }
        if let Some(message) = log_mismatch(client, plan, table).await? {
            tell(message);
        }
    }
    Ok(notices)
}

/// The triggers that do not stand on a relation as they should
fn lacking<'m>(plan: &Plan, table: &TablePlan, members: &[&'m Member]) -> Vec<(&'m Member, String)> {
    let wanted = |member: &Member| {
        let trigger = |name: &str, bits, fires, rows: (bool, bool), function: &str| Trigger {
            name: name.to_owned(),
            bits,
            fires,
            function: format!("crossfade.{function}_{}", table.id),
            old_rows: rows.0.then(|| "old_rows".to_owned()),
            new_rows: rows.1.then(|| "new_rows".to_owned()),
            limited: function == "number",
        };
        let none = (false, false);
        let mut wanted = vec![trigger(TRUNCATE.0, TRUNCATE.1, 'A', none, "note")];
        match is_partitioned(members) {
            true => wanted.push(trigger(ROWS.0, ROWS.1, 'A', none, "note")),
            false if !member.is_root => {}
            false => {
                wanted.extend(STATEMENTS.map(|(name, bits, old, new)| trigger(name, bits, 'O', (old, new), "note")));
                wanted.push(trigger(ROWS.0, ROWS.1, 'R', none, "note"));
                wanted.extend(numbered(plan, table).map(|_| trigger(NUMBER.0, NUMBER.1, 'A', none, "number")));
            }
        }
        wanted
    };
    let lacks = |member: &'m Member| {
        let missing = wanted(member).into_iter().filter(|wanted| !member.triggers.contains(wanted));
        missing.map(|missing| (member, missing.name)).collect::<Vec<_>>()
    };
    members.iter().flat_map(|member| lacks(member)).collect()
}

/// Our functions that run with our rights, each with its text
async fn functions(client: &impl GenericClient) -> Result<HashMap<String, String>> {
    let sql = "select proname::text, prosrc from pg_proc \
               where pronamespace = 'crossfade'::regnamespace and prosecdef and proconfig is not null";
    let rows = client.query(sql, &[]).await.map_err(|e| classify(e, "look at the functions of capture"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether the key's columns still have the types that the log was made with
async fn log_mismatch(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<Option<String>> {
    let wanted = key_types(client, plan, table).await?;
    let sql = "select format_type(atttypid, atttypmod) from pg_attribute \
               where attrelid = to_regclass($1) and attnum > 1 and not attisdropped order by attnum";
    let failed = |e| classify(e, "look at the change log of the target");
    let rows = client.query(sql, &[&format!("crossfade.log_{}", table.id)]).await.map_err(failed)?;
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let message = || format!("the key is ({}), and its log is of ({})", wanted.join(", "), found.join(", "));
    Ok((found != wanted).then(message))
}

/// Rights that installing it would need and the role lacks, and kinds of tables that cannot be captured
pub async fn obstacles(client: &impl GenericClient, plan: &Plan) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    for member in members::all(client, plan).await? {
        let mut tell = |message: &str, remedy: String| {
            let (object, message) = (member.relation.clone(), message.to_owned());
            notices.push(Notice { object, message, remedy: Some(remedy) });
        };
        if !member.owned {
            let remedy = format!("connect as its owner, or GRANT {} to the role", quote_identifier(&member.owner));
            tell("the role does not own it, and may put no triggers on it", remedy);
        }
        if member.is_foreign {
            tell("a foreign table takes no triggers that note rows", "make it a table of this database".into());
        }
        if member.is_unlogged {
            let remedy = format!("ALTER TABLE {} SET LOGGED", member.relation);
            tell("it is unlogged: a crash of the server empties it, and no trigger sees that", remedy);
        }
        if !member.is_root && !member.is_partition {
            let remedy = format!("ALTER TABLE {} NO INHERIT its parent", member.relation);
            tell("it inherits from a copied table: its rows are in that one too, without its key", remedy);
        }
    }
    let sql = "select has_schema_privilege('crossfade', 'CREATE'), current_user::text";
    let row = client.query_one(sql, &[]).await.map_err(|e| classify(e, "ask for rights on the target"))?;
    if !row.get::<_, bool>(0) {
        notices.push(Notice {
            object: format!("role {}", row.get::<_, &str>(1)),
            message: "may create nothing in the schema crossfade".into(),
            remedy: Some("run as the role that began the migration".into()),
        });
    }
    Ok(notices)
}
