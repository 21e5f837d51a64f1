//! Names that PostgreSQL can hold: the source's own wherever possible, changed visibly where not

use std::collections::HashSet;

use super::{Draft, Notes};
use crate::model::choices::{Choices, Identifiers};
use crate::model::plan::TablePlan;
use crate::model::schema::{Term, View};

/// Bytes of a name in PostgreSQL; longer ones would be cut without a word
const MAX_BYTES: usize = 63;

/// Names that no column of a PostgreSQL table may have
pub(super) const SYSTEM_COLUMNS: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The names given so far in one name space
#[derive(Default)]
pub(super) struct Names {
    used: HashSet<String>,
}

impl Names {
    /// A name for each; what the operator chose comes first, then those that can stay as they are, so that none of them
    /// gives way to a changed one
    pub(super) fn assign(&mut self, wanted: &[Wanted], reserved: &[&str]) -> Vec<String> {
        let storable = |name: &str| is_storable(name) && !reserved.contains(&name);
        let mut given: Vec<Option<String>> = vec![None; wanted.len()];
        for chosen in [true, false] {
            for (wanted, given) in wanted.iter().zip(&mut given).filter(|(wanted, _)| wanted.chosen == chosen) {
                if storable(&wanted.name) && self.used.insert(wanted.name.clone()) {
                    *given = Some(wanted.name.clone());
                }
            }
        }
        let names = wanted.iter().zip(given).map(|(Wanted { name, .. }, given)| match given {
            Some(name) => name,
            None if reserved.contains(&name.as_str()) => self.make(&format!("{name}_")),
            None => self.make(name),
        });
        names.collect()
    }

    /// Names that are given already
    pub(super) fn take<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.used.extend(names.map(str::to_owned));
    }

    /// A name as near to `wanted` as can be
    pub(super) fn make(&mut self, wanted: &str) -> String {
        let wanted = if wanted.is_empty() { "unnamed" } else { wanted };
        let base = shortened(wanted);
        let numbered = (2u64..).map(|number| {
            let suffix = format!("_{number}");
            format!("{}{suffix}", cut(&base, MAX_BYTES - suffix.len()))
        });
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let name = candidates.find(|name| !self.used.contains(name)).unwrap_or(base.clone());
        self.used.insert(name.clone());
        name
    }
}

/// The name that an object of the source would have on the target if nothing stood in its way
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub source: String,
    pub name: String,
    /// The operator asked for it
    pub chosen: bool,
}

impl Wanted {
    pub(super) fn new(source: &str, rename: Option<&str>, identifiers: Identifiers) -> Wanted {
        let name = match (rename, identifiers) {
            (Some(name), _) => name.to_owned(),
            (None, Identifiers::Keep) => source.to_owned(),
            // Other letters than those of ASCII PostgreSQL does not fold either.
            (None, Identifiers::Lower) => source.to_ascii_lowercase(),
        };
        Wanted { source: source.to_owned(), name, chosen: rename.is_some() }
    }

    /// Tells the operator about a name that is not the one wanted
    pub(super) fn tell(&self, object: &str, given: &str, notes: &mut Notes) {
        if self.name == given {
            return;
        }
        let why = match self.name.as_str() {
            "" => "is empty",
            name if name.len() > MAX_BYTES => "is longer than 63 bytes",
            name if name.contains('\0') => "holds a NUL byte",
            name if SYSTEM_COLUMNS.contains(&name) => "belongs to PostgreSQL itself",
            _ => "is taken",
        };
        if self.chosen {
            let message = format!("cannot be called {:?} on the target: that name {why}", self.name);
            notes.refuse(object, &message, "choose another name");
        } else {
            notes.warn(object, &format!("is called {given} on the target, because its own name {why}"), None);
        }
    }
}

fn is_storable(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_BYTES && !name.contains('\0')
}

/// Names everything that shares one name space on PostgreSQL: tables first, then views and the indexes that the user
/// named, then the keys, the sequences and the indexes of constraints. Returns the names of the views
pub(super) fn name_relations(
    drafts: &mut [Draft],
    views: &[View],
    choices: &Choices,
    notes: &mut Notes,
) -> Vec<String> {
    let mut names = Names::default();
    let identifiers = choices.defaults.identifiers;
    let wanted = drafts.iter().map(|draft| {
        let source = &draft.plan.source.name;
        let rename = choices.tables.get(source).and_then(|choice| choice.rename.as_deref());
        Wanted::new(source, rename, identifiers)
    });
    let wanted: Vec<Wanted> = wanted.collect();
    for ((draft, wanted), name) in drafts.iter_mut().zip(&wanted).zip(names.assign(&wanted, &[])) {
        wanted.tell(&wanted.source, &name, notes);
        draft.plan.target_name = name;
    }
    let wanted: Vec<Wanted> = views.iter().map(|view| Wanted::new(&view.name, None, identifiers)).collect();
    let views = names.assign(&wanted, &[]);
    wanted.iter().zip(&views).for_each(|(wanted, name)| wanted.tell(&wanted.source, name, notes));
    name_user_indexes(drafts, &mut names, identifiers, notes);
    for draft in drafts.iter_mut() {
        draft.plan.key_constraint = names.make(&format!("{}_pkey", draft.plan.target_name));
    }
    for draft in drafts.iter_mut() {
        let numbered = draft.plan.columns.iter().find(|column| column.identity.is_some());
        let wanted = numbered.map(|column| format!("{}_{}_seq", draft.plan.target_name, column.target_name));
        draft.plan.sequence = wanted.map(|wanted| names.make(&wanted));
    }
    for draft in drafts {
        for at in (0..draft.index_names.len()).filter(|at| draft.index_names[*at].is_none()) {
            let what = if draft.plan.indexes[at].unique { "key" } else { "idx" };
            let wanted = derived(&draft.plan, index_columns(&draft.plan, at).into_iter(), what);
            draft.plan.indexes[at].name = names.make(&wanted);
        }
    }
    views
}

