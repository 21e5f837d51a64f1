//! A full-text table that the application's own migrations have given a place on the target
//!
//! Only where everything fits, and nothing else has a say in the table; else it is left to the target as before.

use super::{FoundSearch, table};
use crate::model::choices::Choices;
use crate::model::mapping::Mapping;
use crate::model::plan::{Identity, TablePlan};
use crate::model::planner::Notes;
use crate::model::schema::TextOrder;
use crate::model::search::{SearchPlan, SearchText};
use crate::model::target::{Catalog, Kind, TargetColumn, TargetTable};

/// Names that a column for the rowid has
const KEYS: [&str; 3] = ["rowid", "docid", "id"];

/// Plans the table into the one of its name, or says why not
pub fn fit(found: &FoundSearch, catalog: &Catalog, order: TextOrder) -> Result<SearchPlan, String> {
    let named = |target: &&TargetTable| target.name == found.fulltext.name;
    let target = catalog.tables.iter().find(named).ok_or("it has no table of this name")?;
    check(found, target)?;
    let planned = table(found, order, &Choices::default(), &mut Notes::default()).map_err(|refusal| refusal.message)?;
    let table = place(planned, target)?;
    let note = "the target's own schema decides how it is searched".to_owned();
    let (fulltext, sql) = (found.fulltext.clone(), found.sql.clone());
    Ok(SearchPlan { name: fulltext.name, module: fulltext.module, sql, note, text: SearchText::Stored, table })
}

fn check(found: &FoundSearch, target: &TargetTable) -> Result<(), String> {
    let other =
        |p: &crate::model::profile::ColumnProfile| p.integers + p.reals + p.blobs + p.nul_texts + p.invalid_utf8 > 0;
    let is_used = !target.foreign_keys.is_empty() || !target.referrers.is_empty() || !target.triggers.is_empty();
    let faults = [
        (found.text != SearchText::Stored, "it is contentless, and the target's table could not be filled".to_owned()),
        (found.profile.columns.iter().skip(1).any(other), "it holds values that are no texts".to_owned()),
        (target.rows > 0, "its table there holds rows".to_owned()),
        (is_used, "its table there has triggers or foreign keys".to_owned()),
        (target.row_security, "its table there has row security".to_owned()),
        (!target.missing.is_empty(), format!("the role lacks {} on its table there", target.missing.join(", "))),
    ];
    faults.into_iter().find(|(is_fault, _)| *is_fault).map_or(Ok(()), |(_, why)| Err(why))
}

/// Gives every column its place
fn place(mut plan: TablePlan, target: &TargetTable) -> Result<TablePlan, String> {
    let is_key = |column: &TargetColumn| {
        KEYS.contains(&column.name.as_str())
            && matches!(&column.kind, Kind::Base { name, .. } if name == "int8")
            && column.generated.is_none()
            && column.identity != Some(Identity::Always)
    };
    let decides = |at: usize| {
        let index = |index: &&crate::model::target::TargetIndex| {
            index.unique && index.arbitrates && index.predicate.is_none() && index.columns == [Some(at)]
        };
        target.indexes.iter().find(index)
    };
    let mut keys = target.columns.iter().enumerate().filter(|(_, column)| is_key(column));
    let found = keys.find_map(|(at, column)| Some((column, decides(at)?)));
    let (key, index) = found.ok_or("its table there has no bigint key called rowid, docid or id")?;
    let mut places = vec![key.name.clone()];
    for column in plan.columns.iter().skip(1) {
        let name = &plan.source.columns[column.source_column.unwrap_or_default()].name;
        let there = target.columns.iter().find(|there| there.name == *name && there.name != key.name);
        let there = there.ok_or_else(|| format!("its table there has no column {name}"))?;
        let is_text = matches!(&there.kind, Kind::Base { name, modifier: -1 } if name == "text" || name == "varchar");
        if !is_text || there.not_null || there.generated.is_some() {
            return Err(format!("the column {name} of its table there is not a text that may be NULL"));
        }
        places.push(there.name.clone());
    }
    let needed = |column: &&TargetColumn| {
        let filled = column.default.is_some() || column.generated.is_some() || column.identity.is_some();
        column.not_null && !filled && !places.contains(&column.name)
    };
    if let Some(column) = target.columns.iter().find(needed) {
        return Err(format!("nothing would fill the column {} of its table there", column.name));
    }
    for (column, place) in plan.columns.iter_mut().zip(places) {
        column.target_name = place;
    }
    for column in plan.columns.iter_mut().skip(1) {
        (column.mapping, column.type_sql) = (Mapping::Text, Mapping::Text.type_sql());
    }
    (plan.target_name, plan.key_constraint) = (target.name.clone(), index.name.clone());
    Ok(plan)
}
