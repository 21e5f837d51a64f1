//! The steps of the application, of the two replicators and of the world, each of them atomic

use crossfade::model::phase::{Event, Phase, Side};

use super::state::{At, OFF, State, View};

/// The protocol with what a variant leaves out, and how far to look
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Writes of the application
    pub writes: u8,
    /// Replicators that may be at work at the same time
    pub replicators: usize,
    /// Cutovers are rehearsals
    pub rehearse: bool,
    /// Power cuts that take back commits which are not on disk
    pub power_cuts: bool,

    /// SQLite is fenced before PostgreSQL is opened
    pub fence_first: bool,
    /// PostgreSQL is opened when everything of SQLite is there
    pub drain_first: bool,
    /// Every transaction on PostgreSQL checks the number of the run
    pub guard: bool,
    /// Transactions on SQLite that put, lift or void a fence check and store the number of the run
    pub guard_fence: bool,
    /// So do those that note who is the primary
    pub guard_primary: bool,
    /// So do those that bring rows back from PostgreSQL
    pub guard_apply: bool,
    /// What SQLite remembers of switches that were taken back; a switch looks for itself there
    pub void: Void,
    /// A cutover that was cut off behind its fence is completed instead of taken back
    pub recovery_completes: bool,
    /// A session that finds a rollback cut off goes to SQLite first, where it waits out whoever may be opening that
    pub recovery_asks_sqlite: bool,
    /// Entries of PostgreSQL's log are deleted when SQLite has committed
    pub entries_last: bool,
    /// A session reads the phase after it has taken over
    pub take_over_first: bool,
    /// After a lost reply the run takes over from itself, which waits for the COMMIT, before it reads the phase
    pub unknown_takes_over: bool,
    /// The take-over is on disk before anything is done upon it
    pub take_over_synced: bool,
    /// I4, and its mirror image
    pub sync_before_apply: bool,
    /// A session that finds itself following lifts whatever fence it finds on SQLite
    pub lift_found: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    Nothing,
    /// The last one's token
    Last,
    /// All of them; and a fence is put only where SQLite is the primary and no other stands
    All,
}

impl Void {
    pub fn add(self, state: &mut State, token: u8) {
        match self {
            Void::Nothing => {}
            Void::Last => state.sqlite.void = 1 << token,
            Void::All => state.sqlite.void |= 1 << token,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub who: &'static str,
    pub what: &'static str,
}

pub type Steps = Vec<(Label, State)>;

const REPLICATORS: [&str; 2] = ["replicator A", "replicator B"];

/// Every step that can be next
pub fn successors(rules: &Rules, state: &State, out: &mut Steps) {
    application(rules, state, out);
    world(rules, state, out);
    for who in 0..2 {
        Turn { rules, state, who, out }.take();
    }
}

fn push(out: &mut Steps, who: &'static str, what: &'static str, state: State) {
    out.push((Label { who, what }, state));
}

/// Writes are acknowledged before they are on disk: synchronous=NORMAL, synchronous_commit=off
fn application(rules: &Rules, state: &State, out: &mut Steps) {
    if state.written >= rules.writes {
        return;
    }
    let write = 1 << state.written;
    if state.accepts(Side::Sqlite) && state.lock_is_free() {
        let mut next = State { written: state.written + 1, ..*state };
        next.sqlite.row |= write;
        next.sqlite.log |= write;
        push(out, "application", "writes to SQLite", next);
    }
    if state.accepts(Side::Postgres) {
        let mut next = State { written: state.written + 1, on_postgres: state.on_postgres | write, ..*state };
        next.postgres.row |= write;
        if next.postgres.captured {
            next.postgres.queue |= write;
        }
        push(out, "application", "writes to PostgreSQL", next);
    }
}

fn world(rules: &Rules, state: &State, out: &mut Steps) {
    if state.flight != 0 {
        let mut landed = *state;
        landed.postgres.fence = false;
        landed.phase_moves(Event::PostgresOpened);
        landed.sync_postgres();
        landed.flight = 0;
        push(out, "network", "the COMMIT lands, and its reply is lost", with_sent(&landed, At::Unknown));
        if state.processes.iter().any(|p| p.at == At::Sent) {
            push(out, "network", "the COMMIT lands", with_sent(&landed, At::Settle));
        }
        if state.processes.iter().any(|p| p.at == At::Sent) {
            push(
                out,
                "network",
                "the connection breaks, and the COMMIT is still under way",
                with_sent(state, At::Unknown),
            );
        }
        push(out, "network", "the COMMIT is lost", with_sent(&State { flight: 0, ..*state }, At::Unknown));
    }
    if !rules.power_cuts {
        return;
    }
    if state.sqlite != state.sqlite_disk {
        let mut synced = *state;
        synced.sync_sqlite();
        push(out, "disk", "what SQLite has committed reaches the disk", synced);
        let cut = State { sqlite: state.sqlite_disk, processes: [OFF, OFF], ..*state };
        push(out, "power cut", "at SQLite, and its replicators with it", cut);
    }
    if state.postgres != state.postgres_disk {
        let mut synced = *state;
        synced.sync_postgres();
        push(out, "disk", "what PostgreSQL has committed reaches the disk", synced);
        let mut cut = with_sent(&State { postgres: state.postgres_disk, flight: 0, ..*state }, At::Unknown);
        for process in &mut cut.processes {
            // A view of PostgreSQL dies with its connection; what is between transactions may find another one.
            if matches!(process.at, At::ReverseApply | At::ReverseFinish | At::DrainApply | At::DrainFinish) {
                *process = OFF;
            }
        }
        push(out, "power cut", "at PostgreSQL", cut);
    }
}

fn with_sent(state: &State, at: At) -> State {
    let mut next = *state;
    for process in next.processes.iter_mut().filter(|p| p.at == At::Sent) {
        process.at = at;
    }
    next
}

/// One replicator's turn
pub struct Turn<'a> {
    pub rules: &'a Rules,
    pub state: &'a State,
    pub who: usize,
    pub out: &'a mut Steps,
}

impl Turn<'_> {
    fn take(&mut self) {
        let process = self.state.processes[self.who];
        if process.at != At::Off {
            let mut killed = *self.state;
            killed.processes[self.who] = OFF;
            self.push("is killed", killed);
        }
        if !self.begin_session(process.at) && !self.cutover(process.at) {
            self.rollback(process.at);
        }
    }

