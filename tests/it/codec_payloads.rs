//! Every conversion from PostgreSQL's side: what it may hold is read, and is taken again as the same
//!
//! Random values are laid out here as the server would send them, by code of its own. It also shows that no form is dead:
//! each of them must take something.

use crossfade::model::convert::forms::{DecimalClass, Element, IntervalForm};
use crossfade::model::decode::{DecodeError, decode_field};
use crossfade::model::encode::encode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::value::Value;

use crate::codec_mappings::all;
use crate::support::rng::Rng;

const DAY: i64 = 86_400_000_000;

/// What the server holds, the column's form can show, and the source can hold: all of it goes there and back
#[test]
fn i10_what_postgresql_holds_is_taken_again() {
    let mut rng = Rng::new(3);
    for mapping in all() {
        let mut taken = 0;
        for _ in 0..400 {
            let payload = payload(mapping, &mut rng);
            let mut scratch = b"left over".to_vec();
            match decode_field(Some(&payload), mapping, &mut scratch) {
                Ok(value) => {
                    taken += 1;
                    check(value, mapping, &payload);
                }
                Err(DecodeError::Malformed(_)) => panic!("{mapping:?} could not read {payload:?}"),
                Err(_) => {}
            }
        }
        assert!(taken >= 4, "{mapping:?} took {taken} values");
    }
}

/// Bytes that no server sends: an error or some value, and never a panic
#[test]
fn damaged_fields_are_no_panics() {
    let mut rng = Rng::new(5);
    let mut scratch = Vec::new();
    for mapping in all() {
        for _ in 0..200 {
            let mut field = payload(mapping, &mut rng);
            for _ in 0..=rng.below(3) {
                match rng.below(4) {
                    0 => field.truncate(rng.below(field.len() + 1)),
                    1 => field.push(rng.next() as u8),
                    _ if field.is_empty() => {}
                    2 => {
                        let at = rng.below(field.len());
                        field[at] = *rng.pick(&[0, 1, 0x7f, 0x80, 0xff]);
                    }
                    _ => {
                        let at = rng.below(field.len());
                        field[at] = rng.next() as u8;
                    }
                }
            }
            let _ = decode_field(Some(&field), mapping, &mut scratch);
        }
        for byte in [0, 0x7f, 0x80, 0xff] {
            for length in 0..24 {
                let _ = decode_field(Some(&vec![byte; length]), mapping, &mut scratch);
            }
        }
    }
}

fn check(value: Value<'_>, mapping: Mapping, payload: &[u8]) {
    let mut buffer = Vec::new();
    let encoded = encode_field(&mut buffer, value, mapping);
    assert!(encoded.is_ok(), "{value:?} as {mapping:?}: {encoded:?}, from {payload:?}");
    let mut scratch = Vec::new();
    let again = decode_field(Some(&buffer[4..]), mapping, &mut scratch);
    assert!(again.is_ok_and(|again| again.is_identical(&value)), "{value:?} as {mapping:?}");
    if has_one_payload(mapping) {
        assert_eq!(&buffer[4..], payload, "{value:?} as {mapping:?}");
    }
}

/// Types of which every value has one layout only, and one SQLite value
fn has_one_payload(mapping: Mapping) -> bool {
    use Mapping::{Boolean, Date, Inet, Moment, Smallint, Time, TimeOfDay, Timestamp, Uuid, Vector};
    matches!(
        mapping,
        Boolean(_)
            | Date(_)
            | Inet { .. }
            | Moment { .. }
            | Smallint
            | Time(_)
            | TimeOfDay(_)
            | Timestamp { .. }
            | Uuid(_)
            | Vector { .. }
    )
}

