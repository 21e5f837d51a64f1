//! LIKE and GLOB with constant patterns

use crate::model::schema::quote_literal;

use super::Reason;
use super::expr::Translator;
use super::ir::{Expr, Match};
use super::typed::{Kind, Term, Typed};

/// Longer ones may be more than a regular expression of PostgreSQL takes
const LONGEST: usize = 200;

impl<'a> Translator<'a, '_> {
    pub fn matched(&self, matched: &Match) -> Result<Typed<'a>, Reason> {
        let Term::Typed(value) = self.term(&matched.value)? else {
            return Err(Reason::new("a pattern for a constant"));
        };
        if value.kind != Kind::Text {
            return Err(Reason::new("a pattern for what is no text on both sides"));
        }
        let Expr::Text(pattern) = &matched.pattern else {
            return Err(Reason::new("a pattern that is no constant"));
        };
        if pattern.len() > LONGEST {
            return Err(Reason::new("a very long pattern"));
        }
        let value = value.wrapped();
        Ok(Typed::truth(match (matched.glob, &matched.escape) {
            (true, None) => glob(&value, pattern)?,
            (true, Some(_)) => return Err(Reason::new("GLOB with ESCAPE")),
            // SQLite takes letters of ASCII alike, and no others.
            (false, escape) => {
                let pattern = like(pattern, escape.as_ref())?.to_ascii_lowercase();
                format!("lower({value} COLLATE \"C\") LIKE {}", quote_literal(&pattern))
            }
        }))
    }
}

/// The pattern with PostgreSQL's escape character
fn like(pattern: &str, escape: Option<&Expr>) -> Result<String, Reason> {
    let escape = match escape {
        None => None,
        Some(Expr::Text(text)) if text.chars().count() == 1 => text.chars().next(),
        Some(_) => return Err(Reason::new("ESCAPE with anything but one character")),
    };
    let mut translated = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            let next = chars.next().ok_or_else(|| Reason::new("a pattern that ends with its escape character"))?;
            translated.push('\\');
            translated.push(next);
        } else if c == '\\' {
            translated.push_str(r"\\");
        } else {
            translated.push(c);
        }
    }
    Ok(translated)
}

/// As LIKE where that is enough, else as a regular expression
fn glob(value: &str, pattern: &str) -> Result<String, Reason> {
    if !pattern.contains('[') {
        let translated = pattern.chars().map(|c| match c {
            '*' => "%".to_owned(),
            '?' => "_".to_owned(),
            '%' | '_' | '\\' => format!("\\{c}"),
            other => other.to_string(),
        });
        return Ok(format!("{value} LIKE {}", quote_literal(&translated.collect::<String>())));
    }
    let mut expression = "^".to_owned();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => expression.push_str(&set(&mut chars)?),
            other => expression.push_str(&plain(other)),
        }
    }
    expression.push('$');
    // Under "C" neither letters nor ranges depend on a locale.
    Ok(format!("{value} COLLATE \"C\" ~ {}", quote_literal(&expression)))
}

/// `[a-z]`, `[^0-9]`: the characters up to the closing bracket
fn set(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, Reason> {
    let unclear = || Reason::new("a set of characters in GLOB that is not plainly one");
    let mut members = String::from("[");
    if chars.next_if_eq(&'^').is_some() {
        members.push('^');
    }
    let mut empty = true;
    loop {
        let first = chars.next().ok_or_else(unclear)?;
        if first == ']' && !empty {
            break;
        }
        // A hyphen at either end stands for itself, which not every library reads alike.
        if !is_member(first) {
            return Err(unclear());
        }
        empty = false;
        members.push_str(&plain(first));
        if chars.next_if_eq(&'-').is_some() {
            let last = chars.next().filter(|last| is_member(*last) && *last >= first).ok_or_else(unclear)?;
            members.push('-');
            members.push_str(&plain(last));
        }
    }
    members.push(']');
    Ok(members)
}

fn is_member(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_control() && !matches!(c, '-' | '[' | ']' | '^')
}

/// A character that stands for itself in a regular expression
fn plain(c: char) -> String {
    if c.is_ascii_alphanumeric() || !c.is_ascii() || c == '_' || c == ' ' {
        c.to_string()
    } else {
        format!("\\u{:04x}", c as u32)
    }
}
