//! What SQLite makes of a column, as a comment on the target's, where its type does not say it

use super::table_name;
use crate::model::convert::forms::{BoolForm, DateForm, EpochUnit, UuidForm};
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Mode, Plan, TablePlan};
use crate::model::planner::evidence::{any_spelling, stamp_form, time_form};
use crate::model::profile::form::{boolean_words, uuid_words};
use crate::model::schema::{Column, quote_identifier, quote_literal};

/// One statement for each column that has another type than it declares, or whose values SQLite spells in its own way
pub fn comments(plan: &Plan, table: &TablePlan) -> Vec<String> {
    let name = table_name(plan, table);
    // In a schema of the user's own there is nothing to add.
    let ours = if plan.mode == Mode::Create { &table.columns[..] } else { &[] };
    let commented = ours.iter().filter_map(|column| {
        let words = words(&table.source.columns[column.source_column?], column)?;
        Some((column, words))
    });
    let statement = |(column, words): (&ColumnPlan, String)| {
        let column = quote_identifier(&column.target_name);
        format!("COMMENT ON COLUMN {name}.{column} IS {}", quote_literal(&words))
    };
    commented.map(statement).collect()
}

/// `SQLite: DATETIME, as %Y-%m-%d %H:%M:%S`
fn words(source: &Column, column: &ColumnPlan) -> Option<String> {
    let declared = match source.declared_type.as_str() {
        "" => "no type",
        declared => declared,
    };
    match form(column.mapping) {
        Some(form) => Some(format!("SQLite: {declared}, as {form}")),
        None if is_alike(&source.declared_type, column) => None,
        None => Some(format!("SQLite: {declared}")),
    }
}

/// How SQLite spells the values, where there are several ways
fn form(mapping: Mapping) -> Option<String> {
    let form = match mapping {
        Mapping::Boolean(BoolForm::ZeroOne) => "0 or 1".to_owned(),
        Mapping::Boolean(form) => boolean_words(form).to_owned(),
        Mapping::Date(DateForm::Iso) => "%Y-%m-%d".to_owned(),
        Mapping::Date(DateForm::Compact) => "%Y%m%d".to_owned(),
        Mapping::Time(form) => time_form(form),
        Mapping::Timestamp { form, .. } => stamp_form(form),
        Mapping::TimeOfDay(form) => any_spelling(&time_form(form)),
        Mapping::Moment { form, .. } => any_spelling(&stamp_form(form)),
        Mapping::Epoch { unit: EpochUnit::S | EpochUnit::SecondsReal, .. } => "seconds since 1970".to_owned(),
        Mapping::Epoch { unit: EpochUnit::Ms, .. } => "milliseconds since 1970".to_owned(),
        Mapping::Epoch { unit: EpochUnit::Us, .. } => "microseconds since 1970".to_owned(),
        Mapping::Uuid(UuidForm::Bytes) => "blobs of 16 bytes".to_owned(),
        Mapping::Uuid(form) => uuid_words(form).to_owned(),
        _ => return None,
    };
    Some(form)
}

/// Does the declaration say in SQLite's words what the type says in PostgreSQL's
fn is_alike(declared: &str, column: &ColumnPlan) -> bool {
    let declared = declared.to_ascii_uppercase();
    let one_of = |names: &[&str]| names.contains(&declared.as_str());
    match column.mapping {
        Mapping::Bigint => one_of(&["INTEGER", "INT", "BIGINT", "INT8"]),
        Mapping::Double => one_of(&["REAL", "DOUBLE", "FLOAT", "DOUBLE PRECISION"]),
        Mapping::Numeric => one_of(&["NUMERIC", "DECIMAL"]),
        Mapping::Decimal { .. } => true,
        Mapping::Text => one_of(&["TEXT", "CLOB"]) || declared == column.type_sql.to_ascii_uppercase(),
        Mapping::Bytea => one_of(&["BLOB", "BYTEA"]),
        Mapping::Json { .. } => one_of(&["JSON", "JSONB"]),
        _ => declared == column.type_sql.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::convert::forms::{Fraction, Layout, StampForm, Zone};
    use crate::model::plan::{example_column, example_table};
    use crate::model::schema::{Affinity, Generated};

    fn comment(declared: &str, mapping: Mapping) -> Option<String> {
        let source = Column {
            name: "c".into(),
            declared_type: declared.into(),
            affinity: Affinity::of_declared(declared),
            not_null: false,
            default: None,
            generated: Generated::No,
            collation: "BINARY".into(),
        };
        words(&source, &example_column("c", mapping))
    }

    #[test]
    fn only_what_the_type_does_not_say() {
        let form = StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };
        let stamp = Mapping::Timestamp { zoned: false, form };
        assert_eq!(comment("DATETIME", stamp).unwrap(), "SQLite: DATETIME, as %Y-%m-%d %H:%M:%S");
        assert_eq!(comment("bool", Mapping::Boolean(BoolForm::ZeroOne)).unwrap(), "SQLite: bool, as 0 or 1");
        assert_eq!(comment("varchar(9)", Mapping::Text).unwrap(), "SQLite: varchar(9)");
        assert_eq!(comment("", Mapping::Variant).unwrap(), "SQLite: no type");
        let alike = [("integer", Mapping::Bigint), ("TEXT", Mapping::Text), ("real", Mapping::Double)];
        assert!(alike.iter().all(|(declared, mapping)| comment(declared, *mapping).is_none()));
    }

    #[test]
    fn nothing_in_a_declaration_ends_the_statement() {
        let mut table = example_table(vec![example_column("a\"b", Mapping::Text)], vec![0]);
        table.columns[0].source_column = Some(0);
        let declared_type = "it's".to_owned();
        let (name, default) = ("a".to_owned(), None);
        let (affinity, generated, collation) = (Affinity::Numeric, Generated::No, String::new());
        table.source.columns =
            vec![Column { name, declared_type, affinity, not_null: false, default, generated, collation }];
        let plan = Plan { tables: vec![table], ..Plan::empty(Mode::Create, "s") };
        let expected = "COMMENT ON COLUMN \"s\".\"t\".\"a\"\"b\" IS 'SQLite: it''s'";
        assert_eq!(comments(&plan, &plan.tables[0]), [expected]);
    }
}
