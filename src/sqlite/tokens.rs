//! A small SQL tokenizer, and the facts that only the schema's SQL text holds
//!
//! SQLite's PRAGMAs do not give a column's collation, an index expression, the predicate of a partial index or whether a
//! foreign key is deferred. They stand in `sqlite_schema.sql`, which SQLite itself has parsed before: here only strings,
//! quoted names, comments and parentheses have to be told apart, nothing has to be validated.

/// What a token is, as far as reading a schema needs to know
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unquoted identifier, keyword or number
    Word,
    /// `'..'`, `".."`, `` `..` `` or `[..]`
    Quoted,
    /// One character of anything else
    Symbol,
}

/// A token and where it stands; comments and white space make none
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Byte offset in the SQL text
    pub start: usize,
    /// Parentheses around it; an opening or closing one counts as outside of itself
    pub depth: usize,
}

impl Token<'_> {
    /// Byte offset after the token
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Is it this unquoted keyword, in any case
    pub fn is_word(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Is it this one character, outside of any quotes
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// The identifier it stands for, without its quotes
    pub fn name(&self) -> String {
        if self.kind != Kind::Quoted {
            return self.text.to_string();
        }
        let open = &self.text[..1];
        let close = if open == "[" { "]" } else { open };
        let inner = self.text[1..].strip_suffix(close).unwrap_or(&self.text[1..]);
        if open == "[" { inner.to_string() } else { inner.replace(&open.repeat(2), open) }
    }
}

/// Splits SQL text as SQLite does; text that ends inside a string or comment ends the token with it
pub fn tokenize(sql: &str) -> Vec<Token<'_>> {
    let bytes = sql.as_bytes();
    let (mut tokens, mut at, mut depth) = (Vec::new(), 0, 0usize);
    while at < bytes.len() {
        let start = at;
        let Some((kind, end)) = scan(bytes, at) else {
            at = skip(bytes, at);
            continue;
        };
        at = end;
        let text = &sql[start..end];
        depth = depth.saturating_sub((kind == Kind::Symbol && text == ")") as usize);
        tokens.push(Token { kind, text, start, depth });
        depth += (kind == Kind::Symbol && text == "(") as usize;
    }
    tokens
}

/// The token that begins at `at`, or `None` before white space or a comment
fn scan(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    match bytes[at] {
        b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' => None,
        b'-' if bytes.get(at + 1) == Some(&b'-') => None,
        b'/' if bytes.get(at + 1) == Some(&b'*') => None,
        quote @ (b'\'' | b'"' | b'`') => Some((Kind::Quoted, end_of_quoted(bytes, at, quote))),
        b'[' => Some((Kind::Quoted, find(bytes, at + 1, b"]"))),
        byte if is_word(byte) => {
            let length = bytes[at..].iter().take_while(|b| is_word(**b)).count();
            Some((Kind::Word, at + length))
        }
        _ => Some((Kind::Symbol, at + 1)),
    }
}

/// Past the white-space character or comment at `at`
fn skip(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'-' => find(bytes, at, b"\n"),
        b'/' => find(bytes, at + 2, b"*/"),
        _ => at + 1,
    }
}

/// Past the next occurrence of `what`, or the end of the text
fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = &bytes[from..];
    rest.windows(what.len()).position(|w| w == what).map_or(bytes.len(), |found| from + found + what.len())
}

/// Past the closing quote; a doubled one belongs to the text
fn end_of_quoted(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Term texts, without the trailing `COLLATE x`, `ASC` and `DESC` of the term itself, and the WHERE predicate of a
/// `CREATE INDEX` statement; verbatim otherwise
pub fn index_parts(create_index_sql: &str) -> (Vec<String>, Option<String>) {
    let tokens = tokenize(create_index_sql);
    let Some((body, after)) = split_body(&tokens) else {
        return (Vec::new(), None);
    };
    let terms = body.split(|t| t.depth == 1 && t.is_symbol(",")).map(bare_term);
    let terms = terms.map(|term| verbatim(create_index_sql, term)).collect();
    let predicate = after.iter().position(|t| t.depth == 0 && t.is_word("WHERE"));
    let predicate = predicate.map(|at| verbatim(create_index_sql, &after[at + 1..]));
    (terms, predicate)
}

/// Column names and collations as a `CREATE TABLE` statement declares them; only columns that declare one are listed
pub fn column_collations(create_table_sql: &str) -> Vec<(String, String)> {
    let tokens = tokenize(create_table_sql);
    let Some((body, _)) = split_body(&tokens) else {
        return Vec::new();
    };
    let definitions = body.split(|t| t.depth == 1 && t.is_symbol(","));
    // Columns come first: from the first table constraint on, commas are optional and names are not definitions.
    let columns = definitions.take_while(|d| d.first().is_some_and(|t| !starts_table_constraint(t)));
    columns.filter_map(|d| Some((d[0].name(), declared_collation(d)?))).collect()
}

fn starts_table_constraint(token: &Token<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| token.is_word(word))
}

