//! Columns of embeddings as pgvector's `vector(n)` with an HNSW index
//!
//! A column becomes a vector itself where one form gives every value back (I10). Lists of double-precision numbers, as
//! most services return them, do not fit into 32-bit floats: such a column stays what it is, and the target computes a
//! vector beside it. Where the extension is missing nothing changes, and the plan says what could be.

use super::evidence::grouped;
use super::{Draft, MAX_COLUMNS, Notes, Request, extensions, fulltext};
use crate::model::convert::forms::VectorForm;
use crate::model::mapping::Mapping;
use crate::model::plan::{AddedColumn, ExtensionPlan, IndexMethod, IndexPlan, IndexTermPlan, TermPlan};
use crate::model::profile::vectors::Vectors;
use crate::model::schema::{IndexTerm, Term, quote_identifier};

/// The extension of pgvector
const EXTENSION: &str = "vector";
/// Dimensions that are worth the name, and pgvector's most
const DIMENSIONS: std::ops::RangeInclusive<u16> = 2..=16_000;
/// Most dimensions of an HNSW index over `vector`
const MAX_INDEXED: u16 = 2_000;

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
    operator_class: &'static str,
    operator: &'static str,
}

const DISTANCES: [Distance; 3] = [
    Distance { name: "cosine", operator_class: "vector_cosine_ops", operator: "<=>" },
    Distance { name: "l2", operator_class: "vector_l2_ops", operator: "<->" },
    Distance { name: "ip", operator_class: "vector_ip_ops", operator: "<#>" },
];

/// Makes vectors of the columns that hold them
pub(super) fn translate(
    drafts: &mut [Draft],
    extensions: &mut Vec<ExtensionPlan>,
    request: &Request<'_>,
    notes: &mut Notes,
) {
    for draft in drafts {
        for at in 0..draft.plan.columns.len() {
            let chosen = chosen(draft, at, request, notes);
            if let (Some((dimensions, way)), Some(distance)) = (find(draft, at, request), chosen) {
                let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
                match extensions::find(request, EXTENSION) {
                    Ok(extension) => {
                        let schema = extension.schema.clone();
                        extensions::add(extensions, extension);
                        make(draft, at, dimensions, way, &schema, distance, notes);
                    }
                    Err(missing) => {
                        let message = format!(
                            "holds vectors of {} dimensions and stays {}: the extension {EXTENSION} {}",
                            grouped(dimensions.into()),
                            draft.plan.columns[at].type_sql,
                            missing.why
                        );
                        notes.warn(&object, &message, Some(&missing.remedy));
                    }
                }
            }
        }
    }
}

/// The distance to index for, as chosen or by default; `None` where the choice is refused
fn chosen(draft: &Draft, at: usize, request: &Request<'_>, notes: &mut Notes) -> Option<Distance> {
    let choice = choice(draft, at, request).and_then(|choice| choice.index.as_deref());
    let Some(wanted) = choice.and_then(|index| index.strip_prefix("hnsw")) else { return Some(DISTANCES[0]) };
    let known = DISTANCES.into_iter().find(|distance| wanted.strip_prefix(':') == Some(distance.name));
    if known.is_none() {
        let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
        let message = format!("the index \"hnsw{wanted}\" is not known");
        notes.refuse(&object, &message, "choose \"hnsw:cosine\", \"hnsw:l2\" or \"hnsw:ip\"");
    }
    known
}

fn choice<'r>(draft: &Draft, at: usize, request: &Request<'r>) -> Option<&'r crate::model::choices::ColumnChoice> {
    let table = request.choices.tables.get(&draft.plan.source.name)?;
    table.columns.get(draft.plan.source_name(at))
}

/// Whether the column holds nothing but vectors of one length, and what can be made of it
fn find(draft: &Draft, at: usize, request: &Request<'_>) -> Option<(u16, Way)> {
    let (column, profile) = (&draft.plan.columns[at], draft.profile_of(at)?);
    let vectors = profile.vectors.as_ref()?;
    let all = vectors.lists + vectors.blobs == profile.values() && profile.values() > 0;
    let of_choice = choice(draft, at, request).and_then(|choice| choice.type_sql.as_deref());
    let wanted = of_choice.is_none_or(|type_sql| type_sql.starts_with("vector"));
    if !all || !wanted || !column.is_copied() || !DIMENSIONS.contains(&vectors.dimensions) || is_compared(draft, at) {
        return None;
    }
    way(vectors, column.mapping).map(|way| (vectors.dimensions, way))
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

fn make(draft: &mut Draft, at: usize, dimensions: u16, way: Way, schema: &str, distance: Distance, notes: &mut Notes) {
    let object = format!("{}.{}", draft.plan.source.name, draft.plan.source_name(at));
    let schema = quote_identifier(schema);
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
    if dimensions > MAX_INDEXED {
        let message = format!(
            "no index for its vectors: HNSW takes {} dimensions, and they have {}",
            grouped(MAX_INDEXED.into()),
            grouped(dimensions.into())
        );
        let remedy = "an index over a cast to halfvec takes 4,000";
        return notes.warn(&object, &message, Some(remedy));
    }
    let operator_class = Some(format!("{schema}.{}", quote_identifier(distance.operator_class)));
    draft.index_names.push(Some(format!("{}_{name}_hnsw", draft.plan.source.name)));
    draft.plan.indexes.push(IndexPlan {
        name: String::new(),
        unique: false,
        method: IndexMethod::Hnsw,
        terms: vec![IndexTermPlan { what, descending: false, operator_class }],
        predicate: None,
        source: None,
    });
    let message = format!(
        "{name} is searched with its HNSW index by {} distance: ORDER BY {} {} '[..]' LIMIT n",
        distance.name,
        quote_identifier(&name),
        distance.operator
    );
    let others = "choose index = \"hnsw:cosine\", \"hnsw:l2\" or \"hnsw:ip\" for the distance that the queries use";
    notes.warn(&object, &message, Some(others));
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
