//! Full-text tables of SQLite as `tsvector` columns with GIN indexes
//!
//! The words of a content table's texts are computed by PostgreSQL in a generated column, so that nothing has to be
//! copied or kept in step. Tables whose text is in a shadow table only become tables of their own: see `search`.

use super::names::Names;
use super::{Draft, MAX_COLUMNS, Notes, Request, notice, trigrams};
use crate::model::fulltext::{Content, FullText, FullTextColumn};
use crate::model::mapping::Mapping;
use crate::model::plan::{
    AddedColumn, ColumnPlan, ExtensionPlan, IndexMethod, IndexPlan, IndexTermPlan, Notice, TablePlan, TermPlan,
};
use crate::model::schema::{quote_identifier, quote_literal};

/// Characters of all texts of a row together that are searched
///
/// A `tsvector` holds less than 1 MiB, and a longer one would make the whole row fail. A word takes its bytes, up to one
/// to align it, and 4 for its length and position; of words with hyphens, addresses and paths PostgreSQL keeps the whole and
/// its parts. At worst that is 7.5 bytes for a character: parts of one 4-byte character, in pairs.
pub(super) const MAX_CHARACTERS: u64 = 131_072;

/// Adds a column for each table whose text is followed; returns what became of each for the operator
pub(super) fn translate(
    drafts: &mut [Draft],
    found: &[FullText],
    extensions: &mut Vec<ExtensionPlan>,
    request: &Request<'_>,
    notes: &mut Notes,
) -> Vec<Notice> {
    if let Some(name) = &request.choices.defaults.text_search
        && !request.offer.text_search.contains(name)
    {
        let message = format!("the target has no text search configuration {name}");
        notes.refuse("text_search", &message, "choose one of those that `\\dF` of psql lists, or create it");
    }
    let notices = found.iter().map(|table| {
        add(drafts, table, extensions, request)
            .unwrap_or_else(|(why, remedy)| notice(&table.name, &left(table, &why), remedy))
    });
    notices.collect()
}

/// Where the target's schema stands already, it has a search of its own or none
pub fn left_to_target(found: &[FullText]) -> Vec<Notice> {
    let message =
        |table: &FullText| format!("full-text table ({}): the target's own schema decides on search", table.module);
    found.iter().map(|table| notice(&table.name, &message(table), None)).collect()
}

/// As [`left_to_target`], where the target's schema was looked at for a place
pub fn without_place(table: &FullText, why: &str) -> Notice {
    let message = format!("full-text table ({}): the target's own schema decides on search ({why})", table.module);
    notice(&table.name, &message, None)
}

fn left(table: &FullText, why: &str) -> String {
    format!("full-text table ({}), not on the target: {why}", table.module)
}

type Left = (String, Option<&'static str>);

fn add(
    drafts: &mut [Draft],
    table: &FullText,
    extensions: &mut Vec<ExtensionPlan>,
    request: &Request<'_>,
) -> Result<Notice, Left> {
    let at = content_table(drafts, table)?;
    let draft = &mut drafts[at];
    if draft.plan.columns.len() + draft.plan.added.len() >= MAX_COLUMNS {
        return Err((format!("{} has as many columns as PostgreSQL takes", draft.plan.source.name), None));
    }
    let (columns, unsearched) = columns(&draft.plan, table);
    if columns.is_empty() {
        return Err((format!("none of its columns is text on the target ({})", unsearched.join("; ")), None));
    }
    if let Some(notice) = trigrams::index(draft, table, &columns, &unsearched, extensions, request) {
        return Ok(notice);
    }
    let configured = request.choices.defaults.text_search.as_deref();
    let configuration = configured.unwrap_or_else(|| configuration(&table.tokenizer));
    let limit = MAX_CHARACTERS / columns.len() as u64;
    let name = name(&draft.plan, &format!("{}_tsv", table.name));
    let cut = columns.iter().filter(|at| draft.profile_of(**at).is_some_and(|p| p.chars_max > limit)).count();
    let generated = expression(&draft.plan, &columns, configuration, limit);
    draft.plan.added.push(AddedColumn { name: name.clone(), type_sql: "tsvector".into(), generated });
    draft.index_names.push(Some(format!("{name}_idx")));
    draft.plan.indexes.push(index(&name));
    Ok(report(table, &draft.plan.source.name, &name, configuration, &unsearched, (cut > 0).then_some(limit)))
}

/// The table whose text was indexed, if it is followed
fn content_table(drafts: &[Draft], table: &FullText) -> Result<usize, Left> {
    match (&table.content, table.unlike) {
        (Content::None, Some(why)) => {
            Err((why.to_owned(), Some("fill a tsvector column from where the application has the text")))
        }
        (_, Some(why)) => Err((why.to_owned(), None)),
        // Planned as search tables.
        (Content::Own | Content::None, None) => Err(("its own text is not copied".into(), None)),
        (Content::External(content), None) => {
            let position = drafts.iter().position(|draft| draft.plan.source.name.eq_ignore_ascii_case(content));
            position
                .ok_or_else(|| (format!("its text comes from {content}, which is not a table that is copied"), None))
        }
    }
}

/// Positions of the columns that are searched, and why others are not
fn columns(plan: &TablePlan, table: &FullText) -> (Vec<usize>, Vec<String>) {
    let (mut searched, mut unsearched) = (Vec::new(), Vec::new());
    let all: Vec<FullTextColumn>;
    let wanted = if table.columns.is_empty() {
        let column = |c: &ColumnPlan| Some(plan.source.columns[c.source_column?].name.clone());
        all = plan.columns.iter().filter_map(column).map(|name| FullTextColumn { name, indexed: true }).collect();
        &all
    } else {
        &table.columns
    };
    for column in wanted.iter().filter(|column| column.indexed) {
        let source = plan.source.columns.iter().position(|c| c.name.eq_ignore_ascii_case(&column.name));
        match source.and_then(|at| plan.column_of(at)) {
            None => unsearched.push(format!("{} is not copied", column.name)),
            Some(at) if !is_text(&plan.columns[at]) => {
                unsearched.push(format!("{} is {}", column.name, plan.columns[at].type_sql));
            }
            // PostgreSQL computes no column from another that it computes.
            Some(at) if !plan.columns[at].is_copied() => unsearched.push(format!("{} is computed", column.name)),
            Some(at) => searched.push(at),
        }
    }
    (searched, unsearched)
}

/// Text whatever the server's settings are: the text of an enum is not IMMUTABLE
fn is_text(column: &ColumnPlan) -> bool {
    let named = |name: &str| column.type_sql.starts_with(name);
    column.mapping == Mapping::Text && ["text", "varchar", "character varying"].into_iter().any(named)
}

/// Porter's algorithm is for English; no other tokenizer of SQLite's own knows a language
pub(super) fn configuration(tokenizer: &str) -> &'static str {
    if tokenizer.split_whitespace().any(|word| word == "porter") { "english" } else { "simple" }
}

