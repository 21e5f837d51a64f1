//! The plan file `crossfade.toml`: what people read, correct and give back
//!
//! One file holds the settings and the choices. The planner writes what it decided, the evidence beside it as comments,
//! and takes back whatever has been edited: types and forms are read as exactly those words that it writes.

pub mod forms;
pub mod read;
pub mod types;
pub mod wanted;
pub mod write;

use crate::model::choices::{Choices, ColumnChoice, TableChoice};
use crate::model::convert::forms::Zone;
use crate::model::mapping::Mapping;
use crate::model::plan::ColumnPlan;
use crate::model::profile::form::write_zone;
use crate::model::schema::Affinity;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What the planner would write for a table if nothing had been chosen for it
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    pub table: String,
    /// What stands beside the table's name
    pub summary: String,
    /// The columns that have a type, in the order of the source
    pub columns: Vec<OwnColumn>,
    /// All columns of the source
    pub known: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OwnColumn {
    pub name: String,
    pub choice: ColumnChoice,
    /// The evidence in words
    pub words: String,
}

impl Own {
    fn choice(&self) -> TableChoice {
        let columns = self.columns.iter().map(|column| (column.name.clone(), column.choice.clone()));
        TableChoice { columns: columns.collect(), ..TableChoice::default() }
    }
}

/// The words for a column as it is planned, from which the same type and form come back
pub fn words_for(column: &ColumnPlan, affinity: Affinity) -> ColumnChoice {
    let choice = ColumnChoice { type_sql: Some(column.type_sql.clone()), ..ColumnChoice::default() };
    let usual = wanted::Wanted::new(&choice, affinity).ok().flatten().map(|wanted| wanted.usual());
    let varies = matches!(
        column.mapping,
        Mapping::Timestamp { .. }
            | Mapping::Moment { .. }
            | Mapping::Time(_)
            | Mapping::TimeOfDay(_)
            | Mapping::Epoch { .. }
            | Mapping::Interval(_)
    );
    let form = if varies || usual != Some(column.mapping) { forms::words(column.mapping) } else { None };
    ColumnChoice { form, assumed_zone: assumed_zone(column.mapping), ..choice }
}

fn assumed_zone(mapping: Mapping) -> Option<String> {
    let (Mapping::Timestamp { zoned: true, form } | Mapping::Moment { zoned: true, form }) = mapping else {
        return None;
    };
    let mut zone = String::new();
    // Writing to a string cannot fail.
    let _ = write_zone(&mut zone, Zone::Colon(form.assumed));
    (form.zone == Zone::None).then_some(zone)
}

impl TableChoice {
    /// What marks a table that nobody has edited: the digest of all that is said about it but the mark itself
    pub fn mark(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:08x}", xxh3_64(text.as_bytes()) as u32)
    }

    /// It says what the planner wrote, and nothing else
    pub fn is_untouched(&self) -> bool {
        self.planned.as_ref().is_some_and(|planned| *planned == self.mark())
    }
}

impl Choices {
    /// What tells these choices from others; `None` if there are none. Who makes the schema is kept in the plan itself
    pub fn digest(&self) -> Option<String> {
        let text = |choices: &Choices| serde_json::to_string(choices).unwrap_or_default();
        let said = text(&Choices { schema: None, ..self.clone() });
        (said != text(&Choices::default())).then(|| format!("{:032x}", xxh3_128(said.as_bytes())))
    }
}
