//! How rows of the target are found by the source's key, and which index decides between two of them

use super::uniqueness::is_folded;
use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, Conflict, Identity, IndexMethod, IndexPlan, IndexTermPlan, TablePlan, TermPlan};
use crate::model::planner::Notes;
use crate::model::planner::columns::{ROWID_COLUMN, key_columns};
use crate::model::schema::{KeyKind, quote_identifier};
use crate::model::target::{TargetIndex, TargetTable};

/// Settles the key, how conflicts over it are decided, and the unique indexes beside it
pub(super) fn settle(plan: &mut TablePlan, target: &TargetTable, notes: &mut Notes) {
    if plan.key.kind == KeyKind::Rowid {
        let rowid = ColumnPlan::new(plan.key.parts[0].sql.clone(), None, Mapping::Bigint, false);
        plan.columns.push(ColumnPlan { target_name: ROWID_COLUMN.into(), ..rowid });
    }
    plan.key_columns = key_columns(&plan.columns, &plan.key);
    refuse_unusable(plan, target, notes);
    let arbiter = arbiter(plan, target);
    let moves = |column: &ColumnPlan| column.identity == Some(Identity::Always) && column.is_copied();
    // PostgreSQL takes no UPDATE of such a column, but for a value that it makes itself.
    let fixed = plan.columns.iter().enumerate().any(|(at, column)| moves(column) && !plan.key_columns.contains(&at));
    (plan.conflict, plan.key_constraint) = match arbiter {
        Some(index) if !fixed => (Conflict::OnKey, index.name.clone()),
        Some(index) => (Conflict::DeleteInsert, index.name.clone()),
        None if plan.key.kind == KeyKind::Rowid => (Conflict::OnKey, helper(plan)),
        None => (Conflict::DeleteInsert, leading(plan, target).unwrap_or_else(|| helper(plan))),
    };
    let arbiter = arbiter.map(|index| index.name.clone());
    plan.indexes = uniques(plan, target, arbiter.as_deref());
    warn_and_refuse_helper(plan, target, notes);
}

/// An index of our own, there as long as we follow
fn helper(plan: &TablePlan) -> String {
    format!("_crossfade_{}", plan.id)
}

/// One row would silently take the place of another
fn folds(target: &TargetTable, name: &str) -> bool {
    target.columns.iter().any(|column| column.name == name && is_folded(column))
}

fn refuse_unusable(plan: &TablePlan, target: &TargetTable, notes: &mut Notes) {
    let name = &plan.source.name;
    for part in &plan.key.parts {
        let column = plan.columns.iter().find(|column| column.source_column == part.column);
        let (message, remedy) = match column {
            None => {
                let message = format!("its key has the column {}, which is not copied", part.sql);
                (message, "give the column a place on the target: rows are told apart by it")
            }
            Some(column) if !column.is_copied() => {
                let message = format!("its key has the column {}, which the target computes", column.target_name);
                (message, "alter the column on the target to an ordinary one")
            }
            Some(column) if !compares(column.mapping) => {
                let (name, of) = (&column.target_name, &column.type_sql);
                let message =
                    format!("its key has the column {name}, and values of type {of} are not compared as SQLite's");
                (message, "alter the column on the target to text")
            }
            Some(column) if folds(target, &column.target_name) => {
                let message = format!(
                    "its key has the column {}, in which the target takes two texts for one that SQLite tells apart",
                    column.target_name
                );
                (message, "alter the column on the target to text, or to a deterministic collation")
            }
            Some(_) => continue,
        };
        notes.refuse(name, &message, remedy);
    }
}

/// Two values are the same on both sides, or on none
fn compares(mapping: Mapping) -> bool {
    let is_alike =
        matches!(mapping, Mapping::Json { .. } | Mapping::Vector { .. } | Mapping::Array { .. } | Mapping::Interval(_));
    !is_alike && !mapping.takes_any_spelling()
}

/// Positions in the plan of an index's columns; `None` for a column that is not planned
fn places(plan: &TablePlan, target: &TargetTable, columns: &[usize]) -> Vec<Option<usize>> {
    let place = |at: &usize| plan.columns.iter().position(|column| column.target_name == target.columns[*at].name);
    columns.iter().map(place).collect()
}