    pub fn push(&mut self, what: &'static str, state: State) {
        push(self.out, REPLICATORS[self.who], what, state);
    }

    /// One transaction on SQLite at synchronous=FULL; waits for the lock
    pub fn on_sqlite(&mut self, what: &'static str, next: At, change: impl FnOnce(&mut State)) {
        let me = self.state.processes[self.who];
        if !me.holds && !self.state.lock_is_free() {
            return;
        }
        let mut state = *self.state;
        let guarded = match me.at {
            At::ReverseApply | At::DrainApply => self.rules.guard_apply,
            At::BootReversed | At::Settle | At::RollbackCommit => self.rules.guard_primary,
            _ => self.rules.guard_fence,
        };
        if guarded {
            if state.sqlite.run > me.run {
                return self.superseded("finds the mark of a newer run on SQLite, and ends");
            }
            state.sqlite.run = me.run;
        }
        state.processes[self.who].at = next;
        change(&mut state);
        state.sync_sqlite();
        self.push(what, state);
    }

    /// One transaction on PostgreSQL, guarded by the number of the run; waits for an opening that is under way
    pub fn on_postgres(&mut self, what: &'static str, next: At, change: impl FnOnce(&mut State) -> bool) {
        self.on_postgres_synced(true, what, next, change);
    }

    pub fn on_postgres_synced(
        &mut self,
        synced: bool,
        what: &'static str,
        next: At,
        change: impl FnOnce(&mut State) -> bool,
    ) {
        if self.state.flight != 0 {
            return;
        }
        let mut state = *self.state;
        if self.rules.guard && state.postgres.run != state.processes[self.who].run {
            return self.superseded("finds that another run took over, and ends");
        }
        state.processes[self.who].at = next;
        if !change(&mut state) {
            return self.superseded("finds another phase than it knew, and ends");
        }
        if synced {
            state.sync_postgres();
        }
        self.push(what, state);
    }

    pub fn superseded(&mut self, what: &'static str) {
        let mut state = *self.state;
        state.processes[self.who] = OFF;
        self.push(what, state);
    }

