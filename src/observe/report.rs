//! What `report` shows: the record of a migration, as one document, as text or as a page
//!
//! For the one who decides and for the one who checks. It holds keys of refused rows, no values and no secret.

pub mod html;

use std::fmt::Write;

use serde::Serialize;

use super::progress::{human_bytes, human_seconds};
use crate::model::plan::{Mode, Notice};
use crate::model::record::{HeldRecord, Record, SwitchRecord};
use crate::model::words::{counted, grouped};

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of crossfade
    pub version: &'static str,
    pub source: String,
    /// Without a password
    pub target: String,
    pub mode: Mode,
    pub target_schema: String,
    pub tables: Vec<TableReport>,
    pub skipped: Vec<Notice>,
    pub warnings: Vec<Notice>,
    /// What must be set for the digests of PostgreSQL to come out the same
    pub settings: &'static str,
    /// What this report does not show, and why
    pub remarks: Vec<String>,
    #[serde(flatten)]
    pub record: Record,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    pub name: String,
    pub target_name: String,
    pub key: Vec<String>,
    pub columns: Vec<ColumnReport>,
    pub state: String,
    /// Rows when the plan was made
    pub rows_planned: u64,
    pub rows_copied: i64,
    pub bytes_copied: i64,
    /// Rows that PostgreSQL cannot hold
    pub quarantined: u64,
    /// Rows that SQLite cannot take back
    pub unreturned: u64,
    /// `null` if it was not asked for, or the table is not copied yet
    pub audit: Option<AuditReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ColumnReport {
    pub name: String,
    pub declared: String,
    pub target_name: String,
    pub target_type: String,
}

/// Numbers that anybody can ask for again on both sides, with the statements
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// What the numbers are, in order
    pub terms: Vec<String>,
    pub sqlite_sql: String,
    pub sqlite: Option<String>,
    pub postgres_sql: String,
    pub postgres: String,
    pub digest_sql: String,
    pub digest: String,
    /// `null` if the two were not of the same moment, or are not meant to be equal
    pub equal: Option<bool>,
}

impl AuditReport {
    /// The first number of the line
    pub fn rows(&self) -> u64 {
        self.postgres.split('|').next().and_then(|rows| rows.parse().ok()).unwrap_or_default()
    }
}

impl TableReport {
    /// Whether both sides hold the same, in a word; empty where nothing was asked
    pub fn verdict(&self) -> &'static str {
        let Some(audit) = &self.audit else { return "" };
        match (audit.equal, &audit.sqlite) {
            (Some(true), _) => "equal",
            (Some(false), _) if self.quarantined + self.unreturned > 0 => "different, as rows are held back",
            (Some(false), _) => "different",
            (None, None) => "PostgreSQL only",
            (None, Some(_)) => "not of one moment",
        }
    }
}

