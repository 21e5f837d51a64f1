//! Views: columns, expressions, inner and left joins, WHERE, UNION ALL, and plain aggregates

use crate::model::mapping::Mapping;
use crate::model::plan::{ColumnPlan, TablePlan};
use crate::model::schema::{Affinity, TextOrder, quote_identifier};

use super::expr::Translator;
use super::functions::constant_value;
use super::ir::{Expr, Join, Name, ResultColumn, Select, Source};
use super::literal::Constant;
use super::scope::{Column, Scope, columns_of_table};
use super::typed::{ANY, Collation, Kind, Term, Typed, keeps_order};
use super::{Purpose, Reason, parse};

/// Longest name on PostgreSQL, in bytes
const LONGEST_NAME: usize = 63;

/// A view as SQL of the target
#[derive(Clone, Debug, PartialEq)]
pub struct ViewSql {
    pub columns: Vec<ViewColumn>,
    /// The SELECT, with every table under its target name
    pub sql: String,
}

/// A column of a view
#[derive(Clone, Debug, PartialEq)]
pub struct ViewColumn {
    /// On the source
    pub name: String,
    /// On the target, unquoted
    pub target_name: String,
    /// The column it shows, as further views see it; one that is computed is of a type that nothing is compared with
    plan: ColumnPlan,
    affinity: Affinity,
    collation: String,
}

/// A view that others may read, as translated before
#[derive(Clone, Copy, Debug)]
pub struct EarlierView<'a> {
    /// On the source
    pub name: &'a str,
    /// On the target, unquoted
    pub target_name: &'a str,
    pub view: &'a ViewSql,
}

/// The SELECT of a `CREATE VIEW`, and its columns
pub fn view(
    create_view_sql: &str,
    tables: &[TablePlan],
    earlier: &[EarlierView<'_>],
    target_schema: &str,
) -> Result<ViewSql, Reason> {
    let parsed = parse::create_view(create_view_sql)?;
    let from = From { tables, earlier, target_schema };
    let mut selects = parsed.selects.iter().map(|select| one(select, &from)).collect::<Result<Vec<_>, _>>()?;
    let several = selects.len() > 1;
    let sql = selects.iter().map(|select| select.sql.as_str()).collect::<Vec<_>>().join("\nUNION ALL\n");
    let first = selects.remove(0);
    if selects.iter().any(|other| !other.has_types_of(&first)) {
        return Err(Reason::new("UNION ALL of columns that are of different types on PostgreSQL"));
    }
    let mut shown = first.columns;
    match parsed.columns {
        None => {}
        Some(names) if names.len() == shown.len() => {
            for (column, name) in shown.iter_mut().zip(names) {
                (column.target_name, column.name) = (Some(name.clone()), Some(name));
            }
        }
        Some(_) => return Err(Reason::new("another number of names than columns")),
    }
    let columns = shown.into_iter().map(|column| column.named(several)).collect::<Result<Vec<_>, _>>()?;
    for (at, column) in columns.iter().enumerate() {
        if column.target_name.len() > LONGEST_NAME || column.target_name.is_empty() {
            return Err(Reason::new("a column without a name, or with one longer than 63 bytes"));
        } else if columns[..at].iter().any(|other| other.target_name == column.target_name) {
            return Err(Reason::new(format!("two columns of the name {}", column.target_name)));
        }
    }
    Ok(ViewSql { columns, sql })
}

/// What FROM may name
struct From<'a> {
    tables: &'a [TablePlan],
    earlier: &'a [EarlierView<'a>],
    target_schema: &'a str,
}

/// A SELECT, translated
struct Translated {
    columns: Vec<Shown>,
    sql: String,
}

/// A result column on its way to a name
struct Shown {
    name: Option<String>,
    target_name: Option<String>,
    /// `None` for NULL, which is of any type
    kind: Option<Kind>,
    plan: Option<ColumnPlan>,
    affinity: Affinity,
    collation: String,
    sql: String,
}

impl Shown {
    fn named(self, several: bool) -> Result<ViewColumn, Reason> {
        let name = self.name.ok_or_else(|| Reason::new("an expression without a name of its own"))?;
        let target_name = self.target_name.unwrap_or_else(|| name.clone());
        let computed = || ColumnPlan::new(String::new(), None, Mapping::Variant, false);
        // What UNION ALL makes of affinities differs between versions of SQLite.
        let plan = self.plan.filter(|_| !several);
        let affinity = if plan.is_some() { self.affinity } else { Affinity::Blob };
        let plan = ColumnPlan { target_name: target_name.clone(), ..plan.unwrap_or_else(computed) };
        Ok(ViewColumn { name, target_name, plan, affinity, collation: self.collation })
    }
}

