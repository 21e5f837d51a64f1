//! From schema and profile to the plan: keys, types, names, indexes, foreign keys
//!
//! Everything that cannot be held is found here, before anything is touched: all refusals at once, and a warning for
//! whatever the target keeps in another way than the source.

mod checks;
mod choose;
mod chosen;
mod columns;
mod defaults;
pub mod evidence;
pub mod existing;
mod extensions;
mod foreign_keys;
mod fulltext;
mod generated;
mod identity;
mod indexes;
mod key;
mod names;
mod near;
mod rows;
mod search;
mod spellings;
mod trigrams;
mod typed;
mod unify;
mod vectors;
mod views;
mod writer;

use serde::Serialize;

use super::choices::Choices;
use super::extensions::Offer;
use super::fulltext::FullText;
use super::mapping::Mapping;
use super::plan::{Mode, Notice, Plan, TablePlan};
use super::planfile::Own;
use super::profile::{ColumnProfile, TableProfile};
use super::schema::{Key, KeyKind, Table, TextOrder, View};
use super::sql;

use choose::Choice;
pub use chosen::{is_skipped, own, sought};
use evidence::TableEvidence;
pub use fulltext::{left_to_target, without_place};
pub use key::choose_key;
pub use search::{FoundSearch, fit as fit_search, skipped as skipped_search};

/// A plan, and what it rests on
///
/// Only the plan is kept in the target; the counts serve whoever reads it.
#[derive(Debug, Serialize)]
pub struct Proven {
    #[serde(flatten)]
    pub plan: Plan,
    pub evidence: Vec<TableEvidence>,
    /// What the plan file says where nobody has edited it
    #[serde(skip)]
    pub own: Vec<Own>,
    /// All tables of the source, those that are not planned too
    #[serde(skip)]
    pub known: Vec<String>,
}

impl Proven {
    /// A plan that was made before, of which only itself was kept
    pub fn stored(plan: Plan) -> Proven {
        Proven { plan, evidence: Vec::new(), own: Vec::new(), known: Vec::new() }
    }

    /// Takes out the refusals of names that the source does not have, for a file that is written anew and marks them
    pub fn take_unknown(&mut self) -> Vec<Notice> {
        let is_unknown =
            |notice: &mut Notice| [chosen::UNKNOWN_TABLE, chosen::UNKNOWN_COLUMN].contains(&notice.message.as_str());
        self.plan.refusals.extract_if(.., is_unknown).collect()
    }
}

/// PostgreSQL's limit of columns in a table
const MAX_COLUMNS: usize = 1600;
/// PostgreSQL's limit of columns in an index
const MAX_INDEX_COLUMNS: usize = 32;
/// Bytes of values that an index row surely holds; a b-tree takes 2704 with its own headers
const MAX_INDEX_BYTES: u64 = 2600;
/// Names that begin like this are crossfade's on both sides
const OWN_PREFIX: &str = "_crossfade";

/// A table on its way to a [`TablePlan`]
struct Draft {
    plan: TablePlan,
    profile: TableProfile,
    /// Why each column of the source has its type
    choices: Vec<Choice>,
    /// For each of `plan.indexes`: the name that the user gave it, `None` for the index of a constraint
    index_names: Vec<Option<String>>,
}

/// What is told to the operator, collected on the way
#[derive(Default)]
struct Notes {
    skipped: Vec<Notice>,
    warnings: Vec<Notice>,
    refusals: Vec<Notice>,
}

/// What the source has
#[derive(Default)]
pub struct Found {
    pub tables: Vec<(Table, TableProfile)>,
    pub fulltext: Vec<FullText>,
    /// Full-text tables that hold their own text
    pub search: Vec<FoundSearch>,
    /// Names of those that the operator skips
    pub left_out_search: Vec<String>,
    /// Tables that the operator skips; their values were not read
    pub left_out: Vec<Table>,
    pub views: Vec<View>,
    pub text_order: TextOrder,
    /// What is not copied, and why
    pub skipped: Vec<Notice>,
}

/// What is wanted, and what the target offers
pub struct Request<'a> {
    /// Schema on the target that the tables go to
    pub target_schema: &'a str,
    pub choices: &'a Choices,
    pub offer: &'a Offer,
}

