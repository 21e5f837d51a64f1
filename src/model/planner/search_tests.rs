//! Search tables in the plan

use super::*;
use crate::model::choices::Identifiers;
use crate::model::extensions::Offer;
use crate::model::fulltext::{Content, FullTextColumn};
use crate::model::planner::fixtures::table;
use crate::model::planner::{Found, make_plan};
use crate::model::search::{IndexText, SearchText};

fn found(columns: &[(&str, bool, ColumnProfile)]) -> FoundSearch {
    let of =
        |(name, indexed, _): &(&str, bool, ColumnProfile)| FullTextColumn { name: (*name).into(), indexed: *indexed };
    let fulltext = FullText {
        name: "notes".into(),
        module: "fts5".into(),
        columns: columns.iter().map(of).collect(),
        content: Content::Own,
        tokenizer: "porter".into(),
        options: Vec::new(),
        unlike: None,
    };
    let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    let declared: Vec<(&str, &str)> =
        std::iter::once(("id", "INTEGER")).chain(names.iter().map(|name| (name.as_str(), ""))).collect();
    let mut table = table("notes_content", &declared);
    (table.primary_key, table.rowid_alias) = (vec![0], Some(0));
    let profiles = std::iter::once(ColumnProfile::default()).chain(columns.iter().map(|(.., profile)| profile.clone()));
    let profile = TableProfile { columns: profiles.collect(), rows: 3, ..TableProfile::default() };
    FoundSearch { fulltext, sql: "CREATE VIRTUAL TABLE notes".into(), text: SearchText::Stored, table, profile }
}

fn planned(columns: &[(&str, bool, ColumnProfile)], choices: &Choices) -> SearchPlan {
    let found = Found { search: vec![found(columns)], ..Found::default() };
    let offer = Offer::default();
    let mut plan = make_plan(found, &Request { target_schema: "public", choices, offer: &offer }).plan;
    assert_eq!(plan.refusals, []);
    plan.search_tables.remove(0)
}

fn texts() -> ColumnProfile {
    ColumnProfile { texts: 3, ..ColumnProfile::default() }
}

#[test]
fn columns_are_called_as_the_application_calls_them_and_weighted_in_order() {
    let columns = ["title", "body", "tags", "more", "rowid"].map(|name| (name, true, texts()));
    let table = planned(&columns, &Choices::default()).table;
    let names: Vec<_> = table.columns.iter().map(|c| (c.target_name.as_str(), c.source_sql.as_str())).collect();
    assert_eq!(names[..3], [("rowid_2", "\"id\""), ("title", "\"c0\""), ("body", "\"c1\"")]);
    assert_eq!((table.id, table.key_columns.as_slice(), table.added[0].name.as_str()), (-1, &[0][..], "notes_tsv"));
    let weights: Vec<_> =
        table.added[0].generated.split("), '").skip(1).filter_map(|rest| rest.chars().next()).collect();
    assert_eq!(weights, ['A', 'B', 'C', 'D', 'D'], "{}", table.added[0].generated);
    assert!(table.added[0].generated.contains("'english'::regconfig, left(coalesce(\"title\", ''), 26214)"));
    assert_eq!(table.indexes[0].name, "notes_tsv_idx");
}

#[test]
fn every_class_of_values_is_held() {
    let of =
        |integers, reals, texts, blobs| ColumnProfile { integers, reals, texts, blobs, ..ColumnProfile::default() };
    let nul = ColumnProfile { nul_texts: 1, ..texts() };
    let columns = [
        ("empty", true, of(0, 0, 0, 0)),
        ("mixed", true, of(1, 0, 1, 0)),
        ("numbers", true, of(1, 0, 0, 0)),
        ("nul", true, nul),
        ("n", false, of(1, 0, 0, 0)),
        ("r", false, of(0, 1, 0, 0)),
        ("b", false, of(0, 0, 0, 1)),
        ("any", false, of(1, 1, 1, 1)),
    ];
    let search = planned(&columns, &Choices::default());
    let types: Vec<_> = search.table.columns[1..].iter().map(|c| c.type_sql.as_str()).collect();
    assert_eq!(types, ["text", "jsonb", "jsonb", "jsonb", "bigint", "double precision", "bytea", "jsonb"]);
    let generated = &search.table.added[0].generated;
    assert!(generated.contains("CASE jsonb_typeof(\"mixed\") WHEN 'object' THEN '' ELSE \"mixed\" #>> '{}' END"));
    assert!(!generated.contains("\"any\""), "{generated}");
    assert!(search.note.contains("not searched: n is not indexed"), "{}", search.note);
}

#[test]
fn names_and_languages_are_the_operators() {
    let mut choices = Choices::default();
    choices.defaults.identifiers = Identifiers::Lower;
    let search = planned(&[("Title", true, texts())], &choices);
    assert_eq!(search.table.columns[1].target_name, "title");
    assert!(search.note.contains("websearch_to_tsquery('english', 'a b')"), "{}", search.note);
}

#[test]
fn a_contentless_table_gets_the_words_of_the_index() {
    let mut found = found(&[("title", true, texts()), ("body", true, texts())]);
    found.fulltext.content = Content::None;
    found.table = table("notes_docsize", &[("id", "INTEGER"), ("sz", "BLOB")]);
    (found.table.primary_key, found.table.rowid_alias) = (vec![0], Some(0));
    found.text = SearchText::Index(IndexText { has_places: true, columns: vec!["title".into(), "body".into()] });
    let choices = Choices::default();
    let (found, offer) = (Found { search: vec![found], ..Found::default() }, Offer::default());
    let plan = make_plan(found, &Request { target_schema: "public", choices: &choices, offer: &offer }).plan;
    let SearchPlan { table, note, .. } = &plan.search_tables[0];
    let columns: Vec<_> = table.columns.iter().map(|c| (c.target_name.as_str(), c.type_sql.as_str())).collect();
    assert_eq!(columns, [("rowid", "bigint"), ("notes_tsv", "tsvector")]);
    assert_eq!((table.added.len(), table.columns[1].wire().cast.as_deref()), (0, Some("tsvector")));
    assert_eq!(table.indexes[0].name, "notes_tsv_idx");
    assert!(note.contains("websearch_to_tsquery('simple', 'a b')") && note.contains("porter"), "{note}");
}