impl Translated {
    fn has_types_of(&self, other: &Translated) -> bool {
        let alike = |a: &Shown, b: &Shown| match (a.kind, b.kind) {
            (Some(Kind::Integer { .. }), Some(Kind::Integer { .. })) => true,
            (Some(Kind::Opaque), Some(Kind::Opaque)) => {
                a.plan.as_ref().map(|p| p.mapping) == b.plan.as_ref().map(|p| p.mapping)
            }
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        self.columns.len() == other.columns.len() && self.columns.iter().zip(&other.columns).all(|(a, b)| alike(a, b))
    }
}

fn one(select: &Select, from: &From<'_>) -> Result<Translated, Reason> {
    let order = from.tables.first().map_or(TextOrder::Utf8, |table| table.key.text_order);
    let mut scope = Scope::empty(order);
    let mut from_sql = String::new();
    for source in &select.from {
        from_sql += &join(source, from, &mut scope)?;
    }
    let translator = Translator { scope: &scope, purpose: Purpose::View };
    let columns = result_columns(select, &translator)?;
    let list = columns.iter().map(|column| match &column.target_name {
        Some(name) => format!("{} AS {}", column.sql, quote_identifier(name)),
        None => column.sql.clone(),
    });
    let mut sql = format!("SELECT {}{from_sql}", list.collect::<Vec<_>>().join(", "));
    if let Some(condition) = &select.condition {
        sql += &format!("\nWHERE {}", translator.truth(condition)?);
    }
    let groups = select.group_by.iter().map(|expr| group(expr, &translator)).collect::<Result<Vec<_>, _>>()?;
    let aggregates = select.columns.iter().any(is_aggregate);
    if aggregates || !groups.is_empty() {
        let bare = |(column, shown): (&ResultColumn, &Shown)| !is_aggregate(column) && !groups.contains(&shown.sql);
        if select.columns.len() != columns.len() || select.columns.iter().zip(&columns).any(bare) {
            return Err(Reason::new("a column beside aggregates that is not grouped by"));
        }
    }
    if !groups.is_empty() {
        sql += &format!("\nGROUP BY {}", groups.join(", "));
    }
    Ok(Translated { columns, sql })
}

/// One table of FROM, added to what the names behind it may mean
fn join<'a>(source: &Source, from: &From<'a>, scope: &mut Scope<'a>) -> Result<String, Reason> {
    let alias = source.alias.as_ref().unwrap_or(&source.table).text.clone();
    let name = &source.table;
    if alias.len() > LONGEST_NAME || scope.all(Some(&Name { text: alias.clone(), ..name.clone() })).is_some() {
        return Err(Reason::new(format!("the name {alias} in FROM")));
    }
    let view = from.earlier.iter().find(|view| name.is(view.name));
    let table = from.tables.iter().find(|table| name.is(&table.source.name));
    let (target, columns) = match (table, view) {
        (Some(table), _) => (table.target_name.as_str(), columns_of_table(table, Some(&alias))),
        (None, Some(view)) => (view.target_name, columns_of_view(view.view, &alias)),
        (None, None) => return Err(Reason::new(format!("it reads {}, which PostgreSQL does not get", name.text))),
    };
    let first = scope.all(None).is_none();
    scope.add(&alias, columns);
    let on = match &source.on {
        None => None,
        Some(on) => Some(Translator { scope, purpose: Purpose::View }.truth(on)?),
    };
    let words = match (first, source.join, &on) {
        (true, _, _) => "\nFROM",
        (false, Join::Inner, None) => "\nCROSS JOIN",
        (false, Join::Inner, Some(_)) => "\nJOIN",
        (false, Join::Left, _) => "\nLEFT JOIN",
    };
    let on = match (on, source.join) {
        (Some(on), _) => format!(" ON {on}"),
        (None, Join::Left) => " ON true".to_owned(),
        (None, Join::Inner) => String::new(),
    };
    let schema = quote_identifier(from.target_schema);
    Ok(format!("{words} {schema}.{} AS {}{on}", quote_identifier(target), quote_identifier(&alias)))
}

fn columns_of_view<'a>(view: &'a ViewSql, alias: &str) -> Vec<Column<'a>> {
    let column = |column: &'a ViewColumn| Column {
        name: &column.name,
        affinity: column.affinity,
        collation: &column.collation,
        computed: false,
        hidden: false,
        plan: &column.plan,
        sql: format!("{}.{}", quote_identifier(alias), quote_identifier(&column.target_name)),
    };
    view.columns.iter().map(column).collect()
}

fn result_columns(select: &Select, translator: &Translator<'_, '_>) -> Result<Vec<Shown>, Reason> {
    let mut found = Vec::new();
    for column in &select.columns {
        match column {
            ResultColumn::Star | ResultColumn::TableStar(_) => {
                let table = if let ResultColumn::TableStar(table) = column { Some(table) } else { None };
                let columns = translator.scope.all(table).ok_or_else(|| Reason::new("* of no table"))?;
                found.extend(columns.into_iter().map(|column| plain(column, None)));
            }
            ResultColumn::Expr(expr, alias) => found.push(shown(expr, alias.as_ref(), translator)?),
        }
    }
    Ok(found)
}

