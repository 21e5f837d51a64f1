//! The replicator's view of the quarantine: which tables have rows there, and trying those rows again
//!
//! The rows themselves come and go with the batches of cycles, chunks and repairs. Here is only what a cycle must know
//! beforehand, and what people are told.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::codec::{Stored, decode_row};
use crate::engine::job::Job;
use crate::error::Result;
use crate::model::change::Batch;
use crate::model::encode::encode_field;
use crate::model::mapping::Mapping;
use crate::model::plan::Plan;
use crate::model::value::Value;
use crate::model::words::grouped;
use crate::observe::metrics;
use crate::postgres::control::{self, Request};
use crate::postgres::quarantine::{self, Entry, Place};

/// Between two counts while rows come and go
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// Rows that one cycle tries again: their keys are held in memory
const RETRY_ROWS: usize = 10_000;

/// Rows that are tried again on their own, because another row was in their way, and how often at most
const CONTESTED_ROWS: usize = 1_000;
const CONTESTED_INTERVAL: Duration = Duration::from_secs(1);

/// What is in the quarantine, as far as this session has looked
#[derive(Debug, Default)]
pub struct Known {
    /// Rows by table number; `None` before the first look. May name tables whose rows have all left, never too few
    counts: Option<HashMap<i64, u64>>,
    counted_at: Option<Instant>,
    is_stale: bool,
    /// Rows that the operator was told of
    told: u64,
    /// Rows that wait for another row were tried, in a cycle of this session
    contested_at: Option<Instant>,
    /// Something was written since then, so that the other row may have gone
    is_unsettled: bool,
}

impl Known {
    /// Others than the tail have changed it: look before the next cycle
    pub fn forget(&mut self) {
        self.counts = None;
    }

    /// As [`Known::forget`], if there was anything in it
    pub fn forget_if_any(&mut self) {
        if !self.tables().is_empty() {
            self.forget();
        }
    }

    /// Tables that have rows in it
    pub fn tables(&self) -> HashSet<i64> {
        self.counts.iter().flatten().map(|(id, _)| *id).collect()
    }

    /// A cycle with this batch was committed, or will be
    pub fn note(&mut self, batch: &Batch) {
        self.is_unsettled = true;
        if batch.quarantine.is_empty() {
            return;
        }
        self.is_stale = true;
        if let (Some(counts), false) = (&mut self.counts, batch.quarantine.rejected.is_empty()) {
            counts.entry(batch.table_id).or_default();
        }
    }
}

/// Looks what is in the quarantine, unless that is known; before every cycle
pub fn look(job: &mut Job) -> Result<()> {
    let due = job.quarantine.counted_at.is_none_or(|at| at.elapsed() >= COUNT_INTERVAL);
    if job.quarantine.counts.is_some() && !(job.quarantine.is_stale && due) {
        return Ok(());
    }
    let counts = job.wait(quarantine::counts(job.applier.client()))?;
    let total = counts.values().sum();
    metrics::quarantined(total);
    tell(job, total);
    job.quarantine.counts = Some(counts);
    job.quarantine.counted_at = Some(Instant::now());
    job.quarantine.is_stale = false;
    Ok(())
}

/// A line when the first row comes, whenever their number has doubled, and when the last has left
fn tell(job: &mut Job, total: u64) {
    let told = job.quarantine.told;
    if total > 0 && total >= told.saturating_mul(2).max(1) {
        let rows = if total == 1 { "1 row is".to_owned() } else { format!("{} rows are", grouped(total)) };
        job.context.reporter.line(&format!(
            "quarantine: {rows} not on PostgreSQL, for values that do not fit; see `crossfade quarantine list`"
        ));
        job.quarantine.told = total;
    } else if total == 0 && told > 0 {
        job.context.reporter.line("quarantine: the last row has left it");
        job.quarantine.told = 0;
    }
}

/// A request to try the quarantine again, and how far it has come
#[derive(Debug)]
pub struct Retry {
    request: i64,
    table_id: Option<i64>,
    after: Option<Place>,
    /// The target's limits were looked at since it came
    looked: bool,
}

impl Retry {
    pub fn new(request: Request, plan: &Plan) -> Retry {
        let named = |name: String| plan.tables.iter().find(|t| t.source.name == name).map_or(i64::MIN, |t| t.id);
        Retry { request: request.id, table_id: request.argument.map(named), after: None, looked: false }
    }

