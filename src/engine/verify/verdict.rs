//! What a verify found, and its record in the target

use std::time::Instant;

use tokio_postgres::Client;

use super::views::Through;
use crate::error::Result;
use crate::model::plan::TablePlan;
use crate::postgres::connect::classify;
use crate::postgres::touched;

/// Result of one table
#[derive(Clone, Debug, serde::Serialize)]
pub struct TableVerdict {
    pub name: String,
    pub rows_compared: u64,
    pub mismatches: u64,
    /// The count is a lower bound
    pub at_least: bool,
    /// Keys that changed on the primary and had not arrived on the other side, and are not compared
    pub in_flight: u64,
    /// Rows that one side cannot hold: those of the quarantine are checked to be where they belong
    pub quarantined: u64,
    /// Rows that the target had before the copy and that the source never named
    pub kept: u64,
    /// Some of the differing keys, as text
    pub keys: Vec<String>,
    /// Every key was in flight, and none was looked at
    #[serde(skip)]
    pub is_unseen: bool,
}

/// Result of a whole run
#[derive(Clone, Debug, serde::Serialize)]
pub struct Verdict {
    /// The target's checkpoint at which the comparison holds, the earliest over all tables
    pub through_seq: i64,
    pub rows_compared: u64,
    pub mismatches: u64,
    /// Keys that are not compared: they changed on the primary and had not arrived
    pub in_flight: u64,
    /// Rows that one side cannot hold
    pub quarantined: u64,
    /// A replicator was running to bring them over
    pub replicator_running: bool,
    /// The replicator was asked to bring over what differs: PostgreSQL is the primary, and its rows are right
    #[serde(skip)]
    pub is_mended: bool,
    pub seconds: f64,
    pub tables: Vec<TableVerdict>,
    /// The reverse cycle at which the comparison holds, the earliest over all tables
    #[serde(skip)]
    pub through_cycle: i64,
    /// Of the keys in flight, those that a later run would not find: they are in no log behind this one
    #[serde(skip)]
    pub unlogged: u64,
}

impl TableVerdict {
    pub fn new(table: &TablePlan) -> TableVerdict {
        TableVerdict {
            name: table.source.name.clone(),
            rows_compared: 0,
            mismatches: 0,
            at_least: false,
            in_flight: 0,
            quarantined: 0,
            kept: 0,
            keys: Vec::new(),
            is_unseen: false,
        }
    }
}

impl Verdict {
    pub fn new() -> Verdict {
        Verdict {
            through_seq: i64::MAX,
            rows_compared: 0,
            mismatches: 0,
            in_flight: 0,
            quarantined: 0,
            replicator_running: false,
            is_mended: false,
            seconds: 0.0,
            tables: Vec::new(),
            through_cycle: i64::MAX,
            unlogged: 0,
        }
    }

    pub fn add(&mut self, table: TableVerdict, through: Through) {
        self.through_seq = self.through_seq.min(through.checkpoint.seq);
        self.through_cycle = self.through_cycle.min(through.cycle);
        self.rows_compared += table.rows_compared;
        self.mismatches += table.mismatches;
        self.in_flight += table.in_flight;
        self.quarantined += table.quarantined;
        self.tables.push(table);
    }
}

impl Verdict {
    /// The result of this run and of the one that went on from where it stands
    pub fn and(mut self, later: Verdict) -> Verdict {
        for (mine, theirs) in self.tables.iter_mut().zip(later.tables) {
            mine.rows_compared += theirs.rows_compared;
            mine.mismatches += theirs.mismatches;
            mine.at_least |= theirs.at_least;
            mine.in_flight = theirs.in_flight;
            mine.quarantined = theirs.quarantined;
            mine.keys.extend(theirs.keys);
        }
        self.rows_compared += later.rows_compared;
        self.mismatches += later.mismatches;
        self.seconds += later.seconds;
        let Verdict { through_seq, through_cycle, in_flight, unlogged, quarantined, .. } = later;
        Verdict { through_seq, through_cycle, in_flight, unlogged, quarantined, ..self }
    }

