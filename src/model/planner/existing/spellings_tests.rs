//! Where one moment may have several spellings

use super::super::conversion_tests::check;
use super::super::fixtures::*;
use crate::model::choices::Choices;
use crate::model::planner::fixtures::{foreign_key, index};
use crate::model::schema::Table;
use crate::model::target::{TargetForeignKey, TargetIndex, TargetTable};

/// Two spellings of a moment are two keys in SQLite, and one on the target
#[test]
fn i10_moments_that_tell_rows_apart_have_one_spelling() {
    let of = |change: &dyn Fn(&mut Table, &mut TargetTable)| {
        let mut source = source_table("t", &[("id", "INTEGER"), ("a", "DATETIME"), ("b", "TIME")]);
        let mut target = target_table("t", &[("id", "int8!"), ("a", "timestamp"), ("b", "time")]);
        change(&mut source, &mut target);
        let rows: [&[&str]; 1] = [&["1", "'2024-01-02 03:04:05'", "'03:04'"]];
        let plan = plan(&[(source, &rows)], &catalog(vec![target]), &Choices::default());
        plan.tables[0].columns[1..].iter().map(short).collect::<Vec<_>>().join("; ")
    };
    let unique = |columns: Vec<Option<usize>>, expressions: &[&str]| TargetIndex {
        name: "u".into(),
        unique: true,
        columns,
        expressions: expressions.iter().map(|sql| sql.to_string()).collect(),
        ..target_table("t", &[("id", "int8!")]).indexes[0].clone()
    };
    let (exact, any) =
        ("timestamp %Y-%m-%d %H:%M:%S; any time %H:%M", "any timestamp %Y-%m-%d %H:%M:%S; any time %H:%M");
    assert_eq!(of(&|_, _| {}), any);
    assert_eq!(of(&|source, _| source.indexes.push(index("u", true, &[1]))), exact);
    assert_eq!(of(&|source, _| source.indexes.push(index("u", false, &[1]))), any);
    assert_eq!(of(&|source, _| source.foreign_keys.push(foreign_key(&[1], "p", &["k"]))), exact);
    assert_eq!(of(&|_, target| target.indexes.push(unique(vec![Some(0), Some(1)], &[]))), exact);
    assert_eq!(of(&|_, target| target.indexes.push(unique(vec![None], &["date(a)"]))), exact);
    let foreign = TargetForeignKey {
        name: "f".into(),
        columns: vec!["a".into()],
        parent_schema: None,
        parent: "p".into(),
        parent_columns: vec!["k".into()],
        on_update: String::new(),
        on_delete: String::new(),
        deferred: false,
    };
    assert_eq!(of(&|_, target| target.foreign_keys.push(foreign.clone())), exact);
}

#[test]
fn moments_and_times_may_be_mixed_with_others_of_their_kind() {
    check(&[
        (
            "TEXT",
            "timestamptz",
            "'2024-01-02T03:04:05Z'; '2024-01-02 03:04:05.1+00'",
            "any timestamptz %Y-%m-%dT%H:%M:%SZ",
        ),
        ("TEXT", "timestamp", "'2024-01-02 03:04:05+00'; '2024-01-02T03:04Z'", "any timestamp %Y-%m-%d %H:%M:%S+00"),
        (
            "TEXT",
            "timestamp",
            "'2024-01-02 03:04:05Z'; '2024-01-02T03:04Z'; '2024-01-02T03:04+01'",
            "NO: 1 of 3 values have a zone other than UTC, which a timestamp without time zone loses, e.g. id=3",
        ),
        (
            "TEXT",
            "timestamptz",
            "'2024-01-02 03:04:05Z'; '2024-01-02 03:04:05'; '2024-01-02 03:04:05Z'",
            "NO: 1 of 3 values are moments without a zone among others with one, e.g. id=2",
        ),
        (
            "DATETIME",
            "timestamp",
            "'2024-01-02 03:04:05.307'; '2024-01-02 03:04:05.307000'; '2024-01-02 03:04:05'; '2024-01-02T03:04:05.1'",
            "any timestamp %Y-%m-%d %H:%M:%S.3?",
        ),
        (
            "DATETIME",
            "timestamp",
            "'2024-01-02 03:04:05.307'; '2024-01-02 03:04:05.307000'; ''",
            "NO: 1 of 3 values are texts that are no moments, e.g. id=3",
        ),
        ("time", "time", "'23:59:59'; '23:59'; '23:59:59.5'", "any time %H:%M:%S.1?"),
        ("time", "time", "'2000-01-01 23:59:59'; '2000-01-01 23:59:59.5000'", "any time 2000-01-01 %H:%M:%S.4?"),
        (
            "time",
            "time",
            "'2000-01-01 23:59:59'; '23:59:59'; '23:59'",
            "NO: 1 of 3 values are times of day behind a date among others without one, e.g. id=1",
        ),
    ]);
}
