//! Tables that the application's own migrations have made: what we add to them while we follow
//!
//! A column or an index by which rows are found, and triggers that are switched. All of it comes in the transaction in
//! which the copy begins, and goes again with `cancel`. The tables themselves are never created, altered in any other
//! way, or dropped.

use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;

use super::connect::classify;
use super::copy::{key_list, relation, same_key};
use super::ddl::qualified;
use crate::error::{Error, Result};
use crate::model::plan::{Plan, Policy, TablePlan, TriggerPlan};
use crate::model::schema::{KeyKind, quote_identifier};

/// Index by which the rows of a table are found that has none of its own for it; its name begins with an underscore, and
/// so will hardly be taken
fn helper_index(table: &TablePlan) -> String {
    format!("_crossfade_{}", table.id)
}

/// The column of ours that numbers the rows of a table without a key
pub(super) fn helper_column(table: &TablePlan) -> Option<&str> {
    let column = table.key_plans().next().filter(|_| table.key.kind == KeyKind::Rowid)?;
    Some(&column.target_name)
}

/// Where the keys of rows are that were there before the copy and that the source does not have
fn kept(table: &TablePlan) -> String {
    format!("crossfade.kept_{}", table.id)
}

/// The table of kept keys, of a table that has one
pub fn kept_keys(table: &TablePlan) -> Option<String> {
    (table.policy == Policy::Merge && helper_column(table).is_none()).then(|| kept(table))
}

/// The condition that a row of the target, named `t`, is one that the source has brought; `None` if all are
pub fn of_source(table: &TablePlan) -> Option<String> {
    if table.policy != Policy::Merge {
        return None;
    }
    // A row that was there before has no number of ours.
    if let Some(column) = helper_column(table) {
        return Some(format!("t.{} is not null", quote_identifier(column)));
    }
    let names: Vec<String> = table.key_plans().map(|c| quote_identifier(&c.target_name)).collect();
    // A row of the source that has NULL in its key waits in the quarantine; one that is here is the target's own, and no
    // comparison would ever find it among the kept ones.
    let keyed: String = names.iter().map(|name| format!("t.{name} is not null and ")).collect();
    let terms: Vec<String> = names.iter().map(|name| format!("k.{name}")).collect();
    Some(format!("({keyed}not exists (select from {} k where {}))", kept(table), same_key(table, &terms)))
}

/// How many rows of a table are none of the source's
pub async fn kept_rows(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<u64> {
    let Some(condition) = of_source(table) else { return Ok(0) };
    let sql = format!("select count(*) from {} t where not ({condition})", relation(plan, table));
    let failed = |e| classify(e, &format!("count rows of table `{}` that were there before", table.target_name));
    Ok(client.query_one(&sql, &[]).await.map_err(failed)?.get::<_, i64>(0) as u64)
}

/// Rows that must not be there
///
/// # Errors
/// Refused, naming the first table that holds rows and whose policy is to refuse.
pub async fn refuse_rows(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    for table in plan.tables.iter().filter(|table| table.policy == Policy::Refuse) {
        let sql = format!("select exists(select from {})", relation(plan, table));
        let failed = |e| classify(e, &format!("look for rows of table `{}`", table.target_name));
        if client.query_one(&sql, &[]).await.map_err(failed)?.get(0) {
            return Err(Error::refused(format!("table `{}` of the target holds rows", table.target_name)).hint(
                "empty it, or say in the plan file what shall become of them: policy = \"truncate\" or \"merge\"",
            ));
        }
    }
    Ok(())
}

/// Makes the tables ready for the copy; in the transaction that stores that it has begun, so that it happens once
pub async fn prepare(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    refuse_rows(client, plan).await?;
    truncate(client, plan).await?;
    for table in &plan.tables {
        keep_rows(client, plan, table).await?;
        add_helpers(client, plan, table).await?;
    }
    for trigger in &plan.triggers {
        switch(client, plan, trigger, trigger.was, while_following(trigger)).await?;
    }
    Ok(())
}

/// Views, functions and others that use a column; its indexes go with it
const DEPENDENTS: &str = "
    select string_agg(distinct coalesce(r.ev_class::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid)), ', ')
    from pg_depend d
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) and a.attname = $2 and d.deptype = 'n'";

/// Takes away what [`prepare`] has added, and leaves every row
pub async fn restore(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    for table in &plan.tables {
        let failed = |e| classify(e, &format!("remove what crossfade added to table `{}`", table.target_name));
        let index = qualified(&plan.target_schema, &helper_index(table));
        client.batch_execute(&format!("drop index if exists {index}")).await.map_err(failed)?;
        if let Some(column) = helper_column(table) {
            refuse_dependents(client, plan, table, column).await?;
            let (target, column) = (relation(plan, table), quote_identifier(column));
            let drop = format!("alter table if exists {target} drop column if exists {column}");
            client.batch_execute(&drop).await.map_err(failed)?;
        }
    }
    for trigger in &plan.triggers {
        switch(client, plan, trigger, while_following(trigger), trigger.was).await?;
    }
    Ok(())
}

/// Nothing of the user's is dropped with a column of ours; what rests on it goes first, by whoever made it
async fn refuse_dependents(client: &impl GenericClient, plan: &Plan, table: &TablePlan, column: &str) -> Result<()> {
    let operation = format!("look for what depends on table `{}`", table.target_name);
    let row = client.query_one(DEPENDENTS, &[&relation(plan, table), &column]).await;
    let found: Option<String> = row.map_err(|e| classify(e, &operation))?.get(0);
    let Some(found) = found else { return Ok(()) };
    let message = format!(
        "cannot remove the column `{column}`, which crossfade added to table `{}`: {found} depends on it",
        table.target_name
    );
    Err(Error::refused(message).hint("drop that, or take the column out of it; then cancel again"))
}

