//! Names in an expression, by its tokens alone: a few too many do no harm, one too few could lose rows

use crate::model::schema::Table;
use crate::sqlite::tokens::{Kind, Token, tokenize};

/// Columns of the table that the text names, in column order; a few too many do no harm
pub(super) fn named_columns(text: &str, table: &Table) -> Vec<usize> {
    let tokens = tokenize(text);
    (0..table.columns.len()).filter(|&i| count_name(&tokens, &table.columns[i].name) > 0).collect()
}

/// How often the name occurs, by SQLite's rule that ASCII case does not count
pub(super) fn count_name(tokens: &[Token<'_>], name: &str) -> usize {
    tokens.iter().filter(|t| may_be_name(t) && t.name().eq_ignore_ascii_case(name)).count()
}

/// A bare word or a quoted name; a string literal is none
fn may_be_name(token: &Token<'_>) -> bool {
    token.kind == Kind::Word || (token.kind == Kind::Quoted && !token.text.starts_with('\''))
}

/// The text so that something may follow it: a trailing `--` comment must not swallow what comes next
pub(super) fn closed(text: &str) -> String {
    if text.contains("--") { format!("{text}\n") } else { text.to_string() }
}