pub fn payload(mapping: Mapping, rng: &mut Rng) -> Vec<u8> {
    match mapping {
        Mapping::Bigint => integer(rng).to_be_bytes().to_vec(),
        Mapping::Double => real(rng).to_be_bytes().to_vec(),
        Mapping::Text | Mapping::Padded => text(rng, b"ab '\\\"\n~").into_bytes(),
        Mapping::Bytea => rng.next().to_be_bytes().to_vec(),
        Mapping::Variant => format!("\u{1}{}", integer(rng)).into_bytes(),
        Mapping::Smallint => (rng.next() as i16).to_be_bytes().to_vec(),
        Mapping::Integer => (rng.next() as i32).to_be_bytes().to_vec(),
        Mapping::Float4 => (real(rng) as f32).to_be_bytes().to_vec(),
        Mapping::DoubleInteger => ((integer(rng) >> 10) as f64).to_be_bytes().to_vec(),
        Mapping::Boolean(_) => vec![rng.below(2) as u8],
        Mapping::Numeric => numeric(integer(rng).into(), 0),
        Mapping::Decimal { precision, scale, class } => decimal(precision, scale, class, rng),
        Mapping::Date(_) => (rng.below(3_700_000) as i32 - 740_000).to_be_bytes().to_vec(),
        Mapping::Time(_) | Mapping::TimeOfDay(_) => (micros(rng).rem_euclid(DAY)).to_be_bytes().to_vec(),
        Mapping::ZonedTime { .. } => zoned_time(rng),
        Mapping::Timestamp { .. } | Mapping::Moment { .. } | Mapping::Epoch { .. } => {
            micros(rng).to_be_bytes().to_vec()
        }
        Mapping::Interval(form) => interval(form, rng),
        Mapping::Uuid(_) => (0..16).map(|_| rng.next() as u8).collect(),
        Mapping::Json { binary, .. } => {
            let documents =
                ["{}", "[1, 2.50]", "null", "\"a\"", "12", "-0.5", "100000000000000000000", "{\"a\": \"é\"}"];
            let version: &[u8] = if binary { b"\x01" } else { b"" };
            [version, rng.word(&documents).as_bytes()].concat()
        }
        Mapping::Inet { cidr } => inet(cidr, rng),
        Mapping::Vector { dimensions, .. } => {
            let dimensions = if dimensions == 0 { 1 + rng.below(4) as u16 } else { dimensions };
            let floats = (0..dimensions).flat_map(|_| float(rng).to_be_bytes()).collect::<Vec<u8>>();
            [&dimensions.to_be_bytes()[..], &[0, 0], &floats].concat()
        }
        Mapping::Array { element, .. } => array(element, rng),
    }
}

fn integer(rng: &mut Rng) -> i64 {
    let by = rng.below(64);
    rng.next() as i64 >> by
}

fn real(rng: &mut Rng) -> f64 {
    let real = f64::from_bits(rng.next());
    let scale = rng.below(8) as i32;
    if rng.chance(50) && real.is_finite() { real } else { integer(rng) as f64 / 10f64.powi(scale) }
}

fn float(rng: &mut Rng) -> f32 {
    let float = f32::from_bits(rng.next() as u32);
    if float.is_finite() && rng.chance(70) { float } else { *rng.pick(&[0.0, -0.0, 1.0, 0.1, 1e-5, 1e16, 1e21, 1e-45]) }
}

/// Microseconds on grids of all widths, mostly within the years 1 to 9999
fn micros(rng: &mut Rng) -> i64 {
    let grid = *rng.pick(&[1, 1000, 100_000, 1_000_000, 60_000_000, DAY]);
    let years = (rng.next() % (3_700_000 * DAY as u64)) as i64 - 760_000 * DAY;
    let near = rng.next() as i64 % (20_000 * DAY);
    let chosen = if rng.chance(50) { years } else { near };
    chosen.div_euclid(grid) * grid - if rng.chance(3) { 1 } else { 0 }
}

fn zoned_time(rng: &mut Rng) -> Vec<u8> {
    let west = match rng.below(4) {
        0 => 0,
        1 => 3600 * (rng.below(31) as i32 - 15),
        _ => 60 * (rng.below(1919) as i32 - 959),
    };
    [&micros(rng).rem_euclid(DAY).to_be_bytes()[..], &west.to_be_bytes()].concat()
}

fn interval(form: IntervalForm, rng: &mut Rng) -> Vec<u8> {
    let (micros, days) = match form {
        IntervalForm::Microseconds => (integer(rng), rng.next() as i32 >> 8),
        IntervalForm::Epoch(_) => (micros(rng) % DAY, rng.below(3_000_000) as i32 - 700_000),
    };
    [&micros.to_be_bytes()[..], &days.to_be_bytes(), &i32::from(rng.chance(2)).to_be_bytes()].concat()
}

fn decimal(precision: u16, scale: i16, class: DecimalClass, rng: &mut Rng) -> Vec<u8> {
    if scale < 0 {
        let unscaled = i128::from(integer(rng)) % 10i128.pow(precision.into());
        return numeric(unscaled * 10i128.pow(scale.unsigned_abs().into()), 0);
    }
    let (precision, scale) = if precision == 0 { (15, rng.below(6) as u16) } else { (precision, scale as u16) };
    // A real gives back 15 digits for certain.
    let digits = precision.min(if class == DecimalClass::Text { 30 } else { 15 });
    let unscaled = i128::from(rng.next() >> 2) * i128::from(rng.next() >> 2)
        % 10i128.pow(rng.below(usize::from(digits) + 1) as u32);
    let power = 10i128.pow(scale.into());
    let whole = class == DecimalClass::Integer || rng.chance(20);
    let unscaled = if whole { unscaled / power * power } else { unscaled };
    numeric(if rng.chance(50) { -unscaled } else { unscaled }, scale)
}

