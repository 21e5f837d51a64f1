//! Secondary indexes of the target
//!
//! An index under NOCASE or RTRIM becomes one over the text as that collation compares it: in lower case, or without
//! trailing blanks. `lower` under "C" folds the letters that SQLite folds, those of ASCII, and no others. An index over
//! a part of a document becomes a GIN index over that part.

use super::{Draft, MAX_INDEX_BYTES, MAX_INDEX_COLUMNS, Notes};
use crate::model::choices::Choices;
use crate::model::mapping::Mapping;
use crate::model::plan::{IndexMethod, IndexPlan, IndexTermPlan, TablePlan, TermPlan};
use crate::model::schema::{Index, IndexOrigin, IndexTerm, Term, quote_identifier};
use crate::model::sql::{self, Reason, Scope};

/// Translates what can be, and warns about the rest; names come later, when those of all tables are known
pub(super) fn translate(draft: &mut Draft, choices: &Choices, notes: &mut Notes) {
    let wanted = choices.tables.get(&draft.plan.source.name).map(|choice| &choice.indexes);
    for index in draft.plan.source.indexes.clone() {
        if wanted.and_then(|indexes| indexes.get(&index.name)) == Some(&false) {
            continue;
        }
        let translated = match translated(draft, &index) {
            Ok(translated) => translated,
            Err(why) => {
                notes.warn(&object(&draft.plan, &index), &format!("not created on the target: {why}"), None);
                continue;
            }
        };
        warn_about_collation(&draft.plan, &index, notes);
        if let (IndexMethod::Gin, [IndexTermPlan { what: TermPlan::Expression(part), .. }]) =
            (translated.method, translated.terms.as_slice())
        {
            let message = format!(
                "a GIN index on the target, for questions like {part} @> '\"value\"': it knows values and no order, and \
                 compares documents where SQLite compares what it takes out of them"
            );
            notes.warn(&object(&draft.plan, &index), &message, None);
        }
        if repeats_key(&draft.plan, &translated) {
            continue;
        }
        draft.index_names.push((index.origin == IndexOrigin::Create).then(|| index.name.clone()));
        draft.plan.indexes.push(translated);
    }
}

/// The index without its name, or why PostgreSQL does not get it
fn translated(draft: &Draft, index: &Index) -> Result<IndexPlan, String> {
    let scope = Scope::of_table(&draft.plan);
    let translated = |sql: &String| sql::predicate(sql, &scope).map_err(not_translated);
    let predicate = index.predicate.as_ref().map(translated).transpose()?;
    if let Some(part) = part_of_document(index, &scope) {
        let what = TermPlan::Expression(part);
        return Ok(IndexPlan {
            name: String::new(),
            unique: false,
            method: IndexMethod::Gin,
            terms: vec![IndexTermPlan { what, descending: false, operator_class: None }],
            predicate,
            source: Some(index.clone()),
        });
    }
    let terms = index.terms.iter().map(|term| translated_term(&draft.plan, term, &scope));
    let terms = terms.collect::<Result<Vec<_>, _>>()?;
    if terms.len() > MAX_INDEX_COLUMNS {
        return Err(format!("{} columns; PostgreSQL takes {MAX_INDEX_COLUMNS}", terms.len()));
    }
    let bytes = draft.index_bytes(index.terms.iter().filter_map(|term| position(&draft.plan, term)));
    if bytes > MAX_INDEX_BYTES {
        return Err(format!("values of up to {bytes} bytes; PostgreSQL's indexes hold {MAX_INDEX_BYTES}"));
    }
    Ok(IndexPlan {
        name: String::new(),
        unique: index.unique,
        method: IndexMethod::Btree,
        terms,
        predicate,
        source: Some(index.clone()),
    })
}

/// What an index over one part of a document is over. Such an index can neither refuse a row nor change an answer, so that
/// none but a UNIQUE one has to tell apart what SQLite does
fn part_of_document(index: &Index, scope: &Scope<'_>) -> Option<String> {
    match index.terms.as_slice() {
        [IndexTerm { what: Term::Expression(sql), .. }] if !index.unique => {
            sql::document_path(sql, scope).ok().flatten()
        }
        _ => None,
    }
}

fn translated_term(plan: &TablePlan, term: &IndexTerm, scope: &Scope<'_>) -> Result<IndexTermPlan, String> {
    let sql = match &term.what {
        Term::Expression(sql) => sql::index_term(sql, &term.collation, scope).map_err(not_translated)?,
        Term::Column(_) | Term::Rowid => {
            let column = position(plan, term).ok_or("a column of it is not copied")?;
            match folded(plan, column, &term.collation) {
                Some(sql) => sql,
                None => return Ok(IndexTermPlan::column(column, term.descending)),
            }
        }
    };
    Ok(IndexTermPlan { what: TermPlan::Expression(sql), descending: term.descending, operator_class: None })
}

fn not_translated(why: Reason) -> String {
    format!("not translated: {why}")
}

/// The column in the plan that the term is
fn position(plan: &TablePlan, term: &IndexTerm) -> Option<usize> {
    match term.what {
        Term::Column(column) => plan.column_of(column),
        Term::Rowid => plan.columns.iter().position(|c| c.source_column.is_none()),
        Term::Expression(_) => None,
    }
}

/// The text of the column as the collation compares it; `None` where that is the value itself. Other types than text have
/// but one spelling of each value
fn folded(plan: &TablePlan, column: usize, collation: &str) -> Option<String> {
    let column = &plan.columns[column];
    let name = quote_identifier(&column.target_name);
    match (collation, column.mapping) {
        ("NOCASE", Mapping::Text) if column.is_citext() => None,
        ("NOCASE", Mapping::Text) => Some(format!("lower({name} COLLATE \"C\")")),
        ("RTRIM", Mapping::Text) => Some(format!("rtrim({name}, ' ')")),
        _ => None,
    }
}

/// The key's own index does the same: an index can be read backwards, but not half of it
fn repeats_key(plan: &TablePlan, index: &IndexPlan) -> bool {
    let one_way = index.terms.windows(2).all(|pair| pair[0].descending == pair[1].descending);
    one_way && index.is_plain() && index.columns().eq(plan.key_columns.iter().copied())
}

/// What is left of a collation that has no counterpart: PostgreSQL compares such a column exactly
fn warn_about_collation(plan: &TablePlan, index: &Index, notes: &mut Notes) {
    let exact = |term: &&IndexTerm| {
        let mapping = position(plan, term).map(|at| plan.columns[at].mapping);
        term.collation != "BINARY"
            && (mapping == Some(Mapping::Variant)
                || (mapping == Some(Mapping::Text) && !super::is_builtin(&term.collation)))
    };
    let Some(term) = index.terms.iter().find(exact) else {
        return;
    };
    let message = match index.unique {
        true => "unique by exact value on the target: uniqueness under its collation is not enforced there",
        false => "exact on the target: lookups there do not use the collation",
    };
    notes.warn(&object(plan, index), &format!("{message} ({})", term.collation), None);
}

/// The index as the user knows it
fn object(plan: &TablePlan, index: &Index) -> String {
    if index.origin == IndexOrigin::Create {
        return format!("index {} on {}", index.name, plan.source.name);
    }
    let columns = index.terms.iter().filter_map(|term| match term.what {
        Term::Column(column) => Some(plan.source.columns[column].name.as_str()),
        _ => None,
    });
    let kind = if index.origin == IndexOrigin::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
    format!("{kind} ({}) of {}", columns.collect::<Vec<_>>().join(", "), plan.source.name)
}
