//! What a declaration asks for beyond SQLite's own types
//!
//! SQLite takes any word for a type and holds to none of them. Only what is asked for here is looked for among the values
//! (a text column full of dates stays text: its application may write another text tomorrow), and every value has to
//! prove it.

use crate::model::schema::{Affinity, Table};

/// PostgreSQL's most digits of a `numeric(p,s)`
const MAX_PRECISION: u16 = 1000;

/// What the declared type says that the values stand for
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Nothing but the value itself
    #[default]
    Plain,
    Boolean,
    Date,
    /// DATETIME, TIMESTAMP and their kin
    Moment,
    Time,
    /// DECIMAL(p,s); without (p,s) the number alone is meant, which needs no proof
    Decimal {
        precision: u16,
        scale: i16,
    },
    Uuid,
    /// A text of a UUID's width, CHAR(36): one only if some generator made it
    UuidWidth,
    /// BINARY(16)
    UuidBytes,
    Json,
}

impl Intent {
    /// What the column's declaration asks for
    pub fn of(table: &Table, column: usize) -> Intent {
        let declared = &table.columns[column];
        if is_json_checked(&table.sql, &declared.name) {
            return Intent::Json;
        }
        // A STRICT table knows its own types only, and a rowid is a number.
        if table.strict || table.rowid_alias == Some(column) {
            return Intent::Plain;
        }
        let (name, arguments) = split(&declared.declared_type);
        of_name(&name, &arguments, declared.affinity)
    }
}

/// The name in upper case with single blanks, and the numbers in parentheses
fn split(declared: &str) -> (String, Vec<u16>) {
    let (before, rest) = declared.split_once('(').unwrap_or((declared, ""));
    let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
    let words = before.split_whitespace().chain(after.split_whitespace());
    let name = words.collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let numbers = inside.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<u16>>>();
    (name, numbers.unwrap_or_default())
}

fn of_name(name: &str, arguments: &[u16], affinity: Affinity) -> Intent {
    let first = name.split(' ').next().unwrap_or_default();
    match (first, arguments) {
        ("BOOL" | "BOOLEAN", _) => Intent::Boolean,
        ("DATE", _) => Intent::Date,
        ("DATETIME" | "DATETIME2" | "SMALLDATETIME" | "DATETIMEOFFSET" | "TIMESTAMP" | "TIMESTAMPTZ", _) => {
            Intent::Moment
        }
        ("TIME" | "TIMETZ", _) => Intent::Time,
        ("DECIMAL" | "DEC" | "NUMERIC" | "NUMBER", [precision, more @ ..]) if affinity == Affinity::Numeric => {
            let scale = more.first().copied().unwrap_or(0);
            let fits = (1..=MAX_PRECISION).contains(precision) && scale <= *precision && more.len() < 2;
            if fits { Intent::Decimal { precision: *precision, scale: scale as i16 } } else { Intent::Plain }
        }
        ("UUID" | "GUID" | "UNIQUEIDENTIFIER", _) => Intent::Uuid,
        ("CHAR" | "CHARACTER" | "NCHAR", [32 | 36]) => Intent::UuidWidth,
        ("BINARY", [16]) => Intent::UuidBytes,
        ("JSON" | "JSONB", _) => Intent::Json,
        _ => Intent::Plain,
    }
}

/// Whether the table's SQL has `json_valid(column)` anywhere outside of strings and comments
///
/// No parser is needed to take a hint: whether the column holds documents is for its values to prove.
fn is_json_checked(sql: &str, column: &str) -> bool {
    let words = words(sql);
    words.windows(4).any(|four| {
        four[0].eq_ignore_ascii_case("json_valid")
            && four[1] == "("
            && four[2].eq_ignore_ascii_case(column)
            && four[3] == ")"
    })
}