    pub fn me<'s>(&self, state: &'s mut State) -> &'s mut super::state::Process {
        &mut state.processes[self.who]
    }

    fn begin_session(&mut self, at: At) -> bool {
        let token = self.state.processes[self.who].token;
        let void = self.rules.void;
        match at {
            At::Off => self.start(),
            At::Peeked(phase) => self.take_over(Some(phase)),
            At::BootFollowing if self.state.sqlite.fence == 0 || !self.rules.lift_found => {
                let mut next = *self.state;
                self.me(&mut next).at = At::Follow;
                self.push("goes on following", next);
            }
            At::BootFollowing => {
                self.on_sqlite("lifts a fence that it finds on SQLite", At::Follow, |s| s.sqlite.fence = 0);
            }
            At::BootReversed if self.state.sqlite.names_postgres => {
                let mut next = *self.state;
                self.me(&mut next).at = At::Reversed;
                self.push("goes on following PostgreSQL", next);
            }
            At::BootReversed => {
                self.on_sqlite(
                    "finds SQLite open, fences it, and notes that PostgreSQL is the primary",
                    At::Reversed,
                    |s| {
                        s.sqlite.names_postgres = true;
                        s.sqlite.fence = if s.sqlite.fence == 0 { s.postgres.token } else { s.sqlite.fence };
                    },
                );
            }
            At::RecoverSqlite => {
                self.on_sqlite("recovers: takes the cutover back on SQLite", At::RecoverPostgres, |s| {
                    if s.sqlite.fence == token {
                        s.sqlite.fence = 0;
                    }
                    void.add(s, token);
                });
            }
            At::RecoverPostgres => self.take_back_on_postgres("recovers: goes back to following", token),
            At::RecoverRollback => {
                let opened = self.state.sqlite.opened == token;
                let (next, what) = match opened {
                    true => (At::CompleteRollback, "recovers: finds that the rollback has opened SQLite"),
                    false => (At::RollbackReopen, "recovers: makes the rollback's opening impossible"),
                };
                self.on_sqlite(what, next, |s| {
                    if !opened {
                        void.add(s, token);
                    }
                });
            }
            At::CompleteRollback => self.settle_rollback(token),
            _ => return false,
        }
        true
    }

    fn start(&mut self) {
        let alive = self.state.processes.iter().filter(|p| p.at != At::Off).count();
        if alive >= self.rules.replicators {
            return;
        }
        if self.rules.take_over_first {
            return self.take_over(None);
        }
        let mut next = *self.state;
        let (at, token) = (At::Peeked(next.postgres.phase), next.postgres.token);
        let me = self.me(&mut next);
        (me.at, me.token) = (at, token);
        self.push("starts, and reads the phase", next);
    }

    /// Begins a run: from here on no older one can commit on PostgreSQL. Waits for an opening that is under way, as that
    /// holds the row with the number
    fn take_over(&mut self, peeked: Option<Phase>) {
        if self.state.flight != 0 && self.rules.guard {
            return;
        }
        let mut next = *self.state;
        let token = peeked.map_or(next.postgres.token, |_| next.processes[self.who].token);
        let phase = peeked.unwrap_or(next.postgres.phase);
        next.postgres.run += 1;
        let run = next.postgres.run;
        if self.rules.take_over_synced {
            next.sync_postgres();
        }
        let completes = self.rules.recovery_completes && next.sqlite.fence == token;
        let asks = self.rules.recovery_asks_sqlite;
        let me = self.me(&mut next);
        (me.run, me.token) = (run, token);
        me.at = match phase {
            Phase::CuttingOver if completes => At::Hold,
            Phase::CuttingOver | Phase::Rehearsing => At::RecoverSqlite,
            Phase::RollingBack if !asks => At::RollbackReopen,
            Phase::RollingBack => At::RecoverRollback,
            Phase::Reversed => At::BootReversed,
            _ => At::BootFollowing,
        };
        if me.at == At::BootReversed || me.at == At::BootFollowing {
            me.token = 0;
        }
        self.push("takes over", next);
    }

    /// The end of an abort: back to following, without the capture of a cutover that was not
    pub fn take_back_on_postgres(&mut self, what: &'static str, token: u8) {
        let who = self.who;
        self.on_postgres(what, At::Follow, |s| {
            let mine = matches!(s.postgres.phase, Phase::CuttingOver | Phase::Rehearsing) && s.postgres.token == token;
            if mine {
                s.postgres.captured = false;
                s.postgres.queue = 0;
                s.phase_moves(Event::TakenBack);
                rest(s, who);
            }
            mine
        });
    }
}

/// At its ordinary work a replicator knows no token, and has seen nothing
pub fn rest(state: &mut State, who: usize) {
    let me = &mut state.processes[who];
    (me.token, me.holds, me.view) = (0, false, View::default());
}
