//! PostgreSQL's type names, as one writes them

use crate::model::convert::forms::Element;
use crate::model::plan::Check;

/// PostgreSQL's most characters in a `varchar(n)`, digits in a `numeric(p,s)`, dimensions of a vector
const MAX_CHARS: u32 = 10_485_760;
const MAX_DIGITS: u32 = 1000;
const MAX_DIMENSIONS: u32 = 16_000;

/// A type by what goes into it; how SQLite spells that is left open
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Smallint,
    Integer,
    Bigint,
    /// `numeric`, without limits
    Numeric,
    Decimal {
        precision: u16,
        scale: i16,
    },
    Float4,
    Double,
    Boolean,
    Text,
    /// `char(n)`
    Padded,
    Bytea,
    Date,
    Time,
    Timestamp {
        zoned: bool,
    },
    Interval,
    Uuid,
    Json,
    Jsonb,
    Inet {
        cidr: bool,
    },
    Array(Element),
    Vector(u16),
}

/// A type name, understood
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    pub kind: Kind,
    /// As written in DDL
    pub sql: String,
    pub check: Check,
}

impl TypeName {
    /// Reads a type name; `None` if PostgreSQL has no such type, or none that values of SQLite go to
    pub fn parse(text: &str) -> Option<TypeName> {
        let text = text.to_ascii_lowercase();
        if let Some(element) = text.trim_end().strip_suffix("[]") {
            let element = element_of(&text_and_numbers(element)?)?;
            return Some(plain(Kind::Array(element), &format!("{}[]", element.sql())));
        }
        let (name, numbers) = text_and_numbers(&text)?;
        simple(&name, &numbers).or_else(|| limited(&name, &numbers))
    }
}

fn plain(kind: Kind, sql: &str) -> TypeName {
    TypeName { kind, sql: sql.to_owned(), check: Check::None }
}

/// Types that take no number
fn simple(name: &str, numbers: &[u32]) -> Option<TypeName> {
    let (kind, sql) = match name {
        "smallint" | "int2" => (Kind::Smallint, "smallint"),
        "integer" | "int" | "int4" => (Kind::Integer, "integer"),
        "bigint" | "int8" => (Kind::Bigint, "bigint"),
        "real" | "float4" => (Kind::Float4, "real"),
        "double precision" | "float8" => (Kind::Double, "double precision"),
        "boolean" | "bool" => (Kind::Boolean, "boolean"),
        "text" => (Kind::Text, "text"),
        "citext" => (Kind::Text, "citext"),
        "bytea" => (Kind::Bytea, "bytea"),
        "date" => (Kind::Date, "date"),
        "interval" => (Kind::Interval, "interval"),
        "uuid" => (Kind::Uuid, "uuid"),
        "json" => (Kind::Json, "json"),
        "jsonb" => (Kind::Jsonb, "jsonb"),
        "inet" => (Kind::Inet { cidr: false }, "inet"),
        "cidr" => (Kind::Inet { cidr: true }, "cidr"),
        _ => return None,
    };
    numbers.is_empty().then(|| plain(kind, sql))
}

/// Types that take numbers, or may
fn limited(name: &str, numbers: &[u32]) -> Option<TypeName> {
    match name {
        "varchar" | "character varying" => chars(Kind::Text, "varchar", numbers),
        "char" | "character" if numbers.is_empty() => chars(Kind::Padded, "char", &[1]),
        "char" | "character" | "bpchar" if numbers.len() == 1 => chars(Kind::Padded, "char", numbers),
        "bpchar" => chars(Kind::Padded, "bpchar", numbers),
        "numeric" | "decimal" => decimal(numbers),
        "time" | "time without time zone" => seconds(Kind::Time, "time", numbers),
        "timestamp" | "timestamp without time zone" => seconds(Kind::Timestamp { zoned: false }, "timestamp", numbers),
        "timestamptz" | "timestamp with time zone" => seconds(Kind::Timestamp { zoned: true }, "timestamptz", numbers),
        // As many dimensions as the values have
        "vector" if numbers.is_empty() => Some(plain(Kind::Vector(0), "vector")),
        "vector" => match numbers {
            [dimensions @ 1..=MAX_DIMENSIONS] => {
                Some(plain(Kind::Vector(*dimensions as u16), &format!("vector({dimensions})")))
            }
            _ => None,
        },
        _ => None,
    }
}

fn chars(kind: Kind, name: &str, numbers: &[u32]) -> Option<TypeName> {
    match numbers {
        [] => Some(plain(kind, name)),
        [limit @ 1..=MAX_CHARS] => {
            Some(TypeName { check: Check::Chars(*limit), ..plain(kind, &format!("{name}({limit})")) })
        }
        _ => None,
    }
}

