//! Functions that do the same on both sides

use crate::model::mapping::Mapping;
use crate::model::schema::quote_literal;

use super::Reason;
use super::expr::Translator;
use super::ir::{Call, Expr};
use super::literal::{self, Constant};
use super::typed::{COUNT, Collation, Kind, Term, Typed, constant_length};

/// Characters that a text has at most: PostgreSQL's own limit
const FARTHEST: i64 = 1 << 30;

impl<'a> Translator<'a, '_> {
    pub fn call(&self, call: &Call) -> Result<Typed<'a>, Reason> {
        let unknown = || Reason::new(format!("the function {}", call.name));
        let arguments = call.arguments.as_deref().filter(|_| !call.distinct).ok_or_else(unknown)?;
        match (call.name.as_str(), arguments) {
            ("length", [text]) => self.length(text),
            ("lower" | "upper", [text]) => {
                // Both fold ASCII alone.
                Ok(function(Kind::Text, format!("{}({} COLLATE \"C\")", call.name, self.text(text)?)))
            }
            ("trim" | "ltrim" | "rtrim", [text, rest @ ..]) if rest.len() < 2 => {
                let name = if call.name == "trim" { "btrim" } else { &call.name };
                let chars = rest.first().map_or(Ok("' '".to_owned()), |chars| self.text(chars))?;
                Ok(function(Kind::Text, format!("{name}({}, {chars})", self.text(text)?)))
            }
            ("substr" | "substring", [text, start, rest @ ..]) if rest.len() < 2 => {
                self.substring(text, start, rest.first())
            }
            ("instr", [text, part]) => {
                Ok(function(COUNT, format!("strpos({}, {})", self.text(text)?, self.text(part)?)))
            }
            // For an empty text both sides do nothing, but SQLite even if the third one is NULL.
            ("replace", [text, from @ Expr::Text(found), to]) if !found.is_empty() => {
                let (text, from, to) = (self.text(text)?, self.text(from)?, self.text(to)?);
                Ok(function(Kind::Text, format!("replace({text}, {from}, {to})")))
            }
            ("abs", [number]) => self.abs(number),
            ("coalesce", [_, _, ..]) | ("ifnull", [_, _]) => {
                let terms = arguments.iter().map(|argument| self.term(argument)).collect::<Result<_, _>>()?;
                let (kind, terms) = self.alike(terms)?;
                Ok(function(kind, format!("coalesce({})", terms.join(", "))))
            }
            ("nullif", [value, other]) => self.null_if(value, other),
            ("iif" | "if", [condition, then, otherwise]) => {
                let condition = self.truth(condition)?;
                let (kind, terms) = self.alike(vec![self.term(then)?, self.term(otherwise)?])?;
                Ok(Typed::result(format!("CASE WHEN {condition} THEN {} ELSE {} END", terms[0], terms[1]), false, kind))
            }
            ("typeof", [value]) => self.type_of(value),
            ("json_valid", [value]) => self.json_valid(value),
            ("likely" | "unlikely", [value]) => match self.term(value)? {
                Term::Typed(typed) => Ok(typed),
                Term::Constant(_) => Err(unknown()),
            },
            ("date" | "datetime" | "strftime", _) => self.moment(call),
            (super::path::ARROW, _) => Err(Reason::new("a path into JSON")),
            _ => Err(unknown()),
        }
    }

    /// An argument that is text on both sides; a constant must not be the only one
    fn text(&self, expr: &Expr) -> Result<String, Reason> {
        match self.term(expr)? {
            Term::Typed(typed) if typed.kind == Kind::Text => Ok(typed.wrapped()),
            Term::Constant(Constant::Text(text)) => Ok(format!("{}::text", quote_literal(&text))),
            _ => Err(Reason::new("a function of text with a value that is no text on both sides")),
        }
    }

    fn length(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        let Term::Typed(typed) = self.term(expr)? else {
            return Err(Reason::new("the length of a constant"));
        };
        match typed.kind {
            Kind::Text => Ok(function(COUNT, format!("char_length({})", typed.sql))),
            Kind::Blob => Ok(function(COUNT, format!("octet_length({})", typed.sql))),
            // The digits and the sign, as both sides write them.
            Kind::Integer { .. } => Ok(function(COUNT, format!("char_length({}::text)", typed.wrapped()))),
            Kind::Coded(mapping) => match constant_length(mapping) {
                Some(length) => Ok(unless_null(COUNT, &typed, &length.to_string())),
                None => Err(Reason::new("the length of a value that is written in another way")),
            },
            _ => Err(Reason::new("the length of a value that is written in another way")),
        }
    }

    fn substring(&self, text: &Expr, start: &Expr, length: Option<&Expr>) -> Result<Typed<'a>, Reason> {
        let text = self.text(text)?;
        let place = |expr: &Expr| match self.term(expr)? {
            Term::Constant(Constant::Integer(place)) if place.abs() <= FARTHEST => Ok(place),
            _ => Err(Reason::new("substr with a place that is no constant")),
        };
        let sql = match (place(start)?, length.map(place).transpose()?) {
            (start @ 1.., None) => format!("substr({text}, {start})"),
            (start @ 1.., Some(length @ 0..)) => format!("substr({text}, {start}, {length})"),
            (start, None) if start < 0 => format!("right({text}, {})", -start),
            _ => return Err(Reason::new("substr with a place that both sides count in another way")),
        };
        Ok(function(Kind::Text, sql))
    }

    fn abs(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        let Term::Typed(typed) = self.term(expr)? else {
            return Err(Reason::new("abs of a constant"));
        };
        match typed.kind {
            // SQLite refuses the lowest number; as `numeric` it has one that no row meets.
            Kind::Integer { low, .. } if low == i64::MIN.into() => {
                Ok(function(Kind::Wide, format!("abs({}::numeric)", typed.wrapped())))
            }
            Kind::Integer { low, high } => {
                let kind = Kind::Integer { low: 0, high: low.abs().max(high.abs()) };
                Ok(function(kind, format!("abs({})", typed.sql)))
            }
            Kind::Real | Kind::Numeric => Ok(function(typed.kind, format!("abs({})", typed.sql))),
            _ => Err(Reason::new("abs of a value that is no number on both sides")),
        }
    }

    fn null_if(&self, value: &Expr, other: &Expr) -> Result<Typed<'a>, Reason> {
        if value.has_collation() || other.has_collation() {
            return Err(Reason::new("COLLATE inside of what is compared"));
        }
        let (value, other) = (self.term(value)?, self.term(other)?);
        let Term::Typed(typed) = &value else {
            return Err(Reason::new("nullif of a constant"));
        };
        let kind = typed.kind;
        let exact = |term: &Term<'_>| match term {
            Term::Typed(typed) => typed.collation == Collation::Binary,
            Term::Constant(_) => true,
        };
        if !exact(&value) || !exact(&other) || matches!(kind, Kind::Wide | Kind::Opaque) {
            return Err(Reason::new("nullif by a collation, or of a value that is not the same on both sides"));
        }
        let (common, terms) = self.alike(vec![value, other])?;
        if common != kind && !matches!(kind, Kind::Integer { .. }) {
            return Err(Reason::new("nullif of values of different types"));
        }
        Ok(function(kind, format!("nullif({}, {})", terms[0], terms[1])))
    }

    /// Constant where the mapping takes values of one class only
    fn type_of(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        let unknown = || Reason::new("typeof of a value that may be of several classes");
        let Term::Typed(typed) = self.term(expr)? else { return Err(unknown()) };
        let class = match typed.kind {
            // There the scale keeps the class; an infinity has none.
            Kind::Numeric if typed.plan.is_some_and(|plan| plan.mapping == Mapping::Numeric) => {
                let sql = typed.wrapped();
                let cases = format!("WHEN {sql} IS NULL THEN 'null' WHEN scale({sql}) = 0 THEN 'integer' ELSE 'real'");
                return Ok(Typed::result(format!("CASE {cases} END"), false, Kind::Text));
            }
            Kind::Integer { .. } | Kind::Truth => "integer",
            Kind::Real => "real",
            Kind::Text => "text",
            Kind::Blob => "blob",
            Kind::Coded(Mapping::Epoch { unit, .. }) => match unit {
                crate::model::convert::forms::EpochUnit::SecondsReal => "real",
                _ => "integer",
            },
            Kind::Coded(Mapping::Uuid(crate::model::convert::forms::UuidForm::Bytes)) => "blob",
            Kind::Coded(_) => "text",
            Kind::Wide | Kind::Numeric | Kind::Opaque => return Err(unknown()),
        };
        let sql = format!("CASE WHEN {} IS NULL THEN 'null' ELSE '{class}' END", typed.wrapped());
        Ok(Typed::result(sql, false, Kind::Text))
    }

    fn json_valid(&self, expr: &Expr) -> Result<Typed<'a>, Reason> {
        match self.term(expr)? {
            Term::Typed(typed) if typed.plan.is_some_and(|plan| matches!(plan.mapping, Mapping::Json { .. })) => {
                Ok(unless_null(Kind::Truth, &typed, "true"))
            }
            _ => Err(Reason::new("json_valid of a column that is no json on PostgreSQL")),
        }
    }
}

fn function<'a>(kind: Kind, sql: String) -> Typed<'a> {
    Typed::result(sql, true, kind)
}

/// The same for every value that is not NULL
fn unless_null<'a>(kind: Kind, typed: &Typed<'a>, sql: &str) -> Typed<'a> {
    Typed::result(format!("CASE WHEN {} IS NOT NULL THEN {sql} END", typed.wrapped()), false, kind)
}

/// A constant as a value of its own, as the column of a view
pub(super) fn constant_value(constant: &Constant) -> String {
    match constant {
        Constant::Null => "NULL::text".to_owned(),
        Constant::Integer(whole) => format!("{}::bigint", literal::integer(*whole)),
        Constant::Real(real) => literal::double(*real),
        Constant::Text(text) => format!("{}::text", quote_literal(text)),
        Constant::Blob(bytes) => literal::blob(bytes),
    }
}
