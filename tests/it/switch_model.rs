//! The switch of the primary as a small model, explored exhaustively: every order of every step, kill, stale process, lost
//! reply and power cut
//!
//! Phases move through `model::phase` here too. A rule that is left out must show in a counterexample, printed as a way to
//! it: a model that finds nothing wrong with a broken protocol says nothing about a whole one.

mod explore;
mod state;
mod steps;
mod switches;

use explore::{Outcome, explore};
use state::*;
use steps::{Rules, Void};

/// The protocol as it is
const WHOLE: Rules = Rules {
    writes: 1,
    replicators: 2,
    rehearse: false,
    power_cuts: false,
    fence_first: true,
    drain_first: true,
    guard: true,
    guard_fence: true,
    guard_primary: true,
    guard_apply: true,
    void: Void::Nothing,
    recovery_completes: false,
    recovery_asks_sqlite: true,
    entries_last: true,
    take_over_first: true,
    unknown_takes_over: true,
    take_over_synced: true,
    sync_before_apply: true,
    lift_found: true,
};

/// Nothing that must not be, in any order of steps, and always a way on; more than so many states, so that a model that
/// cannot move does not pass
fn holds(rules: Rules, at_least: usize) {
    match explore(&rules, State::following(), &[]) {
        Outcome::Holds { states, at_rest } => {
            println!("{states} states, {at_rest} of them at rest");
            assert!(states > at_least && at_rest > 0, "{states} states, {at_rest} at rest: {rules:?}");
        }
        Outcome::Broken { what, trace } => panic!("{what}:\n{trace}"),
    }
}

/// The shortest way to what goes wrong where a rule is left out
fn breaks(rules: Rules, expected: &str) {
    breaks_beside(rules, &[], expected);
}

/// As [`breaks`], passing by what goes wrong earlier
fn breaks_beside(rules: Rules, beside: &[&str], expected: &str) {
    match explore(&rules, State::following(), beside) {
        Outcome::Broken { what, trace } => {
            println!("{what}:\n{trace}");
            assert_eq!(what, expected, "\n{trace}");
        }
        Outcome::Holds { states, .. } => panic!("no counterexample in {states} states: {rules:?}"),
    }
}

/// I8, I9: one replicator that is killed anywhere and begun anew, power cuts on both sides
#[test]
fn i9_one_replicator_and_power_cuts() {
    holds(Rules { writes: 3, replicators: 1, power_cuts: true, ..WHOLE }, 10_000);
}

/// I8, I9: and a second one, of which either may be the stale one that wakes up late
#[test]
fn i8_two_replicators_and_power_cuts() {
    holds(Rules { writes: 2, power_cuts: true, ..WHOLE }, 100_000);
}

#[test]
fn i9_rehearsals_come_back() {
    holds(Rules { writes: 2, rehearse: true, power_cuts: true, ..WHOLE }, 5_000);
}

/// With the run's number on SQLite no fence is ever left for a later session to find
#[test]
fn i9_no_fence_is_left_to_be_found() {
    holds(Rules { lift_found: false, ..WHOLE }, 10_000);
}

/// The other way to the same: SQLite remembers every token that was voided, and only what writes rows or names the
/// primary looks at the run
const VOIDED: Rules = Rules { guard_fence: false, void: Void::All, lift_found: false, ..WHOLE };

#[test]
fn i8_every_voided_token_is_remembered() {
    holds(Rules { writes: 2, ..VOIDED }, 50_000);
    holds(Rules { power_cuts: true, ..VOIDED }, 10_000);
}

/// A session that read `reversed` long ago, and finds SQLite open after a rollback
#[test]
fn noting_the_primary_without_a_guard() {
    breaks(Rules { guard_primary: false, ..VOIDED }, NONE_OPEN);
}

#[test]
fn opening_before_the_fence() {
    breaks(Rules { fence_first: false, ..WHOLE }, BOTH_OPEN);
}

#[test]
fn opening_before_the_drain() {
    breaks(Rules { drain_first: false, ..WHOLE }, POSTGRES_LACKS);
}

#[test]
fn no_guard_on_the_run() {
    breaks(Rules { guard: false, ..WHOLE }, BOTH_OPEN);
}

/// A stale replicator fences SQLite after its cutover was taken back
#[test]
fn lifting_without_voiding() {
    breaks(Rules { guard_fence: false, guard_primary: false, ..WHOLE }, NONE_OPEN);
}

/// SQLite that remembers one voided token instead of the run: the second voids the first one's voiding
#[test]
fn voiding_one_token_only() {
    let rules = Rules { guard_fence: false, guard_primary: false, void: Void::Last, lift_found: false, ..WHOLE };
    breaks(rules, NONE_OPEN);
    breaks_beside(rules, &[NONE_OPEN, NAMES_ANOTHER], BOTH_OPEN);
}

/// A session that lifts whatever it finds, long after it looked at the phase
#[test]
fn lifting_any_fence_that_is_found() {
    breaks_beside(
        Rules { guard_fence: false, guard_primary: false, void: Void::Last, ..WHOLE },
        &[NONE_OPEN, NAMES_ANOTHER],
        BOTH_OPEN,
    );
}

/// A stale replicator writes an older image over rows whose entries the newer one deletes
#[test]
fn rows_that_come_back_without_a_guard() {
    breaks(Rules { writes: 2, guard_apply: false, ..WHOLE }, SQLITE_LACKS);
}

#[test]
fn recovery_that_completes_a_cutover() {
    breaks(Rules { recovery_completes: true, ..WHOLE }, BOTH_OPEN);
}

/// What the process itself may do with a rollback that it gives up, a session that finds one may not
#[test]
fn recovery_that_opens_postgresql_without_asking_sqlite() {
    breaks(Rules { recovery_asks_sqlite: false, ..WHOLE }, BOTH_OPEN);
}

#[test]
fn entries_deleted_before_sqlite_commits() {
    breaks(Rules { entries_last: false, ..WHOLE }, SQLITE_LACKS);
}

#[test]
fn a_phase_that_is_read_before_the_take_over() {
    breaks(Rules { take_over_first: false, ..WHOLE }, BOTH_OPEN);
}

/// The COMMIT that opens PostgreSQL may land after its sender has looked
#[test]
fn a_lost_reply_answered_by_a_look() {
    breaks(Rules { unknown_takes_over: false, ..WHOLE }, BOTH_OPEN);
}

#[test]
fn a_take_over_that_a_power_cut_takes_back() {
    breaks(Rules { power_cuts: true, take_over_synced: false, ..WHOLE }, BOTH_OPEN);
}

/// I4, both ways
#[test]
fn i4_rows_applied_before_they_are_on_disk() {
    let rules = Rules { power_cuts: true, sync_before_apply: false, ..WHOLE };
    breaks(rules, POSTGRES_AHEAD);
    breaks_beside(rules, &[POSTGRES_AHEAD], SQLITE_AHEAD);
}
