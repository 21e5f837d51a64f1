//! Paths into a document
//!
//! What SQLite takes out of a document is a value of one of its classes, and what PostgreSQL takes out is a document
//! again: 1 and `true` are one there and two here, so that no comparison is translated. The place alone is the same.

use super::ir::{Expr, Name};
use super::{Reason, Scope, parse};
use crate::model::mapping::Mapping;
use crate::model::schema::quote_literal;

/// Name under which `->` and `->>` are calls; no function has it
pub(super) const ARROW: &str = "->";

enum Step {
    Key(String),
    Element(u32),
}

/// The part of a `jsonb` column that `json_extract(column, path)`, `column -> path` or `column ->> path` takes, as
/// PostgreSQL's `->` takes it; `None` if the expression is no such thing
///
/// # Errors
/// The expression cannot be read.
pub fn document_path(sql: &str, scope: &Scope<'_>) -> Result<Option<String>, Reason> {
    let expr = parse::expression(sql)?;
    let mut steps = Vec::new();
    let Some(name) = walk(&expr, &mut steps).filter(|_| !steps.is_empty()) else { return Ok(None) };
    let Some(column) = scope.find(None, name)? else { return Ok(None) };
    if !matches!(column.plan.mapping, Mapping::Json { binary: true, .. }) {
        return Ok(None);
    }
    let step = |step: &Step| match step {
        Step::Key(key) => format!(" -> {}", quote_literal(key)),
        Step::Element(at) => format!(" -> {at}"),
    };
    Ok(Some(format!("{}{}", column.sql, steps.iter().map(step).collect::<String>())))
}

/// The column at the beginning, and the way from there
fn walk<'e>(expr: &'e Expr, steps: &mut Vec<Step>) -> Option<&'e Name> {
    let call = match expr {
        Expr::Name(name) => return Some(name),
        Expr::Call(call) if !call.distinct => call,
        _ => return None,
    };
    let [document, path] = call.arguments.as_deref()? else { return None };
    let name = match (call.name.as_str(), document) {
        ("json_extract", Expr::Name(name)) => name,
        (ARROW, document) => walk(document, steps)?,
        _ => return None,
    };
    match path {
        Expr::Text(path) if path.starts_with('$') => steps.extend(read(&path[1..])?),
        // A label, where SQLite has no path
        Expr::Text(label) if call.name == ARROW && is_plain(label) => steps.push(Step::Key(label.clone())),
        Expr::Number(at) if call.name == ARROW => steps.push(Step::Element(at.parse().ok()?)),
        _ => return None,
    }
    Some(name)
}

/// `.a."b.c"[3]`
fn read(path: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (at, after) = inner.split_once(']')?;
            let digits = !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(Step::Element(at.parse().ok().filter(|_| digits)?));
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('.')?;
        let (key, after) = match inner.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len())),
        };
        if !is_plain(key) {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Some(steps)
}

/// Written in a document as it is here: SQLite compares keys as they are written, with their escapes
fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['"', '\\']) && !key.chars().any(char::is_control)
}
