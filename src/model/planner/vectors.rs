//! Columns of embeddings as pgvector's `vector(n)` with an HNSW index
//!
//! A column becomes a vector itself where one form gives every value back (I10). Lists of double-precision numbers, as
//! most services return them, do not fit into 32-bit floats: such a column stays what it is, and the target computes a
//! vector beside it. A column without a value goes by its declaration, where that says how vectors are stored, or by the
//! plan file. Where the extension is missing nothing changes, and the plan says what could be.

use super::extensions::Missing;
use super::{Draft, MAX_COLUMNS, Notes, Request, extensions, fulltext};
use crate::model::convert::forms::VectorForm;
use crate::model::mapping::Mapping;
use crate::model::plan::{AddedColumn, ExtensionPlan, IndexMethod, IndexPlan, IndexTermPlan, TermPlan};
use crate::model::profile::vectors::{Vectors, is_meant};
use crate::model::schema::{Column, IndexTerm, Term, quote_identifier};
use crate::model::words::{counted, grouped};

/// The extension of pgvector
const EXTENSION: &str = "vector";
/// Dimensions that are worth the name, and pgvector's most
const DIMENSIONS: std::ops::RangeInclusive<u16> = 2..=16_000;
/// Most dimensions of an HNSW index over `vector`, and over `halfvec`, with half the bytes for each
const MAX_INDEXED: u16 = 2_000;
const MAX_HALF_INDEXED: u16 = 4_000;
/// The pgvector that brought `halfvec`
const WITH_HALVES: [u32; 2] = [0, 7];

/// What a column is to become
enum Way {
    /// The vector itself
    InPlace(VectorForm),
    /// What it is, with a vector computed from it
    Beside,
}

/// Distance that the index serves, with the operator for queries
#[derive(Clone, Copy)]
struct Distance {
    name: &'static str,
    /// Behind the name of the type
    operator_class: &'static str,
    operator: &'static str,
}

const DISTANCES: [Distance; 3] = [
    Distance { name: "cosine", operator_class: "cosine_ops", operator: "<=>" },
    Distance { name: "l2", operator_class: "l2_ops", operator: "<->" },
    Distance { name: "ip", operator_class: "ip_ops", operator: "<#>" },
];

/// What the operator says about a column
#[derive(Clone, Copy)]
struct Wish {
    /// By type or by index: a vector is relied on, and refused if it cannot be had
    asked: bool,
    /// The column itself is to be one, with these dimensions if they are given
    in_place: bool,
    dimensions: Option<u16>,
    /// How they are written, if it says so
    form: Option<VectorForm>,
    /// Another type is wanted
    unwanted: bool,
    distance: Distance,
}

/// Makes vectors of the columns that hold them
pub(super) fn translate(
    drafts: &mut [Draft],
    extensions: &mut Vec<ExtensionPlan>,
    request: &Request<'_>,
    notes: &mut Notes,
) {
    let taken = taken_name(drafts, request);
    for draft in drafts {
        for at in 0..draft.plan.columns.len() {
            let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
            let wish = match wish(draft, at, request) {
                Ok(wish) => wish,
                Err(index) => {
                    let message = format!("the index \"{index}\" is not known");
                    notes.refuse(&object, &message, "choose \"hnsw:cosine\", \"hnsw:l2\" or \"hnsw:ip\"");
                    continue;
                }
            };
            match find(draft, at, wish) {
                Ok((dimensions, way)) => {
                    let found = taken.clone().map_or_else(|| extensions::find(request, EXTENSION), Err);
                    match found {
                        Ok(extension) => {
                            let server = Server { schema: extension.schema.clone(), halves: has_halves(request) };
                            extensions::add(extensions, extension);
                            make(draft, at, dimensions, way, &server, wish.distance, notes);
                        }
                        Err(missing) => report_missing(draft, at, dimensions, &missing, wish, notes),
                    }
                }
                Err(why) if wish.asked => {
                    let remedy = "correct the values in SQLite, or take the choice out of the plan file";
                    notes.refuse(&object, &format!("cannot become a vector: {why}"), remedy);
                }
                Err(_) => {}
            }
        }
    }
}

