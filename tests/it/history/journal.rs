//! What was acknowledged, and whether it is there

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::writer::{CHAIN, WRITERS};
use crate::support::pg::Pg;
use crate::support::source;

/// A transaction whose COMMIT was answered
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub number: i64,
    pub side: String,
    /// The monotonic clock, which all processes share, in nanoseconds: before BEGIN and after COMMIT
    pub began: u64,
    pub ended: u64,
}

impl Acknowledged {
    pub fn line(&self) -> String {
        format!("{} {} {} {}\n", self.number, self.side, self.began, self.ended)
    }

    fn parse(line: &str) -> Option<Acknowledged> {
        let mut words = line.split(' ');
        let number = words.next()?.parse().ok()?;
        let side = words.next()?.to_owned();
        let (began, ended) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Acknowledged { number, side, began, ended })
    }
}

/// Where a writer keeps its journal
pub fn path(folder: &Path, writer: usize) -> PathBuf {
    folder.join(format!("journal-{writer}"))
}

/// A writer's journal so far; it is written line by line, each in one call, so only whole lines are in it
pub fn read(path: &Path) -> Vec<Acknowledged> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| Acknowledged::parse(line).unwrap_or_else(|| panic!("not a line of ours: {line:?}")))
        .collect()
}

/// The journals of all writers
pub struct Journals(Vec<Vec<Acknowledged>>);

impl Journals {
    pub fn read(folder: &Path) -> Journals {
        Journals((0..WRITERS).map(|writer| read(&path(folder, writer))).collect())
    }

    /// Every acknowledged number is on both sides once, where it was accepted, and in order
    pub fn check_against(&self, source: &Path, target: &Pg) {
        for (writer, journal) in self.0.iter().enumerate() {
            assert!(!journal.is_empty(), "writer {writer} never got anything acknowledged");
            let rises = journal.windows(2).all(|pair| pair[0].number < pair[1].number);
            assert!(rises, "writer {writer}: a number was acknowledged twice, or after a later one");
            for (name, held) in [("SQLite", sqlite(source, writer)), ("PostgreSQL", postgres(target, writer))] {
                held.check(&format!("writer {writer} on {name}"), journal);
            }
        }
    }

    /// How often, at least, the accepting side changed: the longest chain of transactions on alternating sides, each of
    /// which began after the one before it had ended. It begins with SQLite, where every history begins
    pub fn alternations(&self) -> usize {
        let mut all: Vec<&Acknowledged> = self.0.iter().flatten().collect();
        all.sort_by_key(|one| one.ended);
        let mut chain: Vec<&Acknowledged> = Vec::new();
        for one in all {
            let follows = match chain.last() {
                None => one.side == "sqlite",
                Some(last) => one.side != last.side && one.began > last.ended,
            };
            if follows {
                chain.push(one);
            }
        }
        chain.len().saturating_sub(1)
    }
}

/// What one side holds of one writer
struct Held {
    entries: HashMap<i64, String>,
    last: i64,
    chain: i64,
}

impl Held {
    fn check(&self, whose: &str, journal: &[Acknowledged]) {
        for one in journal {
            let side = self.entries.get(&one.number);
            assert_eq!(side, Some(&one.side), "{whose}: acknowledged entry {} is not there as accepted", one.number);
        }
        // A number is the one after the last, in the same transaction: so there is neither a gap nor another order.
        let expected = (1..=self.last).fold(0, |chain, number| (chain * 31 + number) % CHAIN);
        assert_eq!(self.chain, expected, "{whose}: not what was appended, in order");
        assert_eq!(self.entries.len() as i64, self.last, "{whose}: an entry too many or too few");
    }
}

fn sqlite(path: &Path, writer: usize) -> Held {
    let connection = source::open(path);
    let mut statement = connection.prepare("SELECT number, side FROM entries WHERE writer = ?1").expect("entries");
    let rows = statement.query_map([writer as i64], |row| Ok((row.get(0)?, row.get(1)?))).expect("entries");
    let entries = rows.collect::<Result<_, _>>().expect("entries");
    let head = "SELECT last, chain FROM heads WHERE writer = ?1";
    let (last, chain) =
        connection.query_row(head, [writer as i64], |row| Ok((row.get(0)?, row.get(1)?))).expect("a head");
    Held { entries, last, chain }
}

fn postgres(target: &Pg, writer: usize) -> Held {
    let rows = target.query(&format!("SELECT number, side FROM entries WHERE writer = {writer}"));
    let text = |field: &Option<String>| field.clone().expect("not null");
    let entries = rows.iter().map(|row| (text(&row[0]).parse().expect("a number"), text(&row[1]))).collect();
    let head = target.query(&format!("SELECT last, chain FROM heads WHERE writer = {writer}"));
    let number = |at: usize| text(&head[0][at]).parse().expect("a number");
    let (last, chain) = (number(0), number(1));
    Held { entries, last, chain }
}

#[test]
fn alternations_are_counted_where_nothing_else_explains_the_times() {
    let one = |side: &str, began, ended| Acknowledged { number: 1, side: side.into(), began, ended };
    let of = |all: Vec<Acknowledged>| Journals(vec![all]).alternations();
    assert_eq!(of(vec![one("sqlite", 1, 2), one("sqlite", 3, 4)]), 0);
    assert_eq!(of(vec![one("sqlite", 1, 2), one("postgres", 3, 4)]), 1);
    // They overlap: the one on SQLite may have been first.
    assert_eq!(of(vec![one("sqlite", 1, 2), one("postgres", 3, 6), one("sqlite", 2, 5)]), 1);
    assert_eq!(of(vec![one("sqlite", 1, 2), one("postgres", 3, 4), one("sqlite", 5, 6)]), 2);
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let one = Acknowledged { number: 7, side: "postgres".into(), began: 1, ended: u64::MAX };
    assert_eq!(Acknowledged::parse(one.line().trim_end()), Some(one));
}
