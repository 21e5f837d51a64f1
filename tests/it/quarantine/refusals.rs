//! Rows whose every value fits, and which PostgreSQL refuses all the same: by a constraint, a domain, an index, a page

use super::*;

/// Constraints that somebody put on the target by hand, with one of each kind
const CONSTRAINTS: &str = "
    CREATE DOMAIN short AS text CHECK (length(VALUE) < 200);
    CREATE FUNCTION allowed(name text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN IF name LIKE 'forbidden%' THEN RAISE EXCEPTION 'no %', name; END IF; RETURN true; END $$;
    ALTER TABLE item ALTER COLUMN name TYPE short, ALTER COLUMN photo SET NOT NULL,
        ADD CONSTRAINT cheap CHECK (price < 1000), ADD CONSTRAINT permitted CHECK (allowed(name)),
        ADD CONSTRAINT divided CHECK (100 / (id - 5000) < 1000),
        ADD CONSTRAINT apart EXCLUDE USING btree (price WITH =);
    CREATE UNIQUE INDEX own_qty ON item(qty);
    CREATE INDEX by_photo ON item(photo)";

/// One row for each of them
const REFUSED: &str = "
    UPDATE item SET price = 5000 WHERE id = 1;
    UPDATE item SET name = printf('%0300d', 1) WHERE id = 2;
    UPDATE item SET photo = NULL WHERE id = 3;
    UPDATE item SET qty = 10 WHERE id = 4;
    UPDATE item SET price = 2.5 WHERE id = 5;
    UPDATE item SET photo = randomblob(6000) WHERE id = 6;
    UPDATE item SET name = 'forbidden fruit' WHERE id = 7;
    INSERT INTO item VALUES(5000, 5000, 999.5, 'x', x'01')";

const REASONS: [(i64, &str, &str); 8] = [
    (1, "23514", "it does not meet the CHECK constraint `cheap`"),
    (2, "23514", "a value is outside the domain `short`"),
    (3, "23502", "column `photo` is NOT NULL"),
    (4, "23505", "another row has its value in the unique index `own_qty`"),
    (5, "23P01", "it conflicts with another row by the exclusion constraint `apart`"),
    (6, "54000", "a value is too long for the index `by_photo`"),
    (7, "P0001", "an exception raised by a function or trigger (text withheld, it may hold row values)"),
    (5000, "22012", "division by zero"),
];

const ACCEPTED: &str = "UPDATE item SET qty = id, price = id / 8.0, name = 'good', photo = x'' WHERE id < 8;
                        DELETE FROM item WHERE id = 5000";

/// Every reason is there, and none of the values
fn assert_reasons(pair: &Pair) {
    let target = Pg::connect(&pair.target);
    for (id, code, says) in REASONS {
        let sql = format!("SELECT reason || ' ' || message FROM crossfade.quarantine WHERE key_text = '{id}'");
        let found = target.value(&sql).unwrap_or_else(|| panic!("row {id} is not in the quarantine"));
        assert_eq!(found, format!("server:{code} PostgreSQL refuses the row: {says}"));
    }
}

fn constrained() -> (Workplace, Pair, Running) {
    let (work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    Pg::connect(&pair.target).execute(CONSTRAINTS);
    (work, pair, replicator)
}

#[test]
fn i10_what_the_server_refuses_costs_one_row_and_comes_back() {
    let (_work, pair, mut replicator) = constrained();
    run(&pair, REFUSED);
    settle(&pair, &mut replicator, 8);
    assert_reasons(&pair);
    let list = quarantine(&pair, "list").expect_code(0).stdout;
    assert!(list.contains("item 1: PostgreSQL refuses") && list.contains("item 3: column photo: Postgre"), "{list}");
    assert!(!list.contains("fruit"), "{list}");
    // The stream goes on through these rows, whether they are touched or not.
    run(&pair, "UPDATE item SET name = 'other' WHERE id BETWEEN 5 AND 40; DELETE FROM item WHERE id = 6");
    settle(&pair, &mut replicator, 6);
    replicator.stop();
    run(
        &pair,
        "UPDATE item SET qty = 5 WHERE id = 2; INSERT INTO item VALUES(9, 1, 1, 'x', x''), (6, 6, 0.7, '6', x'')
         ON CONFLICT DO NOTHING; UPDATE tag SET v = 7",
    );
    let mut replicator = pair.replicate(&[]);
    settle(&pair, &mut replicator, 6);
    run(&pair, ACCEPTED);
    arrive_in_time(&pair, replicator);
}

/// Of two rows that exclude each other one is refused. When the other is corrected, the one is not touched; it comes back
/// all the same, with the next cycle or soon after it
#[test]
fn i10_a_row_comes_back_when_the_row_in_its_way_has_gone() {
    let (_work, pair, mut replicator) = constrained();
    run(
        &pair,
        "BEGIN; UPDATE item SET qty = 77 WHERE id IN (5, 2000); UPDATE item SET price = 1.5 WHERE id = 6; COMMIT",
    );
    settle(&pair, &mut replicator, 3);
    run(&pair, "UPDATE item SET qty = 5 WHERE id = 5; UPDATE item SET price = -1 WHERE id = 12");
    wait_until("all but one row to come back", || held::count(&Pg::connect(&pair.target)) == 1);
    replicator.stop();
    // One that is not running notices when it starts.
    Pg::connect(&pair.target).execute("DROP INDEX own_qty");
    let replicator = pair.replicate(&[]);
    arrive_in_time(&pair, replicator);
}

fn arrive_in_time(pair: &Pair, replicator: Running) {
    let target = Pg::connect(&pair.target);
    wait_until("the quarantine to be empty", || held::count(&target) == 0);
    arrive(pair, replicator);
}

/// Swaps of unique values and refusals in one cycle; a unique index that is on both sides, and is taken on the target only
#[test]
fn i10_refusals_in_a_cycle_that_swaps_unique_values() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE slot ADD CONSTRAINT near CHECK (place < 100)");
    run(
        &pair,
        "BEGIN; UPDATE slot SET place = -1 WHERE id = 1; UPDATE slot SET place = 10 WHERE id = 2;
         UPDATE slot SET place = 20 WHERE id = 1; UPDATE slot SET place = 1000 WHERE id = 3;
         INSERT INTO slot VALUES(4, 30), (5, 'nowhere'); COMMIT",
    );
    settle(&pair, &mut replicator, 2);
    // Another writer on the target has taken the value of a row that is about to come.
    Pg::stray(&pair.target).execute("INSERT INTO slot VALUES(77, 77)");
    run(&pair, "INSERT INTO slot VALUES(6, 77); UPDATE tag SET v = 8");
    pair.wait_caught_up(&mut replicator);
    let says = target.value("SELECT message FROM crossfade.quarantine WHERE reason = 'server:23505'").expect("row 6");
    assert!(says.ends_with("another row has its value in the unique index `slot_place`"), "{says}");
    // In two transactions: the replicator tries the waiting row again, and may hold the table while it waits for this one.
    let stray = Pg::stray(&pair.target);
    stray.execute("DELETE FROM slot WHERE id = 77");
    stray.execute("ALTER TABLE slot DROP CONSTRAINT near");
    // The one that waited for another row may have come back by itself already.
    let retried = quarantine(&pair, "retry").expect_code(0).stdout;
    assert!(retried.ends_with(" rows have left the quarantine, 1 are in it\n"), "{retried}");
    run(&pair, "UPDATE slot SET place = id + 100000");
    arrive(&pair, replicator);
}

/// What is checked at COMMIT would take the whole cycle with it
#[test]
fn i10_a_deferred_refusal_costs_one_row() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    Pg::connect(&pair.target).execute(
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN IF new.qty < 0 THEN RAISE EXCEPTION 'negative'; END IF; RETURN new; END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON item DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION late();
         ALTER TABLE item ENABLE ALWAYS TRIGGER late",
    );
    run(&pair, "UPDATE item SET qty = -qty WHERE id IN (5, 900); UPDATE item SET name = 'other' WHERE id > 1500");
    settle(&pair, &mut replicator, 2);
    run(&pair, "UPDATE item SET qty = 1");
    arrive(&pair, replicator);
}

