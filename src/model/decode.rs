//! One binary field from PostgreSQL as a SQLite value, storage class included
//!
//! Written from PostgreSQL's formats and not from `encode.rs`, with which it shares nothing: verification rests on it,
//! and a fault common to both would go unseen. What SQLite cannot hold exactly is a [`DecodeError`], never an
//! approximation (I10): the application may have written it while PostgreSQL was the primary.

use std::io::Write;

use super::mapping::Mapping;
use super::value::Value;

/// A field that has no exact SQLite value under its column's mapping
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are not in the type's binary format
    Malformed(Mapping),
    /// A whole number outside SQLite's 64 bits
    IntegerRange,
    /// A fraction with more digits than a double gives back
    Inexact,
    /// NaN, which SQLite stores as NULL
    NotFinite,
    /// A JSON value that stands for no SQLite value
    ForeignJson,
}

/// The value in a binary field; `None` is NULL. Text that needs unescaping is built in `scratch`
pub fn decode_field<'a>(
    bytes: Option<&'a [u8]>,
    mapping: Mapping,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, DecodeError> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    let malformed = DecodeError::Malformed(mapping);
    match mapping {
        Mapping::Bigint => Ok(Value::Integer(i64::from_be_bytes(bytes.try_into().map_err(|_| malformed)?))),
        Mapping::Double => {
            let real = f64::from_be_bytes(bytes.try_into().map_err(|_| malformed)?);
            if real.is_nan() { Err(DecodeError::NotFinite) } else { Ok(Value::Real(real)) }
        }
        Mapping::Text => Ok(Value::Text(bytes)),
        Mapping::Bytea => Ok(Value::Blob(bytes)),
        Mapping::Numeric => Numeric::read(bytes).ok_or(malformed)?.value(scratch),
        Mapping::Variant => match bytes.split_first() {
            Some((1, json)) => json_value(json, scratch),
            _ => Err(malformed),
        },
    }
}

/// A `numeric` as sent: `digits` are big-endian words of four decimal digits, the first of them times 10000^weight
struct Numeric<'a> {
    weight: i16,
    sign: u16,
    scale: u16,
    digits: &'a [[u8; 2]],
}

impl<'a> Numeric<'a> {
    fn read(bytes: &'a [u8]) -> Option<Numeric<'a>> {
        let (words, odd) = bytes.as_chunks::<2>();
        let ([count, weight, sign, scale], digits) = words.split_first_chunk::<4>()?;
        let numeric = Numeric {
            weight: i16::from_be_bytes(*weight),
            sign: u16::from_be_bytes(*sign),
            scale: u16::from_be_bytes(*scale),
            digits,
        };
        let counted = digits.len() == usize::from(u16::from_be_bytes(*count)) && odd.is_empty();
        (counted && numeric.words().all(|word| word < 10_000)).then_some(numeric)
    }

    fn words(&self) -> impl Iterator<Item = u16> + 'a {
        self.digits.iter().map(|word| u16::from_be_bytes(*word))
    }

    fn value(&self, scratch: &mut Vec<u8>) -> Result<Value<'static>, DecodeError> {
        match (self.sign, self.scale) {
            (0x0000 | 0x4000, 0) => self.integer().map(Value::Integer),
            (0x0000 | 0x4000, _) => self.real(scratch).map(Value::Real),
            (0xD000, _) => Ok(Value::Real(f64::INFINITY)),
            (0xF000, _) => Ok(Value::Real(f64::NEG_INFINITY)),
            (0xC000, _) => Err(DecodeError::NotFinite),
            _ => Err(DecodeError::Malformed(Mapping::Numeric)),
        }
    }

    fn integer(&self) -> Result<i64, DecodeError> {
        let places = i32::from(self.weight) + 1;
        if self.digits.is_empty() {
            return Ok(0);
        } else if self.digits.len() as i32 > places {
            return Err(DecodeError::Malformed(Mapping::Numeric));
        } else if places > 5 {
            return Err(DecodeError::IntegerRange);
        }
        let zeros = (places as usize).saturating_sub(self.digits.len());
        let all = self.words().chain(std::iter::repeat_n(0, zeros));
        let magnitude = all.fold(0i128, |sum, word| sum * 10_000 + i128::from(word));
        let signed = if self.sign == 0 { magnitude } else { -magnitude };
        i64::try_from(signed).map_err(|_| DecodeError::IntegerRange)
    }

    fn real(&self, scratch: &mut Vec<u8>) -> Result<f64, DecodeError> {
        scratch.clear();
        if self.sign != 0 {
            scratch.push(b'-');
        }
        scratch.push(b'0');
        for word in self.words() {
            scratch.extend([word / 1000, word / 100 % 10, word / 10 % 10, word % 10].map(|d| b'0' + d as u8));
        }
        // Read as a whole number, the digits stand this many powers of ten too high.
        let power = 4 * (i32::from(self.weight) + 1 - self.digits.len() as i32);
        // Writing into a Vec cannot fail.
        let _ = write!(scratch, "e{power}");
        let end = scratch.len();
        exact_real(scratch, end)
    }
}