fn plain(column: &Column<'_>, alias: Option<&Name>) -> Shown {
    let typed = Typed::column(column);
    Shown {
        name: Some(alias.map_or(column.name, |alias| &alias.text).to_owned()),
        target_name: Some(alias.map_or(&column.plan.target_name, |alias| &alias.text).clone()),
        kind: Some(typed.kind),
        plan: Some(column.plan.clone()),
        affinity: column.affinity,
        collation: column.collation.to_owned(),
        sql: column.sql.clone(),
    }
}

fn shown(expr: &Expr, alias: Option<&Name>, translator: &Translator<'_, '_>) -> Result<Shown, Reason> {
    let column = match expr {
        Expr::Name(name) => translator.scope.find(None, name)?,
        Expr::Qualified(table, name) => translator.scope.find(Some(table), name)?,
        _ => None,
    };
    if let Some(column) = column {
        return Ok(plain(column, alias));
    }
    let (kind, sql) = match aggregate(expr, translator)? {
        Some((kind, sql)) => (Some(kind), sql),
        None => match translator.term(expr)? {
            Term::Constant(Constant::Null) => (None, "NULL".to_owned()),
            Term::Constant(constant) => (constant_kind(&constant), constant_value(&constant)),
            Term::Typed(typed) if typed.kind == Kind::Wide => {
                return Err(Reason::new("integers that may be too large for 64 bits"));
            }
            Term::Typed(typed) => (Some(typed.kind), typed.wrapped()),
        },
    };
    let name = alias.map(|alias| alias.text.clone());
    let (affinity, collation) = (Affinity::Blob, "BINARY".to_owned());
    Ok(Shown { target_name: name.clone(), name, kind, plan: None, affinity, collation, sql })
}

fn constant_kind(constant: &Constant) -> Option<Kind> {
    match constant {
        Constant::Null => None,
        Constant::Integer(_) => Some(ANY),
        Constant::Real(_) => Some(Kind::Real),
        Constant::Text(_) => Some(Kind::Text),
        Constant::Blob(_) => Some(Kind::Blob),
    }
}

fn is_aggregate(column: &ResultColumn) -> bool {
    let ResultColumn::Expr(Expr::Call(call), _) = column else { return false };
    match call.name.as_str() {
        "count" | "sum" => true,
        "min" | "max" => call.arguments.as_ref().is_some_and(|arguments| arguments.len() == 1),
        _ => false,
    }
}

/// `count`, `sum`, `min` and `max` where they are the same on both sides; `None` for what is no aggregate
fn aggregate(expr: &Expr, translator: &Translator<'_, '_>) -> Result<Option<(Kind, String)>, Reason> {
    let Expr::Call(call) = expr else { return Ok(None) };
    if !is_aggregate(&ResultColumn::Expr(expr.clone(), None)) {
        return Ok(None);
    } else if call.distinct {
        return Err(Reason::new("an aggregate with DISTINCT"));
    }
    let argument = match call.arguments.as_deref() {
        None | Some([]) if call.name == "count" => return Ok(Some((ANY, "count(*)".to_owned()))),
        Some([argument]) => translator.term(argument)?,
        _ => return Err(Reason::new(format!("the function {}", call.name))),
    };
    let Term::Typed(typed) = argument else { return Err(Reason::new("an aggregate of a constant")) };
    let binary = typed.collation == Collation::Binary;
    match (call.name.as_str(), typed.kind) {
        ("count", _) => Ok(Some((ANY, format!("count({})", typed.sql)))),
        // Both sides refuse a sum beyond 64 bits.
        ("sum", Kind::Integer { .. }) => Ok(Some((ANY, format!("sum({})::bigint", typed.sql)))),
        ("min" | "max", Kind::Integer { .. }) => Ok(Some((typed.kind, format!("{}({})", call.name, typed.sql)))),
        ("min" | "max", Kind::Text) if binary && translator.scope.orders_utf8() => {
            Ok(Some((typed.kind, format!("{}({} COLLATE \"C\")", call.name, typed.wrapped()))))
        }
        ("min" | "max", Kind::Coded(mapping))
            if binary && keeps_order(mapping) && !matches!(mapping, Mapping::Uuid(_) | Mapping::Boolean(_)) =>
        {
            Ok(Some((typed.kind, format!("{}({})", call.name, typed.sql))))
        }
        (name, _) => Err(Reason::new(format!("{name} of values that are not counted alike on both sides"))),
    }
}

/// A column that rows are grouped by, of a type with one way to write each value
fn group(expr: &Expr, translator: &Translator<'_, '_>) -> Result<String, Reason> {
    let column = match expr {
        Expr::Name(name) => translator.scope.find(None, name)?,
        Expr::Qualified(table, name) => translator.scope.find(Some(table), name)?,
        _ => None,
    };
    let column = column.ok_or_else(|| Reason::new("GROUP BY of anything but a column"))?;
    let typed = Typed::column(column);
    match typed.kind {
        Kind::Integer { .. } | Kind::Truth | Kind::Blob => Ok(column.sql.clone()),
        Kind::Text | Kind::Coded(_) if typed.collation == Collation::Binary => Ok(column.sql.clone()),
        _ => Err(Reason::new("GROUP BY of values that are not equal alike on both sides")),
    }
}
