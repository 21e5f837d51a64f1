//! Whole plans: what depends on more than one table, and every refusal

use super::fixtures::{column, create_plan, empty, foreign_key, index, table, with_alias, with_primary_key};
use super::*;
use crate::model::mapping::Mapping;
use crate::model::plan::{IndexPlan, TermPlan};
use crate::model::schema::{Generated, IndexOrigin, Term};

fn terms(index: &IndexPlan) -> Vec<(usize, bool)> {
    assert!(index.is_plain());
    index.columns().zip(index.terms.iter().map(|term| term.descending)).collect()
}

fn plan(tables: Vec<Table>) -> Plan {
    plan_with(tables, |_| {})
}

fn plan_with(tables: Vec<Table>, change: impl Fn(&mut TableProfile)) -> Plan {
    let profiled = tables.into_iter().map(|table| {
        let mut profile = empty(&table);
        change(&mut profile);
        (table, profile)
    });
    create_plan(profiled.collect(), Vec::new(), "public").plan
}

fn warned(plan: &Plan, object: &str, message: &str) -> bool {
    plan.warnings.iter().any(|n| n.object.contains(object) && n.message.contains(message))
}

#[test]
fn an_empty_database_has_an_empty_plan() {
    let skipped = vec![notice("v", "a view", None)];
    let plan = create_plan(Vec::new(), skipped.clone(), "app").plan;
    assert_eq!((plan.tables.len(), plan.refusals.len(), plan.target_schema.as_str()), (0, 0, "app"));
    assert_eq!(plan.skipped, skipped);
}

#[test]
fn ids_rise_from_one_and_rowid_aliases_are_bigint() {
    let plan = plan_with(vec![with_alias("a", &[("id", "INTEGER")]), with_alias("b", &[("id", "INTEGER")])], |p| {
        (p.rows, p.bytes) = (7, 56);
    });
    assert_eq!(plan.tables.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 2]);
    let table = &plan.tables[0];
    assert_eq!((table.columns[0].mapping, table.columns[0].not_null), (Mapping::Bigint, true));
    assert_eq!((table.key_columns.as_slice(), table.key_constraint.as_str()), (&[0][..], "a_pkey"));
    assert_eq!((table.row_count, table.byte_count), (7, 56));
    assert!(plan.warnings.is_empty() && plan.refusals.is_empty());
}

#[test]
fn a_hidden_rowid_comes_last_under_a_name_of_its_own() {
    let plan = plan(vec![table("t", &[("_crossfade_rowid", "TEXT"), ("b", "TEXT")])]);
    let table = &plan.tables[0];
    let last = table.columns.last().unwrap();
    assert_eq!((last.target_name.as_str(), last.source_sql.as_str()), ("_crossfade_rowid_2", "rowid"));
    assert_eq!((last.source_column, last.mapping, last.not_null), (None, Mapping::Bigint, true));
    assert_eq!(table.key_columns, [2]);
    assert!(warned(&plan, "t", "rowid") && plan.warnings[0].remedy.is_some());
}

#[test]
fn a_key_with_nulls_gives_way_to_the_rowid_and_stays_unique() {
    let source = with_primary_key(table("t", &[("a", "TEXT")]), &[0], &["BINARY"]);
    let plan = plan_with(vec![source], |p| p.null_keys = 2);
    let table = &plan.tables[0];
    assert_eq!((table.key.kind, table.columns[0].not_null), (KeyKind::Rowid, false));
    assert_eq!((table.indexes[0].name.as_str(), table.indexes[0].unique), ("t_a_key", true));
    assert!(warned(&plan, "t", "2 rows have NULL"));
}

#[test]
fn generated_columns_and_broken_not_null_are_warned_about() {
    let mut source = with_alias("t", &[("id", "INTEGER"), ("g", "INT"), ("n", "INT")]);
    source.columns[1].generated = Generated::Virtual;
    source.columns[2].not_null = true;
    let plan = plan_with(vec![source], |p| p.columns[2].nulls = 1);
    assert!(warned(&plan, "t.g", "generated") && warned(&plan, "t.n", "NULL"));
    assert!(!plan.tables[0].columns[2].not_null);
    assert_eq!(plan.tables[0].columns.len(), 3);
}

