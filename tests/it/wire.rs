//! Columns that the target computes, numbers or types in its own way, written and read back through a real server

use bytes::Bytes;
use crossfade::model::change::{Batch, Rows};
use crossfade::model::decode::decode_field;
use crossfade::model::mapping::{Mapping, Misfit};
use crossfade::model::phase::Phase;
use crossfade::model::plan::{Check, ColumnPlan, Identity, Mode, Plan, TablePlan};
use crossfade::model::schema::{Key, KeyKind, Table};
use crossfade::model::value::Value;
use crossfade::postgres::apply::Applier;
use crossfade::postgres::connect::Target;
use crossfade::postgres::control::{self, Checkpoint, State};
use crossfade::postgres::copy::{CopyStream, relation};
use crossfade::postgres::{ddl, rows, trial};

use crate::support::fresh_database;
use crate::support::pg::Pg;

const CITEXT: &str = "SELECT 1 FROM pg_available_extensions WHERE name = 'citext'";

/// Key `mood` (an enum) and `n`; `id` is numbered by the target, `sum` computed, `name` limited to three characters
fn table() -> TablePlan {
    let mut columns = [
        ("id", Mapping::Bigint),
        ("mood", Mapping::Text),
        ("sum", Mapping::Bigint),
        ("n", Mapping::Bigint),
        ("name", Mapping::Text),
    ]
    .map(|(name, mapping)| {
        let column = ColumnPlan::new(format!("\"{name}\""), None, mapping, false);
        ColumnPlan { target_name: name.into(), ..column }
    });
    columns[0].identity = Some(Identity::ByDefault);
    columns[1].type_sql = "public.\"Mood\"".into();
    columns[1].check = Check::Labels(vec!["ok".into(), "so so".into()]);
    columns[2].generated = Some("n + 1".into());
    columns[4].type_sql = "varchar(3)".into();
    columns[4].check = Check::Chars(3);
    let source = Table {
        name: "t".into(),
        sql: String::new(),
        without_rowid: false,
        strict: false,
        columns: Vec::new(),
        primary_key: Vec::new(),
        rowid_alias: None,
        rowid_name: None,
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
    };
    TablePlan {
        id: 1,
        target_name: "t".into(),
        columns: columns.into(),
        key_columns: vec![1, 3],
        key_constraint: "k".into(),
        ..TablePlan::new(source, Key::new(KeyKind::PrimaryKey, Vec::new()))
    }
}

fn row<'v>(id: i64, mood: &'v str, n: i64, name: &'v str) -> [Value<'v>; 4] {
    [Value::Integer(id), Value::Text(mood.as_bytes()), Value::Integer(n), Value::Text(name.as_bytes())]
}

