//! What a cutover does before the fence, while the application still writes, so that little is left to do under it
//!
//! The tail is brought close to the head, and what changed is compared while the tail goes on: in rounds, as each finds
//! what was written during the one before. That becomes less for as long as we are faster than the writers, and where it
//! does not any more, the rest is done under the fence, if the operator's time suffices for it. Otherwise that is said
//! now: nobody was refused anything yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::engine::job::Job;
use crate::engine::switch::{Asked, Options};
use crate::engine::tail::{CycleReport, Tail};
use crate::engine::verify::Verdict;
use crate::engine::verify::changed::{Changes, Known, Piece};
use crate::error::{Error, Result};
use crate::model::words::{counted, grouped, seconds};

/// With so few entries behind it the tail is close enough
const FEW_ENTRIES: u64 = 200;

/// With so few entries behind it a comparison is close enough: what is left then costs less than its round trips
const FEW_LEFT: u64 = 500;

/// Rounds in a row that gain too little before no more are tried: one may have met with somebody else's burst
const STALLS: u32 = 2;

/// How long the tail waits for something to do while a comparison is under way
const PAUSE: Duration = Duration::from_millis(20);

/// Goes on for as long as each round leaves a good deal less than the best one before, so that it comes to an end
struct Shrinking {
    few: u64,
    best: u64,
    stalls: u32,
}

impl Shrinking {
    fn to(few: u64) -> Shrinking {
        Shrinking { few, best: u64::MAX, stalls: 0 }
    }

    fn goes_on(&mut self, left: u64) -> bool {
        self.stalls = if left > self.best - self.best / 4 { self.stalls + 1 } else { 0 };
        self.best = self.best.min(left);
        left > self.few && self.stalls < STALLS
    }
}

pub struct Approach<'a> {
    tail: &'a Tail,
    asked: &'a Asked,
    /// Opened before the fence, to be used under it too
    changes: Changes,
    /// Whether the switch is still wanted
    check: &'a dyn Fn() -> Result<()>,
}

