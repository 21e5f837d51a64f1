//! DEFAULTs: the value that SQLite would have stored, as the column has it on PostgreSQL

use crate::model::convert::forms::{DateForm, EpochUnit, Fraction, Layout, StampForm, TimeForm, TimeLayout, Zone};
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::plan::ColumnPlan;
use crate::model::schema::{Affinity, Column, quote_literal};
use crate::model::value::Value;

use super::ir::{Call, Current, Expr, Operator, Quotes};
use super::literal::{self, Constant, Fit};
use super::{Reason, parse};

/// The DEFAULT of a column, as it stands behind DEFAULT
pub fn default(sql: &str, column: &ColumnPlan, source: &Column) -> Result<String, Reason> {
    let expr = parse::expression(sql)?;
    match constant(&expr)? {
        Some(constant) => of_constant(constant, column, source.affinity),
        None => of_moment(&expr, column, source.affinity),
    }
}

fn of_constant(constant: Constant, column: &ColumnPlan, affinity: Affinity) -> Result<String, Reason> {
    let stored = constant.stored(affinity)?;
    if stored == Constant::Null {
        return Ok("NULL".to_owned());
    }
    let unfit = || Reason::new(format!("the default is no value that a column of type {} takes", column.type_sql));
    match literal::in_column(&stored, column) {
        Ok(Fit::Sql(sql)) => Ok(sql),
        Ok(Fit::Never) | Err(_) => Err(unfit()),
    }
}

/// A constant, or a name, which is a string in a DEFAULT
fn constant(expr: &Expr) -> Result<Option<Constant>, Reason> {
    Ok(Some(match expr {
        Expr::Null => Constant::Null,
        Expr::Number(text) => Constant::number(text, false)?,
        Expr::Negative(number) => match &**number {
            Expr::Number(text) => Constant::number(text, true)?,
            _ => return Ok(None),
        },
        Expr::Positive(number) => return constant(number),
        Expr::Text(text) => Constant::Text(text.clone()),
        Expr::Blob(bytes) => Constant::Blob(bytes.clone()),
        Expr::Name(name) if name.quotes == Quotes::None && name.is("true") => Constant::Integer(1),
        Expr::Name(name) if name.quotes == Quotes::None && name.is("false") => Constant::Integer(0),
        Expr::Name(name) => Constant::Text(name.text.clone()),
        _ => return Ok(None),
    }))
}

/// What a DEFAULT makes of the present moment
enum Now {
    /// Text in a format of `strftime`
    Text(String),
    /// Whole seconds since 1970 times this; as text if it is `strftime` that gives them
    Unix { factor: i64, text: bool },
}

fn of_moment(expr: &Expr, column: &ColumnPlan, affinity: Affinity) -> Result<String, Reason> {
    match now(expr)? {
        Now::Text(format) => of_text(&Format::read(&format)?, column, affinity),
        Now::Unix { factor, text } => of_seconds(factor, text, column.mapping, affinity),
    }
}

fn now(expr: &Expr) -> Result<Now, Reason> {
    let format = match expr {
        Expr::Current(Current::Timestamp) => "%Y-%m-%d %H:%M:%S",
        Expr::Current(Current::Date) => "%Y-%m-%d",
        Expr::Current(Current::Time) => "%H:%M:%S",
        Expr::Cast(inner, name) if Affinity::of_declared(name) == Affinity::Integer => {
            return match now(inner)? {
                Now::Unix { factor, .. } => Ok(Now::Unix { factor, text: false }),
                Now::Text(_) => Err(Reason::new("CAST of a date")),
            };
        }
        Expr::Arithmetic(seconds, Operator::Multiply, factor) => {
            return match (now(seconds)?, constant(factor)?) {
                (Now::Unix { factor: 1, .. }, Some(Constant::Integer(factor @ (1000 | 1_000_000)))) => {
                    Ok(Now::Unix { factor, text: false })
                }
                _ => Err(Reason::new("arithmetic in a default")),
            };
        }
        Expr::Call(call) => return of_call(call),
        Expr::Other(what) => return Err(Reason::new(*what)),
        _ => return Err(Reason::new("a default that is neither a constant nor the present moment")),
    };
    Ok(Now::Text(format.to_owned()))
}