/// Decides everything; an empty list of refusals means that it can start
pub fn make_plan(found: Found, request: &Request<'_>) -> Proven {
    let mut notes = Notes::default();
    let choices = request.choices;
    let known = found.tables.iter().map(|(table, _)| table).chain(&found.left_out).map(|table| table.name.clone());
    let known = known.chain(found.search.iter().map(|search| search.fulltext.name.clone()));
    let known = known.chain(found.left_out_search.iter().cloned()).collect();
    chosen::check(&found, choices, &mut notes);
    let (tables, order) = (found.tables.into_iter(), found.text_order);
    let drafts = tables.filter_map(|(table, profile)| draft(table, profile, order, choices, &mut notes));
    let mut drafts: Vec<Draft> = drafts.collect();
    for (draft, id) in drafts.iter_mut().zip(1..) {
        draft.plan.id = id;
    }
    unify::unify(&mut drafts, &mut notes);
    identity::assign(&mut drafts, &mut notes);
    let mut extensions = Vec::new();
    extensions::add_wanted(&mut extensions, request, &mut notes);
    let own: Vec<Own> = drafts.iter().map(|draft| chosen::own_of(draft, request)).collect();
    for draft in &mut drafts {
        chosen::apply(draft, request, &mut extensions, &mut notes);
    }
    vectors::translate(&mut drafts, &mut extensions, request, &mut notes);
    let declared: Vec<_> = drafts.iter().map(|draft| sql::declared(&draft.plan.source.sql)).collect();
    for (draft, declared) in drafts.iter_mut().zip(&declared) {
        generated::translate(draft, declared, &found.fulltext, &mut notes);
        defaults::translate(draft, choices, &mut notes);
        indexes::translate(draft, choices, &mut notes);
        chosen::add_indexes(draft, choices, &mut notes);
        refuse_limits(draft, &mut notes);
    }
    let left_to_source = fulltext::translate(&mut drafts, &found.fulltext, &mut extensions, request, &mut notes);
    let view_names = names::name_relations(&mut drafts, &found.views, choices, &mut notes);
    let search_tables = search::plan(found.search, &drafts, &view_names, order, request, &mut notes);
    let own = own.into_iter().chain(search_tables.iter().map(search::own)).collect();
    let mut constraints = names::of_constraints(&drafts);
    for ((draft, declared), names) in drafts.iter_mut().zip(&declared).zip(&mut constraints) {
        checks::translate(draft, declared, names, choices, &mut notes);
    }
    foreign_keys::translate(&mut drafts, &mut constraints, &mut notes);
    let evidence = drafts.iter().map(|draft| evidence::of_table(&draft.plan, &draft.profile)).collect();
    let tables: Vec<TablePlan> = drafts.into_iter().map(|draft| draft.plan).collect();
    let identifiers = choices.defaults.identifiers;
    let views = views::translate(&found.views, &view_names, &tables, request.target_schema, identifiers, &mut notes);
    let Notes { skipped, warnings, refusals } = notes;
    let skipped = found.left_out.iter().map(chosen::skipped).chain(skipped);
    let skipped = skipped.chain(left_to_source).chain(found.skipped).collect();
    let choices_digest = choices.digest();
    let empty = Plan::empty(Mode::Create, request.target_schema);
    let plan = Plan { extensions, tables, search_tables, views, skipped, warnings, refusals, choices_digest, ..empty };
    Proven { plan, evidence, own, known }
}

/// The table with its key and its columns; relation names, indexes and foreign keys need all tables and come later
fn draft(
    table: Table,
    profile: TableProfile,
    text_order: TextOrder,
    choices: &Choices,
    notes: &mut Notes,
) -> Option<Draft> {
    if has_own_prefix(&table.name) {
        notes.refuse(&table.name, "its name begins like crossfade's own objects", "rename the table");
    }
    let key = match choose_key(&table, profile.null_keys) {
        Ok(key) => Key { text_order, ..key },
        Err(refusal) => {
            notes.refusals.push(refusal);
            return None;
        }
    };
    warn_about_key(&table, &key, profile.null_keys, notes);
    let (columns, choices) = columns::plan_columns(&table, &profile, &key, choices, notes);
    rows::warn_about_texts(&table, &profile, &key, notes);
    let key_columns = columns::key_columns(&columns, &key);
    let (row_count, byte_count) = (profile.rows, profile.bytes);
    let plan = TablePlan { columns, key_columns, row_count, byte_count, ..TablePlan::new(table, key) };
    Some(Draft { plan, profile, choices, index_names: Vec::new() })
}