/// One statement, so that tables which refer to each other need no order; no CASCADE, which would empty others too
async fn truncate(client: &impl GenericClient, plan: &Plan) -> Result<()> {
    let tables = plan.tables.iter().filter(|table| table.policy == Policy::Truncate);
    let names: Vec<String> = tables.map(|table| relation(plan, table)).collect();
    if names.is_empty() {
        return Ok(());
    }
    client.batch_execute(&format!("truncate {}", names.join(", "))).await.map_err(|e| match e.code() {
        Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
            Error::refused("cannot truncate: a table that is not truncated refers to one that is")
                .caused_by(classify(e, "truncate the tables of the target"))
                .hint("give it the policy \"truncate\" too, or empty it by hand")
        }
        _ => classify(e, "truncate the tables of the target"),
    })
}

/// Notes the keys of the rows that are there: those that the source never names are expected to stay
async fn keep_rows(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<()> {
    let Some(kept) = kept_keys(table) else { return Ok(()) };
    let keys = key_list(table);
    let failed = |e| classify(e, &format!("note the rows of `{}`", table.target_name));
    // One row of the source would take the place of all that have its key.
    let keyed = table.key_plans().map(|c| format!("{} is not null", quote_identifier(&c.target_name)));
    let keyed = keyed.collect::<Vec<_>>().join(" and ");
    let twice = format!(
        "select exists(select from {} where {keyed} group by {keys} having count(*) > 1)",
        relation(plan, table)
    );
    if client.query_one(&twice, &[]).await.map_err(failed)?.get(0) {
        let message = format!("table `{}` of the target holds rows with the same ({keys})", table.target_name);
        return Err(Error::refused(message).hint("no row could be told from the other: make them unique, or truncate"));
    }
    let sql = format!(
        "create table {kept} as select {keys} from {}; create index on {kept} ({keys}); analyze {kept}",
        relation(plan, table)
    );
    client.batch_execute(&sql).await.map_err(failed)
}

async fn add_helpers(client: &impl GenericClient, plan: &Plan, table: &TablePlan) -> Result<()> {
    let failed = |e| classify(e, &format!("prepare table `{}`", table.target_name));
    let target = relation(plan, table);
    let mut unique = "";
    if let Some(column) = helper_column(table) {
        let add = format!("alter table {target} add column {} bigint", quote_identifier(column));
        client.batch_execute(&add).await.map_err(failed)?;
        unique = "unique ";
    } else if table.key_constraint != helper_index(table) {
        return Ok(());
    }
    let name = quote_identifier(&helper_index(table));
    let create = format!("create {unique}index {name} on {target} ({})", key_list(table));
    client.batch_execute(&create).await.map_err(failed)
}

/// `pg_trigger.tgenabled` while we write under `session_replication_role = replica`
fn while_following(trigger: &TriggerPlan) -> char {
    trigger.switched_to().unwrap_or(trigger.was)
}

/// Switches a trigger, if it is still there and as we left it: what somebody else has done to it stands
async fn switch(client: &impl GenericClient, plan: &Plan, trigger: &TriggerPlan, from: char, to: char) -> Result<()> {
    if from == to {
        return Ok(());
    }
    let table = qualified(&plan.target_schema, &trigger.table);
    let failed = |e| classify(e, &format!("switch trigger `{}` of table `{}`", trigger.name, trigger.table));
    let sql = "select exists(select from pg_trigger where tgrelid = to_regclass($1) and tgname = $2 \
               and not tgisinternal and tgenabled::text = $3)";
    if !client.query_one(sql, &[&table, &trigger.name, &from.to_string()]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
    let action = match to {
        'A' => "enable always",
        'R' => "enable replica",
        'D' => "disable",
        _ => "enable",
    };
    let name = quote_identifier(&trigger.name);
    client.batch_execute(&format!("alter table {table} {action} trigger {name}")).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{example_column, example_table};

    #[test]
    fn rows_that_were_there_are_told_from_those_of_the_source() {
        let mut table = example_table(["a", "b"].map(|name| example_column(name, Mapping::Text)).into(), vec![1]);
        assert_eq!((of_source(&table), kept_keys(&table)), (None, None));
        table.policy = Policy::Merge;
        let by_key = "(t.\"b\" is not null and not exists (select from crossfade.kept_1 k where t.\"b\" = k.\"b\"))";
        assert_eq!(of_source(&table).as_deref(), Some(by_key));
        table.key.kind = KeyKind::Rowid;
        assert_eq!((of_source(&table).as_deref(), kept_keys(&table)), (Some("t.\"b\" is not null"), None));
    }

    #[test]
    fn triggers_fire_under_the_replica_role_only_where_the_plan_says_so() {
        let now = |fires, was| while_following(&TriggerPlan { table: "t".into(), name: "n".into(), was, fires });
        assert_eq!(['O', 'D', 'R', 'A'].map(|was| now(true, was)), ['A', 'A', 'R', 'A']);
        assert_eq!(['O', 'D', 'R', 'A'].map(|was| now(false, was)), ['O', 'D', 'D', 'O']);
    }
}
