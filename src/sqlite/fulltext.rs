//! Reads what a `CREATE VIRTUAL TABLE .. USING fts5(..)` says, and those of FTS3 and FTS4
//!
//! Each module reads its arguments by rules of its own: `fts5ConfigParse` in fts5_config.c, `fts3InitVtab` in fts3.c. The
//! module has taken the statement before, so that nothing has to be validated.

use super::tokens::{Kind, Token, tokenize};
use crate::model::fulltext::{Content, FullText, FullTextColumn};

/// FTS5's options in the order in which it looks for them: it takes abbreviations
const FTS5_OPTIONS: &[&str] = &[
    "prefix",
    "tokenize",
    "content",
    "contentless_delete",
    "contentless_unindexed",
    "content_rowid",
    "columnsize",
    "locale",
    "detail",
    "tokendata",
];

const FTS4_OPTIONS: &[&str] =
    &["matchinfo", "prefix", "compress", "uncompress", "order", "content", "languageid", "notindexed"];

/// The full-text table that this statement makes; `None` if it is of another module
pub fn parse(name: &str, sql: &str) -> Option<FullText> {
    let tokens = tokenize(sql);
    let using = tokens.iter().position(|token| token.is_word("USING"))?;
    let module = tokens.get(using + 1)?.name().to_ascii_lowercase();
    let arguments = arguments(&tokens[using + 2..]);
    let mut table = FullText {
        name: name.to_owned(),
        module,
        columns: Vec::new(),
        content: Content::Own,
        tokenizer: String::new(),
        options: Vec::new(),
        unlike: None,
    };
    match table.module.as_str() {
        "fts5" => arguments.iter().for_each(|argument| read_fts5(&mut table, argument)),
        "fts3" | "fts4" => read_fts4(&mut table, &arguments),
        _ => return None,
    }
    Some(table)
}

/// What stands between the outer parentheses, split at its commas
fn arguments<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let Some(open) = tokens.iter().position(|token| token.is_symbol("(")) else { return Vec::new() };
    let (depth, rest) = (tokens[open].depth, &tokens[open + 1..]);
    let close = rest.iter().position(|token| token.depth == depth && token.is_symbol(")")).unwrap_or(rest.len());
    let split = rest[..close].split(|token| token.depth == depth + 1 && token.is_symbol(","));
    split.filter(|argument| !argument.is_empty()).collect()
}

/// `name = value`, `column` or `column UNINDEXED`; a quoted name is always a column's
fn read_fts5(table: &mut FullText, argument: &[Token<'_>]) {
    let name = argument[0].name();
    let is_option = argument[0].kind == Kind::Word && argument.get(1).is_some_and(|token| token.is_symbol("="));
    if !is_option {
        let indexed = !argument[1..].iter().any(|token| token.name().eq_ignore_ascii_case("UNINDEXED"));
        return table.columns.push(FullTextColumn { name, indexed });
    }
    let value = value(&argument[2..]);
    let given = name.to_ascii_lowercase();
    match FTS5_OPTIONS.iter().find(|option| option.starts_with(&given)) {
        Some(&"tokenize") => table.tokenizer = value.to_ascii_lowercase(),
        Some(&"content") => table.content = content(value),
        Some(option) => table.options.push((option, value.to_ascii_lowercase())),
        None => {}
    }
}

fn read_fts4(table: &mut FullText, arguments: &[&[Token<'_>]]) {
    let mut not_indexed = Vec::new();
    for argument in arguments {
        let name = argument[0].name();
        let is_word = argument[0].kind == Kind::Word;
        let option = FTS4_OPTIONS.iter().find(|option| name.eq_ignore_ascii_case(option));
        let assigned = argument.get(1).is_some_and(|token| token.is_symbol("="));
        if is_word && name.eq_ignore_ascii_case("tokenize") {
            table.tokenizer = value(&argument[1 + usize::from(assigned)..]).to_ascii_lowercase();
        } else if let (Some(option), true, true, "fts4") = (option, is_word, assigned, table.module.as_str()) {
            let value = value(&argument[2..]);
            match *option {
                "content" => table.content = content(value),
                "notindexed" => not_indexed.push(value),
                "languageid" => table.unlike = Some("languageid= gives every row a language of its own"),
                "compress" | "uncompress" => table.unlike = Some("its text is kept compressed"),
                _ => {}
            }
        } else {
            table.columns.push(FullTextColumn { name, indexed: true });
        }
    }
    let is_not = |column: &FullTextColumn| not_indexed.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
    table.columns.iter_mut().for_each(|column| column.indexed = !is_not(column));
    // With a content table FTS4 does not use what it compresses with.
    if table.content != Content::Own && table.unlike.is_some_and(|why| why.contains("compressed")) {
        table.unlike = None;
    }
}

/// The words of an option's value, without quotes
fn value(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(Token::name).collect::<Vec<_>>().join(" ")
}

fn content(value: String) -> Content {
    if value.is_empty() { Content::None } else { Content::External(value) }
}

#[cfg(test)]
#[path = "fulltext_tests.rs"]
mod tests;
