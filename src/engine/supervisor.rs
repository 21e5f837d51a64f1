//! `run`: one session after the other until the work is done or a failure needs a person
//!
//! A session connects, takes the lock, reads what is stored and goes on from there. A failure that passes by itself
//! (the target restarts, the source is busy) ends the session; after a pause the next one begins. Nothing is carried
//! over in memory, so a retry and a restart of the process are the same thing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::engine::drift::{self, Drift};
use crate::engine::existing;
use crate::engine::fencing;
use crate::engine::finishing;
use crate::engine::foreign_keys;
use crate::engine::indexing::{self, Piece};
use crate::engine::job::{Context, Job};
use crate::engine::planning;
use crate::engine::pulse::{LOOK_INTERVAL, Pulse};
use crate::engine::repair::repair;
use crate::engine::reverse;
use crate::engine::searching::Searching;
use crate::engine::snapshot;
use crate::engine::switch;
use crate::engine::tail::{CycleReport, Tail};
use crate::engine::wave::lock;
use crate::error::{Error, Result};
use crate::model::chunk::Copied;
use crate::model::phase::Phase;
use crate::model::plan::{Mode, Notice};
use crate::model::planner::Request;
use crate::model::words::grouped;
use crate::observe::metrics;
use crate::postgres::apply::Applier;
use crate::postgres::connect::classify;
use crate::postgres::control::{self, Checkpoint, NO_POSITION, State};
use crate::postgres::existing as target;
use crate::postgres::extensions;
use crate::postgres::fence::{self, Pass};
use crate::sqlite::capture;
use crate::sqlite::change_log::{self, PositionLost};
use crate::sqlite::connection::{journal_mode, open_reader, open_writer};

/// A run that has not taken over yet; no run has this number
const NO_RUN: i64 = -1;

/// Pauses between sessions: doubled from the first to the last
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The server may need a moment to notice that the last replicator's connection is gone
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// One wait of the tail; requests of other processes are looked for in between
const TAIL_WAIT: Duration = LOOK_INTERVAL;

