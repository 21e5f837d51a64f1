//! Full-text tables of trigrams as an index of pg_trgm
//!
//! FTS5's trigram tokenizer finds any part of a text of three characters and more, and so does pg_trgm's GIN index over the
//! very columns: no `tsvector` does.

use super::{Draft, Request, extensions, notice};
use crate::model::fulltext::FullText;
use crate::model::plan::{ExtensionPlan, IndexMethod, IndexPlan, IndexTermPlan, Notice, TermPlan};
use crate::model::schema::quote_identifier;

const EXTENSION: &str = "pg_trgm";

/// The table is made for parts of words
pub(super) fn are_meant(table: &FullText) -> bool {
    table.tokenizer.split_whitespace().next() == Some("trigram")
}

/// Plans the index over these columns, and says how to ask it; `None` if no trigrams are meant, or the server has none
pub(super) fn index(
    draft: &mut Draft,
    table: &FullText,
    columns: &[usize],
    unsearched: &[String],
    extensions: &mut Vec<ExtensionPlan>,
    request: &Request<'_>,
) -> Option<Notice> {
    let extension = extensions::find(request, EXTENSION).ok().filter(|_| are_meant(table))?;
    let class = format!("{}.{}", quote_identifier(&extension.schema), quote_identifier("gin_trgm_ops"));
    extensions::add(extensions, extension);
    let term = |at: &usize| IndexTermPlan {
        what: TermPlan::Column(*at),
        descending: false,
        operator_class: Some(class.clone()),
    };
    draft.index_names.push(Some(format!("{}_trgm", table.name)));
    draft.plan.indexes.push(IndexPlan {
        name: String::new(),
        unique: false,
        method: IndexMethod::Gin,
        terms: columns.iter().map(term).collect(),
        predicate: None,
        source: None,
    });
    let names: Vec<String> = columns.iter().map(|at| quote_identifier(&draft.plan.columns[*at].target_name)).collect();
    let like = if is_exact(table) { "LIKE" } else { "ILIKE" };
    let asked: Vec<String> = names.iter().map(|name| format!("{name} {like} '%abc%'")).collect();
    let mut message = format!(
        "full-text table ({}), on the target an index of trigrams over {} of {}: MATCH 'abc' becomes {}, where \
         % and _ stand for others, and rank becomes similarity({}, 'abc'), where more is better",
        table.module,
        names.join(", "),
        draft.plan.source.name,
        asked.join(" OR "),
        names[0]
    );
    if !unsearched.is_empty() {
        message.push_str(&format!("; not searched: {}", unsearched.join(", ")));
    }
    Some(notice(&table.name, &message, None))
}

/// `case_sensitive 1`
fn is_exact(table: &FullText) -> bool {
    let words: Vec<&str> = table.tokenizer.split_whitespace().collect();
    words.windows(2).any(|pair| pair == ["case_sensitive", "1"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::choices::Choices;
    use crate::model::extensions::{Extension, Offer};
    use crate::model::fulltext::{Content, FullTextColumn};
    use crate::model::plan::Plan;
    use crate::model::planner::fixtures::{empty, with_alias};
    use crate::model::planner::{Found, make_plan};

    fn plan(tokenizer: &str, permitted: Option<bool>) -> Plan {
        let docs = with_alias("docs", &[("id", "INTEGER"), ("title", "TEXT"), ("body", "TEXT")]);
        let column = |name: &str| FullTextColumn { name: name.into(), indexed: true };
        let table = FullText {
            name: "docs_fts".into(),
            module: "fts5".into(),
            columns: vec![column("title"), column("body"), column("id")],
            content: Content::External("docs".into()),
            tokenizer: tokenizer.into(),
            options: Vec::new(),
            unlike: None,
        };
        let extension =
            |permitted| Extension { name: EXTENSION.into(), version: "1.6".into(), schema: None, permitted };
        let offer = Offer { extensions: permitted.map(extension).into_iter().collect(), ..Offer::default() };
        let profile = empty(&docs);
        let found = Found { tables: vec![(docs, profile)], fulltext: vec![table], ..Found::default() };
        make_plan(found, &Request { target_schema: "public", choices: &Choices::default(), offer: &offer }).plan
    }

    #[test]
    fn trigrams_are_indexed_where_the_server_has_them() {
        let plan = plan("trigram", Some(true));
        assert!(plan.tables[0].added.is_empty(), "no tsvector");
        let [index] = plan.tables[0].indexes.as_slice() else { panic!("{:?}", plan.tables[0].indexes) };
        assert_eq!((index.name.as_str(), index.method), ("docs_fts_trgm", IndexMethod::Gin));
        assert_eq!(index.columns().collect::<Vec<_>>(), [1, 2]);
        assert!(index.terms.iter().all(|t| t.operator_class.as_deref() == Some("\"public\".\"gin_trgm_ops\"")));
        assert_eq!(plan.extensions.len(), 1);
        let message = &plan.skipped[0].message;
        assert!(message.contains("\"title\" ILIKE '%abc%' OR \"body\" ILIKE"), "{message}");
        assert!(message.contains("not searched: id is bigint"), "{message}");
    }

    #[test]
    fn the_case_counts_where_the_tokenizer_says_so() {
        let message = plan("trigram case_sensitive 1", Some(true)).skipped[0].message.clone();
        assert!(message.contains("\"title\" LIKE '%abc%'"), "{message}");
        assert!(plan("trigram case_sensitive 0", Some(true)).skipped[0].message.contains(" ILIKE "));
    }

    #[test]
    fn without_the_extension_or_for_words_there_is_a_tsvector() {
        for (tokenizer, permitted) in [("trigram", None), ("trigram", Some(false)), ("porter", Some(true))] {
            let plan = plan(tokenizer, permitted);
            assert_eq!((plan.tables[0].added.len(), plan.extensions.len()), (1, 0), "{tokenizer} {permitted:?}");
            let hint = plan.skipped[0].message.contains("gin_trgm_ops");
            assert_eq!(hint, tokenizer == "trigram");
        }
    }
}
