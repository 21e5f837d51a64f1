//! What the operator chose in the plan file: checked against the source, proven by its values, and put into the plan

use super::choose::{may_have_any_spelling, uses};
use super::columns::{self, object};
use super::evidence;
use super::near::did_you_mean;
use super::{Draft, Found, Notes, Request, extensions, has_own_prefix, notice, typed, vectors};
use crate::model::choices::{Choices, ColumnChoice, TableChoice};
use crate::model::convert::forms::{StampForm, Zone};
use crate::model::mapping::{Mapping, Misfit};
use crate::model::plan::{Check, ExtensionPlan, IndexMethod, IndexPlan, IndexTermPlan, Notice, TablePlan};
use crate::model::planfile::types::{Kind, TypeName};
use crate::model::planfile::wanted::Wanted;
use crate::model::planfile::{Own, OwnColumn, words_for};
use crate::model::profile::attempt::{Attempt, Refused};
use crate::model::profile::form::TextForm;
use crate::model::profile::trial::Sought;
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::schema::{Key, KeyKind, Table, quote_identifier};
use crate::model::words::{counted, grouped};

/// The type of an extension that texts go to, and its name
const CITEXT: &str = "citext";

/// What is wrong with a name of the file, unless the file is written anew and says that the source has it no more
pub(super) const UNKNOWN_TABLE: &str = "the plan file names a table that the source does not have";
pub(super) const UNKNOWN_COLUMN: &str = "the plan file names a column that the table does not have";

/// Whether the operator leaves the table out, so that nobody needs to read it
pub fn is_skipped(choices: &Choices, table: &Table) -> bool {
    choices.tables.get(&table.name).is_some_and(|choice| choice.skip)
}

/// A table that the operator leaves out
pub(super) fn skipped(table: &Table) -> Notice {
    notice(&table.name, "skipped by the plan file: neither copied nor followed", None)
}

/// What is to be looked for among the table's values, by column
pub fn sought(choices: &Choices, table: &Table) -> Vec<Sought> {
    let chosen = choices.tables.get(&table.name);
    let sought = table.columns.iter().enumerate().map(|(at, column)| {
        let choice = chosen.and_then(|chosen| chosen.columns.get(&column.name));
        // What cannot be read is refused later.
        let wanted = choice.and_then(|choice| Wanted::new(choice, column.affinity).ok().flatten());
        let wanted = wanted.map(|wanted| wanted.in_any_spelling(may_have_any_spelling(table, at)));
        let limit = match typed::declared_limit(column, &choices.defaults) {
            Some(TypeName { check: Check::Chars(limit), .. }) => Some(limit),
            _ => None,
        };
        Sought { wanted, limit, ..Sought::declared(table, at) }
    });
    sought.collect()
}

/// Whether the operator has chosen another conversion for the column than this one
pub(super) fn differs(profile: &ColumnProfile, own: Mapping) -> bool {
    profile.attempt.as_ref().is_some_and(|attempt| result(attempt, profile) != Ok(own))
}

/// The conversion that takes every value; where it takes any spelling, with that of most values
fn result(attempt: &Attempt, profile: &ColumnProfile) -> Result<Mapping, Refused> {
    let found = attempt.result()?;
    if attempt.wanted.given.is_some() {
        return Ok(found);
    }
    Ok(match found {
        Mapping::Moment { zoned, form } => {
            let common = profile.commonest_stamp().unwrap_or(form);
            Mapping::Moment { zoned, form: StampForm { assumed: form.assumed, ..common } }
        }
        Mapping::TimeOfDay(form) => Mapping::TimeOfDay(profile.commonest_time().unwrap_or(form)),
        other => other,
    })
}

