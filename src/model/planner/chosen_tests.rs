//! What the plan file may ask for, and what it is told when it asks for something else

use crate::model::choices::Choices;
use crate::model::extensions::Offer;
use crate::model::plan::{IndexMethod, Notice, Plan};
use crate::model::planfile::read::PlanFile;
use crate::model::planner::fixtures::{foreign_key, index, table, with_alias, with_primary_key};
use crate::model::planner::{Found, Request, is_skipped, make_plan, sought};
use crate::model::profile::TableProfile;
use crate::model::profile::count::Counter;
use crate::model::schema::Table;
use crate::model::value::Value;

/// Two tables; every value a text but the numbers
fn source() -> Vec<(Table, Vec<Vec<Value<'static>>>)> {
    let text = |text: &'static str| Value::Text(text.as_bytes());
    let columns = [("id", "INTEGER"), ("name", "VARCHAR(3)"), ("born", "DATE"), ("meta", "JSON"), ("n", "INT")];
    let mut users = with_alias("users", &columns);
    users.indexes = vec![index("users_name", true, &[1]), index("users_meta", false, &[4])];
    let rows = [("ann", "2024-01-02", "{}", 7), ("bob", "", "[1]", 40_000)];
    let rows = rows.iter().zip(1..).map(|((name, born, meta, n), id)| {
        vec![Value::Integer(id), text(name), text(born), text(meta), Value::Integer(*n)]
    });
    let columns = [("key", "TEXT"), ("user", "INT"), ("body", "TEXT"), ("at", "DATETIME")];
    let mut notes = with_primary_key(table("notes", &columns), &[0], &["BINARY"]);
    notes.indexes.push(index("notes_at", true, &[3]));
    notes.foreign_keys = vec![foreign_key(&[1], "users", &["id"])];
    let note = vec![text("k"), Value::Integer(1), text("long body"), text("2024-01-02 03:04:05")];
    vec![(users, rows.collect()), (notes, vec![note])]
}

fn plan(file: &str) -> Plan {
    let choices = PlanFile::parse(file).unwrap_or_else(|e| panic!("{e:?} in {file}")).choices();
    plan_with(&choices)
}

fn plan_with(choices: &Choices) -> Plan {
    let mut found = Found::default();
    for (table, rows) in source() {
        if is_skipped(choices, &table) {
            found.left_out.push(table);
            continue;
        }
        let mut counters: Vec<Counter> = (sought(choices, &table).into_iter().enumerate())
            .map(|(at, sought)| Counter::seeking(&table, at, sought))
            .collect();
        for row in &rows {
            for (counter, value) in counters.iter_mut().zip(row) {
                counter.add(*value, &|| format!("row {row:?}").chars().take(20).collect());
            }
        }
        let columns = counters.into_iter().map(|counter| counter.profile).collect();
        found.tables.push((table, TableProfile { rows: rows.len() as u64, columns, ..TableProfile::default() }));
    }
    make_plan(found, &Request { target_schema: "public", choices, offer: &Offer::default() }).plan
}

fn said(notices: &[Notice]) -> String {
    let line = |notice: &Notice| {
        format!("{}: {} [{}]\n", notice.object, notice.message, notice.remedy.as_deref().unwrap_or_default())
    };
    notices.iter().map(line).collect()
}

