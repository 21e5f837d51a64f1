//! Comparisons by SQLite's rules: affinity changes a constant's class first, then classes, then values are compared
//!
//! What <https://www.sqlite.org/datatype3.html> says in sections 4 and 7.1 is followed for columns whose class is known
//! from their mapping. Where SQLite would convert what a column holds, nothing is translated.

use crate::model::schema::{Affinity, quote_literal};

use super::Reason;
use super::expr::Translator;
use super::ir::{Comparison, Expr};
use super::literal::{self, Constant, Fit, SURE_WHOLE};
use super::typed::{Collation, Kind, Rank, Term, Typed, is_numeric, keeps_order};

/// One side of a comparison
pub(super) struct Operand<'a> {
    pub term: Term<'a>,
    /// What COLLATE behind it says
    pub explicit: Option<Collation>,
}

/// What a value and a constant are compared as
enum Sides {
    /// SQL on the left and on the right
    Both(String, String),
    /// They are never equal
    Never,
}

impl<'a> Translator<'a, '_> {
    pub fn compare(&self, left: Operand<'a>, comparison: Comparison, right: Operand<'a>) -> Result<Typed<'a>, Reason> {
        let explicit = left.explicit.or(right.explicit);
        match (left.term, right.term) {
            (Term::Constant(_), Term::Constant(_)) => Err(Reason::new("two constants are compared")),
            (Term::Typed(typed), Term::Constant(constant)) => {
                let collation = explicit.unwrap_or(typed.collation);
                self.with_constant(&typed, comparison, constant, collation)
            }
            (Term::Constant(constant), Term::Typed(typed)) => {
                let collation = explicit.unwrap_or(typed.collation);
                self.with_constant(&typed, comparison.mirrored(), constant, collation)
            }
            (Term::Typed(left), Term::Typed(right)) => {
                let of_columns = if left.is_column() { left.collation } else { right.collation };
                self.both_typed(&left, comparison, &right, explicit.unwrap_or(of_columns))
            }
        }
    }

    fn with_constant(
        &self,
        typed: &Typed<'a>,
        comparison: Comparison,
        constant: Constant,
        collation: Collation,
    ) -> Result<Typed<'a>, Reason> {
        if constant == Constant::Null {
            let sql = match comparison {
                Comparison::Is => format!("{} IS NULL", typed.wrapped()),
                Comparison::IsNot => format!("{} IS NOT NULL", typed.wrapped()),
                _ => "NULL::boolean".to_owned(),
            };
            return Ok(Typed::truth(sql));
        }
        if let Some(sql) = self.before_the_day(typed, comparison, &constant)? {
            return Ok(Typed::truth(sql));
        }
        Ok(Typed::truth(match self.sides(typed, comparison.orders(), constant, collation)? {
            Sides::Both(left, right) => format!("{left} {} {right}", comparison.sql()),
            Sides::Never => never_equal(typed, comparison),
        }))
    }

    /// The value and the constant as PostgreSQL compares them to the same effect
    fn sides(
        &self,
        typed: &Typed<'a>,
        orders: bool,
        constant: Constant,
        collation: Collation,
    ) -> Result<Sides, Reason> {
        let constant = constant.under(typed.affinity)?;
        let Some(rank) = typed.rank() else {
            return Err(Reason::new("a comparison of values that PostgreSQL holds in another way"));
        };
        if Some(rank) != constant.rank() {
            return if orders { Err(mixed()) } else { Ok(Sides::Never) };
        }
        let plain = |right: String| Ok(Sides::Both(typed.wrapped(), right));
        match (typed.kind, &constant) {
            (Kind::Truth, Constant::Integer(0 | 1)) => plain((constant == Constant::Integer(1)).to_string()),
            (Kind::Truth, Constant::Integer(_)) if !orders => Ok(Sides::Never),
            (Kind::Truth, Constant::Integer(whole)) => {
                Ok(Sides::Both(format!("{}::integer", typed.wrapped()), literal::integer(*whole)))
            }
            (Kind::Integer { .. } | Kind::Numeric, Constant::Integer(whole)) => plain(literal::integer(*whole)),
            (Kind::Wide, Constant::Integer(whole)) if literal::is_sure(*whole) => plain(literal::integer(*whole)),
            (Kind::Real, Constant::Integer(whole)) if literal::is_sure(*whole) => plain(literal::double(*whole as f64)),
            (Kind::Real, Constant::Real(real)) => plain(literal::double(*real)),
            (Kind::Integer { .. } | Kind::Wide | Kind::Numeric, Constant::Real(real)) if real.abs() <= SURE_WHOLE => {
                plain(literal::decimal(*real))
            }
            (Kind::Text, Constant::Text(text)) => self.texts(typed, orders, collation, |fold| {
                quote_literal(&match fold {
                    Collation::NoCase => text.to_ascii_lowercase(),
                    Collation::RightTrim => text.trim_end_matches(' ').to_owned(),
                    _ => text.clone(),
                })
            }),
            (Kind::Blob, Constant::Blob(bytes)) => plain(literal::blob(bytes)),
            (Kind::Coded(_), _) => self.coded(typed, orders, &constant, collation),
            _ => Err(Reason::new("a comparison with a number that is not exact on both sides")),
        }
    }

    /// Both texts as the collation compares them
    fn texts(
        &self,
        left: &Typed<'a>,
        orders: bool,
        collation: Collation,
        right: impl Fn(Collation) -> String,
    ) -> Result<Sides, Reason> {
        let folded = |sql: String| match collation {
            Collation::NoCase => Ok(format!("lower({sql} COLLATE \"C\")")),
            Collation::RightTrim => Ok(format!("rtrim({sql}, ' ')")),
            Collation::Binary => Ok(sql),
            Collation::Foreign => Err(Reason::new("a collation of the application's own")),
        };
        let left = folded(left.wrapped())?;
        if !orders {
            return Ok(Sides::Both(left, right(collation)));
        }
        // NOCASE and RTRIM are given UTF-8 whatever the file is written in.
        if collation == Collation::Binary && !self.scope.orders_utf8() {
            return Err(Reason::new("an order of texts, which this file has by UTF-16"));
        }
        Ok(Sides::Both(format!("{left} COLLATE \"C\""), right(collation)))
    }

    /// A constant and a column that writes its values in a form of its own
    fn coded(
        &self,
        typed: &Typed<'a>,
        orders: bool,
        constant: &Constant,
        collation: Collation,
    ) -> Result<Sides, Reason> {
        let Kind::Coded(mapping) = typed.kind else { return Err(mixed()) };
        if orders && !keeps_order(mapping) {
            return Err(Reason::new("an order that the texts do not have as the values have it"));
        } else if collation == Collation::Foreign {
            return Err(Reason::new("a collation of the application's own"));
        }
        match literal::in_form(constant, mapping)? {
            Fit::Sql(sql) => Ok(Sides::Both(typed.wrapped(), sql)),
            // Under another collation it may be equal all the same.
            Fit::Never if !orders && collation == Collation::Binary => Ok(Sides::Never),
            Fit::Never => Err(Reason::new("a constant that is not written as the column's values")),
        }
    }

    /// Moments as texts against a day: `'2024-01-02'` comes before every moment of that day and behind those of the day
    /// before
    fn before_the_day(
        &self,
        typed: &Typed<'a>,
        comparison: Comparison,
        constant: &Constant,
    ) -> Result<Option<String>, Reason> {
        let (Kind::Coded(mapping), Constant::Text(day)) = (typed.kind, constant) else { return Ok(None) };
        let Some(midnight) = literal::midnight(mapping, day) else { return Ok(None) };
        if !comparison.orders() || typed.collation != Collation::Binary || !keeps_order(mapping) {
            return Ok(None);
        }
        let sign = match comparison {
            Comparison::Less | Comparison::LessOrEqual => "<",
            _ => ">=",
        };
        Ok(Some(format!("{} {sign} {midnight}", typed.wrapped())))
    }

    fn both_typed(
        &self,
        left: &Typed<'a>,
        comparison: Comparison,
        right: &Typed<'a>,
        collation: Collation,
    ) -> Result<Typed<'a>, Reason> {
        let (Some(rank), Some(other)) = (left.rank(), right.rank()) else {
            return Err(Reason::new("a comparison of values that PostgreSQL holds in another way"));
        };
        let applied = match (left.affinity, right.affinity) {
            (Some(a), Some(b)) if is_numeric(a) || is_numeric(b) => Some(Affinity::Numeric),
            (Some(_), Some(_)) => None,
            (a, b) => a.or(b),
        };
        let safe = match applied {
            Some(Affinity::Text) => rank != Rank::Number && other != Rank::Number,
            Some(affinity) if is_numeric(affinity) => left.is_safe_from_numbers() && right.is_safe_from_numbers(),
            _ => true,
        };
        if !safe || rank != other {
            return Err(mixed());
        }
        let (left, right) = match rank {
            Rank::Number => numbers(left, right)?,
            Rank::Text | Rank::Blob => match (left.kind, right.kind) {
                (Kind::Text, Kind::Text) => {
                    let right = |fold| match fold {
                        Collation::NoCase => format!("lower({} COLLATE \"C\")", right.wrapped()),
                        Collation::RightTrim => format!("rtrim({}, ' ')", right.wrapped()),
                        _ => right.wrapped(),
                    };
                    match self.texts(left, comparison.orders(), collation, right)? {
                        Sides::Both(left, right) => (left, right),
                        Sides::Never => return Err(mixed()),
                    }
                }
                (Kind::Blob, Kind::Blob) => (left.wrapped(), right.wrapped()),
                (Kind::Coded(a), Kind::Coded(b))
                    if a == b && collation != Collation::Foreign && (!comparison.orders() || keeps_order(a)) =>
                {
                    (left.wrapped(), right.wrapped())
                }
                _ => return Err(Reason::new("a comparison of values that are written in different ways")),
            },
        };
        Ok(Typed::truth(format!("{left} {} {right}", comparison.sql())))
    }

    /// `IN`: the affinity and the collation are those of the left side
    pub fn in_list(&self, value: &Expr, list: &[Expr]) -> Result<Typed<'a>, Reason> {
        if list.is_empty() {
            return Ok(Typed::result("false".into(), true, Kind::Truth));
        }
        let value = self.operand(value)?;
        let Term::Typed(typed) = value.term else {
            return Err(Reason::new("IN with a constant on its left"));
        };
        let collation = value.explicit.unwrap_or(typed.collation);
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        let mut others = Vec::new();
        for item in list {
            match self.term(item)? {
                Term::Constant(Constant::Null) => match groups.first_mut() {
                    Some((_, items)) => items.push("NULL".to_owned()),
                    None => others.push("NULL::boolean".to_owned()),
                },
                Term::Constant(constant) => match self.sides(&typed, false, constant, collation)? {
                    Sides::Both(left, right) => match groups.iter_mut().find(|(same, _)| *same == left) {
                        Some((_, items)) => items.push(right),
                        None => groups.push((left, vec![right])),
                    },
                    Sides::Never => {}
                },
                Term::Typed(item) => {
                    let item = Typed { affinity: None, ..item };
                    others.push(format!("({})", self.both_typed(&typed, Comparison::Equal, &item, collation)?.sql));
                }
            }
        }
        let lists = groups.iter().map(|(left, items)| format!("{left} IN ({})", items.join(", ")));
        let terms: Vec<String> = lists.chain(others).collect();
        Ok(match terms.as_slice() {
            [] => Typed::truth(never_equal(&typed, Comparison::Equal)),
            [only] => Typed::truth(only.clone()),
            several => Typed::truth(several.join(" OR ")),
        })
    }

    /// Terms of which one is the value, made into one type; NULLs fit everywhere
    pub fn alike(&self, terms: Vec<Term<'a>>) -> Result<(Kind, Vec<String>), Reason> {
        let kinds = terms.iter().filter_map(|term| match term {
            Term::Typed(typed) => Some(typed.kind),
            Term::Constant(_) => None,
        });
        let kinds: Vec<Kind> = kinds.collect();
        let kind = common(&kinds, &terms)?;
        let each = terms.iter().map(|term| match term {
            Term::Constant(Constant::Null) => Ok("NULL".to_owned()),
            Term::Typed(typed) => Ok(match (kind, typed.kind) {
                (Kind::Integer { .. }, Kind::Truth) => format!("{}::integer", typed.wrapped()),
                (Kind::Numeric, Kind::Integer { .. }) => format!("{}::numeric", typed.wrapped()),
                _ => typed.sql.clone(),
            }),
            Term::Constant(constant) => match (kind, constant) {
                (Kind::Truth, Constant::Integer(whole @ (0 | 1))) => Ok((*whole == 1).to_string()),
                (Kind::Integer { .. } | Kind::Numeric, Constant::Integer(whole)) => Ok(literal::integer(*whole)),
                (Kind::Real, Constant::Real(real)) => Ok(literal::double(*real)),
                (Kind::Numeric, Constant::Real(real)) if real.abs() <= SURE_WHOLE => Ok(literal::decimal(*real)),
                (Kind::Text, Constant::Text(text)) => Ok(quote_literal(text)),
                (Kind::Blob, Constant::Blob(bytes)) => Ok(literal::blob(bytes)),
                (Kind::Coded(mapping), constant) => match literal::in_form(constant, mapping) {
                    Ok(Fit::Sql(sql)) => Ok(sql),
                    _ => Err(Reason::new("a constant that is not written as the column's values")),
                },
                _ => Err(mixed()),
            },
        });
        Ok((kind, each.collect::<Result<_, _>>()?))
    }
}

