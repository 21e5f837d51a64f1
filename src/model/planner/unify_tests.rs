//! What columns learn from each other

use crate::model::mapping::Mapping;
use crate::model::plan::Plan;
use crate::model::planner::fixtures::{create_plan, foreign_key, index, table, with_alias, with_primary_key};
use crate::model::profile::TableProfile;
use crate::model::profile::count::Counter;
use crate::model::schema::Table;
use crate::model::value::Value;

const ID: &str = "123e4567-e89b-42d3-a456-426614174000";

/// Rows of texts; an empty list of rows is an empty table, and an empty text is NULL
fn plan(tables: Vec<(Table, &[&[&str]])>) -> Plan {
    let profiled = tables.into_iter().map(|(table, rows)| {
        let columns = (0..table.columns.len()).map(|at| {
            let mut counter = Counter::new(&table, at);
            for row in rows {
                let value = if row[at].is_empty() { Value::Null } else { Value::Text(row[at].as_bytes()) };
                counter.add(value, &|| "a row".to_owned());
            }
            counter.profile
        });
        let columns = columns.collect();
        (table, TableProfile { rows: rows.len() as u64, columns, ..TableProfile::default() })
    });
    create_plan(profiled.collect(), Vec::new(), "public").plan
}

fn types(plan: &Plan) -> Vec<Vec<&str>> {
    plan.tables.iter().map(|t| t.columns.iter().map(|c| c.type_sql.as_str()).collect()).collect()
}

fn keyed(name: &str, declared: &str) -> Table {
    with_primary_key(table(name, &[("k", declared)]), &[0], &["BINARY"])
}

fn referring(name: &str, declared: &str, parent: &str) -> Table {
    let mut child = table(name, &[("r", declared)]);
    child.foreign_keys = vec![foreign_key(&[0], parent, &["k"])];
    child
}

#[test]
fn both_ends_of_a_foreign_key_have_one_type() {
    let made = plan(vec![(keyed("p", "UUID"), &[&[ID]]), (referring("c", "UUID", "p"), &[&[ID]])]);
    assert_eq!(made.tables[0].columns[0].mapping, made.tables[1].columns[0].mapping);
    assert_eq!((types(&made)[1][0], made.tables[1].foreign_keys.len()), ("uuid", 1));
    let made = plan(vec![(keyed("p", "UUID"), &[&[ID]]), (referring("c", "TEXT", "p"), &[&[ID]])]);
    assert_eq!((types(&made)[0][0], types(&made)[1][0], made.tables[1].foreign_keys.len()), ("text", "text", 1));
    let told = made.warnings.iter().any(|n| n.object == "p.k" && n.message.contains("stays text like c.r"));
    assert!(told, "{:?}", made.warnings);
}

#[test]
fn forms_that_differ_are_types_that_differ() {
    let hex = ID.replace('-', "");
    let made = plan(vec![(keyed("p", "UUID"), &[&[ID]]), (referring("c", "UUID", "p"), &[&[hex.as_str()]])]);
    assert_eq!((types(&made)[0][0], types(&made)[1][0]), ("text", "text"));
}

#[test]
fn a_fall_back_goes_from_table_to_table() {
    let mut middle = keyed("b", "UUID");
    middle.foreign_keys = vec![foreign_key(&[0], "a", &["k"])];
    let made = plan(vec![
        (keyed("a", "UUID"), &[&[ID]]),
        (middle, &[&[ID]]),
        (referring("c", "UUID", "b"), &[&[ID]]),
        (referring("d", "TEXT", "b"), &[&[ID]]),
        (keyed("apart", "UUID"), &[&[ID]]),
    ]);
    let first: Vec<&str> = types(&made).iter().map(|columns| columns[0]).collect();
    assert_eq!(first, ["text", "text", "text", "text", "uuid"]);
}

#[test]
fn types_that_never_meet_stay_as_they_are() {
    let mut child = table("c", &[("r", "INTEGER")]);
    child.foreign_keys = vec![foreign_key(&[0], "p", &["k"])];
    let mut integers = Counter::new(&child, 0);
    integers.add(Value::Integer(1), &String::new);
    let parent = keyed("p", "UUID");
    let mut texts = Counter::new(&parent, 0);
    texts.add(Value::Text(ID.as_bytes()), &String::new);
    let profile = |counter: Counter| TableProfile { columns: vec![counter.profile], ..TableProfile::default() };
    let made = create_plan(vec![(parent, profile(texts)), (child, profile(integers))], Vec::new(), "public").plan;
    assert_eq!((types(&made)[0][0], types(&made)[1][0], made.tables[1].foreign_keys.len()), ("uuid", "bigint", 0));
}