/// When the constraint goes, nothing of the source changes: `retry` brings the rows back; until then verify takes the
/// server's word, but not that a row is in both places
#[test]
fn i10_many_refused_rows_come_back_by_retry() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    let target = Pg::connect(&pair.target);
    target.execute("ALTER TABLE item ADD CONSTRAINT even CHECK (qty % 2 = 0) NOT VALID");
    run(&pair, "UPDATE item SET name = 'new'; UPDATE tag SET v = 9");
    settle(&pair, &mut replicator, 1500);
    assert_eq!(quarantine(&pair, "retry").expect_code(0).stdout, "0 rows have left the quarantine, 1,500 are in it\n");
    target.execute("ALTER TABLE item DROP CONSTRAINT even");
    pair.verify();
    Pg::stray(&pair.target).execute("INSERT INTO item VALUES(7, 7, 0.875, 'new', '\\x00ff')");
    let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
    assert!(verdict["tables"].to_string().contains("7 (in the quarantine, but on postgres too)"), "{verdict}");
    assert_eq!(quarantine(&pair, "retry").expect_code(0).stdout, "1,500 rows have left the quarantine, 0 are in it\n");
    arrive(&pair, replicator);
}

/// 700 texts, which do not fit into one page even when each is stored elsewhere; and short ones, which do
fn wide(long: &str) -> String {
    let columns = (0..700).map(|n| format!("c{n} TEXT")).collect::<Vec<_>>().join(", ");
    let row = |id: &str, value: &str, from: &str| {
        format!("INSERT INTO wide SELECT {id}{}{from}", format!(", {value}").repeat(700))
    };
    let numbers = " FROM n";
    let with = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)";
    format!(
        "CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns}); {with} {};
         UPDATE wide SET {} WHERE id IN ({long})",
        row("i", "'s'", numbers),
        (0..700).map(|n| format!("c{n} = hex(randomblob(40))")).collect::<Vec<_>>().join(", "),
    )
}

