//! Full-text tables that hold their own text: tables of their own on the target, with a `tsvector` column that
//! PostgreSQL computes, and a GIN index over it

mod existing;

use super::fulltext::{self, MAX_CHARACTERS};
use super::names::{Names, SYSTEM_COLUMNS, Wanted};
use super::{Draft, Notes, Request, columns, key, notice};
use crate::model::choices::Choices;
use crate::model::fulltext::FullText;
use crate::model::mapping::Mapping;
use crate::model::plan::{AddedColumn, ColumnPlan, Notice, TablePlan};
use crate::model::planfile::Own;
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Key, Table, TextOrder, quote_identifier};
use crate::model::search::{IndexText, SearchPlan, SearchText};
use crate::model::words::counted;

pub use existing::fit;

/// A full-text table, and what its shadow table holds
pub struct FoundSearch {
    pub fulltext: FullText,
    /// Its `CREATE VIRTUAL TABLE`
    pub sql: String,
    pub text: SearchText,
    /// The shadow table: the rowid, then the columns in order, under names of SQLite's own; that of a contentless table
    /// has the rowid and no column
    pub table: Table,
    pub profile: TableProfile,
}

/// Name of the target's column for the rowid, unless a column has it
const ROWID: &str = "rowid";

/// A full-text table that the operator leaves out
pub fn skipped(table: &FullText) -> Notice {
    notice(&table.name, &format!("full-text table ({}): skipped by the plan file", table.module), None)
}

/// Plans them; relations of the drafts and views have their names already
pub(super) fn plan(
    found: Vec<FoundSearch>,
    drafts: &[Draft],
    views: &[String],
    order: TextOrder,
    request: &Request<'_>,
    notes: &mut Notes,
) -> Vec<SearchPlan> {
    let mut names = Names::default();
    names.take(drafts.iter().flat_map(|draft| relations(&draft.plan)));
    names.take(views.iter().map(String::as_str));
    let mut planned: Vec<SearchPlan> = Vec::new();
    for (found, number) in found.into_iter().zip(1i64..) {
        let planned_table = match &found.text {
            SearchText::Stored => table(&found, order, request.choices, notes),
            SearchText::Index(_) => index_table(&found, order),
        };
        match planned_table {
            Ok(mut table) => {
                table.id = -number;
                name(&found, &mut table, &mut names, request.choices, notes);
                let note = match &found.text {
                    SearchText::Stored => search(&found, &mut table, &mut names, request),
                    SearchText::Index(text) => search_index(&found, text, &mut table, &mut names),
                };
                let FoundSearch { fulltext, sql, text, .. } = found;
                planned.push(SearchPlan { name: fulltext.name, module: fulltext.module, sql, note, text, table });
            }
            Err(refusal) => notes.refusals.push(refusal),
        }
    }
    planned
}

/// What the plan file says of a search table where nobody has edited it
pub(super) fn own(search: &SearchPlan) -> Own {
    let summary = format!("full-text table ({}), {}", search.module, counted(search.table.row_count, "row"));
    Own { table: search.name.clone(), summary, columns: Vec::new(), known: Vec::new() }
}

fn relations(plan: &TablePlan) -> impl Iterator<Item = &str> {
    let indexes = plan.indexes.iter().map(|index| index.name.as_str());
    [plan.target_name.as_str(), plan.key_constraint.as_str()].into_iter().chain(plan.sequence.as_deref()).chain(indexes)
}

/// The columns, each with the type that holds its values; the source's are called what the application calls them
fn table(found: &FoundSearch, order: TextOrder, choices: &Choices, notes: &mut Notes) -> Result<TablePlan, Notice> {
    let key = Key { text_order: order, ..key::choose_key(&found.table, 0)? };
    let mut source = found.table.clone();
    let nothing = ColumnProfile::default();
    let mut planned = Vec::new();
    for (at, column) in source.columns.iter_mut().enumerate() {
        let sql = quote_identifier(&column.name);
        let profile = found.profile.columns.get(at).unwrap_or(&nothing);
        match at.checked_sub(1).and_then(|at| found.fulltext.columns.get(at)) {
            Some(of_text) => {
                column.name.clone_from(&of_text.name);
                planned.push(ColumnPlan::new(sql, Some(at), mapping(profile, of_text.indexed), false));
            }
            None if at == 0 => {
                column.name = ROWID.into();
                planned.push(ColumnPlan::new(sql, Some(at), Mapping::Bigint, true));
            }
            // A table without declared columns has one, of this name.
            None => {
                column.name = "content".into();
                planned.push(ColumnPlan::new(sql, Some(at), mapping(profile, true), false));
            }
        }
    }
    let mut names = Names::default();
    let identifiers = choices.defaults.identifiers;
    let wanted: Vec<Wanted> = source.columns[1..].iter().map(|c| Wanted::new(&c.name, None, identifiers)).collect();
    for ((column, wanted), name) in planned[1..].iter_mut().zip(&wanted).zip(names.assign(&wanted, SYSTEM_COLUMNS)) {
        wanted.tell(&format!("{}.{}", found.fulltext.name, wanted.source), &name, notes);
        column.target_name = name;
    }
    planned[0].target_name = names.make(ROWID);
    let key_columns = columns::key_columns(&planned, &key);
    let (row_count, byte_count) = (found.profile.rows, found.profile.bytes);
    Ok(TablePlan { columns: planned, key_columns, row_count, byte_count, ..TablePlan::new(source, key) })
}

