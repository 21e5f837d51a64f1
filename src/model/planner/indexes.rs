//! Secondary indexes of the target

use super::{Draft, MAX_INDEX_BYTES, MAX_INDEX_COLUMNS, Notes};
use crate::model::choices::Choices;
use crate::model::plan::{IndexMethod, IndexPlan, IndexTermPlan, TablePlan};
use crate::model::schema::{Index, IndexOrigin, Term};

/// Translates what can be, and warns about the rest; names come later, when those of all tables are known
pub(super) fn translate(draft: &mut Draft, choices: &Choices, notes: &mut Notes) {
    let wanted = choices.tables.get(&draft.plan.source.name).map(|choice| &choice.indexes);
    for index in draft.plan.source.indexes.clone() {
        if wanted.and_then(|indexes| indexes.get(&index.name)) == Some(&false) {
            continue;
        }
        let columns = match columns(draft, &index) {
            Ok(columns) if repeats_key(&draft.plan, &columns) => continue,
            Ok(columns) => columns,
            Err(why) => {
                notes.warn(&object(&draft.plan, &index), &format!("not created on the target: {why}"), None);
                continue;
            }
        };
        warn_about_collation(&draft.plan, &index, notes);
        let terms = columns.into_iter().map(|(column, descending)| IndexTermPlan::column(column, descending));
        draft.index_names.push((index.origin == IndexOrigin::Create).then(|| index.name.clone()));
        draft.plan.indexes.push(IndexPlan {
            name: String::new(),
            unique: index.unique,
            method: IndexMethod::Btree,
            terms: terms.collect(),
            predicate: None,
            source: Some(index),
        });
    }
}

/// The index's columns and their order, or why PostgreSQL does not get it
fn columns(draft: &Draft, index: &Index) -> Result<Vec<(usize, bool)>, String> {
    if index.predicate.is_some() {
        return Err("partial indexes are not translated yet".into());
    }
    let skipped = |term: &Term| matches!(term, Term::Column(column) if draft.plan.column_of(*column).is_none());
    if index.terms.iter().any(|term| skipped(&term.what)) {
        return Err("a column of it is not copied".into());
    }
    let position = |term: &Term| match term {
        Term::Column(column) => draft.plan.column_of(*column),
        Term::Rowid => draft.plan.columns.iter().position(|c| c.source_column.is_none()),
        Term::Expression(_) => None,
    };
    let columns: Option<Vec<_>> =
        index.terms.iter().map(|term| Some((position(&term.what)?, term.descending))).collect();
    let columns = columns.ok_or("expression indexes are not translated yet")?;
    if columns.len() > MAX_INDEX_COLUMNS {
        return Err(format!("{} columns; PostgreSQL takes {MAX_INDEX_COLUMNS}", columns.len()));
    }
    let bytes = draft.index_bytes(columns.iter().map(|(column, _)| *column));
    if bytes > MAX_INDEX_BYTES {
        return Err(format!("values of up to {bytes} bytes; PostgreSQL's indexes hold {MAX_INDEX_BYTES}"));
    }
    Ok(columns)
}

/// The key's own index does the same: an index can be read backwards, but not half of it
fn repeats_key(plan: &TablePlan, columns: &[(usize, bool)]) -> bool {
    let one_way = columns.windows(2).all(|pair| pair[0].1 == pair[1].1);
    one_way && columns.iter().map(|(column, _)| column).eq(&plan.key_columns)
}

fn warn_about_collation(plan: &TablePlan, index: &Index, notes: &mut Notes) {
    let Some(term) = index.terms.iter().find(|t| t.collation != "BINARY") else {
        return;
    };
    let message = match (index.unique, term.collation.as_str()) {
        (true, "NOCASE") => {
            "unique by exact value on the target: case-insensitive uniqueness is not enforced there yet"
        }
        (true, "RTRIM") => {
            "unique by exact value on the target: uniqueness without trailing spaces is not enforced there yet"
        }
        (true, _) => "unique by exact value on the target: uniqueness under its collation is not enforced there yet",
        (false, _) => "exact on the target: lookups there do not use the collation",
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
