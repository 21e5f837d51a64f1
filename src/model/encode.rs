//! One value as one field of PostgreSQL's binary protocol
//!
//! The same bytes serve `COPY ... (FORMAT binary)` and the elements of a binary array: a big-endian length, or -1 for
//! NULL, and the payload that the type's `recv` function expects. Nothing is allocated per value but what the buffer
//! grows by.

use super::mapping::{Mapping, Misfit};
use super::value::Value;
use super::{convert, numeric, variant};

/// Longest payload of a field: PostgreSQL allocates at most this much, with a 4-byte header in front of the value
pub(super) const MAX_FIELD: usize = 0x3fff_ffff - 4;

/// Most bytes of all fields of a row, their length words included. PostgreSQL puts a row into one tuple, and takes it in
/// one message, of less than 1 GiB; what else is in either, for any number of columns, is less than the difference
pub const ROW_BYTES_MAX: usize = 0x3fff_ffff - (64 << 10);

/// Whether a row of that many bytes is one that PostgreSQL takes
#[inline]
pub fn check_row(bytes: usize, limit: usize) -> Result<(), Misfit> {
    if bytes > limit { Err(Misfit::RowTooLong) } else { Ok(()) }
}

/// Length word of a NULL
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Appends the value as one binary field; a [`Misfit`] leaves the buffer as it was
#[inline]
pub fn encode_field(buffer: &mut Vec<u8>, value: Value<'_>, mapping: Mapping) -> Result<(), Misfit> {
    match (mapping, value) {
        (_, Value::Null) => {
            buffer.extend_from_slice(&NULL);
            Ok(())
        }
        (Mapping::Bigint, Value::Integer(v)) => {
            append_eight(buffer, v.to_be_bytes());
            Ok(())
        }
        (Mapping::Double, Value::Real(v)) => {
            append_eight(buffer, v.to_bits().to_be_bytes());
            Ok(())
        }
        (Mapping::Text, Value::Text(bytes)) => {
            check_text(bytes)?;
            append_bytes(buffer, bytes)
        }
        (Mapping::Bytea, Value::Blob(bytes)) => append_bytes(buffer, bytes),
        (Mapping::Numeric, Value::Integer(v)) => {
            numeric::append_integer(buffer, v);
            Ok(())
        }
        (Mapping::Numeric, Value::Real(v)) => numeric::append_real(buffer, v),
        (Mapping::Variant, value) => variant::append(buffer, value),
        (Mapping::Bigint | Mapping::Double | Mapping::Numeric | Mapping::Text | Mapping::Bytea, value) => {
            Err(Misfit::Class(value.class()))
        }
        // By call, so that the plain types above stay one small function.
        (_, value) => convert::append(buffer, value, mapping),
    }
}

/// Whether a PostgreSQL text type holds these bytes
#[inline]
pub(super) fn check_text(bytes: &[u8]) -> Result<&str, Misfit> {
    let text = std::str::from_utf8(bytes).map_err(|_| Misfit::InvalidUtf8)?;
    if bytes.contains(&0) { Err(Misfit::NulInText) } else { Ok(text) }
}

/// Length and payload in one piece, so that the buffer's capacity is checked once
#[inline]
pub(super) fn append_eight(buffer: &mut Vec<u8>, payload: [u8; 8]) {
    let mut field = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    field[4..].copy_from_slice(&payload);
    buffer.extend_from_slice(&field);
}

