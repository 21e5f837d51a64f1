//! What values stand for on either side: booleans, days, moments, UUIDs, documents
//!
//! A moment is microseconds, a UUID its digits, whatever way either side writes them. That SQLite's own spelling comes
//! back is shown by the product's `verify`, which writes each value in it again.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

/// `jsonb` that holds documents, not values of any class
pub const DOCUMENT: &str = "document";

const MOMENT: [&str; 2] = ["timestamp without time zone", "timestamp with time zone"];
const TIME: &str = "time without time zone";

pub fn knows(kind: &str) -> bool {
    ["boolean", "date", TIME, "uuid", "json", DOCUMENT].contains(&kind)
        || MOMENT.contains(&kind)
        || kind.starts_with("numeric(")
        || is_vector(kind)
}

/// `vector(3)` of pgvector, with or without its schema
fn is_vector(kind: &str) -> bool {
    kind.split_once('(').is_some_and(|(name, _)| name.rsplit('.').next() == Some("vector"))
}

/// The bits of each 32-bit float
fn vector(numbers: impl Iterator<Item = Option<f32>>) -> Option<String> {
    numbers.map(|number| Some(format!("{:08x}", number?.to_bits()))).collect()
}

fn list(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    vector(inner.split(',').map(|number| number.trim().parse().ok()))
}

/// The value of the source, which is not NULL, as the type has it; `None` if it is no such thing
pub fn source(value: ValueRef<'_>, kind: &str) -> Option<String> {
    let text = match value {
        ValueRef::Text(bytes) => Some(std::str::from_utf8(bytes).ok()?),
        _ => None,
    };
    let found = match (kind, value) {
        (kind, ValueRef::Blob(bytes)) if is_vector(kind) => {
            vector(bytes.chunks(4).map(|float| Some(f32::from_le_bytes(float.try_into().ok()?))))?
        }
        (kind, _) if is_vector(kind) => list(text?)?,
        ("boolean", ValueRef::Integer(0)) => "f".to_owned(),
        ("boolean", ValueRef::Integer(1)) => "t".to_owned(),
        ("boolean", _) => match text? {
            "1" | "t" | "T" | "true" | "TRUE" | "y" | "Y" | "yes" => "t".to_owned(),
            "0" | "f" | "F" | "false" | "FALSE" | "n" | "N" | "no" => "f".to_owned(),
            _ => return None,
        },
        ("uuid", ValueRef::Blob(bytes)) => digits(bytes),
        ("uuid", _) => hex_digits(text?)?,
        ("json", ValueRef::Integer(number)) => number.to_string(),
        ("json", ValueRef::Real(number)) => format!("{number:?}"),
        ("json", _) => text?.to_owned(),
        (DOCUMENT, ValueRef::Integer(number)) => document(&number.to_string())?,
        (DOCUMENT, ValueRef::Real(number)) => document(&format!("{number:?}"))?,
        (DOCUMENT, _) => document(text?)?,
        (TIME, _) => time(text?.strip_prefix("2000-01-01 ").unwrap_or(text?))?.to_string(),
        ("date", _) => day(text?)?.0.to_string(),
        (kind, ValueRef::Integer(number)) if MOMENT.contains(&kind) => epoch(number).to_string(),
        (kind, _) if MOMENT.contains(&kind) => moment(text?)?.to_string(),
        (kind, ValueRef::Text(_)) if kind.starts_with("numeric(") => decimal(text?, kind)?,
        (_, ValueRef::Integer(number)) => decimal(&number.to_string(), kind)?,
        // NUMERIC affinity would have made an integer of it.
        (_, ValueRef::Real(number)) if number.fract() != 0.0 => decimal(&number.to_string(), kind)?,
        _ => return None,
    };
    Some(format!("{kind} {found}"))
}

/// The value of the target, from the text that PostgreSQL gives for it
pub fn target(text: &str, kind: &str) -> Option<String> {
    let found = match kind {
        "boolean" | "json" => text.to_owned(),
        "uuid" => hex_digits(text)?,
        DOCUMENT => document(text)?,
        TIME => time(text)?.to_string(),
        "date" => day(text)?.0.to_string(),
        kind if MOMENT.contains(&kind) => moment(text)?.to_string(),
        kind if is_vector(kind) => list(text)?,
        _ => text.to_owned(),
    };
    Some(format!("{kind} {found}"))
}