/// What the planner has decided by itself so far
pub fn own(plan: &TablePlan, profile: &TableProfile) -> Own {
    let evidence = evidence::of_table(plan, profile);
    let columns = plan.columns.iter().zip(evidence.columns).filter_map(|(planned, evidence)| {
        let source = &plan.source.columns[planned.source_column?];
        let choice = words_for(planned, source.affinity);
        Some(OwnColumn { name: source.name.clone(), choice, words: evidence.words })
    });
    let key: Vec<&str> = plan.key_columns.iter().map(|at| plan.source_name(*at)).collect();
    let key = if plan.key.kind == KeyKind::Rowid { "the hidden rowid".to_owned() } else { key.join(", ") };
    Own {
        table: plan.source.name.clone(),
        summary: format!("{}, key {key}", counted(plan.row_count, "row")),
        columns: columns.collect(),
        known: plan.source.columns.iter().map(|column| column.name.clone()).collect(),
    }
}

/// The same of a table that the plan creates, with the index that its vectors get
pub(super) fn own_of(draft: &Draft, request: &Request<'_>) -> Own {
    let mut own = own(&draft.plan, &draft.profile);
    for (at, column) in own.columns.iter_mut().enumerate() {
        if let Some((type_sql, index)) = vectors::own(draft, at, request) {
            column.choice.type_sql = type_sql.or(column.choice.type_sql.take());
            column.choice.index = Some(index);
        }
    }
    own
}

/// Refuses names that the source does not have, and names that are taken
pub(super) fn check(found: &Found, choices: &Choices, notes: &mut Notes) {
    not_here(choices, notes);
    let tables: Vec<&Table> = found.tables.iter().map(|(table, _)| table).chain(&found.left_out).collect();
    let searched: Vec<&str> = found.search.iter().map(|search| search.fulltext.name.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).chain(searched.iter().copied()).collect();
    for (name, choice) in &choices.tables {
        if searched.contains(&name.as_str()) || found.left_out_search.contains(name) {
            check_search(name, choice, notes);
            continue;
        }
        let Some(table) = tables.iter().find(|table| table.name == *name) else {
            notes.refuse(name, UNKNOWN_TABLE, &did_you_mean(name, &names, "remove it from the file"));
            continue;
        };
        check_names(table, choice, notes);
    }
    for (name, choice) in choices.tables.iter().filter(|(_, choice)| !choice.skip) {
        let stays = |other: &&&str| {
            **other != name && choices.tables.get(**other).is_none_or(|c| !c.skip && c.rename.is_none())
        };
        check_rename(name, choice.rename.as_deref(), names.iter().filter(stays).copied(), notes);
    }
}

/// The text of a full-text table is what it is: it can be left out, and called otherwise
fn check_search(name: &str, choice: &TableChoice, notes: &mut Notes) {
    if !(choice.columns.is_empty() && choice.indexes.is_empty() && choice.checks.is_empty()) {
        let message = "of a full-text table the plan file can say skip and rename only";
        notes.refuse(name, message, "remove the rest from the file; its language is text_search under [defaults]");
    }
}

fn check_names(table: &Table, choice: &TableChoice, notes: &mut Notes) {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    for name in choice.columns.keys().filter(|name| !columns.contains(&name.as_str())) {
        notes.refuse(&object(table, name), UNKNOWN_COLUMN, &did_you_mean(name, &columns, "remove it from the file"));
    }
    let indexes: Vec<&str> = table.indexes.iter().map(|index| index.name.as_str()).collect();
    for name in choice.indexes.keys().filter(|name| !indexes.contains(&name.as_str())) {
        let message = format!("the plan file names an index {name:?} that the table does not have");
        notes.refuse(&table.name, &message, &did_you_mean(name, &indexes, "remove it from the file"));
    }
    for (name, column) in &choice.columns {
        let stays = |other: &&&str| {
            **other != name && choice.columns.get(**other).is_none_or(|c| !c.skip && c.rename.is_none())
        };
        let others = columns.iter().filter(stays).copied();
        check_rename(&object(table, name), column.rename.as_deref().filter(|_| !column.skip), others, notes);
    }
}

