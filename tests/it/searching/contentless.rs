//! Full-text tables that have an index and no text

use super::*;

/// Words without a text: found as MATCH finds them, phrases too, in every journal mode
#[test]
fn contentless_tables_are_searched_by_the_words_of_their_index() {
    for journal in ["WAL", "DELETE"] {
        let work = Workplace::new();
        let script = "CREATE TABLE item(id INTEGER PRIMARY KEY);
            CREATE VIRTUAL TABLE words USING fts5(title, body, content='');
            INSERT INTO words(rowid, title, body) VALUES
              (1, 'Databases', 'The moves of a running database'), (2, 'Running', 'shoes'), (4, 'It''s \\ odd', NULL),
              (5, 'rowid five', 'five' || printf('%.300c', ' ') || 'words'), (6, 'Running database', 'x');
            WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO words(rowid, title, body) SELECT i, 'number ' || i, 'is one of ' || (i % 7) FROM n;";
        let pair = pair(&work, script);
        source::set_journal_mode(&source::open(&pair.source), journal);
        let mut replicator = pair.replicate(&[]);
        pair.wait_following(&mut replicator);
        let compare = || {
            assert_equal(&pair.source, &pair.target);
            for (here, there) in [
                ("\"running database\"", "'running' <-> 'database'"),
                ("\"one of 3\"", "'one' <-> 'of' <-> '3'"),
                ("title : running", "'running':A"),
                ("body : database", "'database':B"),
                ("data*", "'data':*"),
                ("number NOT is", "'number' & !'is'"),
                // No phrase goes from one column into the next.
                ("\"databases the\"", "'databases' <-> 'the'"),
            ] {
                let there = format!("$${there}$$::tsquery");
                assert_eq!(matches(&pair, "words", here), found(&pair, "words", &there), "{here} in {journal}");
            }
        };
        compare();
        write(
            &pair,
            "INSERT INTO words(words, rowid, title, body) VALUES ('delete', 2, 'Running', 'shoes');
             INSERT INTO words(rowid, title, body) VALUES (2, 'a new running', 'database'), (-5, 'number', 'number');
             INSERT INTO words(words, rowid, title, body) VALUES ('delete', 15000, 'number 15000', 'is one of 6')",
        );
        pair.wait_compared(&mut replicator);
        compare();
        pair.verify();
        Pg::stray(&pair.target).execute("UPDATE words SET words_tsv = 'other' WHERE rowid = 1");
        let said = pair.verb("verify").args(&["--table", "words"]).run().expect_code(4);
        assert!(said.stdout.contains("1 (differs)"), "{said}");
        replicator.stop();
        write(&pair, "INSERT INTO words(words) VALUES ('delete-all')");
        pair.migrate();
        assert_equal(&pair.source, &pair.target);
    }
}

/// Random texts through FTS5's own tokenizers: the server takes every vector as it is written, and gives it back so
#[test]
fn i10_vectors_come_back_as_they_were_written() {
    let work = Workplace::new();
    let pair = pair(
        &work,
        "CREATE VIRTUAL TABLE words USING fts5(a, b, c, d, e, content='', tokenize=trigram);
         CREATE VIRTUAL TABLE marks USING fts5(a, content='', tokenize=\"unicode61 tokenchars '''\\:&|!()<>,*'\")",
    );
    let application = source::open(&pair.source);
    let mut rng = crate::support::rng::Rng::new(4711);
    let letters: Vec<char> = "ab\u{e4}\u{df}\u{4e2d}\u{1f600}'\\\":&|!()<>,*0 \u{a0}\u{200b}\t.".chars().collect();
    let mut text =
        |longest: usize| -> String { (0..rng.below(longest)).map(|_| letters[rng.below(letters.len())]).collect() };
    for rowid in 0..300i64 {
        let longest = if rowid % 50 == 0 { 30_000 } else { 60 };
        let [a, b, c] = [text(60), text(60), text(longest)];
        let sql = "INSERT INTO words(rowid, a, b, c, d, e) VALUES (?1, ?2, ?3, ?4, ?3, ?2)";
        application.execute(sql, rusqlite::params![rowid, a, b, c]).expect("a row");
        application.execute("INSERT INTO marks(rowid, a) VALUES (?1, ?2)", rusqlite::params![rowid, c]).expect("a row");
    }
    pair.migrate();
    assert_equal(&pair.source, &pair.target);
    // The digests of verify are of what we wrote on the one side, and of what the server prints on the other.
    pair.verify();
}
