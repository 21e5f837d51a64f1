//! Full-text tables while the plan is made: those that hold their own text, or none, are read like any other table

use super::Reading;
use crate::error::Result;
use crate::model::choices::Choices;
use crate::model::fulltext::{Content, FullText};
use crate::model::plan::Notice;
use crate::model::planner::{FoundSearch, skipped_search};
use crate::model::profile::trial::Sought;
use crate::sqlite::search::shadow;

/// The full-text tables of the source, by what becomes of them
#[derive(Default)]
pub struct Texts {
    /// They become tables of their own
    pub search: Vec<FoundSearch>,
    /// Their text is elsewhere, or cannot be followed
    pub others: Vec<FullText>,
    /// Names of those that the operator skips
    pub left_out: Vec<String>,
    pub skipped: Vec<Notice>,
}

/// Reads every value of those that hold their own text
pub fn read(reading: &Reading<'_>, found: Vec<FullText>, choices: &Choices) -> Result<Texts> {
    let mut texts = Texts::default();
    for mut fulltext in found {
        if choices.tables.get(&fulltext.name).is_some_and(|choice| choice.skip) {
            texts.skipped.push(skipped_search(&fulltext));
            texts.left_out.push(fulltext.name);
            continue;
        }
        if matches!(fulltext.content, Content::External(_)) {
            texts.others.push(fulltext);
            continue;
        }
        match shadow(reading.connection, &fulltext)? {
            Ok((table, sql, text)) => {
                // By class alone: nothing is declared that could be looked for.
                let sought = (0..table.columns.len()).map(|at| Sought::declared(&table, at)).collect();
                let profile = reading.table(&table, sought, &[])?.0;
                texts.search.push(FoundSearch { fulltext, sql, text, table, profile });
            }
            Err(why) => {
                fulltext.unlike = Some(why);
                texts.others.push(fulltext);
            }
        }
    }
    Ok(texts)
}
