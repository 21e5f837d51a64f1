//! The verify inside a switch: only what changed since the last clean verify, and nothing where that is not known

use std::sync::Arc;

use clap::Parser;
use crossfade::cli::args::{Arguments, RunOptions, Verb};
use crossfade::engine::job::Job;
use crossfade::engine::verify::Verdict;
use crossfade::engine::verify::changed::verify_changed;
use crossfade::observe::progress::Reporter;
use crossfade::postgres::apply::Applier;
use crossfade::postgres::change_log::LogView;
use crossfade::postgres::connect::Target;
use crossfade::postgres::{control, touched};
use tokio::runtime::Builder;

use super::{SHOP, bring, shop};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, wait_until};
use crate::support::scene::run;
use crate::support::source::{self, Workplace};

/// As inside a switch, while nobody writes
fn changed(pair: &Pair) -> Option<Verdict> {
    let shared = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let source = pair.source.to_str().expect("a path");
    let arguments = Arguments::try_parse_from(["crossfade", "status", "--source", source, "--target", &pair.target]);
    let Ok(Arguments { verb: Verb::Status { pair, .. } }) = arguments else { panic!("arguments of status") };
    let context = pair.resolve(RunOptions::default(), Reporter::quiet(), &shared).expect("a context");
    let own = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let job = own.block_on(async {
        let client = context.target.connect("a test").await.expect("a connection");
        let state = control::load(&client).await.expect("the state").expect("a migration");
        let checkpoint = control::checkpoint(&client).await.expect("the checkpoint");
        let applier = Applier::new(client, &state.plan, 0).await.expect("an applier");
        (context, state, checkpoint, applier)
    });
    let (context, state, checkpoint, applier) = job;
    verify_changed(&Job::new(context, Arc::new(own), state, checkpoint, applier)).expect("a verify")
}

fn compared(pair: &Pair) -> Option<(u64, u64)> {
    changed(pair).map(|verdict| (verdict.rows_compared, verdict.mismatches))
}

#[test]
fn forward_only_what_was_logged_since_is_compared() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    pair.migrate();
    assert_eq!(compared(&pair), None, "nothing was ever verified");
    pair.verb("verify").args(&["--table", "tag"]).run().expect_code(0);
    assert_eq!(compared(&pair), None, "one table is not all");
    pair.verify();
    assert_eq!(compared(&pair), Some((0, 0)));
    run(
        &pair,
        "UPDATE item SET price = 1 WHERE id <= 5; DELETE FROM tag WHERE k = 'a'; INSERT INTO tag VALUES('n', 1)",
    );
    pair.migrate();
    assert_eq!(compared(&pair), Some((6, 0)), "the deleted key is missing on both sides");
    run(&pair, "UPDATE item SET price = 2 WHERE id <= 5; DELETE FROM tag WHERE k = 'b'");
    pair.migrate();
    let target = Pg::connect(&pair.target);
    target.execute(
        "SET session_replication_role = replica; UPDATE item SET name = 'x' WHERE id = 3; \
                    INSERT INTO tag VALUES ('b', 2)",
    );
    let verdict = changed(&pair).expect("a verdict");
    // The row count of `tag` differs as well.
    assert_eq!((verdict.tables[0].mismatches, verdict.mismatches), (1, 3), "{verdict:?}");
    target.execute("UPDATE item SET name = 'item 3' WHERE id = 3; DELETE FROM tag WHERE k = 'b'");
    assert_eq!(compared(&pair), Some((5, 0)), "a run that found something is no base");
    // A row that nobody has logged is missing: the counts say so.
    target.execute("DELETE FROM item WHERE id = 200");
    assert_eq!(compared(&pair), Some((0, 1)));
}

/// Keys in flight are compared by the next run, and all that was compared need not be: neither more nor less
#[test]
fn forward_what_was_in_flight_is_compared_by_the_next_run() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    pair.migrate();
    pair.verify();
    run(&pair, "UPDATE item SET price = 1 WHERE id <= 5");
    pair.migrate();
    run(&pair, "UPDATE item SET price = 2 WHERE id BETWEEN 4 AND 8");
    let verdict = changed(&pair).expect("a verdict");
    assert_eq!((verdict.rows_compared, verdict.in_flight, verdict.mismatches), (3, 5, 0), "{verdict:?}");
    let verdict = changed(&pair).expect("a verdict");
    assert_eq!((verdict.rows_compared, verdict.in_flight), (0, 5), "they are still on their way: {verdict:?}");
    pair.migrate();
    let target = Pg::connect(&pair.target);
    let stray = "SET session_replication_role = replica; UPDATE item SET name = 'stray' WHERE id = ";
    // 6 was in flight only; 4 had been compared before it changed again.
    for id in [6, 4] {
        target.execute(&format!("{stray}{id}"));
        assert_eq!(compared(&pair), Some((5, 1)));
        target.execute(&format!("UPDATE item SET name = 'item {id}' WHERE id = {id}"));
    }
    assert_eq!(compared(&pair), Some((5, 0)));
    assert_eq!(compared(&pair), Some((0, 0)));
}

