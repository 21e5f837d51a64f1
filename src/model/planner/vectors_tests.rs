//! Columns of vectors in plans made by hand

use super::*;
use crate::model::choices::{Choices, ColumnChoice, TableChoice};
use crate::model::extensions::{Extension, Offer};
use crate::model::plan::{Plan, TablePlan};
use crate::model::planner::fixtures::{index, with_alias};
use crate::model::planner::{Found, make_plan};
use crate::model::profile::TableProfile;
use crate::model::profile::count::Counter;
use crate::model::schema::Table;
use crate::model::value::Value;

const DOUBLES: &str = "[0.0023064255, -0.012345678901234567]";
const FLOATS: &str = "[0.1, -0.5]";

fn table(declared: &str) -> Table {
    with_alias("docs", &[("id", "INTEGER"), ("embedding", declared)])
}

fn offer(permitted: bool) -> Offer {
    offer_of("0.8.0", permitted)
}

fn offer_of(version: &str, permitted: bool) -> Offer {
    let vector = Extension { name: "vector".into(), version: version.into(), schema: None, permitted };
    Offer { extensions: vec![vector], ..Offer::default() }
}

fn plan_with(table: Table, values: &[Value<'_>], choices: &Choices, offer: &Offer) -> Plan {
    let mut columns = Vec::new();
    for at in 0..table.columns.len() {
        let mut counter = Counter::new(&table, at);
        let ids: Vec<Value<'_>> = (1..=values.len() as i64).map(Value::Integer).collect();
        let values = if at == 0 { ids.as_slice() } else { values };
        values.iter().for_each(|value| {
            counter.add(*value, &|| "id=1".into());
        });
        columns.push(counter.profile);
    }
    let profile = TableProfile { rows: values.len() as u64, columns, ..TableProfile::default() };
    let found = Found { tables: vec![(table, profile)], ..Found::default() };
    make_plan(found, &Request { target_schema: "my app", choices, offer }).plan
}

fn plan(declared: &str, values: &[Value<'_>]) -> Plan {
    plan_with(table(declared), values, &Choices::default(), &offer(true))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.as_bytes())
}

fn only(plan: &Plan) -> &TablePlan {
    assert!(plan.refusals.is_empty(), "{:?}", plan.refusals);
    &plan.tables[0]
}

#[test]
fn blobs_and_lists_of_floats_become_vectors() {
    let blob: Vec<u8> = [1.5f32, -0.0].iter().flat_map(|float| float.to_le_bytes()).collect();
    for (declared, value) in [("BLOB", Value::Blob(&blob)), ("F32_BLOB(2)", Value::Blob(&blob)), ("TEXT", text(FLOATS))]
    {
        let plan = plan(declared, &[value, Value::Null, value]);
        let table = only(&plan);
        let column = &table.columns[1];
        assert!(matches!(column.mapping, Mapping::Vector { dimensions: 2, .. }), "{declared}: {column:?}");
        assert_eq!(column.type_sql, "\"my app\".\"vector\"(2)");
        let index = &table.indexes[0];
        assert_eq!((index.name.as_str(), index.method), ("docs_embedding_hnsw", IndexMethod::Hnsw));
        assert_eq!(index.terms[0].what, TermPlan::Column(1));
        assert_eq!(index.terms[0].operator_class.as_deref(), Some("\"my app\".\"vector_cosine_ops\""));
        assert!(table.added.is_empty());
        let created = ExtensionPlan { name: "vector".into(), schema: "my app".into(), created: true };
        assert_eq!(plan.extensions, [created]);
    }
}

#[test]
fn lists_of_doubles_stay_and_get_a_vector_beside_them() {
    for (declared, mapping, term) in [
        ("TEXT", Mapping::Text, "\"embedding\""),
        ("JSON", Mapping::Json { binary: true, numbers: true }, "\"embedding\"::text"),
    ] {
        let plan = plan(declared, &[text(FLOATS), text(DOUBLES)]);
        let table = only(&plan);
        assert_eq!(table.columns[1].mapping, mapping);
        let [added] = table.added.as_slice() else { panic!("{:?}", table.added) };
        assert_eq!((added.name.as_str(), added.type_sql.as_str()), ("embedding_vec", "\"my app\".\"vector\"(2)"));
        assert!(added.generated.starts_with(&format!("CASE WHEN {term} ~ '^[[] *")), "{}", added.generated);
        let end = format!("= 1 THEN {term}::\"my app\".\"vector\"(2) END");
        assert!(added.generated.ends_with(&end), "{}", added.generated);
        assert_eq!(table.indexes[0].terms[0].what, TermPlan::Expression("\"embedding_vec\"".into()));
        assert_eq!(table.indexes[0].name, "docs_embedding_vec_hnsw");
    }
}

#[test]
fn other_values_and_other_uses_leave_the_column_as_it_is() {
    let three = text("[1, 2, 3]");
    for values in [
        vec![text(FLOATS), three],
        vec![text(FLOATS), text("none")],
        vec![text(FLOATS), Value::Integer(1)],
        vec![text("[1]")],
        vec![Value::Blob(&[0; 8]), text(FLOATS)],
        vec![Value::Null],
    ] {
        let plan = plan("TEXT", &values);
        assert!(only(&plan).added.is_empty() && plan.extensions.is_empty(), "{values:?}");
        assert!(!matches!(plan.tables[0].columns[1].mapping, Mapping::Vector { .. }), "{values:?}");
    }
    let mut indexed = table("TEXT");
    indexed.indexes.push(index("i", false, &[1]));
    let plan = plan_with(indexed, &[text(FLOATS)], &Choices::default(), &offer(true));
    assert_eq!(only(&plan).columns[1].mapping, Mapping::Text);
    let other = with_alias("docs", &[("id", "INTEGER"), ("list", "TEXT")]);
    let plan = plan_with(other, &[text(FLOATS)], &Choices::default(), &offer(true));
    assert_eq!(only(&plan).columns[1].mapping, Mapping::Text, "nothing asks for a vector");
}

#[test]
fn the_choice_of_the_operator_counts() {
    let choose = |choice: ColumnChoice| {
        let columns = [("embedding".to_string(), choice)].into();
        let tables = [("docs".to_string(), TableChoice { columns, ..TableChoice::default() })].into();
        let choices = Choices { tables, ..Choices::default() };
        plan_with(table("TEXT"), &[text(FLOATS)], &choices, &offer(true))
    };
    for (index, class) in
        [("hnsw:l2", "vector_l2_ops"), ("hnsw:ip", "vector_ip_ops"), ("hnsw:cosine", "vector_cosine_ops")]
    {
        let plan = choose(ColumnChoice { index: Some(index.into()), ..ColumnChoice::default() });
        let found = only(&plan).indexes[0].terms[0].operator_class.clone().unwrap();
        assert!(found.ends_with(&format!("\"{class}\"")), "{found}");
    }
    let plan = choose(ColumnChoice { index: Some("hnsw:l1".into()), ..ColumnChoice::default() });
    assert!(plan.refusals[0].message.contains("hnsw:l1"), "{:?}", plan.refusals);
    let of_type = |type_sql: &str| ColumnChoice { type_sql: Some(type_sql.into()), ..ColumnChoice::default() };
    let plan = choose(of_type("text"));
    assert_eq!((only(&plan).columns[1].mapping, plan.extensions.len()), (Mapping::Text, 0));
    assert!(matches!(only(&choose(of_type("vector"))).columns[1].mapping, Mapping::Vector { dimensions: 2, .. }));
    assert!(matches!(only(&choose(of_type("vector(2)"))).columns[1].mapping, Mapping::Vector { dimensions: 2, .. }));
    let plan = choose(of_type("vector(3)"));
    assert!(plan.refusals[0].message.contains("have 2 dimensions"), "{:?}", plan.refusals);
}

/// Nothing but the declaration tells what will come
#[test]
fn a_column_without_a_value_goes_by_its_declaration_where_that_is_clear() {
    for nothing in [vec![], vec![Value::Null]] {
        for (declared, dimensions) in [("F32_BLOB(3)", Some(3)), ("float32 ( 1536 )", Some(1536))] {
            let plan = plan(declared, &nothing);
            let Mapping::Vector { dimensions: found, form } = only(&plan).columns[1].mapping else {
                panic!("{declared}: {:?}", plan.tables[0].columns[1]);
            };
            assert_eq!((Some(found), form), (dimensions, VectorForm::BlobLe));
            assert_eq!((plan.tables[0].indexes.len(), plan.extensions.len()), (1, 1), "{declared}");
        }
        for declared in ["VECTOR(3)", "F32_BLOB", "F32_BLOB(1)", "F32_BLOB(x)", "F32_BLOB(3) x", "FLOAT[3]", "BLOB"] {
            let plan = plan(declared, &nothing);
            assert!(!matches!(only(&plan).columns[1].mapping, Mapping::Vector { .. }), "{declared}");
        }
    }
    let wrong = plan("F32_BLOB(3)", &[Value::Blob(&[0; 8])]);
    assert!(matches!(only(&wrong).columns[1].mapping, Mapping::Vector { dimensions: 2, .. }), "the values prove it");
    // What the operator says settles the rest.
    let choose = |declared: &str, type_sql: &str, form: Option<&str>| {
        let choice =
            ColumnChoice { type_sql: Some(type_sql.into()), form: form.map(str::to_owned), ..ColumnChoice::default() };
        let columns = [("embedding".to_string(), choice)].into();
        let tables = [("docs".to_string(), TableChoice { columns, ..TableChoice::default() })].into();
        plan_with(table(declared), &[], &Choices { tables, ..Choices::default() }, &offer(true))
    };
    let json = VectorForm::Json {
        spaced: true,
        digits: crate::model::convert::forms::VectorDigits::F32,
        whole: crate::model::convert::forms::WholeNumbers::Point,
        exponent: crate::model::convert::forms::ExponentForm::Python,
    };
    for (declared, type_sql, form, expected) in [
        ("VECTOR(3)", "vector(3)", None, VectorForm::BlobLe),
        ("VECTOR(3)", "vector(3)", Some("JSON, spaced"), json),
        ("F32_BLOB(3)", "vector", None, VectorForm::BlobLe),
    ] {
        let plan = choose(declared, type_sql, form);
        assert_eq!(only(&plan).columns[1].mapping, Mapping::Vector { dimensions: 3, form: expected });
    }
    assert!(choose("VECTOR(3)", "vector", None).refusals[0].message.contains("no value"));
}

/// A vector that the plan file asks for is refused with the reason where it cannot be had, whatever the column is called
#[test]
fn what_is_asked_for_is_made_or_refused() {
    let choose = |type_sql: Option<&str>, index: Option<&str>, values: &[Value<'_>], offer: &Offer| {
        let choice = ColumnChoice {
            type_sql: type_sql.map(str::to_string),
            index: index.map(str::to_string),
            ..ColumnChoice::default()
        };
        let columns = [("v".to_string(), choice)].into();
        let tables = [("docs".to_string(), TableChoice { columns, ..TableChoice::default() })].into();
        let table = with_alias("docs", &[("id", "INTEGER"), ("v", "TEXT")]);
        plan_with(table, values, &Choices { tables, ..Choices::default() }, offer)
    };
    let vector = Some("vector");
    let plan = choose(vector, None, &[text(FLOATS)], &offer(true));
    assert!(matches!(only(&plan).columns[1].mapping, Mapping::Vector { dimensions: 2, .. }));
    let plan = choose(None, Some("hnsw:ip"), &[text(DOUBLES)], &offer(true));
    assert_eq!(only(&plan).added[0].name, "v_vec");
    for (type_sql, index, values, offer, why) in [
        (vector, None, vec![text(DOUBLES)], offer(true), "do not all come back"),
        (vector, None, vec![text(FLOATS), text("x")], offer(true), "not all vectors"),
        (vector, None, vec![Value::Null], offer(true), "no value"),
        (vector, None, vec![text(FLOATS)], offer(false), "may not create it"),
        (None, Some("hnsw:l2"), vec![text(DOUBLES)], Offer::default(), "not installed"),
        (None, Some("hnsw:l2"), vec![text("[1]")], offer(true), "have 1 dimension"),
    ] {
        let plan = choose(type_sql, index, &values, &offer);
        let [refusal] = plan.refusals.as_slice() else { panic!("{why}: {:?}", plan.refusals) };
        assert!(refusal.message.contains(why) && refusal.remedy.is_some(), "{why}: {refusal:?}");
    }
}

/// PostgreSQL gives every table a type of its name
#[test]
fn a_table_called_vector_keeps_the_extension_out_of_its_schema() {
    let docs = with_alias("vector", &[("id", "INTEGER"), ("embedding", "TEXT")]);
    let plan = plan_with(docs.clone(), &[text(FLOATS)], &Choices::default(), &offer(true));
    assert_eq!((only(&plan).columns[1].mapping, plan.extensions.len()), (Mapping::Text, 0));
    assert!(plan.warnings[0].message.contains("called like a table"), "{:?}", plan.warnings);
    let elsewhere =
        Extension { name: "vector".into(), version: "0.8.0".into(), schema: Some("ext".into()), permitted: false };
    let offer = Offer { extensions: vec![elsewhere], ..Offer::default() };
    let plan = plan_with(docs, &[text(FLOATS)], &Choices::default(), &offer);
    assert_eq!(only(&plan).columns[1].type_sql, "\"ext\".\"vector\"(2)");
}

#[test]
fn without_the_extension_the_plan_says_what_is_missing() {
    for (offer, why, remedy) in [
        (Offer::default(), "not installed on the server", "install it on the server"),
        (offer(false), "may not create it", "CREATE EXTENSION \"vector\" SCHEMA \"my app\";"),
    ] {
        let plan = plan_with(table("TEXT"), &[text(FLOATS)], &Choices::default(), &offer);
        assert_eq!(only(&plan).columns[1].mapping, Mapping::Text);
        assert!(plan.extensions.is_empty() && plan.tables[0].indexes.is_empty());
        let warning = &plan.warnings[0];
        assert!(warning.message.contains(why) && warning.remedy.as_deref().unwrap().contains(remedy), "{warning:?}");
    }
}

#[test]
fn more_dimensions_are_indexed_as_halves_where_the_server_can() {
    let of = |dimensions: usize, version: &str, declared: &str| {
        let list = format!("[{}0]", "0,".repeat(dimensions - 1));
        plan_with(table(declared), &[text(&list)], &Choices::default(), &offer_of(version, true))
    };
    let halves = "\"embedding\"::\"my app\".\"halfvec\"(2001)";
    let plan = of(2_001, "0.7.0", "TEXT");
    let term = &only(&plan).indexes[0].terms[0];
    assert!(matches!(plan.tables[0].columns[1].mapping, Mapping::Vector { dimensions: 2_001, .. }));
    assert_eq!(term.what, TermPlan::Expression(halves.into()));
    assert_eq!(term.operator_class.as_deref(), Some("\"my app\".\"halfvec_cosine_ops\""));
    let query = format!("ORDER BY ({halves}) <=> '[..]'::\"my app\".\"halfvec\"(2001)");
    assert!(plan.warnings.iter().any(|warning| warning.message.contains(&query)), "{:?}", plan.warnings);
    for (dimensions, version, indexes, why) in [
        (2_000, "0.5.1", 1, "by cosine distance: ORDER BY \"embedding\" <=>"),
        (2_001, "0.6.2", 0, "HNSW takes 2,000 dimensions, and they have 2,001"),
        (2_001, "", 0, "HNSW takes 2,000 dimensions"),
        (4_000, "0.10.0", 1, "halfvec"),
        (4_001, "0.8.0", 0, "HNSW takes 4,000 dimensions, and they have 4,001"),
        (4_001, "0.6.0", 0, "HNSW takes 2,000 dimensions, and they have 4,001"),
    ] {
        let plan = of(dimensions, version, "TEXT");
        assert_eq!(only(&plan).indexes.len(), indexes, "{dimensions} {version}");
        assert!(plan.warnings.iter().any(|warning| warning.message.contains(why)), "{why}: {:?}", plan.warnings);
    }
}
