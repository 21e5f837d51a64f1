//! Full-text tables: searched on the target as on the source, whatever the texts are, and never disturbed (I10, I11)

use std::fmt::Write;

use rusqlite::config::DbConfig;

use crate::support::compare::assert_equal;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::source::{self, Workplace, schema_text};

/// What is asked of SQLite, and the same of PostgreSQL
pub const QUERIES: [(&str, &str); 6] = [
    ("database", "websearch_to_tsquery('english', 'database')"),
    ("run", "websearch_to_tsquery('english', 'run')"),
    ("walk database", "websearch_to_tsquery('english', 'walk database')"),
    ("shoes OR nothing", "websearch_to_tsquery('english', 'shoes or nothing')"),
    ("\"running database\"", "websearch_to_tsquery('english', '\"running database\"')"),
    ("data*", "to_tsquery('english', 'data:*')"),
];

const POSTS: &str = "
    CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
    CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, content='posts', content_rowid='id', tokenize='porter');
    CREATE TRIGGER posts_ai AFTER INSERT ON posts BEGIN
      INSERT INTO posts_fts(rowid, title, body) VALUES (new.id, new.title, new.body);
    END;
    CREATE TRIGGER posts_ad AFTER DELETE ON posts BEGIN
      INSERT INTO posts_fts(posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    END;
    CREATE TRIGGER posts_au AFTER UPDATE ON posts BEGIN
      INSERT INTO posts_fts(posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
      INSERT INTO posts_fts(rowid, title, body) VALUES (new.id, new.title, new.body);
    END;
    INSERT INTO posts VALUES
      (1, 'Databases', 'The moves of a running database'), (2, 'Running', 'shoes'), (3, 'Shoes', 'for runs and walks'),
      (4, 'Nothing', NULL), (5, NULL, 'walking the database');";

/// Ids that SQLite's MATCH finds, the best first
fn matches(pair: &Pair, query: &str) -> Vec<String> {
    let connection = source::open(&pair.source);
    let sql = "SELECT rowid FROM posts_fts WHERE posts_fts MATCH ?1 ORDER BY bm25(posts_fts, 10.0, 1.0), rowid";
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map([query], |row| row.get::<_, i64>(0)).expect("matches");
    rows.map(|id| id.expect("an id").to_string()).collect()
}

/// Ids that the target finds by the query that the plan gives for it, the best first
fn found(pair: &Pair, query: &str) -> Vec<String> {
    let target = Pg::connect(&pair.target);
    let sql = format!(
        "SELECT id FROM posts WHERE posts_fts_tsv @@ {query} ORDER BY ts_rank(posts_fts_tsv, {query}) DESC, id"
    );
    target.query(&sql).into_iter().flatten().flatten().collect()
}

/// Any part of a text is found, by the index
#[test]
fn trigrams_find_parts_of_words_on_both_sides() {
    let work = Workplace::new();
    let script = POSTS.replace("tokenize='porter'", "tokenize='trigram'");
    let pair = Pair::new(work.database(&script), fresh_database());
    let target = Pg::connect(&pair.target);
    if target.value("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").is_none() {
        return eprintln!("SKIPPED: trigrams_find_parts_of_words_on_both_sides (the server has no pg_trgm)");
    }
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    source::open(&pair.source)
        .execute_batch(
            "INSERT INTO posts VALUES (6, 'ATABASES', 'upper case'), (7, 'data base', NULL), (8, 'atab', 'x');
             UPDATE posts SET body = 'nothing of it' WHERE id = 5; DELETE FROM posts WHERE id = 1",
        )
        .expect("the application writes");
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    for part in ["atab", "unnin", "alk", "hoe", "zzz"] {
        let query = format!("title ILIKE '%{part}%' OR body ILIKE '%{part}%'");
        let sql = format!("SET enable_seqscan = off; SELECT id FROM posts WHERE {query} ORDER BY id");
        let here: Vec<String> = target.query(&sql).into_iter().flatten().flatten().collect();
        let mut there = matches(&pair, part);
        there.sort();
        assert_eq!(here, there, "{part}");
        let explained = format!("{:?}", target.query(&format!("EXPLAIN SELECT id FROM posts WHERE {query}")));
        assert!(explained.contains("posts_fts_trgm"), "{explained}");
    }
    pair.verify();
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(target.value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'").as_deref(), Some("0"));
}

#[test]
fn the_target_finds_what_match_finds() {
    let work = Workplace::new();
    let pair = Pair::new(work.database(POSTS), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    let compare = || {
        for (here, there) in QUERIES {
            let expected = matches(&pair, here);
            assert!(!expected.is_empty(), "{here} finds something");
            let mut sorted = [expected.clone(), found(&pair, there)];
            sorted.iter_mut().for_each(|ids| ids.sort());
            assert_eq!(sorted[0], sorted[1], "{here}");
        }
        // A word in the title, weight A, counts for more than one in the body.
        for (here, there) in &QUERIES[..2] {
            assert_eq!(matches(&pair, here)[0], found(&pair, there)[0], "{here}");
        }
    };
    compare();
    let application = source::open(&pair.source);
    application
        .execute_batch(
            "UPDATE posts SET body = 'databases walk' WHERE id = 4; DELETE FROM posts WHERE id = 3;
             INSERT INTO posts VALUES (6, 'Walks', 'shoe database'), (7, 'x', 'a running database, running');
             INSERT INTO posts_fts(posts_fts) VALUES ('optimize'); INSERT INTO posts_fts(posts_fts) VALUES ('rebuild');",
        )
        .expect("the application writes");
    pair.wait_caught_up(&mut replicator);
    compare();
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
    let plan = Pg::connect(&pair.target).query(
        "SET enable_seqscan = off; EXPLAIN SELECT id FROM posts WHERE posts_fts_tsv @@ to_tsquery('english', 'run')",
    );
    assert!(format!("{plan:?}").contains("posts_fts_tsv_idx"), "the index serves: {plan:?}");
}

/// Full-text tables of every kind work as before, for connections of every kind, and nothing is left behind
#[test]
fn i11_full_text_tables_are_not_disturbed() {
    let work = Workplace::new();
    let script = format!(
        "{POSTS} CREATE VIRTUAL TABLE own5 USING fts5(a); CREATE VIRTUAL TABLE own4 USING fts4(a);
         CREATE VIRTUAL TABLE own3 USING fts3(a); CREATE VIRTUAL TABLE none5 USING fts5(a, content='');"
    );
    let pair = Pair::new(work.database(&script), fresh_database());
    let before = schema_text(&pair.source);
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    for defensive in [false, true] {
        let application = source::open(&pair.source);
        application.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, defensive).expect("a setting");
        application.execute_batch(&format!("PRAGMA trusted_schema = {}", !defensive)).expect("a setting");
        for table in ["own5", "own4", "own3"] {
            let sql = format!(
                "INSERT INTO {table}(rowid, a) VALUES (1, 'one'), (2, 'two'); UPDATE {table} SET a = 'three' WHERE rowid = 1;
                 REPLACE INTO {table}(rowid, a) VALUES (2, 'four'); DELETE FROM {table} WHERE rowid = 1;
                 INSERT INTO {table}({table}) VALUES ('rebuild'); INSERT INTO {table}({table}) VALUES ('optimize');
                 INSERT INTO {table}({table}) VALUES ('integrity-check'); DELETE FROM {table};"
            );
            application
                .execute_batch(&sql.replace("('rebuild')", rebuild(table)))
                .unwrap_or_else(|e| panic!("{table}: {e}"));
        }
        application
            .execute_batch(
                "INSERT INTO none5(rowid, a) VALUES (1, 'one'); INSERT INTO none5(none5) VALUES ('delete-all');
                 UPDATE posts SET title = title || ' more'; INSERT INTO posts_fts(posts_fts) VALUES ('integrity-check');
                 INSERT INTO posts_fts(posts_fts, rank) VALUES ('integrity-check', 1);",
            )
            .expect("the application writes");
    }
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(schema_text(&pair.source), before);
}

/// FTS3 has no `rebuild`
fn rebuild(table: &str) -> &'static str {
    if table == "own3" { "('optimize')" } else { "('rebuild')" }
}

/// Texts whose words are more than a `tsvector` holds, in every way that PostgreSQL's parser makes words
fn long_texts() -> Vec<(&'static str, String)> {
    let numbered = |count: u32, word: &dyn Fn(u32) -> String| {
        (0..count).fold(String::new(), |mut text, number| {
            write!(text, "{} ", word(number)).expect("a string takes it");
            text
        })
    };
    // Letters of four bytes each, no two alike
    let letters: Vec<char> = (0x20000..0x2a6d0)
        .chain(0x2a700..0x2b730)
        .chain(0x2b820..0x2ebd0)
        .chain(0x30000..0x31340)
        .filter_map(char::from_u32)
        .collect();
    let pair = |(one, other): (&char, &char)| format!("{one}-{other} ");
    let (even, odd) = (letters.iter().step_by(2), letters.iter().skip(1).step_by(2));
    let mut pairs: String = even.clone().zip(odd.clone()).map(pair).collect();
    pairs.extend(even.zip(odd.rev()).map(pair));
    let singles = letters.iter().flat_map(|letter| [*letter, ' ']).collect::<String>();
    vec![
        ("5 MB of distinct words", numbered(700_000, &|n| format!("w{n:06x}"))),
        ("pairs with hyphens", pairs),
        ("letters", singles.repeat(2)),
        ("short words in pairs", numbered(100_000, &|n| format!("{}-{}", base36(2 * n), base36(2 * n + 1)))),
        ("many parts", numbered(60_000, &|n| format!("{}-{}-{}", base36(3 * n), base36(3 * n + 1), base36(3 * n + 2)))),
        ("addresses", numbered(60_000, &|n| format!("a{n}.example.org/p{n}"))),
        ("paths", numbered(60_000, &|n| format!("/a{n}/b{n}"))),
        ("numbers", numbered(100_000, &|n| format!("-{n}.{n}e{}", n % 9))),
        ("one long word", "x".repeat(1_000_000)),
        ("one long word of parts", "ab-".repeat(100_000)),
        ("letters that grow in lower case", "\u{23a}\u{130} ".repeat(100_000)),
        ("marks and no words", "<a> & ' \\ : * ".repeat(100_000)),
        ("one word again and again", "again ".repeat(100_000)),
    ]
}

fn base36(number: u32) -> String {
    let digit = |at: u32| char::from_digit(number / 36u32.pow(at) % 36, 36).expect("a digit");
    (0..4).map(digit).collect()
}

/// A text that is too long for its words never makes the row fail, neither in the copy nor in the tail (I10)
#[test]
fn i10_no_text_is_too_long_to_be_searched() {
    let work = Workplace::new();
    let script = "CREATE TABLE long(id INTEGER PRIMARY KEY, kind TEXT, a TEXT, b TEXT, c TEXT);
                  CREATE VIRTUAL TABLE one USING fts5(a, content='long', content_rowid='id');
                  CREATE VIRTUAL TABLE three USING fts5(a, b, c, content='long', content_rowid='id', tokenize='porter');";
    let pair = Pair::new(work.database(script), fresh_database());
    let application = source::open(&pair.source);
    let texts = long_texts();
    let write = |first: usize| {
        for (at, (kind, text)) in texts.iter().enumerate() {
            let id = (first + at) as i64;
            let sql = "INSERT INTO long VALUES (?1, ?2, ?3, ?3, ?3)";
            application.execute(sql, rusqlite::params![id, kind, text]).expect("a long text");
        }
    };
    write(0);
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    write(100);
    pair.wait_caught_up(&mut replicator);
    pair.verify();
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
    let target = Pg::connect(&pair.target);
    let rows =
        target.query("SELECT kind, octet_length(one_tsv::text) > 0, pg_column_size(one_tsv) < 2000000 FROM long");
    assert_eq!(rows.len(), 2 * texts.len());
    let ids = |word: &str| {
        target.value(&format!("SELECT string_agg(id::text, ' ' ORDER BY id) FROM long WHERE one_tsv @@ '{word}'"))
    };
    assert_eq!(ids("w000001").as_deref(), Some("0 100"), "the first words are found");
    assert_eq!(ids("again").as_deref(), Some("12 112"));
}
