//! `boolean`: one byte

use super::{DecodeError, malformed};
use crate::model::convert::forms::BoolForm;
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value(bytes: &[u8], form: BoolForm) -> Result<Value<'static>, DecodeError> {
    let (no, yes) = match form {
        BoolForm::ZeroOne => (Value::Integer(0), Value::Integer(1)),
        BoolForm::TextZeroOne => (Value::Text(b"0"), Value::Text(b"1")),
        BoolForm::Letter => (Value::Text(b"f"), Value::Text(b"t")),
        BoolForm::LetterUpper => (Value::Text(b"F"), Value::Text(b"T")),
        BoolForm::Word => (Value::Text(b"false"), Value::Text(b"true")),
        BoolForm::WordUpper => (Value::Text(b"FALSE"), Value::Text(b"TRUE")),
        BoolForm::YesLetter => (Value::Text(b"n"), Value::Text(b"y")),
        BoolForm::YesLetterUpper => (Value::Text(b"N"), Value::Text(b"Y")),
        BoolForm::Yes => (Value::Text(b"no"), Value::Text(b"yes")),
    };
    match bytes {
        [0] => Ok(no),
        [1] => Ok(yes),
        _ => malformed(Mapping::Boolean(form)),
    }
}
