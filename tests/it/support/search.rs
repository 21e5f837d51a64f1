//! Contentless full-text tables: the same rows are found by every word, whichever side is asked

use rusqlite::Connection;

use super::pg::{Pg, quote};

/// Words that are asked for
const WORDS: u32 = 500;

pub fn is_contentless(connection: &Connection, table: &str) -> bool {
    connection.prepare(&format!("SELECT 1 FROM {}", quote(&format!("{table}_content")))).is_err()
}

/// Rowids, and the rowids that each word is in, in the whole row and by column
pub fn differences(connection: &Connection, target: &Pg, table: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Vec<String>, theirs: Vec<String>| {
        if ours != theirs {
            found.push(format!("{table:?} {what}: {ours:?} on the source, {theirs:?} on the target"));
        }
    };
    let (shown, vector) = (quote(table), quote(&format!("{table}_tsv")));
    let theirs = |condition: &str| -> Vec<String> {
        let rows = target.query(&format!("SELECT rowid FROM public.{shown} WHERE {condition} ORDER BY rowid"));
        rows.into_iter().flatten().flatten().collect()
    };
    let all = format!("SELECT rowid FROM main.{shown} ORDER BY rowid");
    compare("rowids", rowids(connection, &all, None), theirs("true"));
    let has_places: bool = connection
        .query_row("SELECT sql NOT LIKE '%detail%' FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
        .expect("the table");
    let columns: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")
        .and_then(|mut statement| statement.query_map([table], |row| row.get(0))?.collect())
        .expect("columns");
    let matching = format!("SELECT rowid FROM main.{shown} WHERE {shown} MATCH ?1 ORDER BY rowid");
    for word in all_words(connection, table) {
        let quoted = quote(&word);
        let lexeme = format!("''{}''", word.replace('\\', "\\\\").replace('\'', "''''"));
        let ours = rowids(connection, &matching, Some(&quoted));
        compare(&word, ours, theirs(&format!("{vector} @@ '{lexeme}'::tsquery")));
        for (column, weight) in columns.iter().zip(["A", "B", "C"]).filter(|_| has_places) {
            let ours = rowids(connection, &matching, Some(&format!("{} : {quoted}", quote(column))));
            compare(&format!("{word} in {column}"), ours, theirs(&format!("{vector} @@ '{lexeme}:{weight}'::tsquery")));
        }
    }
    found
}

fn rowids(connection: &Connection, sql: &str, query: Option<&str>) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|e| panic!("{e} in {sql}"));
    let rows = statement.query_map(rusqlite::params_from_iter(query), |row| row.get::<_, i64>(0)).expect("rowids");
    rows.map(|rowid| rowid.unwrap_or_else(|e| panic!("{e} in {sql} for {query:?}")).to_string()).collect()
}

fn all_words(connection: &Connection, table: &str) -> Vec<String> {
    let sql = format!(
        "DROP TABLE IF EXISTS temp.vocab; CREATE VIRTUAL TABLE temp.vocab USING fts5vocab('main', '{table}', 'row')"
    );
    connection.execute_batch(&sql).expect("the words");
    let mut statement = connection.prepare(&format!("SELECT term FROM temp.vocab LIMIT {WORDS}")).expect("the words");
    let words = statement.query_map([], |row| row.get(0)).expect("the words");
    words.collect::<Result<_, _>>().expect("words")
}
