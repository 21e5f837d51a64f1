//! `plan --schema existing` against schemas that stand on a real server: what the catalog says, what fits, what is refused

/// Schemas as the frameworks' own migrations make them
mod frameworks;

use crossfade::model::plan::Identity;
use crossfade::model::target::{Catalog, Kind, TargetTable};
use crossfade::postgres::catalog;
use serde_json::Value;

use crate::support::cluster::shared;
use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::{Output, Pair};
use crate::support::source::Workplace;

/// A source and a target made by these scripts
fn pair(work: &Workplace, source: &str, target: &str) -> Pair {
    let pair = Pair::new(work.database(source), fresh_database());
    Pg::connect(&pair.target).execute(target);
    pair
}

fn plan(pair: &Pair) -> Output {
    pair.verb("plan").args(&["--schema", "existing"]).run()
}

/// The whole plan, which must be ready
fn ready(source: &str, target: &str) -> Value {
    let work = Workplace::new();
    let pair = pair(&work, source, target);
    let plan = pair.verb("plan").args(&["--schema", "existing", "--json"]).run().expect_code(0).json();
    assert_eq!(
        Pg::connect(&pair.target).value("SELECT to_regnamespace('crossfade')::text"),
        None,
        "nothing is written"
    );
    plan
}

/// `object: message` of each refusal
fn refusals(source: &str, target: &str) -> Vec<String> {
    let work = Workplace::new();
    let pair = pair(&work, source, target);
    told(&pair.verb("plan").args(&["--schema", "existing", "--json"]).run().expect_code(3).json(), "refusals")
}

fn told(plan: &Value, what: &str) -> Vec<String> {
    let words = |notice: &Value| {
        format!("{}: {}", notice["object"].as_str().unwrap_or(""), notice["message"].as_str().unwrap_or(""))
    };
    plan[what].as_array().expect("a list").iter().map(words).collect()
}

fn read_catalog(script: &str) -> Catalog {
    let url = fresh_database();
    Pg::connect(&url).execute(script);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        catalog::read(&mut client, "public").await.unwrap_or_else(|e| panic!("{}", e.report()))
    })
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a TargetTable {
    catalog.tables.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("no {name} in {catalog:?}"))
}

#[test]
fn types_are_read_through_their_domains() {
    let catalog = read_catalog(
        "CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('sad', 'it''s \"ok\"');
         CREATE EXTENSION citext SCHEMA other;
         CREATE DOMAIN short AS varchar(9) NOT NULL DEFAULT 'x'; CREATE DOMAIN shorter AS short CHECK (VALUE <> '');
         CREATE DOMAIN feeling AS other.mood; CREATE DOMAIN pair AS integer[];
         CREATE TYPE duo AS (a int, b int);
         CREATE TABLE t (a shorter, b feeling, c pair, d other.citext, e varchar(3)[], f numeric(12,4), g char(5),
           h timestamp(3) with time zone, i duo, j other.mood[], k \"char\", l int4range, m interval, n tsvector,
           o text COLLATE \"C\", p duo[], \"Q q\" time(0))",
    );
    let base = |name: &str, modifier| Kind::Base { name: name.into(), modifier };
    let array = |element: &str, modifier| Kind::Array { element: element.into(), modifier };
    let labels = Kind::Enum(vec!["sad".into(), "it's \"ok\"".into()]);
    let expected = [
        ("a", "public.shorter", base("varchar", 13)),
        ("b", "public.feeling", labels),
        ("c", "public.pair", array("int4", -1)),
        ("d", "other.citext", base("citext", -1)),
        ("e", "character varying(3)[]", array("varchar", 7)),
        ("f", "numeric(12,4)", base("numeric", (12 << 16) + 4 + 4)),
        ("g", "character(5)", base("bpchar", 9)),
        ("h", "timestamp(3) with time zone", base("timestamptz", 3)),
        ("i", "public.duo", Kind::Other),
        ("j", "other.mood[]", Kind::Other),
        ("k", "\"char\"", base("char", -1)),
        ("l", "int4range", Kind::Other),
        ("m", "interval", base("interval", -1)),
        ("n", "tsvector", base("tsvector", -1)),
        ("o", "text", base("text", -1)),
        ("p", "public.duo[]", Kind::Other),
        ("Q q", "time(0) without time zone", base("time", 0)),
    ];
    let columns = &table(&catalog, "t").columns;
    for (column, (name, type_sql, kind)) in columns.iter().zip(&expected) {
        assert_eq!((column.name.as_str(), column.type_sql.as_str(), &column.kind), (*name, *type_sql, kind));
    }
    assert_eq!(columns.len(), expected.len());
    // NOT NULL and DEFAULT are the domain's.
    assert_eq!((columns[0].not_null, columns[0].default.as_deref()), (true, Some("'x'::character varying")));
}

#[test]
fn columns_say_what_fills_them() {
    let catalog = read_catalog(
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int GENERATED BY DEFAULT AS IDENTITY, c serial,
           d int GENERATED ALWAYS AS (1 + 1) STORED, e text DEFAULT 'x', f text NOT NULL);
         ALTER TABLE t ADD COLUMN gone int; ALTER TABLE t DROP COLUMN gone",
    );
    let columns = &table(&catalog, "t").columns;
    let identities: Vec<_> = columns.iter().map(|column| column.identity).collect();
    assert_eq!(identities[..3], [Some(Identity::Always), Some(Identity::ByDefault), None]);
    assert_eq!(columns[2].default.as_deref(), Some("nextval('public.t_c_seq'::regclass)"));
    assert_eq!((columns[3].generated.as_deref(), &columns[3].default), (Some("(1 + 1)"), &None));
    let fills: Vec<bool> = columns.iter().map(|column| column.fills_itself()).collect();
    assert_eq!(fills, [true, true, true, true, true, false]);
}

