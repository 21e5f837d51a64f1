//! Databases that real applications made: copied, followed under writers from other processes, equal
//!
//! The files are not part of the repository; without them these tests are skipped by name, except in CI.

use std::path::PathBuf;

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::process::{Pair, wait_until};
use crate::support::python::{self, PythonWriter};
use crate::support::source::{self, Workplace};

#[test]
fn chinook_is_copied_and_followed() {
    copied_and_followed("chinook.sqlite", "WAL");
}

#[test]
fn northwind_is_copied_and_followed() {
    copied_and_followed("northwind.sqlite", "WAL");
}

#[test]
fn gnucash_is_copied_and_followed() {
    copied_and_followed("gnucash_book.sqlite", "WAL");
}

/// As the application left it: readers and writers exclude each other in this mode
#[test]
fn gnucash_in_rollback_journal_mode_is_copied_and_followed() {
    copied_and_followed("gnucash_book.sqlite", "DELETE");
}

fn copied_and_followed(name: &str, journal_mode: &str) {
    let Some(file) = find(name) else { return };
    if !python::available(name) {
        return;
    }
    let work = Workplace::new();
    let path = work.path(name);
    std::fs::write(&path, std::fs::read(&file).expect("the database")).expect("a copy of the database");
    source::set_journal_mode(&source::open(&path), journal_mode);
    let pair = Pair::new(&path, fresh_database());

    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    pair.verify();

    let mut replicator = pair.replicate(&[]);
    let writers = [1, 2].map(|seed| PythonWriter::start(&path, seed));
    let before = source::head(&path);
    wait_until("the Python writers to write", || source::head(&path) > before);
    pair.wait_consistent(&mut replicator);
    pair.verify();
    writers.into_iter().for_each(|writer| writer.finish(150));
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

fn find(name: &str) -> Option<PathBuf> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = [repository.join("../shared/data"), repository.join("../../shared/data")];
    let found = places.iter().map(|place| place.join(name)).find(|path| path.is_file());
    assert!(found.is_some() || !python::required(), "CI needs ../shared/data/{name}");
    if found.is_none() {
        eprintln!("skipped: {name} (no ../shared/data here)");
    }
    found
}
