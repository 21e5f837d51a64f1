//! Writing rows where no index of the target is able to arbitrate: update what is there, insert the rest
//!
//! Columns that only the target has keep their values, as they do where `ON CONFLICT` arbitrates. It is one statement,
//! so that it can be pipelined, repeated, and tried row by row like any other.

use tokio_postgres::Client;

use super::copy::{copied_list, overriding, same_key, unnest};
use super::ddl::qualified;
use super::existing::kept_keys;
use crate::model::plan::{ColumnPlan, Conflict, Identity, TablePlan};
use crate::model::schema::quote_identifier;

/// Whether `ON CONFLICT` over the key is able to write the table's rows
pub fn arbitrates(table: &TablePlan) -> bool {
    table.conflict == Conflict::OnKey && renumbered(table).next().is_none()
}

/// Columns that PostgreSQL numbers ALWAYS and never updates, and that are no part of the key
fn renumbered(table: &TablePlan) -> impl Iterator<Item = (usize, &ColumnPlan)> {
    let is_key = |index: &usize| table.key_columns.contains(index);
    table.copied_columns().filter(move |(index, c)| c.identity == Some(Identity::Always) && !is_key(index))
}

/// A clause before a statement over rows of the source: where they take the place of rows that were there before the
/// copy, those are kept no longer. `rows` are named in it as `relation`, with the key as `terms`
pub fn release(table: &TablePlan, relation: &str, terms: &[String]) -> Option<String> {
    let kept = kept_keys(table)?;
    Some(format!("kept as (delete from {kept} t using {relation} where {})", same_key(table, terms)))
}

/// Updates the rows whose keys are there and inserts the others. A row of which PostgreSQL will not update a column is
/// deleted first, and then loses what only the target has of it
pub fn replace_sql(schema: &str, table: &TablePlan) -> String {
    let target = qualified(schema, &table.target_name);
    let rows = unnest(table.copied_columns().map(|(_, column)| column), "u");
    let name = |place: usize| format!("a{}", place + 1);
    let place = |wanted: usize| table.copied_columns().position(|(index, _)| index == wanted).unwrap_or_default();
    let given: Vec<String> =
        rows.terms.iter().enumerate().map(|(at, term)| format!("{term} as {}", name(at))).collect();
    let key_terms = |alias: &str| -> Vec<String> {
        table.key_columns.iter().map(|&key| format!("{alias}.{}", name(place(key)))).collect()
    };
    let same = same_key(table, &key_terms("g"));
    let moved: Vec<String> = renumbered(table)
        .map(|(index, c)| format!("t.{} is distinct from g.{}", quote_identifier(&c.target_name), name(place(index))))
        .collect();
    let sets: Vec<String> = (table.copied_columns())
        .filter(|(_, column)| column.identity != Some(Identity::Always))
        .map(|(index, c)| format!("{} = g.{}", quote_identifier(&c.target_name), name(place(index))))
        .collect();
    let mut clauses = vec![format!("g as materialized (select {} from {})", given.join(", "), rows.relation)];
    clauses.extend(release(table, "g", &key_terms("g")));
    // Both are read by the INSERT, which makes the server finish them before it.
    let (mut unmoved, mut after) = (String::new(), String::new());
    if !moved.is_empty() {
        let moved = moved.join(" or ");
        clauses.push(format!("moved as (delete from {target} t using g where {same} and ({moved}) returning 1)"));
        unmoved = format!(" and not ({moved})");
        after = "(select count(*) from moved) >= 0 and ".to_owned();
    }
    let found = (0..).zip(table.key_plans()).map(|(at, c)| format!("t.{} as k{at}", quote_identifier(&c.target_name)));
    let found = found.collect::<Vec<_>>().join(", ");
    // A table of nothing but such a key has nothing to update.
    clauses.push(match sets.is_empty() {
        true => format!("found as (select {found} from {target} t join g on {same}{unmoved})"),
        false => format!(
            "found as (update {target} t set {} from g where {same}{unmoved} returning {found})",
            sets.join(", ")
        ),
    });
    let here: Vec<String> =
        (0..).zip(key_terms("g")).map(|(at, term): (usize, String)| format!("f.k{at} = {term}")).collect();
    let columns = (0..rows.terms.len()).map(|at| format!("g.{}", name(at))).collect::<Vec<_>>().join(", ");
    format!(
        "with {} insert into {target} ({}) {}select {columns} from g where {after}not exists (select from found f where {})",
        clauses.join(", "),
        copied_list(table, ""),
        overriding(table),
        here.join(" and ")
    )
}