/// Two chosen names that are alike are found when names are given
fn check_rename<'a>(object: &str, rename: Option<&str>, others: impl Iterator<Item = &'a str>, notes: &mut Notes) {
    let Some(rename) = rename else { return };
    if has_own_prefix(rename) {
        notes.refuse(object, &format!("{rename:?} begins like crossfade's own names"), "choose another name");
    }
    if let Some(other) = others.into_iter().find(|other| *other == rename) {
        let message = format!("cannot be called {rename:?} on the target: that is the name of {other}");
        notes.refuse(object, &message, "choose another name, or rename the other one too");
    }
}

/// What can be written in the file for another mode: said, rather than passed over
fn not_here(choices: &Choices, notes: &mut Notes) {
    let standing = "is for tables that stand on the target already";
    for (name, _) in choices.tables.iter().filter(|(_, table)| table.policy.is_some()) {
        notes.refuse(
            name,
            &format!("policy {standing}"),
            "remove it from the file, or plan with schema = \"existing\"",
        );
    }
    for name in choices.triggers.keys() {
        notes.refuse(name, &format!("fire {standing}"), "remove it from the file, or plan with schema = \"existing\"");
    }
}

/// Puts types into the plan that the values prove, and takes out the columns that are skipped
pub(super) fn apply(draft: &mut Draft, request: &Request<'_>, extensions: &mut Vec<ExtensionPlan>, notes: &mut Notes) {
    let Some(choice) = request.choices.tables.get(&draft.plan.source.name) else { return };
    let untouched = choice.is_untouched();
    for at in 0..draft.choices.len() {
        let source = draft.plan.columns[at].source_column;
        let name = source.map(|source| draft.plan.source.columns[source].name.clone());
        let chosen = name.and_then(|name| choice.columns.get(&name)).filter(|chosen| !chosen.skip);
        if let Some(chosen) = chosen {
            settle(draft, at, chosen, request, untouched, extensions, notes);
        }
    }
    skip_columns(draft, choice, notes);
}

fn settle(
    draft: &mut Draft,
    at: usize,
    choice: &ColumnChoice,
    request: &Request<'_>,
    untouched: bool,
    extensions: &mut Vec<ExtensionPlan>,
    notes: &mut Notes,
) {
    let Some(source) = draft.plan.columns[at].source_column else { return };
    let table = &draft.plan.source;
    let object = object(table, &table.columns[source].name);
    let mut wanted = match Wanted::new(choice, table.columns[source].affinity) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return,
        Err(fault) => return notes.refuse(&object, &fault.message, &fault.remedy),
    };
    // Vectors are made of whatever the column is by itself.
    if matches!(wanted.kind, Kind::Vector(_)) {
        return;
    }
    let nothing = ColumnProfile::default();
    let profile = draft.profile_of(at).unwrap_or(&nothing);
    let uses = uses(table, source, &draft.plan.key, &request.choices.defaults);
    wanted = wanted.in_any_spelling(uses.any_spelling);
    let result = profile.attempt.as_ref().map_or_else(|| Ok(wanted.usual()), |attempt| result(attempt, profile));
    let planned = &draft.plan.columns[at];
    let own = words_for(planned, table.columns[source].affinity);
    let mapping = match result {
        // Where the planner expects other spellings to come, naming the type alone does not forbid them.
        Ok(mapping) if wanted.given.is_none() && planned.mapping.takes_any_spelling() => {
            mapping.in_any_spelling().unwrap_or(mapping)
        }
        Ok(mapping) => mapping,
        Err(refused) => {
            let message = unproven(&wanted, &refused, profile);
            return notes.refuse(&object, &message, &remedy(&wanted, profile, &own));
        }
    };
    let why = if mapping.takes_any_spelling() && !uses.any_spelling {
        Some(
            "rows are told apart by its text in SQLite, or a foreign key is over it, and two spellings would be one value",
        )
    } else {
        misused(&wanted, uses.unique, uses.indexed, table.rowid_alias == Some(source), &draft.plan.key)
    };
    if let Some(why) = why {
        return notes.refuse(
            &object,
            &format!("cannot become {}: {why}", wanted.type_sql),
            &format!("take {}", spelled(&own)),
        );
    }
    if wanted.type_sql == CITEXT {
        match extensions::find(request, CITEXT) {
            Ok(extension) => {
                wanted.type_sql = format!("{}.{CITEXT}", quote_identifier(&extension.schema));
                extensions::add(extensions, extension);
            }
            Err(missing) => {
                let message = format!("cannot become {CITEXT}: the extension {}", missing.why);
                return notes.refuse(&object, &message, &missing.remedy);
            }
        }
    }
    if (planned.mapping, &planned.type_sql, &planned.check) == (mapping, &wanted.type_sql, &wanted.check) {
        return;
    }
    if untouched {
        let message = format!(
            "the plan file says {}, and nobody has edited it; by now the evidence would choose {}",
            wanted.shown(),
            spelled(&own)
        );
        notes.warn(&object, &message, Some("write the file again with `crossfade plan --out`, or leave it so"));
    }
    let planned = &mut draft.plan.columns[at];
    (planned.mapping, planned.type_sql, planned.check) = (mapping, wanted.type_sql, wanted.check);
}

