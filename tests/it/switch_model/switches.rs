//! Following in both directions, cutover, rehearsal and rollback: `switch.md` step by step

use crossfade::model::phase::{Event, Phase};

use super::state::{At, State, View};
use super::steps::{Turn, Void, rest};

impl Turn<'_> {
    /// Following SQLite, and the way to PostgreSQL
    pub fn cutover(&mut self, at: At) -> bool {
        let who = self.who;
        let me = self.state.processes[who];
        let token = me.token;
        if matches!(at, At::Fence | At::Hold | At::Drain | At::Capture | At::Open | At::RehearsedLift) {
            let mut next = *self.state;
            self.me(&mut next).at = At::AbortLift;
            self.push("gives the cutover up", next);
        }
        match at {
            At::Follow => self.follow(),
            At::Apply => {
                let mut before = *self.state;
                if self.rules.sync_before_apply {
                    before.sync_sqlite();
                }
                let view = me.view;
                Turn { rules: self.rules, state: &before, who, out: self.out }.on_postgres_synced(
                    false,
                    "applies what it read to PostgreSQL",
                    At::Follow,
                    |s| {
                        (s.postgres.row, s.postgres.checkpoint) = (view.row, view.log);
                        rest(s, who);
                        true
                    },
                );
            }
            At::Fence => self.fence(token),
            At::Hold => self.hold(token),
            At::Drain => self.on_postgres("drains", At::Capture, |s| {
                (s.postgres.row, s.postgres.checkpoint) = (s.sqlite.row, s.sqlite.log);
                true
            }),
            At::Capture => {
                let next = if self.rules.rehearse { At::RehearsedLift } else { At::Open };
                self.on_postgres("installs capture on PostgreSQL", next, |s| {
                    (s.postgres.captured, s.postgres.queue) = (true, 0);
                    true
                });
            }
            At::Open => self.on_postgres("sends the COMMIT that opens PostgreSQL", At::Sent, |s| {
                s.flight = token;
                s.postgres.phase == Phase::CuttingOver && s.postgres.token == token
            }),
            At::Sent => {}
            At::Unknown => self.ask_what_became(),
            At::Settle => self.on_sqlite("notes on SQLite that PostgreSQL is the primary", At::Reversed, |s| {
                s.sqlite.names_postgres = true;
                rest(s, who);
            }),
            At::RehearsedLift => self.lift("the rehearsal ends: lifts its fence", token, At::RehearsedPostgres),
            At::RehearsedPostgres => self.on_postgres("goes back to following", At::Follow, |s| {
                let mine = s.postgres.phase == Phase::Rehearsing && s.postgres.token == token;
                if mine {
                    (s.postgres.captured, s.postgres.queue) = (false, 0);
                    s.phase_moves(Event::Rehearsed);
                    rest(s, who);
                }
                mine
            }),
            At::AbortLift => self.lift("aborts: lifts its fence", token, At::AbortPostgres),
            At::AbortPostgres => self.take_back_on_postgres("aborts: goes back to following", token),
            _ => return false,
        }
        true
    }

    fn follow(&mut self) {
        let who = self.who;
        if self.state.sqlite.log != self.state.postgres.checkpoint {
            let mut next = *self.state;
            let view = View { row: next.sqlite.row, log: next.sqlite.log, cycle: 0 };
            let me = self.me(&mut next);
            (me.at, me.view) = (At::Apply, view);
            self.push("reads what SQLite holds", next);
        }
        let (event, what) = match self.rules.rehearse {
            true => (Event::BeginRehearsal, "begins a rehearsal"),
            false => (Event::BeginCutover, "begins a cutover"),
        };
        let next = if self.rules.fence_first { At::Fence } else { At::Capture };
        self.on_postgres(what, next, |s| begin(s, who, Phase::Following, event));
    }

    fn fence(&mut self, token: u8) {
        let who = self.who;
        let sqlite = &self.state.sqlite;
        let taken = self.rules.void == Void::All && (sqlite.names_postgres || ![0, token].contains(&sqlite.fence));
        if sqlite.void & (1 << token) != 0 || taken {
            let mut next = *self.state;
            self.me(&mut next).at = At::AbortPostgres;
            return self.push("finds that it may not fence SQLite any more", next);
        }
        let (next, held) = if self.rules.drain_first { (At::Hold, false) } else { (At::Capture, true) };
        self.on_sqlite("fences SQLite", next, |s| {
            s.sqlite.fence = token;
            s.processes[who].holds = held;
        });
    }

    fn hold(&mut self, token: u8) {
        if !self.state.lock_is_free() {
            return;
        }
        let mut next = *self.state;
        let stands = next.sqlite.fence == token;
        let me = self.me(&mut next);
        (me.at, me.holds) = if stands { (At::Drain, true) } else { (At::AbortLift, false) };
        self.push(if stands { "takes SQLite's write lock" } else { "finds its fence gone" }, next);
    }

    fn lift(&mut self, what: &'static str, token: u8, next: At) {
        let who = self.who;
        self.on_sqlite(what, next, |s| {
            if s.sqlite.fence == token {
                s.sqlite.fence = 0;
            }
            s.processes[who].holds = false;
        });
    }

    /// The reply to the COMMIT was lost: nothing is lifted before the phase is known
    fn ask_what_became(&mut self) {
        let token = self.state.processes[self.who].token;
        let mut next = *self.state;
        if self.rules.unknown_takes_over {
            if next.flight != 0 {
                return;
            }
            next.postgres.run += 1;
            let run = next.postgres.run;
            next.sync_postgres();
            self.me(&mut next).run = run;
        }
        let mine = next.postgres.token == token;
        let at = match next.postgres.phase {
            Phase::Reversed if mine => At::Settle,
            Phase::CuttingOver if mine => At::AbortLift,
            _ => return self.superseded("finds that the switch is another's by now, and ends"),
        };
        self.me(&mut next).at = at;
        self.push("connects again and reads the phase", next);
    }

    /// Following PostgreSQL, and the way back to SQLite
    pub fn rollback(&mut self, at: At) {
        let who = self.who;
        let token = self.state.processes[who].token;
        if matches!(
            at,
            At::RollbackFence | At::RollbackDrain | At::RollbackOpen | At::RollbackCheckpoint | At::RollbackCommit
        ) {
            let mut next = *self.state;
            self.me(&mut next).at = At::RollbackAbort;
            self.push("gives the rollback up", next);
            // As it was never committed on SQLite, nobody is waited for there.
            let mut next = *self.state;
            let me = self.me(&mut next);
            (me.at, me.holds) = (At::RollbackReopen, false);
            self.push("gives the rollback up, and opens PostgreSQL at once", next);
        }
        match at {
            At::Reversed => {
                self.read_queue(At::ReverseApply, At::ReverseFinish);
                self.on_postgres("begins a rollback", At::RollbackFence, |s| {
                    begin(s, who, Phase::Reversed, Event::BeginRollback)
                });
            }
            At::ReverseApply => self.apply_back(At::ReverseFinish, At::Reversed),
            At::ReverseFinish => self.delete_entries(At::Reversed, At::ReverseApply),
            At::RollbackFence => self.on_postgres("fences PostgreSQL", At::RollbackDrain, |s| {
                s.postgres.fence = true;
                s.postgres.phase == Phase::RollingBack && s.postgres.token == token
            }),
            At::RollbackDrain if self.state.postgres.queue != 0 => self.read_queue(At::DrainApply, At::DrainFinish),
            At::RollbackDrain => {
                let mut next = *self.state;
                self.me(&mut next).at = At::RollbackOpen;
                self.push("finds PostgreSQL's log empty", next);
            }
            At::DrainApply => self.apply_back(At::DrainFinish, At::RollbackDrain),
            At::DrainFinish => self.delete_entries(At::RollbackDrain, At::DrainApply),
            At::RollbackOpen => self.open_sqlite(token),
            At::RollbackCheckpoint => {
                self.on_postgres_synced(false, "sets the checkpoint to SQLite's head", At::RollbackCommit, |s| {
                    s.postgres.checkpoint = s.sqlite.log;
                    true
                });
            }
            At::RollbackCommit => self.on_sqlite("commits on SQLite: it is open", At::RollbackSettle, |s| {
                (s.sqlite.fence, s.sqlite.names_postgres, s.sqlite.opened) = (0, false, token);
                s.processes[who].holds = false;
            }),
            At::RollbackSettle => self.settle_rollback(token),
            At::RollbackAbort => {
                let void = self.rules.void;
                self.on_sqlite("aborts: makes its own opening impossible", At::RollbackReopen, |s| {
                    void.add(s, token);
                    s.processes[who].holds = false;
                });
            }
            At::RollbackReopen => self.on_postgres("opens PostgreSQL again", At::Reversed, |s| {
                let mine = s.postgres.phase == Phase::RollingBack && s.postgres.token == token;
                if mine {
                    s.postgres.fence = false;
                    s.phase_moves(Event::TakenBack);
                    rest(s, who);
                }
                mine
            }),
            _ => {}
        }
    }

    fn read_queue(&mut self, apply: At, delete: At) {
        if self.state.postgres.queue == 0 {
            return;
        }
        let mut next = *self.state;
        let view = View { row: next.postgres.row, log: next.postgres.queue, cycle: next.postgres.cycle };
        let at = if self.rules.entries_last { apply } else { delete };
        let me = self.me(&mut next);
        (me.at, me.view) = (at, view);
        self.push("reads PostgreSQL's log and rows", next);
    }

    fn apply_back(&mut self, delete: At, done: At) {
        let who = self.who;
        let mut before = *self.state;
        let view = before.processes[who].view;
        if self.rules.sync_before_apply {
            before.sync_postgres();
        }
        if before.sqlite.fence == 0 && before.lock_is_free() {
            return self.superseded("finds SQLite open for the application, and ends");
        }
        let last = !self.rules.entries_last;
        let next = if last { done } else { delete };
        Turn { rules: self.rules, state: &before, who, out: self.out }.on_sqlite(
            "applies what it read to SQLite",
            next,
            |s| {
                (s.sqlite.row, s.sqlite.cycle) = (view.row, view.cycle + 1);
                if last {
                    s.processes[who].view = View::default();
                }
            },
        );
    }

    fn delete_entries(&mut self, done: At, apply: At) {
        let who = self.who;
        let view = self.state.processes[who].view;
        let first = !self.rules.entries_last;
        let next = if first { apply } else { done };
        self.on_postgres_synced(false, "deletes the entries that it read", next, |s| {
            // REPEATABLE READ: the row with the cycle must be as the view shows it.
            let same = s.postgres.cycle == view.cycle;
            s.postgres.queue &= !view.log;
            s.postgres.cycle = view.cycle + 1;
            if !first {
                s.processes[who].view = View::default();
            }
            same
        });
    }

    fn open_sqlite(&mut self, token: u8) {
        let me = self.state.processes[self.who];
        if !self.state.lock_is_free() {
            return;
        }
        if self.rules.guard_primary && self.state.sqlite.run > me.run {
            return self.superseded("finds the mark of a newer run on SQLite, and ends");
        }
        let mut next = *self.state;
        let voided = next.sqlite.void & (1 << token) != 0;
        let me = self.me(&mut next);
        (me.at, me.holds) = if voided { (At::RollbackAbort, false) } else { (At::RollbackCheckpoint, true) };
        self.push(if voided { "finds its token voided" } else { "takes SQLite's write lock" }, next);
    }

    pub fn settle_rollback(&mut self, token: u8) {
        let who = self.who;
        self.on_postgres("notes on PostgreSQL that SQLite is the primary", At::Follow, |s| {
            let mine = s.postgres.phase == Phase::RollingBack && s.postgres.token == token;
            if mine {
                (s.postgres.captured, s.postgres.queue) = (false, 0);
                s.phase_moves(Event::SqliteOpened);
                rest(s, who);
            }
            mine
        });
    }
}

/// The transaction that begins a switch
fn begin(state: &mut State, who: usize, from: Phase, event: Event) -> bool {
    if state.postgres.phase != from {
        return false;
    }
    let token = state.fresh_token();
    state.phase_moves(event);
    state.postgres.token = token;
    state.processes[who].token = token;
    true
}
