//! What the target's columns hold where the application gives no value

use super::{Draft, Notes};
use crate::model::choices::Choices;
use crate::model::sql;

pub(super) fn translate(draft: &mut Draft, choices: &Choices, notes: &mut Notes) {
    let plan = &mut draft.plan;
    let chosen = choices.tables.get(&plan.source.name).map(|choice| &choice.columns);
    for at in 0..plan.columns.len() {
        let column = &plan.columns[at];
        let Some(source) = column.source_column.map(|at| &plan.source.columns[at]) else { continue };
        // A rowid is numbered, whatever its declaration says.
        let numbered = plan.source.rowid_alias == column.source_column;
        let wanted = chosen.and_then(|columns| columns.get(&source.name)?.default) != Some(false);
        let Some(text) = source.default.as_ref().filter(|_| wanted && !numbered && column.generated.is_none()) else {
            continue;
        };
        match sql::default(text, column, source) {
            Ok(sql) => plan.columns[at].default = (sql != "NULL").then_some(sql),
            Err(why) => {
                let object = format!("{}.{}", plan.source.name, source.name);
                let remedy = "set a DEFAULT by hand before the application writes to the target, if it relies on one";
                notes.warn(&object, &format!("DEFAULT {} not translated: {why}", shortened(text)), Some(remedy));
            }
        }
    }
}

/// As much of an expression as a person needs to know it again
pub(super) fn shortened(sql: &str) -> String {
    const LONGEST: usize = 60;
    let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &words[..end]),
        None => words,
    }
}
