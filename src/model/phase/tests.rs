//! The whole table of phases, events and verbs

use std::collections::BTreeSet;

use super::*;

fn reachable(from: Phase) -> BTreeSet<Phase> {
    let mut seen = BTreeSet::from([from]);
    while let Some(next) =
        seen.iter().flat_map(|p| EVENTS.iter().filter_map(|e| p.after(*e).ok())).find(|p| !seen.contains(p))
    {
        seen.insert(next);
    }
    seen
}

#[test]
fn spellings_go_both_ways() {
    for phase in Phase::all() {
        assert_eq!(phase.to_string().parse(), Ok(phase));
    }
    assert_eq!("later".parse::<Phase>(), Err("`later` is not a phase that this version knows".to_owned()));
    for side in [Side::Sqlite, Side::Postgres] {
        assert_eq!(side.as_str().parse(), Ok(side));
        assert_eq!(side.other().other(), side);
    }
    assert!("SQLite".parse::<Side>().is_err());
}

/// Phase by phase, each event: the next phase, or nothing. Written out a second time, so that a slip in the table shows.
#[test]
fn every_phase_with_every_event() {
    let row = |phase: Phase| EVENTS.map(|event| phase.after(event).map_or("-", Phase::as_str)).join(" ");
    let table: Vec<String> = Phase::all().map(|phase| format!("{phase}: {}", row(phase))).collect();
    let expected = [
        "planned: capturing - - - - - - - - - -",
        "capturing: capturing snapshotting - - - - - - - - -",
        "snapshotting: - - indexing - - - - - - - -",
        "indexing: - - - following - - - - - - -",
        "following: - - - - cutting_over rehearsing - - - - -",
        "cutting_over: - - - - - - - - reversed - following",
        "rehearsing: - - - - - - - following - - following",
        "reversed: - - - - - - rolling_back - - - -",
        "rolling_back: - - - - - - - - - following reversed",
    ];
    assert_eq!(table, expected);
}

#[test]
fn no_pair_stands_twice_and_every_event_has_a_place() {
    let pairs: BTreeSet<String> = TRANSITIONS.iter().map(|(from, event, _)| format!("{from} {event:?}")).collect();
    assert_eq!(pairs.len(), TRANSITIONS.len());
    for event in EVENTS {
        assert!(TRANSITIONS.iter().any(|(_, what, _)| *what == event), "{event:?} leads nowhere");
    }
}

#[test]
fn what_is_not_in_the_table_is_an_error_with_a_way_on() {
    for phase in Phase::all() {
        for event in EVENTS {
            let Err(unfit) = phase.after(event) else { continue };
            assert!(
                unfit.message.contains(phase.as_str()) && unfit.message.contains(&format!("{event:?}")),
                "{unfit:?}"
            );
            assert!(unfit.hint.contains("`crossfade "), "{unfit:?}");
        }
    }
}

/// I9: from every phase of a switch one event leads back to where it began, and every phase is left in some way
#[test]
fn i9_every_switch_can_be_taken_back() {
    for (phase, begun) in TRANSITIONS.iter().filter(|(_, _, to)| to.is_switch()).map(|(from, _, to)| (*from, *to)) {
        assert_eq!(begun.after(Event::TakenBack), Ok(phase));
        assert_eq!(begun.primary(), phase.primary(), "the primary changes by a point of no return only");
    }
    for phase in Phase::all() {
        assert!(reachable(phase).contains(&Phase::Reversed) && reachable(phase).contains(&Phase::Following), "{phase}");
    }
    assert_eq!(reachable(Phase::Planned).len(), Phase::all().count());
}

/// I8: only the two points of no return change the primary
#[test]
fn i8_the_primary_changes_at_the_points_of_no_return_only() {
    for (from, event, to) in TRANSITIONS {
        let opens = matches!(event, Event::PostgresOpened | Event::SqliteOpened);
        assert_eq!(from.primary() != to.primary(), opens, "{from} {event:?} {to}");
        assert!(from.leads_to(to));
    }
    assert!(!Phase::Following.leads_to(Phase::Reversed));
}

#[test]
fn every_phase_with_every_verb() {
    let fitting = |phase| VERBS.into_iter().filter(|v| v.fits(phase)).map(Verb::as_str).collect::<Vec<_>>().join(", ");
    let table: Vec<String> = Phase::all().map(|phase| format!("{phase}: {}", fitting(Some(phase)))).collect();
    let expected = [
        "planned: cancel",
        "capturing: cancel",
        "snapshotting: cancel",
        "indexing: cancel",
        "following: cutover, cutover --rehearse, cancel",
        "cutting_over: ",
        "rehearsing: ",
        "reversed: rollback, finish",
        "rolling_back: ",
    ];
    assert_eq!(table, expected);
    assert_eq!(fitting(None), "cancel");
}

/// The verb in the hint is one that fits, or one that every phase takes
#[test]
fn a_refused_verb_hears_of_one_that_fits() {
    for phase in Phase::all().map(Some).chain([None]) {
        for verb in VERBS {
            let Err(unfit) = verb.check(phase) else { continue };
            assert!(unfit.message.starts_with(&format!("`crossfade {}` does not fit: ", verb.as_str())), "{unfit:?}");
            let fits = VERBS.into_iter().filter(|v| v.fits(phase)).map(Verb::as_str).chain(["run"]);
            let named = fits.filter(|verb| unfit.hint.contains(&format!("`crossfade {verb}`"))).count();
            assert!(named > 0, "{phase:?} {verb:?}: {unfit:?}");
            assert!(!unfit.hint.starts_with(&format!("`crossfade {}`", verb.as_str())), "{phase:?}: {unfit:?}");
        }
    }
}
