//! Both sides of a migration by hand, and the plan that comes of them, in short words

use super::{Collision, FoundTable, Revisions, make_plan, match_tables};
use crate::model::choices::Choices;
use crate::model::extensions::Offer;
use crate::model::mapping::Mapping;
use crate::model::plan::{Check, ColumnPlan, Notice, Plan};
use crate::model::planner::evidence::{stamp_form, time_form};
use crate::model::planner::{Request, fixtures as source};
use crate::model::profile::TableProfile;
use crate::model::profile::count::Counter;
use crate::model::schema::Table;
use crate::model::target::{Catalog, Kind, TargetColumn, TargetIndex, TargetTable};
use crate::model::value::Value;

/// With the bits of their fields, as PostgreSQL's `datetime.h` numbers them
const INTERVALS: [(&str, &[i32]); 5] = [
    ("interval day to second", &[3, 10, 11, 12]),
    ("interval day to minute", &[3, 10, 11]),
    ("interval hour", &[10]),
    ("interval day", &[3]),
    ("interval year to month", &[2, 1]),
];

/// `varchar(9)`, `numeric(10,2)`, `int4[]`, `enum(a,b)`; anything else by its name in `pg_type`
pub fn kind(sql: &str) -> Kind {
    let (name, arguments) = match sql.trim_end_matches("[]").split_once('(') {
        Some((name, rest)) => (name, rest.trim_end_matches(')').split(',').collect()),
        None => (sql.trim_end_matches("[]"), Vec::new()),
    };
    if name == "enum" {
        return Kind::Enum(arguments.iter().map(|label| label.to_string()).collect());
    }
    if let Some((_, fields)) = INTERVALS.iter().find(|(known, _)| *known == sql) {
        let mask: i32 = fields.iter().map(|bit| 1 << bit).sum();
        return Kind::Base { name: "interval".into(), modifier: mask << 16 | 0xffff };
    }
    let numbers: Vec<i32> = arguments.iter().map(|number| number.parse().unwrap()).collect();
    let modifier = match (name, numbers.as_slice()) {
        (_, []) => -1,
        ("varchar" | "bpchar", [length]) => length + 4,
        ("numeric", [precision, scale]) => ((precision << 16) | (scale & 0x7ff)) + 4,
        ("interval", [digits]) => 0x7fff << 16 | digits,
        (_, [number, ..]) => *number,
    };
    match sql.ends_with("[]") {
        true => Kind::Array { element: name.into(), modifier },
        false if name == "other" => Kind::Other,
        false => Kind::Base { name: name.into(), modifier },
    }
}

/// A column of the target; `!` behind the type for NOT NULL
pub fn target_column(name: &str, sql: &str) -> TargetColumn {
    let type_sql = sql.trim_end_matches('!');
    TargetColumn {
        name: name.into(),
        kind: kind(type_sql),
        type_sql: type_sql.into(),
        not_null: sql.ends_with('!'),
        default: None,
        generated: None,
        identity: None,
        folds: false,
    }
}

/// A table of the target that is ours; its first column is the primary key if it is called `id`
pub fn target_table(name: &str, columns: &[(&str, &str)]) -> TargetTable {
    let key = TargetIndex {
        name: format!("{name}_pkey"),
        unique: true,
        columns: vec![Some(0)],
        arbitrates: true,
        ..TargetIndex::default()
    };
    TargetTable {
        name: name.into(),
        columns: columns.iter().map(|(name, sql)| target_column(name, sql)).collect(),
        indexes: if columns.first().is_some_and(|(name, _)| *name == "id") { vec![key] } else { Vec::new() },
        owned: true,
        owner: "app".into(),
        ..TargetTable::default()
    }
}

pub fn catalog(tables: Vec<TargetTable>) -> Catalog {
    Catalog {
        schema: "public".into(),
        role: "app".into(),
        database: "db".into(),
        tables,
        can_silence: true,
        can_keep_state: true,
        can_stage: true,
        ..Catalog::default()
    }
}

/// `NULL`, `1`, `1.5`, `'text'`, `x'00ff'`; the text of an unquoted word is the word
enum Literal {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

fn literal(sql: &str) -> Literal {
    if let Some(text) = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Literal::Text(text.as_bytes().to_vec());
    }
    if let Some(digits) = sql.strip_prefix("x'").and_then(|rest| rest.strip_suffix('\'')) {
        let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap());
        return Literal::Blob(bytes.collect());
    }
    match (sql, sql.parse(), sql.parse()) {
        ("NULL", _, _) => Literal::Null,
        (_, Ok(integer), _) => Literal::Integer(integer),
        (_, _, Ok(real)) => Literal::Real(real),
        (word, _, _) => Literal::Text(word.as_bytes().to_vec()),
    }
}

