//! `char(n)`: text without blanks at its end
//!
//! The server fills the text up with blanks and takes them for no part of it, so that it cannot be told from text that
//! ends with blanks of its own.

use crate::model::encode::{append_bytes, check_text};
use crate::model::mapping::Misfit;
use crate::model::value::Value;

#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    let Value::Text(text) = value else { return Err(Misfit::Class(value.class())) };
    check_text(text)?;
    if text.ends_with(b" ") {
        return Err(Misfit::TrailingBlanks);
    }
    append_bytes(buffer, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_end_are_misfits_and_others_are_not() {
        let mut buffer = Vec::new();
        for text in ["", "a", " a", "a\t", "\u{a0}"] {
            append(&mut buffer, Value::Text(text.as_bytes())).unwrap();
        }
        assert_eq!(append(&mut buffer, Value::Text(b"a ")), Err(Misfit::TrailingBlanks));
        assert_eq!(append(&mut buffer, Value::Text(b" ")), Err(Misfit::TrailingBlanks));
        assert_eq!(append(&mut buffer, Value::Text(b"a\0")), Err(Misfit::NulInText));
        assert!(append(&mut buffer, Value::Blob(b"a")).is_err());
    }
}
