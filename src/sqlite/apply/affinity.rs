//! Which values a column may not store as they are given
//!
//! Only a suspicion, at worst one too many: SQLite itself is asked what it has made of the value
//! (<https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison>).

use crate::model::schema::Affinity;
use crate::model::value::Value;

/// SQLite could store something else; `utf16` is said of the database's encoding
pub fn may_change(value: Value<'_>, affinity: Affinity, utf16: bool) -> bool {
    match value {
        Value::Null | Value::Blob(_) => false,
        Value::Integer(_) => matches!(affinity, Affinity::Text | Affinity::Real),
        // NaN is stored as NULL everywhere; negative zero survives only where there is no affinity.
        Value::Real(real) => match affinity {
            Affinity::Blob => real.is_nan(),
            Affinity::Text => true,
            Affinity::Real => real.is_nan() || real == 0.0,
            Affinity::Integer | Affinity::Numeric => real.is_nan() || real.fract() == 0.0,
        },
        Value::Text(text) => {
            let numeric = matches!(affinity, Affinity::Integer | Affinity::Numeric | Affinity::Real);
            (numeric && is_numeric(text)) || (utf16 && is_lost_in_utf16(text))
        }
    }
}

/// Blanks, a sign, digits with a point, an exponent, blanks
fn is_numeric(text: &[u8]) -> bool {
    // Rust's notion of a blank lacks the vertical tab.
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let first = text.iter().find(|byte| !matches!(byte, b'+' | b'-' | b'.') && !is_blank(byte));
    let fits = |byte: &u8| byte.is_ascii_digit() || b"+-.eE_".contains(byte) || is_blank(byte);
    first.is_some_and(u8::is_ascii_digit) && text.iter().all(fits) && !looks_like_a_moment(text)
}

/// `2026-11-21 ..`, in columns declared DATETIME the most common text by far
fn looks_like_a_moment(text: &[u8]) -> bool {
    matches!(text, [_, _, _, _, b'-', _, _, b'-', ..])
}

/// No valid UTF-8, or one of the characters that some versions of SQLite replace when they convert
fn is_lost_in_utf16(text: &[u8]) -> bool {
    // U+FFFE and U+FFFF are EF BF BE and EF BF BF; so are those of the other planes, at their ends.
    text.windows(2).any(|pair| pair[0] == 0xbf && pair[1] >= 0xbe) || std::str::from_utf8(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_as_numbers_are_suspected() {
        let suspects =
            ["12", " 12 ", "-1.5e3", "+.5", "1e400", "9223372036854775808", "1.", "\t7\n", "\u{b}7", "1_000"];
        for text in suspects {
            assert!(may_change(Value::Text(text.as_bytes()), Affinity::Numeric, false), "{text:?}");
            assert!(!may_change(Value::Text(text.as_bytes()), Affinity::Text, false), "{text:?}");
        }
        for text in ["", "abc", "12a", "0x1F", "inf", "2026-11-21", "2026-11-21 10:00:00.5", "-", "e5"] {
            assert!(!may_change(Value::Text(text.as_bytes()), Affinity::Integer, false), "{text:?}");
        }
    }
}
