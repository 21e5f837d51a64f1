//! The copy, against `psql \copy` of a ready-made binary file, pgloader and DuckDB
//!
//! The reference fills a table whose key is in place. crossfade as a program adds the key after the rows (that is its
//! mode, there is no switch); with the key in place it is driven as a library, by the same reader and the same stream.

use crate::loaders::Race;
use crate::measure::{Cost, median, median_cost};
use crate::table::{Goal, Table};
use crate::{Bench, Outcome, data};

const MEGA: f64 = 1e6;

/// What the rounds gave for one way of loading
#[derive(Default)]
struct Column {
    costs: Vec<Cost>,
    reference: Vec<f64>,
}

impl Column {
    fn push(&mut self, cost: Cost, reference: f64) {
        self.costs.push(cost);
        self.reference.push(reference);
    }

    /// How many times as fast as the reference of the same round
    fn ratio(&self) -> f64 {
        median(self.costs.iter().zip(&self.reference).map(|(cost, reference)| reference / cost.wall).collect())
    }
}

pub fn run(bench: &Bench, table: &mut Table) -> Outcome<()> {
    let narrow = data::narrow(&bench.directory, "narrow.db", bench.scaled(2_000_000))?;
    race(Race::prepare(bench, "narrow", bench.scaled(2_000_000), narrow)?, table)?;
    for name in ["wide", "typed"] {
        let source = data::wide(&bench.directory, name, bench.scaled(300_000))?;
        race(Race::prepare(bench, name, bench.scaled(300_000), source)?, table)?;
    }
    Ok(())
}

fn race(mut race: Race<'_>, table: &mut Table) -> Outcome<()> {
    let [mut library, mut one, mut two, mut pgloader, mut duckdb, mut reference] = [(); 6].map(|()| Column::default());
    let (mut plan_cpu, mut whole) = (Vec::new(), Vec::new());
    for round in 0..race.bench.rounds {
        let psql = race.psql()?;
        reference.push(psql, psql.wall);
        library.push(race.library()?, psql.wall);
        // In turns, so that neither always finds the server as the other left it.
        for workers in if round % 2 == 0 { [1, 2] } else { [2, 1] } {
            let run = race.product(workers)?;
            if workers == 2 {
                two.push(run.copy, psql.wall);
                continue;
            }
            one.push(run.copy, psql.wall);
            plan_cpu.push(run.plan_cpu);
            whole.push(run.whole);
        }
        // Each of the two is asked once whether it works at all; its reason stands in the table then.
        for (column, name) in [(&mut pgloader, "pgloader"), (&mut duckdb, "DuckDB")] {
            if round > 0 && column.costs.is_empty() {
                continue;
            }
            let cost = if name == "pgloader" { race.pgloader() } else { race.duckdb() };
            match cost {
                Ok(cost) => column.push(cost, psql.wall),
                Err(error) => table.missing(&format!("{}: {name}", race.table), &crate::explain(error.as_ref())),
            }
        }
    }
    let mut report = Report { name: race.table, mega_rows: race.rows as f64 / MEGA, table };
    report.line("psql, key in place", &reference, Goal::None, "the reference: a ready-made COPY BINARY file");
    report.line("crossfade, key in place", &library, Goal::AtLeast(0.95), "library: reader + COPY, 1 connection");
    report.line("crossfade run, 1 worker", &one, Goal::AtLeast(0.95), "copy stage; FREEZE, key after");
    report.line("crossfade run, 2 workers", &two, Goal::None, "copy stage");
    let best = if one.ratio() >= two.ratio() { &one } else { &two };
    report.line("crossfade run, best mode", best, Goal::AtLeast(1.3), "the better of the two");
    report.client_cpu(&one, &plan_cpu);
    let whole = median_cost(&whole);
    let ratio = median_cost(&reference.costs).wall / whole.wall;
    report.table.add(&format!("{}: whole process / psql", race.table), ratio, "x", Goal::None, Some(whole), "1 worker");
    report.peer("pgloader", &pgloader, best, 3.5);
    report.peer("DuckDB", &duckdb, best, 1.25);
    race.clear()
}

struct Report<'t> {
    name: &'static str,
    mega_rows: f64,
    table: &'t mut Table,
}

impl Report<'_> {
    fn line(&mut self, what: &str, column: &Column, goal: Goal, note: &str) {
        let cost = median_cost(&column.costs);
        let note = format!("{:.0}k rows/s; {note}", self.mega_rows * 1000.0 / cost.wall);
        self.table.add(&format!("{}: {what} / psql", self.name), column.ratio(), "x", goal, Some(cost), &note);
    }

    fn client_cpu(&mut self, one: &Column, plan_cpu: &[f64]) {
        let copy = median_cost(&one.costs).client / self.mega_rows;
        let before = median(plan_cpu.to_vec()) / self.mega_rows;
        let goal = if self.name == "narrow" { Goal::AtMost(0.35) } else { Goal::AtMost(2.0) };
        let note = format!("of the copy; start, profile and capture before it: {before:.2} s");
        self.table.add(&format!("{}: client CPU per 1M rows", self.name), copy, " s", goal, None, &note);
    }

    /// The best mode against a peer, round by round
    fn peer(&mut self, peer: &str, column: &Column, best: &Column, goal: f64) {
        if column.costs.is_empty() {
            return;
        }
        let cost = median_cost(&column.costs);
        let ratio =
            median(column.costs.iter().zip(&best.costs).map(|(theirs, ours)| theirs.wall / ours.wall).collect());
        let note = format!("{peer}: {:.0}k rows/s, costs are {peer}'s", self.mega_rows * 1000.0 / cost.wall);
        self.table.add(
            &format!("{}: best mode / {peer}", self.name),
            ratio,
            "x",
            Goal::AtLeast(goal),
            Some(cost),
            &note,
        );
    }
}
