//! One spelling for all that mean the same moment, or the same time of day
//!
//! By the parts of the text, carried from minutes to hours to days: no microseconds are counted here, as both the encoder
//! and the decoder do.

/// Appends the moment with six digits behind the seconds, in UTC if it has a zone; `None` if the text is no moment
pub(super) fn stamp(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut date, rest) = Date::read(text)?;
    let rest = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"T"))?;
    let (clock, zone) = Clock::read(rest)?;
    let (offset, is_zoned) = offset(zone)?;
    let minutes = clock.minutes - offset;
    match minutes.div_euclid(MINUTES) {
        -1 => date.back()?,
        1 => date.on()?,
        _ => {}
    }
    date.write(out);
    out.push(b' ');
    Clock { minutes: minutes.rem_euclid(MINUTES), ..clock }.write(out);
    out.extend_from_slice(if is_zoned { b"Z" } else { b"" });
    Some(())
}

/// Appends the time with six digits behind the seconds, and with Rails' date before it if it has that
pub(super) fn time(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const RAILS: &[u8] = b"2000-01-01 ";
    let dated = text.strip_prefix(RAILS);
    let (clock, rest) = Clock::read(dated.unwrap_or(text))?;
    out.extend_from_slice(if dated.is_some() { RAILS } else { b"" });
    clock.write(out);
    rest.is_empty().then_some(())
}

/// Minutes of a day
const MINUTES: i32 = 1440;

struct Date {
    year: i32,
    month: i32,
    day: i32,
}

struct Clock<'t> {
    minutes: i32,
    seconds: i32,
    /// Digits behind the seconds
    fraction: &'t [u8],
}

/// The number that the digits are
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}

fn below(digits: &[u8], limit: i32) -> Option<i32> {
    number(digits).filter(|number| *number < limit)
}

impl Date {
    fn read(text: &[u8]) -> Option<(Date, &[u8])> {
        let ([y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1], rest) = text.split_first_chunk()? else { return None };
        let year = number(&[*y0, *y1, *y2, *y3])?;
        let date = Date { year, month: number(&[*m0, *m1])?, day: number(&[*d0, *d1])? };
        let exists = date.year > 0 && (1..=date.length()).contains(&date.day);
        exists.then_some((date, rest))
    }

    /// Days of the month; none of one that does not exist
    fn length(&self) -> i32 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 => 28 + i32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        }
    }

    /// The day before, unless four digits cannot write it
    fn back(&mut self) -> Option<()> {
        if self.day > 1 {
            self.day -= 1;
            return Some(());
        }
        let (year, month) = if self.month == 1 { (self.year - 1, 12) } else { (self.year, self.month - 1) };
        *self = Date { year, month, day: 0 };
        self.day = self.length();
        (self.year > 0).then_some(())
    }

    /// The day after, likewise
    fn on(&mut self) -> Option<()> {
        self.day += 1;
        if self.day > self.length() {
            let (year, month) = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
            *self = Date { year, month, day: 1 };
        }
        (self.year < 10_000).then_some(())
    }

    fn write(&self, out: &mut Vec<u8>) {
        digits(out, self.year, 4);
        out.push(b'-');
        digits(out, self.month, 2);
        out.push(b'-');
        digits(out, self.day, 2);
    }
}

impl Clock<'_> {
    fn read(text: &[u8]) -> Option<(Clock<'_>, &[u8])> {
        let ([h0, h1, b':', m0, m1], rest) = text.split_first_chunk()? else { return None };
        let minutes = below(&[*h0, *h1], 24)? * 60 + below(&[*m0, *m1], 60)?;
        let [b':', s0, s1, rest @ ..] = rest else { return Some((Clock { minutes, seconds: 0, fraction: b"" }, rest)) };
        let seconds = below(&[*s0, *s1], 60)?;
        let Some(behind) = rest.strip_prefix(b".") else {
            return Some((Clock { minutes, seconds, fraction: b"" }, rest));
        };
        let end = behind.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(behind.len());
        let (fraction, rest) = behind.split_at(end);
        (1..=6).contains(&end).then_some((Clock { minutes, seconds, fraction }, rest))
    }

    fn write(&self, out: &mut Vec<u8>) {
        digits(out, self.minutes / 60, 2);
        out.push(b':');
        digits(out, self.minutes % 60, 2);
        out.push(b':');
        digits(out, self.seconds, 2);
        out.push(b'.');
        out.extend_from_slice(self.fraction);
        out.resize(out.len() + 6 - self.fraction.len(), b'0');
    }
}

/// Minutes east of UTC, and whether there is a zone at all
fn offset(zone: &[u8]) -> Option<(i32, bool)> {
    let (sign, hours, minutes) = match zone {
        [] => return Some((0, false)),
        b"Z" => return Some((0, true)),
        [sign, h0, h1] => (sign, [*h0, *h1], [b'0'; 2]),
        [sign, h0, h1, m0, m1] | [sign, h0, h1, b':', m0, m1] => (sign, [*h0, *h1], [*m0, *m1]),
        _ => return None,
    };
    let offset = below(&hours, 16)? * 60 + below(&minutes, 60)?;
    match sign {
        b'+' => Some((offset, true)),
        b'-' => Some((-offset, true)),
        _ => None,
    }
}

fn digits(out: &mut Vec<u8>, number: i32, count: u32) {
    let digit = |place| b'0' + (number / 10i32.pow(place) % 10) as u8;
    out.extend((0..count).rev().map(digit));
}