#[test]
fn empty_references_follow_their_parent() {
    let mut middle = with_alias("b", &[("id", "INTEGER"), ("k", "TEXT")]);
    middle.indexes = vec![index("u", true, &[1])];
    middle.foreign_keys = vec![foreign_key(&[1], "a", &["k"])];
    let made = plan(vec![(referring("c", "CHAR(36)", "b"), &[]), (middle, &[]), (keyed("a", "UUID"), &[&[ID]])]);
    assert_eq!((types(&made)[0][0], types(&made)[1][1], types(&made)[2][0]), ("uuid", "uuid", "uuid"));
    assert_eq!(made.tables[0].foreign_keys.len(), 1);
}

#[test]
fn empty_columns_follow_the_others_of_their_declaration() {
    let columns = [("a", "DATETIME"), ("b", "datetime"), ("c", "TIMESTAMP"), ("d", "BOOLEAN"), ("e", "boolean")];
    let made = plan(vec![(table("t", &columns), &[&["2024-01-02T03:04:05Z", "", "", "t", ""]])]);
    assert_eq!(types(&made)[0][..5], ["timestamptz", "timestamptz", "text", "boolean", "boolean"]);
    assert_eq!(made.tables[0].columns[3].mapping, made.tables[0].columns[4].mapping);
    let made = plan(vec![
        (table("t", &columns), &[&["2024-01-02T03:04:05Z", "", "", "t", ""]]),
        (table("u", &columns), &[&["2024-01-02 03:04:05", "", "", "maybe", ""]]),
    ]);
    assert_eq!(types(&made)[0][..2], ["timestamptz", "text"], "two forms say nothing");
    assert_eq!(types(&made)[1][..2], ["timestamp", "text"]);
}

#[test]
fn django_leaves_out_zeros_though_no_value_shows_it() {
    let forms = |table_name: &str, moment: &str| {
        let columns = [("at", "datetime"), ("from", "time")];
        let bookkeeping = table(table_name, &[("app", "varchar(255)")]);
        let row: [&str; 2] = [moment, "03:04:05"];
        let made = plan(vec![(table("t", &columns), &[&row]), (bookkeeping, &[])]);
        made.tables[0].columns[..2]
            .iter()
            .map(|column| match column.mapping {
                Mapping::Timestamp { form, .. } => super::super::evidence::stamp_form(form),
                Mapping::Moment { form, .. } => format!("any {}", super::super::evidence::stamp_form(form)),
                Mapping::Time(form) => super::super::evidence::time_form(form),
                other => other.type_sql(),
            })
            .collect::<Vec<_>>()
    };
    let omitting = ["%Y-%m-%d %H:%M:%S.6?", "%H:%M:%S.6?"];
    assert_eq!(forms("django_migrations", "2024-01-02 03:04:05.123456"), omitting);
    assert_eq!(forms("django_migrations", "2024-01-02 03:04:05"), omitting);
    // Somebody else writes there than the framework itself, and later perhaps the framework too.
    assert_eq!(forms("django_migrations", "2024-01-02 03:04:05.000000")[0], "any %Y-%m-%d %H:%M:%S.6");
    assert_eq!(forms("alembic_version", "2024-01-02 03:04:05")[0], "any %Y-%m-%d %H:%M:%S");
    assert_eq!(forms("alembic_version", "2024-01-02 03:04:05.120000")[0], "%Y-%m-%d %H:%M:%S.6");
    assert_eq!(forms("schema_migrations", "2024-01-02 03:04:05")[0], "%Y-%m-%d %H:%M:%S");
}

#[test]
fn fractions_that_fit_two_forms_follow_the_others() {
    let fraction = |values: &[&str]| {
        let columns = [("a", "DATETIME"), ("b", "DATETIME")];
        let rows: Vec<Vec<&str>> = values.iter().map(|value| vec![*value, ""]).collect();
        let mut rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let others: [&[&str]; 2] = [&["", "2024-01-02 03:04:05"], &["", "2024-01-02 03:04:05.000001"]];
        rows.extend(others);
        let made = plan(vec![(table("t", &columns), &rows)]);
        match made.tables[0].columns[0].mapping {
            Mapping::Timestamp { form, .. } => super::super::evidence::stamp_form(form),
            other => other.type_sql(),
        }
    };
    assert_eq!(fraction(&["2024-01-02 03:04:05.123456"]), "%Y-%m-%d %H:%M:%S.6?");
    assert_eq!(fraction(&["2024-01-02 03:04:05"]), "%Y-%m-%d %H:%M:%S.6?");
    assert_eq!(fraction(&["2024-01-02 03:04:05.123456", "2024-01-02 03:04:05.000000"]), "%Y-%m-%d %H:%M:%S.6");
    assert_eq!(fraction(&["2024-01-02 03:04:05.123"]), "%Y-%m-%d %H:%M:%S.3");
    assert_eq!(fraction(&["2024-01-02T03:04:05.123456"]), "%Y-%m-%dT%H:%M:%S.6");
}

