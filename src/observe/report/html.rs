//! The report as one page: no script, nothing loaded from anywhere, made to be printed too
//!
//! What a manager asks stands first; the statements with which an auditor checks it again are in the page itself.

use super::{AuditReport, Report, TableReport, seconds};
use crate::model::plan::{Mode, Notice};
use crate::model::record::{HeldRecord, SwitchRecord};
use crate::model::words::{counted, grouped};
use crate::observe::progress::{human_bytes, human_seconds};

const STYLE: &str = include_str!("style.css");

/// The whole page
pub fn page(report: &Report) -> String {
    let title = format!("Migration of {}", file_name(&report.source));
    let sections = [
        summary(report),
        switches(report),
        tables(report),
        phases(report),
        verify_runs(report),
        quarantine(report),
        unreturned(report),
        notices("Warnings of the plan", &report.warnings),
        notices("Left out by the plan", &report.skipped),
        stored_notices(report),
        plan(report),
        checks(report),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{}\
         <footer>Written by crossfade {} on {}.</footer>\n</body>\n</html>\n",
        sections.concat(),
        escape(report.version),
        moment(&report.record.read_at),
        title = escape(&title)
    )
}

/// Text of anybody's, safe in the page: markup is shown, and what is invisible is spelled out
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push('\n'),
            c if c.is_control() || is_unseen(c) => safe.push_str(&format!("<i>\\u{{{:x}}}</i>", c as u32)),
            c => safe.push(c),
        }
    }
    safe
}

/// Has no width, or turns the direction of what follows
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `2026-11-21T10:00:00.123Z` as people read it
fn moment(text: &str) -> String {
    let (day, time) = text.split_once('T').unwrap_or((text, ""));
    escape(&format!("{day} {} UTC", time.split('.').next().unwrap_or(time)))
}

fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title)) }
}

/// Cells are markup already
fn grid(headers: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let body: String = rows.map(|row| format!("<tr>{}</tr>\n", cells(&row))).collect();
    if body.is_empty() {
        return String::new();
    }
    let headers: String = headers.iter().map(|header| format!("<th>{}</th>", escape(header))).collect();
    format!("<table>\n<thead><tr>{headers}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n")
}

fn cells(row: &[String]) -> String {
    row.iter().map(|cell| format!("<td>{cell}</td>")).collect()
}

fn number(number: i64) -> String {
    grouped(number.max(0) as u64)
}

fn fact(name: &str, value: &str, note: &str) -> String {
    format!("<div class=\"fact\"><b>{value}</b><span>{}</span><small>{note}</small></div>\n", escape(name))
}

fn summary(report: &Report) -> String {
    let record = &report.record;
    let rows: u64 = report.tables.iter().filter_map(|table| table.audit.as_ref()).map(AuditReport::rows).sum();
    let rows = match report.tables.iter().any(|table| table.audit.is_some()) {
        true => fact("rows on PostgreSQL", &grouped(rows), &counted(report.tables.len() as u64, "table")),
        false => fact("tables", &grouped(report.tables.len() as u64), ""),
    };
    let verify = record.verify_runs.last().map_or_else(
        || fact("last comparison", "none yet", "every row and column of both sides"),
        |run| {
            let mismatches = counted(run.mismatches.max(0) as u64, "mismatch").replace("mismatchs", "mismatches");
            fact(
                "last comparison",
                &mismatches,
                &format!("{} rows, {}", number(run.rows_compared), moment(&run.finished_at)),
            )
        },
    );
    let switched = record.switches.iter().rev().find_map(|switch| switch.refused_seconds);
    let refused =
        switched.map_or_else(String::new, |s| fact("writes refused", &format!("{s:.3} s"), "in the last switch"));
    let held = fact("rows held back", &grouped(report.held()), "PostgreSQL cannot hold them");
    let facts = [
        fact("primary", report.primary(), &format!("since {}", moment(&record.primary_since))),
        fact("phase", &escape(&record.phase.replace('_', " ")), &format!("begun {}", moment(&record.created_at))),
        rows,
        verify,
        refused,
        held,
    ];
    let remarks: String = report.remarks.iter().map(|r| format!("<p class=\"remark\">{}</p>\n", escape(r))).collect();
    let who = match report.mode {
        Mode::Create => "crossfade made the tables on PostgreSQL",
        Mode::Existing => "the application's own migrations made the tables on PostgreSQL",
    };
    format!(
        "<p class=\"pair\"><code>{}</code> &#8594; <code>{}</code><br>{}, schema <code>{}</code>; {who}.</p>\n\
         <div class=\"facts\">\n{}</div>\n{remarks}",
        escape(&report.source),
        escape(&report.target),
        escape(&record.server),
        escape(&report.target_schema),
        facts.concat()
    )
}