/// What the server's extension is
struct Server {
    schema: String,
    /// New enough for `halfvec`
    halves: bool,
}

fn has_halves(request: &Request<'_>) -> bool {
    let version = request.offer.extension(EXTENSION).map_or("", |extension| extension.version.as_str());
    let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    numbers.as_slice() >= &WITH_HALVES[..]
}

/// A table has a type of its own name, so that none may be called like a type of the extension in its schema
fn taken_name(drafts: &[Draft], request: &Request<'_>) -> Option<Missing> {
    let schema = request.offer.extension(EXTENSION).and_then(|extension| extension.schema.as_deref());
    let same_schema = schema.is_none_or(|schema| schema == request.target_schema);
    let is_type = |draft: &Draft| ["vector", "halfvec", "sparsevec"].contains(&draft.plan.source.name.as_str());
    (same_schema && drafts.iter().any(is_type)).then(|| Missing {
        why: "has types in this schema of which one is called like a table",
        remedy: "create the extension in a schema of its own, or rename the table".into(),
    })
}

fn report_missing(draft: &Draft, at: usize, dimensions: u16, missing: &Missing, wish: Wish, notes: &mut Notes) {
    let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
    let (dimensions, kept) = (grouped(dimensions.into()), &draft.plan.columns[at].type_sql);
    if wish.asked {
        let message = format!("cannot become a vector: the extension {EXTENSION} {}", missing.why);
        return notes.refuse(&object, &message, &missing.remedy);
    }
    let message =
        format!("holds vectors of {dimensions} dimensions and stays {kept}: the extension {EXTENSION} {}", missing.why);
    notes.warn(&object, &message, Some(&missing.remedy));
}

/// What the plan file says; an index that is not known is an error
fn wish(draft: &Draft, at: usize, request: &Request<'_>) -> Result<Wish, String> {
    let table = request.choices.tables.get(&draft.plan.source.name);
    let choice = table.and_then(|table| table.columns.get(draft.plan.source_name(at)));
    let type_sql = choice.and_then(|choice| choice.type_sql.as_deref());
    let index = choice.and_then(|choice| choice.index.as_deref()).filter(|index| index.starts_with("hnsw"));
    let distance = match index {
        None => DISTANCES[0],
        Some(index) => {
            let known = DISTANCES.into_iter().find(|distance| index.strip_prefix("hnsw:") == Some(distance.name));
            known.ok_or(index)?
        }
    };
    let in_place = type_sql.is_some_and(|type_sql| type_sql.split('(').next() == Some(EXTENSION));
    let dimensions =
        type_sql.and_then(|type_sql| type_sql.split_once('(')?.1.trim_end_matches(')').trim().parse().ok());
    // What is missing for vectors is worth knowing in any case.
    let is_there = extensions::find(request, EXTENSION).is_ok();
    let unwanted = type_sql.is_some() && !in_place && index.is_none() && is_there;
    let form = choice.and_then(|choice| choice.form.as_deref()).and_then(form_in_words);
    Ok(Wish { asked: in_place || index.is_some(), in_place, dimensions, form, unwanted, distance })
}

/// What the planner would say in the plan file: the type, where the column itself becomes one, and the index
pub(super) fn own(draft: &Draft, at: usize, request: &Request<'_>) -> Option<(Option<String>, String)> {
    extensions::find(request, EXTENSION).ok()?;
    let distance = DISTANCES[0];
    let nothing = Wish { asked: false, in_place: false, dimensions: None, form: None, unwanted: false, distance };
    let (dimensions, way) = find(draft, at, nothing).ok()?;
    let type_sql = matches!(way, Way::InPlace(_)).then(|| format!("{EXTENSION}({dimensions})"));
    Some((type_sql, format!("hnsw:{}", distance.name)))
}

