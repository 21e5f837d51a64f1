//! `date`, `datetime` and `strftime` of columns that are moments on PostgreSQL
//!
//! SQLite reads the text, counts milliseconds in UTC, and writes it again. Where the column's form is one that it reads
//! without rounding, the same is computed from the moment. It writes years with four digits, as all forms do.

use crate::model::convert::forms::{DateForm, Fraction, Layout, StampForm, Zone};
use crate::model::mapping::Mapping;
use crate::model::schema::quote_literal;

use super::Reason;
use super::expr::Translator;
use super::ir::{Call, Expr};
use super::typed::{Kind, Term, Typed};

const DATE: Mapping = Mapping::Date(DateForm::Iso);
const STAMP: Mapping = Mapping::Timestamp {
    zoned: false,
    form: StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 },
};

/// A moment without a zone, as SQL
struct Moment {
    sql: String,
    is_day: bool,
    /// Has something behind its seconds
    is_finer: bool,
}

impl<'a> Translator<'a, '_> {
    pub fn moment(&self, call: &Call) -> Result<Typed<'a>, Reason> {
        let other = || Reason::new(format!("the function {} with these arguments", call.name));
        let (format, argument) = match (call.name.as_str(), call.arguments.as_deref()) {
            ("date", Some([argument])) => ("%Y-%m-%d", argument),
            ("datetime", Some([argument])) => ("%Y-%m-%d %H:%M:%S", argument),
            ("strftime", Some([Expr::Text(format), argument])) => (format.as_str(), argument),
            _ => return Err(other()),
        };
        let Term::Typed(typed) = self.term(argument)? else { return Err(other()) };
        let moment = read(&typed).ok_or_else(|| {
            Reason::new(format!("the function {} of a value that is no moment of UTC on both sides", call.name))
        })?;
        match format {
            "%Y-%m-%d" | "%F" => {
                let sql = if moment.is_day { moment.sql } else { format!("{}::date", moment.sql) };
                Ok(Typed::result(sql, true, Kind::Coded(DATE)))
            }
            "%Y-%m-%d %H:%M:%S" | "%F %T" => {
                let sql = match (moment.is_day, moment.is_finer) {
                    (true, _) => format!("{}::timestamp", moment.sql),
                    (false, true) => format!("date_trunc('second', {})", moment.sql),
                    (false, false) => moment.sql,
                };
                Ok(Typed::result(sql, true, Kind::Coded(STAMP)))
            }
            format => parts(format, &moment),
        }
    }
}

/// A column or expression that SQLite's functions read as the moment that PostgreSQL has
fn read(typed: &Typed<'_>) -> Option<Moment> {
    let sql = typed.wrapped();
    match typed.kind {
        Kind::Coded(DATE) => Some(Moment { sql, is_day: true, is_finer: false }),
        Kind::Coded(Mapping::Timestamp { zoned, form }) if form.layout != Layout::Compact => {
            let is_finer = match form.fraction {
                Fraction::None => false,
                // More digits are rounded to milliseconds, even into the next day.
                Fraction::Fixed(1..=3) | Fraction::OmitZero(1..=3) => true,
                _ => return None,
            };
            let sql = match (zoned, form.zone, form.assumed) {
                (false, Zone::None, _) => sql,
                (true, Zone::Z | Zone::Colon(0), _) | (true, Zone::None, 0) => format!("({sql} AT TIME ZONE 'utc')"),
                _ => return None,
            };
            Some(Moment { sql, is_day: false, is_finer })
        }
        _ => None,
    }
}

/// Text put together from the parts of a moment
fn parts(format: &str, moment: &Moment) -> Result<Typed<'static>, Reason> {
    let base = if moment.is_day { format!("{}::timestamp", moment.sql) } else { moment.sql.clone() };
    let field = |name: &str, digits: usize| format!("lpad(extract({name} FROM {base})::text, {digits}, '0')");
    let (mut terms, mut literal) = (Vec::new(), String::new());
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        let part = match chars.next() {
            Some('Y') => field("year", 4),
            Some('m') => field("month", 2),
            Some('d') => field("day", 2),
            Some('H') => field("hour", 2),
            Some('M') => field("minute", 2),
            Some('S') => format!("lpad(floor(extract(second FROM {base}))::text, 2, '0')"),
            Some('w') => field("dow", 1),
            Some('j') => field("doy", 3),
            other => return Err(Reason::new(format!("strftime with %{}", other.unwrap_or(' ')))),
        };
        if !literal.is_empty() {
            terms.push(quote_literal(&std::mem::take(&mut literal)));
        }
        terms.push(part);
    }
    if terms.is_empty() {
        return Err(Reason::new("strftime of nothing"));
    } else if !literal.is_empty() {
        terms.push(quote_literal(&literal));
    }
    Ok(Typed::result(terms.join(" || "), terms.len() == 1, Kind::Text))
}