/// The last COLLATE outside of parentheses wins, as in SQLite
fn declared_collation(definition: &[Token<'_>]) -> Option<String> {
    let at = definition.iter().rposition(|t| t.depth == 1 && t.is_word("COLLATE"))?;
    Some(definition.get(at + 1)?.name())
}

/// For each foreign key of a `CREATE TABLE` statement, in order of declaration: is it `INITIALLY DEFERRED`
pub fn deferred_foreign_keys(create_table_sql: &str) -> Vec<bool> {
    let tokens: Vec<_> = tokenize(create_table_sql).into_iter().filter(|t| t.depth == 1).collect();
    let mut deferred = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_word("REFERENCES") {
            deferred.push(false);
        } else if token.is_word("DEFERRABLE") {
            let negated = at > 0 && tokens[at - 1].is_word("NOT");
            let initially = tokens.get(at + 1).is_some_and(|t| t.is_word("INITIALLY"));
            let late = tokens.get(at + 2).is_some_and(|t| t.is_word("DEFERRED"));
            // SQLite applies the clause to the latest foreign key, also when another constraint stands between them.
            if let Some(last) = deferred.last_mut() {
                *last = !negated && initially && late;
            }
        }
    }
    deferred
}

/// The module of a `CREATE VIRTUAL TABLE` statement
pub fn virtual_table_module(sql: &str) -> Option<String> {
    let tokens = tokenize(sql);
    let using = tokens.iter().position(|t| t.is_word("USING"))?;
    Some(tokens.get(using + 1)?.name())
}

/// The tokens inside the first pair of parentheses, and those after it
fn split_body<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], &'t [Token<'a>])> {
    let open = tokens.iter().position(|t| t.is_symbol("("))?;
    let rest = &tokens[open + 1..];
    let close = rest.iter().position(|t| t.depth == 0 && t.is_symbol(")")).unwrap_or(rest.len());
    Some((&rest[..close], rest.get(close + 1..).unwrap_or_default()))
}

fn verbatim(sql: &str, tokens: &[Token<'_>]) -> String {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => sql[first.start..last.end()].to_string(),
        _ => String::new(),
    }
}

/// An index term without its sort order and its collation
fn bare_term<'t, 'a>(mut term: &'t [Token<'a>]) -> &'t [Token<'a>] {
    // ASC and DESC are also legal unquoted names of columns and collations.
    if let [rest @ .., before, last] = term
        && (last.is_word("ASC") || last.is_word("DESC"))
        && !before.is_word("COLLATE")
    {
        term = &term[..rest.len() + 1];
    }
    while let [rest @ .., collate, _] = term
        && collate.depth == 1
        && collate.is_word("COLLATE")
        && is_operand(rest)
    {
        term = rest;
    }
    term
}

