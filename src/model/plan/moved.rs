//! What the plan still has to follow when the target's schema has been altered meanwhile

use super::{Check, ColumnPlan, Mode, Notice, Plan, TablePlan};
use crate::model::mapping::Mapping;
use crate::model::target::{Catalog, Kind, TargetColumn};

/// Takes over limits that have moved, such as a longer `varchar` or another label of an enum; returns what the plan's
/// conversions do not fit any more
pub fn follow(plan: &mut Plan, catalog: &Catalog) -> Vec<Notice> {
    let mut gone = Vec::new();
    if plan.mode == Mode::Create {
        return gone;
    }
    for table in &mut plan.tables {
        let Some(target) = catalog.tables.iter().find(|target| target.name == table.target_name) else {
            gone.push(notice(&table.target_name, "this table is not on the target any more".into()));
            continue;
        };
        for at in 0..table.columns.len() {
            let column = &table.columns[at];
            // Until the copy begins, the column for the hidden rowid is not there.
            if column.source_column.is_none() {
                continue;
            }
            let object = format!("{}.{}", table.target_name, column.target_name);
            match target.column(&column.target_name) {
                None => gone.push(notice(&object, "this column is not on the target any more".into())),
                Some(now) if now.generated.is_some() == column.is_copied() => {
                    gone.push(notice(&object, "the target computes this column now, or does so no longer".into()));
                }
                Some(_) if !column.is_copied() => {}
                Some(now) => follow_column(table, at, now, &object, &mut gone),
            }
        }
    }
    gone
}

fn follow_column(table: &mut TablePlan, at: usize, now: &TargetColumn, object: &str, gone: &mut Vec<Notice>) {
    let in_key = table.key_columns.contains(&at);
    let column = &mut table.columns[at];
    match limit(column, now) {
        Some(check) => column.check = check,
        None => {
            let (was, is) = (&column.type_sql, &now.type_sql);
            gone.push(notice(object, format!("this column is of type {is} now, and the plan converts to {was}")));
            return;
        }
    }
    column.type_sql.clone_from(&now.type_sql);
    column.not_null = now.not_null || in_key;
    column.identity = now.identity;
}

/// The limit of the column as it is now; `None` if it is of another type
fn limit(column: &ColumnPlan, now: &TargetColumn) -> Option<Check> {
    match &now.kind {
        Kind::Enum(labels) if column.type_sql == now.type_sql => Some(Check::Labels(labels.clone())),
        _ if column.type_sql == now.type_sql => Some(column.check.clone()),
        Kind::Base { name, modifier } if column.mapping == Mapping::Text && is_text(column) => match name.as_str() {
            "text" => Some(Check::None),
            // A length is kept with four bytes of a header that was once there.
            "varchar" => Some(u32::try_from(modifier - 4).map_or(Check::None, Check::Chars)),
            _ => None,
        },
        _ => None,
    }
}

fn is_text(column: &ColumnPlan) -> bool {
    column.type_sql == "text" || column.type_sql.starts_with("character varying")
}

fn notice(object: &str, message: String) -> Notice {
    let remedy = "put it back as it was; or start over: `crossfade cancel`, then `crossfade run`";
    Notice { object: object.to_owned(), message, remedy: Some(remedy.into()) }
}

#[cfg(test)]
mod tests {
    use super::super::{example_column, example_table};
    use super::*;
    use crate::model::target::TargetTable;

    fn plan() -> Plan {
        let mut columns = ["id", "name", "mood"].map(|name| example_column(name, Mapping::Text));
        columns.iter_mut().for_each(|column| column.source_column = Some(0));
        columns[0].mapping = Mapping::Bigint;
        (columns[0].type_sql, columns[0].not_null) = ("bigint".into(), true);
        (columns[1].type_sql, columns[1].check) = ("character varying(5)".into(), Check::Chars(5));
        (columns[2].type_sql, columns[2].check) = ("public.mood".into(), Check::Labels(vec!["ok".into()]));
        Plan { tables: vec![example_table(columns.into(), vec![0])], ..Plan::empty(Mode::Existing, "public") }
    }

    fn column(name: &str, type_sql: &str, kind: Kind) -> TargetColumn {
        TargetColumn {
            name: name.into(),
            kind,
            type_sql: type_sql.into(),
            not_null: false,
            default: None,
            generated: None,
            identity: None,
            folds: false,
        }
    }

    fn base(name: &str, modifier: i32) -> Kind {
        Kind::Base { name: name.into(), modifier }
    }

    fn catalog(columns: Vec<TargetColumn>) -> Catalog {
        let table = TargetTable { name: "t".into(), columns, ..TargetTable::default() };
        Catalog { tables: vec![table], ..Catalog::default() }
    }

    #[test]
    fn limits_that_move_are_taken_over() {
        let mut plan = plan();
        let labels = vec!["ok".to_owned(), "sad".to_owned()];
        let now = catalog(vec![
            column("mood", "public.mood", Kind::Enum(labels.clone())),
            column("name", "character varying(90)", base("varchar", 94)),
            column("id", "bigint", base("int8", -1)),
        ]);
        assert_eq!(follow(&mut plan, &now), []);
        let columns = &plan.tables[0].columns;
        assert_eq!((&columns[1].check, columns[1].type_sql.as_str()), (&Check::Chars(90), "character varying(90)"));
        assert_eq!((&columns[2].check, columns[0].not_null), (&Check::Labels(labels), true));
    }

    #[test]
    fn what_the_conversions_do_not_fit_is_named() {
        let gone =
            |columns| follow(&mut plan(), &catalog(columns)).iter().map(|n| n.object.clone()).collect::<Vec<_>>();
        let id = || column("id", "bigint", base("int8", -1));
        let mood = || column("mood", "public.mood", Kind::Enum(vec!["ok".into()]));
        assert_eq!(gone(vec![id(), mood()]), ["t.name"]);
        assert_eq!(gone(vec![id(), mood(), column("name", "integer", base("int4", -1))]), ["t.name"]);
        let computed = TargetColumn { generated: Some("1".into()), ..column("name", "text", base("text", -1)) };
        assert_eq!(gone(vec![id(), mood(), computed]), ["t.name"]);
        assert_eq!(follow(&mut plan(), &Catalog::default())[0].object, "t");
    }
}
