//! Phases of a migration: one state machine, stored in the target and shown by `status`
//!
//! ```text
//!   planned -> capturing -> snapshotting -> indexing -> following                 SQLite is the primary
//!                                                        |  ^  ^
//!                                        begin cutover   |  |  |  begin rehearsal --> rehearsing --+
//!                                                        v  |  |                                   |
//!                                            cutting_over --+  +---- rehearsed, taken back --------+
//!                                              |      taken back
//!                              PostgreSQL open |
//!                                              v    begin rollback                PostgreSQL is the primary
//!                                           reversed ----------------> rolling_back
//!                                              ^                         |    |
//!                                              +------- taken back ------+    | SQLite open
//!                                                                             +---------> following
//! ```
//!
//! Each step is durable before the next begins; a restart reads the phase and goes on inside it. Errors are not a
//! phase: the replicator stops or waits, and `last_error` says why. [`TRANSITIONS`] is the whole table; what is not in it
//! does not happen, and [`Phase::after`] says so instead of storing it.
//!
//! Who is primary is decided by the side that is opened, in its own durable transaction (I8). For a cutover that
//! transaction stores the phase itself; for a rollback it is the one on SQLite, which the phase follows.

use std::fmt;
use std::str::FromStr;

/// Ordered as a migration goes through them the first time
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Entered by `run`, in the transaction that stores the plan. Nothing else stands on the target, and the source is
    /// untouched. A restart installs capture.
    Planned,
    /// Entered by the replicator before it touches the source. Capture may stand there, whole or not at all. A restart
    /// installs it again, which is a no-op where it is complete.
    Capturing,
    /// Entered by the replicator with the position before the first chunk, in one transaction. Capture is complete (I2).
    /// A restart copies what has no progress row.
    Snapshotting,
    /// Entered by the replicator once every row is copied and the target is an image of one moment. Indexes and foreign
    /// keys are being built. A restart builds those that are missing.
    Indexing,
    /// Entered by the replicator when all is built, when a cutover or a rehearsal is taken back, and when a rollback has
    /// opened SQLite. SQLite accepts writes, PostgreSQL is fenced and follows. A restart goes on from the checkpoint, after
    /// it has lifted any fence that it finds on SQLite.
    Following,
    /// Entered by the replicator that was asked for a cutover, in the transaction that notes the switch. PostgreSQL stays
    /// fenced; SQLite is about to be, or is. A restart never completes it: it makes the old opening impossible, lifts
    /// SQLite's fence, and goes back to `following`.
    CuttingOver,
    /// Entered by the replicator that was asked for a rehearsal. As `cutting_over`, but PostgreSQL is never opened. A restart
    /// takes it back to `following`.
    Rehearsing,
    /// Entered by the transaction that opens PostgreSQL, and when a rollback is taken back. PostgreSQL accepts writes and
    /// notes them, SQLite is fenced and follows. A restart goes on from the target's change log, after it has noted on
    /// SQLite who the primary is.
    Reversed,
    /// Entered by the replicator that was asked for a rollback. PostgreSQL is about to be fenced, or is; SQLite stays fenced
    /// until it is opened, which its own state says. A restart completes the rollback if SQLite was opened; if not, it
    /// makes that impossible first, then opens PostgreSQL again in `reversed`.
    RollingBack,
}

const SPELLINGS: [(Phase, &str); 9] = [
    (Phase::Planned, "planned"),
    (Phase::Capturing, "capturing"),
    (Phase::Snapshotting, "snapshotting"),
    (Phase::Indexing, "indexing"),
    (Phase::Following, "following"),
    (Phase::CuttingOver, "cutting_over"),
    (Phase::Rehearsing, "rehearsing"),
    (Phase::Reversed, "reversed"),
    (Phase::RollingBack, "rolling_back"),
];

/// What moves a migration from one phase to another
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Capture is about to be installed, or again after a crash
    BeginCapture,
    /// Capture is proven complete and its position stored
    Captured,
    /// Every row is copied
    Copied,
    /// Indexes, conditions and foreign keys stand
    Built,
    BeginCutover,
    BeginRehearsal,
    BeginRollback,
    /// The rehearsal came to its end
    Rehearsed,
    /// The point of no return of a cutover
    PostgresOpened,
    /// The point of no return of a rollback lies behind; the phase follows it
    SqliteOpened,
    /// A switch ended before its point of no return
    TakenBack,
}