/// A source table with the key `id`
pub fn source_table(name: &str, columns: &[(&str, &str)]) -> Table {
    source::with_alias(name, columns)
}

/// Plans these tables, each with its rows of literals
pub fn plan(tables: &[(Table, &[&[&str]])], catalog: &Catalog, choices: &Choices) -> Plan {
    plan_with(tables, catalog, choices, &[])
}

/// The same with what was counted over the target's unique indexes
pub fn plan_with(
    tables: &[(Table, &[&[&str]])],
    catalog: &Catalog,
    choices: &Choices,
    collisions: &[Collision],
) -> Plan {
    let sources = tables.iter().map(|(table, _)| table.clone()).collect();
    let (matched, left) = match_tables(sources, catalog, choices, &Revisions::new());
    let found = matched.into_iter().map(|matched| {
        let rows = tables.iter().find(|(table, _)| table.name == matched.source.name).map_or(&[][..], |(_, rows)| rows);
        let profile = profile(&matched.source, matched.sought(), rows);
        let none = vec![Collision::default(); matched.probes.len()];
        FoundTable { matched, profile, collisions: if collisions.is_empty() { none } else { collisions.to_vec() } }
    });
    let request = Request { target_schema: "public", choices, offer: &Offer::default() };
    make_plan(found.collect(), left, Vec::new(), &request, catalog).plan
}

fn profile(table: &Table, sought: Vec<crate::model::profile::trial::Sought>, rows: &[&[&str]]) -> TableProfile {
    let mut counters: Vec<Counter> =
        sought.into_iter().enumerate().map(|(at, sought)| Counter::seeking(table, at, sought)).collect();
    for row in rows {
        let name = || format!("id={}", row[0]);
        for (counter, sql) in counters.iter_mut().zip(row.iter()) {
            let literal = literal(sql);
            let value = match &literal {
                Literal::Null => Value::Null,
                Literal::Integer(integer) => Value::Integer(*integer),
                Literal::Real(real) => Value::Real(*real),
                Literal::Text(text) => Value::Text(text),
                Literal::Blob(blob) => Value::Blob(blob),
            };
            counter.add(value, &name);
        }
    }
    let columns = counters.into_iter().map(|counter| counter.profile).collect();
    TableProfile { rows: rows.len() as u64, columns, ..TableProfile::default() }
}

/// The conversion in a few words
pub fn short(column: &ColumnPlan) -> String {
    let mapping = match column.mapping {
        Mapping::Timestamp { zoned, form } => {
            let assumed = if form.assumed == 0 { String::new() } else { format!(" assumed {}", form.assumed) };
            format!("{} {}{assumed}", if zoned { "timestamptz" } else { "timestamp" }, stamp_form(form))
        }
        Mapping::Moment { zoned, form } => {
            let mapping = Mapping::Timestamp { zoned, form };
            format!("any {}", short(&ColumnPlan { mapping, check: Check::None, ..column.clone() }))
        }
        Mapping::TimeOfDay(form) => format!("any time {}", time_form(form)),
        Mapping::Epoch { zoned, unit } => format!("{} {unit:?}", if zoned { "timestamptz" } else { "timestamp" }),
        Mapping::Interval(crate::model::convert::forms::IntervalForm::Epoch(form)) => {
            format!("interval {}", stamp_form(form))
        }
        Mapping::Time(form) => format!("time {}", time_form(form)),
        Mapping::Decimal { precision, scale, class } => format!("Decimal({precision},{scale}) {class:?}"),
        Mapping::Json { binary, numbers } => {
            format!("{}{}", if binary { "jsonb" } else { "json" }, if numbers { " with numbers" } else { "" })
        }
        Mapping::ZonedTime { form, zone } => {
            format!("timetz {}", crate::model::planner::evidence::zoned_time_form(form, zone))
        }
        Mapping::Array { element: crate::model::convert::forms::Element::Timestamp { zoned, form: stamp }, form } => {
            format!(
                "{}[] {} spaced={}",
                if zoned { "timestamptz" } else { "timestamp" },
                stamp_form(stamp),
                form.spaced
            )
        }
        Mapping::Array { element, form } => format!("{element:?}[] spaced={} ascii={}", form.spaced, form.ascii),
        other => format!("{other:?}"),
    };
    match &column.check {
        Check::None => mapping,
        check => format!("{mapping} {check:?}"),
    }
}

/// `object: message`, each on a line
pub fn told(notices: &[Notice]) -> String {
    notices.iter().map(|notice| format!("{}: {}", notice.object, notice.message)).collect::<Vec<_>>().join("\n")
}