/// What can be made of a column that holds nothing but vectors of one length, or why nothing
fn find(draft: &Draft, at: usize, wish: Wish) -> Result<(u16, Way), String> {
    let column = &draft.plan.columns[at];
    let source = column.source_column.map(|source| &draft.plan.source.columns[source]);
    if wish.unwanted || !(wish.asked || source.is_some_and(is_meant)) {
        return Err("nobody asks for it".into());
    }
    if is_compared(draft, at) || !column.is_copied() {
        return Err("it is in a key, an index or a foreign key, or computed".into());
    }
    let profile = draft.profile_of(at).ok_or("it holds no value")?;
    if profile.values() == 0 {
        let declared = source.and_then(declared_blobs).filter(|_| !wish.in_place || wish.dimensions.is_none());
        let chosen = wish.dimensions.filter(|_| wish.in_place).map(|n| (n, wish.form.unwrap_or(VectorForm::BlobLe)));
        let (dimensions, form) = chosen.or(declared).ok_or("it holds no value")?;
        let known = DIMENSIONS.contains(&dimensions);
        return if known { Ok((dimensions, Way::InPlace(form))) } else { Err(too_odd(dimensions)) };
    }
    let vectors = profile.vectors.as_ref().ok_or("its values are not all vectors of one length")?;
    let (dimensions, others) = (vectors.dimensions, &vectors.others);
    if others.count > 0 {
        let (count, keys) = (counted(others.count, "value"), others.keys.join("; "));
        return Err(format!("{count} of it are no vectors of {} dimensions (e.g. {keys})", grouped(dimensions.into())));
    }
    if !DIMENSIONS.contains(&dimensions) || (wish.in_place && wish.dimensions.is_some_and(|n| n != dimensions)) {
        return Err(too_odd(dimensions));
    }
    match way(vectors, column.mapping) {
        Some(Way::Beside) if wish.in_place => {
            let more = "without the type, a vector is computed beside it";
            Err(format!("its lists do not all come back from 32-bit floats as they are written; {more}"))
        }
        Some(way) => Ok((dimensions, way)),
        None => Err(format!("it is {} on the target", column.type_sql)),
    }
}

fn too_odd(dimensions: u16) -> String {
    format!("its values have {}", counted(dimensions.into(), "dimension"))
}

fn form_in_words(words: &str) -> Option<VectorForm> {
    match crate::model::planfile::forms::read(crate::model::planfile::types::Kind::Vector(0), words, false)? {
        Mapping::Vector { form, .. } => Some(form),
        _ => None,
    }
}

/// The dimensions of a column that is declared for 32-bit floats as blobs, F32_BLOB(n) or FLOAT32(n), as libSQL has them
/// and nothing else. A VECTOR(n) may as well hold lists
fn declared_blobs(column: &Column) -> Option<(u16, VectorForm)> {
    let (name, rest) = column.declared_type.split_once('(')?;
    let known = ["F32_BLOB", "FLOAT32"].contains(&name.trim().to_ascii_uppercase().as_str());
    let dimensions = rest.trim_end().strip_suffix(')')?.trim().parse().ok()?;
    known.then_some((dimensions, VectorForm::BlobLe))
}

fn way(vectors: &Vectors, mapping: Mapping) -> Option<Way> {
    match (mapping, vectors.form()) {
        (Mapping::Bytea, _) if vectors.lists == 0 => Some(Way::InPlace(VectorForm::BlobLe)),
        (Mapping::Text, Some(form)) => Some(Way::InPlace(form)),
        (Mapping::Text | Mapping::Json { .. }, _) => Some(Way::Beside),
        _ => None,
    }
}

/// In a key, an index or a foreign key, where it is compared as what it is in SQLite
fn is_compared(draft: &Draft, at: usize) -> bool {
    let (plan, source) = (&draft.plan, draft.plan.columns[at].source_column);
    let holds =
        |terms: &[IndexTerm]| terms.iter().any(|term| matches!(term.what, Term::Column(c) if Some(c) == source));
    plan.key_columns.contains(&at)
        || plan.source.indexes.iter().any(|index| holds(&index.terms))
        || plan.source.foreign_keys.iter().any(|key| key.columns.iter().any(|column| Some(*column) == source))
}