/// Some builds of the server have no ICU, and then no such collations either
#[test]
fn columns_that_take_two_texts_for_one_are_known() {
    let database = fresh_database();
    if Pg::connect(&database).value("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'").is_none() {
        eprintln!("SKIPPED: columns_that_take_two_texts_for_one_are_known (the server has no ICU)");
        return;
    }
    let catalog = read_catalog(
        "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (a text, b text COLLATE folding)",
    );
    let folds: Vec<bool> = table(&catalog, "t").columns.iter().map(|column| column.folds).collect();
    assert_eq!(folds, [false, true]);
}

#[test]
fn indexes_keys_and_triggers_are_read() {
    let catalog = read_catalog(
        "CREATE TABLE p (a int, b text, c int, PRIMARY KEY (b, a), UNIQUE (c) DEFERRABLE);
         CREATE UNIQUE INDEX q ON p (c, lower(b)) INCLUDE (a) WHERE a > 1; CREATE INDEX r ON p (c);
         CREATE UNIQUE INDEX s ON p (c) NULLS NOT DISTINCT;
         CREATE SCHEMA other; CREATE TABLE other.o (x text, y int, FOREIGN KEY (y, x) REFERENCES p (a, b));
         CREATE TABLE f (x text, y int, FOREIGN KEY (y, x) REFERENCES p (a, b) ON DELETE CASCADE ON UPDATE SET NULL
           DEFERRABLE INITIALLY DEFERRED);
         CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE d (t text, v tsvector);
         CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON d FOR EACH ROW
           EXECUTE FUNCTION tsvector_update_trigger(v, 'pg_catalog.english', t);
         CREATE TRIGGER audit AFTER DELETE ON d FOR EACH ROW EXECUTE FUNCTION g();
         ALTER TABLE d ENABLE ALWAYS TRIGGER audit",
    );
    let p = table(&catalog, "p");
    let shape: Vec<_> =
        p.indexes.iter().map(|i| (i.name.as_str(), i.unique, i.columns.clone(), i.arbitrates)).collect();
    assert_eq!(
        shape,
        [
            ("p_pkey", true, vec![Some(1), Some(0)], true),
            ("p_c_key", true, vec![Some(2)], false),
            ("q", true, vec![Some(2), None], true),
            ("r", false, vec![Some(2)], true),
            ("s", true, vec![Some(2)], true),
        ]
    );
    let q = &p.indexes[2];
    assert_eq!((q.expressions.as_slice(), q.predicate.as_deref()), (&["lower(b)".to_owned()][..], Some("(a > 1)")));
    assert!(p.indexes[4].nulls_equal && !p.indexes[3].nulls_equal);
    let mut referrers = p.referrers.clone();
    referrers.sort();
    assert_eq!(referrers, ["f", "other.o"]);
    let key = &table(&catalog, "f").foreign_keys[0];
    assert_eq!((key.columns.join(" "), key.parent_columns.join(" ")), ("y x".into(), "a b".into()));
    assert_eq!((key.on_update.as_str(), key.on_delete.as_str(), key.deferred), ("SET NULL", "CASCADE", true));
    let triggers = &table(&catalog, "d").triggers;
    assert_eq!((triggers[0].name.as_str(), triggers[0].enabled, triggers[0].row_before), ("audit", 'A', false));
    assert_eq!((triggers[1].fills(), triggers[1].enabled), (Some("v"), 'O'));
    assert_eq!(triggers[1].arguments, ["v", "pg_catalog.english", "t"]);
}

