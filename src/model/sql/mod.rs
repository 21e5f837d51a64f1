//! From SQLite's SQL to PostgreSQL's: CHECKs, computed columns, predicates and terms of indexes, DEFAULTs, views
//!
//! A parser reads it, and what comes out is typed: a column is what its mapping makes of it on PostgreSQL, a constant
//! that it meets is written in the column's own form, and SQLite's affinities and collations decide what is compared with
//! what. Only what gives the same on both sides for every value that the mappings take is translated; everything else is
//! not, and the [`Reason`] says why. There is no guess in between.
//!
//! Every function takes the expression alone: without `CHECK (..)`, `WHERE`, or the parentheses of an index term. What it
//! gives is without parentheses too, immutable where PostgreSQL asks for that, and names columns without their table.
//!
//! ```text
//! let scope = Scope::of_table(&table_plan);
//! sql::check("flag IN (0, 1) AND name <> ''", &scope)   ->  ("flag" IN (false, true)) AND ("name" <> '')
//! ```

mod compare;
mod defaults;
mod expr;
mod functions;
mod ir;
mod literal;
mod moments;
mod parse;
mod path;
mod pattern;
mod scope;
mod typed;
mod views;

#[cfg(test)]
mod tests;

use super::mapping::Mapping;
use super::plan::{Check, ColumnPlan};
use super::schema::Affinity;

use expr::Translator;
use typed::{Collation, Kind, Rank, Term, Typed};

pub use defaults::default;
pub use path::document_path;
pub use scope::Scope;
pub use views::{EarlierView, ViewColumn, ViewSql, view};

/// Why something is not translated, in words that stand behind `not translated: `
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub(crate) fn new(words: impl Into<String>) -> Reason {
        Reason(words.into())
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

/// What `CREATE TABLE` says beside names, types and keys
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    pub checks: Vec<DeclaredCheck>,
    /// Computed columns with their expressions, as SQL of SQLite
    pub generated: Vec<(String, String)>,
}

/// A CHECK of the source
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredCheck {
    /// Of CONSTRAINT, unquoted
    pub name: Option<String>,
    /// The column in whose definition it stands, unquoted
    pub column: Option<String>,
    /// The condition, as SQL of SQLite
    pub sql: String,
}

/// What an expression is for, as far as it decides what may be in it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Condition,
    Generated,
    Term,
    View,
}

/// CHECKs and computed columns of a `CREATE TABLE` statement
pub fn declared(create_table_sql: &str) -> Result<Declared, Reason> {
    let found = parse::create_table(create_table_sql)?;
    let check = |check: parse::Check| DeclaredCheck { name: check.name, column: check.column, sql: check.sql };
    Ok(Declared { checks: found.checks.into_iter().map(check).collect(), generated: found.generated })
}

/// The condition of a CHECK, as a boolean expression that is false, and NULL, for the same rows
pub fn check(sql: &str, scope: &Scope<'_>) -> Result<String, Reason> {
    condition(sql, scope)
}

/// WHERE of a partial index
pub fn predicate(sql: &str, scope: &Scope<'_>) -> Result<String, Reason> {
    condition(sql, scope)
}

fn condition(sql: &str, scope: &Scope<'_>) -> Result<String, Reason> {
    Translator { scope, purpose: Purpose::Condition }.truth(&parse::expression(sql)?)
}

/// A term of an index: the expression, or a quoted column name, under the term's collation
///
/// Two rows have the same value on PostgreSQL if, and only if, SQLite takes their terms for equal.
pub fn index_term(sql: &str, collation: &str, scope: &Scope<'_>) -> Result<String, Reason> {
    let expr = parse::expression(sql)?;
    let Term::Typed(typed) = (Translator { scope, purpose: Purpose::Term }).term(&expr)? else {
        return Err(Reason::new("a constant"));
    };
    let folded = match (typed.kind, Collation::of(collation)) {
        (Kind::Opaque, _) => return Err(Reason::new("values that PostgreSQL compares in another way")),
        (Kind::Wide, _) => return Err(Reason::new("integers that may be too large for 64 bits")),
        (_, Collation::Foreign) => return Err(Reason::new(format!("the collation {collation}"))),
        (Kind::Text, Collation::NoCase) => format!("lower({} COLLATE \"C\")", typed.wrapped()),
        (Kind::Text, Collation::RightTrim) => format!("rtrim({}, ' ')", typed.wrapped()),
        // What is no text has no collation, and what a form writes has no blanks at its end and one case.
        _ => typed.sql,
    };
    Ok(folded)
}

/// The expression of a computed column, if PostgreSQL computes the very values that SQLite does
pub fn generated(sql: &str, column: &ColumnPlan, scope: &Scope<'_>) -> Result<String, Reason> {
    let expr = parse::expression(sql)?;
    let affinity = scope.affinity_of(column).ok_or_else(|| Reason::new("a column that the source does not have"))?;
    let Term::Typed(typed) = (Translator { scope, purpose: Purpose::Generated }).term(&expr)? else {
        return Err(Reason::new("a constant"));
    };
    if column.check != Check::None {
        return Err(Reason::new("its column takes fewer values than its type"));
    }
    let Some(sql) = as_stored(&typed, column, affinity) else {
        return Err(Reason::new(format!(
            "its values are not certain to be those of a column of type {}",
            column.type_sql
        )));
    };
    Ok(sql)
}

/// The values as the column has them; SQLite applies its affinity to what is computed, which must change nothing
fn as_stored(typed: &Typed<'_>, column: &ColumnPlan, affinity: Affinity) -> Option<String> {
    let keeps_numbers = !matches!(affinity, Affinity::Text | Affinity::Real);
    let keeps_texts = matches!(affinity, Affinity::Text | Affinity::Blob) || typed.is_safe_from_numbers();
    match (typed.kind, column.mapping) {
        (Kind::Integer { .. }, Mapping::Bigint) if keeps_numbers => Some(typed.sql.clone()),
        (Kind::Truth, Mapping::Bigint) if keeps_numbers => Some(format!("{}::integer", typed.wrapped())),
        (Kind::Truth, Mapping::Boolean(super::convert::forms::BoolForm::ZeroOne)) if keeps_numbers => {
            Some(typed.sql.clone())
        }
        (Kind::Text, Mapping::Text) if keeps_texts && column.type_sql == "text" => Some(typed.sql.clone()),
        (Kind::Blob, Mapping::Bytea) => Some(typed.sql.clone()),
        (Kind::Real, Mapping::Double) if affinity == Affinity::Real => Some(typed.sql.clone()),
        (Kind::Coded(mapping), same) if mapping == same => {
            let keeps = match typed.rank() {
                Some(Rank::Number) => keeps_numbers,
                Some(Rank::Text) => keeps_texts,
                _ => true,
            };
            keeps.then(|| typed.sql.clone())
        }
        _ => None,
    }
}