fn of_call(call: &Call) -> Result<Now, Reason> {
    let arguments = call.arguments.as_deref().unwrap_or_default();
    let (format, moment) = match (call.name.as_str(), arguments) {
        ("datetime", moment) => ("%Y-%m-%d %H:%M:%S", moment),
        ("date", moment) => ("%Y-%m-%d", moment),
        ("time", moment) => ("%H:%M:%S", moment),
        ("strftime", [Expr::Text(format), moment @ ..]) => (format.as_str(), moment),
        ("unixepoch", moment) => ("", moment),
        (name, _) => return Err(Reason::new(format!("the function {name}"))),
    };
    match moment {
        [] => {}
        [Expr::Text(word)] if word.eq_ignore_ascii_case("now") => {}
        [_, Expr::Text(word), ..] if word.eq_ignore_ascii_case("localtime") => {
            return Err(Reason::new("the local time of the application's machine"));
        }
        _ => return Err(Reason::new("another moment than now")),
    }
    Ok(match format {
        "" => Now::Unix { factor: 1, text: false },
        "%s" => Now::Unix { factor: 1, text: true },
        format => Now::Text(format.to_owned()),
    })
}

const UTC: &str = "now() AT TIME ZONE 'utc'";

fn of_seconds(factor: i64, text: bool, mapping: Mapping, affinity: Affinity) -> Result<String, Reason> {
    let count = "floor(extract(epoch FROM now()))::bigint";
    let factor_sql = if factor == 1 { String::new() } else { format!(" * {factor}") };
    let stays_text = matches!(affinity, Affinity::Blob | Affinity::Text) && text || affinity == Affinity::Text;
    let unit_fits = |unit| match unit {
        EpochUnit::S => factor == 1,
        EpochUnit::Ms => factor == 1000,
        EpochUnit::Us => factor == 1_000_000,
        EpochUnit::SecondsReal => false,
    };
    match mapping {
        Mapping::Bigint if !stays_text && affinity != Affinity::Real => Ok(format!("{count}{factor_sql}")),
        Mapping::Text if stays_text => Ok(format!("({count}{factor_sql})::text")),
        Mapping::Epoch { zoned, unit } if !stays_text && affinity != Affinity::Real && unit_fits(unit) => {
            Ok(if zoned { "date_trunc('second', now())".to_owned() } else { format!("date_trunc('second', {UTC})") })
        }
        _ => Err(Reason::new(format!("a number of seconds in a column of type {}", mapping.type_sql()))),
    }
}

/// A format of `strftime`, taken apart
struct Format {
    /// What it makes of [`SAMPLES`]
    samples: [String; 2],
    /// The same for `to_char`
    pattern: String,
    /// The finest part that it writes, as `date_trunc` calls it
    precision: &'static str,
}

/// Two moments that differ in every digit: year, month, day, hour, minute, second, milliseconds
const SAMPLES: [[&str; 7]; 2] =
    [["2024", "03", "05", "06", "07", "08", "000"], ["1999", "11", "26", "17", "48", "59", "678"]];
const PRECISIONS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "milliseconds"];
const PATTERNS: [&str; 7] = ["YYYY", "MM", "DD", "HH24", "MI", "SS", "MS"];