#[test]
fn partitions_belong_to_their_table_and_others_are_no_tables() {
    let catalog = read_catalog(
        "CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);
         CREATE VIEW v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
         CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE x (a int) SERVER s;
         INSERT INTO part SELECT n, '2024-01-01' FROM generate_series(1, 5) n;
         INSERT INTO parent SELECT generate_series(1, 10001)",
    );
    let names: Vec<_> = catalog.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["child", "parent", "part"]);
    let part = table(&catalog, "part");
    assert_eq!((part.partitioned, part.inherited, part.rows, part.more_rows), (true, false, 5, false));
    let parent = table(&catalog, "parent");
    assert_eq!((parent.partitioned, parent.inherited, parent.rows, parent.more_rows), (false, true, 10_000, true));
    let others: Vec<_> = catalog.others.iter().map(|(name, what)| (name.as_str(), *what)).collect();
    assert_eq!(others, [("m", "a materialized view"), ("v", "a view"), ("x", "a foreign table")]);
}

/// Everything that can be wrong at once, each with its count, an example and what to do
#[test]
fn everything_wrong_is_refused_at_once() {
    let source = "
        CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY); INSERT INTO alembic_version VALUES('a1');
        CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(9), small INT, mood VARCHAR(9), name TEXT NOT NULL UNIQUE,
          at DATETIME, doc TEXT, need TEXT, gone TEXT, price REAL, list TEXT, flag BOOLEAN, uid CHAR(32), amount DECIMAL(5,2));
        INSERT INTO t VALUES
          (1, 'ok', 1, 'sad', 'Bob', '2024-01-02 03:04:05.123', '{}', 'x', NULL, 0.5, '[1]', 1,
           '00112233445566778899aabbccddeeff', 1.5),
          (2, 'toolong', 70000, 'angry', 'BOB', '2024-01-02 03:04:05.123456', '{', NULL, NULL, 0.1, '[1', 2, 'x', 1.234);
        CREATE TABLE missing (id INTEGER PRIMARY KEY); CREATE TABLE v (id INTEGER PRIMARY KEY);
        CREATE TABLE full (id INTEGER PRIMARY KEY);";
    let target = "
        CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('c3');
        CREATE TABLE t (id int PRIMARY KEY, code varchar(4), small int2, mood mood, name citext NOT NULL UNIQUE,
          at timestamp(3), doc jsonb, need text NOT NULL, price real, list int[], flag boolean, uid uuid,
          amount numeric(5,2), must text NOT NULL);
        CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE \"full\" (id int PRIMARY KEY); INSERT INTO \"full\" VALUES (7), (8);
        CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER audit AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); ALTER TABLE t ENABLE ALWAYS TRIGGER audit";
    let expected = [
        "alembic_version: the source is at revision a1, the target at c3",
        "t.gone: t has no column gone on the target",
        "missing: the schema public has no table missing",
        "v: v is a view on the target, to which nothing can be copied",
        "t.code -> code character varying(4): 1 of 2 values have more characters than character varying(4) takes, e.g. id=2",
        "t.small -> small smallint: 1 of 2 values do not fit smallint exactly, e.g. id=2",
        "t.mood -> mood public.mood: 1 of 2 values are no labels of public.mood (angry), e.g. id=2",
        "t.at -> at timestamp(3) without time zone: 1 of 2 values have more than 3 digits behind the seconds, which \
         timestamp(3) without time zone would cut off, e.g. id=2",
        "t.doc -> doc jsonb: 1 of 2 values do not fit jsonb: text that is not JSON, e.g. id=2",
        "t.need -> need text: 1 of 2 values are NULL, and the target has NOT NULL, e.g. id=2",
        "t.price -> price real: 1 of 2 values do not fit real exactly, e.g. id=2",
        "t.list -> list integer[]: 1 of 2 values are no JSON lists for integer[], all in one spelling, e.g. id=2",
        "t.flag -> flag boolean: 1 of 2 values are integers other than 0 and 1, e.g. id=2",
        "t.uid -> uid uuid: 1 of 2 values are texts in another form than most (1 UUIDs without hyphens, 1 of no known \
         form), e.g. id=2",
        "t.amount -> amount numeric(5,2): 1 of 2 values do not fit numeric(5,2) exactly, e.g. id=2",
        "t -> index t_name_key: unique over name on the target, in any case of letters, and 1 row has the values of \
         another, e.g. id=2",
        "full: full has 2 rows on the target",
        "trigger t.audit: acts on replicated rows too (ENABLE ALWAYS or REPLICA), and it is not known whether it may",
        "t -> t.must: NOT NULL without a DEFAULT on the target, and the source has no such column",
    ];
    assert_eq!(refusals(source, target), expected);
    let work = Workplace::new();
    let pair = pair(&work, source, target);
    let output = plan(&pair).expect_code(3).expect_error("the plan has 19 refusals");
    let remedies = output.stdout.lines().filter(|line| line.trim_start().starts_with("remedy: ")).count();
    assert!(remedies >= expected.len(), "{output}");
}

