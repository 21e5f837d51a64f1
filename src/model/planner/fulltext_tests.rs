//! Full-text tables in plans made by hand

use super::*;
use crate::model::choices::{Choices, Defaults};
use crate::model::extensions::Offer;
use crate::model::plan::Plan;
use crate::model::planner::fixtures::{empty, with_alias};
use crate::model::planner::{Found, make_plan};

fn fulltext(columns: &[&str], content: Content) -> FullText {
    let column =
        |name: &&str| FullTextColumn { name: name.trim_end_matches('-').into(), indexed: !name.ends_with('-') };
    FullText {
        name: "docs_fts".into(),
        module: "fts5".into(),
        columns: columns.iter().map(column).collect(),
        content,
        tokenizer: "porter unicode61".into(),
        options: Vec::new(),
        unlike: None,
    }
}

fn offer() -> Offer {
    Offer { text_search: vec!["it's".into()], ..Offer::default() }
}

fn plan(table: FullText, choices: &Choices) -> Plan {
    let docs = with_alias("docs", &[("id", "INTEGER"), ("title", "TEXT"), ("n", "INTEGER"), ("body", "TEXT")]);
    let profile = empty(&docs);
    let found = Found { tables: vec![(docs, profile)], fulltext: vec![table], ..Found::default() };
    make_plan(found, &Request { target_schema: "public", choices, offer: &offer() }).plan
}

fn external(columns: &[&str]) -> FullText {
    fulltext(columns, Content::External("DOCS".into()))
}

#[test]
fn a_content_table_gets_a_column_with_weights_and_an_index() {
    let plan = plan(external(&["body", "n", "TITLE", "id-"]), &Choices::default());
    let [added] = plan.tables[0].added.as_slice() else { panic!("{:?}", plan.tables[0].added) };
    assert_eq!((added.name.as_str(), added.type_sql.as_str()), ("docs_fts_tsv", "tsvector"));
    assert_eq!(
        added.generated,
        "setweight(to_tsvector('english'::regconfig, left(coalesce(\"body\", ''), 65536)), 'A') || \
         setweight(to_tsvector('english'::regconfig, left(coalesce(\"title\", ''), 65536)), 'B')"
    );
    let [index] = plan.tables[0].indexes.as_slice() else { panic!("{:?}", plan.tables[0].indexes) };
    assert_eq!((index.name.as_str(), index.method), ("docs_fts_tsv_idx", IndexMethod::Gin));
    assert_eq!(index.terms[0].what, TermPlan::Expression("\"docs_fts_tsv\"".into()));
    let message = &plan.skipped[0].message;
    assert!(message.contains("websearch_to_tsquery('english', 'a b')") && message.contains("n is bigint"), "{message}");
    assert!(plan.warnings.is_empty() && plan.refusals.is_empty(), "{plan:?}");
}

#[test]
fn the_language_is_the_tokenizers_unless_it_is_chosen() {
    let generated = |tokenizer: &str, choices: &Choices| {
        let table = FullText { tokenizer: tokenizer.into(), ..external(&["body"]) };
        plan(table, choices).tables[0].added[0].generated.clone()
    };
    let mut choices = Choices::default();
    assert!(generated("", &choices).starts_with("setweight(to_tsvector('simple'::regconfig"));
    assert!(generated("porter", &choices).contains("'english'"));
    choices.defaults.text_search = Some("it's".into());
    assert!(generated("porter", &choices).contains("to_tsvector('it''s'::regconfig, left("));
}

#[test]
fn names_give_way_to_the_columns_that_are_there() {
    let docs = with_alias("docs", &[("id", "INTEGER"), ("docs_fts_tsv", "TEXT")]);
    let found = Found {
        tables: vec![(docs.clone(), empty(&docs))],
        fulltext: vec![external(&[]), external(&["docs_fts_tsv"])],
        ..Found::default()
    };
    let plan =
        make_plan(found, &Request { target_schema: "public", choices: &Choices::default(), offer: &offer() }).plan;
    let names: Vec<&str> = plan.tables[0].added.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["docs_fts_tsv_2", "docs_fts_tsv_3"]);
}

#[test]
fn what_cannot_be_followed_is_left_with_the_reason() {
    let choices = Choices::default();
    let languages = FullText { unlike: Some("languageid="), ..external(&["body"]) };
    for (table, reason) in [
        (fulltext(&["body"], Content::Own), "own text is not copied"),
        (fulltext(&["body"], Content::None), "own text is not copied"),
        (fulltext(&["body"], Content::External("v".into())), "comes from v"),
        (external(&["n"]), "n is bigint"),
        (external(&["gone"]), "gone is not copied"),
        (languages, "languageid="),
    ] {
        let plan = plan(table, &choices);
        assert!(plan.tables[0].added.is_empty() && plan.tables[0].indexes.is_empty());
        assert!(plan.skipped[0].message.contains(reason), "{reason}: {}", plan.skipped[0].message);
    }
    assert!(left_to_target(&[external(&["body"])])[0].message.contains("own schema decides"));
    let defaults = Defaults { text_search: Some("klingon".into()), ..Defaults::default() };
    let plan = plan(external(&["body"]), &Choices { defaults, ..choices });
    assert!(plan.refusals[0].message.contains("no text search configuration klingon"), "{:?}", plan.refusals);
}
