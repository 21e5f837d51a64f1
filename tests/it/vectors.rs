//! Embeddings on servers that have pgvector: `scripts/test_with_pgvector.sh` runs these on two of them
//!
//! On a server without it they say so and pass; under that script, which sets CROSSFADE_TEST_PGVECTOR, they fail.

use std::fmt::Write;

use crossfade::model::plan::{IndexTermPlan, Plan};
use crossfade::postgres::ddl;
use rusqlite::params;

use crate::support::compare::{assert_equal, assert_equal_or_held};
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Pair, wait_until};
use crate::support::rng::Rng;
use crate::support::source::{self, Workplace};

const DIMENSIONS: usize = 1536;
const ROWS: i64 = 300;

/// Whether the server has pgvector; the test is skipped by name where not
pub fn has_pgvector(test: &str) -> bool {
    let count = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'";
    let found = Pg::connect(&fresh_database()).value(count).as_deref() == Some("1");
    assert!(found || std::env::var_os("CROSSFADE_TEST_PGVECTOR").is_none(), "the server has no pgvector");
    if !found {
        eprintln!("SKIPPED: {test} (this server has no pgvector; see scripts/test_with_pgvector.sh)");
    }
    found
}

/// A number as models give them, mostly below 0.1 and sometimes very small
fn number(rng: &mut Rng) -> f64 {
    let unit = (rng.next() >> 11) as f64 / (1u64 << 53) as f64;
    let wide = (unit - 0.5) / 8.0;
    if rng.chance(2) { wide / 3000.0 } else { wide }
}

fn embedding(seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    (0..DIMENSIONS).map(|_| number(&mut rng)).collect()
}

fn floats(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| *number as f32).collect()
}

fn blob(numbers: &[f64]) -> Vec<u8> {
    floats(numbers).iter().flat_map(|float| float.to_le_bytes()).collect()
}

/// As Python writes it: `1e-05` and not `0.00001`, blanks behind commas
fn json<T: std::fmt::LowerExp + std::fmt::Display>(numbers: &[T]) -> String {
    let mut text = String::from("[");
    for (at, number) in numbers.iter().enumerate() {
        let scientific = format!("{number:e}");
        let (digits, exponent) = scientific.split_once('e').expect("an exponent");
        let exponent: i32 = exponent.parse().expect("an exponent");
        let separator = if at == 0 { "" } else { ", " };
        match exponent < -4 {
            true => write!(text, "{separator}{digits}e-{:02}", -exponent),
            false => write!(text, "{separator}{number}"),
        }
        .expect("a string takes it");
    }
    text + "]"
}

const SCHEMA: &str = "
    CREATE TABLE blobs(id INTEGER PRIMARY KEY, embedding BLOB);
    CREATE TABLE lists(id INTEGER PRIMARY KEY, embedding TEXT NOT NULL);
    CREATE TABLE doubles(id INTEGER PRIMARY KEY, embedding TEXT);
    CREATE TABLE documents(id INTEGER PRIMARY KEY, embedding JSON);";
const TABLES: [(&str, &str); 4] =
    [("blobs", "embedding"), ("lists", "embedding"), ("doubles", "embedding_vec"), ("documents", "embedding_vec")];

fn write(application: &rusqlite::Connection, id: i64, seed: u64) {
    let numbers = embedding(seed);
    let put = |table: &str, value: &dyn rusqlite::ToSql| {
        let sql = format!("INSERT OR REPLACE INTO {table} VALUES (?1, ?2)");
        application.execute(&sql, params![id, value]).expect("an embedding");
    };
    put("blobs", &blob(&numbers));
    put("lists", &json(&floats(&numbers)));
    put("doubles", &json(&numbers));
    put("documents", &json(&numbers));
}

type Distance = fn(&[f64], &[f64]) -> f64;