pub(super) fn expression(plan: &TablePlan, columns: &[usize], configuration: &str, limit: u64) -> String {
    let configuration = quote_literal(configuration);
    let weights = ['A', 'B', 'C'].into_iter().chain(std::iter::repeat('D'));
    let terms = columns.iter().zip(weights).map(|(at, weight)| {
        let text = text_of(&plan.columns[*at]);
        format!("setweight(to_tsvector({configuration}::regconfig, left(coalesce({text}, ''), {limit})), '{weight}')")
    });
    terms.collect::<Vec<_>>().join(" || ")
}

/// The text that is searched: of values of any class that of the number, of the text, and nothing of bytes
fn text_of(column: &ColumnPlan) -> String {
    let name = quote_identifier(&column.target_name);
    match column.mapping {
        Mapping::Variant => format!("CASE jsonb_typeof({name}) WHEN 'object' THEN '' ELSE {name} #>> '{{}}' END"),
        _ => name,
    }
}

pub(super) fn index(column: &str) -> IndexPlan {
    let what = TermPlan::Expression(quote_identifier(column));
    IndexPlan {
        name: String::new(),
        unique: false,
        method: IndexMethod::Gin,
        terms: vec![IndexTermPlan { what, descending: false, operator_class: None }],
        predicate: None,
        source: None,
    }
}

/// A name that no column of the table has
pub(super) fn name(plan: &TablePlan, wanted: &str) -> String {
    let mut names = Names::default();
    let taken = plan.columns.iter().map(|c| c.target_name.as_str()).chain(plan.added.iter().map(|c| c.name.as_str()));
    names.take(taken);
    names.make(wanted)
}

/// What became of it, and how its queries are asked on the target
fn report(
    table: &FullText,
    content: &str,
    column: &str,
    configuration: &str,
    unsearched: &[String],
    limit: Option<u64>,
) -> Notice {
    let mut message = format!(
        "full-text table ({}), on the target the column {column} of {content}: {}",
        table.module,
        match_words(column, configuration)
    );
    message.push_str(&exceptions(table, unsearched, limit));
    notice(&table.name, &message, None)
}

/// How queries are asked of the column
pub(super) fn match_words(column: &str, configuration: &str) -> String {
    let (shown, configuration) = (quote_identifier(column), quote_literal(configuration));
    format!(
        "MATCH 'a b' becomes {shown} @@ websearch_to_tsquery({configuration}, 'a b'), the prefix 'a*' becomes {shown} @@ \
         to_tsquery({configuration}, 'a:*'), and rank becomes ts_rank({shown}, query), where more is better"
    )
}

/// What is not searched, or otherwise than in SQLite
pub(super) fn exceptions(table: &FullText, unsearched: &[String], limit: Option<u64>) -> String {
    let mut words = String::new();
    if !unsearched.is_empty() {
        words.push_str(&format!("; not searched: {}", unsearched.join(", ")));
    }
    if trigrams::are_meant(table) {
        words.push_str("; trigrams find parts of words, which takes an index with pg_trgm's gin_trgm_ops there");
    }
    if let Some(limit) = limit {
        words.push_str(&format!("; of longer texts the first {limit} characters are searched"));
    }
    words
}

#[cfg(test)]
#[path = "fulltext_tests.rs"]
mod tests;
