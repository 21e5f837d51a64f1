//! What is translated from SQLite's SQL gives the same on PostgreSQL: both engines are asked, row by row

use crossfade::model::decode::decode_field;
use crossfade::model::mapping::Mapping;
use crossfade::model::sql::{self, Scope};

use crate::codec::RawField;
use crate::support::rng::Rng;

mod defaults;
mod expressions;
mod fixture;
mod grammar;
mod views;

use fixture::{COLUMNS, Sides, database, sides, value};

const ROWS: usize = 260;
const SEEDS: u64 = 1500;

fn run(test: impl AsyncFnOnce(&Sides)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sides = sides(&database(), "t", COLUMNS, ROWS).await;
        test(&sides).await;
    });
}

impl Sides {
    /// The condition for every row of the source: true, false, or neither
    fn source_truths(&self, expr: &str) -> Result<Vec<Option<bool>>, rusqlite::Error> {
        let sql = format!("SELECT CASE WHEN ({expr}) THEN 1 WHEN NOT ({expr}) THEN 0 END FROM t ORDER BY id");
        let mut statement = self.sqlite.prepare(&sql)?;
        let rows = statement.query_map([], |row| row.get::<_, Option<bool>>(0))?;
        rows.collect()
    }

    async fn target_truths(&self, expr: &str) -> Result<Vec<Option<bool>>, tokio_postgres::Error> {
        let rows = self.client.query(&format!("SELECT ({expr}) FROM t_ ORDER BY id"), &[]).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    /// For every row the first one that has the same value
    fn source_groups(&self, expr: &str, collation: &str) -> Result<Vec<i64>, rusqlite::Error> {
        let sql = format!("SELECT min(id) OVER (PARTITION BY ({expr}) COLLATE {collation}) FROM t ORDER BY id");
        let mut statement = self.sqlite.prepare(&sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    }

    async fn target_groups(&self, expr: &str) -> Result<Vec<i64>, tokio_postgres::Error> {
        let query = format!("SELECT min(id) OVER (PARTITION BY ({expr})) FROM t_ ORDER BY id");
        let rows = self.client.query(&query, &[]).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    /// How a condition and its translation differ; what SQLite itself cannot compute is no row of a source
    async fn unlike_condition(&self, expr: &str, translated: &str) -> Option<String> {
        self.unlike(expr, translated, self.source_truths(expr).ok()?, self.target_truths(translated).await)
    }

    async fn unlike_term(&self, expr: &str, collation: &str, translated: &str) -> Option<String> {
        self.unlike(expr, translated, self.source_groups(expr, collation).ok()?, self.target_groups(translated).await)
    }

    fn unlike<T: PartialEq + std::fmt::Debug>(
        &self,
        expr: &str,
        translated: &str,
        source: Vec<T>,
        target: Result<Vec<T>, tokio_postgres::Error>,
    ) -> Option<String> {
        let target = match target {
            Ok(target) => target,
            Err(error) => return Some(format!("{expr}\n  became {translated}\n  {error:?}")),
        };
        assert_eq!(source.len(), target.len());
        let at = (0..source.len()).find(|at| source[*at] != target[*at])?;
        let row = self.row(at, expr);
        Some(format!("{expr}\n  became {translated}\n  {:?} and {:?} in {row}", source[at], target[at]))
    }

    /// The columns of a row that the expression names, or seems to
    fn row(&self, at: usize, expr: &str) -> String {
        let named = COLUMNS.iter().filter(|(name, ..)| expr.contains(name));
        let parts = named.map(|(name, ..)| {
            let sql = format!("SELECT quote({name}) FROM t WHERE id = {at}");
            let value: String = self.sqlite.query_row(&sql, [], |row| row.get(0)).unwrap();
            format!("{name}={value}")
        });
        format!("row {at}: {}", parts.collect::<Vec<_>>().join(" "))
    }

    async fn execute(&self, statement: &str) {
        self.client.batch_execute(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
}

/// Conditions by hand: the same truth for every row, and PostgreSQL takes them as CHECK and as predicate
#[test]
fn conditions_are_the_same_on_both_sides() {
    run(async |sides| {
        let scope = Scope::of_table(&sides.plan);
        let mut wrong = Vec::new();
        for expr in expressions::CONDITIONS.iter().chain(expressions::MOMENTS) {
            assert!(sides.source_truths(expr).is_ok(), "{expr}: {:?}", sides.source_truths(expr));
            let translated = match sql::check(expr, &scope) {
                Ok(translated) => translated,
                Err(reason) => {
                    wrong.push(format!("{expr}\n  not translated: {reason}"));
                    continue;
                }
            };
            assert_eq!(sql::predicate(expr, &scope).as_ref(), Ok(&translated));
            wrong.extend(sides.unlike_condition(expr, &translated).await);
            sides.execute(&format!("ALTER TABLE t_ ADD CONSTRAINT c CHECK ({translated}) NOT VALID")).await;
            sides.execute("ALTER TABLE t_ DROP CONSTRAINT c").await;
            sides.execute(&format!("CREATE INDEX i ON t_ (id) WHERE {translated}; DROP INDEX i")).await;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// Terms by hand: the same rows are equal, and PostgreSQL takes them as an index
#[test]
fn index_terms_are_equal_for_the_same_rows() {
    run(async |sides| {
        let scope = Scope::of_table(&sides.plan);
        let mut wrong = Vec::new();
        for (expr, collation) in expressions::TERMS {
            let translated = sql::index_term(expr, collation, &scope).unwrap_or_else(|e| panic!("{expr}: {e}"));
            wrong.extend(sides.unlike_term(expr, collation, &translated).await);
            sides.execute(&format!("CREATE INDEX i ON t_ (({translated})); DROP INDEX i")).await;
        }
        for expr in expressions::REFUSED {
            assert!(sql::index_term(expr, "BINARY", &scope).is_err(), "{expr}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// Computed columns by hand: PostgreSQL computes the value that SQLite reads, class included
#[test]
fn i10_computed_columns_hold_the_same_values() {
    run(async |sides| {
        let mut plan = sides.plan.clone();
        for (declared, mapping, expr) in expressions::GENERATED {
            let add = format!("ALTER TABLE t ADD COLUMN g {declared} GENERATED ALWAYS AS ({expr}) VIRTUAL");
            sides.sqlite.execute_batch(&add).unwrap_or_else(|e| panic!("{expr}: {e}"));
            let column = add_column(&mut plan, declared, *mapping);
            let translated = sql::generated(expr, &column, &Scope::of_table(&plan));
            let translated = translated.unwrap_or_else(|e| panic!("{expr}: {e}"));
            let kind = &column.type_sql;
            let add = format!("ALTER TABLE t_ ADD COLUMN g_ {kind} GENERATED ALWAYS AS ({translated}) STORED");
            sides.execute(&add).await;
            check_column(sides, *mapping, expr, "g_").await;
            sides.execute("ALTER TABLE t_ DROP COLUMN g_").await;
            sides.sqlite.execute_batch("ALTER TABLE t DROP COLUMN g").unwrap();
            (plan.columns, plan.source) = (sides.plan.columns.clone(), sides.plan.source.clone());
        }
    });
}

fn add_column(
    plan: &mut crossfade::model::plan::TablePlan,
    declared: &str,
    mapping: Mapping,
) -> crossfade::model::plan::ColumnPlan {
    let at = plan.source.columns.len();
    plan.source.columns.push(fixture::source_column("g", declared));
    let mut column = crossfade::model::plan::ColumnPlan::new("\"g\"".into(), Some(at), mapping, false);
    column.target_name = "g_".into();
    plan.columns.push(column.clone());
    column
}

/// The column `g` of the source, and what the target computes for it
async fn check_column(sides: &Sides, mapping: Mapping, expr: &str, target: &str) {
    let query = format!("SELECT {target} FROM t_ ORDER BY id");
    let rows = sides.client.query(&query, &[]).await.unwrap_or_else(|e| panic!("{expr}: {query}: {e:?}"));
    let mut statement = sides.sqlite.prepare("SELECT g FROM t ORDER BY id").unwrap();
    let mut source = statement.query([]).unwrap();
    for (at, row) in rows.iter().enumerate() {
        let expected = source.next().unwrap().unwrap();
        let expected = value(expected.get_ref(0).unwrap());
        let field: Option<RawField> = row.get(0);
        let mut scratch = Vec::new();
        let found = decode_field(field.as_ref().map(|field| &field.0[..]), mapping, &mut scratch).unwrap();
        let row = || sides.row(at, expr);
        assert!(found.is_identical(&expected), "{expr}\n  became {target}\n  {found:?} for {expected:?} in {}", row());
    }
}

/// Expressions at random: whatever is translated agrees
#[test]
fn random_expressions_agree_where_they_are_translated() {
    run(async |sides| {
        let scope = Scope::of_table(&sides.plan);
        let (mut translated, mut terms, mut wrong) = (0, 0, Vec::new());
        for seed in 0..SEEDS {
            let mut rng = Rng::new(seed);
            let condition = grammar::condition(&mut rng, 3);
            if let Ok(sql) = sql::check(&condition, &scope) {
                translated += 1;
                wrong.extend(sides.unlike_condition(&condition, &sql).await);
            }
            let (term, collation) = (grammar::term(&mut rng), rng.word(&["BINARY", "NOCASE", "RTRIM"]));
            if let Ok(sql) = sql::index_term(&term, collation, &scope) {
                terms += 1;
                wrong.extend(sides.unlike_term(&term, collation, &sql).await);
            }
        }
        assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
        assert!(translated > 300 && terms > 300, "only {translated} conditions and {terms} terms");
    });
}

/// Computed columns at random, in columns of several types: whatever is translated has the same values
#[test]
fn i10_random_computed_columns_hold_the_same_values() {
    run(async |sides| {
        let mut checked = 0;
        let mut plan = sides.plan.clone();
        for seed in 0..SEEDS {
            let expr = grammar::term(&mut Rng::new(seed));
            for (declared, mapping) in expressions::TARGETS {
                let column = add_column(&mut plan, declared, *mapping);
                let translated = sql::generated(&expr, &column, &Scope::of_table(&plan));
                (plan.columns, plan.source) = (sides.plan.columns.clone(), sides.plan.source.clone());
                let Ok(translated) = translated else { continue };
                let add = format!("ALTER TABLE t ADD COLUMN g {declared} GENERATED ALWAYS AS ({expr}) VIRTUAL");
                // An overflow somewhere: no row of a source, and the column is not there.
                if sides.sqlite.execute_batch(&format!("{add}; SELECT max(g) FROM t")).is_ok() {
                    checked += 1;
                    let target = format!("(({translated})::{})", column.type_sql);
                    check_column(sides, *mapping, &expr, &target).await;
                }
                sides.sqlite.execute_batch("ALTER TABLE t DROP COLUMN g").unwrap_or_default();
            }
        }
        assert!(checked > 300, "only {checked} columns");
    });
}
