//! What is translated into what, and what is not for which reason
//!
//! That both engines agree is shown by `tests/it/translation.rs`; here is what the SQL looks like.

use crate::model::convert::forms::{
    BoolForm, DateForm, DecimalClass, EpochUnit, Fraction, Layout, StampForm, UuidForm, Zone,
};
use crate::model::plan::{Check, TablePlan};
use crate::model::schema::{Column, Generated, Key, KeyKind, Table, TextOrder, quote_identifier};

use super::*;

mod statements;

const STAMP: StampForm = StampForm { layout: Layout::IsoSpace, fraction: Fraction::None, zone: Zone::None, assumed: 0 };

const COLUMNS: &[(&str, &str, Mapping)] = &[
    ("id", "INTEGER", Mapping::Bigint),
    ("n", "INTEGER", Mapping::Bigint),
    ("m", "INTEGER", Mapping::Bigint),
    ("small", "INTEGER", Mapping::Smallint),
    ("r", "REAL", Mapping::Double),
    ("f", "REAL", Mapping::Float4),
    ("num", "NUMERIC", Mapping::Numeric),
    ("price", "DECIMAL(10,2)", Mapping::Decimal { precision: 10, scale: 2, class: DecimalClass::ByValue }),
    ("dt", "TEXT", Mapping::Decimal { precision: 10, scale: 2, class: DecimalClass::Text }),
    ("free", "TEXT", Mapping::Decimal { precision: 0, scale: 0, class: DecimalClass::Text }),
    ("t", "TEXT", Mapping::Text),
    ("u", "TEXT", Mapping::Text),
    ("NoCase", "TEXT COLLATE NOCASE", Mapping::Text),
    ("rt", "TEXT COLLATE RTRIM", Mapping::Text),
    ("own", "TEXT COLLATE GERMAN", Mapping::Text),
    ("word", "STRING", Mapping::Text),
    ("ci", "TEXT", Mapping::Text),
    ("mood", "TEXT", Mapping::Text),
    ("b", "BLOB", Mapping::Bytea),
    ("flag", "BOOLEAN", Mapping::Boolean(BoolForm::ZeroOne)),
    ("yes", "BOOLEAN", Mapping::Boolean(BoolForm::Word)),
    ("d", "DATE", Mapping::Date(DateForm::Iso)),
    ("ts", "DATETIME", Mapping::Timestamp { zoned: false, form: STAMP }),
    (
        "tz",
        "TEXT",
        Mapping::Timestamp { zoned: true, form: StampForm { fraction: Fraction::OmitZero(3), zone: Zone::Z, ..STAMP } },
    ),
    ("many", "DATETIME", Mapping::Moment { zoned: false, form: STAMP }),
    ("ep", "INTEGER", Mapping::Epoch { zoned: true, unit: EpochUnit::S }),
    ("uid", "UUID", Mapping::Uuid(UuidForm::Hyphens)),
    ("j", "JSON", Mapping::Json { binary: true, numbers: true }),
    ("v", "", Mapping::Variant),
    ("a\"b", "INTEGER", Mapping::Bigint),
    ("made", "INTEGER", Mapping::Bigint),
];

/// A table `things` with every column under its own name, but `"Things"` on the target
pub(super) fn table() -> TablePlan {
    let mut source = Table {
        name: "things".into(),
        sql: String::new(),
        without_rowid: false,
        strict: false,
        columns: COLUMNS.iter().map(|(name, declared, _)| source_column(name, declared)).collect(),
        primary_key: vec![0],
        rowid_alias: Some(0),
        rowid_name: Some("rowid".into()),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    };
    source.columns[COLUMNS.len() - 1].generated = Generated::Virtual;
    let mut plan = TablePlan::new(source, Key::new(KeyKind::RowidAlias, Vec::new()));
    plan.target_name = "Things".into();
    plan.columns = COLUMNS.iter().enumerate().map(|(at, (name, _, mapping))| column(at, name, *mapping)).collect();
    plan
}

fn column(at: usize, name: &str, mapping: Mapping) -> ColumnPlan {
    let mut plan = ColumnPlan::new(quote_identifier(name), Some(at), mapping, false);
    plan.target_name = name.into();
    match name {
        "ci" => plan.type_sql = "citext".into(),
        "mood" => (plan.type_sql, plan.check) = ("\"mood\"".into(), Check::Labels(vec!["ok".into()])),
        _ => {}
    }
    plan
}