#[inline]
pub(super) fn append_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Misfit> {
    if bytes.len() > MAX_FIELD {
        return Err(Misfit::TooLong);
    }
    buffer.reserve(4 + bytes.len());
    buffer.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    buffer.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode_field;
    use super::super::value::Class;
    use super::*;

    const MAPPINGS: [Mapping; 6] =
        [Mapping::Bigint, Mapping::Double, Mapping::Numeric, Mapping::Text, Mapping::Bytea, Mapping::Variant];

    const INTEGERS: [i64; 16] = [
        0,
        1,
        -1,
        9_999,
        10_000,
        10_001,
        -100_000_000,
        1 << 53,
        (1 << 53) + 1,
        (1 << 53) - 1,
        999_999_999_999_999_999,
        1_000_000_000_000_000_000,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ];

    const REALS: [f64; 22] = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1 + 0.2,
        9_007_199_254_740_993.0,
        1e300,
        1e-300,
        5e-324,
        -2.225_073_858_507_201e-308,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        123_456_789.125,
        0.0001,
        0.00009999,
        9999.9999,
        1.7976931348623157e308,
        4.35,
    ];

    const TEXTS: [&[u8]; 14] = [
        b"",
        b"plain",
        b"\"quoted\" \\ back\\\\slash /",
        b"\x01\x02\x08\x09\x0a\x0b\x0c\x0d\x1f\x7f",
        b"\0",
        b"a\0b",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"cut \xe2\x82",
        "\u{fffd}\u{ffff}\u{10ffff}".as_bytes(),
        "\u{1f600} \u{1f469}\u{200d}\u{1f4bb} \u{e9} e\u{301}".as_bytes(),
        br#"{"$blob": "00"}"#,
        br"\u0000 \ud800",
        b"NaN",
    ];

    /// The sequence of <https://www.jstatsoft.org/article/view/v008i14>; the seed is fixed, so that a failure repeats
    struct Xorshift(u64);

    impl Xorshift {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, limit: u64) -> u64 {
            self.next() % limit
        }

        fn integer(&mut self) -> i64 {
            self.next() as i64 >> self.below(64)
        }

        fn real(&mut self) -> f64 {
            let power = self.below(48) as i32 - 8;
            let real = match self.below(4) {
                0 => f64::from_bits(self.next()),
                1 => self.integer() as f64,
                2 => self.integer() as f64 / 10f64.powi(power),
                _ => f64::from_bits((10f64.powi(power).to_bits() + self.below(7)).wrapping_sub(3)),
            };
            // SQLite stores NaN as NULL.
            if real.is_nan() { 0.5 } else { real }
        }

        fn bytes(&mut self) -> Vec<u8> {
            let alphabet: &[u8] =
                if self.below(2) == 0 { b"ab\"\\\n\x01/u0\x7f" } else { b"\0\xc3\xa9\xf0\x9f\x98\x80\xffz" };
            (0..self.below(24)).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect()
        }
    }

    /// What the mapping's documentation promises, written without the encoder
    fn promised(value: Value<'_>, mapping: Mapping) -> Result<(), Misfit> {
        match (mapping, value) {
            (_, Value::Null) | (Mapping::Variant, _) => Ok(()),
            (Mapping::Numeric, Value::Real(v)) if v.to_bits() == 1 << 63 => Err(Misfit::NegativeZero),
            (Mapping::Numeric, Value::Integer(_) | Value::Real(_)) => Ok(()),
            (Mapping::Text, Value::Text(bytes)) if std::str::from_utf8(bytes).is_err() => Err(Misfit::InvalidUtf8),
            (Mapping::Text, Value::Text(bytes)) if bytes.contains(&0) => Err(Misfit::NulInText),
            (Mapping::Bigint, Value::Integer(_))
            | (Mapping::Double, Value::Real(_))
            | (Mapping::Text, Value::Text(_))
            | (Mapping::Bytea, Value::Blob(_)) => Ok(()),
            (_, value) => Err(Misfit::Class(value.class())),
        }
    }

    fn check(value: Value<'_>) {
        for mapping in MAPPINGS {
            let mut buffer = b"before".to_vec();
            let result = encode_field(&mut buffer, value, mapping);
            assert_eq!(result, promised(value, mapping), "{value:?} as {mapping:?}");
            assert!(buffer.starts_with(b"before"));
            let field = &buffer[6..];
            if result.is_err() {
                assert!(field.is_empty(), "{value:?} as {mapping:?} left something behind");
                continue;
            }
            let (length, payload) = field.split_first_chunk::<4>().unwrap();
            let length = i32::from_be_bytes(*length);
            assert_eq!(length, if value.class() == Class::Null { -1 } else { payload.len() as i32 });
            let mut scratch = b"left over".to_vec();
            let decoded = decode_field((length >= 0).then_some(payload), mapping, &mut scratch).unwrap();
            assert!(decoded.is_identical(&value), "{value:?} as {mapping:?} came back as {decoded:?}");
        }
    }

    #[test]
    fn i10_hard_values_come_back_identical() {
        check(Value::Null);
        INTEGERS.iter().for_each(|v| check(Value::Integer(*v)));
        REALS.iter().for_each(|v| check(Value::Real(*v)));
        for bytes in TEXTS {
            check(Value::Text(bytes));
            check(Value::Blob(bytes));
        }
        for power in -330..=309 {
            for mantissa in ["1", "-9.999999999999999", "1.2345678901234567", "4.5"] {
                let real: f64 = format!("{mantissa}e{power}").parse().unwrap();
                check(Value::Real(real));
                check(Value::Real(real.next_up()));
            }
        }
    }

    #[test]
    fn i10_random_values_come_back_identical() {
        let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
        for _ in 0..25_000 {
            check(Value::Integer(random.integer()));
            check(Value::Real(random.real()));
            check(Value::Text(&random.bytes()));
            check(Value::Blob(&random.bytes()));
        }
    }

    /// The whole number that PostgreSQL reads in a field, with its scale left out as in comparisons there
    fn held(value: Value<'_>, mapping: Mapping) -> i128 {
        let mut field = Vec::new();
        encode_field(&mut field, value, mapping).unwrap();
        if mapping == Mapping::Variant {
            let text = std::str::from_utf8(&field[5..]).unwrap();
            return text.strip_suffix(".0").unwrap_or(text).parse().unwrap();
        }
        let words: Vec<i16> = field[4..].as_chunks().0.iter().map(|word| i16::from_be_bytes(*word)).collect();
        let (places, digits) = (words[1] as usize + 1, &words[4..]);
        assert!(digits.len() <= places, "{value:?} has a fraction");
        let zeros = std::iter::repeat_n(&0, places - digits.len());
        let magnitude = digits.iter().chain(zeros).fold(0, |sum, word| sum * 10_000 + i128::from(*word));
        if words[2] == 0 { magnitude } else { -magnitude }
    }

    /// That the real comes back, and compares with the integers around it and with its neighbours as SQLite compares
    fn check_order(real: f64, random: &mut Xorshift) {
        check(Value::Real(real));
        // Exact, like `sqlite3IntFloatCompare`: whole doubles of this size fit in 128 bits.
        let exact = real as i128;
        let shortest: i128 = real.to_string().parse().unwrap();
        let around = exact - 2048 + i128::from(random.below(4097));
        for mapping in [Mapping::Numeric, Mapping::Variant] {
            let held_real = held(Value::Real(real), mapping);
            for integer in [exact - 1, exact, exact + 1, shortest, around] {
                let integer = integer.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                assert_eq!(
                    held(Value::Integer(integer), mapping).cmp(&held_real),
                    i128::from(integer).cmp(&exact),
                    "{integer} and {real:?} as {mapping:?}"
                );
            }
            for neighbour in [real.next_down(), real.next_up()].map(f64::trunc) {
                let order = held(Value::Real(neighbour), mapping).cmp(&held_real);
                assert_eq!(Some(order), neighbour.partial_cmp(&real), "{neighbour:?} and {real:?} as {mapping:?}");
            }
        }
    }

    #[test]
    fn i10_reals_and_integers_compare_as_in_sqlite() {
        let mut random = Xorshift(0x2545_f491_4f6c_dd1d);
        for power in 50..=64 {
            let edge = 2f64.powi(power);
            for real in [edge.next_down().trunc(), edge, edge.next_up().trunc(), edge * 1.1] {
                check_order(real.trunc(), &mut random);
                check_order(-real.trunc(), &mut random);
            }
        }
        for _ in 0..20_000 {
            // A random fraction and sign, and an exponent on either side of the range as well
            let exponent = 1023 + 52 + random.below(13);
            let bits = random.next() & !(0x7ff << 52) | exponent << 52;
            check_order(f64::from_bits(bits), &mut random);
        }
    }

    #[test]
    fn fields_are_as_copy_binary_wants_them() {
        let mut buffer = Vec::new();
        encode_field(&mut buffer, Value::Integer(-2), Mapping::Bigint).unwrap();
        encode_field(&mut buffer, Value::Real(1.0), Mapping::Double).unwrap();
        encode_field(&mut buffer, Value::Null, Mapping::Variant).unwrap();
        encode_field(&mut buffer, Value::Text(b"ab"), Mapping::Text).unwrap();
        encode_field(&mut buffer, Value::Blob(b"\0"), Mapping::Bytea).unwrap();
        encode_field(&mut buffer, Value::Integer(7), Mapping::Variant).unwrap();
        let expected: &[u8] = b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\x08\x3f\xf0\0\0\0\0\0\0\
            \xff\xff\xff\xff\0\0\0\x02ab\0\0\0\x01\0\0\0\0\x02\x017";
        assert_eq!(buffer, expected);
    }
}
