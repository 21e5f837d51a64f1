//! What capture costs the application: the same transactions on the same rows, with and without it
//!
//! The cheapest application there is (C API, prepared statements, WAL, synchronous=NORMAL), so the ratio is the worst
//! case. Both files go through the same random statements, in turns of a fraction of a second.

use std::time::Instant;

use crossfade::config::DEFAULT_LOG_LIMIT;
use crossfade::engine::planning::make_plan;
use crossfade::model::choices::Choices;
use crossfade::model::extensions::Offer;
use crossfade::model::planner::Request;
use crossfade::observe::progress::Reporter;
use crossfade::sqlite::capture::install;
use crossfade::sqlite::connection::open_writer;
use rusqlite::{Connection, params};

use crate::data::{self, Random, narrow_row};
use crate::measure::median;
use crate::table::{Goal, Table};
use crate::{Bench, Outcome};

const INDEXES: &str = "CREATE INDEX by_customer ON narrow (customer); CREATE INDEX by_status ON narrow (status, amount); \
                       CREATE INDEX by_note ON narrow (note)";

/// Turns of each file in a round
const TURNS: u64 = 8;

pub fn run(bench: &Bench, table: &mut Table) -> Outcome<()> {
    let cases = [
        ("1-row transactions, bare table", "", 1, 1.5),
        ("1-row transactions, three indexes", INDEXES, 1, 1.25),
        ("1000-row transactions, bare table", "", 1_000, 1.15),
        ("1000-row transactions, three indexes", INDEXES, 1_000, 1.15),
    ];
    for (name, indexes, size, goal) in cases {
        let mut plain = Side::prepare(bench, "plain.db", indexes, false)?;
        let mut captured = Side::prepare(bench, "captured.db", indexes, true)?;
        let changes = bench.scaled(if size == 1 { 5_000 } else { 20_000 }).max(1_000);
        for side in [&mut plain, &mut captured] {
            side.turn(changes / size, size)?;
        }
        let (mut ratios, mut times) = (Vec::new(), Vec::new());
        for turn in 0..TURNS * bench.rounds as u64 {
            // Who goes first changes from turn to turn.
            let (bare, with) = if turn % 2 == 0 {
                (plain.turn(changes / size, size)?, captured.turn(changes / size, size)?)
            } else {
                let with = captured.turn(changes / size, size)?;
                (plain.turn(changes / size, size)?, with)
            };
            ratios.push(with / bare);
            times.push((bare, with));
        }
        let us = |pick: fn(&(f64, f64)) -> f64| median(times.iter().map(pick).collect()) / changes as f64 * 1e6;
        let note = format!("{:.1} -> {:.1} us per change; 40/40/20 insert/update/delete", us(|t| t.0), us(|t| t.1));
        table.add(&format!("capture: {name}"), median(ratios), "x", Goal::AtMost(goal), None, &note);
    }
    Ok(())
}

/// One file and its application
struct Side {
    connection: Connection,
    random: Random,
    /// Rows that are there
    alive: Vec<i64>,
    next: i64,
}

impl Side {
    fn prepare(bench: &Bench, name: &str, indexes: &str, captured: bool) -> Outcome<Side> {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(bench.directory.join(format!("{name}{suffix}")));
        }
        let rows = bench.scaled(200_000);
        let path = data::narrow(&bench.directory, name, rows)?;
        let connection = data::writer(&path)?;
        connection.execute_batch(indexes)?;
        if captured {
            let (choices, offer) = (Choices::default(), Offer::default());
            let request = Request { target_schema: "public", choices: &choices, offer: &offer };
            let plan = make_plan(&path, &request, None, &Reporter::quiet())?.plan;
            install(&mut open_writer(&path)?, &plan, DEFAULT_LOG_LIMIT, "bench")?;
        }
        Ok(Side { connection, random: Random(11), alive: (1..=rows as i64).collect(), next: rows as i64 + 1 })
    }

    /// So many transactions of so many changes; returns the seconds
    fn turn(&mut self, transactions: u64, size: u64) -> Outcome<f64> {
        let connection = &self.connection;
        let mut insert = connection.prepare_cached("INSERT INTO narrow VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut update = connection.prepare_cached("UPDATE narrow SET amount = ?2, status = ?3 WHERE id = ?1")?;
        let mut delete = connection.prepare_cached("DELETE FROM narrow WHERE id = ?1")?;
        let (mut begin, mut commit) = (connection.prepare_cached("BEGIN")?, connection.prepare_cached("COMMIT")?);
        let began = Instant::now();
        for _ in 0..transactions {
            if size > 1 {
                begin.execute([])?;
            }
            for _ in 0..size {
                let choice = self.random.next();
                let place = (choice >> 8) as usize % self.alive.len();
                let id = self.alive[place];
                match choice % 5 {
                    0 | 1 => {
                        let row = narrow_row(self.next, 0);
                        insert.execute(params![
                            self.next,
                            row.customer,
                            row.amount,
                            row.created_at,
                            row.status,
                            row.note
                        ])?;
                        self.alive.push(self.next);
                        self.next += 1;
                    }
                    2 | 3 => {
                        update.execute(params![id, (choice >> 40) as i64, "changed"])?;
                    }
                    _ => {
                        delete.execute([id])?;
                        self.alive.swap_remove(place);
                    }
                }
            }
            if size > 1 {
                commit.execute([])?;
            }
        }
        Ok(began.elapsed().as_secs_f64())
    }
}