    /// Whether all is equal but for what is in the logs behind this run, so that later runs need compare nothing else
    ///
    /// Let T be `through_seq`, the earliest checkpoint at which a table was compared. A key that was left out as in flight
    /// has an entry behind the checkpoint M of its own table's view, and M >= T: so the entry is behind T, where the next
    /// run begins to read. A key without an entry behind T was in flight in no view: it was compared, or it has not changed
    /// since an earlier run that stands. While PostgreSQL is the primary the same holds for cycles: what its log had in a
    /// view of cycle c arrives with a later one, and is noted in `crossfade.touched` with that one's number.
    ///
    /// Rows of the quarantine leave it without an entry, and `unlogged` ones have none either.
    pub fn stands(&self) -> bool {
        self.mismatches == 0 && self.unlogged == 0 && self.quarantined == 0
    }
}

impl Default for Verdict {
    fn default() -> Verdict {
        Verdict::new()
    }
}

/// A verify that has begun
pub struct Run {
    started: Instant,
    began_at: String,
    /// Every table is compared, or everything that changed since such a run
    complete: bool,
    untracked: i64,
}

/// A verify that compared everything, or what changed since such a one, and found nothing; every change since is noted
pub struct Standing {
    pub through_seq: i64,
}

impl Run {
    pub async fn begin(client: &Client, complete: bool) -> Result<Run> {
        let row = client.query_one("select now()::text", &[]).await.map_err(|e| classify(e, "ask for the time"))?;
        // Before the first view: a repair that commits while this run looks is not to be taken for one that it has seen.
        let untracked = touched::lost(client).await?;
        Ok(Run { started: Instant::now(), began_at: row.get(0), complete, untracked })
    }

    /// Stores the run. Where it stands, the keys that reverse cycles have brought up to its own need no second look: one that
    /// was in flight arrives with a later cycle, or has an entry in SQLite's log behind it
    pub async fn store(self, client: &Client, verdict: &mut Verdict) -> Result<()> {
        verdict.seconds = self.started.elapsed().as_secs_f64();
        let stands = self.complete && verdict.stands();
        let failed = |e| classify(e, "store the result of verify");
        client.batch_execute("begin").await.map_err(failed)?;
        // Where a cycle takes too long, the list stays: longer than need be, and no less true.
        let seen = if stands && touched::hold_still(client).await? { verdict.through_cycle } else { -1 };
        client
            .execute(
                "with seen as (delete from crossfade.touched where cycle <= $9 \
                 and (select untracked from crossfade.reverse) = $8) \
                 insert into crossfade.verify_runs \
                 (started_at, through_seq, rows_compared, mismatches, in_flight, quarantined, complete, untracked, stands) \
                 values ($1::text::timestamptz, $2, $3, $4, $5, $6, $7, $8, $10)",
                &[
                    &self.began_at,
                    &verdict.through_seq,
                    &(verdict.rows_compared as i64),
                    &(verdict.mismatches as i64),
                    &(verdict.in_flight as i64),
                    &(verdict.quarantined as i64),
                    &self.complete,
                    &self.untracked,
                    &seen,
                    &stands,
                ],
            )
            .await
            .map_err(failed)?;
        client.batch_execute("commit").await.map_err(failed)
    }
}

/// The verify since which the least has changed that is not known; a longer one may have ended after it
pub async fn standing(client: &Client) -> Result<Option<Standing>> {
    let sql = "select through_seq from crossfade.verify_runs where stands \
               and untracked = (select untracked from crossfade.reverse) order by through_seq desc, id desc limit 1";
    let row = client.query_opt(sql, &[]).await.map_err(|e| classify(e, "look for the last verify"))?;
    Ok(row.map(|row| Standing { through_seq: row.get(0) }))
}
