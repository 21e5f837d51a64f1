//! Writing the file, and writing it again over what people have made of it
//!
//! A table that nobody has edited is written anew. In an edited one every line stays whose value is not what the planner
//! would write; its comment says what that is. What begins with `#:` is ours and is replaced; every other comment stays.

use std::collections::BTreeMap;

use toml_edit::{Decor, DocumentMut, InlineTable, Item, Table, Value};

use super::{Own, OwnColumn};
use crate::model::choices::{Choices, ColumnChoice, TableChoice};
use crate::model::plan::Notice;

/// How our own comments begin
const OURS: &str = "#:";
/// Columns beyond which end-of-line comments are not lined up
const WIDEST: usize = 72;

/// What the file is to say
pub struct Content<'a> {
    /// One line about the whole
    pub title: String,
    /// The SQLite file, for the first line of a new file
    pub source: Option<String>,
    /// The tables stand on the target already
    pub existing: bool,
    /// How names are written, where the command line says so and the file does not
    pub identifiers: Option<&'static str>,
    pub own: &'a [Own],
    /// All tables that the source has
    pub known: &'a [String],
    pub warnings: &'a [Notice],
    pub refusals: &'a [Notice],
}

/// The text of the file; with the text and the choices of the one that is there
///
/// # Errors
/// A file that is no TOML, or holds its tables in a form that cannot be added to.
pub fn write(old: Option<(&str, &Choices)>, content: &Content<'_>) -> Result<String, String> {
    let text = old.map(|(text, _)| without_title(text)).unwrap_or_default();
    let mut document: DocumentMut = text.parse().map_err(|_| "the file is no TOML".to_owned())?;
    if !document.contains_key("tables") {
        begin(&mut document, content, old.is_none());
    }
    if let Some(identifiers) = content.identifiers {
        set_identifiers(&mut document, identifiers);
    }
    let nothing = BTreeMap::new();
    let chosen = old.map_or(&nothing, |(_, choices)| &choices.tables);
    let tables = document.get_mut("tables").and_then(Item::as_table_mut);
    let tables = tables.ok_or("`tables` is written in one line: write each as [tables.name]")?;
    for own in content.own {
        let theirs = chosen.get(&own.table).cloned().unwrap_or_default();
        if !tables.contains_key(&own.table) {
            let mut table = Table::new();
            table.decor_mut().set_prefix("\n");
            tables.insert(&own.table, Item::Table(table));
        }
        // Written in one line, it is somebody's own.
        if let Some(table) = tables.get_mut(&own.table).and_then(Item::as_table_mut) {
            update(table, own, &theirs, content);
        }
    }
    let gone = take_gone(tables, content.known);
    let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing(trailing + &gone);
    Ok(format!("{}{document}", title(content)))
}

/// What a file says besides its tables when it is written for the first time
fn begin(document: &mut DocumentMut, content: &Content<'_>, is_new: bool) {
    if let (true, Some(source)) = (is_new, &content.source) {
        document.insert("source", toml_edit::value(source.as_str()));
    }
    if content.existing && !document.contains_key("schema") {
        document.insert("schema", toml_edit::value("existing"));
    }
    // Where the types are given, nothing is left to choose in general.
    if !content.existing && !document.contains_key("defaults") {
        let mut defaults = Table::new();
        defaults.decor_mut().set_prefix("\n");
        let mut add = |name: &str, value: Value, meaning: &str| {
            defaults.insert(name, Item::Value(value.decorated(" ", format!("  {OURS} {meaning}"))));
        };
        add("json", "jsonb".into(), "jsonb | json | text");
        add("varchar", false.into(), "true: varchar(n) where it is declared, and the texts are no longer");
        document.insert("defaults", Item::Table(defaults));
    }
    let mut tables = Table::new();
    tables.set_implicit(true);
    document.insert("tables", Item::Table(tables));
}

/// Notes in the file what the command line said, so that the file alone makes the same plan
fn set_identifiers(document: &mut DocumentMut, identifiers: &str) {
    if !document.contains_key("defaults") {
        let mut defaults = Table::new();
        defaults.decor_mut().set_prefix("\n");
        document.insert("defaults", Item::Table(defaults));
    }
    // In one line it is somebody's own, and still takes a key.
    let Some(defaults) = document.get_mut("defaults").and_then(Item::as_table_like_mut) else { return };
    match defaults.get_mut("identifiers").and_then(Item::as_value_mut) {
        Some(value) => {
            let decor = value.decor().clone();
            *value = Value::from(identifiers);
            *value.decor_mut() = decor;
        }
        None => {
            defaults.insert("identifiers", toml_edit::value(identifiers));
        }
    }
}

