//! Names, keys, rows, rights and triggers

use super::fixtures::*;
use super::{Collision, Revisions, match_tables};
use crate::model::choices::{Choices, ColumnChoice, TableChoice, TriggerChoice};
use crate::model::plan::{Conflict, Identity, Plan, Policy};
use crate::model::planner::fixtures as source;
use crate::model::schema::{KeyKind, Table};
use crate::model::target::{Catalog, TargetForeignKey, TargetIndex, TargetTable, TargetTrigger};

fn simple(name: &str) -> Table {
    source_table(name, &[("id", "INTEGER"), ("a", "TEXT")])
}

fn there(name: &str) -> TargetTable {
    target_table(name, &[("id", "int8!"), ("a", "text")])
}

fn plan_of(sources: Vec<Table>, catalog: &Catalog, choices: &Choices) -> Plan {
    let tables: Vec<(Table, &[&[&str]])> = sources.into_iter().map(|table| (table, &[][..])).collect();
    plan(&tables, catalog, choices)
}

fn refusals(sources: Vec<Table>, targets: Vec<TargetTable>, choices: &Choices) -> String {
    told(&plan_of(sources, &catalog(targets), choices).refusals)
}

fn choose(table: &str, choice: TableChoice) -> Choices {
    Choices { tables: [(table.to_owned(), choice)].into(), ..Choices::default() }
}

#[test]
fn tables_are_matched_exactly_and_then_in_any_case() {
    let none = Choices::default();
    let matched = |name: &str, targets: &[&str]| {
        let catalog = catalog(targets.iter().map(|name| there(name)).collect());
        let plan = plan_of(vec![simple(name)], &catalog, &none);
        plan.tables.first().map(|table| table.target_name.clone()).ok_or(told(&plan.refusals))
    };
    assert_eq!(matched("t", &["T", "t"]).unwrap(), "t");
    assert_eq!(matched("Lock", &["lock"]).unwrap(), "lock");
    let both = matched("Lock", &["lock", "LOCK"]).unwrap_err();
    assert_eq!(both, "Lock: the target has several of this name: lock, LOCK");
    assert_eq!(matched("t", &["u"]).unwrap_err(), "t: the schema public has no table t");
    let mut catalog = catalog(vec![]);
    catalog.others.insert("T".into(), "a foreign table");
    let message = told(&plan_of(vec![simple("t")], &catalog, &none).refusals);
    assert_eq!(message, "t: T is a foreign table on the target, to which nothing can be copied");
}

#[test]
fn two_tables_do_not_go_to_one() {
    let message = refusals(vec![simple("t"), simple("T")], vec![there("t")], &Choices::default());
    assert_eq!(message, "T: goes to t, like t");
}

#[test]
fn the_plan_file_renames_and_skips() {
    let renamed = choose("t", TableChoice { rename: Some("u".into()), ..TableChoice::default() });
    let plan = plan_of(vec![simple("t")], &catalog(vec![there("t"), there("u")]), &renamed);
    assert_eq!((plan.tables[0].target_name.as_str(), plan.refusals.len()), ("u", 0));
    let only = "the target: tables that are only there are left alone: t";
    assert!(told(&plan.skipped).contains(only), "{:?}", plan.skipped);
    let skipped = choose("t", TableChoice { skip: true, ..TableChoice::default() });
    let plan = plan_of(vec![simple("t"), simple("u")], &catalog(vec![there("u")]), &skipped);
    assert_eq!((plan.tables.len(), plan.refusals.len()), (1, 0));
    assert!(told(&plan.skipped).contains("t: skipped, as the plan file says"));
    let unknown = choose("x", TableChoice::default());
    let message = refusals(vec![simple("t")], vec![there("t")], &unknown);
    assert_eq!(message, "x: the plan file names this table, and the source has none");
}

#[test]
fn columns_are_matched_in_any_order_and_case() {
    let target = target_table("t", &[("id", "int8!"), ("B", "int4"), ("a", "text")]);
    let table = source_table("t", &[("id", "INTEGER"), ("A", "TEXT"), ("b", "INT")]);
    let plan = plan_of(vec![table], &catalog(vec![target]), &Choices::default());
    let names: Vec<_> = plan.tables[0].columns.iter().map(|column| column.target_name.as_str()).collect();
    assert_eq!((names, plan.refusals.len()), (vec!["id", "a", "B"], 0));
}