/// Names without their quotes, and symbols; strings and comments left out
fn words(sql: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '\'' | '"' | '`' | '[' => {
                let (name, length) = quoted(rest, if first == '[' { ']' } else { first });
                if first != '\'' {
                    words.push(name);
                }
                length
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                words.push(rest[..length].to_owned());
                length
            }
            c => {
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// What is between the quotes at the beginning, and the bytes that it takes with them; a quote inside stands twice
fn quoted(text: &str, close: char) -> (String, usize) {
    let (mut inside, mut chars) = (String::new(), text.char_indices().skip(1).peekable());
    while let Some((at, c)) = chars.next() {
        if c != close {
            inside.push(c);
        } else if close != ']' && chars.peek().is_some_and(|(_, next)| *next == close) {
            inside.push(c);
            chars.next();
        } else {
            return (inside, at + 1);
        }
    }
    (inside, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(declared: &str) -> Intent {
        let (name, arguments) = split(declared);
        of_name(&name, &arguments, Affinity::of_declared(declared))
    }

    #[test]
    fn declarations_say_what_is_meant() {
        let decimal = |precision, scale| Intent::Decimal { precision, scale };
        for (declared, expected) in [
            ("bool", Intent::Boolean),
            ("BOOLEAN NOT NULL", Intent::Boolean),
            ("Date", Intent::Date),
            ("datetime(6)", Intent::Moment),
            ("TIMESTAMP  with  time zone", Intent::Moment),
            ("timestamp(3) without time zone", Intent::Moment),
            ("TIMESTAMPTZ", Intent::Moment),
            ("time(6)", Intent::Time),
            ("DECIMAL(10,2)", decimal(10, 2)),
            ("numeric( 12 , 4 )", decimal(12, 4)),
            ("NUMBER(8)", decimal(8, 0)),
            ("uuid", Intent::Uuid),
            ("UNIQUEIDENTIFIER", Intent::Uuid),
            ("char(32)", Intent::UuidWidth),
            ("CHAR(36)", Intent::UuidWidth),
            ("varchar(36)", Intent::Plain),
            ("BINARY(16)", Intent::UuidBytes),
            ("JSON", Intent::Json),
            ("jsonb", Intent::Json),
        ] {
            assert_eq!(intent(declared), expected, "{declared}");
        }
    }

    #[test]
    fn other_words_mean_nothing_more() {
        for declared in [
            "",
            "INTEGER",
            "TINYINT(1)",
            "TEXT",
            "DATES",
            "UPDATED",
            "DATETIMES",
            "DECIMAL",
            "DECIMAL(0,0)",
            "DECIMAL(2,3)",
            "DECIMAL(1001,2)",
            "DECIMAL(10,-2)",
            "DECIMAL(a,b)",
            "NUMERIC(1,1,1)",
            "DECIMAL INT(10,2)",
            "FLOAT(10,2)",
            "VARCHAR(32)",
            "CHAR(35)",
            "BINARY(17)",
            "VARBINARY(16)",
            "STRING",
            "XBOOL",
            "MONEY",
            "JSON_TEXT",
        ] {
            assert_eq!(intent(declared), Intent::Plain, "{declared}");
        }
    }

    #[test]
    fn json_is_meant_where_the_sql_checks_for_it() {
        for sql in [
            "CREATE TABLE t(a TEXT CHECK (json_valid(a)))",
            "CREATE TABLE t(\"A\" text NOT NULL CHECK ((JSON_VALID(\"a\") OR \"a\" IS NULL)))",
            "CREATE TABLE t([a] text, CHECK(json_valid ( /* here */ `a` -- and here\n )))",
        ] {
            assert!(is_json_checked(sql, "a"), "{sql}");
            assert!(!is_json_checked(sql, "b"), "{sql}");
        }
        for sql in [
            "CREATE TABLE t(a TEXT /* json_valid(a) */)",
            "CREATE TABLE t(a TEXT DEFAULT 'json_valid(a)')",
            "CREATE TABLE t(a TEXT DEFAULT '''json_valid(a)')",
            "CREATE TABLE t(a TEXT -- json_valid(a)",
            "CREATE TABLE t(a TEXT, b CHECK (json_valid(b || a)))",
            "CREATE TABLE t(\"json_valid(a)\" TEXT, 'a",
        ] {
            assert!(!is_json_checked(sql, "a"), "{sql}");
        }
    }
}
