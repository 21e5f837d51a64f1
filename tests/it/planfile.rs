//! The plan file from the first `plan --out` to a migration that was planned with it, and to the next one

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::cancel::catalog;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Cli, Output, Pair};
use crate::support::source::{self, Workplace};
use crate::vectors::has_pgvector;

const SCRIPT: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, born DATE, secret TEXT, joined DATETIME);
    INSERT INTO users VALUES (1, 'ann', '2000-01-02', 's', '2024-01-02 03:04:05.000001'),
                             (2, 'bob', '', 't', '2024-01-02 03:04:05.000002');
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user INT REFERENCES users, payload JSON);
    INSERT INTO orders VALUES (1, 1, '{\"a\": 1}');
    CREATE TABLE sessions(k TEXT PRIMARY KEY, v TEXT);
    INSERT INTO sessions VALUES ('x', 'y');";

/// A pair, and the plan file beside the source
struct Scene {
    work: Workplace,
    pair: Pair,
    file: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        let work = Workplace::new();
        let pair = Pair::new(work.database(SCRIPT), fresh_database());
        let file = work.path("crossfade.toml");
        Scene { work, pair, file }
    }

    fn path(&self) -> &str {
        self.file.to_str().expect("a path in UTF-8")
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("a plan file")
    }

    /// `plan --out`, by which the file is written or written again
    fn plan(&self) -> Output {
        self.pair.verb("plan").args(&["--out", self.path()]).run()
    }

    fn edit(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "no {from:?} in\n{text}");
        fs::write(&self.file, text.replacen(from, to, 1)).expect("an edit");
    }

    fn run(&self, options: &[&str]) -> Output {
        self.pair.verb("run").args(&["--until", "in-sync"]).args(options).run()
    }

    fn with_file(&self) -> Output {
        self.run(&["--config", self.path()])
    }

    fn columns(&self, table: &str) -> String {
        let sql = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) \
                   FROM pg_attribute WHERE attrelid = to_regclass('$1') AND attnum > 0 AND NOT attisdropped";
        Pg::connect(&self.pair.target).value(&sql.replace("$1", table)).unwrap_or_default()
    }

    fn edited(&self) {
        self.plan().expect_code(0);
        self.edit("name = \"text\"", "# Ann asked for it\nname = \"varchar(20)\"");
        self.edit("secret = \"text\"", "secret = { skip = true } # never leaves");
        self.edit("%S.6\" }", "%S.6?\" }");
        self.edit("[tables.orders] ", "[tables.orders]\nrename = \"purchases\" ");
        self.edit("payload = \"jsonb\"", "payload = { type = \"jsonb\", index = \"gin\" }");
        self.edit("[tables.sessions] ", "[tables.sessions]\nskip = true ");
    }
}

