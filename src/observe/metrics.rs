//! Counters and gauges of every stage, behind typed functions
//!
//! Names start with `crossfade_`, units last. They go nowhere until `run --http` installs a recorder.

use std::net::SocketAddr;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::error::{Error, Result};

/// Serves the metrics at `http://ADDRESS/metrics`; call it on the tokio runtime
///
/// # Errors
/// Usage, if the address cannot be listened on.
pub fn serve(address: SocketAddr) -> Result<()> {
    PrometheusBuilder::new().with_http_listener(address).install().map_err(|e| {
        Error::usage(format!("serve metrics on {address}")).hint("choose a free address with --http").caused_by(e)
    })?;
    describe();
    Ok(())
}

fn describe() {
    describe_counter!("crossfade_rows_copied_total", "rows that the snapshot committed, by table");
    describe_histogram!("crossfade_chunk_seconds", "time of one chunk of the snapshot, reading to commit");
    describe_counter!("crossfade_log_entries_applied_total", "entries of the change log that were applied");
    describe_counter!("crossfade_rows_applied_total", "rows that the tail wrote or deleted");
    describe_histogram!("crossfade_cycle_seconds", "time of one cycle of the tail, waiting included");
    describe_counter!("crossfade_collisions_total", "cycles done again because rows swapped unique values");
    describe_counter!("crossfade_refusals_total", "cycles done again because the server refused a row");
    describe_counter!("crossfade_retries_total", "sessions begun again after a failure");
    describe_gauge!("crossfade_backlog", "entries of the change log that are not applied yet");
    describe_gauge!("crossfade_quarantined_rows", "rows that the target cannot hold, kept in crossfade.quarantine");
    describe_gauge!("crossfade_unreturned_rows", "rows that SQLite cannot hold, named in crossfade.unreturned");
    describe_gauge!("crossfade_primary_is_postgres", "1 if PostgreSQL is the primary, 0 if SQLite is");
    describe_counter!("crossfade_switches_total", "switches that came to an end, by kind and outcome");
    describe_histogram!("crossfade_refused_seconds", "time for which a switch refused writes on both sides, by kind");
    describe_gauge!("crossfade_in_sync", "1 if the last cycle reached the head of the change log");
}

/// A chunk was committed
pub fn chunk(table: &str, rows: u64, took: Duration) {
    counter!("crossfade_rows_copied_total", "table" => table.to_owned()).increment(rows);
    histogram!("crossfade_chunk_seconds").record(took);
}

/// A cycle was committed
pub fn cycle(entries: u64, rows: u64, took: Duration) {
    counter!("crossfade_log_entries_applied_total").increment(entries);
    counter!("crossfade_rows_applied_total").increment(rows);
    histogram!("crossfade_cycle_seconds").record(took);
}

/// Rows of a cycle swapped unique values
pub fn collision() {
    counter!("crossfade_collisions_total").increment(1);
}

/// The server refused a row of a cycle
pub fn refused() {
    counter!("crossfade_refusals_total").increment(1);
}

/// A session failed and is begun again
pub fn retry() {
    counter!("crossfade_retries_total").increment(1);
}

/// Entries waiting
pub fn backlog(entries: i64) {
    gauge!("crossfade_backlog").set(entries as f64);
    gauge!("crossfade_in_sync").set(if entries == 0 { 1.0 } else { 0.0 });
}

/// Rows in the quarantine
pub fn quarantined(rows: u64) {
    gauge!("crossfade_quarantined_rows").set(rows as f64);
}

/// Rows that SQLite cannot hold
pub fn unreturned(rows: u64) {
    gauge!("crossfade_unreturned_rows").set(rows as f64);
}

/// Which side is the primary
pub fn primary(is_postgres: bool) {
    gauge!("crossfade_primary_is_postgres").set(if is_postgres { 1.0 } else { 0.0 });
}

/// A switch has come to its end
pub fn switched(kind: &'static str, outcome: String, refused_seconds: Option<f64>) {
    counter!("crossfade_switches_total", "kind" => kind, "outcome" => outcome).increment(1);
    if let Some(seconds) = refused_seconds {
        histogram!("crossfade_refused_seconds", "kind" => kind).record(seconds);
    }
}