fn decimal(numbers: &[u32]) -> Option<TypeName> {
    let (precision, scale) = match numbers {
        [] => return Some(plain(Kind::Numeric, "numeric")),
        [precision] => (*precision, 0),
        [precision, scale] => (*precision, *scale),
        _ => return None,
    };
    let fits = (1..=MAX_DIGITS).contains(&precision) && scale <= precision;
    let kind = Kind::Decimal { precision: precision as u16, scale: scale as i16 };
    fits.then(|| plain(kind, &format!("numeric({precision},{scale})")))
}

fn seconds(kind: Kind, name: &str, numbers: &[u32]) -> Option<TypeName> {
    match numbers {
        [] => Some(plain(kind, name)),
        [digits @ 0..=6] => {
            Some(TypeName { check: Check::Scale(*digits as u8), ..plain(kind, &format!("{name}({digits})")) })
        }
        _ => None,
    }
}

fn element_of((name, numbers): &(String, Vec<u32>)) -> Option<Element> {
    match simple(name, numbers).or_else(|| limited(name, numbers))? {
        TypeName { kind: Kind::Smallint, .. } => Some(Element::Smallint),
        TypeName { kind: Kind::Integer, .. } => Some(Element::Integer),
        TypeName { kind: Kind::Bigint, .. } => Some(Element::Bigint),
        TypeName { kind: Kind::Text, sql, .. } if sql == "text" => Some(Element::Text),
        TypeName { kind: Kind::Text, sql, .. } if sql == "varchar" => Some(Element::Varchar),
        TypeName { kind: Kind::Boolean, .. } => Some(Element::Boolean),
        TypeName { kind: Kind::Float4, .. } => Some(Element::Float4),
        TypeName { kind: Kind::Double, .. } => Some(Element::Double),
        TypeName { kind: Kind::Date, .. } => Some(Element::Date),
        TypeName { kind: Kind::Uuid, .. } => Some(Element::Uuid),
        _ => None,
    }
}

/// The words with single blanks between them, and the numbers in parentheses, which stand behind any of them
fn text_and_numbers(text: &str) -> Option<(String, Vec<u32>)> {
    let (before, inside, after) = match text.split_once('(') {
        None => (text, None, ""),
        Some((before, rest)) => {
            let (inside, after) = rest.split_once(')')?;
            (before, Some(inside), after)
        }
    };
    let words: Vec<&str> = before.split_whitespace().chain(after.split_whitespace()).collect();
    let number = |text: &str| {
        let digits = text.trim();
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let numbers = inside.map_or(Some(Vec::new()), |inside| inside.split(',').map(number).collect());
    Some((words.join(" "), numbers?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for (text, sql) in [
            ("int8", "bigint"),
            ("BIGINT", "bigint"),
            ("int", "integer"),
            ("int2", "smallint"),
            ("float8", "double precision"),
            ("double  precision", "double precision"),
            ("bool", "boolean"),
            ("VARCHAR( 20 )", "varchar(20)"),
            ("character varying(9)", "varchar(9)"),
            ("varchar", "varchar"),
            ("char", "char(1)"),
            ("bpchar", "bpchar"),
            ("bpchar(3)", "char(3)"),
            ("decimal(10, 2)", "numeric(10,2)"),
            ("numeric(8)", "numeric(8,0)"),
            ("numeric", "numeric"),
            ("timestamp(3) with time zone", "timestamptz(3)"),
            ("timestamptz", "timestamptz"),
            ("timestamp without time zone", "timestamp"),
            ("time(0)", "time(0)"),
            ("int[]", "integer[]"),
            ("int2[]", "smallint[]"),
            ("date[]", "date[]"),
            ("float4[]", "real[]"),
            ("character varying []", "varchar[]"),
            ("vector(3)", "vector(3)"),
            ("vector", "vector"),
            ("citext", "citext"),
        ] {
            let read = TypeName::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.sql, sql, "{text}");
            assert_eq!(TypeName::parse(sql), Some(read), "{sql} is read back");
        }
    }

    #[test]
    fn other_words_are_no_types() {
        for text in [
            "",
            "strin",
            "int(4)",
            "varchar(0)",
            "varchar(a)",
            "varchar(-1)",
            "varchar(1",
            "varchar(1,2)",
            "numeric(2,3)",
            "numeric(0)",
            "numeric(1001)",
            "timestamp(7)",
            "interval(3)",
            "timetz",
            "vector(0)",
            "vector(16001)",
            "serial",
            "json[]",
            "text[][]",
            "money",
            "varchar()",
            "varchar(99999999999)",
            "text; drop table t",
        ] {
            assert_eq!(TypeName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn limits_become_checks() {
        let check = |text: &str| TypeName::parse(text).map(|read| read.check);
        assert_eq!(check("varchar(20)"), Some(Check::Chars(20)));
        assert_eq!(check("char"), Some(Check::Chars(1)));
        assert_eq!(check("timestamptz(3)"), Some(Check::Scale(3)));
        assert_eq!([check("numeric(3,1)"), check("text")], [Some(Check::None), Some(Check::None)]);
    }
}