#[test]
fn every_mistake_is_refused_with_what_is_meant() {
    for (file, named) in [
        (
            "[tables.user]\nskip = true",
            "user: the plan file names a table that the source does not have [write \"users\"",
        ),
        ("[tables.zebra]\nskip = true", "zebra: the plan file names a table that the source does not have [remove it"),
        (
            "[tables.users.columns]\nnme = \"text\"",
            "users.nme: the plan file names a column that the table does not have [write \"name\"",
        ),
        ("[tables.users.indexes]\nusers_nam = false", "users: the plan file names an index \"users_nam\""),
        ("[tables.users.columns]\nname = \"strin\"", "users.name: there is no type `strin`"),
        (
            "[tables.users.columns]\nborn = { type = \"date\", form = \"%d.%m.%Y\" }",
            "users.born: type date has no form `%d.%m.%Y` [forms are: %Y-%m-%d | %Y%m%d]",
        ),
        ("[tables.users.columns]\nborn = { form = \"%Y%m%d\" }", "users.born: a form or zone is given without a type"),
        (
            "[tables.users.columns]\nborn = \"date\"",
            "users.born: cannot become date: 1 of 2 values does not fit (it is not \
             written as the others are); texts are 1 %Y-%m-%d, 1 '', e.g. row [Integer(2), Tex [\"text\" holds them all",
        ),
        (
            "[tables.users.columns]\nborn = { type = \"date\", form = \"%Y%m%d\" }",
            "users.born: cannot become date with form `%Y%m%d`: 2 of 2 values do not fit (the first is not written so), e.g. ",
        ),
        (
            "[tables.users.columns]\nn = \"smallint\"",
            "users.n: cannot become smallint: 1 of 2 values does not fit (it is a number \
             outside the range of the type), e.g. row [Integer(2), Tex [\"bigint\" holds them all",
        ),
        ("[tables.users.columns]\nid = \"numeric\"", "users.id: cannot become numeric: it is the rowid"),
        ("[tables.users.columns]\nname = \"char(3)\"", "users.name: cannot become char(3): values that are unique"),
        (
            "[tables.notes.columns]\nat = { type = \"timestamp\", form = \"any spelling, else %Y-%m-%d %H:%M\" }",
            "notes.at: cannot become timestamp: rows are told apart by its text in SQLite, or a foreign key is over it, and \
             two spellings would be one value",
        ),
        (
            "[tables.users.columns]\nmeta = { type = \"jsonb\", index = \"btree\" }",
            "users.meta: there is no index \"btree\" [indexes are: gin",
        ),
        ("[tables.users.columns]\nname = { index = \"gin\" }", "users.name: PostgreSQL has no GIN index over text"),
        ("[tables.users.columns]\nid = { skip = true }", "users.id: cannot be skipped: it is in the key"),
        (
            "[tables.users]\nrename = \"notes\"",
            "users: cannot be called \"notes\" on the target: that is the name of notes",
        ),
        (
            "[tables.users]\nrename = \"x\"\n[tables.notes]\nrename = \"x\"",
            "cannot be called \"x\" on the target: that name is taken",
        ),
        ("[tables.users]\nrename = \"\"", "users: cannot be called \"\" on the target: that name is empty"),
        ("[tables.users]\nrename = \"_crossfade_x\"", "users: \"_crossfade_x\" begins like"),
        (
            "[tables.users.columns]\nname = { rename = \"born\" }",
            "users.name: cannot be called \"born\" on the target: that is the name of born",
        ),
        (
            "[tables.users.columns]\nname = { rename = \"xmin\" }",
            "users.name: cannot be called \"xmin\" on the target: that name belongs to PostgreSQL",
        ),
    ] {
        let plan = plan(file);
        let refusals = said(&plan.refusals);
        assert!(plan.refusals.len() == 1 && refusals.contains(named), "{file}\n{refusals}");
    }
}

#[test]
fn all_mistakes_are_refused_at_once() {
    let plan = plan(
        "[tables.zebra]\n[tables.users.columns]\nzebra = \"text\"\nname = \"strin\"\nborn = \"date\"\nn = \"smallint\"\n\
         [tables.notes]\nrename = \"users\"",
    );
    assert_eq!(plan.refusals.len(), 6, "{}", said(&plan.refusals));
}

#[test]
fn what_is_for_another_schema_is_refused() {
    for file in ["[triggers.\"a.b\"]\nfire = true", "[tables.users]\npolicy = \"merge\""] {
        assert!(said(&plan(file).refusals).contains("is for tables that stand on the target already"), "{file}");
    }
}

#[test]
fn names_checks_and_defaults_may_be_chosen() {
    for file in [
        "[defaults]\nidentifiers = \"lower\"",
        "[tables.users.checks]\npositive = false",
        "[tables.users.columns]\nn = { default = false }",
    ] {
        assert!(plan(file).refusals.is_empty(), "{file}: {}", said(&plan(file).refusals));
    }
}

