//! CHECKs of the target

use super::defaults::shortened;
use super::names::{Names, Wanted, derived};
use super::{Draft, Notes};
use crate::model::choices::Choices;
use crate::model::mapping::Mapping;
use crate::model::plan::{CheckPlan, TablePlan};
use crate::model::schema::quote_identifier;
use crate::model::sql::{self, Declared, DeclaredCheck, Reason, Scope};

/// Translates what is certain, and warns about the rest; `names` gets the constraints' names
pub(super) fn translate(
    draft: &mut Draft,
    declared: &Result<Declared, Reason>,
    names: &mut Names,
    choices: &Choices,
    notes: &mut Notes,
) {
    let plan = &mut draft.plan;
    let declared = match declared {
        Ok(declared) => &declared.checks[..],
        // Without a CHECK nothing is lost but the look at it.
        Err(_) if !may_have_checks(&plan.source.sql) => return,
        Err(why) => return notes.warn(&plan.source.name, &format!("its CHECKs are not translated: {why}"), None),
    };
    let chosen = choices.tables.get(&plan.source.name).map(|choice| &choice.checks);
    let is_wanted = |check: &&DeclaredCheck| {
        let name = check.name.as_ref();
        name.and_then(|name| chosen?.get(name)) != Some(&false)
    };
    let wanted: Vec<&DeclaredCheck> = declared.iter().filter(is_wanted).collect();
    let translated: Vec<Result<String, Reason>> = {
        let scope = Scope::of_table(plan);
        wanted.iter().map(|check| sql::check(&check.sql, &scope)).collect()
    };
    let identifiers = choices.defaults.identifiers;
    for (check, translated) in wanted.into_iter().zip(translated) {
        match translated {
            Ok(sql) if says_nothing(plan, &sql) => {}
            Ok(sql) => {
                let name = match &check.name {
                    Some(name) => names.make(&Wanted::new(name, None, identifiers).name),
                    None => names.make(&own_name(plan, check)),
                };
                plan.checks.push(CheckPlan { name, sql });
            }
            Err(why) => notes.warn(&object(plan, check), &format!("not translated: {why}"), None),
        }
    }
}

/// What the type of a column says already: a document is valid JSON
fn says_nothing(plan: &TablePlan, sql: &str) -> bool {
    let documents = plan.columns.iter().filter(|column| matches!(column.mapping, Mapping::Json { .. }));
    let mut told = documents.map(|column| {
        let name = quote_identifier(&column.target_name);
        let (valid, null) = (format!("CASE WHEN {name} IS NOT NULL THEN true END"), format!("{name} IS NULL"));
        [format!("({valid}) OR ({null})"), format!("({null}) OR ({valid})"), valid]
    });
    sql == "true" || told.any(|told| told.contains(&sql.to_owned()))
}

fn may_have_checks(sql: &str) -> bool {
    sql.to_ascii_uppercase().contains("CHECK")
}

/// In PostgreSQL's own manner
fn own_name(plan: &TablePlan, check: &DeclaredCheck) -> String {
    let source = |column: &String| plan.source.columns.iter().position(|c| c.name.eq_ignore_ascii_case(column));
    match check.column.as_ref().and_then(source).and_then(|at| plan.column_of(at)) {
        Some(column) => derived(plan, std::iter::once(column), "check"),
        None => format!("{}_check", plan.target_name),
    }
}

/// The CHECK as the user knows it
fn object(plan: &TablePlan, check: &DeclaredCheck) -> String {
    let what = check.name.clone().unwrap_or_else(|| format!("({})", shortened(&check.sql)));
    format!("CHECK {what} of {}", plan.source.name)
}
