//! Verify of what changed since the last verify that stands: before the fence of a switch, and once more while it holds
//!
//! What the application wrote on SQLite is in SQLite's change log behind that verify; what reverse cycles wrote there is in
//! `crossfade.touched`. Everything else was compared then, and nobody has written it since. However much there is, it is
//! compared in pieces that fit in memory, each of which stands for itself; what is in flight is left to the next one (see
//! [`Verdict::stands`]).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::Connection;
use tokio_postgres::Client;

use super::TableCheck;
use super::aside::Aside;
use super::held::Held;
use super::verdict::{Run, TableVerdict, Verdict, standing};
use super::views::Keys;
use crate::engine::job::{Context, Job};
use crate::error::Result;
use crate::failpoint::changed_keys;
use crate::model::key::KeyRef;
use crate::model::plan::Plan;
use crate::model::schema::quote_identifier;
use crate::postgres::connect::classify;
use crate::postgres::copy::relation;
use crate::postgres::existing::of_source;
use crate::postgres::touched;
use crate::sqlite::change_log;
use crate::sqlite::connection::{classify as classify_source, in_read_view, open_reader};
use crate::sqlite::utf16::is_utf16;

/// Keys that are held in memory, and compared, at once
const CHANGED_MAX: usize = 200_000;

/// Rows that are counted on both sides, over all tables: the fence holds while this goes on
const COUNTED_MAX: i64 = 200_000;

/// How far back it is known what changed
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Since a verify with so many entries behind it
    Since(u64),
    /// No verify stands: none of everything was clean, or a repair came since, or rows are in the quarantine
    Nothing,
    /// The log was trimmed past the verify that stands
    Trimmed,
}

/// How far back it is known what changed, without comparing anything
pub async fn known(client: &Client, source: &Path) -> Result<Known> {
    known_on(client, &open_reader(source)?).await
}

async fn known_on(client: &Client, source: &Connection) -> Result<Known> {
    let Some(standing) = standing(client).await? else { return Ok(Known::Nothing) };
    let entries = in_read_view(source, |source| entries_behind(source, standing.through_seq))?;
    Ok(entries.map_or(Known::Trimmed, Known::Since))
}

/// Compares all that changed since the last verify that stands; each piece is stored as a run. `None` if it is not known
/// what changed
pub fn verify_changed(job: &Job) -> Result<Option<Verdict>> {
    Changes::open(job)?.all(&|| Ok(()))
}

/// What one piece came to
pub struct Piece {
    pub verdict: Verdict,
    /// It came to the head of the log
    pub is_last: bool,
}

/// Connections of our own for comparing what changed, on any thread: the job's is driven by another runtime, and may be in a
/// transaction
pub struct Changes {
    context: Context,
    plan: Plan,
    /// PostgreSQL is the primary
    in_reverse: bool,
    client: Client,
    source: Connection,
}

/// The keys to compare, by table number, and where they end
struct Changed {
    keys: HashMap<i64, Keys>,
    /// Every entry up to this one is among them
    through_seq: i64,
    /// So is what reverse cycles have noted up to this one
    through_cycle: i64,
    is_last: bool,
}

impl Changes {
    pub fn open(job: &Job) -> Result<Changes> {
        let (context, plan, in_reverse) = (job.context.clone(), job.plan.clone(), job.phase.is_reverse());
        let client = context.runtime.block_on(context.target.connect("crossfade verify"))?;
        let source = open_reader(job.source())?;
        Ok(Changes { context, plan, in_reverse, client, source })
    }

    /// As [`known`]
    pub fn known(&self) -> Result<Known> {
        self.context.runtime.block_on(known_on(&self.client, &self.source))
    }

