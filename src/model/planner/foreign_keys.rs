//! Foreign keys of the target
//!
//! SQLite accepts any declaration and checks it at most when a row is written. PostgreSQL wants a parent that exists, a
//! unique index over exactly the columns referred to, and comparable types; what does not have that is left out.

use super::names::{Names, derived};
use super::rows::warn_about_orphans;
use super::{Draft, Notes};
use crate::model::mapping::Mapping;
use crate::model::plan::{ForeignKeyPlan, TablePlan};
use crate::model::schema::ForeignKey;

/// Translates what PostgreSQL takes, and warns about the rest
pub(super) fn translate(drafts: &mut [Draft], constraints: &mut [Names], notes: &mut Notes) {
    for (at, names) in constraints.iter_mut().enumerate() {
        let mut planned = Vec::new();
        for (number, key) in drafts[at].plan.source.foreign_keys.iter().enumerate() {
            match resolve(&drafts[at].plan, key, drafts) {
                Ok(plan) => {
                    warn_about_actions(&drafts[at].plan, key, notes);
                    let profile = &drafts[at].profile;
                    let orphans = profile.orphans.get(number);
                    warn_about_orphans(&object(&drafts[at].plan, key), orphans, profile.sampled, notes);
                    let wanted = derived(&drafts[at].plan, plan.columns.iter().copied(), "fkey");
                    planned.push(ForeignKeyPlan { name: names.make(&wanted), ..plan });
                }
                Err(why) => {
                    let message = format!("not created on the target: {why}");
                    notes.warn(&object(&drafts[at].plan, key), &message, None);
                }
            }
        }
        drafts[at].plan.foreign_keys = planned;
    }
}

/// The foreign key without its name, or why PostgreSQL would not take it
fn resolve(child: &TablePlan, key: &ForeignKey, drafts: &[Draft]) -> Result<ForeignKeyPlan, String> {
    let mut parents = drafts.iter().map(|d| &d.plan);
    let parent = parents.find(|p| p.source.name.eq_ignore_ascii_case(&key.parent));
    let parent = parent.ok_or_else(|| format!("there is no table {} on the target", key.parent))?;
    let columns: Option<Vec<usize>> = key.columns.iter().map(|at| child.column_of(*at)).collect();
    let columns = columns.ok_or("a column of it is not copied")?;
    let parent_columns = parent_columns(parent, key)?;
    if columns.len() != parent_columns.len() {
        return Err(format!("{} columns refer to {}", columns.len(), parent_columns.len()));
    }
    if !is_unique(parent, &parent_columns) {
        return Err(format!("{} has no unique index over exactly the columns referred to", parent.source.name));
    }
    for (&from, &to) in columns.iter().zip(&parent_columns) {
        compare(child, from, parent, to)?;
    }
    Ok(ForeignKeyPlan {
        name: String::new(),
        columns,
        parent_name: parent.target_name.clone(),
        parent_columns: parent_columns.iter().map(|at| parent.columns[*at].target_name.clone()).collect(),
        on_update: key.on_update.clone(),
        on_delete: key.on_delete.clone(),
        deferred: key.deferred,
    })
}

/// The columns referred to as positions in the parent's plan
pub(super) fn parent_columns(parent: &TablePlan, key: &ForeignKey) -> Result<Vec<usize>, String> {
    if key.parent_columns.is_empty() && parent.source.primary_key.is_empty() {
        return Err(format!("{} has no PRIMARY KEY", parent.source.name));
    }
    let source = &parent.source;
    let find = |name: &String| {
        let at = source.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
        at.and_then(|at| parent.column_of(at)).ok_or_else(|| format!("{} has no column {name}", source.name))
    };
    if !key.parent_columns.is_empty() {
        return key.parent_columns.iter().map(find).collect();
    }
    Ok(source.primary_key.iter().filter_map(|at| parent.column_of(*at)).collect())
}

/// Has a key or unique index over these columns, in any order
fn is_unique(parent: &TablePlan, columns: &[usize]) -> bool {
    let same = |other: Vec<usize>| other.len() == columns.len() && other.iter().all(|at| columns.contains(at));
    let unique = parent.indexes.iter().filter(|i| i.unique && i.is_plain());
    same(parent.key_columns.clone()) || unique.map(|i| i.columns().collect()).any(same)
}

/// Would PostgreSQL compare the two columns as SQLite does
fn compare(child: &TablePlan, from: usize, parent: &TablePlan, to: usize) -> Result<(), String> {
    let (from_type, to_type) = (child.columns[from].mapping, parent.columns[to].mapping);
    // PostgreSQL compares integers of any width with each other, in the index of the parent too.
    let whole = |mapping| matches!(mapping, Mapping::Smallint | Mapping::Integer | Mapping::Bigint);
    if from_type != to_type && !(whole(from_type) && whole(to_type)) {
        return Err(format!(
            "{} becomes {} and {}.{} becomes {}",
            child.source_name(from),
            from_type.sql(),
            parent.source.name,
            parent.source_name(to),
            to_type.sql()
        ));
    }
    // SQLite compares under the parent's collation: 'ABC' may refer to 'abc'.
    let collation = parent.columns[to].source_column.map(|at| parent.source.columns[at].collation.as_str());
    match collation {
        Some(other) if other != "BINARY" && matches!(from_type, Mapping::Text | Mapping::Variant) => {
            Err(format!("{}.{} is compared under {other}", parent.source.name, parent.source_name(to)))
        }
        _ => Ok(()),
    }
}

fn warn_about_actions(child: &TablePlan, key: &ForeignKey, notes: &mut Notes) {
    let sets_default = [&key.on_update, &key.on_delete].iter().any(|action| *action == "SET DEFAULT");
    let lost = |at: &&usize| {
        let planned = child.column_of(**at).map(|column| &child.columns[column]);
        child.source.columns[**at].default.is_some() && planned.is_some_and(|column| column.default.is_none())
    };
    if let Some(at) = key.columns.iter().find(lost).filter(|_| sets_default) {
        let name = &child.source.columns[*at].name;
        let message = format!("SET DEFAULT sets NULL on the target, as the DEFAULT of {name} is not there");
        notes.warn(&object(child, key), &message, None);
    }
}

/// The foreign key as the user knows it
fn object(child: &TablePlan, key: &ForeignKey) -> String {
    let columns: Vec<_> = key.columns.iter().map(|at| child.source.columns[*at].name.as_str()).collect();
    format!("foreign key {} ({}) -> {}", child.source.name, columns.join(", "), key.parent)
}