#[test]
fn a_plan_is_written_edited_and_followed() {
    let scene = Scene::new();
    scene.edited();
    scene.plan().expect_code(0);
    let text = scene.text();
    for kept in ["# Ann asked for it\nname = \"varchar(20)\"", "# never leaves", "rename = \"purchases\"", "%S.6?\" }"]
    {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    let output = scene.plan().expect_code(0);
    assert_eq!(scene.text(), text, "nothing has changed");
    let from_file = scene.pair.verb("plan").args(&["--config", scene.path()]).run().expect_code(0);
    assert_eq!(from_file.stdout, output.stdout);
    scene.with_file().expect_code(0);
    let users = "id bigint, name character varying(20), born text, joined timestamp without time zone";
    assert_eq!(scene.columns("users"), users);
    assert_eq!(scene.columns("purchases"), "id bigint, \"user\" bigint, payload jsonb".replace('"', ""));
    assert_eq!([scene.columns("orders"), scene.columns("sessions")], ["", ""]);
    let target = Pg::connect(&scene.pair.target);
    let index = target.value("SELECT pg_get_indexdef('purchases_payload_idx'::regclass)").unwrap_or_default();
    assert!(index.contains("USING gin (payload)"), "{index}");
    // What the planner would not have taken: all six digits, or none where they are zero.
    let live = "INSERT INTO users VALUES (3, 'eve', NULL, 'u', '2024-01-02 03:04:05'); UPDATE sessions SET v = 'z';
                UPDATE orders SET payload = '[2]'; UPDATE users SET secret = 'other' WHERE id = 1";
    source::open(&scene.pair.source).execute_batch(live).expect("writes");
    scene.with_file().expect_code(0);
    scene.pair.verify();
    assert_eq!(target.value("SELECT joined::text FROM users WHERE id = 3").as_deref(), Some("2024-01-02 03:04:05"));
    let status = scene.pair.status();
    assert!(!status.to_string().contains("not followed"), "a skipped table is no news: {status}");
}

#[test]
fn a_migration_under_way_keeps_to_its_plan() {
    let scene = Scene::new();
    scene.edited();
    scene.with_file().expect_code(0);
    // Settings are no choices, and neither is a run without any.
    scene.edit("source =", "workers = 1\nlog_limit = 9000\nchunk_bytes = 70000\nsource =");
    scene.with_file().expect_code(0);
    scene.run(&[]).expect_code(0);
    let before = catalog(&scene.pair.target);
    scene.edit("varchar(20)", "varchar(21)");
    scene.with_file().expect_code(3).expect_error("crossfade cancel");
    let shown = scene.pair.verb("plan").args(&["--config", scene.path()]).run().expect_code(0);
    assert!(shown.stderr.contains("chooses something else") && shown.stdout.contains("varchar(20)"), "{shown}");
    scene.plan().expect_code(7).expect_error("under way");
    assert_eq!(catalog(&scene.pair.target), before);
    scene.pair.verb("cancel").args(&["--config", scene.path()]).run().expect_code(0);
    scene.with_file().expect_code(0);
    assert!(scene.columns("users").contains("character varying(21)"), "{}", scene.columns("users"));
}

#[test]
fn all_mistakes_are_refused_at_once_and_nothing_is_touched() {
    let scene = Scene::new();
    scene.plan().expect_code(0);
    scene.edit("name = \"text\"", "name = \"varchar(2)\"");
    scene.edit("born = \"text\"", "born = \"date\"");
    scene.edit("secret = \"text\"", "secret = \"strin\"");
    scene.edit("[tables.sessions]", "[tables.sesions]");
    scene.edit("[tables.sessions.columns]\nk = ", "[tables.sessions.columns]\nk = { skip = true }\nkk = ");
    let before = (source::schema_text(&scene.pair.source), catalog(&scene.pair.target));
    let refused = scene.with_file().expect_code(3).expect_error("6 refusal(s)");
    assert_eq!((source::schema_text(&scene.pair.source), catalog(&scene.pair.target)), before);
    let plan = scene.pair.verb("plan").args(&["--config", scene.path(), "--json"]).run().expect_code(3).json();
    assert_eq!(plan["refusals"].as_array().map(Vec::len), Some(6), "{plan}");
    for named in [
        "users.name: cannot become varchar(2): 2 of 2 values do not fit",
        "users.born: cannot become date: 1 of 2 values does not fit",
        "e.g. id=2",
        "there is no type `strin`",
        "sesions: the plan file names a table that the source does not have",
        "sessions.k: cannot be skipped",
    ] {
        assert!(refused.stderr.contains(named), "{named}\n{refused}");
    }
}

#[test]
fn what_the_source_has_no_more_is_marked_and_what_is_new_is_added() {
    let scene = Scene::new();
    scene.edited();
    let change = "DROP TABLE sessions; ALTER TABLE users DROP COLUMN name; ALTER TABLE orders ADD COLUMN placed DATE;
                  CREATE TABLE extra(id INTEGER PRIMARY KEY)";
    source::open(&scene.pair.source).execute_batch(change).expect("a migration");
    scene.with_file().expect_code(3).expect_error("sessions");
    let output = scene.plan().expect_code(0);
    assert!(output.stderr.contains("`users.name` is not in the source"), "{output}");
    let text = scene.text();
    for line in [
        "\n# gone from the source: [tables.sessions]\n# gone from the source: skip = true\n",
        "\n# Ann asked for it\n# gone from the source: name = \"varchar(20)\"\n",
        "\nplaced = \"text\" ",
        "\n[tables.extra] #: 0 rows, key id\n",
        "rename = \"purchases\"",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    scene.plan().expect_code(0);
    assert_eq!(scene.text(), text);
    scene.with_file().expect_code(0);
}

#[test]
fn errors_name_the_line_and_never_quote_it() {
    let scene = Scene::new();
    for (text, line) in [
        ("source = \"app.db\"\ntarget = \"postgres://u:s3cret@h/d\nworkers = 1\n", 2),
        ("target = 's3cret'\n\n[tables.users]\nskipp = true\n", 4),
        ("workers = \"s3cret\"\n", 1),
        ("target = \"postgres://u:s3cret@h/d\"\n[tables.users.columns]\nname = 7\n", 3),
    ] {
        fs::write(&scene.file, text).expect("a file");
        for verb in ["plan", "run", "status", "cancel"] {
            let output = Cli::new([verb, "--config", scene.path()]).run().expect_code(2);
            let output = output.expect_error(&format!("not valid at line {line}: "));
            assert!(!output.stderr.contains("s3cret"), "{output}");
        }
    }
}

#[test]
fn no_file_is_lost() {
    let scene = Scene::new();
    // Only its owner reads a file with a password, whatever it is written with.
    fs::write(&scene.file, "# the shop\ntarget = \"postgres://u:s3cret@h/d\"\n").expect("a file");
    fs::set_permissions(&scene.file, fs::Permissions::from_mode(0o600)).expect("permissions");
    let link = scene.work.path("link.toml");
    std::os::unix::fs::symlink(&scene.file, &link).expect("a link");
    let link = link.to_str().expect("a path in UTF-8");
    let output = scene.pair.verb("plan").args(&["--out", link]).run().expect_code(0);
    assert!(!output.stdout.contains("s3cret") && !output.stderr.contains("s3cret"), "{output}");
    assert!(fs::symlink_metadata(link).expect("the link").is_symlink());
    assert_eq!(fs::metadata(&scene.file).expect("the file").permissions().mode() & 0o777, 0o600);
    let text = scene.text();
    assert!(
        text.contains("# the shop\ntarget = \"postgres://u:s3cret@h/d\"\n") && text.contains("[tables.users]"),
        "{text}"
    );
    // Another file would lose its edits.
    let other = scene.work.path("other.toml");
    fs::write(&other, "workers = 3\n").expect("a file");
    let config = other.to_str().expect("a path in UTF-8");
    let refused = scene.pair.verb("plan").args(&["--config", config, "--out", scene.path()]).run();
    refused.expect_code(2).expect_error("there already");
    assert_eq!(scene.text(), text);
    // A new one takes over what is given.
    let new = scene.work.path("new.toml");
    let out = new.to_str().expect("a path in UTF-8");
    scene.pair.verb("plan").args(&["--config", config, "--out", out]).run().expect_code(0);
    assert!(fs::read_to_string(&new).expect("the new file").contains("workers = 3\n"));
    let nowhere = scene.work.path("no/such/folder.toml");
    let nowhere = nowhere.to_str().expect("a path in UTF-8");
    scene.pair.verb("plan").args(&["--out", nowhere]).run().expect_code(2).expect_error("cannot write");
    let left = fs::read_dir(scene.work.0.path()).expect("the folder").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".new")).count();
    assert_eq!(left, 0, "a half-written file was left");
}