/// Runs until stopped, or until in sync if the settings say so
pub fn run(context: &Context) -> Result<()> {
    let mut began = None;
    let mut pause = BACKOFF.0;
    loop {
        let started = Instant::now();
        let error = match session(context, &mut began) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let Some(run_id) = began.filter(|_| !context.stop.is_requested()) else {
            // Not this process's migration (another replicator runs it), or nothing to report: the state is not ours.
            return Err(error);
        };
        store_error(context, run_id, &error);
        if !error.is_transient() {
            return Err(error);
        }
        metrics::retry();
        if started.elapsed() > BACKOFF.1 * 2 {
            pause = BACKOFF.0;
        }
        context.reporter.line(&format!("waiting: {}; trying again in {:.1} s", error.summary(), pause.as_secs_f64()));
        rest(context, pause)?;
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// Best effort: when the target itself is away there is nowhere to write to
fn store_error(context: &Context, run_id: i64, error: &Error) {
    let _ = context.runtime.block_on(async {
        let client = context.target.connect("crossfade error").await?;
        match control::load(&client).await? {
            Some(_) => control::store_error(&client, run_id, Some(error)).await,
            None => Ok(()),
        }
    });
}

fn rest(context: &Context, pause: Duration) -> Result<()> {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        context.stop.check()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn session(context: &Context, began: &mut Option<i64>) -> Result<()> {
    let mut job = begin(context, began)?;
    job.wait(control::store_error(job.applier.client(), job.applier.run_id(), None))?;
    if job.phase <= Phase::Capturing {
        install_capture(&mut job)?;
    }
    let connection = open_reader(job.source())?;
    drift::check_identity(&connection, &job.source_id)?;
    drop(connection);
    if job.phase == Phase::Snapshotting {
        take_snapshot(&mut job)?;
    }
    job.copied = job.plan.tables.iter().map(|t| (t.id, Copied::All)).collect();
    let mut searching = Searching::new(&job)?;
    if job.phase == Phase::Indexing {
        searching.fill(&mut job, catch_up)?;
        build_indexes(&mut job)?;
    }
    follow_primary(&mut job, &mut searching)
}

/// Follows whichever side is the primary, and the other one when that changes
fn follow_primary(job: &mut Job, searching: &mut Searching) -> Result<()> {
    loop {
        switch::recover(job)?;
        let phase = job.phase;
        match phase {
            Phase::Reversed => {
                reverse::follow(job)?;
                // What was known of the search tables is of the time before.
                *searching = Searching::new(job)?;
            }
            _ => {
                foreign_keys::drop_where_they_act(job)?;
                follow(job, searching)?;
            }
        }
        // A switch has ended; otherwise there is nothing left to do.
        if job.phase == phase {
            return Ok(());
        }
    }
}

/// Connects, takes the lock and reads the stored migration, or stores a new one
fn begin(context: &Context, began: &mut Option<i64>) -> Result<Job> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::internal("cannot start the supervisor's runtime").caused_by(e))?;
    let mut client = runtime.block_on(context.target.connect("crossfade"))?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    while !runtime.block_on(control::try_lock(&client))? {
        if Instant::now() > deadline {
            let refused = runtime.block_on(control::lock(&client));
            // Our own old connection may still be known to the server after a network failure.
            refused.map_err(|e| if began.is_some() { e.transient() } else { e })?;
            break;
        }
        rest(context, Duration::from_millis(50))?;
    }
    let mut state = match runtime.block_on(control::load(&client))? {
        Some(mut state) => {
            planning::refuse_other_choices(&state.plan, &context.settings)?;
            existing::follow_target(&runtime, &mut client, &mut state.plan)?;
            state
        }
        None => initialise(context, &runtime, &mut client)?,
    };
    // From here on a failure that passes is waited out: the migration stands, and this process is its replicator.
    *began = began.or(Some(NO_RUN));
    let run_id = runtime.block_on(control::take_over(&client))?;
    *began = Some(run_id);
    // Until that moment an earlier run could still go on, up to the point of no return of a switch: only what is read
    // behind it counts (I8).
    if let Some(now) = runtime.block_on(control::load(&client))? {
        (state.phase, state.schema_version, state.repair_reason) = (now.phase, now.schema_version, now.repair_reason);
    }
    let checkpoint = runtime.block_on(control::checkpoint(&client))?;
    runtime.block_on(fence::pass(&client, &state.source_id))?;
    runtime.block_on(fencing::settle(&mut client, context, &state, run_id))?;
    let applier = runtime.block_on(Applier::new(client, &state.plan, run_id))?;
    Ok(Job::new(context.clone(), Arc::new(runtime), state, checkpoint, applier))
}

/// A new migration: make the plan, and store it if nothing stands in the way
fn initialise(context: &Context, runtime: &Runtime, client: &mut tokio_postgres::Client) -> Result<State> {
    let source = &context.settings.source;
    planning::source_is_free(source)?;
    let schema = runtime.block_on(control::current_schema(client))?;
    let offer = runtime.block_on(extensions::offer(client))?;
    let choices = &context.settings.choices;
    let target = runtime.block_on(planning::read_target(client, &schema, choices))?;
    let request = Request { target_schema: &schema, choices, offer: &offer };
    let sample = context.settings.sample;
    let mut plan = planning::plan_for(source, &request, target.as_ref(), sample, &context.reporter)?.plan;
    runtime.block_on(planning::settle_computed(client, &mut plan))?;
    runtime.block_on(planning::settle_way(client, &mut plan))?;
    let obstacles = runtime.block_on(planning::obstacles(client, &plan))?;
    plan.refusals.extend(obstacles);
    planning::refuse(&plan.refusals)?;
    for warning in &plan.warnings {
        context.reporter.line(&format!("warning: {}: {}", warning.object, warning.message));
    }
    let row = runtime
        .block_on(client.query_one("select replace(gen_random_uuid()::text, '-', '')", &[]))
        .map_err(|e| classify(e, "make an identity for the migration"))?;
    let state = State {
        source_id: row.get(0),
        source_path: source.canonicalize().unwrap_or_else(|_| source.clone()).display().to_string(),
        phase: Phase::Planned,
        plan,
        log_limit: context.settings.log_limit,
        schema_version: None,
        repair_reason: None,
    };
    runtime.block_on(control::initialise(client, &state))?;
    Ok(state)
}

/// I2: capture is complete, and its position stored, before the first chunk is read
fn install_capture(job: &mut Job) -> Result<()> {
    existing::check(job)?;
    job.enter(Phase::Capturing)?;
    crate::failpoint::hit("capture.before_install");
    let mut source = open_writer(job.source())?;
    if journal_mode(&source)? != "wal" {
        job.context.reporter.line(
            "note: the source is not in WAL mode, so reads and the application's writes wait for each other; \
             `PRAGMA journal_mode=WAL` on the source avoids it",
        );
    }
    let installed = capture::install(&mut source, &job.plan, job.log_limit, &job.source_id)?;
    drop(source);
    crate::failpoint::hit("capture.after_install");
    // The head may be later than the install (after a crash in between); that is as good, as no chunk is read yet.
    let checkpoint = Checkpoint { seq: installed.seq, nonce: installed.nonce, consistent: false };
    let run_id = job.applier.run_id();
    let (runtime, plan, settings) = (job.runtime.clone(), installed.plan.clone(), job.context.settings.clone());
    runtime.block_on(async {
        let failed = |e| classify(e, "store the position of capture");
        let transaction = job.applier.client_mut().transaction().await.map_err(failed)?;
        control::reset_checkpoint(&transaction, run_id, checkpoint).await?;
        control::set_proven(&transaction, installed.schema_version, &plan).await?;
        if plan.mode == Mode::Existing {
            target::prepare(&transaction, &plan).await?;
            fencing::put_all(&transaction, &settings, &plan).await?;
            crate::failpoint::hit("existing.prepared");
        }
        control::set_phase(&transaction, Phase::Snapshotting).await?;
        transaction.commit().await.map_err(failed)
    })?;
    job.checkpoint = checkpoint;
    job.schema_version = Some(installed.schema_version);
    job.phase = Phase::Snapshotting;
    job.plan = installed.plan;
    job.context.reporter.line(&format!("capture installed on {} tables", job.plan.tables.len()));
    Ok(())
}

fn start_tail(job: &Job) -> Result<Tail> {
    Tail::start(job.source().clone(), job.plan.clone(), job.context.stop.clone())
}

/// Waves of chunks with a cycle of the tail after each, until the target is an image of the source
fn take_snapshot(job: &mut Job) -> Result<()> {
    if job.checkpoint.seq == NO_POSITION {
        return Err(Error::internal("the snapshot begins without a position"));
    }
    let stored = job.wait(control::tables(job.applier.client()))?;
    let total: u64 = job.plan.tables.iter().map(|t| t.row_count).sum();
    let stage = job.context.reporter.stage("copy", "rows", total);
    stage.resume(stored.iter().map(|t| t.rows_copied as u64).sum());
    existing::look(job)?;
    loop {
        snapshot::run_wave(job, &stage)?;
        catch_up(job)?;
        if job.all_copied() {
            break;
        }
    }
    stage.finish();
    if let Some(reason) = job.repair_reason.clone() {
        mend(job, &reason)?;
    } else if !job.checkpoint.consistent {
        let checkpoint = Checkpoint { consistent: true, ..job.checkpoint };
        job.wait(control::reset_checkpoint(job.applier.client(), job.applier.run_id(), checkpoint))?;
        job.checkpoint = checkpoint;
    }
    job.enter(Phase::Indexing)
}

/// Brings the target to the head as it is now. Where changes were missed there is nothing to catch up from: that is
/// noted, the copy goes on, and the tables are compared at its end
fn catch_up(job: &mut Job) -> Result<()> {
    let mut tail = start_tail(job)?;
    while job.repair_reason.is_none() {
        match tail.cycle(job, Duration::ZERO)? {
            CycleReport::Applied { .. } | CycleReport::InSync if !job.left_out => break,
            CycleReport::Applied { .. } | CycleReport::InSync => {}
            CycleReport::Lost(lost) => drift::need_repair(job, lost_text(lost))?,
            CycleReport::SchemaMoved(_) => {
                drift::settle(job)?;
                tail = start_tail(job)?;
            }
        }
    }
    Ok(())
}

/// Indexes, foreign keys and statistics, with the tail in between
fn build_indexes(job: &mut Job) -> Result<()> {
    let plan = job.plan.clone();
    if plan.mode == Mode::Existing {
        build_all(job, "analyze", "tables", indexing::analyze_pieces(&plan))?;
        existing::finish_copy(job)?;
        return job.enter(Phase::Following);
    }
    build_all(job, "indexes", "indexes", indexing::index_pieces(&plan))?;
    job.wait(indexing::add_checks(job.applier.client(), &job.plan))?;
    build_all(job, "conditions", "checks", indexing::check_pieces(&plan))?;
    let keys: usize = plan.tables.iter().map(|t| t.foreign_keys.len()).sum();
    if keys > 0 && job.wait(fence::way(job.applier.client()))? == Pass::ReplicaRole {
        job.wait(foreign_keys::add(job.applier.client(), &plan))?;
        build_all(job, "foreign keys", "keys", indexing::validate_pieces(&plan))?;
    } else if keys > 0 {
        let notice = Notice {
            object: "foreign keys".into(),
            message: format!(
                "{keys} foreign keys are created by the cutover only: the role may not set session_replication_role, and \
                 they would act on replicated rows"
            ),
            remedy: Some("an administrator can `grant set on parameter session_replication_role` to the role".into()),
        };
        job.context.reporter.line(&notice.message);
        job.wait(control::note(job.applier.client(), &notice))?;
    }
    build_all(job, "analyze", "tables", indexing::analyze_pieces(&plan))?;
    job.wait(finishing::create_views(job.applier.client(), &plan))?;
    job.enter(Phase::Following)
}

fn build_all(job: &mut Job, label: &str, unit: &'static str, pieces: Vec<Piece<'_>>) -> Result<()> {
    if pieces.is_empty() {
        return Ok(());
    }
    let plan = job.plan.clone();
    let stage = job.context.reporter.stage(label, unit, pieces.len() as u64);
    let pieces = Mutex::new(pieces);
    while !lock(&pieces).is_empty() {
        indexing::run_wave(job, &plan, &pieces, &stage)?;
        // A long build lets the change log grow; what is missed here is found when following begins.
        catch_up(job)?;
        // An index that the source or a value has cost meanwhile must not be built after all.
        lock(&pieces).retain(|piece| piece.is_planned(&job.plan));
    }
    stage.finish();
    Ok(())
}

/// Follows the source until asked to stop
fn follow(job: &mut Job, searching: &mut Searching) -> Result<()> {
    let mut tail = start_tail(job)?;
    let mut pulse = Pulse::new();
    let mut fence = fencing::Watch::new();
    if let Some(reason) = job.repair_reason.clone() {
        mend(job, &reason)?;
    }
    finishing::advance_sequences(job)?;
    job.context.reporter.line("following; stop with Ctrl-C, the state is kept");
    loop {
        job.context.stop.check()?;
        if existing::look_at_limits(job)? {
            tail = start_tail(job)?;
        }
        let until = job.context.settings.until_in_sync;
        let wait = if pulse.was_in_sync { searching.patience(TAIL_WAIT) } else { Duration::ZERO };
        match tail.cycle(job, wait)? {
            CycleReport::Applied { entries, .. } => {
                let in_sync = until && is_at_head(job)? && searching.has_settled(job)?;
                pulse.applied(job, entries)?;
                if in_sync {
                    return in_sync_now(job, &mut pulse);
                }
                searching.step(job, false)?;
            }
            CycleReport::InSync => {
                pulse.in_sync(job)?;
                if until && searching.has_settled(job)? {
                    return in_sync_now(job, &mut pulse);
                }
                searching.step(job, true)?;
            }
            CycleReport::Lost(lost) => {
                mend(job, lost_text(lost))?;
                tail = start_tail(job)?;
            }
            CycleReport::SchemaMoved(_) => {
                if drift::settle(job)? == Drift::Repair {
                    mend(job, drift::REASON)?;
                }
                tail = start_tail(job)?;
            }
        }
        fence.look(job)?;
        if pulse.proof_is_due() && drift::settle(job)? == Drift::Repair {
            mend(job, drift::REASON)?;
            tail = start_tail(job)?;
        }
        if switch::serve(job)? && job.phase != Phase::Following {
            return Ok(());
        }
    }
}

fn lost_text(lost: PositionLost) -> &'static str {
    match lost {
        PositionLost::Overflow => "the change log trimmed itself before everything was applied",
        PositionLost::Forked => "the source is not the one that was followed: it was restored or rolled back",
    }
}

/// Repairs by comparison; afterwards the reader proves the schema again by itself
fn mend(job: &mut Job, reason: &str) -> Result<()> {
    repair(job, reason)?;
    job.repair_reason = None;
    Ok(())
}

fn is_at_head(job: &Job) -> Result<bool> {
    let source = open_reader(job.source())?;
    Ok(change_log::head(&source)?.seq == job.checkpoint.seq)
}

fn in_sync_now(job: &Job, pulse: &mut Pulse) -> Result<()> {
    // The application may turn to the target now; the rows of the last cycles brought numbers with them.
    finishing::advance_sequences(job)?;
    pulse.beat(job, true)?;
    job.context.reporter.line(&format!(
        "in sync at seq {}; capture stays installed, and `crossfade run` goes on from here",
        grouped(job.checkpoint.seq.max(0) as u64)
    ));
    Ok(())
}