fn switches(report: &Report) -> String {
    let all: String = report.record.switches.iter().map(switch).collect();
    section("Switches of the primary", &all)
}

fn switch(switch: &SwitchRecord) -> String {
    let outcome = switch.outcome.as_deref().unwrap_or("under way");
    let reason = switch.reason.as_ref().map(|reason| format!("<p>{}</p>\n", escape(reason))).unwrap_or_default();
    let mut facts = vec![format!("begun {}", moment(&switch.began_at))];
    facts.extend(switch.refused_seconds.map(|s| format!("writes refused for {s:.3} s")));
    facts.extend(switch.fence_seq.map(|seq| format!("last entry of SQLite's change log: {seq}")));
    if !switch.forced.is_empty() {
        facts.push(format!("overridden: {}", escape(&switch.forced.join(", "))));
    }
    let steps = switch
        .steps
        .iter()
        .map(|step| vec![escape(&step.step), seconds(step.seconds), escape(&step.detail), moment(&step.began_at)]);
    format!(
        "<article><h3>{} <em class=\"{}\">{}</em></h3>\n<p>{}</p>\n{reason}{}</article>\n",
        escape(&switch.kind),
        if outcome == "aborted" { "bad" } else { "good" },
        escape(outcome),
        facts.join(" &#183; "),
        grid(&["step", "took", "", "begun"], steps)
    )
}

fn tables(report: &Report) -> String {
    let rows = report.tables.iter().map(|table| {
        let (rows, digest, verdict) = table.audit.as_ref().map_or_else(Default::default, |audit| {
            let class = if audit.equal == Some(false) { "bad" } else { "good" };
            let verdict = format!("<em class=\"{class}\">{}</em>", table.verdict());
            (grouped(audit.rows()), format!("<code>{}</code>", escape(&audit.digest)), verdict)
        });
        vec![
            escape(&table.name),
            escape(&table.target_name),
            number(table.rows_copied),
            human_bytes(table.bytes_copied.max(0) as u64),
            grouped(table.quarantined),
            rows,
            digest,
            verdict,
        ]
    });
    let headers =
        ["on SQLite", "on PostgreSQL", "rows copied", "size", "held back", "rows now", "digest", "both sides"];
    section("Tables", &grid(&headers, rows))
}

fn phases(report: &Report) -> String {
    let rows = report.record.phases.iter().map(|phase| {
        let time = phase.seconds.map_or_else(|| "until now".to_owned(), human_seconds);
        vec![escape(&phase.phase.replace('_', " ")), moment(&phase.entered_at), escape(&time)]
    });
    section("Phases", &grid(&["phase", "entered", "lasted"], rows))
}

fn verify_runs(report: &Report) -> String {
    let rows = report.record.verify_runs.iter().map(|run| {
        vec![
            moment(&run.started_at),
            moment(&run.finished_at),
            number(run.rows_compared),
            number(run.mismatches),
            number(run.in_flight),
            number(run.quarantined),
            run.through_seq.to_string(),
        ]
    });
    let headers = ["begun", "finished", "rows compared", "mismatches", "kept changing", "set aside", "through entry"];
    let runs = grid(&headers, rows);
    let more = report.record.verify_runs_in_all - report.record.verify_runs.len() as i64;
    let earlier =
        if more > 0 { format!("<p>{} earlier runs are not listed.</p>\n", number(more)) } else { String::new() };
    section("Comparisons of both sides, row by row", &(runs + &earlier))
}

