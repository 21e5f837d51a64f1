//! The two databases, two replicators and the network between them, as small as the protocol allows
//!
//! The application's data is one row: the set of the writes that it holds. Whoever applies a row overwrites it whole, so an
//! old image that comes late shows as a write that is missing. Every commit is either on disk at once or not yet; a power
//! cut goes back to what is on disk.

use crossfade::model::phase::{Event, Phase, Side};

/// A set of writes, by number
pub type Writes = u8;

/// Of a switch; 0 is none
pub type Token = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sqlite {
    pub row: Writes,
    /// What capture has noted
    pub log: Writes,
    /// The switch whose deny triggers stand
    pub fence: Token,
    /// Switches that were voided, where the rules know voiding: a bit for each token
    pub void: u32,
    /// The rollback that opened SQLite last
    pub opened: Token,
    /// `_crossfade_primary` names PostgreSQL
    pub names_postgres: bool,
    pub cycle: u8,
    /// The highest run that has written here, where the rules know that
    pub run: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Postgres {
    pub row: Writes,
    /// The source's log up to here is applied
    pub checkpoint: Writes,
    pub fence: bool,
    pub phase: Phase,
    /// Of the switch that was begun last
    pub token: Token,
    pub run: u8,
    pub captured: bool,
    /// The change log, as a queue
    pub queue: Writes,
    pub cycle: u8,
}

/// Where a replicator stands: the step that it does next
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    Off,
    /// Only where the phase is read before the take-over
    Peeked(Phase),
    // A session that begins
    BootFollowing,
    BootReversed,
    RecoverSqlite,
    RecoverPostgres,
    RecoverRollback,
    CompleteRollback,
    // Following SQLite
    Follow,
    Apply,
    // Cutover and rehearsal
    Fence,
    Hold,
    Drain,
    Capture,
    Open,
    Sent,
    Unknown,
    Settle,
    RehearsedLift,
    RehearsedPostgres,
    AbortLift,
    AbortPostgres,
    // Following PostgreSQL
    Reversed,
    ReverseApply,
    ReverseFinish,
    // Rollback
    RollbackFence,
    RollbackDrain,
    DrainApply,
    DrainFinish,
    RollbackOpen,
    RollbackCheckpoint,
    RollbackCommit,
    RollbackSettle,
    RollbackAbort,
    RollbackReopen,
}

/// What a replicator has read: of SQLite row and log, of PostgreSQL row, queue and cycle
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    pub row: Writes,
    pub log: Writes,
    pub cycle: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    pub at: At,
    pub run: u8,
    pub token: Token,
    /// Holds SQLite's write lock
    pub holds: bool,
    pub view: View,
}

pub const OFF: Process =
    Process { at: At::Off, run: 0, token: 0, holds: false, view: View { row: 0, log: 0, cycle: 0 } };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub sqlite: Sqlite,
    pub sqlite_disk: Sqlite,
    pub postgres: Postgres,
    pub postgres_disk: Postgres,
    pub processes: [Process; 2],
    /// The COMMIT that opens PostgreSQL is on its way for this token; until it is decided, the row with the number of the
    /// run is locked
    pub flight: Token,
    /// How many writes were acknowledged
    pub written: u8,
    /// Those that PostgreSQL took
    pub on_postgres: Writes,
    /// Those that the side which took them had on disk: these must never be lost
    pub durable: Writes,
}

pub const BOTH_OPEN: &str = "both sides accept writes";
pub const NONE_OPEN: &str = "no side accepts writes, and nothing is being switched";
pub const SQLITE_LACKS: &str = "SQLite accepts writes, and lacks one that was acknowledged and durable";
pub const POSTGRES_LACKS: &str = "PostgreSQL accepts writes, and lacks one that was acknowledged and durable";
pub const POSTGRES_AHEAD: &str = "PostgreSQL follows, and holds what a power cut would take from SQLite";
pub const SQLITE_AHEAD: &str = "SQLite follows, and holds what a power cut would take from PostgreSQL";
pub const NAMES_ANOTHER: &str = "SQLite accepts writes, and names PostgreSQL as the primary";
pub const PHASE_NAMES_ANOTHER: &str = "the phase names another primary than the side that accepts writes";
pub const CLOSED_IN_REVERSED: &str = "the phase says that PostgreSQL accepts writes, and it does not";

impl State {
    /// The target follows the source; one replicator runs
    pub fn following() -> State {
        let sqlite = Sqlite { row: 0, log: 0, fence: 0, void: 0, opened: 0, names_postgres: false, cycle: 0, run: 0 };
        let postgres = Postgres {
            row: 0,
            checkpoint: 0,
            fence: true,
            phase: Phase::Following,
            token: 0,
            run: 1,
            captured: false,
            queue: 0,
            cycle: 0,
        };
        State {
            sqlite,
            sqlite_disk: sqlite,
            postgres,
            postgres_disk: postgres,
            processes: [Process { at: At::Follow, run: 1, ..OFF }, OFF],
            flight: 0,
            written: 0,
            on_postgres: 0,
            durable: 0,
        }
    }

    pub fn accepts(&self, side: Side) -> bool {
        match side {
            Side::Sqlite => self.sqlite.fence == 0,
            Side::Postgres => !self.postgres.fence,
        }
    }

    pub fn lock_is_free(&self) -> bool {
        self.processes.iter().all(|process| !process.holds)
    }

    /// An fsync of the source, by whomever
    pub fn sync_sqlite(&mut self) {
        self.sqlite_disk = self.sqlite;
        self.durable |= self.sqlite.row & !self.on_postgres;
    }

    pub fn sync_postgres(&mut self) {
        self.postgres_disk = self.postgres;
        self.durable |= self.postgres.row & self.on_postgres;
    }