#[test]
fn proven_choices_are_in_the_plan() {
    let plan = plan(
        "[defaults]\nvarchar = true\n[tables.users]\nrename = \"people\"\n[tables.users.indexes]\nusers_meta = false\n\
         [tables.users.columns]\nid = \"int\"\nborn = { rename = \"birthday\" }\nn = { skip = true }\n\
         meta = { type = \"jsonb\", index = \"gin\" }\n[tables.notes.columns]\nuser = \"integer\"\nbody = \"varchar(9)\"",
    );
    assert!(plan.refusals.is_empty(), "{}", said(&plan.refusals));
    let users = &plan.tables[0];
    let columns: Vec<_> = users.columns.iter().map(|c| format!("{} {}", c.target_name, c.type_sql)).collect();
    assert_eq!(columns, ["id integer", "name varchar(3)", "birthday text", "meta jsonb"]);
    let indexes: Vec<_> = users.indexes.iter().map(|i| (i.name.as_str(), i.method, i.unique)).collect();
    assert_eq!(indexes, [("users_name", IndexMethod::Btree, true), ("people_meta_idx", IndexMethod::Gin, false)]);
    assert_eq!(plan.tables[1].foreign_keys[0].parent_name, "people");
    assert_eq!(plan.tables[1].columns[2].type_sql, "varchar(9)");
    assert!(said(&plan.skipped).contains("users.n: skipped by the plan file"));
}

#[test]
fn a_skipped_table_is_listed_and_what_refers_to_it_warned_about() {
    let plan = plan("[tables.users]\nskip = true\n[tables.users.columns]\nname = \"text\"");
    assert!(plan.refusals.is_empty() && plan.tables.len() == 1, "{}", said(&plan.refusals));
    assert!(said(&plan.skipped).contains("users: skipped by the plan file"));
    assert!(said(&plan.warnings).contains("there is no table users on the target"), "{}", said(&plan.warnings));
}

#[test]
fn what_is_over_a_skipped_column_is_left_out_with_a_warning() {
    let plan = plan("[tables.users.columns]\nname = { skip = true }\n[tables.notes.columns]\nuser = { skip = true }");
    assert!(plan.refusals.is_empty(), "{}", said(&plan.refusals));
    let warnings = said(&plan.warnings);
    assert!(
        warnings.contains("index users_name on users: not created on the target: a column of it is not copied"),
        "{warnings}"
    );
    assert!(warnings.contains("foreign key notes (user) -> users: not created"), "{warnings}");
}

/// A reason to doubt the planner's type is no news to whoever chose another one
#[test]
fn doubts_give_way_to_choices() {
    let doubted = |file| said(&plan(file).warnings).contains("declared DATE");
    assert!(doubted("") && doubted("[tables.users.columns]\nborn = \"text\""));
    assert!(!doubted("[tables.users.columns]\nborn = { type = \"jsonb\", form = \"any value\" }"));
    assert!(!doubted("[tables.users.columns]\nborn = \"date\""));
}

#[test]
fn a_line_that_nobody_edited_binds_and_says_when_it_is_old() {
    let mark = |columns: &str| {
        let file = format!("[tables.users.columns]\n{columns}");
        let choices = PlanFile::parse(&file).unwrap().choices();
        format!("[tables.users]\nplanned = \"{}\"\n{file}", choices.tables["users"].mark())
    };
    let old = plan(&mark("n = \"integer\""));
    assert!(said(&old.warnings).contains("users.n: the plan file says integer, and nobody has edited it"), "{old:?}");
    assert_eq!(old.tables[0].columns[4].type_sql, "integer");
    let edited = plan("[tables.users]\nplanned = \"00000000\"\n[tables.users.columns]\nn = \"integer\"");
    assert!(!said(&edited.warnings).contains("nobody"));
}

#[test]
fn choices_are_told_apart_and_marks_are_none() {
    let digest = |file: &str| PlanFile::parse(file).unwrap().choices().digest();
    assert_eq!(digest("workers = 3\nsource = \"x\""), None);
    let one = digest("[tables.t.columns]\na = \"text\"");
    assert!(
        one.is_some()
            && one == digest("log_limit = 9\n[tables.t]\nplanned = \"1\"\n[tables.t.columns.a]\ntype = \"text\"")
    );
    assert_ne!(one, digest("[tables.t.columns]\na = \"json\""));
    assert_eq!(plan("[tables.users.columns]\nid = \"int\"").choices_digest.map(|digest| digest.len()), Some(32));
}