/// Every event, in the order of a migration
pub const EVENTS: [Event; 11] = [
    Event::BeginCapture,
    Event::Captured,
    Event::Copied,
    Event::Built,
    Event::BeginCutover,
    Event::BeginRehearsal,
    Event::BeginRollback,
    Event::Rehearsed,
    Event::PostgresOpened,
    Event::SqliteOpened,
    Event::TakenBack,
];

/// Every transition there is: phase, event, next phase
pub const TRANSITIONS: [(Phase, Event, Phase); 14] = [
    (Phase::Planned, Event::BeginCapture, Phase::Capturing),
    (Phase::Capturing, Event::BeginCapture, Phase::Capturing),
    (Phase::Capturing, Event::Captured, Phase::Snapshotting),
    (Phase::Snapshotting, Event::Copied, Phase::Indexing),
    (Phase::Indexing, Event::Built, Phase::Following),
    (Phase::Following, Event::BeginCutover, Phase::CuttingOver),
    (Phase::Following, Event::BeginRehearsal, Phase::Rehearsing),
    (Phase::CuttingOver, Event::PostgresOpened, Phase::Reversed),
    (Phase::CuttingOver, Event::TakenBack, Phase::Following),
    (Phase::Rehearsing, Event::Rehearsed, Phase::Following),
    (Phase::Rehearsing, Event::TakenBack, Phase::Following),
    (Phase::Reversed, Event::BeginRollback, Phase::RollingBack),
    (Phase::RollingBack, Event::SqliteOpened, Phase::Following),
    (Phase::RollingBack, Event::TakenBack, Phase::Reversed),
];

/// The two databases, as who may be primary
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Sqlite,
    Postgres,
}

/// What a person asks for that fits some phases only
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Cutover,
    Rehearse,
    Rollback,
    Finish,
    Cancel,
}

/// Every verb that looks at the phase
pub const VERBS: [Verb; 5] = [Verb::Cutover, Verb::Rehearse, Verb::Rollback, Verb::Finish, Verb::Cancel];

/// What does not fit the phase, and the verb that does
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub message: String,
    pub hint: String,
}

impl Side {
    /// As in `primary` of `status --json`
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Sqlite => "sqlite",
            Side::Postgres => "postgres",
        }
    }

    /// As in sentences
    pub fn name(self) -> &'static str {
        match self {
            Side::Sqlite => "SQLite",
            Side::Postgres => "PostgreSQL",
        }
    }

    pub fn other(self) -> Side {
        match self {
            Side::Sqlite => Side::Postgres,
            Side::Postgres => Side::Sqlite,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Side, String> {
        [Side::Sqlite, Side::Postgres]
            .into_iter()
            .find(|side| side.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a side: it is `sqlite` or `postgres`"))
    }
}

impl Verb {
    /// As it is typed
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Cutover => "cutover",
            Verb::Rehearse => "cutover --rehearse",
            Verb::Rollback => "rollback",
            Verb::Finish => "finish",
            Verb::Cancel => "cancel",
        }
    }

    /// Whether the verb fits this phase; no phase where the target holds no migration
    pub fn fits(self, phase: Option<Phase>) -> bool {
        match (self, phase) {
            (Verb::Cutover | Verb::Rehearse, Some(phase)) => phase == Phase::Following,
            (Verb::Rollback | Verb::Finish, Some(phase)) => phase == Phase::Reversed,
            (Verb::Cancel, Some(phase)) => phase <= Phase::Following,
            // What a cancel left that was cut off between the two sides: there may be something on the source.
            (Verb::Cancel, None) => true,
            (_, None) => false,
        }
    }

    /// # Errors
    /// Why the verb does not fit the phase, with the verb that does.
    pub fn check(self, phase: Option<Phase>) -> Result<(), Unfit> {
        if self.fits(phase) {
            return Ok(());
        }
        let what = phase.map_or("nothing is migrated on this target", Phase::situation);
        let message = format!("`crossfade {}` does not fit: {what}", self.as_str());
        Err(Unfit { message, hint: phase.map_or_else(|| BEGIN.to_owned(), |phase| phase.way_on(Some(self))) })
    }
}