    /// As [`verify_changed`], asking before each piece whether it is still wanted
    pub fn all(&self, wanted: &dyn Fn() -> Result<()>) -> Result<Option<Verdict>> {
        let mut sum: Option<Verdict> = None;
        loop {
            wanted()?;
            let Some(Piece { verdict, is_last }) = self.piece()? else { return Ok(None) };
            let (stands, before) = (verdict.stands(), sum.as_ref().map(|sum| sum.through_seq));
            // Not further than the one before: no cycle brings what is in flight while we wait for it here.
            let is_stuck = before == Some(verdict.through_seq);
            let verdict = match sum {
                Some(sum) => sum.and(verdict),
                None => verdict,
            };
            if is_last || verdict.mismatches > 0 || is_stuck && verdict.in_flight > 0 {
                return Ok(Some(verdict));
            }
            if !stands || is_stuck {
                return Ok(None);
            }
            sum = Some(verdict);
        }
    }

    /// Compares the oldest changes, as many as are held at once; the tail may go on meanwhile
    pub fn piece(&self) -> Result<Option<Piece>> {
        let (context, runtime, plan) = (&self.context, &self.context.runtime, &self.plan);
        let run = runtime.block_on(Run::begin(&self.client, true))?;
        let Some(mut changed) = self.changed()? else { return Ok(None) };
        let counted = runtime.block_on(counted(&self.client, plan))?;
        let all = changed.keys.values().map(|keys| keys.len() as u64).sum();
        let stage = context.reporter.stage("verify changes", "rows", all);
        let mut verdict = Verdict::new();
        // Not behind what was asked for: what came between then and the views is the next piece's.
        (verdict.through_seq, verdict.through_cycle) = (changed.through_seq, changed.through_cycle);
        for table in &plan.tables {
            context.stop.check()?;
            let (client, source, stage, in_reverse) = (&self.client, &self.source, &stage, self.in_reverse);
            let check = TableCheck { context, client, source, in_slices: false, in_reverse, plan, table, stage };
            let keys = changed.keys.remove(&table.id).unwrap_or_default();
            let mut found = TableVerdict::new(table);
            let is_counted = counted.contains(&table.id);
            if keys.is_empty() && !is_counted {
                verdict.tables.push(found);
                continue;
            }
            stage.add(keys.len() as u64, 0);
            let through = check.in_views(|through, aside| {
                check.compare_changed(keys, &aside, is_counted, &mut found)?;
                Ok(through)
            })?;
            verdict.unlogged += u64::from(found.is_unseen);
            verdict.add(found, through);
        }
        verdict.replicator_running = true;
        runtime.block_on(run.store(&self.client, &mut verdict))?;
        Ok(Some(Piece { verdict, is_last: changed.is_last }))
    }

    /// The keys that changed since the last verify that stands
    fn changed(&self) -> Result<Option<Changed>> {
        let (runtime, client, plan) = (&self.context.runtime, &self.client, &self.plan);
        let Some(standing) = runtime.block_on(standing(client))? else { return Ok(None) };
        // Before what is noted is read, so that nothing that is noted meanwhile counts as seen.
        let row = runtime.block_on(client.query_one("select cycle from crossfade.reverse", &[]));
        let through_cycle = row.map_err(|e| classify(e, "read how far SQLite follows"))?.get(0);
        let noted = runtime.block_on(touched::keys(client))?;
        let logged = in_read_view(&self.source, |source| logged_behind(plan, source, standing.through_seq))?;
        let Some(mut changed) = logged else { return Ok(None) };
        // A row with NULL in its key is in the quarantine, and is compared with what is there.
        for (table, key) in noted.into_iter().filter(|(_, key)| !KeyRef(key).has_null()) {
            changed.keys.entry(table).or_default().insert(key);
        }
        Ok(Some(Changed { through_cycle, ..changed }))
    }
}

/// Entries behind this number in the view that is open; `None` if the log does not reach back that far
fn entries_behind(source: &Connection, seq: i64) -> Result<Option<u64>> {
    let first = source.query_row("SELECT min(seq) FROM _crossfade_log", [], |row| row.get::<_, Option<i64>>(0));
    let first = first.map_err(|e| classify_source(e, "read the change log"))?;
    let head = change_log::head(source)?.seq;
    Ok((first.is_some_and(|first| first <= seq + 1) && head >= seq).then_some((head - seq).max(0) as u64))
}