/// Whether the column is meant for documents, and holds nothing else
pub fn holds_documents(connection: &Connection, table: &str, column: &str) -> bool {
    let meant = "SELECT count(*) FROM pragma_table_xinfo(?1) AS c JOIN sqlite_schema AS s ON s.name = ?1 \
                 WHERE c.name = ?2 AND (c.type LIKE 'json%' \
                 OR replace(lower(s.sql), '\"', '') LIKE '%json_valid(' || ?2 || ')%')";
    let meant = connection.query_row(meant, [table, column], |row| row.get::<_, i64>(0)).expect("the declaration");
    let name = |name: &str| super::pg::quote(name);
    let sql = format!("SELECT {0} FROM main.{1} WHERE {0} IS NOT NULL", name(column), name(table));
    let mut statement = connection.prepare(&sql).expect("the values");
    let mut rows = statement.query([]).expect("the values");
    while let Some(row) = rows.next().expect("a value") {
        if source(row.get_ref(0).expect("a value"), DOCUMENT).is_none() {
            return false;
        }
    }
    meant > 0
}

/// Keys sorted and numbers as doubles, beyond which the two sides may write them in different ways
fn document(text: &str) -> Option<String> {
    fn plain(value: Json) -> Json {
        match value {
            Json::Number(number) => Json::from(number.as_f64()),
            Json::Array(items) => items.into_iter().map(plain).collect(),
            Json::Object(members) => members.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            other => other,
        }
    }
    Some(plain(serde_json::from_str(text).ok()?).to_string())
}

/// Filled up with zeros to the digits that `numeric(p,s)` shows
fn decimal(number: &str, kind: &str) -> Option<String> {
    let scale: usize = kind.strip_suffix(')')?.split_once(',')?.1.parse().ok()?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fill = scale.checked_sub(fraction.len())?;
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{whole}{point}{fraction}{}", "0".repeat(fill)))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex_digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | '{' | '}')).collect();
    (digits.len() == 32).then(|| digits.to_lowercase())
}

/// By their size, numbers of this century count seconds, milliseconds or microseconds
fn epoch(number: i64) -> i64 {
    match number.abs() {
        0..=99_999_999_999 => number * 1_000_000,
        100_000_000_000..=99_999_999_999_999 => number * 1000,
        _ => number,
    }
}

/// Microseconds since 1970
fn moment(text: &str) -> Option<i64> {
    let (days, rest) = day(text)?;
    let rest = rest.trim_start_matches([' ', 'T']);
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let zone: String = zone.chars().filter(|c| !matches!(c, ':' | 'Z')).collect();
    let east = match zone.len() {
        0 => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let minutes: i64 = zone.get(3..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
            sign * (zone.get(1..3)?.parse::<i64>().ok()? * 60 + minutes)
        }
    };
    Some(days * 86_400_000_000 + time(clock)? - east * 60_000_000)
}

/// Microseconds since midnight; without colons too
fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let clock: String = clock.chars().filter(|c| *c != ':').collect();
    let part = |at: usize| clock.get(at..at + 2).map_or(Some(0), |digits| digits.parse::<i64>().ok());
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(((part(0)? * 60 + part(2)?) * 60 + part(4)?) * 1_000_000 + fraction)
}

/// Days since 1970, counted one year and one month after the other, and what follows the day
fn day(text: &str) -> Option<(i64, &str)> {
    let hyphens = text.as_bytes().get(4) == Some(&b'-');
    let (month, day, end) = if hyphens { (5..7, 8..10, 10) } else { (4..6, 6..8, 8) };
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<i64>().ok());
    let (year, month, day) = (number(0..4)?, number(month)?, number(day)?);
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |year: i64| 365 + i64::from(leap(year));
    let years: i64 = if year >= 1970 { (1970..year).map(length).sum() } else { -(year..1970).map(length).sum::<i64>() };
    let months = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30];
    let months: i64 = months.iter().take(month as usize - 1).sum();
    Some((years + months + day - 1, &text[end..]))
}