fn update(table: &mut Table, own: &Own, theirs: &TableChoice, content: &Content<'_>) {
    let untouched = theirs.is_untouched();
    if table.is_implicit() {
        table.set_implicit(false);
        table.decor_mut().set_prefix("\n");
    }
    forget_our_lines(table);
    set_comment(table.decor_mut(), &own.summary, 1);
    let notices = notices(content, &own.table);
    set_notices(table.decor_mut(), &notices);
    match table.get_mut("planned").and_then(Item::as_value_mut) {
        Some(value) => {
            let decor = value.decor().clone();
            *value = Value::from(own.choice().mark());
            *value.decor_mut() = decor;
        }
        None => {
            table.insert("planned", toml_edit::value(own.choice().mark()));
        }
    }
    if !table.contains_key("columns") {
        table.insert("columns", Item::Table(Table::new()));
    }
    let Some(columns) = table.get_mut("columns").and_then(Item::as_table_mut) else { return };
    for column in &own.columns {
        let chosen = theirs.columns.get(&column.name);
        match columns.get_mut(&column.name) {
            None => {
                columns.insert(&column.name, Item::Value(value_of(&column.choice)));
            }
            Some(Item::Value(value)) if untouched && chosen != Some(&column.choice) => {
                let decor = value.decor().clone();
                *value = value_of(&column.choice);
                *value.decor_mut() = decor;
            }
            Some(_) => {}
        }
    }
    mark_gone(columns, own);
    let edits = if untouched { TableChoice::default() } else { theirs.clone() };
    comment(columns, own, &edits, content);
}

/// The comments of all columns, lined up
fn comment(columns: &mut Table, own: &Own, theirs: &TableChoice, content: &Content<'_>) {
    let width = |columns: &Table, name: &str| match columns.get_key_value(name) {
        Some((key, Item::Value(value))) => {
            let mut bare = value.clone();
            bare.decor_mut().clear();
            key.display_repr().chars().count() + 3 + bare.to_string().trim().chars().count()
        }
        _ => 0,
    };
    let widths: Vec<usize> = own.columns.iter().map(|column| width(columns, &column.name)).collect();
    let widest = widths.iter().copied().filter(|width| *width <= WIDEST).max().unwrap_or(0);
    for (column, width) in own.columns.iter().zip(widths) {
        let words = words(column, theirs.columns.get(&column.name));
        let notices = notices(content, &format!("{}.{}", own.table, column.name));
        match columns.get_mut(&column.name) {
            Some(Item::Value(value)) => set_comment(value.decor_mut(), &words, widest.saturating_sub(width) + 2),
            Some(Item::Table(table)) => {
                set_comment(table.decor_mut(), &words, 1);
                set_notices(table.decor_mut(), &notices);
                continue;
            }
            _ => continue,
        }
        if let Some(mut key) = columns.key_mut(&column.name) {
            set_notices(key.leaf_decor_mut(), &notices);
        }
    }
}

/// The evidence, and what it would choose where somebody chose something else
fn words(column: &OwnColumn, chosen: Option<&ColumnChoice>) -> String {
    let own = &column.choice;
    match chosen {
        Some(chosen) if (&chosen.type_sql, &chosen.form) != (&own.type_sql, &own.form) => {
            let type_sql = own.type_sql.as_deref().unwrap_or_default();
            format!("kept; the evidence would choose {type_sql} ({})", column.words)
        }
        _ => column.words.clone(),
    }
}

fn value_of(choice: &ColumnChoice) -> Value {
    let type_sql = choice.type_sql.as_deref().unwrap_or_default();
    if choice.form.is_none() && choice.assumed_zone.is_none() && choice.index.is_none() {
        return Value::from(type_sql);
    }
    let mut table = InlineTable::new();
    table.insert("type", type_sql.into());
    for (name, value) in [("form", &choice.form), ("assumed_zone", &choice.assumed_zone), ("index", &choice.index)] {
        if let Some(value) = value {
            table.insert(name, value.as_str().into());
        }
    }
    Value::InlineTable(table)
}

/// Puts our comment at the end of the line, unless there is somebody else's
fn set_comment(decor: &mut Decor, words: &str, blanks: usize) {
    let there = decor.suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default().trim();
    if there.is_empty() || there.starts_with(OURS) {
        decor.set_suffix(format!("{}{OURS} {}", " ".repeat(blanks), in_one_line(words)));
    }
}

