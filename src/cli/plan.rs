//! The plan as a person reads it
//!
//! Plain text that needs no colour: what goes where first, then what to know, then what stands in the way.

use super::plan_file::PlanFile;
use super::print_json;
use crate::config::Settings;
use crate::engine::job::Context;
use crate::engine::planning;
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{
    ColumnPlan, ForeignKeyPlan, IndexMethod, IndexPlan, Mode, Notice, Plan, TablePlan, TermPlan, ViewPlan,
};
use crate::model::planner::evidence::TableEvidence;
use crate::model::planner::{Proven, Request};
use crate::model::schema::KeyKind;
use crate::model::search::SearchPlan;
use crate::model::words::{counted, grouped};
use crate::postgres::fence::{self, Pass};
use crate::postgres::{control, extensions};

/// Lines are broken before they get longer than this
const WIDTH: usize = 110;
/// Room for the word at the beginning of a table's lines
const LABEL: usize = 9;

/// Makes the plan and prints it; writes nothing to either side, but the file if one is asked for
pub fn run(context: &Context, json: bool, file: Option<&PlanFile>) -> Result<()> {
    let mut client = context.runtime.block_on(context.target.connect("crossfade plan"))?;
    let mut proven = match context.runtime.block_on(control::load(&client))? {
        Some(_) if file.is_some() => {
            let message = "a migration is under way, and its plan does not change any more";
            return Err(
                Error::new(ErrorKind::WrongPhase, message).hint("`crossfade cancel` first, or plan for another target")
            );
        }
        Some(state) => {
            context.reporter.line("this is the plan of the migration under way, as stored in the target");
            if let Err(other) = planning::refuse_other_choices(&state.plan, &context.settings) {
                context.reporter.line(&other.to_string());
            }
            Proven::stored(state.plan)
        }
        None => fresh(context, &mut client)?,
    };
    if let Some(file) = file {
        for gone in proven.take_unknown() {
            let name = shown(&gone.object);
            context.reporter.line(&format!("`{name}` is not in the source: its lines in the file become comments"));
        }
        file.write(context, &proven)?;
    }
    let way = context.runtime.block_on(fence::way(&client))?;
    if json {
        print_json(&Whole { proven: &proven, fence_passed_by: passed_by(way) })?;
    } else {
        context.reporter.line(&fence_line(way));
        println!("{}", render(&proven));
    }
    match proven.plan.refusals.len() {
        0 => Ok(()),
        n => Err(Error::refused(format!("the plan has {n} refusals")).hint("each is listed above with its remedy")),
    }
}

fn fresh(context: &Context, client: &mut tokio_postgres::Client) -> Result<Proven> {
    let Settings { source, choices, .. } = &context.settings;
    let schema = context.runtime.block_on(control::current_schema(client))?;
    let offer = context.runtime.block_on(extensions::offer(client))?;
    let target = context.runtime.block_on(planning::read_target(client, &schema, choices))?;
    let request = Request { target_schema: &schema, choices, offer: &offer };
    let mut proven = planning::plan_for(source, &request, target.as_ref(), context.settings.sample, &context.reporter)?;
    context.runtime.block_on(planning::settle_computed(client, &mut proven.plan))?;
    context.runtime.block_on(planning::settle_way(client, &mut proven.plan))?;
    let obstacles = context.runtime.block_on(planning::obstacles(client, &proven.plan))?;
    proven.plan.refusals.extend(obstacles);
    Ok(proven)
}

/// The plan with what is no part of it, but of the role
#[derive(serde::Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    proven: &'a Proven,
    fence_passed_by: &'static str,
}

/// What lets our own writes pass the fence
fn passed_by(way: Pass) -> &'static str {
    match way {
        Pass::ReplicaRole => "session_replication_role",
        Pass::Setting => "crossfade.replicator",
    }
}

/// The fence on the target: how our own writes pass it, and what that means for the application's triggers there
fn fence_line(way: Pass) -> String {
    let meaning = match way {
        Pass::ReplicaRole => "triggers and foreign keys on the target do not act on replicated rows",
        Pass::Setting => "triggers on the target act on replicated rows",
    };
    format!("the target refuses the application's writes until cutover; ours pass by {}: {meaning}", passed_by(way))
}

/// The whole plan, its last line the summary
pub fn render(proven: &Proven) -> String {
    let plan = &proven.plan;
    let mut text = tables(plan);
    for (at, table) in plan.tables.iter().enumerate() {
        text.push_str(&details(table, proven.evidence.get(at), plan.mode));
    }
    plan.search_tables.iter().for_each(|search| text.push_str(&search_table(search)));
    views(&mut text, &plan.views);
    text.push_str(&triggers(plan));
    let left = if plan.mode == Mode::Existing { "neither copied nor changed" } else { "left on SQLite" };
    section(&mut text, "skipped", left, &plan.skipped);
    section(&mut text, "warnings", "lossless, but worth reading", &plan.warnings);
    section(&mut text, "refusals", "nothing starts before these are solved", &plan.refusals);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(plan));
    text
}

