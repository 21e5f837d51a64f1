//! What `quarantine`, `status` and `verify` say about such rows, and what they notice

use super::*;

#[test]
fn rows_are_listed_with_key_reason_and_the_row_itself() {
    let (_work, pair) = shop();
    pair.verb("quarantine").run().expect_code(2);
    quarantine(&pair, "list", &[]).expect_code(7).expect_error("no migration");
    pair.migrate();
    let empty = quarantine(&pair, "list", &["--json"]).expect_code(0).json();
    assert_eq!((empty["quarantined"].as_u64(), empty["rows"].as_array().map(Vec::len)), (Some(0), Some(0)));
    run(&pair, MISFITS);
    run(&pair, "INSERT INTO tag VALUES(NULL, 3), ('tab\there', 'text')");
    pair.migrate();
    let list = quarantine(&pair, "list", &["--json"]).expect_code(0).json();
    assert_eq!(list["quarantined"].as_u64(), Some(MISFIT_ROWS + 2));
    let rows = list["rows"].as_array().expect("rows");
    assert_eq!(rows.len() as u64, MISFIT_ROWS + 2);
    let of = |key: serde_json::Value| rows.iter().find(|row| row["key"] == key).expect("a row");
    let first = of(serde_json::json!([1]));
    assert_eq!((&first["table"], &first["column"], &first["reason"]), (&"item".into(), &"qty".into(), &"class".into()));
    assert_eq!(first["row"]["qty"], "many");
    assert_eq!(of(serde_json::json!([5]))["row"]["name"]["$text"], "ff");
    assert_eq!(of(serde_json::json!([4]))["reason"], "nul");
    assert_eq!(of(serde_json::json!([null]))["reason"], "key");
    let text = quarantine(&pair, "list", &["--table", "tag"]).expect_code(0).stdout;
    assert!(text.contains("tag 'tab\\there': column v: a value of class text does not fit the type bigint"), "{text}");
    assert!(text.contains("tag NULL: column k: NULL in the key") && !text.contains("item"), "{text}");
    quarantine(&pair, "list", &["--table", "nothing"]).expect_code(2).expect_error("nothing");
    let status = pair.verb("status").run().expect_code(0).stdout;
    assert!(status.contains("11 rows are not on PostgreSQL") && !status.contains('\x1b'), "{status}");
    let verify = pair.verb("verify").run().expect_code(0).stdout;
    assert!(verify.contains("0 mismatches, 9 held back"), "{verify}");
    assert_eq!(pair.status()["last_verify"]["quarantined"].as_u64(), Some(11));
    quarantine(&pair, "retry", &[]).expect_code(7).expect_error("no replicator");
}

/// Rows that would fit now are read again; the others stay
#[test]
fn retry_reads_every_row_again() {
    let (_work, pair) = shop();
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    run(&pair, "UPDATE item SET qty = 'many' WHERE id = 1; INSERT INTO tag VALUES(NULL, 3)");
    settle(&pair, &mut replicator, 2);
    let target = Pg::stray(&pair.target);
    for id in [7, 8] {
        banish(&target, id);
    }
    let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
    assert_eq!(verdict["mismatches"].as_u64(), Some(2), "{verdict}");
    assert!(verdict["tables"].to_string().contains("7 (in the quarantine, but postgres can hold it)"), "{verdict}");
    let one = quarantine(&pair, "retry", &["--table", "tag", "--json"]).expect_code(0).json();
    assert_eq!((one["released"].as_u64(), one["quarantined"].as_u64()), (Some(0), Some(1)));
    let all = quarantine(&pair, "retry", &[]).expect_code(0).stdout;
    assert_eq!(all, "2 rows have left the quarantine, 2 are in it\n");
    settle(&pair, &mut replicator, 2);
    replicator.stop();
}

/// Verify must not take an entry for what it says
#[test]
fn i10_verify_sees_what_is_wrong_with_the_quarantine() {
    let (_work, pair) = shop();
    pair.migrate();
    run(&pair, "UPDATE item SET qty = 'many' WHERE id < 3; INSERT INTO tag VALUES(NULL, 3), (NULL, 4)");
    pair.migrate();
    let target = Pg::stray(&pair.target);
    let broken = |sql: &str, back: &str, says: &str| {
        target.execute(sql);
        let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
        assert!(verdict["tables"].to_string().contains(says), "{sql}: {verdict}");
        target.execute(back);
        pair.verify();
    };
    let item = "(SELECT id FROM crossfade.tables WHERE name = 'item')";
    let tag = "(SELECT id FROM crossfade.tables WHERE name = 'tag')";
    broken("INSERT INTO item VALUES(1, 1, 1, '', '')", "DELETE FROM item WHERE id = 1", "but on postgres too");
    let change = |from: &str, to: &str| {
        format!(
            "UPDATE crossfade.quarantine_image SET image = decode(replace(encode(image, 'hex'), encode('{from}', 'hex'), \
             encode('{to}', 'hex')), 'hex') WHERE table_id = {item}"
        )
    };
    broken(&change("many", "more"), &change("more", "many"), "but not as it is on sqlite");
    let keep = "CREATE TABLE crossfade.kept AS SELECT * FROM crossfade.quarantine; DELETE FROM crossfade.quarantine";
    let back = "INSERT INTO crossfade.quarantine SELECT * FROM crossfade.kept ON CONFLICT DO NOTHING; \
                DROP TABLE crossfade.kept";
    broken(&format!("{keep} WHERE table_id = {item}"), back, "1 (missing on postgres)");
    broken(&format!("{keep} WHERE table_id = {tag}"), back, "NULL (NULL in the key, and not in the quarantine");
    let one = format!("{keep} WHERE key_hash = (SELECT key_hash FROM crossfade.kept WHERE table_id = {tag} LIMIT 1)");
    broken(&one, back, "NULL in the key, and not in the quarantine as it is on sqlite");
    banish(&target, 9999);
    let verdict = pair.verb("verify").arg("--json").run().expect_code(4).json();
    assert!(verdict["tables"].to_string().contains("9999 (in the quarantine, but not on sqlite)"), "{verdict}");
}

/// Moves a row of `item` from the table to the quarantine, with an image that says nothing
fn banish(target: &Pg, id: i64) {
    let key = [&[1][..], &id.to_le_bytes()].concat();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = xxhash_rust::xxh3::xxh3_128(&key).to_be_bytes();
    target.execute(&format!(
        "DELETE FROM item WHERE id = {id};
         INSERT INTO crossfade.quarantine(table_id, key_hash, key, key_text, column_name, reason, message, seq, bytes, parts)
         SELECT id, '\\x{0}', '\\x{1}', '{id}', 'qty', 'class', 'a test', 0, 3, 1 FROM crossfade.tables WHERE name = 'item';
         INSERT INTO crossfade.quarantine_image SELECT id, '\\x{0}', 0, '\\x010000' FROM crossfade.tables WHERE name = 'item'",
        hex(&hash),
        hex(&key)
    ));
}

fn quarantine(pair: &Pair, verb: &str, options: &[&str]) -> crate::support::process::Output {
    let command = crate::support::process::Cli::new(["quarantine", verb]);
    command.arg("--source").arg(&pair.source).arg("--target").arg(&pair.target).args(options).run()
}
