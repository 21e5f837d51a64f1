//! Which columns the target numbers by itself
//!
//! SQLite gives a row without a value for its INTEGER PRIMARY KEY a number of its own; an identity does the same on the
//! target, and takes every number that it is given. The hidden rowid needs one too: once the application writes there,
//! nobody else would fill it.

use super::{Draft, Notes};
use crate::model::plan::{Identity, TablePlan};
use crate::model::schema::KeyKind;

/// Gives every rowid an identity, but those that belong to a row of another table
pub(super) fn assign(drafts: &mut [Draft], notes: &mut Notes) {
    for draft in drafts {
        let plan = &mut draft.plan;
        let numbered = match plan.key.kind {
            KeyKind::RowidAlias | KeyKind::Rowid => plan.key_columns[0],
            KeyKind::PrimaryKey | KeyKind::UniqueIndex => continue,
        };
        match owner(plan, numbered) {
            Some(owner) => {
                let message = format!("refers to {owner} as well, so its numbers come from there: it gets no identity");
                notes.warn(&format!("{}.{}", plan.source.name, plan.source_name(numbered)), &message, None);
            }
            None => plan.columns[numbered].identity = Some(Identity::ByDefault),
        }
    }
}

/// The table whose key the column takes over, as frameworks do where a class extends another: a number of our own would
/// point to a row that nobody meant
fn owner(plan: &TablePlan, column: usize) -> Option<&str> {
    let column = plan.columns[column].source_column?;
    let mut keys = plan.source.foreign_keys.iter().filter(|key| key.columns.contains(&column));
    let owner = keys.find(|key| !key.parent.eq_ignore_ascii_case(&plan.source.name))?;
    Some(&owner.parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::fixtures::{create_plan, empty, foreign_key, table, with_alias, with_primary_key};
    use crate::model::schema::Table;

    fn identities(source: Table) -> Vec<Option<Identity>> {
        let profile = empty(&source);
        let plan = create_plan(vec![(source, profile)], Vec::new(), "public").plan;
        plan.tables[0].columns.iter().map(|column| column.identity).collect()
    }

    #[test]
    fn rowids_are_numbered_and_other_keys_are_not() {
        let numbered = Some(Identity::ByDefault);
        assert_eq!(identities(with_alias("t", &[("id", "INTEGER"), ("a", "INT")])), [numbered, None]);
        assert_eq!(identities(table("t", &[("a", "INT")])), [None, numbered]);
        assert_eq!(identities(with_primary_key(table("t", &[("a", "INT")]), &[0], &["BINARY"])), [None]);
    }

    #[test]
    fn a_key_taken_from_another_table_is_not_numbered() {
        let mut child = with_alias("child", &[("id", "INTEGER"), ("up", "INT")]);
        child.foreign_keys = vec![foreign_key(&[1], "parent", &[])];
        assert_eq!(identities(child.clone())[0], Some(Identity::ByDefault));
        child.foreign_keys = vec![foreign_key(&[0], "CHILD", &[])];
        assert_eq!(identities(child.clone())[0], Some(Identity::ByDefault), "a row may refer to itself");
        child.foreign_keys = vec![foreign_key(&[0], "parent", &[])];
        assert_eq!(identities(child), [None, None]);
    }
}