#[test]
fn i10_rows_that_fit_on_no_page_are_met_by_the_copy() {
    for options in [&[][..], &["--chunk-bytes", "2048", "--workers", "2"]] {
        let work = Workplace::new();
        let pair = Pair::new(work.database(&wide("1, 30, 31, 60")), fresh_database());
        let mut replicator = pair.replicate(options);
        pair.wait_consistent(&mut replicator);
        settle(&pair, &mut replicator, 4);
        let tables = pair.status()["tables"].as_array().expect("a list of tables").clone();
        assert_eq!(tables[0]["rows_copied"].as_u64(), Some(60), "{tables:?}");
        let target = Pg::connect(&pair.target);
        let says = target.value("SELECT reason || message FROM crossfade.quarantine LIMIT 1").expect("an entry");
        assert!(says.starts_with("server:54000") && says.contains("row is too big"), "{says}");
        run(&pair, "UPDATE wide SET c0 = 'x'; DELETE FROM wide WHERE id = 60");
        settle(&pair, &mut replicator, 3);
        run(
            &pair,
            &format!("UPDATE wide SET {}", (0..700).map(|n| format!("c{n} = 'y'")).collect::<Vec<_>>().join(", ")),
        );
        arrive(&pair, replicator);
    }
}

/// The index of the key is what refuses: in one piece when the key is added, in chunks when all of them are there
#[test]
fn i10_keys_that_are_too_long_for_an_index_are_met_by_the_copy() {
    let tags = "CREATE TABLE tag(k TEXT PRIMARY KEY, v INT);
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                INSERT INTO tag SELECT printf('%050d', i), i FROM n";
    let script = "UPDATE tag SET k = hex(randomblob(4000)) WHERE v = 200; INSERT INTO tag VALUES('z', 'text')";
    for options in [&[][..], &["--chunk-bytes", "32", "--workers", "2"]] {
        let work = Workplace::new();
        let pair = Pair::new(work.database(tags), fresh_database());
        let mut replicator = between_plan_and_capture(&pair, options, script);
        pair.wait_consistent(&mut replicator);
        settle(&pair, &mut replicator, 2);
        let target = Pg::connect(&pair.target);
        let says = target.value("SELECT message FROM crossfade.quarantine WHERE reason = 'server:54000'");
        assert!(says.expect("an entry").contains("too long for the index `tag_pkey`"));
        run(&pair, "UPDATE tag SET k = 'short' WHERE length(k) > 1000; DELETE FROM tag WHERE k = 'z'");
        arrive(&pair, replicator);
    }
}