/// Each column as `DATETIME`, or `!` behind its name for a unique index, with its DEFAULT, and what its values are
fn spelled(writer: &str, columns: &[(&str, Option<&str>, &str)]) -> Vec<String> {
    let names: Vec<(&str, &str)> = columns.iter().map(|(name, ..)| (name.trim_end_matches('!'), "DATETIME")).collect();
    let mut made = table("t", &names);
    for (at, (name, default, _)) in columns.iter().enumerate() {
        made.columns[at].default = default.map(str::to_owned);
        if name.ends_with('!') {
            made.indexes.push(index(&format!("u{at}"), true, &[at]));
        }
    }
    let values: Vec<Vec<&str>> = columns.iter().map(|(_, _, values)| values.split(';').collect()).collect();
    let longest = values.iter().map(Vec::len).max().unwrap_or(0);
    let row = |row: usize| values.iter().map(|values| values.get(row).copied().unwrap_or_default()).collect();
    let rows: Vec<Vec<&str>> = (0..longest).map(row).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let plan = plan(vec![(made, &rows), (table(writer, &[("app", "varchar(255)")]), &[])]);
    let words = |mapping| crate::model::planfile::forms::words(mapping).unwrap_or_else(|| mapping.type_sql());
    plan.tables[0].columns[..columns.len()].iter().map(|column| words(column.mapping)).collect()
}

const SIX: &str = "2024-01-02 03:04:05.123456";
const THREE: &str = "2024-01-02 03:04:05.123";
const NONE: &str = "2024-01-02 03:04:05";

#[test]
fn several_spellings_are_taken_where_something_shows_that_they_come() {
    let now = Some("strftime('%Y-%m-%d %H:%M:%f', 'now')");
    let (exact, any) = ("%Y-%m-%d %H:%M:%S.6", "any spelling, else %Y-%m-%d %H:%M:%S.6");
    // Values that are all alike are believed, unless the DEFAULT says otherwise.
    assert_eq!(
        spelled("x", &[("a", None, SIX), ("b", now, SIX), ("c", Some("CURRENT_TIMESTAMP"), NONE)]),
        [exact, any, "%Y-%m-%d %H:%M:%S"]
    );
    assert_eq!(spelled("x", &[("a", Some("'2024-01-01 00:00:00'"), SIX)]), [any]);
    assert_eq!(
        spelled("x", &[("a", Some("'2024-01-01'"), SIX), ("b", Some("'2024-01-01 00:00:00Z'"), SIX)]),
        [exact; 2]
    );
    // Django's own code writes six digits, whatever the DEFAULT has written so far.
    let three = "any spelling, else %Y-%m-%d %H:%M:%S.3";
    assert_eq!(spelled("django_migrations", &[("a", now, THREE)]), [three]);
    assert_eq!(spelled("x", &[("a", now, THREE)]), ["%Y-%m-%d %H:%M:%S.3"]);
    // A framework writes all its columns alike.
    let mixed = format!("{SIX};{THREE};{SIX}");
    let omitting = "any spelling, else %Y-%m-%d %H:%M:%S.6?";
    assert_eq!(spelled("django_migrations", &[("a", None, &mixed), ("b", None, SIX)]), [any, omitting]);
    assert_eq!(spelled("x", &[("a", None, &mixed), ("b", None, SIX)]), [any, exact]);
    // An empty column may be written as any of the others of its declaration, if they are of one kind.
    assert_eq!(spelled("x", &[("a", None, SIX), ("b", None, NONE), ("c", None, THREE), ("d", None, "")])[3], any);
    assert_eq!(spelled("x", &[("a", None, &mixed), ("b", None, SIX), ("c", None, "")])[2], any);
    assert_eq!(spelled("x", &[("a", None, "2024-01-02T03:04:05Z"), ("b", None, SIX), ("c", None, "")])[2], "text");
    // Where there is no value, nothing is proven.
    assert_eq!(spelled("x", &[("a", now, ""), ("b", None, SIX), ("c", None, "")]), [three, exact, any]);
}

#[test]
fn i10_two_spellings_are_never_one_key() {
    let mixed = format!("{SIX};{THREE}");
    let now = Some("strftime('%Y-%m-%d %H:%M:%f', 'now')");
    let found = spelled("django_migrations", &[("a!", None, &mixed), ("b!", now, SIX), ("c!", now, "")]);
    assert_eq!(found, ["text", "%Y-%m-%d %H:%M:%S.6?", "%Y-%m-%d %H:%M:%S.3"]);
    let found = spelled("x", &[("a", None, &mixed), ("b!", None, "")]);
    assert_eq!(found, ["any spelling, else %Y-%m-%d %H:%M:%S.6", "text"]);
    let made = plan(vec![
        (keyed("p", "DATETIME"), &[&[SIX], &[THREE]]),
        (referring("c", "DATETIME", "p"), &[&[SIX], &[THREE]]),
        (with_alias("q", &[("id", "INTEGER"), ("k", "DATETIME")]), &[&["", SIX], &["", THREE]]),
        (referring("d", "DATETIME", "q"), &[&[SIX]]),
    ]);
    assert_eq!([types(&made)[0][0], types(&made)[1][0]], ["text"; 2]);
    assert_eq!([types(&made)[2][1], types(&made)[3][0]], ["text"; 2]);
}