/// A role without any right is told every GRANT, and with them the plan is ready
#[test]
fn missing_rights_are_named_with_the_grants_that_give_them() {
    let work = Workplace::new();
    let source = "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE \"B b\" (id INTEGER PRIMARY KEY)";
    let target = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE \"B b\" (id int PRIMARY KEY)";
    let pair = pair(&work, source, target);
    let admin = Pg::connect(&pair.target);
    let database = admin.value("SELECT current_database()").expect("a name");
    let role = format!("app_{database}");
    admin.execute(&format!("CREATE ROLE {role} LOGIN; REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"));
    let limited = Pair::new(&pair.source, as_role(&pair.target, &role));
    let json = limited.verb("plan").args(&["--schema", "existing", "--json"]).run().expect_code(3).json();
    let remedies: Vec<&str> =
        json["refusals"].as_array().expect("a list").iter().filter_map(|refusal| refusal["remedy"].as_str()).collect();
    assert_eq!(remedies.len(), 4, "{remedies:?}");
    assert_eq!(
        remedies[3],
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON \"public\".\"a\", \"public\".\"B b\" TO \"{role}\";")
    );
    for remedy in remedies {
        admin.execute(remedy.trim_start_matches("as a superuser: "));
    }
    plan(&limited).expect_code(0);
    admin.execute(&format!("ALTER TABLE a ENABLE ROW LEVEL SECURITY; DROP OWNED BY {role}"));
    let told =
        told(&limited.verb("plan").args(&["--schema", "existing", "--json"]).run().expect_code(3).json(), "refusals");
    assert!(told.contains(&"a: row level security hides rows of a from us".to_owned()), "{told:?}");
    admin.execute(&format!("DROP ROLE {role}"));
}

/// The same URL for another role
fn as_role(url: &str, role: &str) -> String {
    let user = shared().url("x");
    let user = user.split("//").nth(1).and_then(|rest| rest.split(['@', ':']).next()).expect("a user").to_owned();
    url.replacen(&format!("//{user}"), &format!("//{role}"), 1)
}

#[test]
fn bookkeeping_is_compared_on_both_sides() {
    let source = |applied: &str| {
        format!(
            "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied datetime);
             INSERT INTO django_migrations(app, name) VALUES {applied};
             CREATE TABLE _prisma_migrations (id TEXT PRIMARY KEY, migration_name TEXT, finished_at DATETIME);
             INSERT INTO _prisma_migrations VALUES ('1', 'init', 1704164645123), ('2', 'failed', NULL);
             CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INT, is_applied INT);
             INSERT INTO goose_db_version VALUES (1, 0, 1), (2, 7, 1);
             CREATE TABLE ar_internal_metadata (key VARCHAR PRIMARY KEY, value VARCHAR);
             INSERT INTO ar_internal_metadata VALUES ('environment', 'development');
             CREATE TABLE t (id INTEGER PRIMARY KEY)"
        )
    };
    let target = "
        CREATE TABLE django_migrations (id bigserial PRIMARY KEY, app varchar(255), name varchar(255), applied timestamptz);
        INSERT INTO django_migrations(app, name) VALUES ('auth', '0001'), ('auth', '0002');
        CREATE TABLE _prisma_migrations (id text PRIMARY KEY, migration_name text, finished_at timestamptz);
        INSERT INTO _prisma_migrations VALUES ('9', 'init', now());
        CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint, is_applied boolean);
        INSERT INTO goose_db_version(version_id, is_applied) VALUES (0, true), (7, true);
        CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar);
        INSERT INTO ar_internal_metadata VALUES ('environment', 'production');
        CREATE TABLE t (id int PRIMARY KEY)";
    let plan = ready(&source("('auth', '0002'), ('auth', '0001')"), target);
    let skipped = told(&plan, "skipped");
    for line in [
        "django_migrations: bookkeeping of migrations: compared, equal (at auth.0002)",
        "_prisma_migrations: bookkeeping of migrations: compared, equal (at init)",
        "goose_db_version: bookkeeping of migrations: compared, equal (at 7.1)",
    ] {
        assert!(skipped.contains(&line.to_owned()), "{line} in {skipped:?}");
    }
    let environment = "ar_internal_metadata: bookkeeping of migrations: source has environment.development, target has \
                       environment.production";
    assert!(told(&plan, "warnings").contains(&environment.to_owned()));
    assert_eq!(plan["tables"].as_array().map(Vec::len), Some(1));
    let different = refusals(&source("('auth', '0001'), ('shop', '0001')"), target);
    let expected = "django_migrations: the migrations differ: the target lacks shop.0001, the source lacks auth.0002";
    assert_eq!(different, [expected]);
}