fn push(rows: &mut Rows, table: &TablePlan, values: &[Value<'_>]) -> Result<(), Misfit> {
    for (place, ((_, column), value)) in table.copied_columns().zip(values).enumerate() {
        rows.push(place, column, *value)?;
    }
    rows.end_row();
    Ok(())
}

fn keys(table: &TablePlan, wanted: &[(&str, i64)]) -> Rows {
    let mut keys = Rows::new(table.key_plans());
    for (mood, n) in wanted {
        let parts = [Value::Text(mood.as_bytes()), Value::Integer(*n)];
        for (place, (column, part)) in table.key_plans().zip(parts).enumerate() {
            keys.push(place, column, part).unwrap();
        }
        keys.end_row();
    }
    keys.seal();
    keys
}

fn tuple(table: &TablePlan, values: &[Value<'_>]) -> Bytes {
    let mut bytes = (values.len() as i16).to_be_bytes().to_vec();
    for ((_, column), value) in table.copied_columns().zip(values) {
        column.encode(&mut bytes, *value).unwrap();
    }
    Bytes::from(bytes)
}

/// The database with the table, and the one that writes to it
async fn prepare(url: &str, plan: &Plan) -> Applier {
    let mut client = Target::parse(url).unwrap().connect("wire test").await.unwrap();
    client.batch_execute("CREATE TYPE public.\"Mood\" AS ENUM ('ok', 'so so')").await.unwrap();
    let state = State {
        source_id: "s".into(),
        source_path: "s".into(),
        phase: Phase::Following,
        plan: plan.clone(),
        log_limit: 0,
        schema_version: None,
        repair_reason: None,
    };
    control::initialise(&mut client, &state).await.unwrap();
    assert_eq!(control::load(&client).await.unwrap().unwrap().plan, *plan, "the plan survives being stored");
    let table = &plan.tables[0];
    client.batch_execute(&ddl::create_table(plan, table)).await.unwrap();
    client.batch_execute(&ddl::add_key(plan, table)).await.unwrap();
    let run_id = control::take_over(&client).await.unwrap();
    Applier::new(client, plan, run_id).await.unwrap()
}

async fn apply(applier: &mut Applier, table: &TablePlan, deletes: Rows, mut upserts: Rows) {
    upserts.seal();
    applier
        .apply(table, &Batch { table_id: 1, deletes, upserts, whole: Vec::new(), quarantine: Default::default() })
        .await
        .unwrap();
    applier.commit(Checkpoint { seq: 1, nonce: 1, consistent: true }).await.unwrap();
}

fn plan(identity: Identity) -> Plan {
    let mut table = table();
    table.columns[0].identity = Some(identity);
    Plan { tables: vec![table], ..Plan::empty(Mode::Create, "public") }
}

/// What the server will not compute is known before a table is made, and trying it leaves nothing behind
#[test]
fn computed_columns_are_tried_on_the_server() {
    let (url, mut plan) = (fresh_database(), plan(Identity::ByDefault));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Target::parse(&url).unwrap().connect("wire test").await.unwrap();
        // The type of one column is still to be created, which says nothing against another one's expression.
        assert_eq!(trial::refused(&client, &plan).await.unwrap(), []);
        plan.tables[0].columns[1].type_sql = "text".into();
        assert_eq!(trial::refused(&client, &plan).await.unwrap(), []);
        for (expression, said) in [("n + random()::bigint", "not immutable"), ("nonsense(n)", "does not exist")] {
            plan.tables[0].columns[2].generated = Some(expression.into());
            let refused = trial::refused(&client, &plan).await.unwrap();
            assert!(refused.len() == 1 && refused[0].1.contains(said), "{refused:?}");
        }
        let left = client.query_one("select to_regclass('_crossfade_trial') is null", &[]).await.unwrap();
        assert!(left.get::<_, bool>(0));
    });
}