/// The names of each table's constraints, of which one is taken by the key
pub(super) fn of_constraints(drafts: &[Draft]) -> Vec<Names> {
    let of_table = |draft: &Draft| {
        let mut names = Names::default();
        names.make(&draft.plan.key_constraint);
        names
    };
    drafts.iter().map(of_table).collect()
}

/// The columns that the index is over, those inside of an expression of ours too
fn index_columns(plan: &TablePlan, at: usize) -> Vec<usize> {
    let index = &plan.indexes[at];
    let terms = index.source.iter().flat_map(|source| &source.terms).map(|term| &term.what);
    let of_source = terms.filter_map(|term| match term {
        Term::Column(column) => plan.column_of(*column),
        Term::Rowid | Term::Expression(_) => None,
    });
    let of_source: Vec<usize> = of_source.collect();
    if of_source.is_empty() { index.columns().collect() } else { of_source }
}

fn name_user_indexes(drafts: &mut [Draft], names: &mut Names, identifiers: Identifiers, notes: &mut Notes) {
    let wanted = drafts.iter().flat_map(|d| &d.index_names).flatten();
    let wanted: Vec<Wanted> = wanted.map(|name| Wanted::new(name, None, identifiers)).collect();
    let given = names.assign(&wanted, &[]);
    let mut pairs = wanted.iter().zip(given);
    for draft in drafts {
        for (index, name) in draft.plan.indexes.iter_mut().zip(&draft.index_names) {
            if name.is_some()
                && let Some((wanted, target)) = pairs.next()
            {
                wanted.tell(&format!("index {}", wanted.source), &target, notes);
                index.name = target;
            }
        }
    }
}

/// A name in PostgreSQL's own manner: `<table>_<columns>_<what>`
pub(super) fn derived(plan: &TablePlan, columns: impl Iterator<Item = usize>, what: &str) -> String {
    let columns: Vec<_> = columns.map(|at| plan.columns[at].target_name.as_str()).collect();
    format!("{}_{}_{what}", plan.target_name, columns.join("_"))
}

/// At most 63 bytes; what is cut off leaves its hash, so that the name says so and stays the same each time
fn shortened(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_string();
    }
    format!("{}_{:08x}", cut(name, MAX_BYTES - 9), fnv1a(name.as_bytes()))
}

/// The longest beginning of whole characters that is at most `bytes` long
fn cut(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    &name[..end]
}

/// FNV-1a, 32 bits: the standard library's hashes may change between its versions
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(names: &[&str]) -> Vec<Wanted> {
        names.iter().map(|name| Wanted::new(name, None, Identifiers::Keep)).collect()
    }

    #[test]
    fn names_stay_when_they_can() {
        let wanted = ["Album", "album", "select", "a b\"c", "é"];
        assert_eq!(Names::default().assign(&kept(&wanted), &[]), wanted);
    }

    #[test]
    fn lower_case_is_what_postgresql_folds_to() {
        let wanted = ["Album", "album", "ÄB"].map(|name| Wanted::new(name, None, Identifiers::Lower));
        assert_eq!(Names::default().assign(&wanted, &[]), ["album", "album_2", "Äb"]);
    }

    #[test]
    fn a_chosen_name_comes_before_a_true_one_or_is_refused() {
        let chosen = |name: &str| Wanted::new("a", Some(name), Identifiers::Lower);
        let wanted = [kept(&["Name"]).remove(0), chosen("Name"), chosen("Name"), chosen("xmin")];
        let given = Names::default().assign(&wanted, SYSTEM_COLUMNS);
        assert_eq!(given, ["Name_2", "Name", "Name_3", "xmin_"]);
        let mut notes = Notes::default();
        wanted.iter().zip(&given).for_each(|(wanted, name)| wanted.tell("a", name, &mut notes));
        assert_eq!((notes.warnings.len(), notes.refusals.len()), (1, 2));
        assert!(notes.refusals[0].message.contains("is taken"), "{:?}", notes.refusals);
    }

    #[test]
    fn changed_names_give_way_to_true_ones() {
        let given = Names::default().assign(&kept(&["xmin", "xmin_", "", "unnamed", "xmin__2"]), SYSTEM_COLUMNS);
        assert_eq!(given, ["xmin__3", "xmin_", "unnamed_2", "unnamed", "xmin__2"]);
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_stay_apart() {
        let (one, two) = (format!("{}1", "é".repeat(40)), format!("{}2", "é".repeat(40)));
        let given = Names::default().assign(&kept(&[&one, &two]), &[]);
        assert!(given.iter().all(|name| name.len() <= MAX_BYTES && name.starts_with(&"é".repeat(27))));
        assert_ne!(given[0], given[1]);
        assert_eq!(given, Names::default().assign(&kept(&[&one, &two]), &[]));
    }

    #[test]
    fn alike_names_get_a_number_within_the_limit() {
        let mut names = Names::default();
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(names.make(&long), long);
        assert_eq!(names.make(&long), format!("{}_2", "x".repeat(61)));
        assert_eq!((names.make("a"), names.make("a"), names.make("a")), ("a".into(), "a_2".into(), "a_3".into()));
    }

    #[test]
    fn hash_is_the_published_one() {
        assert_eq!((fnv1a(b""), fnv1a(b"a"), fnv1a(b"foobar")), (0x811c9dc5, 0xe40c292c, 0xbf9cf968));
    }
}