    pub fn phase_moves(&mut self, event: Event) {
        self.postgres.phase = self.postgres.phase.after(event).expect("a transition that the table knows");
    }

    /// What must never be, as sentences
    pub fn violations(&self) -> impl Iterator<Item = &'static str> {
        let (sqlite, postgres) = (self.accepts(Side::Sqlite), self.accepts(Side::Postgres));
        let phase = self.postgres.phase;
        let steady = !phase.is_switch() && self.flight == 0 && self.processes.iter().all(Process::is_steady);
        let wrong = [
            (sqlite && postgres, BOTH_OPEN),
            (steady && self.has_replicator() && !sqlite && !postgres, NONE_OPEN),
            (sqlite && self.durable & !self.sqlite.row != 0, SQLITE_LACKS),
            (postgres && self.durable & !self.postgres.row != 0, POSTGRES_LACKS),
            (sqlite && !postgres && self.postgres.row & !self.sqlite_disk.row != 0, POSTGRES_AHEAD),
            (postgres && !sqlite && self.sqlite.row & !self.postgres_disk.row != 0, SQLITE_AHEAD),
            (sqlite && self.sqlite.names_postgres, NAMES_ANOTHER),
            (postgres && phase.primary() != Side::Postgres || sqlite && phase == Phase::Reversed, PHASE_NAMES_ANOTHER),
            (phase == Phase::Reversed && !postgres, CLOSED_IN_REVERSED),
        ];
        wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what)
    }

    pub fn fence_of(&self) -> String {
        match self.sqlite.fence {
            0 => "open".to_owned(),
            token => format!("fenced by switch {token}"),
        }
    }

    /// A replicator of the current run is at its ordinary work
    fn has_replicator(&self) -> bool {
        self.processes.iter().any(|p| p.run == self.postgres.run && matches!(p.at, At::Follow | At::Reversed))
    }

    /// Where every way must be able to end: one side open, the other in sync
    pub fn is_at_rest(&self) -> bool {
        let follows = match self.postgres.phase {
            Phase::Following => {
                self.sqlite.fence == 0 && self.postgres.fence && self.postgres.checkpoint == self.sqlite.log
            }
            Phase::Reversed => self.sqlite.fence != 0 && !self.postgres.fence && self.postgres.queue == 0,
            _ => false,
        };
        follows && self.sqlite.row == self.postgres.row && self.has_replicator()
    }

    /// Names that mean the same become the same: numbers of runs matter by their order only, tokens by being equal, and the
    /// two processes not at all. Without that there would be no end of states
    ///
    /// Where a power cut can give a number back that a process still has, distances matter too
    pub fn canonical(mut self, take_over_synced: bool) -> State {
        self.processes.sort_unstable();
        if take_over_synced {
            // One that has not taken over yet has no number that could matter.
            let newest = self.postgres.run;
            self.processes.iter_mut().filter(|p| !p.has_run()).for_each(|p| p.run = newest);
            let mut runs = self.runs().map(|run| *run);
            runs.sort_unstable();
            for run in self.runs() {
                let lower = (1..runs.len()).filter(|at| runs[*at] != runs[at - 1] && runs[*at] <= *run).count();
                *run = lower as u8;
            }
            self.processes.iter_mut().filter(|p| !p.has_run()).for_each(|p| p.run = 0);
        }
        self.forget_tokens();
        let mut tokens: [Token; 10] = [0; 10];
        let mut known = 1;
        for token in self.tokens() {
            let at = tokens[..known].iter().position(|found| found == token).unwrap_or_else(|| {
                tokens[known] = *token;
                known += 1;
                known - 1
            });
            *token = at as Token;
        }
        for side in [&mut self.sqlite, &mut self.sqlite_disk] {
            let voided = tokens[1..known].iter().enumerate().filter(|(_, token)| side.void & (1 << **token) != 0);
            side.void = voided.map(|(at, _)| 1 << (at + 1)).sum();
        }
        self
    }

    /// What was voided or opened long ago is compared with nothing any more
    fn forget_tokens(&mut self) {
        let [one, two] = &self.processes;
        let live = [self.postgres.token, self.postgres_disk.token, one.token, two.token, self.flight];
        for side in [&mut self.sqlite, &mut self.sqlite_disk] {
            if !live.contains(&side.opened) {
                side.opened = 0;
            }
            side.void &= live.iter().filter(|token| **token != 0).fold(0, |set, token| set | 1 << token);
        }
    }

    pub fn fresh_token(&mut self) -> Token {
        self.tokens().iter().map(|token| **token).max().unwrap_or_default() + 1
    }

    fn runs(&mut self) -> [&mut u8; 6] {
        let [one, two] = &mut self.processes;
        let sides =
            [&mut self.sqlite.run, &mut self.sqlite_disk.run, &mut self.postgres.run, &mut self.postgres_disk.run];
        let [a, b, c, d] = sides;
        [a, b, c, d, &mut one.run, &mut two.run]
    }

    fn tokens(&mut self) -> [&mut Token; 9] {
        let [one, two] = &mut self.processes;
        let (now, disk) = (&mut self.sqlite, &mut self.sqlite_disk);
        [
            &mut self.postgres.token,
            &mut self.postgres_disk.token,
            &mut now.fence,
            &mut now.opened,
            &mut disk.fence,
            &mut disk.opened,
            &mut one.token,
            &mut two.token,
            &mut self.flight,
        ]
    }
}

impl Process {
    fn has_run(&self) -> bool {
        !matches!(self.at, At::Off | At::Peeked(_))
    }

    /// Not inside a switch, nor in its recovery
    pub fn is_steady(&self) -> bool {
        matches!(self.at, At::Off | At::Follow | At::Apply | At::Reversed | At::ReverseApply | At::ReverseFinish)
    }
}