/// Distances as pgvector defines them, in doubles
const DISTANCES: [(&str, &str, Distance); 3] = [
    ("vector_cosine_ops", "<=>", |a, b| 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()),
    ("vector_l2_ops", "<->", |a, b| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()),
    ("vector_ip_ops", "<#>", |a, b| -dot(a, b)),
];

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The ids of the ten nearest, computed here
fn nearest(rows: &[(i64, u64)], query: &[f64], distance: Distance) -> Vec<String> {
    let single = |numbers: Vec<f64>| numbers.iter().map(|number| f64::from(*number as f32)).collect::<Vec<_>>();
    let query = single(query.to_vec());
    let mut all: Vec<(f64, i64)> =
        rows.iter().map(|(id, seed)| (distance(&single(embedding(*seed)), &query), *id)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.iter().take(10).map(|(_, id)| id.to_string()).collect()
}

/// What the target finds nearest, by comparing all or with the index
fn found(target: &Pg, table: &str, column: &str, operator: &str, query: &str, index: bool) -> Vec<String> {
    let switch = if index { "enable_seqscan" } else { "enable_indexscan" };
    let sql = format!(
        "SET enable_seqscan = on; SET enable_indexscan = on; SET {switch} = off; SET hnsw.ef_search = 100;
         SELECT id FROM {table} ORDER BY {column} {operator} '{query}' LIMIT 10"
    );
    target.query(&sql).into_iter().flatten().flatten().collect()
}

#[test]
fn i10_embeddings_become_vectors_with_their_neighbours() {
    if !has_pgvector("i10_embeddings_become_vectors_with_their_neighbours") {
        return;
    }
    let work = Workplace::new();
    let pair = Pair::new(work.database(SCHEMA), fresh_database());
    let application = source::open(&pair.source);
    let mut rows: Vec<(i64, u64)> = (1..=ROWS).map(|id| (id, id as u64)).collect();
    application.execute_batch("BEGIN").expect("a transaction");
    rows.iter().for_each(|(id, seed)| write(&application, *id, *seed));
    application.execute_batch("COMMIT").expect("a transaction");
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    // New rows, other embeddings for old ones, rows that go
    for id in ROWS + 1..=ROWS + 40 {
        write(&application, id, id as u64);
        rows.push((id, id as u64));
    }
    for (id, seed) in rows.iter_mut().take(40) {
        *seed = 10_000 + *id as u64;
        write(&application, *id, *seed);
    }
    application
        .execute_batch(
            "DELETE FROM blobs WHERE id > 330; DELETE FROM lists WHERE id > 330; DELETE FROM doubles WHERE id > 330;
             DELETE FROM documents WHERE id > 330",
        )
        .expect("deletes");
    rows.retain(|(id, _)| *id <= 330);
    pair.wait_caught_up(&mut replicator);
    pair.verify();
    assert_equal(&pair.source, &pair.target);
    replicator.stop();
    let target = Pg::connect(&pair.target);
    let types = target.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid \
         WHERE relname IN ('blobs', 'lists', 'doubles', 'documents') AND attnum > 1 AND relkind = 'r' ORDER BY relname, attnum",
    );
    let types: Vec<String> = types.into_iter().flatten().flatten().collect();
    assert_eq!(types, ["vector(1536)", "jsonb", "vector(1536)", "text", "vector(1536)", "vector(1536)"]);
    assert_eq!(target.value("SELECT count(*) FROM crossfade.notices").as_deref(), Some("0"), "every index was built");
    index_other_distances(&target);
    compare_neighbours(&target, &rows);
}

/// The indexes of the distances that were not chosen, as they would have been
fn index_other_distances(target: &Pg) {
    let plan = target.value("SELECT plan::text FROM crossfade.state").expect("a plan");
    let plan: Plan = serde_json::from_str(&plan).expect("a plan");
    for table in &plan.tables {
        let index = &table.indexes[0];
        target.execute(&format!("SELECT 1 FROM pg_indexes WHERE indexname = '{}'", index.name));
        for (class, _, _) in &DISTANCES[1..] {
            let mut other = index.clone();
            other.name = format!("{}_{class}", index.name);
            let operator_class = Some(format!("\"public\".\"{class}\""));
            other.terms = vec![IndexTermPlan { operator_class, ..index.terms[0].clone() }];
            target.execute(&ddl::create_index(&plan, table, &other));
        }
    }
}

fn compare_neighbours(target: &Pg, rows: &[(i64, u64)]) {
    for (table, column) in TABLES {
        let indexes =
            format!("SELECT count(*) FROM pg_indexes WHERE tablename = '{table}' AND indexdef LIKE '%USING hnsw%'");
        assert_eq!(target.value(&indexes).as_deref(), Some("3"));
        for (class, operator, distance) in DISTANCES {
            let mut recalled = 0;
            for seed in 90_000..90_005 {
                let query = embedding(seed);
                let (expected, text) = (nearest(rows, &query, distance), json(&floats(&query)));
                assert_eq!(found(target, table, column, operator, &text, false), expected, "{table}, {class}");
                let by_index = found(target, table, column, operator, &text, true);
                recalled += by_index.iter().filter(|id| expected.contains(id)).count();
            }
            assert!(recalled >= 45, "{table}, {class}: {recalled} of 50 nearest neighbours found with the index");
            let plan = target.query(&format!(
                "SET enable_seqscan = off; EXPLAIN SELECT id FROM {table} ORDER BY {column} {operator} '{}' LIMIT 10",
                json(&floats(&embedding(1)))
            ));
            assert!(format!("{plan:?}").contains("Index Scan"), "{table}, {class}: the index serves");
        }
    }
}

