//! What the operator chose: the part of `crossfade.toml` that the plan is made with
//!
//! Every name is the source's own. What is not said is decided by the planner.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::plan::{Mode, Policy};

/// All choices; empty ones leave everything to the planner
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// Who makes the target's schema
    pub schema: Option<Mode>,
    pub defaults: Defaults,
    pub tables: BTreeMap<String, TableChoice>,
    /// By `table.trigger`, both as on the target: whether it acts on replicated rows
    pub triggers: BTreeMap<String, TriggerChoice>,
    /// Extensions wanted on the target beside those that the plan needs
    pub extensions: Vec<String>,
}

/// What holds where a table or column says nothing else
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    pub json: JsonType,
    pub identifiers: Identifiers,
    /// Text search configuration; without one the tokenizer of the full-text table decides
    pub text_search: Option<String>,
    /// `varchar(n)` where the source declares it, instead of `text`
    pub varchar: bool,
}

/// What a declared JSON column becomes
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonType {
    #[default]
    Jsonb,
    Json,
    Text,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifiers {
    /// As they are, quoted
    #[default]
    Keep,
    /// In lower case, so that they need no quotes
    Lower,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableChoice {
    /// The planner's own mark, by which it knows what nobody has edited; no choice by itself
    #[serde(skip_serializing)]
    pub planned: Option<String>,
    /// Neither copied nor followed
    pub skip: bool,
    /// Its name on the target
    pub rename: Option<String>,
    /// What to do with rows that the target has before the copy
    pub policy: Option<Policy>,
    pub columns: BTreeMap<String, ColumnChoice>,
    /// By name: whether the index is created
    pub indexes: BTreeMap<String, bool>,
    /// By name: whether the CHECK is created
    pub checks: BTreeMap<String, bool>,
}

/// In the file either the type alone, or a table of all that is said
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ColumnChoice {
    /// The type on the target, as in DDL
    #[serde(rename = "type")]
    pub type_sql: Option<String>,
    /// How SQLite spells the values, as `plan` writes it
    pub form: Option<String>,
    /// The offset that moments without a zone mean, as `+02:00`
    pub assumed_zone: Option<String>,
    /// Its name on the target
    pub rename: Option<String>,
    /// Not copied
    pub skip: bool,
    /// An index beside those of the source: `gin`, or `hnsw:cosine`, `hnsw:l2`, `hnsw:ip`
    pub index: Option<String>,
    /// Whether the target gets the column's DEFAULT
    pub default: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TriggerChoice {
    /// Acts on replicated rows too
    pub fire: bool,
}

/// What [`ColumnChoice`] is where it is written in full
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Whole {
    #[serde(rename = "type")]
    type_sql: Option<String>,
    form: Option<String>,
    assumed_zone: Option<String>,
    rename: Option<String>,
    skip: bool,
    index: Option<String>,
    default: Option<bool>,
}

impl<'de> Deserialize<'de> for ColumnChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ColumnChoice, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ColumnChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type, or a table with type, form, assumed_zone, rename, skip, index, default")
            }

            fn visit_str<E>(self, type_sql: &str) -> Result<ColumnChoice, E> {
                Ok(ColumnChoice { type_sql: Some(type_sql.to_owned()), ..ColumnChoice::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnChoice, A::Error> {
                let Whole { type_sql, form, assumed_zone, rename, skip, index, default } =
                    Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ColumnChoice { type_sql, form, assumed_zone, rename, skip, index, default })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