/// Removes our full-line comments from inside a table: whoever moved them there, they are written anew
fn forget_our_lines(table: &mut Table) {
    for (mut key, item) in table.iter_mut() {
        set_notices(key.leaf_decor_mut(), &[]);
        if let Item::Table(inner) = item {
            set_notices(inner.decor_mut(), &[]);
            forget_our_lines(inner);
        }
    }
}

/// Puts our full-line comments above the line, in the place of those that were there
fn set_notices(decor: &mut Decor, notices: &[String]) {
    let there = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let (kept, indent) = match there.rfind('\n') {
        Some(at) => there.split_at(at + 1),
        None => ("", there),
    };
    let mut text: String = kept.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(OURS)).collect();
    for notice in notices {
        text.push_str(&format!("{OURS} {notice}\n"));
    }
    decor.set_prefix(text + indent);
}

/// What the plan has to say about an object
fn notices(content: &Content<'_>, object: &str) -> Vec<String> {
    let lists = [("REFUSED", content.refusals), ("WARNING", content.warnings)];
    let about = lists.into_iter().flat_map(|(word, notices)| {
        let about = notices.iter().filter(|notice| notice.object == object);
        about.map(move |notice| format!("{word} {}", in_one_line(&notice.message)))
    });
    about.collect()
}

/// Columns that the source has no more become comments above the others
fn mark_gone(columns: &mut Table, own: &Own) {
    let is_gone = |name: &str| own.known.iter().all(|known| known != name);
    let gone: Vec<String> = columns.iter().map(|(name, _)| name.to_owned()).filter(|name| is_gone(name)).collect();
    for name in gone {
        let mut alone = DocumentMut::new();
        let Some((key, mut item)) = columns.remove_entry(&name) else { continue };
        forget_ours(&mut item);
        let above = key.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
        alone.insert(&name, item);
        let lines = as_comments(&alone.to_string());
        let decor = columns.decor_mut();
        let prefix = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
        let theirs: String = above.split_inclusive('\n').filter(|line| is_theirs(line)).collect();
        decor.set_prefix(prefix + &theirs + &lines);
    }
}

fn is_theirs(line: &str) -> bool {
    line.trim_start().starts_with('#') && !line.trim_start().starts_with(OURS)
}

/// Tables that the source has no more, as comments for the end of the file
fn take_gone(tables: &mut Table, known: &[String]) -> String {
    let is_gone = |name: &str| known.iter().all(|known| known != name);
    let gone: Vec<String> = tables.iter().map(|(name, _)| name.to_owned()).filter(|name| is_gone(name)).collect();
    let texts = gone.iter().filter_map(|name| {
        let mut item = tables.remove(name)?;
        forget_ours(&mut item);
        let mut alone = DocumentMut::new();
        let mut parent = Table::new();
        parent.set_implicit(true);
        parent.insert(name, item);
        alone.insert("tables", Item::Table(parent));
        Some(as_comments(&alone.to_string()))
    });
    texts.collect()
}

/// Removes our comments at the ends of lines
fn forget_ours(item: &mut Item) {
    let forget = |decor: &mut Decor| {
        let suffix = decor.suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default();
        if suffix.trim_start().starts_with(OURS) {
            decor.set_suffix("");
        }
    };
    match item {
        Item::Value(value) => forget(value.decor_mut()),
        Item::Table(table) => {
            forget(table.decor_mut());
            table.iter_mut().for_each(|(_, item)| forget_ours(item));
        }
        Item::None | Item::ArrayOfTables(_) => {}
    }
}

/// Lines of the file as comments that are nobody's but the reader's
fn as_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with(OURS));
    let comments = lines.map(|line| match line.trim_start().starts_with('#') {
        true => format!("{}\n", line.trim_start()),
        false => format!("# gone from the source: {}\n", line.trim_end()),
    });
    comments.collect()
}

fn title(content: &Content<'_>) -> String {
    format!(
        "{OURS} {}\n{OURS} Edit freely: `crossfade plan --out` keeps your edits and your comments. Comments that begin with \
         `{OURS}`\n{OURS} are crossfade's own and are written anew; `planned` tells it which tables nobody has edited.\n",
        in_one_line(&content.title)
    )
}

/// The text without our lines at its beginning
fn without_title(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut at_top = true;
    let kept = text.split_inclusive('\n').filter(|line| {
        at_top &= line.trim().is_empty() || line.trim_start().starts_with('#');
        !(at_top && line.starts_with(OURS))
    });
    kept.collect()
}

/// Without anything that would end the comment, or is not allowed in one
fn in_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
