//! What stands on the target beside tables and their columns
//!
//! All SQL here is the target's own, and every name is unquoted.

use serde::{Deserialize, Serialize};

use crate::model::schema::Index;

/// A column of the target that is computed from others and that the source does not have
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddedColumn {
    /// Name on the target, unquoted
    pub name: String,
    pub type_sql: String,
    /// The expression it is generated from, as SQL of the target
    pub generated: String,
}

/// A CHECK, added NOT VALID after the copy and then validated
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckPlan {
    /// Constraint name on the target, unquoted
    pub name: String,
    /// The condition, as SQL of the target
    pub sql: String,
}

/// A view, as SQL of the target
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewPlan {
    /// Name on the target, unquoted
    pub name: String,
    /// Names of its columns, unquoted
    pub columns: Vec<String>,
    /// The SELECT
    pub sql: String,
}

/// An extension of the server
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtensionPlan {
    pub name: String,
    /// The schema it is in, or goes to
    pub schema: String,
    /// It was not there when the plan was made: we create it, and `cancel` takes it away again
    pub created: bool,
}

/// A trigger of the target that fires, or does not, while we follow
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriggerPlan {
    /// Table on the target, unquoted
    pub table: String,
    /// Unquoted
    pub name: String,
    /// `pg_trigger.tgenabled` as found, and put back at the end
    pub was: char,
    /// Has to act on replicated rows: it fills columns that the source does not have
    pub fires: bool,
}

/// A secondary index, created after the copy
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexPlan {
    /// Name on the target, unquoted
    pub name: String,
    pub unique: bool,
    pub method: IndexMethod,
    pub terms: Vec<IndexTermPlan>,
    /// WHERE of a partial index, as SQL of the target
    pub predicate: Option<String>,
    /// The source's index that it stands for; `None` for one that only the target has
    pub source: Option<Index>,
}

/// PostgreSQL's access methods that we use
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexMethod {
    #[default]
    Btree,
    Gin,
    Hnsw,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexTermPlan {
    pub what: TermPlan,
    pub descending: bool,
    /// As SQL of the target
    pub operator_class: Option<String>,
}

/// What an index is over
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermPlan {
    /// Position in `TablePlan::columns`
    Column(usize),
    /// As SQL of the target
    Expression(String),
}

/// A foreign key, added NOT VALID after the copy and then validated
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKeyPlan {
    /// Constraint name on the target, unquoted
    pub name: String,
    /// Positions in `TablePlan::columns`
    pub columns: Vec<usize>,
    /// Target name of the parent table, unquoted
    pub parent_name: String,
    /// Target names of the parent's columns, unquoted
    pub parent_columns: Vec<String>,
    pub on_update: String,
    pub on_delete: String,
    pub deferred: bool,
}

impl TriggerPlan {
    /// What `tgenabled` has to be while we follow, under `session_replication_role = replica`; `None` if it is right as it
    /// is
    pub fn switched_to(&self) -> Option<char> {
        match (self.fires, self.was) {
            (true, 'A' | 'R') | (false, 'O' | 'D') => None,
            (true, _) => Some('A'),
            // It fires for us alone; silent for us, it must not begin to fire for others.
            (false, 'R') => Some('D'),
            (false, _) => Some('O'),
        }
    }
}

impl IndexPlan {
    /// We have made it, and may give it up for a row; those that the application's own migrations have made stand for
    /// nothing of the source's
    pub fn is_ours(&self) -> bool {
        self.source.is_some() || self.method != IndexMethod::Btree
    }

    /// The columns that it is over, without those inside expressions
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.terms.iter().filter_map(|term| match term.what {
            TermPlan::Column(column) => Some(column),
            TermPlan::Expression(_) => None,
        })
    }

    /// Is over columns alone and over every row
    pub fn is_plain(&self) -> bool {
        self.predicate.is_none() && self.columns().count() == self.terms.len()
    }
}

impl IndexMethod {
    /// As written behind USING
    pub fn sql(self) -> &'static str {
        match self {
            IndexMethod::Btree => "btree",
            IndexMethod::Gin => "gin",
            IndexMethod::Hnsw => "hnsw",
        }
    }
}

impl IndexTermPlan {
    /// A column as a term of its own
    pub fn column(at: usize, descending: bool) -> IndexTermPlan {
        IndexTermPlan { what: TermPlan::Column(at), descending, operator_class: None }
    }
}