#[test]
fn columns_of_one_side_only_are_told() {
    let table = || source_table("t", &[("id", "INTEGER"), ("gone", "TEXT")]);
    let message = refusals(vec![table()], vec![target_table("t", &[("id", "int8!")])], &Choices::default());
    assert_eq!(message, "t.gone: t has no column gone on the target");
    let skip = ColumnChoice { skip: true, ..ColumnChoice::default() };
    let skipped = choose("t", TableChoice { columns: [("gone".into(), skip)].into(), ..TableChoice::default() });
    let plan = plan_of(vec![table()], &catalog(vec![target_table("t", &[("id", "int8!")])]), &skipped);
    assert_eq!((plan.tables[0].columns.len(), plan.refusals.len()), (1, 0));

    let columns = [("id", "int8!"), ("a", "text"), ("null", "text"), ("filled", "text!"), ("bare", "text!")];
    let mut target = target_table("t", &columns);
    target.columns[3].default = Some("''".into());
    let plan = plan_of(vec![simple("t")], &catalog(vec![target]), &Choices::default());
    assert_eq!(
        told(&plan.refusals),
        "t -> t.bare: NOT NULL without a DEFAULT on the target, and the source has no such column"
    );
    assert_eq!(told(&plan.warnings), "t: only on the target, which fills them itself: null, filled");
}

#[test]
fn what_the_target_computes_is_left_alone() {
    let mut target = target_table("t", &[("id", "int8!"), ("a", "tsvector")]);
    target.columns[1].generated = Some("to_tsvector('x')".into());
    let plan = plan_of(vec![simple("t")], &catalog(vec![target]), &Choices::default());
    assert!(plan.refusals.is_empty() && !plan.tables[0].columns[1].is_copied(), "{plan:?}");
    assert_eq!(told(&plan.warnings), "t.a: the target computes it: not copied, and not compared");
}

#[test]
fn bookkeeping_is_compared_and_never_copied() {
    let table = || source::table("alembic_version", &[("version_num", "VARCHAR(32)")]);
    let with = |source: &str, target: Option<&str>| {
        let mut catalog = catalog(vec![]);
        if let Some(revision) = target {
            catalog.bookkeeping.insert("alembic_version".into(), [revision.to_owned()].into());
        }
        let revisions: Revisions = [("alembic_version".to_owned(), [source.to_owned()].into())].into();
        let (matched, left) = match_tables(vec![table()], &catalog, &Choices::default(), &revisions);
        assert!(matched.is_empty());
        (told(&left.skipped), told(&left.notes.refusals))
    };
    let equal = "alembic_version: bookkeeping of migrations: compared, equal (at a1)";
    assert_eq!(with("a1", Some("a1")), (equal.to_owned(), String::new()));
    let different = "alembic_version: the source is at revision a1, the target at c3";
    assert_eq!(with("a1", Some("c3")), (String::new(), different.to_owned()));
    assert!(with("a1", None).1.contains("bookkeeping of migrations that the target does not have"));
}

#[test]
fn the_keys_index_arbitrates_if_it_can() {
    let plan = |index: TargetIndex| {
        let target = TargetTable { indexes: vec![index], ..there("t") };
        let plan = plan_of(vec![simple("t")], &catalog(vec![target]), &Choices::default());
        (plan.tables[0].conflict, plan.tables[0].key_constraint.clone(), plan.tables[0].indexes.len())
    };
    let key = there("t").indexes.remove(0);
    assert_eq!(plan(key.clone()), (Conflict::OnKey, "t_pkey".into(), 0));
    let deferrable = TargetIndex { arbitrates: false, ..key.clone() };
    assert_eq!(plan(deferrable), (Conflict::DeleteInsert, "t_pkey".into(), 1));
    let partial = TargetIndex { predicate: Some("id > 1".into()), ..key.clone() };
    assert_eq!(plan(partial), (Conflict::DeleteInsert, "_crossfade_1".into(), 1));
    let wider = TargetIndex { columns: vec![Some(0), Some(1)], ..key.clone() };
    assert_eq!(plan(wider), (Conflict::DeleteInsert, "t_pkey".into(), 1));
    let expression = TargetIndex { columns: vec![None], expressions: vec!["lower(a)".into()], ..key.clone() };
    assert_eq!(plan(expression), (Conflict::DeleteInsert, "_crossfade_1".into(), 1));
    let lookup = TargetIndex { unique: false, ..key };
    assert_eq!(plan(lookup), (Conflict::DeleteInsert, "t_pkey".into(), 0));
}

