//! Which column a name means, and how PostgreSQL is told of it

use crate::model::plan::{ColumnPlan, TablePlan};
use crate::model::schema::{Affinity, Generated, TextOrder, quote_identifier};

use super::Reason;
use super::ir::{Name, Quotes};

/// The columns that an expression may name
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    sources: Vec<Source<'a>>,
    order: TextOrder,
}

/// The columns of one table or view under the name that the statement has for it
#[derive(Clone, Debug)]
struct Source<'a> {
    name: String,
    columns: Vec<Column<'a>>,
}

/// A column as both sides know it
#[derive(Clone, Debug)]
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub affinity: Affinity,
    pub collation: &'a str,
    /// SQLite or PostgreSQL computes it
    pub computed: bool,
    /// In no `*`: another name of the rowid
    pub hidden: bool,
    pub plan: &'a ColumnPlan,
    /// As PostgreSQL's expressions name it
    pub sql: String,
}

const ROWID: [&str; 3] = ["rowid", "_rowid_", "oid"];

impl<'a> Scope<'a> {
    /// The columns of one table, which expressions name without the table
    pub fn of_table(table: &'a TablePlan) -> Scope<'a> {
        let mut scope = Scope { sources: Vec::new(), order: table.key.text_order };
        scope.add(&table.source.name, columns_of_table(table, None));
        scope
    }

    pub(super) fn empty(order: TextOrder) -> Scope<'a> {
        Scope { sources: Vec::new(), order }
    }

    pub(super) fn add(&mut self, name: &str, columns: Vec<Column<'a>>) {
        self.sources.push(Source { name: name.to_owned(), columns });
    }

    /// Whether the source compares texts byte by byte as UTF-8
    pub(super) fn orders_utf8(&self) -> bool {
        self.order == TextOrder::Utf8
    }

    /// The affinity that the source's column has
    pub(super) fn affinity_of(&self, plan: &ColumnPlan) -> Option<Affinity> {
        let mut columns = self.sources.iter().flat_map(|source| &source.columns);
        columns.find(|column| column.plan.target_name == plan.target_name).map(|column| column.affinity)
    }

    /// Every column of the source with that name, or of all of them
    pub(super) fn all(&self, name: Option<&Name>) -> Option<Vec<&Column<'a>>> {
        let named = |source: &&Source<'a>| name.is_none_or(|name| name.is(&source.name));
        let found: Vec<_> = self.sources.iter().filter(named).collect();
        let columns = found.iter().flat_map(|source| &source.columns).filter(|column| !column.hidden);
        (!found.is_empty()).then(|| columns.collect())
    }

    /// The column that a name means, as SQLite looks for it; `None` if it means no column
    pub(super) fn find(&self, table: Option<&Name>, name: &Name) -> Result<Option<&Column<'a>>, Reason> {
        let named = |source: &&Source<'a>| table.is_none_or(|table| table.is(&source.name));
        let sources: Vec<_> = self.sources.iter().filter(named).collect();
        let found: Vec<&Column<'a>> =
            sources.iter().flat_map(|source| source.columns.iter().filter(|c| name.is(c.name)).take(1)).collect();
        match found.as_slice() {
            [only] => Ok(Some(only)),
            [] if table.is_some() => Err(Reason::new(format!("no column {}", name.text))),
            [] if name.quotes == Quotes::Double => Err(Reason::new("a double-quoted string")),
            [] => Ok(None),
            _ => Err(Reason::new(format!("{} is in more than one table", name.text))),
        }
    }
}

/// A table's columns; `alias` is the name that PostgreSQL's statement has for the table, if it needs one
pub(super) fn columns_of_table<'a>(table: &'a TablePlan, alias: Option<&str>) -> Vec<Column<'a>> {
    let prefix = alias.map(|alias| format!("{}.", quote_identifier(alias))).unwrap_or_default();
    let sql = |plan: &ColumnPlan| format!("{prefix}{}", quote_identifier(&plan.target_name));
    let mut found: Vec<Column<'a>> = Vec::new();
    let mut rowid = None;
    for plan in &table.columns {
        let Some((at, source)) = plan.source_column.and_then(|at| Some((at, table.source.columns.get(at)?))) else {
            rowid = Some(plan);
            continue;
        };
        if table.source.rowid_alias == Some(at) {
            rowid = Some(plan);
        }
        found.push(Column {
            name: &source.name,
            affinity: source.affinity,
            collation: &source.collation,
            computed: source.generated != Generated::No || plan.generated.is_some(),
            hidden: false,
            plan,
            sql: sql(plan),
        });
    }
    // A column of that name hides the rowid.
    let hidden = |name: &str| table.source.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    for (name, plan) in ROWID.iter().filter(|name| !hidden(name)).zip(rowid.into_iter().cycle()) {
        let (affinity, collation, sql) = (Affinity::Integer, "BINARY", sql(plan));
        found.push(Column { name, affinity, collation, computed: false, hidden: true, plan, sql });
    }
    found
}
