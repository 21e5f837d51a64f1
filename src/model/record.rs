//! The record of a migration: what was done, when, and what came of it
//!
//! Plain facts as they are stored in the target, for `report`. Moments are texts in UTC, as ISO 8601 writes them.

use serde::Serialize;

/// A phase that was entered
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseRecord {
    pub phase: String,
    pub entered_at: String,
    /// Until the next one; `null` for the one that lasts
    pub seconds: Option<f64>,
}

/// A switch of the primary that was begun
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwitchRecord {
    /// cutover, rehearsal or rollback
    pub kind: String,
    pub began_at: String,
    pub ended_at: Option<String>,
    /// switched, rehearsed or aborted; `null` while it is under way
    pub outcome: Option<String>,
    pub reason: Option<String>,
    /// Blockers that were overridden
    pub forced: Vec<String>,
    pub fence_seq: Option<i64>,
    /// For how long neither side accepted writes
    pub refused_seconds: Option<f64>,
    pub steps: Vec<StepRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepRecord {
    pub step: String,
    pub detail: String,
    pub began_at: String,
    /// `null` while it is under way, or if it failed
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyRecord {
    pub started_at: String,
    pub finished_at: String,
    pub through_seq: i64,
    pub rows_compared: i64,
    pub mismatches: i64,
    pub in_flight: i64,
    pub quarantined: i64,
}

/// Rows of one table that PostgreSQL could not hold, for one reason
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuarantineCount {
    pub table: String,
    pub column: String,
    pub reason: String,
    /// Still in the quarantine
    pub held: i64,
    /// Written to their table since, or deleted on the source
    pub left: i64,
}

/// A row that one side cannot hold, without its values
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldRecord {
    pub table: String,
    pub key: String,
    pub column: String,
    pub reason: String,
    pub message: String,
    pub since: String,
    /// When it left the quarantine
    pub left_at: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeRecord {
    pub object: String,
    pub message: String,
    pub noted_at: String,
}

/// Everything that the target has stored about the migration, beside plan and tables
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    /// When this was read
    pub read_at: String,
    pub created_at: String,
    pub phase: String,
    pub primary: String,
    pub primary_since: String,
    pub server: String,
    pub phases: Vec<PhaseRecord>,
    pub switches: Vec<SwitchRecord>,
    /// The newest ones, the oldest of them first
    pub verify_runs: Vec<VerifyRecord>,
    pub verify_runs_in_all: i64,
    pub quarantine: Vec<QuarantineCount>,
    /// Rows that are or were in the quarantine, the newest ones
    pub quarantined_rows: Vec<HeldRecord>,
    pub unreturned_in_all: i64,
    /// Rows written on PostgreSQL that SQLite cannot hold, the newest ones
    pub unreturned_rows: Vec<HeldRecord>,
    pub notices: Vec<NoticeRecord>,
}
