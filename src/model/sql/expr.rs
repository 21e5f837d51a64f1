//! Expressions: operators, CASE and names; what is not named here is not translated

use crate::model::schema::quote_literal;

use super::compare::Operand;
use super::ir::{Case, Comparison, Expr, Name, Operator, Quotes};
use super::literal::{self, Constant};
use super::scope::Scope;
use super::typed::{ANY, Collation, Kind, Term, Typed};
use super::{Purpose, Reason};

/// Translates the expressions of one statement
pub(super) struct Translator<'a, 's> {
    pub scope: &'s Scope<'a>,
    pub purpose: Purpose,
}

impl<'a> Translator<'a, '_> {
    /// An expression as a value
    pub fn term(&self, expr: &Expr) -> Result<Term<'a>, Reason> {
        let typed = match expr {
            Expr::Null => return Ok(Term::Constant(Constant::Null)),
            Expr::Number(text) => return Constant::number(text, false).map(Term::Constant),
            Expr::Text(text) => return Ok(Term::Constant(Constant::Text(text.clone()))),
            Expr::Blob(bytes) => return Ok(Term::Constant(Constant::Blob(bytes.clone()))),
            Expr::Name(name) => return self.name(None, name),
            Expr::Qualified(table, name) => return self.name(Some(table), name),
            Expr::Negative(operand) => return self.negative(operand),
            Expr::Positive(operand) => match self.term(operand)? {
                Term::Typed(typed) => Typed { affinity: None, ..typed },
                constant => return Ok(constant),
            },
            Expr::Complement(operand) => {
                let operand = self.integer(operand)?;
                Typed::result(format!("~{}", operand.sql), false, ANY)
            }
            Expr::Not(operand) => self.not(operand)?,
            Expr::All(terms) => self.junction(terms, " AND ")?,
            Expr::Any(terms) => self.junction(terms, " OR ")?,
            Expr::Compare(left, comparison, right) => self.comparison(left, *comparison, right)?,
            Expr::Between(value, low, high) => {
                let low = self.comparison(value, Comparison::GreaterOrEqual, low)?;
                let high = self.comparison(value, Comparison::LessOrEqual, high)?;
                Typed::truth(format!("{} AND {}", low.wrapped(), high.wrapped()))
            }
            Expr::In(value, list) => self.in_list(value, list)?,
            Expr::IsNull(operand, not) => self.is_null(operand, *not)?,
            Expr::Match(matched) => self.matched(matched)?,
            Expr::Concat(terms) => self.concat(terms)?,
            Expr::Arithmetic(left, operator, right) => self.arithmetic(left, *operator, right)?,
            Expr::Case(case) => self.case(case)?,
            Expr::Cast(operand, name) => self.cast(operand, name)?,
            Expr::Call(call) => self.call(call)?,
            Expr::Current(_) => return Err(Reason::new("the time of the statement")),
            Expr::Collate(..) => return Err(Reason::new("COLLATE inside of an expression")),
            Expr::Other(what) => return Err(Reason::new(*what)),
        };
        Ok(Term::Typed(typed))
    }

    /// An expression as a condition, by SQLite's idea of truth: a number that is not zero
    pub fn truth(&self, expr: &Expr) -> Result<String, Reason> {
        self.condition(expr).map(|typed| typed.sql)
    }

    pub fn condition(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        let typed = match self.term(expr)? {
            Term::Constant(Constant::Null) => return Ok(Typed::truth("NULL::boolean".into())),
            Term::Constant(Constant::Integer(whole)) => {
                return Ok(Typed::result((whole != 0).to_string(), true, Kind::Truth));
            }
            Term::Constant(_) => return Err(Reason::new("a constant as a condition")),
            Term::Typed(typed) => typed,
        };
        match typed.kind {
            Kind::Truth => Ok(typed),
            Kind::Integer { .. } | Kind::Wide | Kind::Numeric | Kind::Real => {
                Ok(Typed::truth(format!("{} <> 0", typed.wrapped())))
            }
            _ => Err(Reason::new("a value as a condition that is no number on both sides")),
        }
    }

    fn name(&self, table: Option<&Name>, name: &Name) -> Result<Term<'a>, Reason> {
        match self.scope.find(table, name)? {
            Some(column) if column.computed && self.purpose == Purpose::Generated => {
                Err(Reason::new("it refers to another computed column, which PostgreSQL forbids"))
            }
            Some(column) => Ok(Term::Typed(Typed::column(column))),
            None => match truth_word(name) {
                Some(truth) => Ok(Term::Constant(Constant::Integer(truth.into()))),
                None => Err(Reason::new(format!("no column {}", name.text))),
            },
        }
    }

    /// TRUE or FALSE, unless a column has the name; SQLite sees it through COLLATE
    fn is_truth_word(&self, expr: &Expr) -> Option<bool> {
        let name = match expr {
            Expr::Name(name) => name,
            Expr::Collate(inner, _) => return self.is_truth_word(inner),
            _ => return None,
        };
        let free = matches!(self.scope.find(None, name), Ok(None));
        truth_word(name).filter(|_| free)
    }

    fn not(&self, operand: &Expr) -> Result<Typed<'a>, Reason> {
        let inner = self.condition(operand)?;
        Ok(Typed::truth(format!("NOT {}", inner.wrapped())))
    }

    fn junction(&self, terms: &[Expr], word: &str) -> Result<Typed<'a>, Reason> {
        let terms = terms.iter().map(|term| self.condition(term).map(|typed| typed.wrapped()));
        Ok(Typed::truth(terms.collect::<Result<Vec<_>, _>>()?.join(word)))
    }

    fn comparison(&self, left: &Expr, comparison: Comparison, right: &Expr) -> Result<Typed<'a>, Reason> {
        let is_not = match comparison {
            Comparison::Is => Some(""),
            Comparison::IsNot => Some("NOT "),
            _ => None,
        };
        // `x IS TRUE` asks for the truth of x, and not for 1.
        if let (Some(not), Some(truth)) = (is_not, self.is_truth_word(right)) {
            let word = if truth { "TRUE" } else { "FALSE" };
            return Ok(Typed::truth(format!("{} IS {not}{word}", self.condition(left)?.wrapped())));
        }
        self.compare(self.operand(left)?, comparison, self.operand(right)?)
    }

    /// One side of a comparison, with the collation that it asks for
    pub fn operand(&self, expr: &Expr) -> Result<Operand<'a>, Reason> {
        let (inner, explicit) = match expr {
            Expr::Collate(inner, name) => match Collation::of(name) {
                Collation::Foreign => return Err(Reason::new(format!("the collation {name}"))),
                known => (&**inner, Some(known)),
            },
            other => (other, None),
        };
        if inner.has_collation() {
            return Err(Reason::new("COLLATE inside of what is compared"));
        }
        Ok(Operand { term: self.term(inner)?, explicit })
    }

    fn is_null(&self, operand: &Expr, not: bool) -> Result<Typed<'a>, Reason> {
        let word = if not { "IS NOT NULL" } else { "IS NULL" };
        match self.term(operand)? {
            Term::Constant(constant) => {
                let truth = (constant == Constant::Null) != not;
                Ok(Typed::result(truth.to_string(), true, Kind::Truth))
            }
            Term::Typed(typed) => Ok(Typed::truth(format!("{} {word}", typed.wrapped()))),
        }
    }

    fn concat(&self, terms: &[Expr]) -> Result<Typed<'a>, Reason> {
        let mut constant = true;
        let mut part = |term: &Expr| {
            Ok(match self.term(term)? {
                Term::Constant(Constant::Text(text)) => quote_literal(&text),
                Term::Constant(Constant::Integer(whole)) => quote_literal(&whole.to_string()),
                Term::Constant(_) => return Err(Reason::new("|| with a constant that is no text")),
                Term::Typed(typed) => {
                    constant = false;
                    as_text(&typed).ok_or_else(|| Reason::new("|| of values that are no text on both sides"))?
                }
            })
        };
        let parts = terms.iter().map(&mut part).collect::<Result<Vec<_>, Reason>>()?;
        if constant {
            return Err(Reason::new("|| of constants alone"));
        }
        Ok(Typed::result(parts.join(" || "), false, Kind::Text))
    }

    fn negative(&self, operand: &Expr) -> Result<Term<'a>, Reason> {
        if let Expr::Number(text) = operand {
            return Constant::number(text, true).map(Term::Constant);
        }
        let typed = self.integer(operand)?;
        let Kind::Integer { low, high } = typed.kind else { return Err(overflow()) };
        Ok(Term::Typed(bounded(-high, -low, |cast| format!("- {}{cast}", typed.sql))))
    }

    /// An operand of arithmetic: a column or expression of integers, as `bigint`
    fn integer(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        let typed = match self.term(expr)? {
            Term::Constant(Constant::Integer(whole)) => {
                let kind = Kind::Integer { low: whole.into(), high: whole.into() };
                return Ok(Typed::result(format!("{}::bigint", literal::integer(whole)), true, kind));
            }
            Term::Constant(_) => return Err(Reason::new("arithmetic with a constant that is no integer")),
            Term::Typed(typed) => typed,
        };
        let sql = match typed.kind {
            Kind::Integer { .. } if typed.plan.is_some() => typed.sql.clone(),
            Kind::Integer { .. } => format!("{}::bigint", typed.wrapped()),
            Kind::Truth => {
                let kind = Kind::Integer { low: 0, high: 1 };
                return Ok(Typed::result(format!("{}::integer::bigint", typed.wrapped()), true, kind));
            }
            Kind::Wide => return Err(overflow()),
            Kind::Real | Kind::Numeric => {
                return Err(Reason::new("arithmetic with reals, which PostgreSQL rounds or refuses in other ways"));
            }
            _ => return Err(Reason::new("arithmetic with values that are no integers on both sides")),
        };
        Ok(Typed { sql, atomic: true, ..typed })
    }

    fn arithmetic(&self, left: &Expr, operator: Operator, right: &Expr) -> Result<Typed<'a>, Reason> {
        let (left, right) = (self.integer(left)?, self.integer(right)?);
        let (Kind::Integer { low: a, high: b }, Kind::Integer { low: c, high: d }) = (left.kind, right.kind) else {
            return Err(overflow());
        };
        let sign = |sign: &'static str| {
            let (left, right) = (left.sql.clone(), right.sql.clone());
            move |cast: &str| format!("{left}{cast} {sign} {right}{cast}")
        };
        Ok(match operator {
            Operator::Add => bounded(a + c, b + d, sign("+")),
            Operator::Subtract => bounded(a - d, b - c, sign("-")),
            Operator::Multiply => {
                let corners = [a * c, a * d, b * c, b * d];
                let (low, high) = corners.iter().fold((i128::MAX, i128::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
                bounded(low, high, sign("*"))
            }
            Operator::Divide | Operator::Remainder if c < 1 => {
                return Err(Reason::new("a division by something else than a positive number"));
            }
            Operator::Divide => bounded(a.min(0), b.max(0), sign("/")),
            Operator::Remainder => bounded(if a < 0 { 1 - d } else { 0 }, d - 1, sign("%")),
            Operator::And => Typed::result(sign("&")(""), false, ANY),
            Operator::Or => Typed::result(sign("|")(""), false, ANY),
        })
    }

    fn case(&self, case: &Case) -> Result<Typed<'a>, Reason> {
        let mut results = Vec::new();
        let mut conditions = Vec::new();
        for (when, then) in &case.branches {
            conditions.push(match &case.base {
                Some(base) => self.comparison(base, Comparison::Equal, when)?.sql,
                None => self.truth(when)?,
            });
            results.push(self.term(then)?);
        }
        let has_else = case.otherwise.is_some();
        results.extend(case.otherwise.as_ref().map(|otherwise| self.term(otherwise)).transpose()?);
        let (kind, results) = self.alike(results)?;
        let mut sql = "CASE".to_owned();
        for (condition, result) in conditions.iter().zip(&results) {
            sql += &format!(" WHEN {condition} THEN {result}");
        }
        if let (true, Some(otherwise)) = (has_else, results.last()) {
            sql += &format!(" ELSE {otherwise}");
        }
        // END closes it, but a cast behind it would be hard to read.
        Ok(Typed::result(sql + " END", false, kind))
    }

    /// Only casts that change nothing but the affinity, or that write an integer as SQLite does
    fn cast(&self, operand: &Expr, name: &str) -> Result<Typed<'a>, Reason> {
        use crate::model::schema::Affinity;
        let Term::Typed(typed) = self.term(operand)? else {
            return Err(Reason::new("CAST of a constant"));
        };
        let affinity = Affinity::of_declared(name);
        let sql = match (affinity, typed.kind) {
            (Affinity::Integer | Affinity::Numeric, Kind::Integer { .. }) => typed.sql.clone(),
            (Affinity::Real, Kind::Real) => typed.sql.clone(),
            (Affinity::Text, Kind::Text) => typed.sql.clone(),
            (Affinity::Text, Kind::Integer { .. }) => format!("{}::text", typed.wrapped()),
            _ => return Err(Reason::new(format!("CAST to {name}"))),
        };
        let kind = if affinity == Affinity::Text { Kind::Text } else { typed.kind };
        Ok(Typed { sql, kind, affinity: Some(affinity), plan: None, ..typed })
    }
}

fn truth_word(name: &Name) -> Option<bool> {
    match name.quotes {
        Quotes::None if name.is("true") => Some(true),
        Quotes::None if name.is("false") => Some(false),
        _ => None,
    }
}

fn overflow() -> Reason {
    Reason::new("integers that may be too large for 64 bits, which SQLite goes on with as reals")
}

/// Integers in these limits, or what has to be computed as `numeric` because they may be exceeded
fn bounded<'a>(low: i128, high: i128, sql: impl Fn(&str) -> String) -> Typed<'a> {
    if low < i64::MIN.into() || high > i64::MAX.into() {
        return Typed::result(sql("::numeric"), false, Kind::Wide);
    }
    Typed::result(sql(""), false, Kind::Integer { low, high })
}

/// Text, or an integer as both sides write it
pub(super) fn as_text(typed: &Typed<'_>) -> Option<String> {
    match typed.kind {
        Kind::Text => Some(typed.wrapped()),
        Kind::Integer { .. } => Some(format!("{}::text", typed.wrapped())),
        Kind::Truth => Some(format!("{}::integer::text", typed.wrapped())),
        _ => None,
    }
}
