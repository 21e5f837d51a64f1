//! Rows that the source tells apart and the target may not: its unique indexes allow less

use super::FoundTable;
use super::convert::Seek;
use crate::model::planner::Notes;
use crate::model::schema::{Table, Term};
use crate::model::target::{Kind, TargetColumn, TargetIndex, TargetTable};
use crate::model::words::grouped;

/// A unique index of the target that nothing on the source stands for
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its name on the target
    pub index: String,
    pub columns: Vec<ProbeColumn>,
    /// NULL is like any other value
    pub nulls_equal: bool,
}

/// A column of the source, and whether the target takes letters in either case for the same
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeColumn {
    pub column: usize,
    pub folded: bool,
}

/// What a probe found
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collision {
    /// Rows beyond the first of each group
    pub rows: u64,
    pub keys: Vec<String>,
}

/// The indexes over columns that the source's own uniqueness does not cover
pub(super) fn probes(source: &Table, target: &TargetTable, seeks: &[Option<Seek>]) -> Vec<Probe> {
    let probe = |index: &TargetIndex| {
        let columns = index.plain_columns()?;
        let columns = columns.iter().map(|at| {
            let column =
                seeks.iter().position(|seek| seek.as_ref().is_some_and(|seek| seek.target == *at && seek.is_copied()));
            column.map(|column| ProbeColumn { column, folded: is_folded(&target.columns[*at]) })
        });
        // With a column that only the target has, each row is told apart by what that gets.
        let columns: Vec<ProbeColumn> = columns.collect::<Option<_>>()?;
        let covered = !index.nulls_equal && is_unique(source, &columns);
        (!covered).then(|| Probe { index: index.name.clone(), columns, nulls_equal: index.nulls_equal })
    };
    target.indexes.iter().filter(|index| index.unique).filter_map(probe).collect()
}

pub(super) fn is_folded(column: &TargetColumn) -> bool {
    column.folds || matches!(&column.kind, Kind::Base { name, .. } if name == "citext")
}

/// Whether the source keeps rows apart by some of these columns
fn is_unique(source: &Table, columns: &[ProbeColumn]) -> bool {
    let exact = |at: &usize| columns.iter().any(|column| column.column == *at && !column.folded);
    let by_rowid = source.rowid_alias.is_some_and(|at| exact(&at));
    let mut plain = source.indexes.iter().filter(|index| index.unique && index.predicate.is_none());
    by_rowid || plain.any(|index| index.terms.iter().all(|term| matches!(&term.what, Term::Column(at) if exact(at))))
}

/// What may be deferred is checked by a trigger, and triggers are silent while we write
fn is_deferrable(target: &TargetTable, name: &str) -> bool {
    target.indexes.iter().any(|index| index.name == name && !index.arbitrates)
}

/// Refuses what collides already, and warns of what may
pub(super) fn check(found: &FoundTable, target: &TargetTable, notes: &mut Notes) {
    let source = &found.matched.source;
    for (probe, collision) in found.matched.probes.iter().zip(&found.collisions) {
        let names: Vec<&str> = probe.columns.iter().map(|column| source.columns[column.column].name.as_str()).collect();
        let object = format!("{} -> index {}", source.name, probe.index);
        let folded = if probe.columns.iter().any(|column| column.folded) { ", in any case of letters" } else { "" };
        if collision.rows > 0 {
            let rows = if collision.rows == 1 { "row has" } else { "rows have" };
            let message = format!(
                "unique over {} on the target{folded}, and {} {rows} the values of another, e.g. {}",
                names.join(", "),
                grouped(collision.rows),
                collision.keys.join("; ")
            );
            notes.refuse(&object, &message, "correct the rows in SQLite, or drop the index on the target");
        } else if is_deferrable(target, &probe.index) {
            let message = format!(
                "unique over {} on the target only{folded}, by a constraint that is DEFERRABLE: PostgreSQL does not check \
                 it while rows are replicated",
                names.join(", ")
            );
            notes.refuse(&object, &message, "make it NOT DEFERRABLE, or drop it while crossfade follows");
        } else {
            let message = format!(
                "unique over {} on the target only{folded}: later duplicates are quarantined",
                names.join(", ")
            );
            notes.warn(&object, &message, None);
        }
    }
    let documents = |index: &&TargetIndex| {
        let columns = index.plain_columns().unwrap_or_default();
        let is_document = |at: &usize| matches!(&target.columns[*at].kind, Kind::Base { name, .. } if name == "jsonb");
        index.unique && columns.iter().any(is_document)
    };
    for index in target.indexes.iter().filter(documents) {
        let object = format!("{} -> index {}", source.name, index.name);
        let message = "unique over documents, of which SQLite tells two spellings apart and the target does not: rows \
                       with the second are quarantined";
        notes.warn(&object, message, None);
    }
    for index in target.indexes.iter().filter(|index| index.unique && index.plain_columns().is_none()) {
        let same = |name: &str| name.eq_ignore_ascii_case(&index.name);
        if !source.indexes.iter().any(|other| other.unique && same(&other.name)) {
            let object = format!("{} -> index {}", source.name, index.name);
            let message = "unique over an expression or a part of the rows, which was not tried on the values: \
                           duplicates are quarantined";
            notes.warn(&object, message, None);
        }
    }
}