/// Values go where they belong although the target has a column more, and an element type less
#[test]
fn i10_columns_that_postgres_computes_numbers_or_names_are_written_around() {
    let (url, plan) = (fresh_database(), plan(Identity::ByDefault));
    let table = &plan.tables[0];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let read = runtime.block_on(async {
        let mut applier = prepare(&url, &plan).await;
        let mut stream = CopyStream::begin(applier.client(), &relation(&plan, table), table, false).await.unwrap();
        for values in [row(70, "ok", 1, "abc"), row(80, "so so", 2, "\u{e9}\u{e9}\u{e9}")] {
            stream.send(tuple(table, &values)).await.unwrap();
        }
        assert_eq!(stream.finish().await.unwrap(), 2);
        let mut upserts = Rows::new(table.copied_columns().map(|(_, column)| column));
        push(&mut upserts, table, &row(71, "ok", 1, "new")).unwrap();
        // Taken back after a NULL, which leaves the array's flag for NULL set.
        let bad = [Value::Null, Value::Text(b"sad"), Value::Integer(5), Value::Null];
        assert_eq!(push(&mut upserts, table, &bad), Err(Misfit::Label));
        upserts.undo_row();
        push(&mut upserts, table, &row(90, "so so", 3, "")).unwrap();
        apply(&mut applier, table, keys(table, &[("so so", 2), ("ok", 9)]), upserts).await;
        let (wanted, mut read) = (keys(table, &[("so so", 3), ("ok", 2)]), Vec::new());
        let visit =
            |row: &[Option<&[u8]>]| read.push(row.iter().map(|field| field.map(<[u8]>::to_vec)).collect::<Vec<_>>());
        rows::by_keys(applier.client(), &plan, table, &wanted, visit).await.unwrap();
        read
    });
    let stored = Pg::connect(&url).query("SELECT id, mood, sum, n, name FROM t ORDER BY n");
    let text = |row: &Vec<Option<String>>| row.iter().map(|v| v.clone().unwrap_or_default()).collect::<Vec<_>>();
    let stored: Vec<Vec<String>> = stored.iter().map(text).collect();
    assert_eq!(stored, [["71", "ok", "2", "1", "new"], ["90", "so so", "4", "3", ""]]);
    let (mut scratch, mut decoded) = (Vec::new(), Vec::new());
    assert_eq!(read.len(), 1);
    for ((_, column), field) in table.compared_columns(plan.mode).zip(&read[0]) {
        let value = decode_field(field.as_deref(), column.mapping, &mut scratch).unwrap();
        decoded.push(format!("{value:?}"));
    }
    // What the target computes is read too, to be compared.
    let [id, mood, n, name] = row(90, "so so", 3, "");
    assert_eq!(decoded, [id, mood, Value::Integer(4), n, name].map(|value| format!("{value:?}")));
}

/// A column GENERATED ALWAYS AS IDENTITY takes given values only if the statement says so
#[test]
fn i10_values_of_an_identity_column_are_those_of_the_source() {
    let (url, mut plan) = (fresh_database(), plan(Identity::Always));
    // PostgreSQL updates no such column, so it is the key here.
    plan.tables[0].key_columns = vec![0];
    let table = &plan.tables[0];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut applier = prepare(&url, &plan).await;
        for name in ["old", "new"] {
            let mut upserts = Rows::new(table.copied_columns().map(|(_, column)| column));
            push(&mut upserts, table, &row(41, "ok", 1, name)).unwrap();
            apply(&mut applier, table, Rows::new(table.key_plans()), upserts).await;
        }
    });
    let pg = Pg::connect(&url);
    assert_eq!(pg.value("SELECT string_agg(id || name, ',') FROM t").as_deref(), Some("41new"));
}

/// Compared as text, `citext` would find neither its equal spellings nor its index
#[test]
fn i10_citext_keys_are_compared_as_citext() {
    let (url, mut plan) = (fresh_database(), plan(Identity::ByDefault));
    let pg = Pg::connect(&url);
    if pg.value(CITEXT).is_none() {
        println!("skipped: this PostgreSQL has no citext");
        return;
    }
    pg.execute("CREATE EXTENSION citext SCHEMA public");
    let table = &mut plan.tables[0];
    table.columns[4].type_sql = "public.citext".into();
    table.columns[4].check = Check::None;
    table.key_columns = vec![4];
    let table = &plan.tables[0];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut applier = runtime.block_on(prepare(&url, &plan));
    let rows = || Rows::new(table.copied_columns().map(|(_, column)| column));
    for name in ["Eve", "EVE"] {
        let mut upserts = rows();
        push(&mut upserts, table, &row(1, "ok", 1, name)).unwrap();
        runtime.block_on(apply(&mut applier, table, Rows::new(table.key_plans()), upserts));
    }
    assert_eq!(pg.value("SELECT string_agg(name::text, ',') FROM t").as_deref(), Some("EVE"));
    let mut deletes = Rows::new(table.key_plans());
    deletes.push(0, &table.columns[4], Value::Text(b"eve")).unwrap();
    deletes.end_row();
    deletes.seal();
    runtime.block_on(apply(&mut applier, table, deletes, rows()));
    assert_eq!(pg.value("SELECT count(*) FROM t").as_deref(), Some("0"));
}
