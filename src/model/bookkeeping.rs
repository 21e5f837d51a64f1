//! What migration tools write down about themselves
//!
//! Both sides have such a table of their own: it says which migrations ran there. So it is never copied; but if it says
//! something else on either side, the schemas are not the same, and copying between them would be a guess.

use std::collections::BTreeSet;

use super::plan::Notice;

/// A table in which a tool keeps its migrations
#[derive(Debug, PartialEq)]
pub struct Known {
    /// In lower case
    pub table: &'static str,
    /// Columns that name a migration; all of them must be there
    pub columns: &'static [&'static str],
    /// Condition on the rows that count, in SQL of either side
    pub only: Option<&'static str>,
    /// Rows, by their first column, whose difference does not matter
    pub own: &'static [&'static str],
}

const fn known(table: &'static str, columns: &'static [&'static str]) -> Known {
    Known { table, columns, only: None, own: &[] }
}

/// Every table that is known; `migrations` is so common a name that its columns have to fit
pub const KNOWN: &[Known] = &[
    known("alembic_version", &["version_num"]),
    known("django_migrations", &["app", "name"]),
    known("schema_migrations", &["version"]),
    Known { own: &["environment"], ..known("ar_internal_metadata", &["key", "value"]) },
    Known { only: Some("finished_at IS NOT NULL"), ..known("_prisma_migrations", &["migration_name"]) },
    known("knex_migrations", &["name"]),
    known("knex_migrations_lock", &[]),
    known("flyway_schema_history", &["version", "success"]),
    known("goose_db_version", &["version_id", "is_applied"]),
    known("_sqlx_migrations", &["version", "success"]),
    known("__efmigrationshistory", &["MigrationId"]),
    known("sequelizemeta", &["name"]),
    known("migrations", &["timestamp", "name"]),
    known("migrations", &["migration", "batch"]),
    known("__diesel_schema_migrations", &["version"]),
    known("refinery_schema_history", &["version", "name"]),
    known("databasechangelog", &["id", "author", "filename"]),
    known("databasechangeloglock", &[]),
    known("doctrine_migration_versions", &["version"]),
    known("phinxlog", &["version"]),
    known("gorp_migrations", &["id"]),
    known("__drizzle_migrations", &["hash"]),
    known("aerich", &["version", "app"]),
];

/// Revisions shown of one side
const SHOWN: usize = 5;

/// Stands between the columns of a row; no tool writes it
const BETWEEN: char = '\u{1f}';

/// What a table of this name and these columns keeps, if it is bookkeeping
pub fn find(table: &str, columns: &[&str]) -> Option<&'static Known> {
    let has = |wanted: &&str| columns.iter().any(|column| column.eq_ignore_ascii_case(wanted));
    KNOWN.iter().find(|known| known.table.eq_ignore_ascii_case(table) && known.columns.iter().all(has))
}

/// One row as a text
pub fn row(values: &[Option<String>]) -> String {
    let plain = |value: &Option<String>| match value.as_deref() {
        // PostgreSQL's booleans, which SQLite has as numbers
        Some("true") => "1".to_owned(),
        Some("false") => "0".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    };
    values.iter().map(plain).collect::<Vec<_>>().join(&BETWEEN.to_string())
}

/// What the two sides' bookkeeping says when it is compared
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Equal(Notice),
    /// Rows differ that say where the database is, and no more
    EqualButForItself(Notice),
    Different(Notice),
}

/// Compares both sides of one table
pub fn compare(known: &Known, table: &str, source: &BTreeSet<String>, target: &BTreeSet<String>) -> Verdict {
    let notice = |message: String, remedy: Option<&str>| Notice {
        object: table.to_owned(),
        message,
        remedy: remedy.map(str::to_owned),
    };
    if known.columns.is_empty() {
        return Verdict::Equal(notice("bookkeeping of migrations, which each side has of its own".into(), None));
    }
    let only =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> { one.difference(other).cloned().collect() };
    let (here, there) = (only(source, target), only(target, source));
    if here.is_empty() && there.is_empty() {
        let last = source.last().map_or("no migration yet".to_owned(), |last| format!("at {}", words(last)));
        return Verdict::Equal(notice(format!("bookkeeping of migrations: compared, equal ({last})"), None));
    }
    let own = |row: &String| known.own.iter().any(|own| row.split(BETWEEN).next() == Some(own));
    if here.iter().chain(&there).all(own) {
        let message = format!("bookkeeping of migrations: source has {}, target has {}", list(&here), list(&there));
        return Verdict::EqualButForItself(notice(message, None));
    }
    let at_one = known.columns.len() == 1 && source.len() < 2 && target.len() < 2;
    let message = if at_one {
        format!("the source is at revision {}, the target at {}", list(&here), list(&there))
    } else {
        let lacking = [("target", &here), ("source", &there)].into_iter().filter(|(_, rows)| !rows.is_empty());
        let lacking: Vec<String> = lacking.map(|(side, rows)| format!("the {side} lacks {}", list(rows))).collect();
        format!("the migrations differ: {}", lacking.join(", "))
    };
    let remedy = "run the application's migrations on the older side; skip the table if the schemas are the same yet";
    Verdict::Different(notice(message, Some(remedy)))
}

