//! Phases of a migration, as stored in the target and shown by `status`
//!
//! ```text
//!   planned --> capturing --> snapshotting --> indexing --> following
//! ```
//! Each step is durable before the next begins; a restart reads the phase and goes on inside it. Errors are not a
//! phase: the replicator stops or waits, and `last_error` says why.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The plan is stored in the target; the source is untouched. A restart installs capture.
    Planned,
    /// Capture is being installed on the source. A restart installs it again, which is a no-op where it is complete.
    Capturing,
    /// Capture is complete and the position before the first chunk is stored. A restart copies what has no progress row.
    Snapshotting,
    /// Every row is copied and the target is consistent; indexes and foreign keys are being built. A restart builds
    /// those that are missing.
    Indexing,
    /// The target follows the source. A restart goes on from the checkpoint.
    Following,
}

const SPELLINGS: [(Phase, &str); 5] = [
    (Phase::Planned, "planned"),
    (Phase::Capturing, "capturing"),
    (Phase::Snapshotting, "snapshotting"),
    (Phase::Indexing, "indexing"),
    (Phase::Following, "following"),
];

impl Phase {
    /// The spelling used in SQL, JSON, metrics and on the terminal
    pub fn as_str(self) -> &'static str {
        SPELLINGS.iter().find(|(phase, _)| *phase == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Phase, String> {
        SPELLINGS
            .iter()
            .find(|(_, spelling)| *spelling == text)
            .map(|(phase, _)| *phase)
            .ok_or_else(|| format!("`{text}` is not a phase that this version knows"))
    }
}