#[test]
fn the_order_of_a_keys_columns_does_not_matter() {
    let table = source::table("t", &[("a", "INT"), ("b", "INT")]);
    let table = source::with_primary_key(table, &[0, 1], &["BINARY", "BINARY"]);
    let mut target = target_table("t", &[("b", "int4!"), ("a", "int4!")]);
    let columns = vec![Some(0), Some(1)];
    target.indexes =
        vec![TargetIndex { name: "k".into(), unique: true, arbitrates: true, columns, ..TargetIndex::default() }];
    let plan = plan_of(vec![table], &catalog(vec![target]), &Choices::default());
    assert_eq!((plan.tables[0].conflict, told(&plan.refusals)), (Conflict::OnKey, String::new()));
}

#[test]
fn a_table_without_a_key_gets_a_column_for_the_rowid() {
    let table = source::table("t", &[("a", "TEXT")]);
    let target = || target_table("t", &[("a", "text")]);
    let plan = plan_of(vec![table.clone()], &catalog(vec![target()]), &Choices::default());
    let planned = &plan.tables[0];
    assert_eq!((planned.key.kind, planned.columns[1].target_name.as_str()), (KeyKind::Rowid, "_crossfade_rowid"));
    assert_eq!((planned.key_constraint.as_str(), planned.conflict), ("_crossfade_1", Conflict::OnKey));
    assert!(
        told(&plan.warnings).contains("rows are told apart by the rowid, kept in an additional column on the target")
    );
    let foreign = TargetTable { owned: false, ..target() };
    let message = refusals(vec![table.clone()], vec![foreign], &Choices::default());
    assert!(message.contains("which only its owner app can add"), "{message}");
    let message = refusals(vec![table], vec![TargetTable { partitioned: true, ..target() }], &Choices::default());
    assert!(message.contains("is partitioned: no unique index can be added there"), "{message}");
}

#[test]
fn keys_need_types_that_compare_as_sqlite_does() {
    let table = source::table("t", &[("a", "TEXT")]);
    let table = source::with_primary_key(table, &[0], &["BINARY"]);
    let message = refusals(vec![table.clone()], vec![target_table("t", &[("a", "jsonb!")])], &Choices::default());
    assert!(message.contains("values of type jsonb are not compared as SQLite's"), "{message}");
    let mut computed = target_table("t", &[("a", "text!")]);
    computed.columns[0].generated = Some("'x'".into());
    let message = refusals(vec![table], vec![computed], &Choices::default());
    assert_eq!(message, "t: its key has the column a, which the target computes");
}

#[test]
fn an_identity_that_may_not_be_updated_means_delete_and_insert() {
    let mut target = target_table("t", &[("id", "int8!"), ("a", "text"), ("n", "int8!")]);
    target.columns[2].identity = Some(Identity::Always);
    let table = source_table("t", &[("id", "INTEGER"), ("a", "TEXT"), ("n", "INT")]);
    let planned = &plan_of(vec![table], &catalog(vec![target.clone()]), &Choices::default()).tables[0];
    assert_eq!((planned.conflict, planned.columns[2].identity), (Conflict::DeleteInsert, Some(Identity::Always)));
    // Filled by itself where the source has none
    assert_eq!(refusals(vec![simple("t")], vec![target.clone()], &Choices::default()), "");
    target.columns[2].identity = None;
    target.columns[0].identity = Some(Identity::Always);
    let planned = &plan_of(vec![simple("t")], &catalog(vec![there("t")]), &Choices::default()).tables[0];
    assert_eq!(planned.conflict, Conflict::OnKey);
}

#[test]
fn rows_that_are_there_are_refused_unless_a_policy_says_otherwise() {
    let with = |rows, more_rows, policy| {
        let target = TargetTable { rows, more_rows, referrers: vec!["other".into()], ..there("t") };
        refusals(vec![simple("t")], vec![target], &choose("t", TableChoice { policy, ..TableChoice::default() }))
    };
    assert_eq!(with(0, false, None), "");
    assert_eq!(with(1, false, None), "t: t has 1 row on the target");
    assert_eq!(with(10_000, true, Some(Policy::Refuse)), "t: t has more than 10,000 rows on the target");
    assert_eq!(with(7, false, Some(Policy::Merge)), "");
    let referred = "t: policy = \"truncate\", but foreign keys of other refer to t";
    assert_eq!(with(7, false, Some(Policy::Truncate)), referred);
}

