//! Which key identifies a table's rows

use super::{is_builtin, notice};
use crate::model::plan::Notice;
use crate::model::schema::{Generated, Index, IndexOrigin, Key, KeyKind, KeyPart, Table, Term, quote_identifier};

/// The best key that the table has, or why there is none
///
/// In this order: the rowid under its own name, the declared PRIMARY KEY (a rowid table may hold NULL in it, and then it
/// identifies nothing), a UNIQUE index over NOT NULL columns, the hidden rowid. A key whose collation is not built in
/// cannot be looked up by our SQLite.
pub fn choose_key(table: &Table, null_keys: u64) -> Result<Key, Notice> {
    if let Some(alias) = table.rowid_alias {
        return Ok(Key::new(KeyKind::RowidAlias, vec![part(table, alias, "BINARY")]));
    }
    let primary = (!table.primary_key.is_empty()).then(|| primary_key(table));
    if let Some(key) = &primary
        && has_builtin_collations(key)
        && (table.without_rowid || null_keys == 0)
    {
        return Ok(key.clone());
    }
    if table.without_rowid {
        let unknown = primary.iter().flat_map(|key| &key.parts).find(|part| !is_builtin(&part.collation));
        let unknown = unknown.map_or("", |part| &part.collation);
        let message = format!("WITHOUT ROWID, and its PRIMARY KEY uses the collation {unknown}, unknown to crossfade");
        let remedy = "rebuild the table with a built-in collation in its key, or as an ordinary table";
        return Err(notice(&table.name, &message, Some(remedy)));
    }
    // Where the declared key does not serve, the rowid is safer than an index that the application may drop.
    if let (Some(_), Some(rowid)) = (&primary, rowid_key(table)) {
        return Ok(rowid);
    }
    unique_key(table).or_else(|| rowid_key(table)).ok_or_else(|| {
        let message = "no usable key: no PRIMARY KEY or UNIQUE NOT NULL index serves, and columns hide the rowid";
        let remedy = "create a UNIQUE index over NOT NULL columns, or rename one of rowid, _rowid_, oid";
        notice(&table.name, message, Some(remedy))
    })
}

fn primary_key(table: &Table) -> Key {
    let index = table.indexes.iter().find(|i| i.origin == IndexOrigin::PrimaryKey);
    let collation = |column: usize| {
        let term = index.and_then(|i| i.terms.iter().find(|t| t.what == Term::Column(column)));
        term.map_or(&table.columns[column].collation, |t| &t.collation)
    };
    let parts = table.primary_key.iter().map(|&column| part(table, column, collation(column))).collect();
    Key::new(KeyKind::PrimaryKey, parts)
}

/// The key of the narrowest index that serves
fn unique_key(table: &Table) -> Option<Key> {
    let serving = table.indexes.iter().filter(|i| i.unique && i.predicate.is_none());
    let parts = serving.filter_map(|index| index_parts(table, index)).min_by_key(Vec::len)?;
    Some(Key::new(KeyKind::UniqueIndex, parts))
}

/// The index as a key, if every term is a stored NOT NULL column under a built-in collation
fn index_parts(table: &Table, index: &Index) -> Option<Vec<KeyPart>> {
    // PostgreSQL refuses a key that names a column twice.
    if index.terms.iter().enumerate().any(|(at, term)| index.terms[..at].iter().any(|t| t.what == term.what)) {
        return None;
    }
    let parts = index.terms.iter().map(|term| match term.what {
        Term::Column(at) if is_builtin(&term.collation) => {
            let column = &table.columns[at];
            // Generated columns cannot be written when rows come back from the target.
            let serves = column.not_null && column.generated == Generated::No;
            serves.then(|| part(table, at, &term.collation))
        }
        _ => None,
    });
    parts.collect()
}

fn rowid_key(table: &Table) -> Option<Key> {
    let sql = table.rowid_name.clone()?;
    let part = KeyPart { column: None, sql, collation: "BINARY".to_string() };
    Some(Key::new(KeyKind::Rowid, vec![part]))
}

fn part(table: &Table, column: usize, collation: &str) -> KeyPart {
    let sql = quote_identifier(&table.columns[column].name);
    KeyPart { column: Some(column), sql, collation: collation.to_string() }
}