#[test]
fn indexes_are_translated_dropped_or_named() {
    let mut source = with_primary_key(table("t", &[("a", "TEXT"), ("b", "TEXT")]), &[0, 1], &["BINARY", "BINARY"]);
    source.indexes.push(index("same", false, &[0, 1]));
    source.indexes.push(index("kept", false, &[1, 0]));
    source.indexes[2].terms[0].descending = true;
    let (mut partial, mut expression) = (index("partial", true, &[1]), index("expression", false, &[1]));
    partial.predicate = Some("a > '1'".into());
    let mut odd = index("odd", false, &[1]);
    odd.terms[0].what = Term::Expression("printf('%s', b)".into());
    expression.terms[0].what = Term::Expression("lower(b)".into());
    let mut mixed = index("mixed", false, &[0, 1]);
    mixed.terms[1].descending = true;
    let mut nocase = index("nocase", true, &[1]);
    nocase.terms[0].collation = "NOCASE".into();
    source.indexes.extend([partial, expression, mixed, nocase, odd]);
    let plan = plan(vec![source]);
    let [plain, partial, expression, mixed, nocase] = &plan.tables[0].indexes[..] else {
        panic!("{:?}", plan.warnings)
    };
    assert_eq!((plain.name.as_str(), terms(plain)), ("kept", vec![(1, true), (0, false)]));
    assert_eq!((partial.unique, partial.predicate.as_deref()), (true, Some("\"a\" COLLATE \"C\" > '1'")));
    let lower = TermPlan::Expression("lower(\"b\" COLLATE \"C\")".into());
    assert_eq!((&expression.terms[0].what, expression.unique), (&lower, false));
    assert_eq!(terms(mixed), [(0, false), (1, true)]);
    assert_eq!(nocase.terms[0].what, TermPlan::Expression("lower(\"b\" COLLATE \"C\")".into()));
    assert!(warned(&plan, "index odd", "not translated: the function printf"));
}

#[test]
fn tables_and_indexes_share_one_name_space() {
    let mut one = with_alias("one", &[("id", "INTEGER"), ("a", "TEXT")]);
    one.indexes = vec![index("two_pkey", false, &[1]), index("x", true, &[1])];
    one.indexes[1].origin = IndexOrigin::Unique;
    let two = with_alias("two", &[("id", "INTEGER")]);
    let three = with_alias("one_a_key", &[("id", "INTEGER")]);
    let plan = plan(vec![one, two, three]);
    let names: Vec<_> = plan.tables[0].indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["two_pkey", "one_a_key_2"]);
    assert_eq!(plan.tables[1].key_constraint, "two_pkey_2");
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn names_that_postgresql_cannot_hold_change_visibly() {
    let long = "n".repeat(70);
    let mut source = with_alias(&long, &[("id", "INTEGER"), ("xmin", "INT"), ("", "INT")]);
    source.indexes = vec![index("", false, &[1])];
    let plan = plan(vec![source]);
    let table = &plan.tables[0];
    assert!(table.target_name.len() == 63 && table.target_name.starts_with("nnn"));
    assert_eq!((table.columns[1].target_name.as_str(), table.columns[2].target_name.as_str()), ("xmin_", "unnamed"));
    assert!(table.key_constraint.len() <= 63 && table.indexes[0].name == "unnamed");
    assert!(warned(&plan, &long, "longer than 63") && warned(&plan, "xmin", "belongs to PostgreSQL"));
    assert!(warned(&plan, "index", "empty") && plan.warnings.len() == 4);
}

