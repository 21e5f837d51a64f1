//! Warnings about rows, whatever types their columns get

use super::Notes;
use crate::model::profile::{TableProfile, Tally};
use crate::model::schema::{Key, Table};
use crate::model::words::grouped;

/// Rows with half of a surrogate pair in a text
pub(super) fn warn_about_texts(table: &Table, profile: &TableProfile, key: &Key, notes: &mut Notes) {
    for (at, (column, profile)) in table.columns.iter().zip(&profile.columns).enumerate() {
        let Tally { count: 1.., .. } = &profile.unsound else { continue };
        let place = if key.parts.iter().any(|part| part.column == Some(at)) { ", which is in the key" } else { "" };
        let message = format!(
            "half of a surrogate pair in {}{place}; no UTF-8 says what that is, so these rows wait in the quarantine",
            told(&profile.unsound, "text")
        );
        let object = format!("{}.{}", table.name, column.name);
        notes.warn(&object, &message, Some("correct the texts in SQLite, and the rows are copied"));
    }
}

/// Rows without a parent, by a foreign key that the target gets
pub(super) fn warn_about_orphans(object: &str, orphans: Option<&Option<Tally>>, sampled: bool, notes: &mut Notes) {
    match orphans {
        Some(Some(Tally { count: 0, .. })) => {}
        Some(Some(tally)) => {
            let message = format!("no parent for {}, so the target keeps the key as NOT VALID", told(tally, "row"));
            notes.warn(
                object,
                &message,
                Some("delete these rows in SQLite, or add their parents, to have it validated"),
            );
        }
        Some(None) if !sampled => {
            let message = "rows without a parent are not counted: no index finds the parents quickly";
            notes.warn(object, message, None);
        }
        Some(None) | None => {}
    }
}

/// As [`warn_about_orphans`], by the foreign keys of the source where those of the target stand already
pub(super) fn warn_about_orphans_there(table: &Table, profile: &TableProfile, notes: &mut Notes) {
    for (key, orphans) in table.foreign_keys.iter().zip(&profile.orphans) {
        let Some(tally @ Tally { count: 1.., .. }) = orphans else { continue };
        let message = format!(
            "no parent for {}; they are copied, and a foreign key of the target does not hold for them",
            told(tally, "row")
        );
        let columns: Vec<_> = key.columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
        let object = format!("foreign key {} ({}) -> {}", table.name, columns.join(", "), key.parent);
        notes.warn(&object, &message, Some("delete these rows in SQLite, or add their parents"));
    }
}

/// `3 texts (e.g. id=1; id=7; id=9)`
fn told(tally: &Tally, what: &str) -> String {
    let plural = if tally.count == 1 { "" } else { "s" };
    format!("{} {what}{plural} (e.g. {})", grouped(tally.count), tally.keys.join("; "))
}
