//! Random expressions of SQLite, of which some mean something and many are translated

use crate::support::rng::Rng;

use super::fixture::COLUMNS;

const CONSTANTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "10",
    "1.5",
    "0.1",
    "-0.5",
    "1e3",
    "9007199254740993",
    "9223372036854775807",
    "''",
    "'a'",
    "'A'",
    "'ab'",
    "'0'",
    "'1'",
    "'1.0'",
    "'10'",
    "' '",
    "'a '",
    "'\u{e9}'",
    "'true'",
    "'false'",
    "'2024-01-02'",
    "'2024-01-02 00:00:00'",
    "'2024-01-02 03:04:05'",
    "'2024-01-02T03:04:05.678Z'",
    "'12:30:00'",
    "x'61'",
    "x''",
    "NULL",
    "TRUE",
    "FALSE",
    "1700000000",
    "'123e4567-e89b-12d3-a456-426614174000'",
    "'123E4567-E89B-12D3-A456-426614174000'",
    "'123e4567e89b12d3a456426614174000'",
    "'12.00'",
    "'9.0'",
    "12",
    "99.99",
    "'x1'",
    "' 12 '",
    "'.5'",
];

pub fn condition(rng: &mut Rng, depth: usize) -> String {
    let below = depth.saturating_sub(1);
    match rng.below(if depth == 0 { 8 } else { 12 }) {
        0..=3 => {
            let comparison = rng.word(&["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT", "==", "!="]);
            let (left, right) = (operand(rng, below), operand(rng, below));
            let collation =
                if rng.chance(8) { rng.word(&[" COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"]) } else { "" };
            format!("{left} {comparison} {right}{collation}")
        }
        4 => {
            let list: Vec<String> = (0..rng.below(4)).map(|_| constant(rng)).collect();
            format!("{} {} ({})", operand(rng, below), rng.word(&["IN", "NOT IN"]), list.join(", "))
        }
        5 => format!(
            "{} {}",
            operand(rng, below),
            rng.word(&["IS NULL", "IS NOT NULL", "NOTNULL", "ISNULL", "IS TRUE", "IS NOT FALSE"])
        ),
        6 => {
            let not = rng.word(&["", "NOT "]);
            format!("{} {not}BETWEEN {} AND {}", operand(rng, below), constant(rng), operand(rng, below))
        }
        7 => {
            let pattern =
                rng.word(&["'a%'", "'_'", "'%B%'", "'a\\%'", "'%'", "''", "'A_b'", "'\u{e9}%'", "'a!%%' ESCAPE '!'"]);
            let glob =
                rng.word(&["'a*'", "'?'", "'*B*'", "'[a-c]*'", "'[^0-9]*'", "'*[0-9]*'", "'[AZ.]'", "'*\\*'", "'*%*'"]);
            let text = text(rng, below);
            if rng.chance(50) { format!("{text} LIKE {pattern}") } else { format!("{text} GLOB {glob}") }
        }
        8 => format!("({}) AND ({})", condition(rng, below), condition(rng, below)),
        9 => format!("({}) OR ({})", condition(rng, below), condition(rng, below)),
        10 => format!("NOT ({})", condition(rng, below)),
        _ => operand(rng, below),
    }
}

/// What an index is over
pub fn term(rng: &mut Rng) -> String {
    if rng.chance(15) { condition(rng, 1) } else { operand(rng, 2) }
}

fn constant(rng: &mut Rng) -> String {
    rng.word(CONSTANTS).to_owned()
}

fn column(rng: &mut Rng) -> String {
    rng.pick(COLUMNS).0.to_owned()
}

fn operand(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return if rng.chance(35) { constant(rng) } else { column(rng) };
    }
    let below = depth - 1;
    match rng.below(18) {
        16 => format!("{}({})", rng.word(&["date", "datetime"]), rng.word(&["d", "ts", "py", "z", "india", "tm", "t"])),
        17 => {
            let format = rng.word(&["%Y", "%Y-%m-%d", "%m/%d", "%H:%M:%S", "%j", "%w", "%Y-%m-%d %H:%M:%S"]);
            format!("strftime('{format}', {})", rng.word(&["d", "ts", "py", "z", "india", "coalesce(ts, ts2)"]))
        }
        0..=4 => column(rng),
        5 => constant(rng),
        6 => format!("({} {} {})", number(rng, below), rng.word(&["+", "-", "*", "&", "|"]), number(rng, below)),
        7 => format!("({} {} {})", number(rng, below), rng.word(&["/", "%"]), rng.word(&["2", "7", "0", "-3", "1000"])),
        8 => format!("{}({})", rng.word(&["length", "typeof", "abs", "length"]), operand(rng, below)),
        9 | 10 => text(rng, depth),
        11 => format!("coalesce({}, {})", operand(rng, below), operand(rng, 0)),
        12 => format!("nullif({}, {})", operand(rng, below), operand(rng, 0)),
        13 => format!("CASE WHEN {} THEN {} ELSE {} END", condition(rng, below), operand(rng, below), operand(rng, 0)),
        14 => format!("CASE {} WHEN {} THEN {} END", operand(rng, below), constant(rng), operand(rng, below)),
        _ => format!("{}{}", rng.word(&["-", "+", "~", "+"]), number(rng, below)),
    }
}

fn number(rng: &mut Rng, depth: usize) -> String {
    match rng.below(8) {
        0..=4 => rng.word(&["n", "m", "m", "small", "flag", "id", "loose", "r", "num"]).to_owned(),
        5 => rng.word(&["1", "2", "-1", "100", "3"]).to_owned(),
        6 => format!("length({})", text(rng, depth.saturating_sub(1))),
        _ => operand(rng, depth),
    }
}

fn text(rng: &mut Rng, depth: usize) -> String {
    let name = |rng: &mut Rng| rng.word(&["t", "u", "nc", "rt", "bare", "word", "t"]).to_owned();
    if depth == 0 {
        return name(rng);
    }
    let inner = text(rng, depth - 1);
    match rng.below(10) {
        0..=2 => name(rng),
        3 => format!("{}({inner})", rng.word(&["lower", "upper", "trim", "ltrim", "rtrim"])),
        4 => format!("{}({inner}, {})", rng.word(&["trim", "ltrim", "rtrim"]), rng.word(&["'a'", "' a'", "''", "u"])),
        5 => format!(
            "substr({inner}, {}{})",
            rng.word(&["1", "2", "-1", "-3", "5", "0"]),
            rng.word(&["", ", 1", ", 3", ", 0", ", -1"])
        ),
        6 => format!("({inner} || {})", rng.word(&["'x'", "u", "n", "''", "5", "flag", "nc"])),
        7 => format!("replace({inner}, {}, {})", rng.word(&["'a'", "''", "' '", "u"]), rng.word(&["'b'", "''", "t"])),
        8 => format!("instr({inner}, {})", rng.word(&["'a'", "''", "u"])),
        _ => format!("CAST({} AS {})", rng.word(&["n", "t", "m", "r", "flag"]), rng.word(&["TEXT", "INTEGER", "REAL"])),
    }
}
