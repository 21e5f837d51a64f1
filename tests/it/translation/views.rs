//! Views: the same rows on both sides

use crossfade::model::decode::decode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::sql::{self, EarlierView, ViewSql};
use tokio_postgres::types::Type;

use super::fixture::{COLUMNS, Sides, database, sides, value};
use crate::codec::RawField;
use crate::support::pg::quote;

const VIEWS: &[(&str, &str)] = &[
    ("some", "CREATE VIEW some AS SELECT id, n, t FROM t WHERE n > 0"),
    ("everything", "CREATE VIEW everything AS SELECT * FROM t"),
    ("quoted", "create view \"quoted\" as select T.ID AS \"the id\", [t].`N` n FROM main.t AS T -- a comment"),
    ("named", "CREATE VIEW named (a, b) AS SELECT id, nc FROM t WHERE nc = 'A'"),
    ("pairs", "CREATE VIEW pairs AS SELECT a.id, b.n AS other FROM t a JOIN t AS b ON a.m = b.m WHERE a.t < b.t"),
    ("perhaps", "CREATE VIEW perhaps AS SELECT a.id, b.id AS b_id, b.ts FROM t a LEFT JOIN t b ON b.n = a.m AND b.flag"),
    ("all_pairs", "CREATE VIEW all_pairs AS SELECT a.*, b.d AS bd FROM t a, t b WHERE a.id = b.id"),
    (
        "computed",
        "CREATE VIEW computed AS SELECT id, t || '!' AS bang, n % 10 AS ones, flag AND n > 0 AS fine, 5 AS five, 'x' AS x,
         NULL AS void, coalesce(t, u) AS either, d >= '2024-01-01' AS late, CASE WHEN n > 0 THEN 'p' ELSE 'q' END AS p FROM t",
    ),
    ("both", "CREATE VIEW both AS SELECT id, d FROM t WHERE d > '2024-01-01' UNION ALL SELECT m, d FROM t WHERE flag"),
    (
        "counts",
        "CREATE VIEW counts AS SELECT m, count(*) AS c, count(t) AS ct, sum(m) AS s, min(ts) AS lo, max(t) AS hi, max(d) AS hd,
         min(small) AS ms FROM t GROUP BY m",
    ),
    ("total", "CREATE VIEW total AS SELECT count(*) AS c, sum(m) AS s FROM t WHERE flag = 1"),
    ("by_text", "CREATE VIEW by_text AS SELECT count(*) AS c, t FROM t GROUP BY t"),
    ("second", "CREATE VIEW second AS SELECT x.id, s.t FROM t AS x JOIN some AS s ON s.id = x.id WHERE s.n < 100 AND s.t <> ''"),
    ("third", "CREATE VIEW third AS SELECT bang, late FROM computed WHERE bang IS NOT NULL"),
];

/// As both sides give them, in some order
#[test]
fn views_show_the_same_rows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sides = sides(&database(), "t", COLUMNS, 90).await;
        let tables = [sides.plan.clone()];
        let mut earlier: Vec<(String, String, ViewSql)> = Vec::new();
        for (name, create) in VIEWS {
            sides.sqlite.execute_batch(create).unwrap_or_else(|e| panic!("{create}: {e}"));
            let known: Vec<EarlierView<'_>> =
                earlier.iter().map(|(name, target_name, view)| EarlierView { name, target_name, view }).collect();
            let view = sql::view(create, &tables, &known, "public").unwrap_or_else(|e| panic!("{create}: {e}"));
            let columns: Vec<String> = view.columns.iter().map(|column| quote(&column.target_name)).collect();
            let statement = format!("CREATE VIEW {}_ ({}) AS {}", name, columns.join(", "), view.sql);
            sides.client.batch_execute(&statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
            let names: Vec<&str> = view.columns.iter().map(|column| column.name.as_str()).collect();
            let (source, target) = (source_rows(&sides, name, &names), target_rows(&sides, name).await);
            assert!(!source.is_empty() && source == target, "{statement}\n{source:?}\n{target:?}");
            earlier.push((name.to_string(), format!("{name}_"), view));
        }
    });
}

fn source_rows(sides: &Sides, view: &str, columns: &[&str]) -> Vec<String> {
    let mut statement = sides.sqlite.prepare(&format!("SELECT * FROM \"{view}\"")).unwrap();
    assert_eq!(statement.column_names().collect::<Vec<_>>(), columns, "{view}");
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns.len()).map(|at| format!("{:?}", value(row.get_ref(at).unwrap())));
        found.push(values.collect::<Vec<_>>().join(" "));
    }
    found.sort();
    found
}

async fn target_rows(sides: &Sides, view: &str) -> Vec<String> {
    let rows = sides.client.query(&format!("SELECT * FROM {view}_"), &[]).await.unwrap();
    let text = |row: &tokio_postgres::Row| {
        let values = row.columns().iter().enumerate().map(|(at, column)| {
            let field: Option<RawField> = row.get(at);
            let mapping = mapping(sides, column.name(), column.type_());
            let mut scratch = Vec::new();
            format!("{:?}", decode_field(field.as_ref().map(|f| &f.0[..]), mapping, &mut scratch).unwrap())
        });
        values.collect::<Vec<_>>().join(" ")
    };
    let mut found: Vec<String> = rows.iter().map(text).collect();
    found.sort();
    found
}

/// By the name of the table's column that is shown, else by the type
fn mapping(sides: &Sides, name: &str, kind: &Type) -> Mapping {
    let of = |name: &str| sides.plan.columns.iter().find(|column| column.target_name == name).unwrap().mapping;
    let shown =
        sides.plan.columns.iter().find(|column| column.target_name == name && column.mapping.oid() == kind.oid());
    if let Some(column) = shown {
        return column.mapping;
    }
    match *kind {
        Type::INT8 | Type::INT4 => {
            if *kind == Type::INT8 {
                Mapping::Bigint
            } else {
                Mapping::Integer
            }
        }
        Type::INT2 => Mapping::Smallint,
        Type::BOOL => of("flag_"),
        Type::TEXT => Mapping::Text,
        Type::DATE => of("d_"),
        Type::TIMESTAMP => of("ts_"),
        _ => panic!("{name} is of type {kind}"),
    }
}