fn quarantine(report: &Report) -> String {
    let counts = report.record.quarantine.iter().map(|count| {
        vec![escape(&count.table), escape(&count.column), escape(&count.reason), number(count.held), number(count.left)]
    });
    let counts = grid(&["table", "column", "reason", "held now", "left since"], counts);
    section("Rows that PostgreSQL could not hold", &(counts + &held(&report.record.quarantined_rows)))
}

fn unreturned(report: &Report) -> String {
    let rows = held(&report.record.unreturned_rows);
    let all = report.record.unreturned_in_all;
    let count = if all > 0 {
        format!("<p>{} in all; they stand in the way of a rollback.</p>\n", number(all))
    } else {
        String::new()
    };
    section("Rows that SQLite could not take back", &(count + &rows))
}

fn held(rows: &[HeldRecord]) -> String {
    let cells = rows.iter().map(|row| {
        let fate = row.left_at.as_ref().map_or_else(|| "held".to_owned(), |at| format!("left {}", moment(at)));
        vec![escape(&row.table), escape(&row.key), escape(&row.message), moment(&row.since), fate]
    });
    grid(&["table", "key", "why", "since", "fate"], cells)
}

fn notices(title: &str, notices: &[Notice]) -> String {
    let rows = notices.iter().map(|notice| {
        let remedy = notice.remedy.as_ref().map(|remedy| format!("<br><small>{}</small>", escape(remedy)));
        vec![escape(&notice.object), escape(&notice.message) + &remedy.unwrap_or_default()]
    });
    section(title, &grid(&["object", ""], rows))
}

fn stored_notices(report: &Report) -> String {
    let rows = report
        .record
        .notices
        .iter()
        .map(|notice| vec![moment(&notice.noted_at), escape(&notice.object), escape(&notice.message)]);
    section("Notices on the way", &grid(&["noted", "object", ""], rows))
}

fn plan(report: &Report) -> String {
    let tables: String = report.tables.iter().map(plan_of).collect();
    section("Plan", &tables)
}

fn plan_of(table: &TableReport) -> String {
    let rows = table.columns.iter().map(|column| {
        vec![escape(&column.name), escape(&column.declared), escape(&column.target_name), escape(&column.target_type)]
    });
    format!(
        "<details><summary>{} (key: {})</summary>\n{}</details>\n",
        escape(&table.name),
        escape(&table.key.join(", ")),
        grid(&["column on SQLite", "declared", "on PostgreSQL", "type"], rows)
    )
}

fn checks(report: &Report) -> String {
    let tables: Vec<String> =
        report.tables.iter().filter_map(|table| table.audit.as_ref().map(|audit| check_of(table, audit))).collect();
    if tables.is_empty() {
        return String::new();
    }
    let how = format!(
        "<p>Run the first statement with <code>sqlite3</code> on the file and the second with <code>psql -At</code> on the \
         database, while neither is written to: both print the same line. The third, on PostgreSQL alone, is the digest over \
         all columns; it needs these settings:</p>\n<pre>{}</pre>\n",
        escape(report.settings)
    );
    section("How to check this again", &(how + &tables.concat()))
}

fn check_of(table: &TableReport, audit: &AuditReport) -> String {
    let sqlite = audit.sqlite.as_ref().map_or_else(String::new, |line| format!("-- {}\n", escape(line)));
    format!(
        "<details><summary>{}</summary>\n<p>{}</p>\n<pre>{};\n{sqlite}</pre>\n<pre>{};\n-- {}\n</pre>\n<pre>{};\n-- {}\n</pre>\n\
         </details>\n",
        escape(&table.name),
        escape(&audit.terms.join(", ")),
        escape(&audit.sqlite_sql),
        escape(&audit.postgres_sql),
        escape(&audit.postgres),
        escape(&audit.digest_sql),
        escape(&audit.digest)
    )
}