impl Typed<'_> {
    /// SQLite looks for the collation in a column, and through casts and signs
    fn is_column(&self) -> bool {
        self.plan.is_some() || self.affinity.is_some() || self.collation != Collation::Binary
    }
}

/// The kind that holds all of them
fn common(kinds: &[Kind], terms: &[Term<'_>]) -> Result<Kind, Reason> {
    let constants = || {
        terms.iter().filter_map(|term| match term {
            Term::Constant(Constant::Null) | Term::Typed(_) => None,
            Term::Constant(constant) => Some(constant),
        })
    };
    let wholes = || constants().filter_map(|c| if let Constant::Integer(w) = c { Some(i128::from(*w)) } else { None });
    let Some(first) = kinds.first() else {
        return match constants().next() {
            Some(Constant::Integer(_)) => {
                let low = wholes().min().unwrap_or(0);
                Ok(Kind::Integer { low, high: wholes().max().unwrap_or(0) })
            }
            Some(Constant::Text(_)) => Ok(Kind::Text),
            Some(Constant::Blob(_)) => Ok(Kind::Blob),
            Some(Constant::Real(_)) => Ok(Kind::Real),
            _ => Err(Reason::new("nothing but NULL")),
        };
    };
    let truths = kinds.iter().all(|kind| *kind == Kind::Truth);
    if truths && wholes().all(|whole| (0..=1).contains(&whole)) {
        return Ok(Kind::Truth);
    }
    let limits = |kind: &Kind| match kind {
        Kind::Integer { low, high } => Some((*low, *high)),
        Kind::Truth => Some((0, 1)),
        _ => None,
    };
    if let Some(limits) = kinds.iter().map(limits).collect::<Option<Vec<_>>>() {
        let low = limits.iter().map(|(low, _)| *low).chain(wholes()).min().unwrap_or(0);
        let high = limits.iter().map(|(_, high)| *high).chain(wholes()).max().unwrap_or(0);
        return Ok(Kind::Integer { low, high });
    }
    let numbers = |kind: &Kind| matches!(kind, Kind::Numeric | Kind::Integer { .. });
    match first {
        _ if kinds.iter().all(numbers) => Ok(Kind::Numeric),
        Kind::Opaque | Kind::Wide => Err(mixed()),
        kind if kinds.iter().all(|other| other == kind) => Ok(*kind),
        _ => Err(mixed()),
    }
}

/// Numbers of two columns or expressions as PostgreSQL compares them exactly
fn numbers(left: &Typed<'_>, right: &Typed<'_>) -> Result<(String, String), Reason> {
    let inexact = || Reason::new("a comparison of numbers that PostgreSQL would round");
    let small = |kind: Kind| match kind {
        Kind::Integer { low, high } => low.abs().max(high.abs()) <= SURE_WHOLE as i128,
        Kind::Truth => true,
        _ => false,
    };
    let whole = |typed: &Typed<'_>| match typed.kind {
        Kind::Truth => format!("{}::integer", typed.wrapped()),
        _ => typed.wrapped(),
    };
    let as_double = |typed: &Typed<'_>| format!("{}::double precision", whole(typed));
    let is_whole = |kind: Kind| matches!(kind, Kind::Integer { .. } | Kind::Truth);
    Ok(match (left.kind, right.kind) {
        (Kind::Truth, Kind::Truth) | (Kind::Real, Kind::Real) | (Kind::Numeric, Kind::Numeric) => {
            (left.wrapped(), right.wrapped())
        }
        (a, b) if is_whole(a) && is_whole(b) => (whole(left), whole(right)),
        (a, Kind::Numeric) | (Kind::Numeric, a) if is_whole(a) => (whole(left), whole(right)),
        (Kind::Real, b) if small(b) => (left.wrapped(), as_double(right)),
        (a, Kind::Real) if small(a) => (as_double(left), right.wrapped()),
        (Kind::Wide, b) | (b, Kind::Wide) if small(b) => (whole(left), whole(right)),
        (Kind::Coded(a), Kind::Coded(b)) if a == b => (left.wrapped(), right.wrapped()),
        _ => return Err(inexact()),
    })
}

fn mixed() -> Reason {
    Reason::new("values of different storage classes meet")
}

/// A comparison that is false, or NULL, whatever the value is
fn never_equal(typed: &Typed<'_>, comparison: Comparison) -> String {
    let known = |truth: bool| format!("CASE WHEN {} IS NOT NULL THEN {truth} END", typed.wrapped());
    match comparison {
        Comparison::Is => "false".to_owned(),
        Comparison::IsNot => "true".to_owned(),
        Comparison::Different => known(true),
        _ => known(false),
    }
}