/// A single operand: a name, a literal, a call or something in parentheses. In `a = b COLLATE x` the clause belongs to
/// `b` and changes what the expression says; SQLite takes it as the term's collation only behind an operand.
fn is_operand(tokens: &[Token<'_>]) -> bool {
    let outer: Vec<_> = tokens.iter().filter(|t| t.depth == 1).collect();
    let collate = outer.iter().position(|t| t.is_word("COLLATE")).unwrap_or(outer.len());
    match &outer[..collate] {
        [one] => one.kind != Kind::Symbol,
        [open, close] => open.is_symbol("(") && close.is_symbol(")"),
        [name, open, close] => name.kind != Kind::Symbol && open.is_symbol("(") && close.is_symbol(")"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(sql: &str) -> Vec<String> {
        index_parts(sql).0
    }

    #[test]
    fn quotes_comments_and_parentheses() {
        let sql = "a 'it''s (' \"q\"\"x\" `b``c` [d]e] -- (x\n/* , ( */ f(1)";
        let tokens = tokenize(sql);
        let texts: Vec<_> = tokens.iter().map(|t| t.text).collect();
        assert_eq!(texts, ["a", "'it''s ('", "\"q\"\"x\"", "`b``c`", "[d]", "e", "]", "f", "(", "1", ")"]);
        let names: Vec<_> = tokens[1..5].iter().map(Token::name).collect();
        assert_eq!(names, ["it's (", "q\"x", "b`c", "d"]);
        assert_eq!(tokens.iter().map(|t| t.depth).max(), Some(1));
        assert_eq!(tokens.last().unwrap().depth, 0);
    }

    #[test]
    fn unfinished_text_ends_quietly() {
        assert_eq!(tokenize("'abc").len(), 1);
        assert_eq!(tokenize("\"").first().unwrap().name(), "");
        assert_eq!(tokenize("[abc").first().unwrap().name(), "abc");
        assert!(tokenize("/* abc").is_empty() && tokenize("/*/").is_empty());
        assert_eq!(tokenize("é-ü").len(), 3);
        assert_eq!(index_parts("CREATE INDEX i ON t"), (vec![], None));
        assert_eq!(index_parts("CREATE INDEX i ON t(a"), (vec!["a".to_string()], None));
    }

    #[test]
    fn index_terms_lose_collation_and_order_only() {
        let sql = "CREATE INDEX i ON t(a COLLATE nocase DESC, \"b,c\" asc, lower(d) COLLATE \"x y\", e || ')' , desc)";
        assert_eq!(terms(sql), ["a", "\"b,c\"", "lower(d)", "e || ')'", "desc"]);
        assert_eq!(terms("CREATE INDEX i ON t((a+b) collate rtrim collate nocase)"), ["(a+b)"]);
        assert_eq!(terms("CREATE INDEX i ON t(a collate desc, b /* x */ /* y */ DESC)"), ["a", "b"]);
        assert_eq!(terms("CREATE INDEX i ON t(substr(a, 1, 2), json_extract(b,'$.a,b') DESC)").len(), 2);
    }

    #[test]
    fn collation_inside_an_expression_stays() {
        assert_eq!(terms("CREATE INDEX i ON t(a = b COLLATE NOCASE DESC)"), ["a = b COLLATE NOCASE"]);
        assert_eq!(terms("CREATE INDEX i ON t((a COLLATE NOCASE))"), ["(a COLLATE NOCASE)"]);
    }

    #[test]
    fn predicate_is_verbatim() {
        let sql = "CREATE UNIQUE INDEX \"where (\" ON \"t)\"(a) -- where\n where b = 'WHERE )' /* , */ AND (c) ";
        let (terms, predicate) = index_parts(sql);
        assert_eq!(terms, ["a"]);
        assert_eq!(predicate.as_deref(), Some("b = 'WHERE )' /* , */ AND (c)"));
    }

    #[test]
    fn collations_of_columns() {
        let sql = "CREATE TABLE \"a(b\"(x text COLLATE NoCase, [y z] CHECK (y = 'a' COLLATE rtrim), w DEFAULT ('a' \
                   COLLATE q) COLLATE 'mine' NOT NULL, PRIMARY KEY (x COLLATE RTRIM) CHECK (1))";
        let expected = [("x", "NoCase"), ("w", "mine")].map(|(a, b)| (a.to_string(), b.to_string()));
        assert_eq!(column_collations(sql), expected);
    }

    #[test]
    fn deferred_clauses_belong_to_the_latest_reference() {
        let sql = "CREATE TABLE t(a REFERENCES p NOT NULL DEFERRABLE INITIALLY DEFERRED, b REFERENCES p(x) NOT \
                   DEFERRABLE INITIALLY DEFERRED, c REFERENCES p DEFERRABLE, d REFERENCES p DEFERRABLE INITIALLY \
                   IMMEDIATE, FOREIGN KEY (c) REFERENCES p FOREIGN KEY (d) REFERENCES p(y) ON DELETE CASCADE \
                   deferrable initially deferred)";
        assert_eq!(deferred_foreign_keys(sql), [true, false, false, false, false, true]);
    }

    #[test]
    fn module_of_a_virtual_table() {
        assert_eq!(virtual_table_module("CREATE VIRTUAL TABLE t USING \"vec0\"(a)").as_deref(), Some("vec0"));
        assert_eq!(virtual_table_module("CREATE TABLE t(a)"), None);
    }
}