/// Beyond 2,000 dimensions the index is over halves, and serves the query that the plan tells; beyond 4,000 there is none
#[test]
fn long_embeddings_are_indexed_as_halves() {
    if !has_pgvector("long_embeddings_are_indexed_as_halves") {
        return;
    }
    const LONG: usize = 3072;
    let long = |seed: u64, count: usize| -> Vec<f64> {
        let mut rng = Rng::new(seed);
        (0..count).map(|_| number(&mut rng)).collect()
    };
    let work = Workplace::new();
    let script = "CREATE TABLE halves(id INTEGER PRIMARY KEY, embedding BLOB);
                  CREATE TABLE longest(id INTEGER PRIMARY KEY, embedding BLOB);";
    let pair = Pair::new(work.database(script), fresh_database());
    let application = source::open(&pair.source);
    let put = |table: &str, id: i64, numbers: &[f64]| {
        let sql = format!("INSERT INTO {table} VALUES (?1, ?2)");
        application.execute(&sql, params![id, blob(numbers)]).expect("an embedding");
    };
    (1..=60).for_each(|id| put("halves", id, &long(id as u64, LONG)));
    put("longest", 1, &long(1, 4001));
    let plan = pair.verb("plan").run().expect_code(0).stdout;
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    let operand = "\"public\".\"halfvec\"(3072)";
    assert!(flat.contains(&format!("ORDER BY (\"embedding\"::{operand}) <=> '[..]'::{operand} LIMIT n")), "{plan}");
    assert!(flat.contains("HNSW takes 4,000 dimensions, and they have 4,001"), "{plan}");
    let mut replicator = pair.replicate(&[]);
    pair.wait_following(&mut replicator);
    put("halves", 61, &long(61, LONG));
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    let target = Pg::connect(&pair.target);
    let indexes = "SELECT string_agg(indexdef, '; ') FROM pg_indexes WHERE indexdef LIKE '%hnsw%'";
    let indexes = target.value(indexes).expect("an index");
    assert!(indexes.contains("((embedding)::halfvec(3072)) halfvec_cosine_ops)"), "{indexes}");
    let query = format!("(embedding::{operand}) <=> '{}'::{operand}", json(&floats(&long(61, LONG))));
    let nearest = format!("SET enable_seqscan = off; SELECT id FROM halves ORDER BY {query} LIMIT 1");
    assert_eq!(target.value(&nearest).as_deref(), Some("61"));
    let explained = target.query(&format!("EXPLAIN SELECT id FROM halves ORDER BY {query} LIMIT 1"));
    assert!(format!("{explained:?}").contains("Index Scan using"), "{explained:?}");
    // What 16 bits do not hold costs the index, which is ours, and no row.
    let large: Vec<f64> = std::iter::once(70_000.0).chain(long(62, LONG - 1)).collect();
    put("halves", 62, &large);
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    assert_eq!(target.value("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'").as_deref(), Some("0"));
    pair.verify();
    replicator.stop();
}

/// An empty column that is declared for blobs of floats is planned as one of vectors; later values prove it
#[test]
fn i10_empty_columns_are_planned_by_their_declaration() {
    if !has_pgvector("i10_empty_columns_are_planned_by_their_declaration") {
        return;
    }
    let work = Workplace::new();
    let script =
        "CREATE TABLE a(id INTEGER PRIMARY KEY, v F32_BLOB(2)); CREATE TABLE b(id INTEGER PRIMARY KEY, v VECTOR(2))";
    let pair = Pair::new(work.database(script), fresh_database());
    let file = work.path("crossfade.toml").to_string_lossy().into_owned();
    pair.verb("plan").args(&["--out", &file]).run().expect_code(0);
    let written = std::fs::read_to_string(&file).expect("the plan file");
    assert!(written.contains("vector(2)") && written.contains("hnsw:cosine"), "{written}");
    let mut replicator = pair.replicate(&["--config", &file]);
    pair.wait_following(&mut replicator);
    source::open(&pair.source)
        .execute_batch(
            "INSERT INTO a VALUES (1, x'0000803f000000c0'), (2, '[1, 2]'), (3, x'0000803f'), (4, NULL);
             INSERT INTO b VALUES (1, '[1, 2]')",
        )
        .expect("the application writes");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 2, "rows of a");
    assert_eq!(Pg::connect(&pair.target).value("SELECT v FROM a WHERE id = 1").as_deref(), Some("[1,-2]"));
    pair.verify();
    replicator.stop();
}