fn make(
    draft: &mut Draft,
    at: usize,
    dimensions: u16,
    way: Way,
    server: &Server,
    distance: Distance,
    notes: &mut Notes,
) {
    let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
    let schema = quote_identifier(&server.schema);
    let type_sql = format!("{schema}.{}({dimensions})", quote_identifier(EXTENSION));
    let (what, name) = match way {
        Way::InPlace(form) => {
            let column = &mut draft.plan.columns[at];
            (column.mapping, column.type_sql) = (Mapping::Vector { dimensions, form }, type_sql);
            (TermPlan::Column(at), column.target_name.clone())
        }
        Way::Beside if draft.plan.columns.len() + draft.plan.added.len() >= MAX_COLUMNS => return,
        Way::Beside => {
            let name = fulltext::name(&draft.plan, &format!("{}_vec", draft.plan.columns[at].target_name));
            let generated = expression(draft, at, dimensions, &type_sql);
            let kept = &draft.plan.columns[at].type_sql;
            let message = format!("stays {kept}, which keeps every digit; {name} holds its vectors, of 32-bit floats");
            notes.warn(&object, &message, None);
            draft.plan.added.push(AddedColumn { name: name.clone(), type_sql, generated });
            (TermPlan::Expression(quote_identifier(&name)), name)
        }
    };
    let half = format!("{schema}.{}({dimensions})", quote_identifier("halfvec"));
    let (what, kind, operands) = match dimensions {
        ..=MAX_INDEXED => (what, "vector", (quote_identifier(&name), String::new())),
        ..=MAX_HALF_INDEXED if server.halves => {
            let cast = format!("{}::{half}", quote_identifier(&name));
            (TermPlan::Expression(cast.clone()), "halfvec", (format!("({cast})"), format!("::{half}")))
        }
        _ => return no_index(&object, dimensions, server, notes),
    };
    let class = quote_identifier(&format!("{kind}_{}", distance.operator_class));
    draft.index_names.push(Some(format!("{}_{name}_hnsw", draft.plan.source.name)));
    draft.plan.indexes.push(IndexPlan {
        name: String::new(),
        unique: false,
        method: IndexMethod::Hnsw,
        terms: vec![IndexTermPlan { what, descending: false, operator_class: Some(format!("{schema}.{class}")) }],
        predicate: None,
        source: None,
    });
    let halves = if kind == "halfvec" { ", of 16-bit floats beyond 2,000 dimensions" } else { "" };
    let message = format!(
        "{name} is searched with its HNSW index by {} distance{halves}: ORDER BY {} {} '[..]'{} LIMIT n",
        distance.name, operands.0, distance.operator, operands.1
    );
    let others = "choose index = \"hnsw:cosine\", \"hnsw:l2\" or \"hnsw:ip\" for the distance that the queries use";
    notes.warn(&object, &message, Some(others));
}

/// More dimensions than an index takes
fn no_index(object: &str, dimensions: u16, server: &Server, notes: &mut Notes) {
    let most = if server.halves { MAX_HALF_INDEXED } else { MAX_INDEXED };
    let message = format!(
        "no index for its vectors: HNSW takes {} dimensions, and they have {}",
        grouped(most.into()),
        grouped(dimensions.into())
    );
    let remedy = if server.halves || dimensions > MAX_HALF_INDEXED {
        "they are searched row by row; store embeddings of fewer dimensions, as most models offer them"
    } else {
        "pgvector 0.7 and later index up to 4,000 as halfvec: ALTER EXTENSION \"vector\" UPDATE;"
    };
    notes.warn(object, &message, Some(remedy));
}

/// The text as a vector if it is one of so many numbers that a 32-bit float surely takes, else NULL: what the
/// application writes tomorrow must not make its row fail. The numbers are those of `profile/vectors.rs`.
fn expression(draft: &Draft, at: usize, dimensions: u16, type_sql: &str) -> String {
    let column = &draft.plan.columns[at];
    let name = quote_identifier(&column.target_name);
    let text = if column.mapping == Mapping::Text { name } else { format!("{name}::text") };
    let number = " *-?[0-9]{1,9}([.][0-9]+)?([eE]-[0-9]{1,2})? *";
    let commas = dimensions - 1;
    format!(
        "CASE WHEN {text} ~ '^[[]{number}(,{number})*[]]$' \
         AND length({text}) - length(replace({text}, ',', '')) = {commas} THEN {text}::{type_sql} END"
    )
}

#[cfg(test)]
#[path = "vectors_tests.rs"]
mod tests;