/// The same for tables that stand on the target already, where the file says which forms the texts have
#[test]
fn a_schema_that_stands_has_a_plan_file_too() {
    let scene = Scene::new();
    let given = "CREATE TABLE users(id int PRIMARY KEY, name varchar(20), born text, secret text, joined timestamp);
                 CREATE TABLE orders(id int PRIMARY KEY, \"user\" int REFERENCES users, payload jsonb)";
    Pg::connect(&scene.pair.target).execute(given);
    let existing = ["--schema", "existing", "--out", scene.path()];
    scene.pair.verb("plan").args(&existing).run().expect_code(3).expect_error("");
    scene.edit("[tables.", "[tables.sessions]\nskip = true\n\n[tables.");
    let text = scene.text();
    assert!(text.contains("schema = \"existing\"") && text.contains("name = \"character varying(20)\""), "{text}");
    scene.edit("%S.6\" }", "%S.6?\" }");
    let plan = scene.plan().expect_code(0);
    let text = scene.text();
    assert!(text.contains("%S.6?\" }") && text.contains("[tables.sessions]\nskip = true\n"), "{text}");
    assert_eq!(scene.plan().expect_code(0).stdout, plan.stdout);
    assert_eq!(scene.text(), text);
    scene.with_file().expect_code(0);
    let live = "INSERT INTO users VALUES (3, 'eve', NULL, 'u', '2024-01-02 03:04:05')";
    source::open(&scene.pair.source).execute_batch(live).expect("writes");
    scene.with_file().expect_code(0);
    scene.pair.verify();
    scene.edit("%S.6?\" }", "%S.6\" }");
    scene.with_file().expect_code(3).expect_error("chooses something else");
}

/// What the command line says about names is in the file too, so that the file alone makes the same plan
#[test]
fn identifiers_of_the_command_line_are_written_down() {
    let scene = Scene::new();
    source::open(&scene.pair.source)
        .execute_batch("CREATE TABLE \"Mixed\"(\"Id\" INTEGER PRIMARY KEY)")
        .expect("a table");
    let lower = ["--identifiers", "lower", "--out", scene.path()];
    let planned = scene.pair.verb("plan").args(&lower).run().expect_code(0).stdout;
    assert!(planned.contains("mixed"), "{planned}");
    let text = fs::read_to_string(&scene.file).expect("the plan file");
    assert!(text.contains("identifiers = \"lower\""), "{text}");
    let again = scene.pair.verb("plan").args(&["--config", scene.path()]).run().expect_code(0).stdout;
    assert_eq!(again, planned);
    scene.pair.verb("plan").args(&["--out", scene.path()]).run().expect_code(0);
    assert_eq!(fs::read_to_string(&scene.file).expect("the plan file"), text);
    scene.pair.verb("plan").args(&["--identifiers", "keep", "--out", scene.path()]).run().expect_code(0);
    let kept = fs::read_to_string(&scene.file).expect("the plan file");
    assert!(kept.contains("identifiers = \"keep\"") && !kept.contains("lower"), "{kept}");
}

#[test]
fn types_of_extensions_need_their_extension() {
    let scene = Scene::new();
    scene.plan().expect_code(0);
    scene.edit("name = \"text\"", "name = \"citext\"");
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'";
    if Pg::connect(&scene.pair.target).value(available).as_deref() == Some("0") {
        scene.with_file().expect_code(3).expect_error("cannot become citext: the extension");
        return;
    }
    scene.with_file().expect_code(0);
    assert!(scene.columns("users").contains("name citext"), "{}", scene.columns("users"));
    scene.pair.verify();
}

#[test]
fn vectors_are_in_the_file_too() {
    if !has_pgvector("planfile::vectors_are_in_the_file_too") {
        return;
    }
    let work = Workplace::new();
    let script = "CREATE TABLE t(id INTEGER PRIMARY KEY, embedding BLOB, doubles_embedding TEXT, other TEXT);
                  INSERT INTO t VALUES (1, x'0000803f00000040', '[0.123456789012345, 2.0]', '[1.0, 2.0]')";
    let pair = Pair::new(work.database(script), fresh_database());
    let scene = Scene { file: work.path("crossfade.toml"), work, pair };
    let plan = scene.plan().expect_code(0);
    let text = scene.text();
    let lines = [
        "embedding = { type = \"vector(2)\", index = \"hnsw:cosine\" }",
        "doubles_embedding = { type = \"text\", index = \"hnsw:cosine\" }",
    ];
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");
    let again = scene.pair.verb("plan").args(&["--config", scene.path()]).run().expect_code(0);
    assert_eq!(again.stdout, plan.stdout, "{text}");
    scene.edit("index = \"hnsw:cosine\" }", "index = \"hnsw:l2\" }");
    scene.edit("doubles_embedding = { type = \"text\", index = \"hnsw:cosine\" }", "doubles_embedding = \"text\"");
    scene.edit("other = \"text\"", "other = \"vector(2)\"");
    scene.with_file().expect_code(0);
    assert_eq!(scene.columns("t"), "id bigint, embedding vector(2), doubles_embedding text, other vector(2)");
    let index = "SELECT string_agg(indexdef, '; ') FROM pg_indexes WHERE indexdef LIKE '%vector_l2_ops%'";
    assert!(Pg::connect(&scene.pair.target).value(index).is_some_and(|sql| sql.contains("embedding")));
    scene.pair.verify();
    scene.pair.verb("cancel").run().expect_code(0);
    scene.edit("other = \"vector(2)\"", "other = \"vector(3)\"");
    scene.with_file().expect_code(3).expect_error("t.other: cannot become a vector: its values have 2 dimensions");
}