/// A column of the target without dimensions takes vectors of any
#[test]
fn existing_columns_may_have_no_dimensions() {
    if !has_pgvector("existing_columns_may_have_no_dimensions") {
        return;
    }
    let work = Workplace::new();
    let script = "CREATE TABLE a(id INTEGER PRIMARY KEY, b BLOB, t TEXT);
                  INSERT INTO a VALUES (1, x'0000803f', '[0.5, 1.0]'), (2, x'0000803f000000c0', '[0.1]'), (3, NULL, NULL);";
    let pair = Pair::new(work.database(script), fresh_database());
    let target = Pg::connect(&pair.target);
    target.execute("CREATE EXTENSION vector; CREATE TABLE a(id integer PRIMARY KEY, b vector, t vector)");
    let mut replicator = pair.replicate(&["--schema", "existing"]);
    pair.wait_consistent(&mut replicator);
    let application = source::open(&pair.source);
    application
        .execute_batch(
            "UPDATE a SET b = x'000000000000803f0000004000004040', t = '[1.0, 2.0, 3.0]' WHERE id = 1;
             INSERT INTO a VALUES (4, x'', NULL), (5, NULL, '[]'), (6, x'0000c07f', NULL)",
        )
        .expect("the application writes");
    pair.wait_caught_up(&mut replicator);
    let row = |id: i64| target.value(&format!("SELECT concat(b, ' ', t) FROM a WHERE id = {id}"));
    assert_eq!([row(1), row(2)].map(Option::unwrap), ["[0,1,2,3] [1,2,3]", "[1,-2] [0.1]"]);
    assert_eq!(target.value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM a").as_deref(), Some("1 2 3"));
    assert_eq!(target.value("SELECT count(*) FROM crossfade.quarantine").as_deref(), Some("3"));
    pair.verify();
    replicator.stop();
}

/// What is no vector of that length goes to the quarantine, or leaves the computed vector empty
#[test]
fn i10_later_values_that_are_no_vectors() {
    if !has_pgvector("i10_later_values_that_are_no_vectors") {
        return;
    }
    let work = Workplace::new();
    let script = "CREATE TABLE a(id INTEGER PRIMARY KEY, embedding BLOB); CREATE TABLE b(id INTEGER PRIMARY KEY, embedding TEXT);
                  CREATE TABLE c(id INTEGER PRIMARY KEY, embedding JSON);
                  INSERT INTO a VALUES (1, x'0000803f000000c0'), (2, NULL), (3, x'0100000000000080');
                  INSERT INTO b VALUES (1, '[0.1234567890123, 1.0]'), (2, NULL);
                  INSERT INTO c VALUES (1, '[0.1, 1.5]'), (2, NULL);";
    let pair = Pair::new(work.database(script), fresh_database());
    let mut replicator = pair.replicate(&[]);
    pair.wait_consistent(&mut replicator);
    let application = source::open(&pair.source);
    application
        .execute_batch(
            "INSERT INTO a VALUES (10, x'0000803f'), (11, x'0000803f0000807f'), (12, x'0000c07f00000000'), (13, 'none'), (14, 5),
                                  (15, x''), (16, x'ffff7f7fffff7fff');
             UPDATE a SET embedding = x'00' WHERE id = 1;
             INSERT INTO b VALUES (10, ''), (11, '[1]'), (12, '[1, 2, 3]'), (13, '[1e39, 1]'), (14, '[NaN, 1]'), (15, '[1, x]'),
                                  (16, '[1e-400, 0.5]'), (17, '[1,2'), (18, ' [1, 2]'), (19, '[ 1 , -2 ]'), (20, '[1, 1e38]'),
                                  (21, '[123456789012, 1]'), (22, '[,1]'), (23, '[1 2,3]'), (24, '[1.5e-9,-0.0]');
             INSERT INTO c VALUES (10, '{\"a\": [1, 2]}'), (11, '[1, \"2\"]'), (12, '[1, 2]'), (13, '\"[1, 2]\"'),
                                  (14, '[1e300, 1]'), (15, 'null'), (16, '[[1, 2]]'), (17, 7)",
        )
        .expect("the application writes");
    pair.wait_caught_up(&mut replicator);
    assert_eq!(assert_equal_or_held(&pair.source, &pair.target), 7, "rows of a");
    let target = Pg::connect(&pair.target);
    let ids = |table: &str| {
        target.value(&format!(
            "SELECT string_agg(id::text, ' ' ORDER BY id) FROM {table} WHERE embedding_vec IS NOT NULL"
        ))
    };
    assert_eq!(ids("b").as_deref(), Some("1 19 24"));
    assert_eq!(ids("c").as_deref(), Some("1 12"));
    assert_eq!(target.value("SELECT embedding_vec FROM b WHERE id = 24").as_deref(), Some("[1.5e-09,-0]"));
    application
        .execute_batch("UPDATE a SET embedding = x'0000803f0000803f' WHERE id NOT IN (2, 3)")
        .expect("corrections");
    pair.wait_caught_up(&mut replicator);
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
    // Changes that no trigger noted are found by comparison.
    application
        .execute_batch(
            "DROP TRIGGER _crossfade_1au; DROP TRIGGER _crossfade_2au;
             UPDATE a SET embedding = x'0000803f00000080' WHERE id = 2; UPDATE b SET embedding = '[1, -2]' WHERE id > 10;",
        )
        .expect("the application writes");
    let mut replicator = pair.replicate(&[]);
    pair.wait_caught_up(&mut replicator);
    wait_until("the repair", || target.value("SELECT embedding FROM a WHERE id = 2").as_deref() == Some("[1,-0]"));
    assert_equal(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
}

/// The extension is used where it is; one that we created goes with `cancel`, others stay
#[test]
fn extensions_are_left_as_they_were_found() {
    if !has_pgvector("extensions_are_left_as_they_were_found") {
        return;
    }
    let script =
        "CREATE TABLE a(id INTEGER PRIMARY KEY, embedding BLOB); INSERT INTO a VALUES (1, x'0000803f000000c0')";
    let schema =
        "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'";
    for (before, during, after) in [
        ("SELECT 1", Some("public"), None),
        ("CREATE SCHEMA \"my ext\"; CREATE EXTENSION vector SCHEMA \"my ext\"", Some("my ext"), Some("my ext")),
    ] {
        let work = Workplace::new();
        let pair = Pair::new(work.database(script), fresh_database());
        let target = Pg::connect(&pair.target);
        target.execute(before);
        let mut replicator = pair.replicate(&[]);
        pair.wait_consistent(&mut replicator);
        source::open(&pair.source)
            .execute_batch(
                "INSERT INTO a VALUES (2, x'0000004000000040');
                 UPDATE a SET embedding = x'0000000000000080' WHERE id = 1",
            )
            .expect("the application writes");
        pair.wait_caught_up(&mut replicator);
        assert_equal(&pair.source, &pair.target);
        pair.verify();
        assert_eq!(target.value(schema).as_deref(), during);
        assert_eq!(target.value("SELECT embedding FROM a WHERE id = 1").as_deref(), Some("[0,-0]"));
        replicator.stop();
        pair.verb("cancel").run().expect_code(0);
        assert_eq!(target.value(schema).as_deref(), after);
    }
}

/// Without the right to create it, the column stays what it is and the plan has the statement
#[test]
fn a_role_that_may_not_create_the_extension_is_told_who_may() {
    if !has_pgvector("a_role_that_may_not_create_the_extension_is_told_who_may") {
        return;
    }
    let script =
        "CREATE TABLE a(id INTEGER PRIMARY KEY, embedding BLOB); INSERT INTO a VALUES (1, x'0000803f000000c0')";
    let work = Workplace::new();
    let url = fresh_database();
    let name = url.rsplit('/').next().expect("a database name").to_owned();
    let admin = Pg::connect(&url);
    admin.execute(&format!(
        "CREATE ROLE r_{name} LOGIN; GRANT ALL ON DATABASE {name} TO r_{name}; GRANT ALL ON SCHEMA public TO r_{name}"
    ));
    let pair = Pair::new(work.database(script), url.replace("postgres@", &format!("r_{name}@")));
    assert!(pair.target.contains("r_it"), "{}", pair.target);
    let plan = pair.verb("plan").run().expect_code(0).stdout;
    assert!(plan.contains("CREATE EXTENSION \"vector\" SCHEMA \"public\";"), "{plan}");
    assert!(plan.contains("a embedding BLOB -> bytea") || plan.contains("embedding BLOB -> bytea"), "{plan}");
    pair.migrate();
    assert_equal(&pair.source, &url);
}
