//! The target's DDL as text
//!
//! Nothing is executed here, so that the plan can be shown and tested without a server. Every name is quoted: names keep
//! their case, and none can be taken for a keyword.

mod comments;

use crate::model::plan::{
    CheckPlan, ColumnPlan, ForeignKeyPlan, Identity, IndexMethod, IndexPlan, IndexTermPlan, Plan, TablePlan, TermPlan,
    ViewPlan,
};
use crate::model::schema::{quote_identifier, quote_literal};

pub use comments::comments;

/// How a view of ours says that it is one; `cancel` drops no other
pub const VIEW_COMMENT: &str = "made by crossfade from the view in SQLite";

/// A name inside its schema
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// The table with its columns only: the copy goes into a table without key and indexes
pub fn create_table(plan: &Plan, table: &TablePlan) -> String {
    let added = table.added.iter().map(|column| {
        let (name, of) = (quote_identifier(&column.name), &column.generated);
        format!("    {name} {} GENERATED ALWAYS AS ({of}) STORED", column.type_sql)
    });
    let sequence = table.sequence.as_ref().map(|name| qualified(&plan.target_schema, name));
    let columns = table.columns.iter().map(|column| column_definition(column, sequence.as_deref()));
    let columns = columns.chain(added).collect::<Vec<_>>().join(",\n");
    format!("CREATE TABLE {} (\n{columns}\n)", table_name(plan, table))
}

/// The same columns as a temporary table that nothing else knows of
pub fn create_trial(table: &TablePlan) -> String {
    let plain = |column: &ColumnPlan| ColumnPlan { identity: None, ..column.clone() };
    let columns = table.columns.iter().map(|column| column_definition(&plain(column), None));
    let columns = columns.collect::<Vec<_>>().join(",\n");
    format!("CREATE TEMPORARY TABLE \"_crossfade_trial\" (\n{columns}\n)")
}

fn column_definition(column: &ColumnPlan, sequence: Option<&str>) -> String {
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    // The kind is named, since servers differ in which one is meant when it is not.
    let generated = column.generated.as_ref().map(|term| format!(" GENERATED ALWAYS AS ({term}) STORED"));
    let identity = column.identity.map(|identity| {
        let kind = match identity {
            Identity::ByDefault => "BY DEFAULT",
            Identity::Always => "ALWAYS",
        };
        // A name that the server makes up could be that of a table still to come.
        let sequence = sequence.map(|name| format!(" (SEQUENCE NAME {name})")).unwrap_or_default();
        format!(" GENERATED {kind} AS IDENTITY{sequence}")
    });
    let (generated, identity) = (generated.unwrap_or_default(), identity.unwrap_or_default());
    let name = quote_identifier(&column.target_name);
    format!("    {name} {}{not_null}{generated}{identity}", column.type_sql)
}

/// The key, which the tail needs for its upserts
pub fn add_key(plan: &Plan, table: &TablePlan) -> String {
    let columns = columns(table, &table.key_columns);
    let constraint = quote_identifier(&table.key_constraint);
    format!("ALTER TABLE {} ADD CONSTRAINT {constraint} PRIMARY KEY ({columns})", table_name(plan, table))
}

/// A secondary index; it lands in the schema of its table
pub fn create_index(plan: &Plan, table: &TablePlan, index: &IndexPlan) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let method = match index.method {
        IndexMethod::Btree => String::new(),
        other => format!(" USING {}", other.sql()),
    };
    let terms = index.terms.iter().map(|term| index_term(table, term)).collect::<Vec<_>>().join(", ");
    let predicate = index.predicate.as_ref().map(|sql| format!(" WHERE {sql}")).unwrap_or_default();
    let name = quote_identifier(&index.name);
    format!("CREATE {unique}INDEX {name} ON {}{method} ({terms}){predicate}", table_name(plan, table))
}

fn index_term(table: &TablePlan, term: &IndexTermPlan) -> String {
    let what = match &term.what {
        TermPlan::Column(column) => quote_identifier(&table.columns[*column].target_name),
        TermPlan::Expression(sql) => format!("({sql})"),
    };
    let class = term.operator_class.as_ref().map(|class| format!(" {class}")).unwrap_or_default();
    // No NULLS FIRST, although SQLite sorts so: a plain ORDER BY on PostgreSQL could not use such an index.
    let order = if term.descending { " DESC" } else { "" };
    format!("{what}{class}{order}")
}

/// A foreign key that new rows are checked against, and old ones not yet: that takes no long lock
pub fn add_foreign_key(plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> String {
    let parent_columns: Vec<_> = key.parent_columns.iter().map(|name| quote_identifier(name)).collect();
    let deferred = if key.deferred { " DEFERRABLE INITIALLY DEFERRED" } else { "" };
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON UPDATE {} ON DELETE {}{deferred} NOT VALID",
        table_name(plan, table),
        quote_identifier(&key.name),
        columns(table, &key.columns),
        qualified(&plan.target_schema, &key.parent_name),
        parent_columns.join(", "),
        action(&key.on_update),
        action(&key.on_delete),
    )
}

/// DEFAULTs, one statement for each column that has one: the copy gives every value itself, and needs none
pub fn set_defaults(plan: &Plan, table: &TablePlan) -> Vec<(String, String)> {
    let name = table_name(plan, table);
    let filled = table.columns.iter().filter_map(|column| Some((column, column.default.as_ref()?)));
    let statement = |(column, value): (&ColumnPlan, &String)| {
        let quoted = quote_identifier(&column.target_name);
        // In parentheses anything may stand; without them the grammar takes less.
        (column.target_name.clone(), format!("ALTER TABLE {name} ALTER COLUMN {quoted} SET DEFAULT ({value})"))
    };
    filled.map(statement).collect()
}

/// A condition that new rows are checked against, and old ones not yet
pub fn add_check(plan: &Plan, table: &TablePlan, check: &CheckPlan) -> String {
    let (table, name) = (table_name(plan, table), quote_identifier(&check.name));
    format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({}) NOT VALID", check.sql)
}

/// Checks the rows that were there before the foreign key or condition
pub fn validate(plan: &Plan, table: &TablePlan, constraint: &str) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table_name(plan, table), quote_identifier(constraint))
}

pub fn drop_constraint(plan: &Plan, table: &TablePlan, constraint: &str) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table_name(plan, table), quote_identifier(constraint))
}

/// The view, marked as ours in the same transaction
pub fn create_view(plan: &Plan, view: &ViewPlan) -> String {
    let name = qualified(&plan.target_schema, &view.name);
    let columns: Vec<_> = view.columns.iter().map(|name| quote_identifier(name)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let comment = quote_literal(VIEW_COMMENT);
    format!("CREATE VIEW {name}{columns} AS {};\nCOMMENT ON VIEW {name} IS {comment}", view.sql)
}

fn table_name(plan: &Plan, table: &TablePlan) -> String {
    qualified(&plan.target_schema, &table.target_name)
}

fn columns(table: &TablePlan, positions: &[usize]) -> String {
    let names = positions.iter().map(|at| quote_identifier(&table.columns[*at].target_name));
    names.collect::<Vec<_>>().join(", ")
}

/// Only the words that both sides know; the plan is stored and read again, and this text is executed
fn action(declared: &str) -> &'static str {
    let known = ["CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT"];
    known.into_iter().find(|word| declared.eq_ignore_ascii_case(word)).unwrap_or("NO ACTION")
}

#[cfg(test)]
mod tests;
