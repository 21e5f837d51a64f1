//! What `status` shows: one document, as JSON or as text

use serde::Serialize;

use super::progress::{human_bytes, human_seconds};
use crate::model::phase::Side;
use crate::model::words::grouped;

/// The state of a migration as another process sees it
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// `null` if there is no migration, or the target cannot be asked
    pub phase: Option<String>,
    /// The side that accepts the application's writes
    pub primary: Option<&'static str>,
    /// Since when
    pub primary_since: Option<String>,
    /// A switch is under way: for a moment neither side accepts writes
    pub switching: bool,
    pub in_sync: bool,
    /// Entries of the primary's change log that the other side does not hold yet
    pub backlog: Option<i64>,
    /// Age of the oldest of them, at most; 0 without a backlog. SQLite's log holds no times: while SQLite is the primary
    /// this is the time since the checkpoint was last seen to be the head
    pub lag_seconds: Option<f64>,
    pub head_seq: Option<i64>,
    pub checkpoint_seq: Option<i64>,
    /// The target is an image of one moment of the source
    pub consistent: bool,
    /// Rows per second (copying) or entries per second (following)
    pub rate: Option<f64>,
    pub tables: Vec<TableStatus>,
    /// Full-text tables, which are followed by comparison
    pub search_tables: Vec<SearchStatus>,
    /// Rows that the target cannot hold, kept whole in `crossfade.quarantine`
    pub quarantined: u64,
    /// Rows that SQLite cannot hold while it follows, noted in `crossfade.unreturned`
    pub unreturned: u64,
    pub last_verify: Option<VerifyStatus>,
    pub last_error: Option<ErrorStatus>,
    pub replicator_running: bool,
    pub notices: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableStatus {
    pub name: String,
    pub rows_copied: i64,
    pub rows_total: i64,
    pub bytes_copied: i64,
    pub state: String,
    /// Rows of the table that are in the quarantine
    pub quarantined: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SearchStatus {
    pub name: String,
    /// Rows when it was last compared
    pub rows: i64,
    /// As of other tables: `copied` from the first whole comparison on
    pub state: String,
    /// When it was last compared as a whole
    pub compared_at: Option<String>,
    /// Its index has been written to since; `null` where the source does not answer
    pub changed: Option<bool>,
}

#[derive(Clone, Debug, Serialize)]
pub struct VerifyStatus {
    pub finished_at: String,
    pub through_seq: i64,
    pub rows_compared: i64,
    pub mismatches: i64,
    /// Keys that were not compared
    pub in_flight: i64,
    /// Rows that were in the quarantine
    pub quarantined: i64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ErrorStatus {
    pub message: String,
    pub hint: Option<String>,
}

impl Status {
    /// Nothing known yet
    pub fn empty() -> Status {
        Status {
            phase: None,
            primary: None,
            primary_since: None,
            switching: false,
            in_sync: false,
            backlog: None,
            lag_seconds: None,
            head_seq: None,
            checkpoint_seq: None,
            consistent: false,
            rate: None,
            tables: Vec::new(),
            search_tables: Vec::new(),
            quarantined: 0,
            unreturned: 0,
            last_verify: None,
            last_error: None,
            replicator_running: false,
            notices: Vec::new(),
        }
    }

    /// The text form, for people; with colour what needs attention is red
    pub fn text(&self, colour: bool) -> String {
        if self.phase.is_none() && self.last_error.is_none() {
            return "there is no migration on this target; `crossfade run` starts one".into();
        }
        let mut lines = vec![self.headline()];
        lines.extend(self.writes());
        lines.push(self.position());
        lines.extend(self.quarantine().into_iter().chain(self.not_returned()).map(|line| match colour {
            true => format!("\x1b[31m{line}\x1b[0m"),
            false => line,
        }));
        lines.extend(self.tables.iter().map(table_line));
        lines.extend(self.search_tables.iter().map(search_line));
        if let Some(verify) = &self.last_verify {
            lines.push(format!(
                "last verify  {}: {} rows compared, {} mismatches (through seq {})",
                verify.finished_at,
                grouped(verify.rows_compared as u64),
                grouped(verify.mismatches as u64),
                verify.through_seq
            ));
        }
        lines.extend(self.notices.iter().map(|notice| format!("notice       {notice}")));
        if let Some(error) = &self.last_error {
            lines.push(format!("last error   {}", error.message));
            lines.extend(error.hint.iter().map(|hint| format!("  hint: {hint}")));
        }
        lines.join("\n")
    }

    fn headline(&self) -> String {
        let phase = self.phase.as_deref().unwrap_or("none");
        let running = if self.replicator_running { "replicator running" } else { "no replicator running" };
        let sync = if self.in_sync { "in sync" } else { "not in sync" };
        format!("phase        {phase} ({running}, {sync}; primary: {})", self.primary.unwrap_or("unknown"))
    }

    /// Which side takes the application's writes, in words
    fn writes(&self) -> Option<String> {
        self.phase.as_ref()?;
        let side: Side = self.primary?.parse().ok()?;
        let since = self.primary_since.as_ref().map_or(String::new(), |since| format!(" since {since}"));
        Some(match self.switching {
            true => format!("writes       a switch is under way: {} is the primary until it is done", side.name()),
            false => format!("writes       go to {}{since}; {} follows", side.name(), side.other().name()),
        })
    }

    fn quarantine(&self) -> Option<String> {
        let rows = rows_are(self.quarantined)?;
        Some(format!("quarantine   {rows} not on PostgreSQL: `crossfade quarantine list`"))
    }

    fn not_returned(&self) -> Option<String> {
        let rows = rows_are(self.unreturned)?;
        Some(format!("unreturned   {rows} not on SQLite, which cannot hold them: `table crossfade.unreturned`"))
    }

    fn position(&self) -> String {
        if self.primary == Some(Side::Postgres.as_str()) {
            return self.reverse_position();
        }
        format!(
            "position     checkpoint {} of head {}, {}",
            number(self.checkpoint_seq),
            number(self.head_seq),
            self.backlog_and_lag()
        )
    }

    fn reverse_position(&self) -> String {
        format!("position     {} on the way to SQLite", self.backlog_and_lag())
    }

    fn backlog_and_lag(&self) -> String {
        let lag = self.lag_seconds.map_or("unknown".to_owned(), |s| match s {
            s if s < 1.0 => format!("{s:.1} s"),
            s => human_seconds(s),
        });
        let rate = self.rate.filter(|rate| *rate > 0.0).map_or(String::new(), |r| format!(", {}/s", grouped(r as u64)));
        format!("backlog {}, lag {lag}{rate}", number(self.backlog))
    }
}

fn number(n: Option<i64>) -> String {
    n.map_or("unknown".to_owned(), |n| n.to_string())
}

fn rows_are(count: u64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 row is".to_owned()),
        n => Some(format!("{} rows are", grouped(n))),
    }
}

fn table_line(table: &TableStatus) -> String {
    let quarantined = match table.quarantined {
        0 => String::new(),
        n => format!(", {} in the quarantine", grouped(n)),
    };
    format!(
        "  {:<28} {:<8} {:>12} of {:>12} rows  {}{quarantined}",
        table.name,
        table.state,
        grouped(table.rows_copied.max(0) as u64),
        grouped(table.rows_total.max(0) as u64),
        human_bytes(table.bytes_copied.max(0) as u64)
    )
}

fn search_line(table: &SearchStatus) -> String {
    let compared = match (&table.compared_at, table.changed) {
        (None, _) => "not compared yet".to_owned(),
        (Some(at), Some(true)) => format!("compared {at}, written to since"),
        (Some(at), _) => format!("compared {at}"),
    };
    let rows = grouped(table.rows.max(0) as u64);
    format!("  {:<28} {:<8} {rows:>12} rows, full text, {compared}", table.name, table.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_table_says_when_it_was_compared_and_whether_that_still_holds() {
        let of = |compared_at: Option<&str>, changed| SearchStatus {
            name: "notes".into(),
            rows: 1_234,
            state: "copied".into(),
            compared_at: compared_at.map(str::to_owned),
            changed,
        };
        let start = format!("  {:<28} copied          1,234 rows, full text, ", "notes");
        assert_eq!(search_line(&of(None, Some(true))), format!("{start}not compared yet"));
        assert_eq!(search_line(&of(Some("then"), Some(true))), format!("{start}compared then, written to since"));
        assert_eq!(search_line(&of(Some("then"), Some(false))), format!("{start}compared then"));
    }

    #[test]
    fn rows_in_the_quarantine_are_red_only_where_that_is_asked_for() {
        let mut status = Status { phase: Some("following".into()), ..Status::empty() };
        assert!(!status.text(true).contains("quarantine"));
        status.quarantined = 1_234;
        let line = "quarantine   1,234 rows are not on PostgreSQL: `crossfade quarantine list`";
        assert!(status.text(false).lines().any(|shown| shown == line), "{}", status.text(false));
        assert!(
            status.text(true).contains(&format!("\x1b[31m{line}\x1b[0m\n")) || status.text(true).ends_with("\x1b[0m")
        );
        assert!(!status.text(false).contains('\x1b'));
        status.unreturned = 1;
        let line = "unreturned   1 row is not on SQLite, which cannot hold them: `table crossfade.unreturned`";
        assert!(status.text(true).contains(&format!("\x1b[31m{line}\x1b[0m")), "{}", status.text(true));
    }

    #[test]
    fn the_side_that_takes_writes_is_said_in_words() {
        let mut status = Status { phase: Some("reversed".into()), primary: Some("postgres"), ..Status::empty() };
        (status.primary_since, status.backlog, status.lag_seconds) = (Some("noon".into()), Some(7), Some(0.25));
        let text = status.text(false);
        assert!(text.contains("writes       go to PostgreSQL since noon; SQLite follows\n"), "{text}");
        assert!(text.contains("position     backlog 7, lag 0.2 s on the way to SQLite"), "{text}");
        status.switching = true;
        let text = status.text(false);
        assert!(text.contains("a switch is under way: PostgreSQL is the primary until it is done"), "{text}");
    }
}
