//! Cases as folders of data: `tests/cases/<name>` holds the source, what the application does while we follow, the plan
//! that is to be printed and the schema that is to stand on the target
//!
//! With a `crossfade.toml` in the folder the plan is made with it, and `args.txt` holds options of `plan` and `run`;
//! without a `live.sql` it is refused. `compared.sql` gives a copy of the source the names and columns that the target
//! has, where they differ. `without.txt` names an extension that the server must not have.
//!
//! Each goes through plan, snapshot and tail on a real server, and both sides end equal. With CROSSFADE_UPDATE=1 the
//! expectations are written instead of compared; read the difference before it is committed.

use std::fs;
use std::path::PathBuf;

use crate::cancel::catalog;
use crate::support::compare::{assert_equal, assert_views_equal};
use crate::support::fresh_database;
use crate::support::given::{assert_same, schema};
use crate::support::pg::{Pg, quote};
use crate::support::process::Pair;
use crate::support::source::{self, Workplace};

macro_rules! cases {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { run(stringify!($name)); })*
    };
}

cases! {
    autoincrement
    booleans
    checks
    circular_foreign_keys
    days_and_times
    decimals
    defaults
    django
    document_indexes
    documents
    documents_that_jsonb_changes
    doubts
    embeddings_in_use
    embeddings_without_pgvector
    empty_columns
    enums_from_check
    epochs
    existing_arrays_and_domains
    existing_circle
    existing_composite_keys
    existing_computed
    existing_django
    existing_fulltext
    existing_home_assistant
    existing_limited_types
    existing_names
    existing_numbers
    existing_prisma
    existing_rails
    existing_spellings
    existing_sqlalchemy
    existing_synapse
    existing_without_keys
    expression_indexes
    foreign_key_actions
    foreign_keys_by_form
    fts4_external
    fts5_external
    fulltext_contentless
    fulltext_odd_columns
    fulltext_own
    generated_columns
    hostile_names
    identity
    keys_of_every_type
    largest_keys
    long_and_colliding_names
    lower_identifiers
    moments
    moments_of_several_fractions
    moments_of_several_offsets
    moments_with_and_without_zone
    moments_with_t_or_blank
    moments_with_zone
    nocase
    not_translated
    orphans
    partial_indexes
    planfile_any_value
    planfile_defaults
    planfile_forms
    planfile_indexes
    planfile_integer_keys
    planfile_json_as_text
    planfile_keys
    planfile_refused
    planfile_renames
    planfile_skips
    planfile_spellings
    planfile_types
    planfile_zones
    rails
    reserved_words
    rtrim
    strict_and_without_rowid
    uuids
    uuids_as_blobs
    vectors_of_other_shapes
    views
}

