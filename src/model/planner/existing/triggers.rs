//! Which triggers of the target act on replicated rows, and columns that only the target has
//!
//! Under `session_replication_role = replica` ordinary triggers are silent, as they should be: SQLite has done already what
//! they would do. A trigger that fills a column which the source does not have must act; one that acts always, such as an
//! audit, is for the operator to decide.

use crate::model::choices::Choices;
use crate::model::plan::{TablePlan, TriggerPlan};
use crate::model::planner::Notes;
use crate::model::target::{Catalog, TargetColumn, TargetTable, TargetTrigger};

/// Every trigger of the planned tables that is not disabled
pub(super) fn classify(
    tables: &[(TablePlan, usize)],
    catalog: &Catalog,
    choices: &Choices,
    notes: &mut Notes,
) -> Vec<TriggerPlan> {
    let mut planned = Vec::new();
    for (plan, target) in tables {
        let target = &catalog.tables[*target];
        let live = target.triggers.iter().filter(|trigger| trigger.enabled != 'D');
        let triggers: Vec<TriggerPlan> = live.map(|trigger| of_table(plan, target, trigger, choices, notes)).collect();
        check_columns(plan, target, &triggers, notes);
        refuse_switching(plan, target, &triggers, notes);
        planned.extend(triggers);
    }
    refuse_unknown(&planned, choices, notes);
    planned
}

fn of_table(
    plan: &TablePlan,
    target: &TargetTable,
    trigger: &TargetTrigger,
    choices: &Choices,
    notes: &mut Notes,
) -> TriggerPlan {
    let name = format!("{}.{}", target.name, trigger.name);
    let chosen = choices.triggers.get(&name).map(|choice| choice.fire);
    let fills = trigger.fills().is_some_and(|column| only_there(plan, target).any(|only| only.name == column));
    let acts_always = matches!(trigger.enabled, 'A' | 'R');
    if acts_always && chosen.is_none() && !fills {
        let message = "acts on replicated rows too (ENABLE ALWAYS or REPLICA), and it is not known whether it may";
        let remedy = format!("say [triggers.\"{name}\"] fire = true or false in the plan file");
        notes.refuse(&format!("trigger {name}"), message, &remedy);
    }
    let fires = chosen.unwrap_or(fills);
    let may_fill = only_there(plan, target).any(|column| column.default.is_none() && column.identity.is_none());
    if chosen.is_none() && !fires && trigger.row_before && trigger.writes && may_fill && !acts_always {
        let message = "stays silent while crossfade follows; it may fill columns that only the target has";
        let remedy = format!("if it does, say [triggers.\"{name}\"] fire = true in the plan file");
        notes.warn(&format!("trigger {name}"), message, Some(&remedy));
    }
    TriggerPlan { table: target.name.clone(), name: trigger.name.clone(), was: trigger.enabled, fires }
}

/// Columns that get nothing from the source, and that the target does not compute
fn only_there<'a>(plan: &'a TablePlan, target: &'a TargetTable) -> impl Iterator<Item = &'a TargetColumn> {
    let planned = |name: &str| plan.columns.iter().any(|column| column.target_name == name);
    target.columns.iter().filter(move |column| !planned(&column.name) && column.generated.is_none())
}

/// A row can be written only if every other column gets a value by itself
fn check_columns(plan: &TablePlan, target: &TargetTable, triggers: &[TriggerPlan], notes: &mut Notes) {
    let some_fire = triggers.iter().any(|trigger| trigger.fires);
    let mut filled = Vec::new();
    for column in only_there(plan, target) {
        if column.fills_itself() || some_fire {
            filled.push(column.name.as_str());
            continue;
        }
        let object = format!("{} -> {}.{}", plan.source.name, target.name, column.name);
        let message = "NOT NULL without a DEFAULT on the target, and the source has no such column";
        notes.refuse(&object, message, "give it a DEFAULT on the target, or drop NOT NULL");
    }
    if !filled.is_empty() {
        let message = format!("only on the target, which fills them itself: {}", filled.join(", "));
        notes.warn(&plan.source.name, &message, None);
    }
}

/// Only a table's owner can switch its triggers
fn refuse_switching(plan: &TablePlan, target: &TargetTable, triggers: &[TriggerPlan], notes: &mut Notes) {
    let switched: Vec<&str> =
        triggers.iter().filter(|trigger| trigger.switched_to().is_some()).map(|t| t.name.as_str()).collect();
    if !switched.is_empty() && !target.owned {
        let message = format!("only {}, its owner, can switch the triggers {}", target.owner, switched.join(", "));
        let remedy = format!("connect as {}, or be a member of it", target.owner);
        notes.refuse(&plan.source.name, &message, &remedy);
    }
}

fn refuse_unknown(planned: &[TriggerPlan], choices: &Choices, notes: &mut Notes) {
    let known = |name: &str| planned.iter().any(|trigger| format!("{}.{}", trigger.table, trigger.name) == name);
    for name in choices.triggers.keys().filter(|name| !known(name)) {
        let message = "the plan file names this trigger, and no copied table of the target has it";
        notes.refuse(&format!("trigger {name}"), message, "correct the plan file: \"table.trigger\", as on the target");
    }
}
