//! Breadth first through every state that can be reached; the shortest way to one that must not be

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasherDefault, Hasher};

use super::state::State;
use super::steps::{Label, Rules, successors};

/// What the exploration came to
#[derive(Debug)]
pub enum Outcome {
    /// Nothing is wrong; number of states, and of those at rest
    Holds { states: usize, at_rest: usize },
    /// A state that must not be, with the way to it
    Broken { what: &'static str, trace: String },
}

const NO_WAY_ON: &str = "there is no way on from here to a side that is open with the other in sync";

/// Multiplies and rotates; the states are many and small, and nobody chooses them against us
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u8(number as u8);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u8(number as u8);
    }
}

struct Explored {
    states: Vec<State>,
    /// The state from which each was first reached
    parents: Vec<u32>,
    edges: Vec<(u32, u32)>,
}

/// Every state that the rules allow, up to the first one that must not be
pub fn explore(rules: &Rules, from: State, passed_by: &[&str]) -> Outcome {
    let first = from.canonical(rules.take_over_synced);
    let mut seen: HashMap<State, u32, BuildHasherDefault<Mix>> = HashMap::default();
    let mut found = Explored { states: vec![first], parents: vec![0], edges: Vec::new() };
    seen.insert(first, 0);
    let (mut at, mut next) = (0, Vec::new());
    while at < found.states.len() {
        next.clear();
        successors(rules, &found.states[at], &mut next);
        for (_, state) in &next {
            let state = state.canonical(rules.take_over_synced);
            let known = found.states.len() as u32;
            let index = *seen.entry(state).or_insert(known);
            found.edges.push((at as u32, index));
            if index == known {
                found.states.push(state);
                found.parents.push(at as u32);
                if let Some(what) = state.violations().find(|what| !passed_by.contains(what)) {
                    return Outcome::Broken { what, trace: trace(rules, from, &found, index) };
                }
            }
        }
        at += 1;
    }
    let at_rest = found.states.iter().filter(|state| state.is_at_rest()).count();
    match without_way_on(&found) {
        Some(stuck) => Outcome::Broken { what: NO_WAY_ON, trace: trace(rules, from, &found, stuck) },
        None => Outcome::Holds { states: found.states.len(), at_rest },
    }
}

/// A state from which no continuation comes to rest: backwards from all that are at rest, and see who is left
fn without_way_on(found: &Explored) -> Option<u32> {
    let count = found.states.len();
    let mut starts = vec![0u32; count + 1];
    for (_, to) in &found.edges {
        starts[*to as usize + 1] += 1;
    }
    for at in 0..count {
        starts[at + 1] += starts[at];
    }
    let mut fill = starts.clone();
    let mut sources = vec![0u32; found.edges.len()];
    for (from, to) in &found.edges {
        sources[fill[*to as usize] as usize] = *from;
        fill[*to as usize] += 1;
    }
    let mut good: Vec<bool> = found.states.iter().map(State::is_at_rest).collect();
    let mut work: Vec<u32> = (0..count as u32).filter(|at| good[*at as usize]).collect();
    while let Some(at) = work.pop() {
        for from in &sources[starts[at as usize] as usize..starts[at as usize + 1] as usize] {
            if !std::mem::replace(&mut good[*from as usize], true) {
                work.push(*from);
            }
        }
    }
    good.iter().position(|good| !good).map(|at| at as u32)
}

/// The way there, played again with the processes and switches under names that stay the same
fn trace(rules: &Rules, from: State, found: &Explored, to: u32) -> String {
    let mut path = vec![to];
    while let Some(last) = path.last().filter(|at| **at != 0) {
        path.push(found.parents[*last as usize]);
    }
    let (mut text, mut state, mut next) = (String::new(), from, Vec::new());
    for (number, index) in path.iter().rev().skip(1).enumerate() {
        next.clear();
        successors(rules, &state, &mut next);
        let wanted = &found.states[*index as usize];
        let step = next
            .iter()
            .find(|(_, state)| state.canonical(rules.take_over_synced) == *wanted)
            .expect("the same step again");
        let (Label { who, what }, after) = *step;
        let before = line(&state);
        state = after;
        let after = line(&state);
        let _ = writeln!(text, "{:>3}. {who:<13} {what}", number + 1);
        if before != after {
            let _ = writeln!(text, "{:>19}{after}", "");
        }
    }
    text
}

/// What both sides hold
fn line(state: &State) -> String {
    let writes = |set: u8| (0..8).filter(|n| set & (1 << n) != 0).map(|n| format!("w{}", n + 1)).collect::<Vec<_>>();
    let (sqlite, postgres) = (&state.sqlite, &state.postgres);
    let unsynced = |same: bool| if same { "" } else { ", not all on disk" };
    format!(
        "SQLite {} [{}]{}; PostgreSQL {} [{}] {} run {}{}",
        state.fence_of(),
        writes(sqlite.row).join(" "),
        unsynced(*sqlite == state.sqlite_disk),
        if postgres.fence { "fenced" } else { "open" },
        writes(postgres.row).join(" "),
        postgres.phase,
        postgres.run,
        unsynced(*postgres == state.postgres_disk),
    )
}
