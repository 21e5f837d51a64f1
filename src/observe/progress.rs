//! What `run` shows while it works: a bar on a terminal, a plain line every few seconds elsewhere; always on stderr

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::words::grouped;

/// Between two plain lines
const LINE_INTERVAL: Duration = Duration::from_secs(3);

/// No estimate before this much is done: it would be a guess
const ETA_FROM: f64 = 0.01;

/// Prints lines for the operator; cheap to clone
#[derive(Clone, Debug, Default)]
pub struct Reporter {
    current: Arc<Mutex<Option<ProgressBar>>>,
    quiet: bool,
}

impl Reporter {
    pub fn new() -> Reporter {
        Reporter::default()
    }

    /// Says nothing; for commands whose output is elsewhere
    pub fn quiet() -> Reporter {
        Reporter { quiet: true, ..Reporter::default() }
    }

    /// One line, above the bar if there is one
    pub fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.current.lock().ok().and_then(|bar| bar.clone()) {
            Some(bar) if !bar.is_hidden() => bar.println(text),
            _ => eprintln!("{text}"),
        }
    }

    /// Begins a stage of `total` units
    pub fn stage(&self, label: &str, unit: &'static str, total: u64) -> Stage {
        let bar = if std::io::stderr().is_terminal() && !self.quiet {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8))
        } else {
            ProgressBar::hidden()
        };
        let template = "{prefix:<12} {bar:30} {pos:>11}/{len} {msg}  {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        if let Ok(mut current) = self.current.lock() {
            *current = Some(bar.clone());
        }
        Stage {
            reporter: self.clone(),
            bar,
            label: label.to_owned(),
            unit,
            total,
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            started: Instant::now(),
            last_line: Mutex::new(Instant::now()),
        }
    }
}

/// Progress of one stage; counted from several threads
pub struct Stage {
    reporter: Reporter,
    bar: ProgressBar,
    label: String,
    unit: &'static str,
    total: u64,
    done: AtomicU64,
    bytes: AtomicU64,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Stage {
    /// Sets what an earlier run had done already; it does not count for the rate
    pub fn resume(&self, done: u64) {
        self.bar.set_position(done);
    }

    pub fn add(&self, units: u64, bytes: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bar.inc(units);
        self.show();
    }

    /// Moves the bar over units that turned out not to be there
    pub fn pass(&self, units: u64) {
        self.bar.inc(units);
    }

    /// Shows what is being worked on, where units alone would stand still for long
    pub fn tell(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.line_if_due(text);
    }

    /// Units per second so far
    pub fn rate(&self) -> f64 {
        self.done.load(Ordering::Relaxed) as f64 / self.started.elapsed().as_secs_f64().max(0.001)
    }

    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends the stage with one line that says what it came to
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        if let Ok(mut current) = self.reporter.current.lock() {
            *current = None;
        }
        let bytes = self.bytes.load(Ordering::Relaxed);
        let size = if bytes > 0 { format!(", {}", human_bytes(bytes)) } else { String::new() };
        self.reporter.line(&format!(
            "{}: {} {}{size} in {:.1} s ({}/s)",
            self.label,
            grouped(self.done()),
            self.unit,
            self.started.elapsed().as_secs_f64(),
            grouped(self.rate() as u64),
        ));
    }

    fn show(&self) {
        self.bar.set_message(self.rates());
        self.line_if_due(&self.rates());
    }

    /// Off a terminal, one plain line every few seconds
    fn line_if_due(&self, text: &str) {
        if !self.bar.is_hidden() {
            return;
        }
        let Ok(mut last) = self.last_line.try_lock() else { return };
        if last.elapsed() >= LINE_INTERVAL {
            *last = Instant::now();
            let (done, total) = (grouped(self.bar.position()), grouped(self.total));
            self.reporter.line(&format!("{}: {done} of {total} {}, {text}", self.label, self.unit));
        }
    }

    /// Bytes, rate and the time left
    fn rates(&self) -> String {
        let rate = self.rate();
        let bytes = human_bytes(self.bytes.load(Ordering::Relaxed));
        let position = self.bar.position();
        let known = position as f64 >= self.total as f64 * ETA_FROM && rate > 0.0;
        let eta = if known {
            format!(", {} left", human_seconds(self.total.saturating_sub(position) as f64 / rate))
        } else {
            String::new()
        };
        format!("{bytes}, {}/s{eta}", grouped(rate as u64))
    }
}

/// Bytes in the unit that keeps the number short
pub fn human_bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// Seconds in the unit that keeps the number short
pub fn human_seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=99 => format!("{whole} s"),
        100..=5_999 => format!("{} min", whole / 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(human_bytes(999), "999 B");
        assert_eq!(human_bytes(1_500_000), "1.5 MB");
        assert_eq!(human_seconds(12.4), "12 s");
        assert_eq!(human_seconds(7_260.0), "2 h 1 min");
    }
}
