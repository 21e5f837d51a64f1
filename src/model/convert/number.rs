//! Numbers of types that hold fewer of them than SQLite does

use crate::model::encode::append_eight;
use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// From here on a double does not hold every integer
const EXACT: i64 = 1 << 53;

/// `smallint`
#[inline(never)]
pub(super) fn append_smallint(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    let narrow = i16::try_from(integer(value)?).map_err(|_| Misfit::Range)?;
    let [high, low] = narrow.to_be_bytes();
    buffer.extend_from_slice(&[0, 0, 0, 2, high, low]);
    Ok(())
}

/// `integer`
#[inline(never)]
pub(super) fn append_integer(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    let narrow = i32::try_from(integer(value)?).map_err(|_| Misfit::Range)?;
    append_four(buffer, narrow.to_be_bytes());
    Ok(())
}

/// `real`, where it gives back the same double
#[inline(never)]
pub(super) fn append_float4(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    let Value::Real(wide) = value else { return Err(Misfit::Class(value.class())) };
    let narrow = wide as f32;
    // Infinities and negative zero are among those that come back.
    if f64::from(narrow).to_bits() != wide.to_bits() {
        return Err(Misfit::Range);
    }
    append_four(buffer, narrow.to_bits().to_be_bytes());
    Ok(())
}

/// `double precision` from integers that it holds exactly
#[inline(never)]
pub(super) fn append_double(buffer: &mut Vec<u8>, value: Value<'_>) -> Result<(), Misfit> {
    let whole = integer(value)?;
    if !(-EXACT..=EXACT).contains(&whole) {
        return Err(Misfit::Range);
    }
    append_eight(buffer, (whole as f64).to_bits().to_be_bytes());
    Ok(())
}

/// Length and payload of a field of 4 bytes
pub(super) fn append_four(buffer: &mut Vec<u8>, payload: [u8; 4]) {
    buffer.extend_from_slice(&4u32.to_be_bytes());
    buffer.extend_from_slice(&payload);
}

fn integer(value: Value<'_>) -> Result<i64, Misfit> {
    if let Value::Integer(whole) = value { Ok(whole) } else { Err(Misfit::Class(value.class())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_the_types_do() {
        let mut buffer = Vec::new();
        append_smallint(&mut buffer, Value::Integer(-32_768)).unwrap();
        append_integer(&mut buffer, Value::Integer(2_147_483_647)).unwrap();
        append_double(&mut buffer, Value::Integer(EXACT)).unwrap();
        assert_eq!(buffer, b"\0\0\0\x02\x80\0\0\0\0\x04\x7f\xff\xff\xff\0\0\0\x08\x43\x40\0\0\0\0\0\0");
        assert_eq!(append_smallint(&mut buffer, Value::Integer(32_768)), Err(Misfit::Range));
        assert_eq!(append_integer(&mut buffer, Value::Integer(-2_147_483_649)), Err(Misfit::Range));
        assert_eq!(append_double(&mut buffer, Value::Integer(EXACT + 1)), Err(Misfit::Range));
        assert_eq!(append_double(&mut buffer, Value::Integer(-EXACT - 1)), Err(Misfit::Range));
        for append in [append_smallint, append_integer, append_double] {
            assert!(matches!(append(&mut buffer, Value::Real(1.0)), Err(Misfit::Class(_))));
        }
    }

    #[test]
    fn reals_fit_in_32_bits_or_not_at_all() {
        let mut buffer = Vec::new();
        for fits in [0.0, -0.0, 0.5, 16_777_216.0, f64::from(f32::MAX), 1e-45f32.into(), f64::INFINITY] {
            append_float4(&mut buffer, Value::Real(fits)).unwrap();
        }
        for other in [0.1, 16_777_217.0, 1e39, 1e-46, f64::MAX, f64::MIN_POSITIVE] {
            assert_eq!(append_float4(&mut buffer, Value::Real(other)), Err(Misfit::Range), "{other:?}");
        }
    }
}
