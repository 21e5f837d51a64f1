//! The page's shape, and what hostile names come to in it

use super::html::page;
use super::*;
use crate::model::record::{NoticeRecord, PhaseRecord, QuarantineCount, StepRecord, VerifyRecord};

const HOSTILE: &str = "<script>alert('x')</script>\"&\u{202e}\u{0}\n";

fn report(name: &str) -> Report {
    let text = || name.to_owned();
    let at = || "2026-11-21T10:00:00.125Z".to_owned();
    let held = || HeldRecord {
        table: text(),
        key: text(),
        column: text(),
        reason: text(),
        message: text(),
        since: at(),
        left_at: Some(at()),
    };
    let step = || StepRecord { step: text(), detail: text(), began_at: at(), seconds: Some(0.0125) };
    let switch = |outcome: Option<&str>| SwitchRecord {
        kind: text(),
        began_at: at(),
        ended_at: None,
        outcome: outcome.map(str::to_owned),
        reason: Some(text()),
        forced: vec![text()],
        fence_seq: Some(12),
        refused_seconds: Some(0.25),
        steps: vec![step()],
    };
    let notice = || Notice { object: text(), message: text(), remedy: Some(text()) };
    let audit = AuditReport {
        terms: vec![text()],
        sqlite_sql: text(),
        sqlite: Some(text()),
        postgres_sql: text(),
        postgres: "1234|5".into(),
        digest_sql: text(),
        digest: text(),
        equal: Some(true),
    };
    let column = ColumnReport { name: text(), declared: text(), target_name: text(), target_type: text() };
    let table = TableReport {
        name: text(),
        target_name: text(),
        key: vec![text()],
        columns: vec![column],
        state: "copied".into(),
        rows_planned: 1234,
        rows_copied: 1234,
        bytes_copied: 99,
        quarantined: 3,
        unreturned: 0,
        audit: Some(audit),
    };
    let run = VerifyRecord {
        started_at: at(),
        finished_at: at(),
        through_seq: 7,
        rows_compared: 1234,
        mismatches: 0,
        in_flight: 0,
        quarantined: 3,
    };
    Report {
        version: "0.0.0",
        source: text(),
        target: text(),
        mode: Mode::Create,
        target_schema: text(),
        tables: vec![table],
        skipped: vec![notice()],
        warnings: vec![notice()],
        settings: "set x = 1",
        remarks: vec![text()],
        record: Record {
            read_at: at(),
            created_at: at(),
            phase: "rolling_back".into(),
            primary: "postgres".into(),
            primary_since: at(),
            server: text(),
            phases: vec![PhaseRecord { phase: text(), entered_at: at(), seconds: None }],
            switches: vec![switch(Some("aborted")), switch(None)],
            verify_runs: vec![run],
            verify_runs_in_all: 2,
            quarantine: vec![QuarantineCount { table: text(), column: text(), reason: text(), held: 3, left: 1 }],
            quarantined_rows: vec![held()],
            unreturned_in_all: 1,
            unreturned_rows: vec![held()],
            notices: vec![NoticeRecord { object: text(), message: text(), noted_at: at() }],
        },
    }
}

/// The names of the tags in order, and the text of headings; without attributes
fn shape(page: &str) -> String {
    let mut shape = String::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end);
        let tag = &rest[at + 1..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let name = tag.split_whitespace().next().unwrap_or_default();
        if ["h1", "h2", "h3", "table", "pre", "details", "article"].contains(&name) {
            let text = if name.starts_with('h') { rest.split('<').next().unwrap_or_default() } else { "" };
            shape.push_str(&format!("{name}{}{text}\n", if text.is_empty() { "" } else { " " }));
        }
    }
    shape
}

#[test]
fn the_page_has_this_shape() {
    let expected = "h1 Migration of name\n\
                    h2 Switches of the primary\narticle\nh3 name \ntable\narticle\nh3 name \ntable\n\
                    h2 Tables\ntable\nh2 Phases\ntable\nh2 Comparisons of both sides, row by row\ntable\n\
                    h2 Rows that PostgreSQL could not hold\ntable\ntable\nh2 Rows that SQLite could not take back\ntable\n\
                    h2 Warnings of the plan\ntable\nh2 Left out by the plan\ntable\nh2 Notices on the way\ntable\n\
                    h2 Plan\ndetails\ntable\nh2 How to check this again\npre\ndetails\npre\npre\npre\n";
    assert_eq!(shape(&page(&report("name"))), expected);
}

/// What is not there has no heading either
#[test]
fn an_empty_record_is_short() {
    let mut bare = report("name");
    bare.record = Record { read_at: "2026-11-21T10:00:00.125Z".into(), ..Record::default() };
    (bare.tables, bare.warnings, bare.skipped) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(shape(&page(&bare)), "h1 Migration of name\n");
    assert!(!bare.text().contains("switches"), "{}", bare.text());
}

/// No name becomes markup, whatever it is; and the tags are the same as with a harmless one
#[test]
fn hostile_names_are_only_text() {
    let page = page(&report(HOSTILE));
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{0}'), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)") && page.contains("\\u{202e}"), "{page}");
    let tags = |page: &str| page.matches('<').count() - page.matches("<i>").count() * 2;
    assert_eq!(tags(&page), tags(&super::html::page(&report("name"))));
}

/// Nothing is loaded from anywhere, and nothing runs
#[test]
fn the_page_stands_alone() {
    let page = page(&report("name"));
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link", "<iframe"] {
        assert!(!page.contains(outside), "the page has `{outside}`");
    }
    assert!(page.contains("@media print"));
    let opened = |tag: &str| page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
    for tag in ["section", "table", "tr", "td", "th", "details", "summary", "article", "div", "pre", "em", "p", "html"]
    {
        assert_eq!(opened(tag), page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn the_text_says_how_long_writes_were_refused() {
    let text = report("name").text();
    assert!(text.contains("name: aborted: name, writes refused for 0.250 s, forced: name"), "{text}");
    assert!(text.contains("1,234 of 1,234 rows copied") && text.contains("both sides: equal"), "{text}");
    assert!(text.contains("primary      PostgreSQL since 2026-11-21T10:00:00.125Z (phase rolling_back)"), "{text}");
}

/// Red is what nothing explains
#[test]
fn rows_that_are_held_back_explain_a_difference() {
    let mut table = report("name").tables.remove(0);
    assert_eq!(table.verdict(), "equal");
    table.audit.as_mut().expect("an audit").equal = Some(false);
    assert_eq!(table.verdict(), "different, as rows are held back");
    table.quarantined = 0;
    assert_eq!(table.verdict(), "different");
    table.audit.as_mut().expect("an audit").equal = None;
    assert_eq!(table.verdict(), "not of one moment");
}
