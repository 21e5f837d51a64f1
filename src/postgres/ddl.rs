//! The target's DDL as text
//!
//! Nothing is executed here, so that the plan can be shown and tested without a server. Every name is quoted: names keep
//! their case, and none can be taken for a keyword.

use crate::model::plan::{ForeignKeyPlan, IndexPlan, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// A name inside its schema
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// The table with its columns only: the copy goes into a table without key and indexes
pub fn create_table(plan: &Plan, table: &TablePlan) -> String {
    let columns = table.columns.iter().map(|column| {
        let not_null = if column.not_null { " NOT NULL" } else { "" };
        format!("    {} {}{not_null}", quote_identifier(&column.target_name), column.mapping.sql())
    });
    let columns = columns.collect::<Vec<_>>().join(",\n");
    format!("CREATE TABLE {} (\n{columns}\n)", table_name(plan, table))
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
    let terms = index.columns.iter().map(|&(column, descending)| {
        // No NULLS FIRST, although SQLite sorts so: a plain ORDER BY on PostgreSQL could not use such an index.
        let order = if descending { " DESC" } else { "" };
        format!("{}{order}", quote_identifier(&table.columns[column].target_name))
    });
    let terms = terms.collect::<Vec<_>>().join(", ");
    format!("CREATE {unique}INDEX {} ON {} ({terms})", quote_identifier(&index.name), table_name(plan, table))
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

/// Checks the rows that were there before the foreign key
pub fn validate_foreign_key(plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table_name(plan, table), quote_identifier(&key.name))
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
mod tests {
    use super::*;
    use crate::model::mapping::Mapping;
    use crate::model::plan::ColumnPlan;
    use crate::model::schema::{Key, KeyKind, Table};

    fn column(name: &str, mapping: Mapping, not_null: bool) -> ColumnPlan {
        let source_sql = quote_identifier(name);
        ColumnPlan { source_sql, source_column: None, target_name: name.into(), mapping, not_null }
    }

    fn plan() -> Plan {
        let source = Table {
            name: "t".into(),
            sql: String::new(),
            without_rowid: false,
            strict: false,
            columns: Vec::new(),
            primary_key: Vec::new(),
            rowid_alias: None,
            rowid_name: None,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
        };
        let foreign_key = ForeignKeyPlan {
            name: "fk".into(),
            columns: vec![1],
            parent_name: "Par\"ent".into(),
            parent_columns: vec!["Id".into()],
            on_update: "NO ACTION".into(),
            on_delete: "SET NULL".into(),
            deferred: true,
        };
        let table = TablePlan {
            id: 1,
            source,
            key: Key::new(KeyKind::PrimaryKey, Vec::new()),
            target_name: "Or\"der".into(),
            columns: vec![column("select", Mapping::Text, true), column("b c", Mapping::Double, false)],
            key_columns: vec![1, 0],
            key_constraint: "k".into(),
            indexes: vec![IndexPlan { name: "I".into(), unique: true, columns: vec![(1, true), (0, false)] }],
            foreign_keys: vec![foreign_key],
            row_count: 0,
            byte_count: 0,
        };
        let (skipped, warnings, refusals) = Default::default();
        Plan { target_schema: "my app".into(), tables: vec![table], skipped, warnings, refusals }
    }

    #[test]
    fn everything_is_quoted() {
        let plan = plan();
        let table = &plan.tables[0];
        let name = "\"my app\".\"Or\"\"der\"";
        assert_eq!(
            create_table(&plan, table),
            format!("CREATE TABLE {name} (\n    \"select\" text NOT NULL,\n    \"b c\" double precision\n)")
        );
        let key = format!("ALTER TABLE {name} ADD CONSTRAINT \"k\" PRIMARY KEY (\"b c\", \"select\")");
        assert_eq!(add_key(&plan, table), key);
        assert_eq!(
            create_index(&plan, table, &table.indexes[0]),
            format!("CREATE UNIQUE INDEX \"I\" ON {name} (\"b c\" DESC, \"select\")")
        );
    }

    #[test]
    fn foreign_keys_are_added_first_and_validated_later() {
        let plan = plan();
        let table = &plan.tables[0];
        let name = "\"my app\".\"Or\"\"der\"";
        let add = format!(
            "ALTER TABLE {name} ADD CONSTRAINT \"fk\" FOREIGN KEY (\"b c\") REFERENCES \"my app\".\"Par\"\"ent\" (\"Id\") \
             ON UPDATE NO ACTION ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED NOT VALID"
        );
        assert_eq!(add_foreign_key(&plan, table, &table.foreign_keys[0]), add);
        let validate = format!("ALTER TABLE {name} VALIDATE CONSTRAINT \"fk\"");
        assert_eq!(validate_foreign_key(&plan, table, &table.foreign_keys[0]), validate);
    }

    #[test]
    fn only_known_actions_become_sql() {
        assert_eq!((action("cascade"), action("RESTRICT"), action("x; DROP")), ("CASCADE", "RESTRICT", "NO ACTION"));
    }
}