impl Format {
    fn read(format: &str) -> Result<Format, Reason> {
        let mut read = Format { samples: [String::new(), String::new()], pattern: String::new(), precision: "year" };
        let mut finest = 0;
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                read.literal(c);
                continue;
            }
            match chars.next() {
                Some('Y') => read.part(0, &mut finest),
                Some('m') => read.part(1, &mut finest),
                Some('d') => read.part(2, &mut finest),
                Some('H') => read.part(3, &mut finest),
                Some('M') => read.part(4, &mut finest),
                Some('S') => read.part(5, &mut finest),
                Some('f') => read.parts(&[5, 6], '.', &mut finest),
                Some('F') => read.parts(&[0, 1, 2], '-', &mut finest),
                Some('T') => read.parts(&[3, 4, 5], ':', &mut finest),
                Some('R') => read.parts(&[3, 4], ':', &mut finest),
                other => return Err(Reason::new(format!("strftime with %{}", other.unwrap_or(' ')))),
            }
        }
        read.precision = PRECISIONS[finest];
        Ok(read)
    }

    fn literal(&mut self, c: char) {
        self.samples.iter_mut().for_each(|sample| sample.push(c));
        if matches!(c, '-' | ' ' | ':' | '.' | '/') {
            self.pattern.push(c);
        } else {
            let escape = if matches!(c, '"' | '\\') { "\\" } else { "" };
            self.pattern.push_str(&format!("\"{escape}{c}\""));
        }
    }

    fn part(&mut self, at: usize, finest: &mut usize) {
        for (sample, parts) in self.samples.iter_mut().zip(SAMPLES) {
            sample.push_str(parts[at]);
        }
        self.pattern.push_str(PATTERNS[at]);
        *finest = at.max(*finest);
    }

    fn parts(&mut self, all: &[usize], between: char, finest: &mut usize) {
        for (position, at) in all.iter().enumerate() {
            if position > 0 {
                self.literal(between);
            }
            self.part(*at, finest);
        }
    }
}

fn of_text(format: &Format, column: &ColumnPlan, affinity: Affinity) -> Result<String, Reason> {
    let stays_text = matches!(affinity, Affinity::Text | Affinity::Blob)
        || format.samples.iter().all(|sample| !literal::is_number(sample.trim()));
    if !stays_text {
        return Err(Reason::new("a moment that SQLite stores as a number"));
    }
    let truncated = format!("date_trunc('{}', {UTC})", format.precision);
    let (reference, sql) = match column.mapping {
        Mapping::Text => return Ok(format!("to_char({UTC}, {})", quote_literal(&format.pattern))),
        Mapping::Timestamp { zoned: false, .. } | Mapping::Moment { zoned: false, .. } => (STAMP, truncated),
        Mapping::Timestamp { zoned: true, .. } | Mapping::Moment { zoned: true, .. } => {
            (STAMP, format!("({truncated} AT TIME ZONE 'utc')"))
        }
        Mapping::Date(_) if format.precision == "day" => (Mapping::Date(DateForm::Iso), format!("({UTC})::date")),
        Mapping::Date(_) => (Mapping::Date(DateForm::Iso), format!("{truncated}::date")),
        Mapping::Time(_) | Mapping::TimeOfDay(_) => (TIME, format!("{truncated}::time")),
        _ => return Err(Reason::new(format!("the present moment in a column of type {}", column.type_sql))),
    };
    // The text that SQLite writes must be in the column's form, and mean the moment that PostgreSQL computes.
    let fits = format.samples.iter().zip(SAMPLES).all(|(sample, parts)| {
        let (mut field, mut expected) = (Vec::new(), Vec::new());
        let due = plain_text(reference, parts, format.precision);
        let encoded = column.encode(&mut field, Value::Text(sample.as_bytes()));
        let known = encode_field(&mut expected, Value::Text(due.as_bytes()), reference);
        encoded.is_ok() && known.is_ok() && field == expected
    });
    if fits { Ok(sql) } else { Err(Reason::new("a moment that is not written as the column's values")) }
}

const STAMP: Mapping = Mapping::Timestamp {
    zoned: false,
    form: StampForm { layout: Layout::IsoSpace, fraction: Fraction::Fixed(3), zone: Zone::None, assumed: 0 },
};
const TIME: Mapping = Mapping::Time(TimeForm { layout: TimeLayout::Seconds, fraction: Fraction::Fixed(3) });

/// The sample cut off behind the precision, as the mapping writes it
fn plain_text(mapping: Mapping, parts: [&str; 7], precision: &str) -> String {
    let finest = PRECISIONS.iter().position(|name| *name == precision).unwrap_or(0);
    let part = |at: usize| match (at <= finest, at) {
        (true, _) => parts[at],
        (false, 1 | 2) => "01",
        (false, 6) => "000",
        (false, _) => "00",
    };
    let date = format!("{}-{}-{}", part(0), part(1), part(2));
    let time = format!("{}:{}:{}.{}", part(3), part(4), part(5), part(6));
    match mapping {
        Mapping::Date(_) => date,
        Mapping::Time(_) => time,
        _ => format!("{date} {time}"),
    }
}