    /// Whether this is the first look at it
    pub fn is_new(&mut self) -> bool {
        !std::mem::replace(&mut self.looked, true)
    }
}

/// The rows that the next cycle tries again; a request without any left is answered
pub fn rows_to_retry(job: &Job) -> Result<Vec<Entry>> {
    loop {
        let (request, table_id, after) = match job.retries.borrow().first() {
            Some(retry) => (retry.request, retry.table_id, retry.after.clone()),
            None => return Ok(Vec::new()),
        };
        let client = job.applier.client();
        let entries = job.wait(quarantine::entries(client, table_id, after.as_ref(), RETRY_ROWS))?;
        if !entries.is_empty() {
            return Ok(entries);
        }
        job.wait(control::answer_request(client, request))?;
        job.retries.borrow_mut().remove(0);
    }
}

/// Answers every request: while PostgreSQL is the primary, nothing goes there from SQLite
pub fn decline_retries(job: &Job) -> Result<()> {
    let retries = std::mem::take(&mut *job.retries.borrow_mut());
    for retry in retries {
        job.context.reporter.line("quarantine: PostgreSQL is the primary; its rows are tried again after a rollback");
        job.wait(control::answer_request(job.applier.client(), retry.request))?;
    }
    Ok(())
}

/// The rows to try again that wait for another row to be corrected; and whether in a cycle of their own, as the session
/// is new or something was written since they were tried
pub fn rows_in_wait(job: &Job) -> Result<(Vec<Entry>, bool)> {
    let known = &job.quarantine;
    let due = known.contested_at.is_none_or(|at| at.elapsed() >= CONTESTED_INTERVAL);
    if known.counts.as_ref().is_none_or(HashMap::is_empty) || !due {
        return Ok((Vec::new(), false));
    }
    let entries = job.wait(quarantine::contested(job.applier.client(), CONTESTED_ROWS))?;
    Ok((entries, known.contested_at.is_none() || known.is_unsettled))
}

/// A cycle is committed; with it, or without, the rows that wait for another one were tried
pub fn waited(job: &mut Job, were_tried: bool) {
    if were_tried {
        job.quarantine.contested_at = Some(Instant::now());
        job.quarantine.is_unsettled = false;
    }
}

/// These rows were tried, in a cycle that is committed
pub fn tried(job: &Job, entries: &[Entry]) {
    if let (Some(retry), Some(last)) = (job.retries.borrow_mut().first_mut(), entries.last()) {
        retry.after = Some(last.place());
    }
}

/// A stored row as a JSON object; written by hand, because a number of serde_json loses the `.0` that tells a real from
/// an integer
pub fn row_json(image: &[u8]) -> Result<String> {
    let row = decode_row(image)?;
    let fields = row.columns.iter().zip(&row.values);
    let fields = fields.map(|(name, stored)| match stored {
        Stored::Value(value) => format!("{}: {}", text_json(name), value_json(*value)),
        Stored::Utf16(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}: {{\"$utf16\": \"{hex}\"}}", text_json(name))
        }
    });
    Ok(format!("{{{}}}", fields.collect::<Vec<_>>().join(", ")))
}

/// As a column of type jsonb shows values of every class: see `model/variant.rs`
pub fn value_json(value: Value<'_>) -> String {
    let mut field = Vec::new();
    if matches!(value, Value::Null) {
        return "null".into();
    }
    match encode_field(&mut field, value, Mapping::Variant) {
        // Length word and version byte stand before the document.
        Ok(()) => String::from_utf8_lossy(&field[5..]).into_owned(),
        Err(misfit) => text_json(&misfit.to_string()),
    }
}

pub fn text_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_with_its_classes() {
        let values = [Value::Null, Value::Integer(1), Value::Real(1.0), Value::Text(b"a\"\0"), Value::Blob(b"\xff")];
        let stored = values.into_iter().map(Stored::Value).chain([Stored::Utf16(b"\0\xd8")]);
        let image = crate::codec::encode_row(["n", "i", "r", "t", "b\"", "u"].into_iter(), stored).unwrap();
        let expected = r#"{"n": null, "i": 1, "r": 1.0, "t": {"$text": "612200"}, "b\"": {"$blob": "ff"}"#;
        assert_eq!(row_json(&image).unwrap(), format!("{expected}, {}}}", r#""u": {"$utf16": "00d8"}"#));
    }
}