const BEGIN: &str = "`crossfade run` begins a migration";

impl Phase {
    /// PostgreSQL is the primary, or was until the rollback that is under way
    pub fn is_reverse(self) -> bool {
        matches!(self, Phase::Reversed | Phase::RollingBack)
    }

    /// The spelling used in SQL, JSON, metrics and on the terminal
    pub fn as_str(self) -> &'static str {
        SPELLINGS.iter().find(|(phase, _)| *phase == self).map_or("", |(_, text)| text)
    }

    /// Every phase, in order
    pub fn all() -> impl Iterator<Item = Phase> {
        SPELLINGS.iter().map(|(phase, _)| *phase)
    }

    /// The phase that follows upon an event
    ///
    /// # Errors
    /// A transition that is not in the table, with the verb that fits the phase.
    pub fn after(self, event: Event) -> Result<Phase, Unfit> {
        let found = TRANSITIONS.iter().find(|(from, what, _)| *from == self && *what == event);
        found.map(|(_, _, to)| *to).ok_or_else(|| Unfit {
            message: format!("phase `{self}` knows no `{event:?}`: {}", self.situation()),
            hint: self.way_on(None),
        })
    }

    /// Whether some event leads from here to there
    pub fn leads_to(self, next: Phase) -> bool {
        TRANSITIONS.iter().any(|(from, _, to)| (*from, *to) == (self, next))
    }

    /// A switch of the primary is under way: for some time neither side may accept writes
    pub fn is_switch(self) -> bool {
        matches!(self, Phase::CuttingOver | Phase::Rehearsing | Phase::RollingBack)
    }

    /// The side that is the primary, or was when the switch under way began. In `rolling_back` SQLite may have been opened
    /// already: its own state says so
    pub fn primary(self) -> Side {
        if self >= Phase::Reversed { Side::Postgres } else { Side::Sqlite }
    }

    /// What is the case, as half a sentence
    fn situation(self) -> &'static str {
        match self {
            Phase::Planned | Phase::Capturing | Phase::Snapshotting | Phase::Indexing => "the copy is not complete yet",
            Phase::Following => "SQLite is the primary and PostgreSQL follows it",
            Phase::CuttingOver => "a cutover is under way",
            Phase::Rehearsing => "a rehearsal of the cutover is under way",
            Phase::Reversed => "PostgreSQL is the primary and SQLite follows it",
            Phase::RollingBack => "a rollback is under way",
        }
    }

    /// Which verbs fit, with a word for the one that was meant
    fn way_on(self, meant: Option<Verb>) -> String {
        let text = match (self, meant) {
            (Phase::Planned | Phase::Capturing | Phase::Snapshotting | Phase::Indexing, _) => {
                "`crossfade run` completes the copy, `crossfade status` shows how far it is, and `crossfade cancel` gives it up"
            }
            (Phase::Following, Some(Verb::Finish)) => {
                "`crossfade cutover` comes first: finishing leaves PostgreSQL alone in charge; `crossfade cancel` leaves SQLite"
            }
            (Phase::Following, _) => {
                "`crossfade cutover` makes PostgreSQL the primary, `crossfade cancel` ends the migration"
            }
            (Phase::Reversed, Some(Verb::Cancel)) => {
                "`crossfade finish` ends the migration with PostgreSQL in charge; to cancel, make SQLite the primary again with \
                 `crossfade rollback` first, or its newest rows would be lost"
            }
            (Phase::Reversed, _) => {
                "`crossfade rollback` makes SQLite the primary again, `crossfade finish` ends the migration"
            }
            (Phase::CuttingOver | Phase::Rehearsing | Phase::RollingBack, _) => {
                "`crossfade status` shows how it goes on; where no replicator runs, `crossfade run` completes it or takes it back"
            }
        };
        text.to_owned()
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

#[cfg(test)]
mod tests;
