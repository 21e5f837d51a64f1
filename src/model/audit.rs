//! Statements with which anybody can check a table by hand, on both sides
//!
//! Both statements use only what SQLite and PostgreSQL have in common, and give the same line of numbers where the tables
//! hold the same: how many rows, how many values that are not NULL, the sum of whole numbers (modulo a prime, as SQLite's
//! sum knows no larger ones), and for texts the sums of their lengths and of their first characters. Beside that
//! PostgreSQL gives a digest over all columns, which tells whether it holds the same as when it was noted.

use super::mapping::Mapping;
use super::plan::{ColumnPlan, Plan, TablePlan};
use super::schema::quote_identifier;

/// No sum of remainders comes near the end of 64 bits before nine thousand million rows
const PRIME: u64 = 1_000_000_007;

/// Neither side takes statements with more than some 1,600 terms
const COLUMNS_MAX: usize = 400;

/// What the digest relies on, as its texts look otherwise under other settings
pub const SETTINGS: &str = "set datestyle = 'ISO, MDY'; set timezone = 'UTC'; set intervalstyle = 'postgres'; \
                            set extra_float_digits = 1; set bytea_output = 'hex'";

/// The statements for one table
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// What the numbers are, in order
    pub terms: Vec<String>,
    pub sqlite: String,
    pub postgres: String,
    /// On PostgreSQL only, under [`SETTINGS`]
    pub digest: String,
}

/// Builds them from the plan
pub fn audit(plan: &Plan, table: &TablePlan) -> Audit {
    let mut terms = vec![("rows".to_owned(), "count(*)".to_owned(), "count(*)".to_owned())];
    for column in table.columns.iter().filter(|column| is_comparable(column)).take(COLUMNS_MAX) {
        terms.extend(column_terms(column));
    }
    let (sqlite, postgres): (Vec<&str>, Vec<&str>) = terms.iter().map(|(_, s, p)| (s.as_str(), p.as_str())).unzip();
    let source = quote_identifier(&table.source.name);
    let target = format!("{}.{}", quote_identifier(&plan.target_schema), quote_identifier(&table.target_name));
    let columns = table.columns.iter().filter(|column| column.generated.is_none());
    let columns: Vec<String> = columns.map(|column| quote_identifier(&column.target_name)).collect();
    Audit {
        sqlite: format!("select {} from {source}", sqlite.join(", ")),
        postgres: format!("select {} from {target}", postgres.join(", ")),
        digest: format!(
            "select coalesce(sum(('x' || left(md5(row({})::text), 12))::bit(48)::bigint), 0) from {target}",
            columns.join(", ")
        ),
        terms: terms.into_iter().map(|(what, ..)| what).collect(),
    }
}

fn is_comparable(column: &ColumnPlan) -> bool {
    column.source_column.is_some() && column.generated.is_none()
}

/// What is counted, and how on each side
fn column_terms(column: &ColumnPlan) -> Vec<(String, String, String)> {
    let (source, target) = (&column.source_sql, quote_identifier(&column.target_name));
    let name = &column.target_name;
    let same = |what: &str, sqlite: String, postgres: String| (format!("{what} of {name}"), sqlite, postgres);
    let mut terms = Vec::new();
    if !column.not_null {
        terms.push(same("values", format!("count({source})"), format!("count({target})")));
    }
    match column.mapping {
        Mapping::Bigint | Mapping::Integer | Mapping::Smallint => terms.push(same(
            "sum",
            format!("coalesce(sum(cast({source} as integer) % {PRIME}), 0)"),
            format!("coalesce(sum({target} % {PRIME}), 0)"),
        )),
        Mapping::Text => {
            terms.push(same(
                "characters",
                format!("coalesce(sum(length({source})), 0)"),
                format!("coalesce(sum(length({target}::text)), 0)"),
            ));
            terms.push(same(
                "first characters",
                format!("coalesce(sum(unicode({source})), 0)"),
                format!("coalesce(sum(ascii({target}::text)), 0)"),
            ));
        }
        Mapping::Bytea => terms.push(same(
            "bytes",
            format!("coalesce(sum(length({source})), 0)"),
            format!("coalesce(sum(length({target})), 0)"),
        )),
        _ => {}
    }
    terms
}