/// Corrects the rows that a staging table has otherwise, as far as that can be done by updates: what only the target has
/// of them is left as it is. Where rows swap unique values nothing is done, and left to be deleted and inserted. Returns
/// how many rows were corrected; in the transaction that is open
pub async fn correct(
    client: &Client,
    table: &TablePlan,
    target: &str,
    staging: &str,
) -> std::result::Result<u64, tokio_postgres::Error> {
    let name = |column: &ColumnPlan| quote_identifier(&column.target_name);
    let terms: Vec<String> = table.key_plans().map(|column| format!("r.{}", name(column))).collect();
    let same = same_key(table, &terms);
    if let Some(kept) = kept_keys(table) {
        client.execute(&format!("delete from {kept} t using {staging} r where {same}"), &[]).await?;
    }
    let sets: Vec<String> = (table.copied_columns())
        .filter(|(_, column)| column.identity != Some(Identity::Always))
        .map(|(_, column)| format!("{0} = r.{0}", name(column)))
        .collect();
    if sets.is_empty() {
        return Ok(0);
    }
    let numbers = renumbered(table).map(|(_, c)| format!(" and t.{0} is not distinct from r.{0}", name(c)));
    let sql = format!(
        "update {target} t set {} from {staging} r where {same} and not (row({})::record *= row({})::record){}",
        sets.join(", "),
        copied_list(table, "r."),
        copied_list(table, "t."),
        numbers.collect::<String>()
    );
    client.batch_execute("savepoint crossfade_correct").await?;
    match client.execute(&sql, &[]).await {
        Ok(corrected) => client.batch_execute("release savepoint crossfade_correct").await.map(|()| corrected),
        Err(error) if error.as_db_error().is_some() => {
            client.batch_execute("rollback to savepoint crossfade_correct").await.map(|()| 0)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::{Policy, example_column, example_table};

    fn table() -> TablePlan {
        let columns = ["id", "v"].map(|name| example_column(name, Mapping::Bigint));
        TablePlan { conflict: Conflict::DeleteInsert, ..example_table(columns.into(), vec![0]) }
    }

    #[test]
    fn rows_that_are_there_are_updated_and_the_others_inserted() {
        assert_eq!(
            replace_sql("s", &table()),
            "with g as materialized (select u.a1 as a1, u.a2 as a2 from unnest($1::bigint[], $2::bigint[]) u(a1, a2)), \
             found as (update \"s\".\"t\" t set \"id\" = g.a1, \"v\" = g.a2 from g where t.\"id\" = g.a1 \
             returning t.\"id\" as k0) \
             insert into \"s\".\"t\" (\"id\", \"v\") select g.a1, g.a2 from g \
             where not exists (select from found f where f.k0 = g.a1)"
        );
    }

    #[test]
    fn what_may_not_be_updated_is_deleted_first() {
        let mut table = table();
        table.conflict = Conflict::OnKey;
        assert!(arbitrates(&table));
        table.columns[1].identity = Some(Identity::Always);
        assert!(!arbitrates(&table));
        let sql = replace_sql("s", &table);
        let moved =
            "moved as (delete from \"s\".\"t\" t using g where t.\"id\" = g.a1 and (t.\"v\" is distinct from g.a2)";
        assert!(sql.contains(moved) && sql.contains("update \"s\".\"t\" t set \"id\" = g.a1 from"), "{sql}");
        // As a part of the key it is never updated, nor does it ever have to be.
        table.key_columns = vec![1];
        assert!(arbitrates(&table));
    }

    #[test]
    fn a_row_of_the_source_is_kept_no_longer() {
        let mut table = table();
        table.policy = Policy::Merge;
        let released = "kept as (delete from crossfade.kept_1 t using g where t.\"id\" = g.a1)";
        assert!(replace_sql("s", &table).contains(released));
    }
}
