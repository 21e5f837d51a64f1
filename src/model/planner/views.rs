//! Views of the target, each after those that it reads

use super::Notes;
use crate::model::choices::Identifiers;
use crate::model::plan::{TablePlan, ViewPlan};
use crate::model::schema::View;
use crate::model::sql::{self, EarlierView, Reason, ViewSql};

/// Translates what is certain, and warns about the rest; `names` are those on the target
pub(super) fn translate(
    views: &[View],
    names: &[String],
    tables: &[TablePlan],
    target_schema: &str,
    identifiers: Identifiers,
    notes: &mut Notes,
) -> Vec<ViewPlan> {
    let mut done: Vec<(&View, &String, ViewSql)> = Vec::new();
    let mut waiting: Vec<(&View, &String)> = views.iter().zip(names).collect();
    loop {
        let mut failed: Vec<(&View, &String, Reason)> = Vec::new();
        let before = done.len();
        for (view, name) in waiting {
            // SQLite looks for what a view reads when it is read, so that the order of creation says nothing.
            let earlier: Vec<EarlierView<'_>> = done
                .iter()
                .map(|(view, name, sql)| EarlierView { name: &view.name, target_name: name, view: sql })
                .collect();
            match sql::view(&view.sql, tables, &earlier, target_schema) {
                Ok(mut sql) => {
                    if identifiers == Identifiers::Lower {
                        lower(&mut sql);
                    }
                    done.push((view, name, sql));
                }
                Err(why) => failed.push((view, name, why)),
            }
        }
        if failed.is_empty() || done.len() == before {
            let remedy = "create it by hand on the target, if it is wanted there";
            for (view, _, why) in failed {
                notes.warn(&format!("view {}", view.name), &format!("not translated: {why}"), Some(remedy));
            }
            break;
        }
        waiting = failed.into_iter().map(|(view, name, _)| (view, name)).collect();
    }
    let plan = |(_, name, sql): (&View, &String, ViewSql)| ViewPlan {
        name: name.clone(),
        columns: sql.columns.into_iter().map(|column| column.target_name).collect(),
        sql: sql.sql,
    };
    done.into_iter().map(plan).collect()
}

/// Names of columns in lower case too, unless two would then be the same
fn lower(sql: &mut ViewSql) {
    let names: Vec<String> = sql.columns.iter().map(|column| column.target_name.to_ascii_lowercase()).collect();
    let alike = (1..names.len()).any(|at| names[..at].contains(&names[at]));
    if !alike {
        sql.columns.iter_mut().zip(names).for_each(|(column, name)| column.target_name = name);
    }
}