#[test]
fn every_case_is_run() {
    let folders = fs::read_dir(folder("")).expect("the cases").flatten();
    let mut found: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    found.sort();
    assert_eq!(found, NAMES);
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

fn run(name: &str) {
    let read =
        |file: &str| fs::read_to_string(folder(name).join(file)).unwrap_or_else(|e| panic!("{name}/{file}: {e}"));
    let work = Workplace::new();
    let pair = Pair::new(work.database(&read("source.sql")), fresh_database());
    if let Ok(extension) = fs::read_to_string(folder(name).join("without.txt")) {
        let sql = format!("SELECT 1 FROM pg_available_extensions WHERE name = '{}'", extension.trim());
        if Pg::connect(&pair.target).value(&sql).is_some() {
            return eprintln!("SKIPPED: {name} (the server has {})", extension.trim());
        }
    }
    if folder(name).join("target.sql").exists() {
        return run_existing(name, &pair, &read);
    }
    let file = folder(name).join("crossfade.toml").to_string_lossy().into_owned();
    let options = fs::read_to_string(folder(name).join("args.txt")).unwrap_or_default();
    let options: Vec<&str> = options.split_whitespace().collect();
    let config = if fs::exists(&file).expect("the folder") { vec!["--config", &file] } else { Vec::new() };
    let all = [config.as_slice(), &options].concat();
    if !folder(name).join("live.sql").exists() {
        return run_refused(name, &pair, &all);
    }
    let plan = pair.verb("plan").args(&all).run().expect_code(0).stdout;
    expect_same_from_file(&work, &pair, (&config, &options), &plan);
    let mut replicator = pair.replicate(&all);
    pair.wait_following(&mut replicator);
    assert_alike(name, &work, &pair);
    source::open(&pair.source).execute_batch(&read("live.sql")).unwrap_or_else(|e| panic!("{name}/live.sql: {e}"));
    pair.wait_caught_up(&mut replicator);
    assert_alike(name, &work, &pair);
    pair.verify();
    replicator.stop();
    expect(name, "plan.txt", &plan);
    expect(name, "ddl.sql", &ddl(&Pg::connect(&pair.target)));
}

/// `target.sql` makes the target's schema, and it is afterwards what it was before: there is no `ddl.sql`
fn run_existing(name: &str, pair: &Pair, read: &dyn Fn(&str) -> String) {
    const EXISTING: [&str; 2] = ["--schema", "existing"];
    let target = Pg::connect(&pair.target);
    target.execute(&read("target.sql"));
    let before = schema(&target);
    let plan = pair.verb("plan").args(&EXISTING).run().expect_code(0).stdout;
    let mut replicator = pair.replicate(&EXISTING);
    pair.wait_consistent(&mut replicator);
    assert_same(&pair.source, &pair.target);
    source::open(&pair.source).execute_batch(&read("live.sql")).unwrap_or_else(|e| panic!("{name}/live.sql: {e}"));
    pair.wait_caught_up(&mut replicator);
    assert_same(&pair.source, &pair.target);
    pair.verify();
    replicator.stop();
    pair.verb("cancel").run().expect_code(0);
    assert_eq!(schema(&target), before, "{name}: the schema after `cancel`");
    assert_same(&pair.source, &pair.target);
    expect(name, "plan.txt", &plan);
}

/// Refused by the plan, with nothing changed
fn run_refused(name: &str, pair: &Pair, options: &[&str]) {
    let before = (source::schema_text(&pair.source), catalog(&pair.target));
    let plan = pair.verb("plan").args(options).run().expect_code(3).stdout;
    pair.verb("run").args(options).run().expect_code(3);
    assert_eq!((source::schema_text(&pair.source), catalog(&pair.target)), before);
    expect(name, "plan.txt", &plan);
}

/// The plan as a file, given back, is the same plan
fn expect_same_from_file(work: &Workplace, pair: &Pair, (config, options): (&[&str], &[&str]), plan: &str) {
    let file = work.path("written.toml").to_string_lossy().into_owned();
    let written = pair.verb("plan").args(config).args(options).args(&["--out", &file]).run().expect_code(0);
    let again = pair.verb("plan").args(&["--config", &file]).args(options).run().expect_code(0);
    let text = fs::read_to_string(&file).expect("the plan file");
    assert_eq!((written.stdout.as_str(), again.stdout.as_str()), (plan, plan), "from this file:\n{text}");
}

/// Both sides hold the same rows, in the views too; under the target's names and columns, if they are others
fn assert_alike(name: &str, work: &Workplace, pair: &Pair) {
    let Ok(script) = fs::read_to_string(folder(name).join("compared.sql")) else {
        assert_equal(&pair.source, &pair.target);
        assert_views_equal(&pair.source, &pair.target);
        return;
    };
    let copy = work.path("compared.db");
    let _ = fs::remove_file(&copy);
    source::open(&pair.source).execute("VACUUM INTO ?1", [copy.to_str()]).expect("a copy");
    let compared = source::open(&copy);
    // Triggers of the capture would stand in the way of ALTER TABLE.
    source::remove_capture(&compared);
    compared.execute_batch(&script).unwrap_or_else(|e| panic!("{name}/compared.sql: {e}"));
    drop(compared);
    assert_equal(&copy, &pair.target);
    assert_views_equal(&copy, &pair.target);
}

fn expect(name: &str, file: &str, found: &str) {
    let path = folder(name).join(file);
    if std::env::var_os("CROSSFADE_UPDATE").is_some() {
        fs::write(&path, found).expect("the expectation");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}/{file}");
}

/// The target's schema in the server's own words
fn ddl(target: &Pg) -> String {
    let tables = "SELECT c.oid::text, c.relname FROM pg_class c \
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname";
    let mut text = String::new();
    for row in target.query(tables) {
        let [Some(table), Some(name)] = row.as_slice() else { panic!("a table has a name") };
        let lines = |sql: &str| -> Vec<String> {
            let rows = target.query(&sql.replace("$1", table));
            rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect()
        };
        let columns = lines(
            "SELECT '    ' || quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || \
             CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END || \
             CASE attidentity WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' WHEN 'a' THEN ' IDENTITY' ELSE '' END || \
             CASE WHEN attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(adbin, adrelid) || ') STORED' \
             WHEN adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(adbin, adrelid) ELSE '' END \
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
             WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        );
        text.push_str(&format!("CREATE TABLE {} (\n{}\n);\n", quote(name), columns.join(",\n")));
        let mut more = lines(
            "SELECT 'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname) || ' ' || \
             pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1 AND contype <> 'n' \
             UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index i WHERE indrelid = $1 \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND conrelid = $1) \
             UNION ALL SELECT 'COMMENT ON COLUMN ' || attrelid::regclass || '.' || quote_ident(attname) || ' IS ' || \
             quote_literal(col_description(attrelid, attnum)) FROM pg_attribute \
             WHERE attrelid = $1 AND col_description(attrelid, attnum) IS NOT NULL",
        );
        more.sort();
        more.iter().for_each(|line| text.push_str(&format!("{line};\n")));
    }
    let views = "SELECT c.relname, (SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' \
                 ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) FROM pg_class c \
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v' ORDER BY c.relname";
    for row in target.query(views) {
        let [Some(name), Some(columns)] = row.as_slice() else { panic!("a view has a name and columns") };
        text.push_str(&format!("CREATE VIEW {} ({columns});\n", quote(name)));
    }
    // A foreign key is validated some time after the copy, if the rows allow it then.
    text.replace(" NOT VALID", "")
}

/// The counts are for whoever reads the plan; what is kept for every later start is the plan alone (T13)
#[test]
fn evidence_is_shown_and_not_stored() {
    let work = Workplace::new();
    let script = "CREATE TABLE t(id INTEGER PRIMARY KEY, day DATE, n BOOLEAN);
                  INSERT INTO t VALUES (1, '2024-02-29', 1), (2, '2024-03-01', 2), (3, NULL, 0)";
    let pair = Pair::new(work.database(script), fresh_database());
    let plan = pair.verb("plan").args(&["--json"]).run().expect_code(0).json();
    assert_eq!(plan["tables"][0]["columns"][1]["type_sql"], "date");
    let columns = &plan["evidence"][0]["columns"];
    assert_eq!(columns[1]["words"], "2 texts, all %Y-%m-%d, 1 NULL");
    assert_eq!(columns[1]["values"]["forms"][0]["form"], "%Y-%m-%d");
    assert_eq!(columns[1]["values"]["forms"][0]["count"], 2);
    assert_eq!(columns[2]["type"], "bigint");
    assert_eq!(columns[2]["values"]["no_booleans"]["keys"][0], "id=2");
    pair.migrate();
    let stored = Pg::connect(&pair.target).value("SELECT plan::text FROM crossfade.state").expect("a stored plan");
    assert!(stored.contains("type_sql") && !stored.contains("evidence") && !stored.contains("no_booleans"), "{stored}");
    let again = pair.verb("plan").args(&["--json"]).run().expect_code(0).json();
    assert_eq!(again["tables"][0]["columns"][1]["type_sql"], "date");
}
