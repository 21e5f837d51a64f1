//! True and false, as the column writes them

use super::forms::BoolForm;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// One byte, 0 or 1
#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, form: BoolForm) -> Result<(), Misfit> {
    let truth = match (form, value) {
        (BoolForm::ZeroOne, Value::Integer(0)) => false,
        (BoolForm::ZeroOne, Value::Integer(1)) => true,
        (BoolForm::ZeroOne, Value::Integer(_)) => return Err(Misfit::Range),
        (BoolForm::ZeroOne, other) => return Err(Misfit::Class(other.class())),
        (form, Value::Text(text)) => truth_of_text(text, form).ok_or(Misfit::Form)?,
        (_, other) => return Err(Misfit::Class(other.class())),
    };
    buffer.extend_from_slice(&[0, 0, 0, 1, u8::from(truth)]);
    Ok(())
}

pub(super) fn truth_of_text(text: &[u8], form: BoolForm) -> Option<bool> {
    match (form, text) {
        (BoolForm::TextZeroOne, b"1")
        | (BoolForm::Letter, b"t")
        | (BoolForm::LetterUpper, b"T")
        | (BoolForm::Word, b"true")
        | (BoolForm::WordUpper, b"TRUE")
        | (BoolForm::YesLetter, b"y")
        | (BoolForm::YesLetterUpper, b"Y")
        | (BoolForm::Yes, b"yes") => Some(true),
        (BoolForm::TextZeroOne, b"0")
        | (BoolForm::Letter, b"f")
        | (BoolForm::LetterUpper, b"F")
        | (BoolForm::Word, b"false")
        | (BoolForm::WordUpper, b"FALSE")
        | (BoolForm::YesLetter, b"n")
        | (BoolForm::YesLetterUpper, b"N")
        | (BoolForm::Yes, b"no") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_spellings_of_the_form_are_taken() {
        let texts: [&[u8]; 22] = [
            b"", b"0", b"1", b"t", b"f", b"T", b"F", b"true", b"false", b"TRUE", b"FALSE", b"True", b"y", b"n", b"Y",
            b"N", b"yes", b"no", b"YES", b" t", b"t ", b"00",
        ];
        let pairs: [(BoolForm, &[u8], &[u8]); 8] = [
            (BoolForm::TextZeroOne, b"1", b"0"),
            (BoolForm::Letter, b"t", b"f"),
            (BoolForm::LetterUpper, b"T", b"F"),
            (BoolForm::Word, b"true", b"false"),
            (BoolForm::WordUpper, b"TRUE", b"FALSE"),
            (BoolForm::YesLetter, b"y", b"n"),
            (BoolForm::YesLetterUpper, b"Y", b"N"),
            (BoolForm::Yes, b"yes", b"no"),
        ];
        for (form, yes, no) in pairs {
            for text in texts {
                let expected = if text == yes { Some(true) } else { (text == no).then_some(false) };
                assert_eq!(truth_of_text(text, form), expected, "{form:?} {text:?}");
            }
        }
    }

    #[test]
    fn integers_are_booleans_only_as_zero_and_one() {
        let mut buffer = Vec::new();
        append(&mut buffer, Value::Integer(1), BoolForm::ZeroOne).unwrap();
        append(&mut buffer, Value::Integer(0), BoolForm::ZeroOne).unwrap();
        assert_eq!(buffer, [0, 0, 0, 1, 1, 0, 0, 0, 1, 0]);
        for value in [Value::Integer(2), Value::Integer(-1), Value::Real(1.0), Value::Text(b"1"), Value::Blob(b"1")] {
            assert!(append(&mut buffer, value, BoolForm::ZeroOne).is_err(), "{value:?}");
        }
        assert!(append(&mut buffer, Value::Integer(1), BoolForm::TextZeroOne).is_err());
    }
}