#[test]
fn foreign_keys_find_their_parent_in_any_case() {
    let parent = with_alias("Parent", &[("Id", "INTEGER"), ("code", "TEXT")]);
    let mut child = with_alias("child", &[("id", "INTEGER"), ("p", "INT"), ("code", "TEXT")]);
    child.foreign_keys = vec![foreign_key(&[1], "PARENT", &[]), foreign_key(&[1], "parent", &["ID"])];
    let plan = plan(vec![child, parent]);
    let keys = &plan.tables[0].foreign_keys;
    assert_eq!((keys[0].parent_name.as_str(), keys[0].parent_columns.as_slice()), ("Parent", &["Id".to_string()][..]));
    assert_eq!((keys[0].name.as_str(), keys[1].name.as_str()), ("child_p_fkey", "child_p_fkey_2"));
    assert_eq!((keys[1].on_delete.as_str(), keys[1].parent_columns.len()), ("CASCADE", 1));
    assert!(plan.warnings.is_empty());
}

#[test]
fn foreign_keys_accept_a_unique_index_in_any_order() {
    let mut parent = with_alias("p", &[("id", "INTEGER"), ("a", "TEXT"), ("b", "TEXT")]);
    parent.indexes = vec![index("u", true, &[1, 2])];
    let mut child = with_alias("c", &[("id", "INTEGER"), ("x", "TEXT"), ("y", "TEXT")]);
    child.foreign_keys = vec![foreign_key(&[1, 2], "p", &["b", "a"])];
    let made = plan(vec![parent, child]);
    assert_eq!(made.tables[1].foreign_keys[0].parent_columns, ["b", "a"]);
}

#[test]
fn foreign_keys_that_postgresql_would_refuse_are_left_out() {
    let mut parent = with_primary_key(table("p", &[("a", "TEXT"), ("b", "INT"), ("n", "TEXT")]), &[0], &["BINARY"]);
    parent.indexes.push(index("u", true, &[2]));
    parent.columns[2].collation = "NOCASE".into();
    let keyless = table("k", &[("a", "TEXT")]);
    let mut child = with_alias("c", &[("id", "INTEGER"), ("x", "TEXT"), ("y", "INT")]);
    for (columns, parent, to) in [
        (&[1][..], "gone", &[][..]),
        (&[1], "k", &[]),
        (&[1], "p", &["zz"]),
        (&[2], "p", &["b"]),
        (&[2], "p", &["a"]),
        (&[1, 2], "p", &[]),
        (&[1], "p", &["n"]),
    ] {
        child.foreign_keys.push(foreign_key(columns, parent, to));
    }
    let plan = plan(vec![parent, keyless, child]);
    assert!(plan.tables[2].foreign_keys.is_empty());
    let reasons =
        ["no table gone", "no PRIMARY KEY", "no column zz", "no unique index", "becomes", "2 columns", "NOCASE"];
    for reason in reasons {
        assert!(warned(&plan, "foreign key c", reason), "{reason}: {:?}", plan.warnings);
    }
}