impl Report {
    /// The side in charge, as people write it
    pub fn primary(&self) -> &'static str {
        if self.record.primary == "postgres" { "PostgreSQL" } else { "SQLite" }
    }

    /// Rows in the quarantine now
    pub fn held(&self) -> u64 {
        self.tables.iter().map(|table| table.quarantined).sum()
    }

    /// The text form, for people
    pub fn text(&self) -> String {
        let mut text = String::new();
        let record = &self.record;
        let mut line = |text_line: String| {
            text.push_str(&text_line);
            text.push('\n');
        };
        line(format!("report of {} (crossfade {})", record.read_at, self.version));
        line(format!("source       {}", self.source));
        line(format!("target       {} ({}, schema {})", self.target, record.server, self.target_schema));
        line(format!("primary      {} since {} (phase {})", self.primary(), record.primary_since, record.phase));
        self.remarks.iter().for_each(|remark| line(format!("note         {remark}")));
        text.push_str(&self.tables_text());
        text.push_str(&self.phases_text());
        text.push_str(&self.switches_text());
        text.push_str(&self.verify_text());
        text.push_str(&self.held_text());
        for (title, notices) in [("warnings of the plan", &self.warnings), ("left out by the plan", &self.skipped)] {
            let lines = notices.iter().map(|notice| format!("{}: {}", notice.object, notice.message));
            section(&mut text, title, lines);
        }
        let notices = record.notices.iter().map(|n| format!("{} {}: {}", n.noted_at, n.object, n.message));
        section(&mut text, "notices", notices);
        text
    }

    fn tables_text(&self) -> String {
        let mut text = String::new();
        let lines = self.tables.iter().map(|table| {
            let (name, to) = (&table.name, &table.target_name);
            let name = if name == to { name.clone() } else { format!("{name} -> {to}") };
            let copied = format!(
                "{} of {} copied, {}",
                grouped(table.rows_copied.max(0) as u64),
                counted(table.rows_planned, "row"),
                human_bytes(table.bytes_copied.max(0) as u64)
            );
            let held = match table.quarantined {
                0 => String::new(),
                held => format!("; {} in the quarantine", counted(held, "row")),
            };
            let audit = table.audit.as_ref().map_or_else(String::new, |audit| {
                let (rows, verdict) = (grouped(audit.rows()), table.verdict());
                format!("; {rows} on PostgreSQL now, digest {}, both sides: {verdict}", audit.digest)
            });
            format!("{name}: {copied}{held}{audit}")
        });
        section(&mut text, "tables", lines);
        text
    }

    fn phases_text(&self) -> String {
        let mut text = String::new();
        let lines = self.record.phases.iter().map(|phase| {
            let time = phase.seconds.map(|s| format!(" for {}", human_seconds(s))).unwrap_or_default();
            format!("{} {}{time}", phase.entered_at, phase.phase)
        });
        section(&mut text, "phases", lines);
        text
    }

    fn switches_text(&self) -> String {
        let mut text = String::new();
        let lines = self.record.switches.iter().flat_map(|switch| {
            let steps = switch.steps.iter().map(|step| {
                let detail = if step.detail.is_empty() { String::new() } else { format!("  {}", step.detail) };
                format!("  {:<10} {:>9}{detail}", step.step, seconds(step.seconds))
            });
            std::iter::once(headline(switch)).chain(steps).collect::<Vec<_>>()
        });
        section(&mut text, "switches", lines);
        text
    }

    fn verify_text(&self) -> String {
        let mut text = String::new();
        let title = format!("verify runs ({} in all)", self.record.verify_runs_in_all);
        let lines = self.record.verify_runs.iter().map(|run| {
            format!(
                "{} {} rows compared, {} mismatches, {} in flight, {} set aside (through seq {})",
                run.finished_at,
                grouped(run.rows_compared.max(0) as u64),
                run.mismatches,
                run.in_flight,
                run.quarantined,
                run.through_seq
            )
        });
        section(&mut text, &title, lines);
        text
    }

    fn held_text(&self) -> String {
        let mut text = String::new();
        let counts = self.record.quarantine.iter().map(|count| {
            let column = if count.column.is_empty() { String::new() } else { format!(".{}", count.column) };
            format!("{}{column} ({}): {} held, {} left", count.table, count.reason, count.held, count.left)
        });
        section(&mut text, "rows that PostgreSQL could not hold", counts);
        section(&mut text, "  of these", self.record.quarantined_rows.iter().map(held_line));
        let title = format!("rows that SQLite could not take back ({} in all)", self.record.unreturned_in_all);
        section(&mut text, &title, self.record.unreturned_rows.iter().map(held_line));
        text
    }
}

/// How a switch ended, in one line
pub fn headline(switch: &SwitchRecord) -> String {
    let outcome = switch.outcome.as_deref().unwrap_or("under way");
    let refused = switch.refused_seconds.map(|s| format!(", writes refused for {s:.3} s")).unwrap_or_default();
    let reason = switch.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let forced =
        if switch.forced.is_empty() { String::new() } else { format!(", forced: {}", switch.forced.join(", ")) };
    format!("{} {}: {outcome}{reason}{refused}{forced}", switch.began_at, switch.kind)
}

/// A time that was measured; of what failed there is none
pub fn seconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3} s"))
}

fn held_line(row: &HeldRecord) -> String {
    let left = row.left_at.as_ref().map(|at| format!(", left {at}")).unwrap_or_default();
    format!("{} {}: {} (since {}{left})", row.table, row.key, row.message, row.since)
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{title}");
        lines.for_each(|line| {
            let _ = writeln!(text, "  {line}");
        });
    }
}

#[cfg(test)]
mod tests;