/// The double that the decimal in `scratch[..end]` stands for, if that double is that decimal and no neighbour of it
///
/// Exact means that the double's shortest decimal has the same digits, which is also what PostgreSQL and SQLite print,
/// or, from 2^53 to 2^63 on either side, that the double has this very value. The two never contradict each other: either
/// way the decimal is one that reads as this double. So the replicator's own rows, which hold the value there, come back
/// identical, and what the application writes is taken as before, a shortest decimal like 1152921504606847000.0 included.
/// The price: the server tells those two forms of one double apart, so a key of the application's in the shorter form is
/// not the key that the replicator writes.
fn exact_real(scratch: &mut Vec<u8>, end: usize) -> Result<f64, DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Numeric);
    let text = std::str::from_utf8(&scratch[..end]).map_err(|_| malformed)?;
    let real: f64 = text.parse().map_err(|_| malformed)?;
    // Any decimal of up to 15 digits survives the way through a double, unless it is close to the smallest ones.
    let few = significant(text.as_bytes()).nth(15).is_none();
    if (few && real.is_finite() && real.abs() > 1e-290) || significant(text.as_bytes()).next().is_none() {
        return Ok(real);
    }
    // With a precision given, the digits printed are those of the double itself; all doubles of this size are whole.
    let among_integers = real.abs() >= 2f64.powi(53) && real >= -(2f64.powi(63)) && real < 2f64.powi(63);
    let same = among_integers && same_number(scratch, end, format_args!("{real:.0}"))
        || real.is_finite() && same_number(scratch, end, format_args!("{real:e}"));
    if same { Ok(real) } else { Err(DecodeError::Inexact) }
}

/// Whether the decimal in `scratch[..end]` and the printed one are the same number
fn same_number(scratch: &mut Vec<u8>, end: usize, printed: std::fmt::Arguments<'_>) -> bool {
    scratch.truncate(end);
    // Writing into a Vec cannot fail.
    let _ = scratch.write_fmt(printed);
    let (given, printed) = scratch.split_at(end);
    significant(given).eq(significant(printed)) && leading_power(given) == leading_power(printed)
}

/// Digits of a decimal without sign, point, exponent, and zeros at either end
fn significant(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mantissa = text.split(|b| *b == b'e').next().unwrap_or_default();
    let end = mantissa.iter().rposition(|b| matches!(b, b'1'..=b'9')).map_or(0, |last| last + 1);
    mantissa[..end].iter().copied().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0')
}

/// Power of ten of a decimal's first digit that is not zero
fn leading_power(text: &[u8]) -> Option<i32> {
    let mut halves = text.split(|b| *b == b'e');
    let mantissa = halves.next()?;
    let exponent = halves.next().map_or(Some(0), |e| std::str::from_utf8(e).ok()?.parse::<i32>().ok())?;
    let first = mantissa.iter().position(|b| matches!(b, b'1'..=b'9'))? as i32;
    let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len()) as i32;
    Some(exponent + if first < point { point - first - 1 } else { point - first })
}