impl<'a> Approach<'a> {
    pub fn new(job: &Job, tail: &'a Tail, asked: &'a Asked, check: &'a dyn Fn() -> Result<()>) -> Result<Approach<'a>> {
        Ok(Approach { tail, asked, changes: Changes::open(job)?, check })
    }

    /// Cycles of the tail until little is left, or until they do not gain on the writers any more; how many changes came
    ///
    /// # Errors
    /// What is left is older than the lag that was allowed.
    pub fn come_close(&self, job: &mut Job) -> Result<u64> {
        let (mut sum, mut shrinking) = (0, Shrinking::to(FEW_ENTRIES));
        loop {
            (self.check)()?;
            let began = Instant::now();
            let entries = cycle(self.tail, job, Duration::ZERO)?;
            sum += entries;
            if !shrinking.goes_on(entries) {
                // What has been written since the last view is as old as that.
                let (lag, most) = (began.elapsed().as_secs_f64(), self.asked.options.max_lag);
                return if entries > FEW_ENTRIES && lag > most { Err(too_slow(sum, lag, most)) } else { Ok(sum) };
            }
        }
    }

    /// Step `compare`: rounds until little is left to compare under the fence
    ///
    /// # Errors
    /// Rows differ; it is not known what changed; or what is left would take longer than writes may be refused.
    pub fn compare_ahead(&mut self, job: &mut Job) -> Result<String> {
        let (mut rows, mut rounds, mut shrinking) = (0, 0, Shrinking::to(FEW_LEFT));
        let Some(mut before) = self.left()? else { return unknown(&self.asked.options) };
        loop {
            let began = Instant::now();
            let Some(Round { rows: compared, stands }) = self.round(job)? else { return unknown(&self.asked.options) };
            let took = began.elapsed();
            (rows, rounds) = (rows + compared, rounds + 1);
            self.come_close(job)?;
            let Some(left) = self.left()? else { return unknown(&self.asked.options) };
            // With rows in the quarantine no comparison stands for anything: each would begin where this one began.
            if stands && shrinking.goes_on(left) {
                before = left;
                continue;
            }
            self.check_time(left, before, took)?;
            let rounds = if rounds > 1 { format!(" in {rounds} rounds") } else { String::new() };
            return Ok(format!("{} compared{rounds}", counted(rows, "row")));
        }
    }

    /// Entries behind what has been compared; `None` if it is not known what changed
    fn left(&self) -> Result<Option<u64>> {
        Ok(match self.changes.known()? {
            Known::Since(entries) => Some(entries),
            Known::Nothing | Known::Trimmed => None,
        })
    }

    /// Compares what was written up to now, while the tail goes on: otherwise what piles up in a round would have to be
    /// brought over before the next, and more piled up. `None` if it is not known what changed
    fn round(&mut self, job: &mut Job) -> Result<Option<Round>> {
        let (goal, given_up) = (job.checkpoint.seq, AtomicBool::new(false));
        let (tail, check) = (self.tail, self.check);
        let (changes, is_wanted) = (&mut self.changes, || !given_up.load(Ordering::SeqCst));
        std::thread::scope(|scope| {
            let comparing = scope.spawn(move || compare_up_to(changes, goal, is_wanted));
            let mut following = Ok(0);
            while following.is_ok() && !comparing.is_finished() {
                following = check().and_then(|()| cycle(tail, job, PAUSE));
            }
            given_up.store(following.is_err(), Ordering::SeqCst);
            let compared = comparing.join().unwrap_or_else(|_| Err(Error::internal("the comparison panicked")));
            following.and(compared)
        })
    }

    /// SQLite is not fenced in vain: so many entries are left, and so many took that long in the last round. Under the fence
    /// it is less, as nobody writes any more
    fn check_time(&self, left: u64, before: u64, took: Duration) -> Result<()> {
        let expected = took.as_secs_f64() * left as f64 / before.max(FEW_LEFT) as f64;
        let most = self.asked.options.timeout;
        if left <= FEW_LEFT || expected <= most {
            return Ok(());
        }
        let (left, expected) = (counted(left, "change"), seconds(expected));
        let most = seconds(most);
        Err(Error::refused(format!("{left} would be compared under the fence, for about {expected} of {most}"))
            .hint("ask again when less is written, or allow more with --timeout"))
    }

    /// Step `verify`, under the fence: what has changed since the last round, and was in flight in it
    pub fn compare_rest(&self) -> Result<String> {
        judge(self.changes.all(self.check)?, &self.asked.options, true)
    }
}

/// How many changes one cycle of the tail brings
fn cycle(tail: &Tail, job: &mut Job, wait: Duration) -> Result<u64> {
    match tail.cycle(job, wait)? {
        CycleReport::Applied { entries, .. } => Ok(entries),
        CycleReport::InSync => Ok(0),
        CycleReport::Lost(_) => Err(moved("the change log of the source does not reach back far enough")),
        CycleReport::SchemaMoved(_) => Err(moved("the schema of the source changed in this moment")),
    }
}

/// What one round came to
struct Round {
    rows: u64,
    /// None of it need be looked at again
    stands: bool,
}

/// Compares in pieces until everything up to this entry is done; the target holds it, so each piece gets further. `None` if
/// it is not known what changed
fn compare_up_to(changes: &Changes, goal: i64, is_wanted: impl Fn() -> bool) -> Result<Option<Round>> {
    let mut rows = 0;
    while is_wanted() {
        let Some(Piece { verdict, is_last }) = changes.piece()? else { return Ok(None) };
        refuse_if_unlike(&verdict, false)?;
        rows += verdict.rows_compared;
        if is_last || verdict.through_seq >= goal {
            return Ok(Some(Round { rows, stands: verdict.stands() }));
        }
        if !verdict.stands() {
            break;
        }
    }
    Ok(None)
}

/// Compares what changed since the last verify that stands; under a fence, with the log drained, nothing is on its way any
/// more
pub fn compare(job: &Job, asked: &Asked, is_fenced: bool) -> Result<String> {
    judge(Changes::open(job)?.all(&|| Ok(()))?, &asked.options, is_fenced)
}

fn judge(verdict: Option<Verdict>, options: &Options, is_fenced: bool) -> Result<String> {
    let Some(verdict) = verdict else { return unknown(options) };
    refuse_if_unlike(&verdict, is_fenced)?;
    Ok(format!("{} compared", counted(verdict.rows_compared, "row")))
}

fn refuse_if_unlike(verdict: &Verdict, is_fenced: bool) -> Result<()> {
    if verdict.mismatches == 0 && !(is_fenced && verdict.in_flight > 0) {
        return Ok(());
    }
    let rows = grouped(verdict.mismatches.max(verdict.in_flight));
    Err(Error::refused(format!("{rows} rows differ between the two sides"))
        .hint("`crossfade verify` names them; did something else write to the target?"))
}

/// Not known what changed: that is up to the operator
fn unknown(options: &Options) -> Result<String> {
    // Rows in the quarantine keep a verify from being the last word.
    if options.force.iter().any(|forced| forced == "unverified" || forced == "quarantine") {
        return Ok("left out".into());
    }
    Err(Error::refused("it is not known what changed since everything was compared")
        .hint("run `crossfade verify`, then ask again; with rows in the quarantine only --force unverified helps"))
}

fn too_slow(entries: u64, lag: f64, most: f64) -> Error {
    let (entries, lag, most) = (counted(entries, "change"), seconds(lag), seconds(most));
    Error::refused(format!("PostgreSQL does not catch up with the writers: it is {lag} behind after {entries}"))
        .hint(format!("ask again when less is written, or allow more than {most} with --max-lag"))
}

pub fn moved(why: &str) -> Error {
    Error::refused(why).hint("the replicator sees to it by itself; `crossfade status` shows when it is in sync again")
}

#[cfg(test)]
mod tests {
    use super::Shrinking;

    fn rounds(left: impl IntoIterator<Item = u64>) -> usize {
        let mut shrinking = Shrinking::to(500);
        left.into_iter().take_while(|left| shrinking.goes_on(*left)).count()
    }

    #[test]
    fn rounds_end_when_little_is_left_or_nothing_is_gained() {
        assert_eq!(rounds([500]), 0);
        assert_eq!(rounds([200_000, 20_000, 2_000, 400]), 3);
        assert_eq!(rounds([200_000, 20_000, 60_000, 10_000, 300]), 4, "a burst");
        assert_eq!(rounds([20_000, 19_000, 18_000, 1_000]), 2, "no gain");
        assert_eq!(rounds([u64::MAX; 9]), 1, "the writers are faster");
        let halves = std::iter::successors(Some(u64::MAX), |left| Some(left - left / 3));
        assert!(rounds(halves) < 100, "an end in any case");
    }
}