/// As `numeric_send` lays a number out, by way of its decimal text
fn numeric(unscaled: i128, scale: u16) -> Vec<u8> {
    let scale = usize::from(scale);
    let digits = format!("{:0>1$}", unscaled.unsigned_abs(), scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let fraction = format!("{fraction}{}", "0".repeat((4 - scale % 4) % 4));
    let mut groups: Vec<u16> = [whole.as_bytes(), fraction.as_bytes()]
        .concat()
        .chunks(4)
        .map(|four| std::str::from_utf8(four).unwrap().parse().unwrap())
        .collect();
    let mut weight = (whole.len() / 4) as i16 - 1;
    while groups.first() == Some(&0) {
        groups.remove(0);
        weight -= 1;
    }
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let sign = if unscaled < 0 { 0x4000 } else { 0 };
    let header = [groups.len() as u16, if groups.is_empty() { 0 } else { weight as u16 }, sign, scale as u16];
    header.into_iter().chain(groups).flat_map(u16::to_be_bytes).collect()
}

fn inet(cidr: bool, rng: &mut Rng) -> Vec<u8> {
    let size = *rng.pick(&[4usize, 16]);
    let bits = if rng.chance(30) { size * 8 } else { rng.below(size * 8 + 1) };
    let mut address: Vec<u8> = (0..size).map(|_| rng.next() as u8).collect();
    for group in address.chunks_mut(2) {
        if rng.chance(50) {
            group.fill(0);
        }
    }
    for (at, byte) in address.iter_mut().enumerate().filter(|_| cidr) {
        let kept = bits.saturating_sub(at * 8).min(8) as u32;
        *byte &= 0xffu8.checked_shl(8 - kept).unwrap_or(0);
    }
    let header = [if size == 4 { 2 } else { 3 }, bits as u8, u8::from(cidr), size as u8];
    [&header[..], &address].concat()
}

fn array(element: Element, rng: &mut Rng) -> Vec<u8> {
    let count = rng.below(4) as u32;
    let mut fields = Vec::new();
    for _ in 0..count {
        let field = match element {
            Element::Smallint => (rng.next() as i16).to_be_bytes().to_vec(),
            Element::Float4 => (real(rng) as f32).to_be_bytes().to_vec(),
            Element::Numeric { precision, scale, .. } => decimal(precision, scale, DecimalClass::Text, rng),
            Element::Date => (rng.below(3_700_000) as i32 - 740_000).to_be_bytes().to_vec(),
            Element::Timestamp { .. } => micros(rng).to_be_bytes().to_vec(),
            Element::Padded => text(rng, b"ab '\\\"\n~").into_bytes(),
            Element::Integer => (rng.next() as i32).to_be_bytes().to_vec(),
            Element::Bigint => integer(rng).to_be_bytes().to_vec(),
            Element::Boolean => vec![rng.below(2) as u8],
            Element::Double => real(rng).to_be_bytes().to_vec(),
            Element::Uuid => (0..16).map(|_| rng.next() as u8).collect(),
            Element::Text | Element::Varchar => text(rng, b"a,]}\\\"\n\x01\x7f/").into_bytes(),
        };
        let (length, field) = if rng.chance(20) { (-1, Vec::new()) } else { (field.len() as i32, field) };
        fields.extend_from_slice(&length.to_be_bytes());
        fields.extend_from_slice(&field);
    }
    let dimensions = u32::from(count > 0);
    let mut bytes: Vec<u8> = [dimensions, 0, element.oid()].iter().flat_map(|word| word.to_be_bytes()).collect();
    if count > 0 {
        bytes.extend([count, 1].iter().flat_map(|word| word.to_be_bytes()));
    }
    bytes.extend_from_slice(&fields);
    bytes
}

fn text(rng: &mut Rng, alphabet: &[u8]) -> String {
    let mut text: String = (0..rng.below(8)).map(|_| char::from(*rng.pick(alphabet))).collect();
    if rng.chance(30) {
        text.push_str(rng.word(&["é", "\u{1f600}", "\u{2028}", "\u{ffff}", "e\u{301}"]));
    }
    text
}
