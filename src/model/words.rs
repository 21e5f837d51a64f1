//! Numbers as people read them

/// `1 text`, `1,204 texts`
pub fn counted(count: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// 1234567 as `1,234,567`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as it was given: `500 ms`, `30 s`
pub fn seconds(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{} ms", (seconds * 1000.0).round()),
        false => format!("{} s", (seconds * 1000.0).round() / 1000.0),
    }
}