/// By storage class alone: nothing is declared, and what is indexed is text
fn mapping(profile: &ColumnProfile, indexed: bool) -> Mapping {
    let held = [profile.integers, profile.reals, profile.texts, profile.blobs].map(|count| count > 0);
    match held {
        _ if profile.nul_texts + profile.invalid_utf8 > 0 => Mapping::Variant,
        [false, false, _, false] => Mapping::Text,
        [true, false, false, false] if !indexed => Mapping::Bigint,
        [false, true, false, false] if !indexed => Mapping::Double,
        [false, false, false, true] if !indexed => Mapping::Bytea,
        _ => Mapping::Variant,
    }
}

fn name(found: &FoundSearch, table: &mut TablePlan, names: &mut Names, choices: &Choices, notes: &mut Notes) {
    let rename = choices.tables.get(&found.fulltext.name).and_then(|choice| choice.rename.as_deref());
    let wanted = [Wanted::new(&found.fulltext.name, rename, choices.defaults.identifiers)];
    for (wanted, name) in wanted.iter().zip(names.assign(&wanted, &[])) {
        wanted.tell(&wanted.source, &name, notes);
        table.target_name = name;
    }
    table.key_constraint = names.make(&format!("{}_pkey", table.target_name));
}

/// Adds the column that is searched, and its index; how its queries are asked
fn search(found: &FoundSearch, table: &mut TablePlan, names: &mut Names, request: &Request<'_>) -> String {
    let configured = request.choices.defaults.text_search.as_deref();
    let is_indexed = |at: &usize| found.fulltext.columns.get(at - 1).is_none_or(|column| column.indexed);
    let searched: Vec<usize> = (1..table.columns.len()).filter(is_indexed).collect();
    let limit = MAX_CHARACTERS / searched.len().max(1) as u64;
    let profiles = searched.iter().filter_map(|at| found.profile.columns.get(*at));
    let is_cut = profiles.map(|profile| profile.chars_max).any(|chars| chars > limit);
    let configuration = configured.unwrap_or_else(|| fulltext::configuration(&found.fulltext.tokenizer));
    let unsearched = (1..table.columns.len()).filter(|at| !is_indexed(at));
    let unsearched: Vec<String> =
        unsearched.map(|at| format!("{} is not indexed", table.columns[at].target_name)).collect();
    let exceptions = fulltext::exceptions(&found.fulltext, &unsearched, is_cut.then_some(limit));
    if searched.is_empty() {
        return format!("nothing is searched{exceptions}");
    }
    let column = fulltext::name(table, &format!("{}_tsv", found.fulltext.name));
    let generated = fulltext::expression(table, &searched, configuration, limit);
    table.added.push(AddedColumn { name: column.clone(), type_sql: "tsvector".into(), generated });
    add_index(table, &column, names);
    fulltext::match_words(&column, configuration) + &exceptions
}

fn add_index(table: &mut TablePlan, column: &str, names: &mut Names) {
    let mut index = fulltext::index(column);
    index.name = names.make(&format!("{column}_idx"));
    table.indexes.push(index);
}

/// A contentless table: the rowid, and the words that we bring
fn index_table(found: &FoundSearch, order: TextOrder) -> Result<TablePlan, Notice> {
    let key = Key { text_order: order, ..key::choose_key(&found.table, 0)? };
    let mut source = found.table.clone();
    let columns = vec![
        ColumnPlan {
            target_name: ROWID.into(),
            ..ColumnPlan::new(quote_identifier(&source.columns[0].name), Some(0), Mapping::Bigint, true)
        },
        ColumnPlan {
            target_name: fulltext::name(
                &TablePlan::new(source.clone(), key.clone()),
                &format!("{}_tsv", found.fulltext.name),
            ),
            type_sql: "tsvector".into(),
            ..ColumnPlan::new(quote_identifier(&source.columns[1].name), Some(1), Mapping::Text, true)
        },
    ];
    source.columns[0].name = ROWID.into();
    source.columns[1].name = "(index)".into();
    let row_count = found.profile.rows;
    let key_columns = columns::key_columns(&columns, &key);
    Ok(TablePlan { columns, key_columns, row_count, byte_count: found.profile.bytes, ..TablePlan::new(source, key) })
}

fn search_index(found: &FoundSearch, text: &IndexText, table: &mut TablePlan, names: &mut Names) -> String {
    let column = table.columns[1].target_name.clone();
    add_index(table, &column, names);
    let tokenizer = match found.fulltext.tokenizer.as_str() {
        "" => "unicode61",
        given => given,
    };
    // The words are made already, and no configuration of PostgreSQL's makes the same ones of a query.
    let mut note = fulltext::match_words(&column, "simple");
    note.push_str(&format!(
        "; it is contentless: the words are those of SQLite's index, and queries name them as its tokenizer ({tokenizer}) \
         writes them"
    ));
    note.push_str(match text.has_places {
        true => "; of a row as many words as a tsvector holds, of a word 256 places, and no place beyond 16383",
        false => "; it keeps no places, so that there are no phrases and no weights",
    });
    note
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