#[test]
fn uniqueness_that_the_source_does_not_have_is_looked_for() {
    let unique = |columns: &[usize]| TargetIndex {
        name: "u".into(),
        unique: true,
        arbitrates: true,
        columns: columns.iter().map(|at| Some(*at)).collect(),
        ..TargetIndex::default()
    };
    let probes = |table: Table, to: &str, index: TargetIndex| {
        let mut target = target_table("t", &[("id", "int8!"), ("a", to)]);
        target.indexes.push(index);
        let (matched, _) = match_tables(vec![table], &catalog(vec![target]), &Choices::default(), &Revisions::new());
        let probes: Vec<_> = matched[0].probes.iter().map(|probe| probe.columns.len()).collect();
        probes
    };
    let mut covered = simple("t");
    covered.indexes = vec![source::index("i", true, &[1])];
    assert_eq!(probes(covered.clone(), "text", unique(&[1])), [0usize; 0]);
    assert_eq!(probes(covered.clone(), "citext", unique(&[1])), [1]);
    assert_eq!(probes(simple("t"), "text", unique(&[1])), [1]);
    // The key alone keeps them apart.
    assert_eq!(probes(simple("t"), "text", unique(&[1, 0])), [0usize; 0]);
    let nulls = TargetIndex { nulls_equal: true, ..unique(&[1]) };
    assert_eq!(probes(covered.clone(), "text", nulls), [1]);
    covered.indexes[0].predicate = Some("a > 1".into());
    assert_eq!(probes(covered, "text", unique(&[1])), [1]);
}

#[test]
fn rows_that_collide_are_refused() {
    let mut target = target_table("t", &[("id", "int8!"), ("a", "citext")]);
    target.indexes.push(TargetIndex {
        name: "u".into(),
        unique: true,
        columns: vec![Some(1)],
        ..TargetIndex::default()
    });
    let collision = Collision { rows: 2, keys: vec!["id=3".into(), "id=9".into()] };
    let tables = [(simple("t"), &[][..])];
    let plan = plan_with(&tables, &catalog(vec![target]), &Choices::default(), &[collision]);
    let expected = "t -> index u: unique over a on the target, in any case of letters, and 2 rows have the values of \
                    another, e.g. id=3; id=9";
    assert_eq!(told(&plan.refusals), expected);
}

#[test]
fn every_missing_right_is_named_with_its_grant() {
    let mut tables = vec![there("a"), there("b"), there("c")];
    tables[0].missing = vec!["INSERT", "TRUNCATE"];
    tables[1].missing = vec!["INSERT"];
    tables[2].missing = vec!["SELECT", "DELETE"];
    let catalog = Catalog { can_silence: false, can_keep_state: false, can_stage: false, ..catalog(tables) };
    let plan = plan_of(vec![simple("a"), simple("b"), simple("c")], &catalog, &Choices::default());
    let remedies: Vec<&str> = plan.refusals.iter().filter_map(|notice| notice.remedy.as_deref()).collect();
    assert_eq!(
        remedies,
        [
            "as a superuser: GRANT SET ON PARAMETER session_replication_role TO \"app\";",
            "GRANT CREATE ON DATABASE \"db\" TO \"app\";",
            "GRANT TEMPORARY ON DATABASE \"db\" TO \"app\";",
            "GRANT INSERT ON \"public\".\"a\", \"public\".\"b\" TO \"app\";",
            "GRANT SELECT, DELETE ON \"public\".\"c\" TO \"app\";",
        ]
    );
}

#[test]
fn hidden_rows_and_inheritance_are_refused() {
    let secured = TargetTable { row_security: true, ..there("t") };
    let message = refusals(vec![simple("t")], vec![secured], &Choices::default());
    assert_eq!(message, "t: row level security hides rows of t from us");
    let inherited = TargetTable { inherited: true, ..there("t") };
    let message = refusals(vec![simple("t")], vec![inherited], &Choices::default());
    assert!(message.contains("other tables inherit from t"), "{message}");
}