/// The value that a JSON document stands for, by the table in `variant.rs`
fn json_value<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    match json.first() {
        Some(b'"') => match json_string(json, scratch)? {
            (text, []) => Ok(Value::Text(text)),
            _ => Err(DecodeError::Malformed(Mapping::Variant)),
        },
        Some(b'{') => json_wrapped(json, scratch),
        Some(b'-' | b'0'..=b'9') => json_number(json, scratch),
        Some(b't' | b'f' | b'n' | b'[') => Err(DecodeError::ForeignJson),
        _ => Err(DecodeError::Malformed(Mapping::Variant)),
    }
}

fn json_number(json: &[u8], scratch: &mut Vec<u8>) -> Result<Value<'static>, DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Variant);
    // jsonb prints numbers as `numeric` does: never with an exponent.
    if !json.iter().all(|b| matches!(b, b'-' | b'.' | b'0'..=b'9')) {
        return Err(malformed);
    }
    if json.contains(&b'.') {
        scratch.clear();
        scratch.extend_from_slice(json);
        return exact_real(scratch, json.len()).map(Value::Real);
    }
    let text = std::str::from_utf8(json).map_err(|_| malformed)?;
    // With only digits and a sign in it, all that can go wrong is the range.
    text.parse().map(Value::Integer).map_err(|_| DecodeError::IntegerRange)
}

/// `{"$real": ...}`, `{"$text": ...}` or `{"$blob": ...}`; every other object is the application's own
fn json_wrapped<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    let foreign = DecodeError::ForeignJson;
    let inner = json.strip_prefix(b"{").and_then(|j| j.strip_suffix(b"}")).ok_or(foreign)?;
    let colon = inner.iter().position(|b| *b == b':').ok_or(foreign)?;
    let quoted = inner[colon + 1..].trim_ascii();
    let content = quoted.strip_prefix(b"\"").and_then(|q| q.strip_suffix(b"\"")).ok_or(foreign)?;
    match (inner[..colon].trim_ascii(), content) {
        (b"\"$real\"", b"inf") => Ok(Value::Real(f64::INFINITY)),
        (b"\"$real\"", b"-inf") => Ok(Value::Real(f64::NEG_INFINITY)),
        (b"\"$real\"", b"-0.0") => Ok(Value::Real(-0.0)),
        (b"\"$text\"", hex) => unhex(hex, scratch).map(Value::Text),
        (b"\"$blob\"", hex) => unhex(hex, scratch).map(Value::Blob),
        _ => Err(foreign),
    }
}

fn unhex<'a>(hex: &[u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], DecodeError> {
    let (pairs, odd) = hex.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(DecodeError::ForeignJson);
    }
    scratch.clear();
    scratch.reserve(pairs.len());
    for [high, low] in pairs {
        scratch.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    Ok(scratch)
}

fn nibble(digit: u8) -> Result<u8, DecodeError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(DecodeError::ForeignJson),
    }
}

/// The string at the start of `json`, and what follows it; borrowed from `json` where it holds no escapes
fn json_string<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let malformed = DecodeError::Malformed(Mapping::Variant);
    let body = json.strip_prefix(b"\"").ok_or(malformed)?;
    let plain = body.iter().position(|b| matches!(b, b'"' | b'\\')).ok_or(malformed)?;
    if body[plain] == b'"' {
        return Ok((&body[..plain], &body[plain + 1..]));
    }
    scratch.clear();
    let mut rest = body;
    loop {
        let run = rest.iter().position(|b| matches!(b, b'"' | b'\\')).ok_or(malformed)?;
        scratch.extend_from_slice(&rest[..run]);
        if rest[run] == b'"' {
            return Ok((scratch, &rest[run + 1..]));
        }
        rest = unescape(&rest[run + 1..], scratch).ok_or(malformed)?;
    }
}

/// Appends the character that the escape (its backslash already taken) stands for, and returns what follows it
fn unescape<'a>(escape: &'a [u8], scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = escape.split_first()?;
    let simple = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unicode(rest, scratch),
        _ => return None,
    };
    scratch.push(simple);
    Some(rest)
}

