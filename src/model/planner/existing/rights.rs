//! What we must be allowed to do on the target, and the rows that are there already

use std::collections::BTreeMap;

use crate::model::plan::{Notice, Policy, TablePlan};
use crate::model::planner::Notes;
use crate::model::schema::quote_identifier;
use crate::model::target::{Catalog, TargetTable};
use crate::model::words::grouped;

/// Everything that is missing, each with the statement that gives it
pub(super) fn check(tables: &[(TablePlan, usize)], catalog: &Catalog, notes: &mut Notes) {
    let role = quote_identifier(&catalog.role);
    let object = format!("role {}", catalog.role);
    if !catalog.can_silence {
        let message = "may not set session_replication_role: triggers and foreign keys would act on replicated rows";
        let remedy = format!("as a superuser: GRANT SET ON PARAMETER session_replication_role TO {role};");
        notes.refuse(&object, message, &remedy);
    }
    let database = quote_identifier(&catalog.database);
    if !catalog.can_keep_state {
        let message = format!("may not create the schema crossfade in the database {}", catalog.database);
        notes.refuse(&object, &message, &format!("GRANT CREATE ON DATABASE {database} TO {role};"));
    }
    if !catalog.can_stage {
        let message = format!("may not create temporary tables in the database {}", catalog.database);
        notes.refuse(&object, &message, &format!("GRANT TEMPORARY ON DATABASE {database} TO {role};"));
    }
    for target in tables.iter().map(|(_, target)| &catalog.tables[*target]).filter(|target| !target.owned) {
        notes.warnings.push(Notice {
            object: target.name.clone(),
            message: "the role does not own it: stray writes of the application are not refused while SQLite is the \
                      primary, and no cutover is possible"
                .into(),
            remedy: Some(format!("GRANT {} TO {role};", quote_identifier(&target.owner))),
        });
    }
    for (rights, names) in lacking(tables, catalog) {
        let quoted = |name: &&str| format!("{}.{}", quote_identifier(&catalog.schema), quote_identifier(name));
        let on = names.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let message = format!("lacks {rights} on {}", names.join(", "));
        notes.refuse(&object, &message, &format!("GRANT {rights} ON {on} TO {role};"));
    }
}

/// Tables by the rights that are missing on them
fn lacking<'a>(tables: &[(TablePlan, usize)], catalog: &'a Catalog) -> BTreeMap<String, Vec<&'a str>> {
    let mut lacking: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (plan, target) in tables {
        let target = &catalog.tables[*target];
        let needed = |right: &&&str| **right != "TRUNCATE" || plan.policy == Policy::Truncate;
        let rights: Vec<&str> = target.missing.iter().filter(needed).copied().collect();
        if !rights.is_empty() {
            lacking.entry(rights.join(", ")).or_default().push(&target.name);
        }
    }
    lacking
}

/// Rows that are not ours are neither overwritten nor removed unless the operator says so
pub(super) fn check_rows(tables: &[(TablePlan, usize)], catalog: &Catalog, notes: &mut Notes) {
    for (plan, target) in tables {
        let target = &catalog.tables[*target];
        match plan.policy {
            Policy::Refuse if target.rows > 0 => {
                let more = if target.more_rows { "more than " } else { "" };
                let rows = if target.rows == 1 && !target.more_rows { "row" } else { "rows" };
                let message = format!("{} has {more}{} {rows} on the target", target.name, grouped(target.rows));
                let remedy = "empty it; or say policy = \"truncate\" (they go) or \"merge\" (they stay where the source has \
                              no row with their key) in the plan file";
                notes.refuse(&plan.source.name, &message, remedy);
            }
            Policy::Truncate => refuse_referrers(plan, target, tables, notes),
            Policy::Refuse | Policy::Merge => {}
        }
    }
}

/// PostgreSQL truncates no table that another one refers to, unless both go at once
fn refuse_referrers(plan: &TablePlan, target: &TargetTable, tables: &[(TablePlan, usize)], notes: &mut Notes) {
    let goes =
        |name: &String| tables.iter().any(|(other, _)| other.target_name == *name && other.policy == Policy::Truncate);
    let stay: Vec<&str> = target.referrers.iter().filter(|name| !goes(name)).map(String::as_str).collect();
    if !stay.is_empty() {
        let message =
            format!("policy = \"truncate\", but foreign keys of {} refer to {}", stay.join(", "), target.name);
        notes.refuse(&plan.source.name, &message, "truncate those tables too, or say policy = \"merge\"");
    }
}