fn trigger(function: &str, enabled: char, arguments: &[&str]) -> TargetTrigger {
    TargetTrigger {
        name: "g".into(),
        enabled,
        row_before: true,
        writes: true,
        function: function.into(),
        arguments: arguments.iter().map(|text| text.to_string()).collect(),
    }
}

/// Whether the trigger fires and what it is switched to; or what is refused
fn with_trigger(trigger: TargetTrigger, fire: Option<bool>, owned: bool) -> Result<Vec<(bool, Option<char>)>, String> {
    let columns = [("id", "int8!"), ("a", "text"), ("search", "tsvector")];
    let target = TargetTable { triggers: vec![trigger], owned, ..target_table("t", &columns) };
    let mut choices = Choices::default();
    choices.triggers.extend(fire.map(|fire| ("t.g".to_owned(), TriggerChoice { fire })));
    let plan = plan_of(vec![simple("t")], &catalog(vec![target]), &choices);
    let planned = plan.triggers.iter().map(|trigger| (trigger.fires, trigger.switched_to())).collect();
    if plan.refusals.is_empty() { Ok(planned) } else { Err(told(&plan.refusals)) }
}

#[test]
fn triggers_that_fill_columns_fire_and_others_are_silent() {
    let search = trigger("tsvector_update_trigger", 'O', &["search", "pg_catalog.english", "a"]);
    assert_eq!(with_trigger(search.clone(), None, true), Ok(vec![(true, Some('A'))]));
    assert_eq!(with_trigger(search.clone(), Some(false), true), Ok(vec![(false, None)]));
    assert!(with_trigger(search.clone(), None, false).unwrap_err().contains("only app, its owner, can switch"));
    // It fills a column that is copied.
    let other = trigger("tsvector_update_trigger", 'O', &["a"]);
    assert_eq!(with_trigger(other, None, true), Ok(vec![(false, None)]));
    assert_eq!(with_trigger(trigger("audit", 'O', &[]), None, true), Ok(vec![(false, None)]));
    assert_eq!(with_trigger(trigger("audit", 'O', &[]), Some(true), true), Ok(vec![(true, Some('A'))]));
    assert_eq!(with_trigger(trigger("audit", 'D', &[]), None, true), Ok(vec![]));
}

#[test]
fn triggers_that_act_always_are_for_the_operator_to_decide() {
    for enabled in ['A', 'R'] {
        let message = with_trigger(trigger("audit", enabled, &[]), None, true).unwrap_err();
        assert!(message.starts_with("trigger t.g: acts on replicated rows too"), "{message}");
        assert_eq!(with_trigger(trigger("audit", enabled, &[]), Some(true), true), Ok(vec![(true, None)]));
        let switched = if enabled == 'A' { 'O' } else { 'D' };
        assert_eq!(with_trigger(trigger("audit", enabled, &[]), Some(false), true), Ok(vec![(false, Some(switched))]));
    }
    let mut choices = Choices::default();
    choices.triggers.insert("t.x".into(), TriggerChoice { fire: true });
    let message = refusals(vec![simple("t")], vec![there("t")], &choices);
    assert!(message.starts_with("trigger t.x: the plan file names this trigger"), "{message}");
}

#[test]
fn foreign_keys_of_the_target_are_kept_in_mind() {
    let key = |columns: &[&str], parent_schema: Option<&str>| TargetForeignKey {
        name: "f".into(),
        columns: columns.iter().map(|column| column.to_string()).collect(),
        parent_schema: parent_schema.map(str::to_owned),
        parent: "t".into(),
        parent_columns: vec!["id".into()],
        on_update: "NO ACTION".into(),
        on_delete: "CASCADE".into(),
        deferred: true,
    };
    let mut target = target_table("t", &[("id", "int8!"), ("a", "text"), ("only", "int8")]);
    target.foreign_keys = vec![key(&["a"], None), key(&["only"], None), key(&["a"], Some("auth"))];
    let planned = &plan_of(vec![simple("t")], &catalog(vec![target]), &Choices::default()).tables[0];
    assert_eq!(planned.foreign_keys.len(), 1);
    assert_eq!((planned.foreign_keys[0].columns.as_slice(), planned.foreign_keys[0].deferred), (&[1usize][..], true));
}