fn unescape_unicode<'a>(digits: &'a [u8], scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (mut code, mut rest) = four_hex(digits)?;
    if (0xd800..0xdc00).contains(&code) {
        let (low, after) = four_hex(rest.strip_prefix(b"\\u")?)?;
        code = 0x10000 + ((code - 0xd800) << 10) + low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        rest = after;
    }
    let character = char::from_u32(code)?;
    scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn four_hex(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = digits.split_first_chunk::<4>()?;
    let code = four.iter().try_fold(0, |code, digit| Some(code << 4 | u32::from(nibble(*digit).ok()?)))?;
    Some((code, rest))
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Malformed(mapping) => write!(f, "not the binary format of {}", mapping.sql()),
            DecodeError::IntegerRange => f.write_str("a whole number of more than 64 bits"),
            DecodeError::Inexact => f.write_str("a number with more digits than SQLite's real keeps"),
            DecodeError::NotFinite => f.write_str("NaN"),
            DecodeError::ForeignJson => f.write_str("a JSON value that stands for no SQLite value"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(words: &[u16]) -> Result<String, DecodeError> {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        decode_field(Some(&bytes), Mapping::Numeric, &mut Vec::new()).map(|v| format!("{v:?}"))
    }

    fn variant(json: &str) -> Result<String, DecodeError> {
        let bytes = [b"\x01", json.as_bytes()].concat();
        decode_field(Some(&bytes), Mapping::Variant, &mut Vec::new()).map(|v| format!("{v:?}"))
    }

    #[test]
    fn i10_numeric_scale_tells_integer_from_real() {
        // As `numeric_send` gives them for 0, 0.00, 100000000, -12.5, 0.0001.
        assert_eq!(numeric(&[0, 0, 0, 0]).unwrap(), "Integer(0)");
        assert_eq!(numeric(&[0, 0, 0, 2]).unwrap(), "Real(0.0)");
        assert_eq!(numeric(&[1, 2, 0, 0, 1]).unwrap(), "Integer(100000000)");
        assert_eq!(numeric(&[2, 0, 0x4000, 1, 12, 5000]).unwrap(), "Real(-12.5)");
        assert_eq!(numeric(&[1, 0xffff, 0, 4, 1]).unwrap(), "Real(0.0001)");
        assert_eq!(numeric(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808]).unwrap(), "Integer(-9223372036854775808)");
    }

    #[test]
    fn i10_numbers_that_sqlite_cannot_hold_are_errors() {
        assert_eq!(numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808]), Err(DecodeError::IntegerRange));
        assert_eq!(numeric(&[1, 20, 0, 0, 1]), Err(DecodeError::IntegerRange));
        assert_eq!(numeric(&[1, 100, 0, 1, 1]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[1, 0xff00, 0, 1100, 1]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[5, 0, 0, 16, 0, 1234, 5678, 9012, 3456]).unwrap(), "Real(0.1234567890123456)");
        assert_eq!(numeric(&[6, 0, 0, 20, 0, 1234, 5678, 9012, 3456, 7890]), Err(DecodeError::Inexact));
        assert_eq!(numeric(&[0, 0, 0xC000, 0]), Err(DecodeError::NotFinite));
        assert_eq!(numeric(&[0, 0, 0xD000, 32]).unwrap(), "Real(inf)");
        assert_eq!(numeric(&[0, 0, 0xF000, 32]).unwrap(), "Real(-inf)");
        assert_eq!(variant("9223372036854775808"), Err(DecodeError::IntegerRange));
        assert_eq!(variant("0.12345678901234567890"), Err(DecodeError::Inexact));
        let nan = f64::NAN.to_be_bytes();
        assert_eq!(decode_field(Some(&nan), Mapping::Double, &mut Vec::new()), Err(DecodeError::NotFinite));
    }

    #[test]
    fn i10_reals_among_the_integers_are_exact_or_shortest() {
        let real = format!("Real({:?})", 2f64.powi(60));
        let lowest = format!("Real({:?})", -(2f64.powi(63)));
        let (whole, lowest_whole) = ([115, 2921, 5046, 684, 6976], [922, 3372, 368, 5477, 5808]);
        let with = |sign, scale, digits: &[u16]| numeric(&[&[digits.len() as u16, 4, sign, scale], digits].concat());
        assert_eq!(with(0, 0, &whole).unwrap(), "Integer(1152921504606846976)");
        assert_eq!(with(0, 1, &whole).unwrap(), real);
        assert_eq!(with(0, 5, &whole).unwrap(), real);
        assert_eq!(with(0x4000, 1, &lowest_whole).unwrap(), lowest);
        assert_eq!(variant("1152921504606846976").unwrap(), "Integer(1152921504606846976)");
        assert_eq!(variant("1152921504606846976.000").unwrap(), real);
        assert_eq!(variant("-9223372036854775808.0").unwrap(), lowest);
        // The shortest decimal, as other programs print the same double
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 7000]).unwrap(), real);
        assert_eq!(with(0x4000, 1, &[922, 3372, 368, 5477, 6000]).unwrap(), lowest);
        assert_eq!(variant("1152921504606847000.0").unwrap(), real);
        assert_eq!(variant("-9223372036854776000.0").unwrap(), lowest);
        // Neither
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 6977]), Err(DecodeError::Inexact));
        assert_eq!(with(0, 1, &[115, 2921, 5046, 684, 6976, 5000]), Err(DecodeError::Inexact));
        assert_eq!(with(0, 1, &lowest_whole), Err(DecodeError::Inexact));
        assert_eq!(variant("1152921504606846975.0"), Err(DecodeError::Inexact));
        assert_eq!(variant("1152921504606846976.01"), Err(DecodeError::Inexact));
        assert_eq!(variant("11529215046068469760.0"), Err(DecodeError::Inexact));
    }

    #[test]
    fn trailing_zeros_of_a_scale_change_nothing() {
        assert_eq!(numeric(&[2, 0, 0, 4, 3, 1400]).unwrap(), "Real(3.14)");
        assert_eq!(variant("3.14000000000000000000").unwrap(), "Real(3.14)");
        assert_eq!(variant("100000000000000000000000.00").unwrap(), "Real(1e23)");
    }

    #[test]
    fn json_scalars_are_values_and_the_rest_is_foreign() {
        assert_eq!(variant("-7").unwrap(), "Integer(-7)");
        assert_eq!(variant("7.0").unwrap(), "Real(7.0)");
        assert_eq!(variant(r#""a\"\\\/\b\f\n\r\té😀""#).unwrap(), {
            format!("{:?}", Value::Text("a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}".as_bytes()))
        });
        assert_eq!(variant(r#""\u00e9\ud83d\ude00""#).unwrap(), {
            format!("{:?}", Value::Text("\u{e9}\u{1f600}".as_bytes()))
        });
        assert_eq!(variant(r#"{"$blob": "00Ff"}"#).unwrap(), "Blob([0, 255])");
        assert_eq!(variant(r#"{ "$text" :"" }"#).unwrap(), "Text([])");
        for foreign in [
            "true",
            "null",
            "[1]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"$blob": "0"}"#,
            r#"{"$blob": "0g"}"#,
            r#"{"$blob": "00", "a": "00"}"#,
            r#"{"$real": "nan"}"#,
        ] {
            assert_eq!(variant(foreign), Err(DecodeError::ForeignJson), "{foreign}");
        }
    }

    #[test]
    fn damaged_fields_are_errors() {
        let cases: [(&[u8], Mapping); 9] = [
            (b"1234567", Mapping::Bigint),
            (b"123456789", Mapping::Double),
            (b"", Mapping::Numeric),
            (b"\0\x01\0\0\0\0\0\0", Mapping::Numeric),
            (b"\0\0\0\0\x12\x34\0\0", Mapping::Numeric),
            (b"\0\x01\0\0\0\0\0\0\x27\x10", Mapping::Numeric),
            (b"\x027", Mapping::Variant),
            (b"\x01\"open", Mapping::Variant),
            (b"\x01\"\\ud800\"", Mapping::Variant),
        ];
        for (bytes, mapping) in cases {
            assert_eq!(
                decode_field(Some(bytes), mapping, &mut Vec::new()),
                Err(DecodeError::Malformed(mapping)),
                "{bytes:?}"
            );
        }
    }
}