fn words(row: &str) -> String {
    row.replace(BETWEEN, ".")
}

fn list(rows: &[String]) -> String {
    let shown: Vec<String> = rows.iter().take(SHOWN).map(|row| words(row)).collect();
    match rows.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[&str]) -> BTreeSet<String> {
        rows.iter().map(|row| row.replace('|', "\u{1f}")).collect()
    }

    fn verdict(table: &str, columns: &[&str], source: &[&str], target: &[&str]) -> Verdict {
        compare(find(table, columns).unwrap(), table, &set(source), &set(target))
    }

    #[test]
    fn tables_are_known_by_name_and_columns() {
        assert!(find("alembic_version", &["version_num"]).is_some());
        assert!(find("__EFMigrationsHistory", &["MigrationId", "ProductVersion"]).is_some());
        assert!(find("SequelizeMeta", &["name"]).is_some());
        assert_eq!(find("migrations", &["id", "timestamp", "name"]).unwrap().columns, ["timestamp", "name"]);
        assert_eq!(find("migrations", &["id", "migration", "batch"]).unwrap().columns, ["migration", "batch"]);
        // An application may have a table of birds.
        assert_eq!(find("migrations", &["id", "bird", "name"]), None);
        assert_eq!(find("alembic_version", &["version"]), None);
        assert_eq!(find("users", &["name"]), None);
    }

    #[test]
    fn equal_sides_are_skipped_with_where_they_are() {
        let Verdict::Equal(notice) = verdict("alembic_version", &["version_num"], &["a1"], &["a1"]) else { panic!() };
        assert_eq!(notice.message, "bookkeeping of migrations: compared, equal (at a1)");
        let two = ["auth|0001_initial", "auth|0002_more"];
        let Verdict::Equal(notice) = verdict("django_migrations", &["app", "name"], &two, &two) else { panic!() };
        assert!(notice.message.contains("at auth.0002_more"), "{notice:?}");
        assert!(matches!(verdict("knex_migrations_lock", &[], &["1"], &[]), Verdict::Equal(_)));
    }

    #[test]
    fn different_revisions_are_both_named() {
        let message = |verdict| match verdict {
            Verdict::Different(notice) => notice.message,
            other => panic!("{other:?}"),
        };
        let one = message(verdict("alembic_version", &["version_num"], &["a1"], &["c3"]));
        assert_eq!(one, "the source is at revision a1, the target at c3");
        let none = message(verdict("alembic_version", &["version_num"], &["a1"], &[]));
        assert_eq!(none, "the source is at revision a1, the target at none");
        let many: Vec<String> = (1..=8).map(|n| format!("app|000{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let more = message(verdict("django_migrations", &["app", "name"], &many, &["app|0001"]));
        let expected = "the migrations differ: the target lacks app.0002, app.0003, app.0004, app.0005, app.0006 \
                        and 2 more";
        assert_eq!(more, expected);
        let both = message(verdict("django_migrations", &["app", "name"], &["app|0001", "app|0002"], &["app|0003"]));
        assert_eq!(both, "the migrations differ: the target lacks app.0001, app.0002, the source lacks app.0003");
    }

    #[test]
    fn what_a_side_says_of_itself_may_differ() {
        let columns = ["key", "value"];
        let (here, there) = (["environment|development", "schema_sha1|x"], ["environment|production", "schema_sha1|x"]);
        let own = verdict("ar_internal_metadata", &columns, &here, &there);
        assert!(matches!(own, Verdict::EqualButForItself(_)), "{own:?}");
        let other = verdict("ar_internal_metadata", &columns, &here, &["environment|production", "schema_sha1|y"]);
        assert!(matches!(other, Verdict::Different(_)));
    }

    #[test]
    fn rows_are_alike_on_both_sides() {
        let text = |values: &[Option<&str>]| row(&values.iter().map(|v| v.map(str::to_owned)).collect::<Vec<_>>());
        assert_eq!(text(&[Some("1"), Some("true")]), text(&[Some("1"), Some("1")]));
        assert_ne!(text(&[Some("12"), Some("3")]), text(&[Some("1"), Some("23")]));
        assert_ne!(text(&[Some("1"), Some("false")]), text(&[Some("1"), None]));
    }
}