fn warn_about_key(table: &Table, key: &Key, null_keys: u64, notes: &mut Notes) {
    if key.kind != KeyKind::Rowid {
        return;
    }
    let why = if null_keys > 0 {
        format!("{null_keys} rows have NULL in the PRIMARY KEY")
    } else if !table.primary_key.is_empty() {
        "its PRIMARY KEY uses a collation that is not built in".to_string()
    } else {
        "it has neither a PRIMARY KEY nor a UNIQUE NOT NULL index".to_string()
    };
    let message = format!("{why}: rows are told apart by the rowid, kept in an additional column on the target");
    // SQLite renumbers rowids on VACUUM in tables that have no index at all.
    let remedy = table.indexes.is_empty().then_some("do not VACUUM while crossfade follows, or declare a key");
    notes.warn(&table.name, &message, remedy);
}

/// What no setting of ours can make PostgreSQL take
fn refuse_limits(draft: &Draft, notes: &mut Notes) {
    let (plan, name) = (&draft.plan, &draft.plan.source.name);
    if plan.columns.len() > MAX_COLUMNS {
        let message = format!("{} columns; PostgreSQL takes {MAX_COLUMNS}", plan.columns.len());
        notes.refuse(name, &message, "split the table");
    }
    if plan.key_columns.len() > MAX_INDEX_COLUMNS {
        let message = format!("{} columns in the key; PostgreSQL takes {MAX_INDEX_COLUMNS}", plan.key_columns.len());
        notes.refuse(name, &message, "declare a narrower key");
    }
    let bytes = draft.index_bytes(plan.key_columns.iter().copied());
    if bytes > MAX_INDEX_BYTES {
        let message = format!("key values of up to {bytes} bytes; PostgreSQL's indexes hold {MAX_INDEX_BYTES}");
        notes.refuse(name, &message, "shorten the key's values, or declare a shorter key");
    }
    let nulls = |at: &&usize| draft.profile_of(**at).is_some_and(|p| p.nulls > 0);
    if let Some(&at) = plan.key_columns.iter().find(nulls) {
        let object = format!("{name}.{}", plan.source_name(at));
        notes.refuse(&object, "NULL in a NOT NULL column of the key", "repair the rows");
    }
}

impl Draft {
    /// Counts of the values in a column of the plan; the hidden rowid has none
    fn profile_of(&self, column: usize) -> Option<&ColumnProfile> {
        self.profile.columns.get(self.plan.columns[column].source_column?)
    }

    /// Bytes that an index row over these columns may need: the longest values together, since they may meet in a row
    fn index_bytes(&self, columns: impl Iterator<Item = usize>) -> u64 {
        let bytes = columns.map(|at| match (self.plan.columns[at].mapping, self.profile_of(at)) {
            // Bytes are escaped in JSON: up to two characters each.
            (Mapping::Variant, Some(profile)) => profile.bytes_max * 2,
            (_, Some(profile)) => profile.bytes_max,
            (_, None) => 8,
        });
        bytes.sum()
    }
}

impl TablePlan {
    /// A column as the user knows it
    fn source_name(&self, column: usize) -> &str {
        let column = &self.columns[column];
        column.source_column.map_or(&column.target_name, |at| &self.source.columns[at].name)
    }

    /// Position in `columns` of a column of the source
    fn column_of(&self, source_column: usize) -> Option<usize> {
        self.columns.iter().position(|c| c.source_column == Some(source_column))
    }
}

impl Notes {
    fn warn(&mut self, object: &str, message: &str, remedy: Option<&str>) {
        self.warnings.push(notice(object, message, remedy));
    }

    fn refuse(&mut self, object: &str, message: &str, remedy: &str) {
        self.refusals.push(notice(object, message, Some(remedy)));
    }
}

fn notice(object: &str, message: &str, remedy: Option<&str>) -> Notice {
    Notice { object: object.into(), message: message.into(), remedy: remedy.map(str::to_string) }
}

/// SQLite's names are alike in any case
fn has_own_prefix(name: &str) -> bool {
    name.get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX))
}

fn is_builtin(collation: &str) -> bool {
    ["BINARY", "NOCASE", "RTRIM"].contains(&collation)
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