#[test]
fn all_refusals_come_at_once() {
    let wide =
        Table { columns: (0..1601).map(|n| column(&format!("c{n}"), "INT")).collect(), ..with_alias("wide", &[]) };
    let mut unknown = with_primary_key(table("unknown", &[("a", "TEXT")]), &[0], &["mine"]);
    (unknown.without_rowid, unknown.rowid_name) = (true, None);
    let hidden = Table { rowid_name: None, ..table("hidden", &[("a", "TEXT")]) };
    let long = with_primary_key(table("long", &[("a", "TEXT")]), &[0], &["BINARY"]);
    let own = with_alias("_Crossfadex", &[("id", "INTEGER")]);
    let many: Vec<_> = (0..33).map(|n| format!("c{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "INT")).collect();
    let many = with_primary_key(table("many", &many), &(0..33).collect::<Vec<_>>(), &[]);
    let plan = plan_with(vec![wide, unknown, hidden, long, own, many], |p| p.columns[0].bytes_max = 2601);
    for name in ["wide", "unknown", "hidden", "long", "_Crossfadex", "many"] {
        let refusal = plan.refusals.iter().find(|n| n.object == name);
        assert!(refusal.is_some_and(|n| n.remedy.is_some()), "{name}: {:?}", plan.refusals);
    }
}

#[test]
fn null_in_a_not_null_key_is_refused() {
    let mut source = table("t", &[("a", "TEXT")]);
    source.columns[0].not_null = true;
    source.indexes = vec![index("i", true, &[0])];
    let plan = plan_with(vec![source], |p| p.columns[0].nulls = 1);
    assert_eq!(plan.refusals[0].object, "t.a");
}

#[test]
fn long_values_leave_their_index_out() {
    let mut source = with_alias("t", &[("id", "INTEGER"), ("a", "TEXT"), ("b", "TEXT")]);
    source.indexes = vec![index("one", false, &[1]), index("both", true, &[1, 2])];
    let plan = plan_with(vec![source], |p| {
        (p.columns[1].bytes_max, p.columns[2].bytes_max) = (2000, 700);
    });
    assert_eq!(plan.tables[0].indexes.len(), 1);
    assert!(warned(&plan, "index both on t", "2700 bytes") && plan.refusals.is_empty());
}

#[test]
fn uniqueness_is_that_of_the_collation() {
    let columns = [("a", "TEXT"), ("b", "TEXT"), ("n", "INT"), ("m", "")];
    let mut source = with_primary_key(table("t", &columns), &[0], &["NOCASE"]);
    let mut other = index("u", true, &[1, 2, 3]);
    for (term, collation) in other.terms.iter_mut().zip(["RTRIM", "NOCASE", "NOCASE"]) {
        term.collation = collation.into();
    }
    source.indexes.push(other);
    source.columns[0].collation = "NOCASE".into();
    let plan = plan(vec![source]);
    let table = &plan.tables[0];
    assert_eq!((table.key.kind, table.key_columns.as_slice()), (KeyKind::PrimaryKey, &[0][..]));
    let [folded, trimmed] = &table.indexes[..] else { panic!("{:?}", table.indexes) };
    assert_eq!((folded.name.as_str(), folded.unique), ("t_a_key", true), "the key is exact, and this is as SQLite's");
    assert_eq!(folded.terms[0].what, TermPlan::Expression("lower(\"a\" COLLATE \"C\")".into()));
    let what: Vec<_> = trimmed.terms.iter().map(|term| term.what.clone()).collect();
    let expected = [TermPlan::Expression("rtrim(\"b\", ' ')".into()), TermPlan::Column(2), TermPlan::Column(3)];
    assert_eq!(what, expected, "a collation is nothing to numbers");
    assert!(warned(&plan, "t.a", "without regard to the case") && warned(&plan, "index u on t", "by exact value"));
    assert!(table.has_secondary_unique());
}

#[test]
fn names_follow_the_choices() {
    use crate::model::choices::{Identifiers, TableChoice};
    let mut source = with_alias("Album", &[("AlbumId", "INTEGER"), ("Title", "TEXT")]);
    source.indexes = vec![index("IX", false, &[1]), index("Gone", false, &[1])];
    let mut choices = Choices::default();
    choices.defaults.identifiers = Identifiers::Lower;
    let mut choice = TableChoice { rename: Some("Record".into()), ..TableChoice::default() };
    choice.columns.entry("Title".into()).or_default().rename = Some("Name".into());
    choice.indexes.insert("Gone".into(), false);
    choices.tables.insert("Album".into(), choice);
    let found = Found { tables: vec![(source.clone(), empty(&source))], ..Found::default() };
    let plan = make_plan(found, &Request { target_schema: "public", choices: &choices, offer: &Offer::default() }).plan;
    let table = &plan.tables[0];
    let columns: Vec<_> = table.columns.iter().map(|c| c.target_name.as_str()).collect();
    assert_eq!((table.target_name.as_str(), columns), ("Record", vec!["albumid", "Name"]));
    assert_eq!((table.key_constraint.as_str(), table.sequence.as_deref()), ("Record_pkey", Some("Record_albumid_seq")));
    assert_eq!(table.indexes.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["ix"]);
    assert!(plan.warnings.is_empty() && plan.refusals.is_empty(), "{:?}", plan);
}
