//! What the demo prints: one calm line per step, and numbers that are easy to read

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Numbers the steps; a passing line shows what goes on meanwhile, on a terminal only
#[derive(Debug)]
pub struct Screen {
    step: u32,
    terminal: bool,
}

impl Screen {
    pub fn new() -> Screen {
        Screen { step: 0, terminal: std::io::stderr().is_terminal() }
    }

    pub fn title(&mut self, text: &str) {
        self.print(&format!("\n{text}\n\n"));
    }

    /// One step is done
    pub fn step(&mut self, text: impl Display) {
        self.step += 1;
        let line = format!("{:>3}  {text}\n", self.step);
        self.print(&line);
    }

    /// Something is going on; the next line takes its place
    pub fn passing(&mut self, text: impl Display) {
        if self.terminal {
            self.print(&format!("     {text}"));
        }
    }

    /// Takes a passing line away
    pub fn clear(&mut self) {
        self.print("");
    }

    fn print(&mut self, text: &str) {
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        // A closed stderr is no reason to stop: what counts is the summary on stdout and the exit code.
        let _ = write!(std::io::stderr(), "{start}{text}");
    }
}

/// `1234567` as `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as `1.9 s`
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A duration as `1.93 ms`
pub fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// A duration as `193 ms`
pub fn whole_millis(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1000.0)
}

/// How many per second, as a whole number
pub fn rate(count: u64, duration: Duration) -> String {
    thousands((count as f64 / duration.as_secs_f64().max(0.001)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown: Vec<String> = [0, 999, 1_000, 12_345, 1_234_567].into_iter().map(thousands).collect();
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_rate_over_no_time_at_all_is_still_a_number() {
        assert_eq!(rate(10, Duration::ZERO), "10,000");
        assert_eq!(rate(10, Duration::from_secs(2)), "5");
    }
}