/// Why a column with these uses cannot have the type, although the type takes the values
fn misused(wanted: &Wanted, unique: bool, indexed: bool, is_rowid: bool, key: &Key) -> Option<&'static str> {
    let whole = matches!(wanted.kind, Kind::Smallint | Kind::Integer | Kind::Bigint);
    match wanted.kind {
        _ if is_rowid && key.kind == KeyKind::RowidAlias && !whole => Some("it is the rowid, an integer"),
        Kind::Json | Kind::Jsonb if unique && wanted.given != Some(Mapping::Variant) => {
            Some("it is unique by its text in SQLite, and documents would be unique by what they say")
        }
        Kind::Padded | Kind::Inet { .. } | Kind::Array(_) | Kind::Vector(_) if unique => {
            Some("values that are unique in SQLite may be alike in that type")
        }
        Kind::Text if unique && wanted.type_sql == CITEXT => {
            Some("values that are unique in SQLite may be alike in that type")
        }
        Kind::Json if indexed => Some("it is in an index, and PostgreSQL cannot compare values of that type"),
        _ => None,
    }
}

/// How many values stand in the way of the type, what is wrong with them, and which rows they are in
fn unproven(wanted: &Wanted, refused: &Refused, profile: &ColumnProfile) -> String {
    let what = match (refused.first, &wanted.given) {
        (Some(Misfit::Form), Some(_)) | (None, _) => "not written so".to_owned(),
        (Some(Misfit::Form), None) => "not written as the others are".to_owned(),
        (Some(misfit), _) => misfit.to_string(),
    };
    let forms = if wanted.given.is_none() { forms_of(profile) } else { String::new() };
    let keys = refused.tally.keys.join("; ");
    let (is, first) = if refused.tally.count == 1 { ("does", "it is") } else { ("do", "the first is") };
    format!(
        "cannot become {}: {} of {} {is} not fit ({first} {what}){forms}, e.g. {keys}",
        wanted.shown(),
        grouped(refused.tally.count),
        counted(profile.values(), "value"),
    )
}

/// The forms of the texts, where they have several
fn forms_of(profile: &ColumnProfile) -> String {
    let mut forms: Vec<String> =
        profile.forms.iter().map(|(form, tally)| format!("{} {form}", grouped(tally.count))).collect();
    if profile.formless.count > 0 {
        forms.push(format!("{} of no known form", grouped(profile.formless.count)));
    }
    if forms.len() > 1 { format!("; texts are {}", forms.join(", ")) } else { String::new() }
}