/// One line per table, aligned
fn tables(plan: &Plan) -> String {
    if plan.tables.is_empty() {
        return String::new();
    }
    let header = ["table", "rows", "size", "key"].map(String::from);
    let rows = plan.tables.iter().map(|table| {
        let name = shown(&table.source.name);
        [name, grouped(table.row_count), size(table.byte_count), key(table)]
    });
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(rows).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (name, count, bytes) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| format!("{:name$}  {:>count$}  {:>bytes$}  {}\n", row[0], row[1], row[2], row[3]);
    rows.iter().map(line).collect()
}

fn key(table: &TablePlan) -> String {
    let columns = names(table, table.key_columns.iter().copied());
    match table.key.kind {
        KeyKind::RowidAlias | KeyKind::PrimaryKey => columns,
        KeyKind::UniqueIndex => format!("{columns} (unique)"),
        KeyKind::Rowid => format!("{columns} (hidden rowid)"),
    }
}

/// A full-text table: what it becomes, and how its queries are asked there
fn search_table(search: &SearchPlan) -> String {
    let table = &search.table;
    let mut text = format!("\n{}", shown(&search.name));
    if table.target_name != search.name {
        text.push_str(&format!(" -> {}", shown(&table.target_name)));
    }
    let rows = counted(table.row_count, "row");
    text.push_str(&format!(" (full-text table, {}; {rows}, {})\n", search.module, size(table.byte_count)));
    let columns = table.columns.iter().map(|column| {
        let source = column.source_column.map_or("", |at| &table.source.columns[at].name);
        let renamed = if source == column.target_name { "" } else { &format!("{} ", shown(&column.target_name)) };
        format!("{} -> {renamed}{}", shown(source), column.type_sql)
    });
    list(&mut text, "columns", columns);
    list(&mut text, "computed", table.added.iter().map(|c| format!("{} {}", shown(&c.name), shown(&c.type_sql))));
    list(&mut text, "indexes", table.indexes.iter().map(|i| index(table, i)));
    let followed = format!("followed by comparison, as it takes no triggers; {}", search.note);
    push_filled(
        &mut text,
        &format!("  {:LABEL$}", "queries"),
        &" ".repeat(LABEL + 4),
        shown(&followed).split(' ').map(String::from),
    );
    text
}

/// Columns, indexes and foreign keys of one table
fn details(table: &TablePlan, evidence: Option<&TableEvidence>, mode: Mode) -> String {
    let mut text = format!("\n{}", shown(&table.source.name));
    if table.target_name != table.source.name {
        text.push_str(&format!(" -> {}", shown(&table.target_name)));
    }
    text.push('\n');
    for (at, planned) in table.columns.iter().enumerate() {
        let words = evidence.and_then(|e| e.columns.get(at)).map(|e| format!(" ({})", shown(&e.words)));
        let line = column(table, planned, mode) + &words.unwrap_or_default();
        let label = if at == 0 { "columns" } else { "" };
        let indent = " ".repeat(LABEL + 4);
        push_filled(&mut text, &format!("  {label:LABEL$}"), &indent, line.split(' ').map(String::from));
    }
    list(&mut text, "computed", table.added.iter().map(|c| format!("{} {}", shown(&c.name), shown(&c.type_sql))));
    list(&mut text, "indexes", table.indexes.iter().map(|i| index(table, i)));
    for (at, check) in table.checks.iter().enumerate() {
        let label = if at == 0 { "checks" } else { "" };
        let line = format!("{} ({})", shown(&check.name), shown(&check.sql));
        push_filled(&mut text, &format!("  {label:LABEL$}"), &" ".repeat(LABEL + 4), line.split(' ').map(String::from));
    }
    list(&mut text, "foreign", table.foreign_keys.iter().map(|k| foreign_key(table, k)));
    text
}

/// The views' names, and their columns as SQLite says them
fn views(text: &mut String, views: &[ViewPlan]) {
    if views.is_empty() {
        return;
    }
    text.push_str("\nviews\n");
    for view in views {
        let columns: Vec<String> = view.columns.iter().map(|name| shown(name)).collect();
        let line = format!("{} ({})", shown(&view.name), columns.join(", "));
        push_filled(text, "  ", "    ", line.split(' ').map(String::from));
    }
}

fn column(table: &TablePlan, column: &ColumnPlan, mode: Mode) -> String {
    // What fills a column of the user's own schema is not for us to say.
    let filled = if mode == Mode::Create { filled_by(column) } else { String::new() };
    let target = format!("{}{filled}", column.type_sql);
    let Some(source) = column.source_column.map(|at| &table.source.columns[at]) else {
        return format!("{} -> {target}", shown(&column.target_name));
    };
    let declared = if source.declared_type.is_empty() { "(no type)".into() } else { shown(&source.declared_type) };
    let renamed = match column.target_name == source.name {
        true => String::new(),
        false => format!("{} ", shown(&column.target_name)),
    };
    format!("{} {declared} -> {renamed}{target}", shown(&source.name))
}

/// Where values come from that nobody gives
fn filled_by(column: &ColumnPlan) -> String {
    match (column.identity, &column.generated, &column.default) {
        (Some(_), ..) => " identity".to_owned(),
        (None, Some(sql), _) => format!(" generated as ({})", shown(sql)),
        (None, None, Some(sql)) => format!(" default {}", shown(sql)),
        (None, None, None) => String::new(),
    }
}