/// The keys of SQLite's change log behind this number, the oldest first, as many as are held at once; `None` if it does
/// not reach back that far
fn logged_behind(plan: &Plan, source: &Connection, seq: i64) -> Result<Option<Changed>> {
    let failed = |e| classify_source(e, "read the change log");
    if entries_behind(source, seq)?.is_none() {
        return Ok(None);
    }
    let most = changed_keys(CHANGED_MAX);
    let width = plan.tables.iter().map(|table| table.key.parts.len()).max().unwrap_or(1);
    let utf16 = plan.tables.first().is_some_and(is_utf16);
    let mut statement = source.prepare_cached(&change_log::tail_sql(width, utf16)).map_err(failed)?;
    let mut rows = statement.query([seq]).map_err(failed)?;
    let mut changed = Changed { keys: HashMap::new(), through_seq: seq, through_cycle: i64::MAX, is_last: true };
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        if count >= most {
            changed.is_last = false;
            break;
        }
        changed.through_seq = row.get(width + 1).map_err(failed)?;
        let Some(table) = plan.table(row.get(0).map_err(failed)?) else { continue };
        let key = change_log::key_of_entry(row, width, table);
        if !KeyRef(&key).has_null() {
            count += usize::from(changed.keys.entry(table.id).or_default().insert(key));
        }
    }
    Ok(Some(changed))
}

/// The tables whose rows are counted: the small ones, as many as can be counted within a moment
async fn counted(client: &Client, plan: &Plan) -> Result<HashSet<i64>> {
    let relations: Vec<String> = plan.tables.iter().map(|table| relation(plan, table)).collect();
    let sql = "select greatest(c.reltuples, 0)::int8, t.place from unnest($1::text[]) with ordinality t(name, place) \
               join pg_class c on c.oid = to_regclass(t.name) order by 1, 2";
    let rows = client.query(sql, &[&relations]).await.map_err(|e| classify(e, "ask how large the tables are"))?;
    let (mut sum, mut chosen) = (0, HashSet::new());
    for row in rows {
        sum += row.get::<_, i64>(0);
        if sum > COUNTED_MAX {
            break;
        }
        chosen.insert(plan.tables[row.get::<_, i64>(1) as usize - 1].id);
    }
    Ok(chosen)
}

impl TableCheck<'_> {
    /// Compares these keys, and how many rows the two sides have
    fn compare_changed(
        &self,
        keys: Keys,
        aside: &Aside<'_>,
        is_counted: bool,
        verdict: &mut TableVerdict,
    ) -> Result<()> {
        let (later, now): (Keys, Keys) = keys.into_iter().partition(|key| aside.is_whole || aside.holds(key));
        let held = self.held()?;
        verdict.in_flight += later.len() as u64 + u64::from(aside.is_whole);
        verdict.is_unseen = aside.is_whole;
        verdict.quarantined += held.count() + aside.noted.len() as u64;
        self.compare_keys(&now, aside, &held, verdict)?;
        let is_settled = aside.keys().is_empty() && aside.noted.is_empty() && !aside.is_whole;
        if is_counted && is_settled { self.compare_counts(&held, verdict) } else { Ok(()) }
    }

    fn compare_counts(&self, held: &Held, verdict: &mut TableVerdict) -> Result<()> {
        let only = of_source(self.table).map(|condition| format!(" where {condition}")).unwrap_or_default();
        let sql = format!("select count(*) from {} t{only}", relation(self.plan, self.table));
        let there = self.context.runtime.block_on(self.client.query_one(&sql, &[]));
        let there: i64 =
            there.map_err(|e| classify(e, &format!("count rows of table `{}`", self.table.target_name)))?.get(0);
        let sql = format!("SELECT count(*) FROM {}", quote_identifier(&self.table.source.name));
        let here: i64 = self
            .source
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|e| classify_source(e, &format!("count rows of table `{}`", self.table.source.name)))?;
        if here - held.count() as i64 != there {
            verdict.mismatches += 1;
            verdict.at_least = true;
            verdict.keys.push(format!("{here} rows on sqlite, {there} on postgres"));
        }
        Ok(())
    }
}