#[test]
fn i10_a_repair_meets_what_the_server_refuses() {
    let (_work, pair) = shop();
    let limit = ["--log-limit", "1000", "--until", "in-sync"];
    run(&pair, "CREATE INDEX item_name ON item(name)");
    pair.verb("run").args(&limit).run().expect_code(0);
    let target = Pg::connect(&pair.target);
    target.execute(CONSTRAINTS);
    run(&pair, REFUSED);
    pair.verb("run").args(&limit).run().expect_code(0);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 8);
    run(&pair, "UPDATE item SET price = 0.0625 WHERE id = 1; UPDATE item SET price = 7000 WHERE id = 50");
    run(&pair, "UPDATE item SET name = name || '.' WHERE id > 60; UPDATE item SET qty = 99 WHERE id IN (98, 99)");
    let output = pair.verb("run").args(&limit).run().expect_code(0);
    assert!(output.stderr.contains("comparing every table"), "{output}");
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 9);
    pair.verify();
    // An index of ours gives way, as it does in the tail.
    target.execute("ALTER TABLE item ALTER COLUMN name TYPE text");
    run(&pair, "UPDATE item SET name = hex(randomblob(5000)) WHERE id > 1000");
    run(&pair, ACCEPTED);
    run(&pair, "UPDATE item SET price = 50 / 8.0 WHERE id = 50; UPDATE item SET qty = id");
    let output = pair.verb("run").args(&limit).run().expect_code(0);
    assert!(output.stderr.contains("index `item_name` is dropped from the target"), "{output}");
    assert_equal(&pair.source, &pair.target);
    pair.verify();
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn kill_at(pair: &Pair, point: &str, options: &[&str]) {
        let end = pair.verb("run").args(options).env("CROSSFADE_FAILPOINT", point).start().wait();
        assert_eq!(end.status.signal(), Some(libc::SIGKILL), "{point} was not reached\n{end}");
    }

    /// Rows and entries of one moment: all of the cycle, or nothing of it
    #[test]
    fn i3_killed_while_a_cycle_is_done_again_row_by_row() {
        for point in ["careful.rows_written", "quarantine.rows_held", "apply.commit_sent", "apply.committed"] {
            let (_work, pair, replicator) = constrained();
            replicator.stop();
            run(&pair, REFUSED);
            kill_at(&pair, point, &[]);
            let both = "SELECT (SELECT count(*) FROM item) || ' ' || (SELECT count(*) FROM crossfade.quarantine)";
            let both = Pg::connect(&pair.target).value(both).expect("two numbers");
            assert!(["3000 0", "2993 8"].contains(&both.as_str()), "{point}: rows and entries: {both}");
            let mut replicator = pair.replicate(&[]);
            settle(&pair, &mut replicator, 8);
            assert_reasons(&pair);
            run(&pair, ACCEPTED);
            arrive(&pair, replicator);
        }
    }

    /// The first chunks are there, somebody adds a constraint, and the rest comes
    #[test]
    fn i10_a_constraint_that_comes_between_two_chunks() {
        const CHUNKS: [&str; 4] = ["--chunk-bytes", "2048", "--workers", "2"];
        let points =
            ["snapshot.chunk_committed:3", "careful.rows_written", "quarantine.rows_held", "snapshot.progress_stored"];
        let (_work, pair) = shop();
        run(&pair, "UPDATE item SET price = 5000 WHERE id % 100 = 99");
        for (round, point) in points.into_iter().enumerate() {
            kill_at(&pair, point, &CHUNKS);
            if round == 0 {
                let target = Pg::connect(&pair.target);
                target.execute("ALTER TABLE item ADD CONSTRAINT cheap CHECK (price < 1000) NOT VALID");
            }
        }
        let mut replicator = pair.replicate(&CHUNKS);
        pair.wait_consistent(&mut replicator);
        pair.wait_caught_up(&mut replicator);
        let held = assert_equal_or_held(&pair.source, &pair.target);
        assert!((20..30).contains(&held), "{held} rows in the quarantine");
        pair.verify();
        run(&pair, "UPDATE item SET price = id / 8.0");
        arrive(&pair, replicator);
    }

    /// PostgreSQL takes less than 1 GiB in one row; here the limit is 1 MB, so that real rows reach it
    #[test]
    fn i10_rows_that_no_tuple_takes() {
        const LIMIT: (&str, &str) = ("CROSSFADE_ROW_BYTES", "1000000");
        let large = |id: &str| {
            format!("UPDATE item SET name = printf('%0*d', 400000, id), photo = zeroblob(600000) WHERE {id}")
        };
        let settled = |pair: &Pair, replicator: &mut Running, count: u64| {
            pair.wait_caught_up(replicator);
            assert_eq!(assert_equal_or_held(&pair.source, &pair.target), count);
            let verdict = pair.verb("verify").arg("--json").env(LIMIT.0, LIMIT.1).run().expect_code(0).json();
            assert_eq!(verdict["quarantined"].as_u64(), Some(count), "{verdict}");
        };
        for options in [&[][..], &["--chunk-bytes", "2048", "--workers", "2"]] {
            let (_work, pair) = shop();
            let options = [options, &["--log-limit", "1000"]].concat();
            let command = || pair.verb("run").args(&options).env(LIMIT.0, LIMIT.1);
            let mut replicator = between_plan_and_capture_of(&pair, command(), &large("id IN (3, 700)"));
            pair.wait_consistent(&mut replicator);
            settled(&pair, &mut replicator, 2);
            // The other values of these rows are short enough; and a long row goes alone in its message.
            run(&pair, &format!("{}; UPDATE item SET name = 'short' WHERE id = 3", large("id = 4")));
            run(&pair, "UPDATE item SET photo = zeroblob(20000000), name = NULL WHERE id IN (40, 60)");
            settled(&pair, &mut replicator, 4);
            let target = Pg::connect(&pair.target);
            let says = target.value("SELECT column_name || reason || message FROM crossfade.quarantine LIMIT 1");
            assert_eq!(says.as_deref(), Some("lengtha row of 1 GiB or more"));
            replicator.stop();
            // Without the limit the rows fit, and verify says so.
            let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
            assert!(
                verdict["tables"].to_string().contains("40 (in the quarantine, but postgres can hold it)"),
                "{verdict}"
            );
            run(&pair, "UPDATE item SET price = price + 1; UPDATE tag SET v = 12");
            let mut replicator = command().start();
            pair.wait_caught_up(&mut replicator);
            settled(&pair, &mut replicator, 4);
            replicator.stop();
            run(&pair, "UPDATE item SET price = price + 1 WHERE id < 100");
            let replicator = pair.replicate(&[]);
            run(&pair, "UPDATE item SET photo = NULL WHERE id = 700");
            arrive(&pair, replicator);
        }
    }

    #[test]
    fn i3_killed_while_a_table_is_copied_again_row_by_row() {
        for point in ["careful.rows_written", "quarantine.rows_held", "snapshot.chunk_committed"] {
            let work = Workplace::new();
            let pair = Pair::new(work.database(&wide("7, 8")), fresh_database());
            kill_at(&pair, point, &[]);
            let mut replicator = pair.replicate(&[]);
            pair.wait_consistent(&mut replicator);
            settle(&pair, &mut replicator, 2);
            run(&pair, "DELETE FROM wide WHERE id IN (7, 8)");
            arrive(&pair, replicator);
        }
    }
}

fn quarantine(pair: &Pair, verb: &str) -> crate::support::process::Output {
    let command = crate::support::process::Cli::new(["quarantine", verb]);
    command.arg("--source").arg(&pair.source).arg("--target").arg(&pair.target).run()
}