pub(super) fn source_column(name: &str, declared: &str) -> Column {
    let (declared_type, collation) = declared.split_once(" COLLATE ").unwrap_or((declared, "BINARY"));
    Column {
        name: name.into(),
        declared_type: declared_type.into(),
        affinity: Affinity::of_declared(declared_type),
        not_null: false,
        default: None,
        generated: Generated::No,
        collation: collation.into(),
    }
}

/// The translation, or `not: ` and the reason
pub(super) fn told(result: Result<String, Reason>) -> String {
    result.unwrap_or_else(|reason| format!("not: {reason}"))
}

pub(super) fn check_rows(rows: &[(&str, &str)], translate: impl Fn(&str) -> Result<String, Reason>) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(sql, expected)| (sql, expected, told(translate(sql))))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(sql, _, found)| format!("(r#\"{sql}\"#, r#\"{found}\"#),"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const CONDITIONS: &[(&str, &str)] = &[
    (r#"n > 0"#, r#""n" > 0"#),
    (r#"n >= -1 AND n < 9223372036854775807"#, r#"("n" >= (-1)) AND ("n" < 9223372036854775807)"#),
    (
        r#"n = 9223372036854775808"#,
        r#"not: 9223372036854775808, which not every library reads as the same real number"#,
    ),
    (r#"n IN (1, 2, NULL)"#, r#""n" IN (1, 2, NULL)"#),
    (r#"n NOT IN (1, 2)"#, r#"NOT ("n" IN (1, 2))"#),
    (r#"n IN ()"#, r#"false"#),
    (r#"n = 'x'"#, r#"CASE WHEN "n" IS NOT NULL THEN false END"#),
    (r#"n <> ''"#, r#"CASE WHEN "n" IS NOT NULL THEN true END"#),
    (r#"many IS NOT NULL"#, r#""many" IS NOT NULL"#),
    (r#"many = '2024-01-02 03:04:05'"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"many < ts"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"many = many"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"many IN ('2024-01-02 03:04:05')"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"date(many) = '2024-01-02'"#, r#"not: the function date of a value that is no moment of UTC on both sides"#),
    (r#"length(many) = 19"#, r#"not: the length of a value that is written in another way"#),
    (r#"many LIKE '2024%'"#, r#"not: a pattern for what is no text on both sides"#),
    (r#"n < 'x'"#, r#"not: values of different storage classes meet"#),
    (r#"n = '5'"#, r#""n" = 5"#),
    (r#"n = 1.5"#, r#""n" = 1.5"#),
    (r#"n > 0.1234567890123456"#, r#"not: 0.1234567890123456, which not every library reads as the same real number"#),
    (r#"n = m"#, r#""n" = "m""#),
    (r#"small = n"#, r#""small"::bigint = "n""#),
    (r#"small + 1 > n"#, r#"("small"::bigint + 1::bigint) > "n""#),
    (r#"n IS NULL"#, r#""n" IS NULL"#),
    (r#"n IS NOT m"#, r#""n" IS DISTINCT FROM "m""#),
    (r#"n IS TRUE"#, r#"("n" <> 0) IS TRUE"#),
    (r#"n IS NOT FALSE"#, r#"("n" <> 0) IS NOT FALSE"#),
    (r#"n = TRUE"#, r#""n" = 1"#),
    (r#"n AND m"#, r#"("n" <> 0) AND ("m" <> 0)"#),
    (r#"NOT n"#, r#"NOT ("n" <> 0)"#),
    (r#"n + m > 10"#, r#"("n"::numeric + "m"::numeric) > 10"#),
    (r#"n + m > 9007199254740993"#, r#"not: a comparison with a number that is not exact on both sides"#),
    (r#"n + m + 1 > 0"#, r#"not: integers that may be too large for 64 bits, which SQLite goes on with as reals"#),
    (r#"n + m > n"#, r#"not: a comparison of numbers that PostgreSQL would round"#),
    (r#"small * 2 = n"#, r#"("small"::bigint * 2::bigint) = "n""#),
    (r#"- n > 0"#, r#"(- "n"::numeric) > 0"#),
    (r#"- small < n"#, r#"(- "small"::bigint) < "n""#),
    (r#"n / 2 = 1"#, r#"("n" / 2::bigint) = 1"#),
    (r#"n / 0 = 1"#, r#"not: a division by something else than a positive number"#),
    (r#"n / m = 1"#, r#"not: a division by something else than a positive number"#),
    (r#"n % 7 = 0"#, r#"("n" % 7::bigint) = 0"#),
    (r#"n << 1 = 2"#, r#"not: a shift of bits"#),
    (r#"n & 4 = 4"#, r#"("n" & 4::bigint) = 4"#),
    (r#"n + 1.5 > 2"#, r#"not: arithmetic with a constant that is no integer"#),
    (r#"r > 0"#, r#""r" > 0::double precision"#),
    (r#"r = 0.1"#, r#""r" = 0.1::double precision"#),
    (r#"r > 9007199254740993"#, r#"not: a comparison with a number that is not exact on both sides"#),
    (r#"r + 1 > 2"#, r#"not: arithmetic with reals, which PostgreSQL rounds or refuses in other ways"#),
    (r#"r = n"#, r#"not: a comparison of numbers that PostgreSQL would round"#),
    (r#"r = small"#, r#""r" = "small"::bigint::double precision"#),
    (r#"r = num"#, r#"not: a comparison of numbers that PostgreSQL would round"#),
    (r#"f < 0.5"#, r#""f"::double precision < 0.5::double precision"#),
    (r#"num > 0.5"#, r#""num" > 0.5"#),
    (r#"num = n"#, r#""num" = "n""#),
    (r#"price >= 0"#, r#""price" >= 0"#),
    (r#"price = '5'"#, r#""price" = 5"#),
    (r#"dt = '1.50'"#, r#""dt" = 1.50"#),
    (r#"dt = '1.5'"#, r#"CASE WHEN "dt" IS NOT NULL THEN false END"#),
    (r#"dt > '1.50'"#, r#"not: an order that the texts do not have as the values have it"#),
    (r#"free = '1'"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"free IS NULL"#, r#""free" IS NULL"#),
    (r#"t = 'it''s'"#, r#""t" = 'it''s'"#),
    (r#"t <> """#, r#"not: a double-quoted string"#),
    (r#"t = "abc""#, r#"not: a double-quoted string"#),
    (r#"t < 'b'"#, r#""t" COLLATE "C" < 'b'"#),
    (r#"t = 5"#, r#""t" = '5'"#),
    (r#"t = 1.5"#, r#"not: a real number as text"#),
    (r#"t > n"#, r#"not: values of different storage classes meet"#),
    (r#"t"#, r#"not: a value as a condition that is no number on both sides"#),
    (r#"t = u"#, r#""t" = "u""#),
    (r#"t IS u"#, r#""t" IS NOT DISTINCT FROM "u""#),
    (r#"t IN ('a', 'b')"#, r#""t" IN ('a', 'b')"#),
    (r#"t IN ('a', NULL)"#, r#""t" IN ('a', NULL)"#),
    (r#"t BETWEEN 'a' AND 'b'"#, r#"("t" COLLATE "C" >= 'a') AND ("t" COLLATE "C" <= 'b')"#),
    (r#"NoCase = 'Abc'"#, r#"lower("NoCase" COLLATE "C") = 'abc'"#),
    (r#"nocase <> 'A'"#, r#"lower("NoCase" COLLATE "C") <> 'a'"#),
    (r#"NOCASE < u"#, r#"lower("NoCase" COLLATE "C") COLLATE "C" < lower("u" COLLATE "C")"#),
    (r#"rt = 'a '"#, r#"rtrim("rt", ' ') = 'a'"#),
    (r#"own = 'a'"#, r#"not: a collation of the application's own"#),
    (r#"own IS NULL"#, r#""own" IS NULL"#),
    (r#"own LIKE 'a%'"#, r#"lower("own" COLLATE "C") LIKE 'a%'"#),
    (r#"t = 'A' COLLATE NOCASE"#, r#"lower("t" COLLATE "C") = 'a'"#),
    (r#"t = CASE WHEN u = 'A' COLLATE NOCASE THEN 'b' END"#, r#"not: COLLATE inside of what is compared"#),
    (r#"t = 'A' COLLATE german"#, r#"not: the collation german"#),
    (r#"(t COLLATE NOCASE) || 'x' = 'AX'"#, r#"not: COLLATE inside of what is compared"#),
    (r#"word = 'x'"#, r#""word" = 'x'"#),
    (r#"word = '5'"#, r#"CASE WHEN "word" IS NOT NULL THEN false END"#),
    (r#"word = t"#, r#"not: values of different storage classes meet"#),
    (r#"ci = 'a'"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"ci IS NOT NULL"#, r#""ci" IS NOT NULL"#),
    (r#"mood = 'ok'"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"t LIKE 'A\%_'"#, r#"lower("t" COLLATE "C") LIKE 'a\\%_'"#),
    (r#"t LIKE 'a!%' ESCAPE '!'"#, r#"lower("t" COLLATE "C") LIKE 'a\%'"#),
    (r#"t LIKE u"#, r#"not: a pattern that is no constant"#),
    (r#"t LIKE 'a%' ESCAPE 'xy'"#, r#"not: ESCAPE with anything but one character"#),
    (r#"n LIKE '1%'"#, r#"not: a pattern for what is no text on both sides"#),
    (r#"t GLOB 'a*?'"#, r#""t" LIKE 'a%_'"#),
    (r#"t GLOB '[0-9]*'"#, r#""t" COLLATE "C" ~ '^[0-9].*$'"#),
    (r#"t GLOB '[^a-z]'"#, r#""t" COLLATE "C" ~ '^[^a-z]$'"#),
    (r#"t GLOB '[]a]'"#, r#"not: a set of characters in GLOB that is not plainly one"#),
    (r#"t GLOB '[a-]'"#, r#"not: a set of characters in GLOB that is not plainly one"#),
    (r#"t REGEXP 'a'"#, r#"not: REGEXP"#),
    (r#"t MATCH 'a'"#, r#"not: MATCH"#),
    (r#"b = x'00FF'"#, r#""b" = '\x00ff'::bytea"#),
    (r#"b = 'a'"#, r#"CASE WHEN "b" IS NOT NULL THEN false END"#),
    (r#"b < x'ff'"#, r#""b" < '\xff'::bytea"#),
    (r#"flag = 1"#, r#""flag" = true"#),
    (r#"flag = 0 OR flag IS NULL"#, r#"("flag" = false) OR ("flag" IS NULL)"#),
    (r#"flag IN (0, 1)"#, r#""flag" IN (false, true)"#),
    (r#"flag IN (0, 1, 2)"#, r#""flag" IN (false, true)"#),
    (r#"flag"#, r#""flag""#),
    (r#"NOT flag"#, r#"NOT "flag""#),
    (r#"flag = 2"#, r#"CASE WHEN "flag" IS NOT NULL THEN false END"#),
    (r#"flag = '1'"#, r#""flag" = true"#),
    (r#"flag > n"#, r#""flag"::integer > "n""#),
    (r#"flag = (n > 0)"#, r#""flag" = ("n" > 0)"#),
    (r#"flag + 1 = 2"#, r#"("flag"::integer::bigint + 1::bigint) = 2"#),
    (r#"yes = 'true'"#, r#""yes" = true"#),
    (r#"yes = 'TRUE'"#, r#"CASE WHEN "yes" IS NOT NULL THEN false END"#),
    (r#"yes"#, r#"not: a value as a condition that is no number on both sides"#),
    (r#"yes IN ('true', 'false')"#, r#""yes" IN (true, false)"#),
    (r#"d = '2024-01-02'"#, r#""d" = '2024-01-02'::date"#),
    (r#"d = '2024-1-2'"#, r#"CASE WHEN "d" IS NOT NULL THEN false END"#),
    (r#"d > 'x'"#, r#"not: a constant that is not written as the column's values"#),
    (r#"d >= date('now')"#, r#"not: the function date with these arguments"#),
    (r#"d = 5"#, r#"CASE WHEN "d" IS NOT NULL THEN false END"#),
    (r#"ts > '2024-01-02 03:04:05'"#, r#""ts" > '2024-01-02 03:04:05'::timestamp"#),
    (r#"ts >= '2024-01-02'"#, r#""ts" >= '2024-01-02 00:00:00'::timestamp"#),
    (r#"ts < '2024-01-02'"#, r#""ts" < '2024-01-02 00:00:00'::timestamp"#),
    (r#"ts = '2024-01-02'"#, r#"CASE WHEN "ts" IS NOT NULL THEN false END"#),
    (r#"ts > '2024-01-02T00:00:00'"#, r#"not: a constant that is not written as the column's values"#),
    (r#"ts < d"#, r#"not: a comparison of values that are written in different ways"#),
    (r#"ts = t"#, r#"not: values of different storage classes meet"#),
    (r#"date(ts) >= '2024-01-02'"#, r#""ts"::date >= '2024-01-02'::date"#),
    (r#"d IS date(d)"#, r#""d" IS NOT DISTINCT FROM "d""#),
    (r#"date(tz) = '2024-01-02'"#, r#"("tz" AT TIME ZONE 'utc')::date = '2024-01-02'::date"#),
    (r#"date(t) = t"#, r#"not: the function date of a value that is no moment of UTC on both sides"#),
    (r#"date(ts, '+1 day') > d"#, r#"not: the function date with these arguments"#),
    (r#"strftime('%s', ts) > '5'"#, r#"not: strftime with %s"#),
    (r#"strftime('%Y', ts) = '2024'"#, r#"lpad(extract(year FROM "ts")::text, 4, '0') = '2024'"#),
    (r#"tz = '2024-01-02 00:00:00Z'"#, r#""tz" = '2024-01-02 00:00:00+00:00'::timestamptz"#),
    (r#"tz > '2024-01-02 00:00:00Z'"#, r#"not: an order that the texts do not have as the values have it"#),
    (r#"ep > 0"#, r#""ep" > '1970-01-01 00:00:00+00:00'::timestamptz"#),
    (r#"ep > 1700000000"#, r#""ep" > '2023-11-14 22:13:20+00:00'::timestamptz"#),
    (r#"ep > n"#, r#"not: a comparison of numbers that PostgreSQL would round"#),
    (r#"ep = 1.5"#, r#"not: a constant of another storage class than the column's values"#),
    (r#"uid = '123e4567-e89b-12d3-a456-426614174000'"#, r#""uid" = '123e4567-e89b-12d3-a456-426614174000'::uuid"#),
    (r#"uid = '123E4567-E89B-12D3-A456-426614174000'"#, r#"CASE WHEN "uid" IS NOT NULL THEN false END"#),
    (r#"length(uid) = 36"#, r#"(CASE WHEN "uid" IS NOT NULL THEN 36 END) = 36"#),
    (r#"json_valid(j)"#, r#"CASE WHEN "j" IS NOT NULL THEN true END"#),
    (r#"json_valid(t)"#, r#"not: json_valid of a column that is no json on PostgreSQL"#),
    (r#"j = '{}'"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"json_extract(j, '$.a') = 1"#, r#"not: the function json_extract"#),
    (r#"j ->> 'a' = 1"#, r#"not: a path into JSON"#),
    (r#"v = 1"#, r#"not: a comparison of values that PostgreSQL holds in another way"#),
    (r#"v IS NULL"#, r#""v" IS NULL"#),
    (r#"length(t) > 3"#, r#"char_length("t") > 3"#),
    (r#"length(b) <= 16"#, r#"octet_length("b") <= 16"#),
    (r#"length(r) = 1"#, r#"not: the length of a value that is written in another way"#),
    (r#"lower(t) = t"#, r#"lower("t" COLLATE "C") = "t""#),
    (r#"upper(t) IN ('A')"#, r#"upper("t" COLLATE "C") IN ('A')"#),
    (r#"trim(t) <> ''"#, r#"btrim("t", ' ') <> ''"#),
    (r#"trim(t, 'x') = ''"#, r#"btrim("t", 'x'::text) = ''"#),
    (r#"substr(t, 1, 2) = 'ab'"#, r#"substr("t", 1, 2) = 'ab'"#),
    (r#"substr(t, 0) = 'ab'"#, r#"not: substr with a place that both sides count in another way"#),
    (r#"substr(t, -2) = 'ab'"#, r#"right("t", 2) = 'ab'"#),
    (r#"substr(t, n) = 'ab'"#, r#"not: substr with a place that is no constant"#),
    (r#"instr(t, '@') > 1"#, r#"strpos("t", '@'::text) > 1"#),
    (r#"replace(t, 'a', 'b') = 'b'"#, r#"replace("t", 'a'::text, 'b'::text) = 'b'"#),
    (r#"replace(t, '', u) = 'b'"#, r#"not: the function replace"#),
    (r#"abs(n) > 5"#, r#"abs("n"::numeric) > 5"#),
    (r#"abs(small) > 5"#, r#"abs("small"::bigint) > 5"#),
    (r#"coalesce(n, 0) > 0"#, r#"coalesce("n", 0) > 0"#),
    (r#"coalesce(t, n) = 1"#, r#"not: values of different storage classes meet"#),
    (r#"ifnull(flag, 0) = 1"#, r#"coalesce("flag", false) = true"#),
    (r#"nullif(t, '') IS NULL"#, r#"nullif("t", '') IS NULL"#),
    (r#"iif(n > 0, t, u) = 'a'"#, r#"(CASE WHEN "n" > 0 THEN "t" ELSE "u" END) = 'a'"#),
    (r#"typeof(n) = 'integer'"#, r#"(CASE WHEN "n" IS NULL THEN 'null' ELSE 'integer' END) = 'integer'"#),
    (
        r#"typeof(num) = 'real'"#,
        r#"(CASE WHEN "num" IS NULL THEN 'null' WHEN scale("num") = 0 THEN 'integer' ELSE 'real' END) = 'real'"#,
    ),
    (r#"typeof(v) = 'text'"#, r#"not: typeof of a value that may be of several classes"#),
    (r#"round(r, 2) = r"#, r#"not: the function round"#),
    (r#"random() > 0"#, r#"not: the function random"#),
    (r#"max(n, m) > 0"#, r#"not: the function max"#),
    (r#"CAST(n AS TEXT) = '5'"#, r#""n"::text = '5'"#),
    (r#"CAST(t AS INTEGER) = 5"#, r#"not: CAST to INTEGER"#),
    (r#"CASE WHEN n > 0 THEN m ELSE 0 END > 1"#, r#"(CASE WHEN "n" > 0 THEN "m" ELSE 0 END) > 1"#),
    (r#"CASE t WHEN 'a' THEN 1 ELSE 'b' END = 1"#, r#"not: values of different storage classes meet"#),
    (r#"t || n = 'a5'"#, r#"("t" || "n"::text) = 'a5'"#),
    (r#"t || r = 'a5'"#, r#"not: || of values that are no text on both sides"#),
    (r#"n BETWEEN 1 AND 5"#, r#"("n" >= 1) AND ("n" <= 5)"#),
    (r#"(n, m) = (1, 2)"#, r#"not: a row value"#),
    (r#"n IN (SELECT 1)"#, r#"not: a subquery"#),
    (r#"EXISTS (SELECT 1)"#, r#"not: a subquery"#),
    (r#"n = ?"#, r#"not: a parameter"#),
    (r#"n = :name"#, r#"not: a parameter"#),
    (r#"CURRENT_DATE > d"#, r#"not: the time of the statement"#),
    (r#""a""b" = 1"#, r#""a""b" = 1"#),
    (r#"[a"b] = 1"#, r#""a""b" = 1"#),
    (r#"things.n > 0"#, r#""n" > 0"#),
    (r#"THINGS."n" > 0"#, r#""n" > 0"#),
    (r#"other.n > 0"#, r#"not: no column n"#),
    (r#"main.things.n > 0"#, r#"not: a name with a schema"#),
    (r#"missing > 0"#, r#"not: no column missing"#),
    (r#"rowid > 0"#, r#""id" > 0"#),
    (r#"made > 0"#, r#""made" > 0"#),
    (r#"1"#, r#"true"#),
    (r#"0"#, r#"false"#),
    (r#"NULL"#, r#"NULL::boolean"#),
    (r#"'x'"#, r#"not: a constant as a condition"#),
    (r#"1 = 1"#, r#"not: two constants are compared"#),
    (r#"n >"#, r#"not: the parser refuses it: unexpected end of input at line: 1, column: 11"#),
    (r#"n > 0; DROP TABLE x"#, r#"not: it is not one statement"#),
    (r#"n) OR (1"#, r#"not: the parser refuses it: near ")": syntax error at line: 1, column: 9"#),
    (r#"n, m"#, r#"not: it is not one expression"#),
];

#[test]
fn conditions_are_translated_or_the_reason_is_told() {
    let table = table();
    check_rows(CONDITIONS, |sql| check(sql, &Scope::of_table(&table)));
}

#[test]
fn texts_of_utf16_are_not_ordered_by_their_bytes() {
    let mut table = table();
    table.key.text_order = TextOrder::Utf16Le;
    let rows = [
        ("t < 'b'", "not: an order of texts, which this file has by UTF-16"),
        ("t = 'b'", r#""t" = 'b'"#),
        ("NoCase < 'B'", r#"lower("NoCase" COLLATE "C") COLLATE "C" < 'b'"#),
        ("d < '2024-01-02'", r#""d" < '2024-01-02'::date"#),
    ];
    check_rows(&rows, |sql| check(sql, &Scope::of_table(&table)));
}