fn has_builtin_collations(key: &Key) -> bool {
    key.parts.iter().all(|part| is_builtin(&part.collation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::planner::fixtures::{column, index, table, with_primary_key};

    fn not_null(table: &mut Table, at: usize) {
        table.columns[at].not_null = true;
    }

    #[test]
    fn rowid_alias_comes_first() {
        let mut table = with_primary_key(table("t", &[("id", "INTEGER"), ("a", "TEXT")]), &[0], &["BINARY"]);
        table.indexes.clear();
        table.rowid_alias = Some(0);
        let key = choose_key(&table, 0).unwrap();
        assert_eq!(
            (key.kind, key.parts[0].sql.as_str(), key.parts[0].column),
            (KeyKind::RowidAlias, "\"id\"", Some(0))
        );
    }

    #[test]
    fn declared_key_in_key_order_with_its_index_collations() {
        let table = with_primary_key(table("t", &[("a", "TEXT"), ("b\"", "INT")]), &[1, 0], &["BINARY", "NOCASE"]);
        let key = choose_key(&table, 0).unwrap();
        assert_eq!(key.kind, KeyKind::PrimaryKey);
        let parts: Vec<_> = key.parts.iter().map(|p| (p.sql.as_str(), p.collation.as_str())).collect();
        assert_eq!(parts, [("\"b\"\"\"", "BINARY"), ("\"a\"", "NOCASE")]);
    }

    #[test]
    fn null_keys_and_unknown_collations_fall_back_to_the_rowid() {
        let plain = with_primary_key(table("t", &[("a", "TEXT")]), &[0], &["BINARY"]);
        assert_eq!(choose_key(&plain, 3).unwrap().kind, KeyKind::Rowid);
        let unknown = with_primary_key(table("t", &[("a", "TEXT")]), &[0], &["de_DE"]);
        let key = choose_key(&unknown, 0).unwrap();
        assert_eq!((key.kind, key.parts[0].sql.as_str(), key.parts[0].column), (KeyKind::Rowid, "rowid", None));
    }

    #[test]
    fn without_rowid_needs_a_built_in_collation() {
        let mut table = with_primary_key(table("t", &[("a", "TEXT")]), &[0], &["RTRIM"]);
        (table.without_rowid, table.rowid_name) = (true, None);
        assert_eq!(choose_key(&table, 0).unwrap().kind, KeyKind::PrimaryKey);
        table.indexes[0].terms[0].collation = "de_DE".into();
        let refusal = choose_key(&table, 0).unwrap_err();
        assert!(refusal.message.contains("de_DE") && refusal.remedy.is_some());
    }

    #[test]
    fn unique_index_must_be_whole_plain_and_not_null() {
        let mut table = table("t", &[("a", "TEXT"), ("b", "TEXT"), ("c", "TEXT")]);
        table.indexes = vec![index("one", true, &[0])];
        assert_eq!(choose_key(&table, 0).unwrap().kind, KeyKind::Rowid, "nullable");
        not_null(&mut table, 0);
        assert_eq!(choose_key(&table, 0).unwrap().kind, KeyKind::UniqueIndex);
        for spoil in [
            |t: &mut Table| t.indexes[0].predicate = Some("b > 1".into()),
            |t: &mut Table| t.indexes[0].unique = false,
            |t: &mut Table| t.indexes[0].terms[0].collation = "mine".into(),
            |t: &mut Table| t.indexes[0].terms[0].what = Term::Expression("lower(a)".into()),
            |t: &mut Table| t.columns[0].generated = Generated::Stored,
        ] {
            let mut spoiled = table.clone();
            spoil(&mut spoiled);
            assert_eq!(choose_key(&spoiled, 0).unwrap().kind, KeyKind::Rowid);
        }
    }

    #[test]
    fn narrowest_unique_index_wins() {
        let mut table = table("t", &[("a", "TEXT"), ("b", "TEXT")]);
        table.columns.push(column("c", "INT"));
        (0..3).for_each(|at| not_null(&mut table, at));
        table.indexes = vec![index("wide", true, &[0, 1]), index("narrow", true, &[2]), index("late", true, &[1])];
        assert_eq!(choose_key(&table, 0).unwrap().parts[0].sql, "\"c\"");
    }

    #[test]
    fn hidden_rowid_names_leave_a_unique_index_or_nothing() {
        let mut table = table("t", &[("rowid", "INT"), ("oid", "INT"), ("_rowid_", "INT")]);
        table.rowid_name = None;
        assert!(choose_key(&table, 0).unwrap_err().message.contains("no usable key"));
        table.indexes = vec![index("i", true, &[1])];
        not_null(&mut table, 1);
        assert_eq!(choose_key(&table, 0).unwrap().kind, KeyKind::UniqueIndex);
    }
}
