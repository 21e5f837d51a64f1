//! Computed columns: the target computes them itself where the result is certain to be the same
//!
//! Else it gets the values that SQLite computed, like any other column's.

use super::{Draft, Notes};
use crate::model::fulltext::{Content, FullText, FullTextColumn};
use crate::model::plan::TablePlan;
use crate::model::schema::{Generated, Term, quote_identifier};
use crate::model::sql::{self, Declared, Reason, Scope};

pub(super) fn translate(
    draft: &mut Draft,
    declared: &Result<Declared, Reason>,
    fulltext: &[FullText],
    notes: &mut Notes,
) {
    for at in 0..draft.plan.columns.len() {
        let Some(source) = draft.plan.columns[at].source_column else { continue };
        if draft.plan.source.columns[source].generated == Generated::No {
            continue;
        }
        match expression(&draft.plan, at, source, declared, fulltext) {
            Ok(sql) => draft.plan.columns[at].generated = Some(sql),
            Err(why) => {
                let message = format!(
                    "generated column: the target gets its values, but does not compute them (not translated: {why})"
                );
                notes.warn(&format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at)), &message, None);
            }
        }
    }
}

fn expression(
    plan: &TablePlan,
    at: usize,
    source: usize,
    declared: &Result<Declared, Reason>,
    fulltext: &[FullText],
) -> Result<String, String> {
    if plan.key_columns.contains(&at) || is_unique(plan, source) {
        return Err("rows are told apart by it".to_owned());
    } else if plan.source.foreign_keys.iter().any(|key| key.columns.contains(&source)) {
        return Err("a foreign key is over it".to_owned());
    }
    let column = quote_identifier(&plan.columns[at].target_name);
    if fulltext.iter().any(|table| searches(table, plan, source)) {
        return Err("full-text search is over it, and PostgreSQL computes no column from a computed one".to_owned());
    } else if plan.added.iter().any(|added| added.generated.contains(&column)) {
        return Err("another column is computed from it, which PostgreSQL forbids".to_owned());
    }
    let declared = declared.as_ref().map_err(Reason::to_string)?;
    let name = &plan.source.columns[source].name;
    let found = declared.generated.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
    let (_, sql) = found.ok_or("its expression was not found")?;
    sql::generated(sql, &plan.columns[at], &Scope::of_table(plan)).map_err(|reason| reason.to_string())
}

/// The full-text table indexes this column of its content table
fn searches(table: &FullText, plan: &TablePlan, source: usize) -> bool {
    let name = &plan.source.columns[source].name;
    let of_plan =
        matches!(&table.content, Content::External(content) if content.eq_ignore_ascii_case(&plan.source.name));
    let named = |column: &FullTextColumn| column.indexed && column.name.eq_ignore_ascii_case(name);
    of_plan && (table.columns.is_empty() || table.columns.iter().any(named))
}

/// A value that another row has already must be known before it is written, also while rows swap theirs
fn is_unique(plan: &TablePlan, source: usize) -> bool {
    let holds = |terms: &[crate::model::schema::IndexTerm]| terms.iter().any(|term| term.what == Term::Column(source));
    plan.source.indexes.iter().any(|index| index.unique && holds(&index.terms))
}