fn index(table: &TablePlan, index: &IndexPlan) -> String {
    let terms = index.terms.iter().map(|term| {
        let what = match &term.what {
            TermPlan::Column(at) => shown(&table.columns[*at].target_name),
            TermPlan::Expression(sql) => shown(sql),
        };
        format!("{what}{}", if term.descending { " DESC" } else { "" })
    });
    let unique = if index.unique { "unique " } else { "" };
    let method = match index.method {
        IndexMethod::Btree => String::new(),
        other => format!("{} ", other.sql()),
    };
    let only = index.predicate.as_ref().map(|sql| format!(" where {}", shown(sql))).unwrap_or_default();
    format!("{unique}{} {method}({}){only}", shown(&index.name), terms.collect::<Vec<_>>().join(", "))
}

fn foreign_key(table: &TablePlan, key: &ForeignKeyPlan) -> String {
    let parent_columns: Vec<_> = key.parent_columns.iter().map(|name| shown(name)).collect();
    let columns = names(table, key.columns.iter().copied());
    let mut text = format!("({columns}) -> {} ({})", shown(&key.parent_name), parent_columns.join(", "));
    for (event, action) in [("update", &key.on_update), ("delete", &key.on_delete)] {
        if action != "NO ACTION" {
            text.push_str(&format!(" on {event} {}", action.to_lowercase()));
        }
    }
    if key.deferred { text + " deferred" } else { text }
}

fn names(table: &TablePlan, columns: impl Iterator<Item = usize>) -> String {
    columns.map(|at| shown(&table.columns[at].target_name)).collect::<Vec<_>>().join(", ")
}

/// Which of the target's triggers act while we follow, and which are silent
fn triggers(plan: &Plan) -> String {
    let named = |fires: bool| {
        let triggers = plan.triggers.iter().filter(move |trigger| trigger.fires == fires);
        triggers.map(|trigger| format!("{}.{}", shown(&trigger.table), shown(&trigger.name)))
    };
    let mut text = String::new();
    list(&mut text, "fire", named(true));
    list(&mut text, "silent", named(false));
    if text.is_empty() { text } else { format!("\ntriggers of the target\n{text}") }
}

/// Items after a label, as many on a line as fit
fn list(text: &mut String, label: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    let Some((last, others)) = items.split_last() else {
        return;
    };
    let pieces = others.iter().map(|item| format!("{item},")).chain([last.clone()]);
    push_filled(text, &format!("  {label:LABEL$}"), &" ".repeat(LABEL + 2), pieces);
}

fn section(text: &mut String, title: &str, meaning: &str, notices: &[Notice]) {
    if notices.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{title} ({}): {meaning}\n", notices.len()));
    for notice in notices {
        let line = format!("{}: {}", shown(&notice.object), shown(&notice.message));
        push_filled(text, "  - ", "    ", line.split(' ').map(String::from));
        if let Some(remedy) = &notice.remedy {
            push_filled(text, "    remedy: ", "            ", shown(remedy).split(' ').map(String::from));
        }
    }
}

/// Pieces with a space between them; a piece that does not fit begins a new line, and is never broken itself
fn push_filled(text: &mut String, first: &str, next: &str, pieces: impl Iterator<Item = String>) {
    text.push_str(first);
    let (mut column, mut fresh) = (first.chars().count(), true);
    for piece in pieces {
        let length = piece.chars().count();
        if !fresh && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(next);
            (column, fresh) = (next.chars().count(), true);
        }
        if !fresh {
            text.push(' ');
            column += 1;
        }
        text.push_str(&piece);
        (column, fresh) = (column + length, false);
    }
    text.push('\n');
}

fn summary(plan: &Plan) -> String {
    let all = || plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    let rows = all().map(|t| t.row_count).sum();
    let bytes = all().map(|t| t.byte_count).sum();
    let copied = counted(all().count() as u64, "table");
    let verdict = match plan.refusals.len() {
        0 => "ready".to_string(),
        refusals => format!("refused ({})", counted(refusals as u64, "refusal")),
    };
    let about = if plan.sampled { "sampled, about " } else { "" };
    format!(
        "{verdict}: {copied}, {about}{} rows, {} to schema {}; {}, {} skipped\n",
        grouped(rows),
        size(bytes),
        shown(&plan.target_schema),
        counted(plan.warnings.len() as u64, "warning"),
        plan.skipped.len(),
    )
}

/// A name that cannot break the layout or steer the terminal: control characters escaped, an empty one visible
fn shown(name: &str) -> String {
    if name.is_empty() {
        return "\"\"".to_string();
    }
    name.chars().flat_map(|c| if is_visible(c) { vec![c] } else { c.escape_default().collect() }).collect()
}

/// Not a control character, nor one of those that turn the direction of writing
fn is_visible(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Bytes in the largest unit that leaves a number of at least one
fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut scaled = bytes as f64;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < units.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{scaled:.1} {}", units[unit]) }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