/// The same while PostgreSQL is the primary: what its log has arrives with a later cycle than the run has seen
#[test]
fn in_reverse_what_was_in_flight_is_compared_by_the_next_run() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    pair.verify();
    target.execute("UPDATE item SET price = 1 WHERE id <= 5");
    pair.bring_back();
    target.execute("UPDATE item SET price = 2 WHERE id BETWEEN 4 AND 8");
    let verdict = changed(&pair).expect("a verdict");
    assert_eq!((verdict.rows_compared, verdict.in_flight, verdict.mismatches), (3, 2, 0), "{verdict:?}");
    pair.bring_back();
    let stray = source::open(&pair.source);
    stray.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("a setting");
    for id in [4, 8] {
        stray.execute_batch(&format!("UPDATE item SET name = 'stray' WHERE id = {id}")).expect("a stray write");
        assert_eq!(compared(&pair), Some((5, 1)));
        stray.execute_batch(&format!("UPDATE item SET name = 'item {id}' WHERE id = {id}")).expect("a correction");
    }
    assert_eq!(compared(&pair), Some((5, 0)));
    assert_eq!(compared(&pair), Some((0, 0)));
}

#[test]
fn after_a_repair_only_a_verify_of_everything_counts() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(SHOP), fresh_database());
    pair.migrate();
    pair.verify();
    assert_eq!(compared(&pair), Some((0, 0)));
    Pg::connect(&pair.target).execute("UPDATE crossfade.state SET repair_reason = 'a test'");
    pair.migrate();
    assert_eq!(compared(&pair), None);
    pair.verify();
    assert_eq!(compared(&pair), Some((0, 0)));
}

#[test]
fn in_reverse_what_cycles_have_brought_is_compared() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    assert_eq!(compared(&pair), None);
    pair.verify();
    assert_eq!(compared(&pair), Some((0, 0)));
    for sql in ["UPDATE item SET price = 1 WHERE id <= 5", "DELETE FROM tag WHERE k = 'a'; UPDATE tag SET v = 9"] {
        target.execute(sql);
        pair.bring_back();
    }
    target.execute("UPDATE item SET price = 2 WHERE id <= 2");
    pair.bring_back();
    let stray = source::open(&pair.source);
    stray.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("a setting");
    stray
        .execute_batch("UPDATE item SET name = 'stray' WHERE id = 4; UPDATE item SET name = 'unseen' WHERE id = 100")
        .expect("a stray write");
    assert_eq!(compared(&pair), Some((7, 1)));
    stray.execute_batch("UPDATE item SET name = 'item 4' WHERE id = 4").expect("a correction");
    assert_eq!(compared(&pair), Some((7, 0)), "five items and two tags; the deleted one is gone on both sides");
    assert_eq!(compared(&pair), Some((0, 0)), "what was seen is not looked at again");
    pair.verb("verify").run().expect_code(4);
    stray.execute_batch("UPDATE item SET name = 'item 100' WHERE id = 100").expect("a correction");
    // Nobody knows which rows a TRUNCATE has taken.
    bring(&pair, &["TRUNCATE tag"]);
    target.execute("UPDATE item SET price = 3 WHERE id = 9");
    pair.bring_back();
    assert_eq!(compared(&pair), Some((1, 0)), "`bring` has verified everything");
    target.execute("TRUNCATE tag");
    pair.bring_back();
    assert_eq!(compared(&pair), None);
}

/// A verify empties the list of keys that cycles fill: either waits for the other, and neither fails
#[test]
fn i6_a_verify_deletes_nothing_that_a_cycle_is_about_to_write() {
    let (_work, pair) = shop();
    let target = Pg::connect(&pair.target);
    target.execute("UPDATE item SET price = 1 WHERE id IN (5, 6)");
    pair.bring_back();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (client, plan, run_id) = runtime.block_on(async {
        let client = Target::parse(&pair.target).expect("an address").connect("a test").await.expect("a connection");
        let state = control::load(&client).await.expect("the state").expect("a migration");
        let run_id = control::take_over(&client).await.expect("a run");
        (client, state.plan, run_id)
    });
    let view = runtime.block_on(LogView::open(&client, &plan)).expect("a view");
    let item = plan.tables.iter().find(|table| table.target_name == "item").expect("a table").id;
    let noted = runtime.block_on(touched::keys(&client)).expect("the list");
    let keys: Vec<Vec<u8>> = noted.into_iter().map(|(_, key)| key).collect();
    let note = |keys: &[Vec<u8>]| runtime.block_on(touched::note(&client, item, view.cycle + 1, keys));
    // The verify comes by the first of the two before the second.
    note(&keys[1..]).expect("a key that is written once more");
    let mut verify = pair.verb("verify").start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_until("the verify to have compared everything", || {
        verify.exited().is_some() || target.value(waits).as_deref() == Some("1")
    });
    note(&keys[..1]).expect("the other key");
    runtime.block_on(view.finish(run_id)).expect("the end of a cycle");
    verify.wait().expect_code(0);
    assert_eq!(
        target.value("SELECT count(*) FROM crossfade.touched").as_deref(),
        Some("2"),
        "written since the verify"
    );
}