/// The unique index over exactly the key's columns that ON CONFLICT can name
fn arbiter<'a>(plan: &TablePlan, target: &'a TargetTable) -> Option<&'a TargetIndex> {
    let is_key = |index: &&TargetIndex| {
        let columns = index.plain_columns().filter(|_| index.unique && index.arbitrates);
        columns.is_some_and(|columns| {
            let places = places(plan, target, &columns);
            places.len() == plan.key_columns.len() && plan.key_columns.iter().all(|at| places.contains(&Some(*at)))
        })
    };
    target.indexes.iter().find(is_key)
}

/// An index by which rows are found by their key
fn leading(plan: &TablePlan, target: &TargetTable) -> Option<String> {
    let leads = |index: &&TargetIndex| {
        let columns = index.plain_columns().unwrap_or_default();
        let places = places(plan, target, &columns);
        let first = places.iter().take(plan.key_columns.len());
        !plan.key_columns.is_empty()
            && first.clone().count() == plan.key_columns.len()
            && first.flatten().all(|at| plan.key_columns.contains(at))
            && places.iter().take(plan.key_columns.len()).all(Option::is_some)
    };
    target.indexes.iter().find(leads).map(|index| index.name.clone())
}

/// The unique indexes that stand beside the key's: rows may collide over them on the way
fn uniques(plan: &TablePlan, target: &TargetTable, arbiter: Option<&str>) -> Vec<IndexPlan> {
    let beside = target.indexes.iter().filter(|index| index.unique && Some(index.name.as_str()) != arbiter);
    beside.map(|index| index_plan(plan, target, index)).collect()
}

fn index_plan(plan: &TablePlan, target: &TargetTable, index: &TargetIndex) -> IndexPlan {
    let mut expressions = index.expressions.iter();
    let terms = index.columns.iter().map(|column| match column {
        Some(at) => {
            let name = &target.columns[*at].name;
            let place = plan.columns.iter().position(|column| column.target_name == *name);
            let expression = || IndexTermPlan {
                what: TermPlan::Expression(quote_identifier(name)),
                descending: false,
                operator_class: None,
            };
            place.map_or_else(expression, |place| IndexTermPlan::column(place, false))
        }
        None => IndexTermPlan {
            what: TermPlan::Expression(expressions.next().cloned().unwrap_or_default()),
            descending: false,
            operator_class: None,
        },
    });
    IndexPlan {
        name: index.name.clone(),
        unique: true,
        method: IndexMethod::Btree,
        terms: terms.collect(),
        predicate: index.predicate.clone(),
        source: None,
    }
}

/// What is added to the user's table while we follow, and whether that is allowed
fn warn_and_refuse_helper(plan: &TablePlan, target: &TargetTable, notes: &mut Notes) {
    let name = &plan.source.name;
    if plan.key_constraint != helper(plan) {
        return;
    }
    let what = match plan.key.kind {
        KeyKind::Rowid => format!("a column {ROWID_COLUMN} and a unique index on it"),
        _ => "an index on its key".to_owned(),
    };
    if plan.key.kind == KeyKind::Rowid && target.columns.iter().any(|column| column.name == ROWID_COLUMN) {
        let message = format!("it has no key, and {} has a column {ROWID_COLUMN} already", target.name);
        notes.refuse(name, &message, "drop that column, which an earlier migration has left there");
    }
    // The column for the rowid was told with the key.
    if plan.key.kind != KeyKind::Rowid {
        let message = format!("{} gets {what} on the target, for as long as crossfade follows", target.name);
        notes.warn(name, &message, None);
    }
    if !target.owned {
        let message =
            format!("{} needs {what} on the target, which only its owner {} can add", target.name, target.owner);
        let remedy =
            format!("connect as {}, or be a member of it; or give the table a key on both sides", target.owner);
        notes.refuse(name, &message, &remedy);
    }
    if target.partitioned && plan.key.kind == KeyKind::Rowid {
        let message = format!("it has no key, and {} is partitioned: no unique index can be added there", target.name);
        notes.refuse(name, &message, "declare a key on both sides");
    }
}