/// What would hold the values
fn remedy(wanted: &Wanted, profile: &ColumnProfile, own: &ColumnChoice) -> String {
    let zones = profile.forms.iter().filter_map(|(form, _)| match form {
        TextForm::Stamp(_, _, zone) => Some(*zone != Zone::None),
        _ => None,
    });
    let zones: Vec<bool> = zones.collect();
    let holds = format!("{} holds them all; or correct the values in SQLite", spelled(own));
    match wanted.kind {
        Kind::Timestamp { zoned: true } if wanted.given.is_none() && !zones.is_empty() && !zones.contains(&true) => {
            format!("say what the moments mean, as assumed_zone = \"+00:00\"; {holds}")
        }
        Kind::Timestamp { zoned: false } if zones.contains(&true) => format!("take timestamptz; {holds}"),
        Kind::Jsonb => format!("{holds}; or add form = \"any value\""),
        _ => holds,
    }
}

/// A choice as one writes it in the file
fn spelled(choice: &ColumnChoice) -> String {
    let type_sql = choice.type_sql.as_deref().unwrap_or_default();
    match &choice.form {
        Some(form) => format!("{{ type = \"{type_sql}\", form = \"{form}\" }}"),
        None => format!("\"{type_sql}\""),
    }
}

fn skip_columns(draft: &mut Draft, choice: &TableChoice, notes: &mut Notes) {
    let plan = &draft.plan;
    let is_skipped = |source: Option<usize>| {
        let name = source.map(|source| &plan.source.columns[source].name);
        name.and_then(|name| choice.columns.get(name)).is_some_and(|choice| choice.skip)
    };
    let kept: Vec<bool> = plan
        .columns
        .iter()
        .map(|column| {
            let in_key = plan.key.parts.iter().any(|part| part.column == column.source_column);
            let skipped = is_skipped(column.source_column);
            if let (true, true, Some(source)) = (skipped, in_key, column.source_column) {
                let object = object(&plan.source, &plan.source.columns[source].name);
                notes.refuse(&object, "cannot be skipped: it is in the key that tells rows apart", "keep it");
            }
            !skipped || in_key
        })
        .collect();
    for source in plan.columns.iter().zip(&kept).filter(|(_, kept)| !**kept).filter_map(|(c, _)| c.source_column) {
        let object = object(&plan.source, &plan.source.columns[source].name);
        let message = "skipped by the plan file: the target does not have it; where a row's key is changed on PostgreSQL, \
                       while that is the primary, SQLite loses its value";
        notes.skipped.push(notice(&object, message, None));
    }
    retain(&mut draft.choices, &kept);
    retain(&mut draft.plan.columns, &kept);
    draft.plan.key_columns = columns::key_columns(&draft.plan.columns, &draft.plan.key);
}

fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| *kept.next().unwrap_or(&true));
}

/// Indexes that the source does not have
pub(super) fn add_indexes(draft: &mut Draft, choices: &Choices, notes: &mut Notes) {
    let Some(choice) = choices.tables.get(&draft.plan.source.name) else { return };
    for at in 0..draft.plan.columns.len() {
        let column = &draft.plan.columns[at];
        let Some(name) = column.source_column.map(|source| &draft.plan.source.columns[source].name) else { continue };
        let index = choice.columns.get(name).and_then(|choice| choice.index.as_deref());
        let takes_gin =
            matches!(column.mapping, Mapping::Json { binary: true, .. } | Mapping::Variant | Mapping::Array { .. });
        match index {
            Some("gin") if takes_gin => {
                let (terms, method) = (vec![IndexTermPlan::column(at, false)], IndexMethod::Gin);
                let name = String::new();
                let index = IndexPlan { name, unique: false, method, terms, predicate: None, source: None };
                draft.index_names.push(None);
                draft.plan.indexes.push(index);
            }
            Some("gin") => {
                let message = format!("PostgreSQL has no GIN index over {}", column.type_sql);
                notes.refuse(&object(&draft.plan.source, name), &message, "make it jsonb, or remove the index");
            }
            None => {}
            // Looked at where vectors are planned
            Some(other) if other.starts_with("hnsw") => {}
            Some(other) => {
                let message = format!("there is no index {other:?}");
                notes.refuse(
                    &object(&draft.plan.source, name),
                    &message,
                    "indexes are: gin, hnsw:cosine, hnsw:l2, hnsw:ip",
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "chosen_tests.rs"]
mod tests;
