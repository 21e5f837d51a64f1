//! The one place that knows the parser: from SQL text to [`ir`](super::ir)
//!
//! The parser is the grammar of SQLite itself, in Rust. It has places that panic, so that it runs under `catch_unwind`
//! and says nothing there; and it is never given text that is nested deeper than we would follow.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use sqlite3_parser::ast::{self, Cmd, Literal, Operator as Op, ResultColumn as Column, SelectTable, Stmt};
use sqlite3_parser::lexer::sql::Parser;
use sqlite3_parser::{Bump, FallibleIterator};

use super::Reason;
use super::ir::{
    Call, Case, Comparison, Current, Expr, Join, Match, Name, Operator, Quotes, ResultColumn, Select, Source, View,
};

/// Nesting beyond which nothing is translated; the translator calls itself that often
const DEEPEST: usize = 60;
/// Links of a chain of ANDs that count as one step down
const LINKS: usize = 10;
/// SQLite takes a million bytes; whoever writes this much by hand wants to translate it by hand
const LONGEST: usize = 256 * 1024;

/// What `CREATE TABLE` says beside names and types
pub(super) struct Declarations {
    pub checks: Vec<Check>,
    /// Columns with the expressions that they are computed from, as SQL
    pub generated: Vec<(String, String)>,
}

/// One CHECK
pub(super) struct Check {
    pub name: Option<String>,
    /// The column in whose definition it stands
    pub column: Option<String>,
    /// The condition, as SQL
    pub sql: String,
}

/// An expression alone
pub(super) fn expression(sql: &str) -> Result<Expr, Reason> {
    with_statement(&format!("SELECT {sql}"), |statement| match statement {
        Stmt::Select(select) => match only_column(select) {
            Some(expr) => convert(expr, 0),
            None => Err(Reason::new("it is not one expression")),
        },
        _ => Err(Reason::new("it is not one expression")),
    })
}

fn only_column<'a>(select: &'a ast::Select<'a>) -> Option<&'a ast::Expr<'a>> {
    let ast::Select { with: None, body, order_by: None, limit: None } = select else { return None };
    let ast::SelectBody {
        select: ast::OneSelect::Select { columns: [Column::Expr(expr, None)], from: None, .. }, ..
    } = body
    else {
        return None;
    };
    let ast::OneSelect::Select { distinctness, where_clause, group_by, having, window_clause, .. } = &body.select
    else {
        return None;
    };
    let alone = distinctness.is_none() && where_clause.is_none() && group_by.is_none() && having.is_none();
    (alone && window_clause.is_none() && body.compounds.is_none()).then_some(expr)
}

/// CHECKs and computed columns of `CREATE TABLE`
pub(super) fn create_table(sql: &str) -> Result<Declarations, Reason> {
    with_statement(sql, |statement| {
        let Stmt::CreateTable {
            body: ast::CreateTableBody::ColumnsAndConstraints { columns, constraints, .. }, ..
        } = statement
        else {
            return Err(Reason::new("it is not a table with columns"));
        };
        let mut found = Declarations { checks: Vec::new(), generated: Vec::new() };
        for column in columns {
            let column_name = unquoted(column.col_name.0).text;
            for named in column.constraints {
                match &named.constraint {
                    ast::ColumnConstraint::Check(expr) => {
                        found.checks.push(check(&named.name, Some(column_name.clone()), expr)?);
                    }
                    ast::ColumnConstraint::Generated { expr, .. } => {
                        found.generated.push((column_name.clone(), text_of(expr)?));
                    }
                    _ => {}
                }
            }
        }
        for named in constraints.unwrap_or_default() {
            if let ast::TableConstraint::Check(expr, _) = &named.constraint {
                found.checks.push(check(&named.name, None, expr)?);
            }
        }
        Ok(found)
    })
}

fn check(name: &Option<ast::Name<'_>>, column: Option<String>, expr: &ast::Expr<'_>) -> Result<Check, Reason> {
    Ok(Check { name: name.as_ref().map(|name| unquoted(name.0).text), column, sql: text_of(expr)? })
}

/// The expression as the parser writes it, which must be read as what it was
fn text_of(expr: &ast::Expr<'_>) -> Result<String, Reason> {
    // First, because the parser's own writing follows any depth.
    let was = convert(expr, 0)?;
    let text = expr.to_string();
    if expression(&text)? != was {
        return Err(Reason::new("the parser does not write what it read"));
    }
    Ok(text)
}

/// `CREATE VIEW`
pub(super) fn create_view(sql: &str) -> Result<View, Reason> {
    with_statement(sql, |statement| {
        let Stmt::CreateView { columns, select, .. } = statement else {
            return Err(Reason::new("it is not a view"));
        };
        let names = |columns: &[ast::IndexedColumn<'_>]| columns.iter().map(|c| unquoted(c.col_name.0).text).collect();
        Ok(View { columns: columns.map(names), selects: selects(select)? })
    })
}

fn selects(select: &ast::Select<'_>) -> Result<Vec<Select>, Reason> {
    if select.with.is_some() {
        return Err(Reason::new("WITH"));
    } else if select.order_by.is_some() || select.limit.is_some() {
        return Err(Reason::new("ORDER BY or LIMIT: a view on PostgreSQL is best asked for its order"));
    }
    let mut found = vec![one_select(&select.body.select)?];
    for compound in select.body.compounds.iter().flatten() {
        match compound.operator {
            ast::CompoundOperator::UnionAll => found.push(one_select(&compound.select)?),
            _ => return Err(Reason::new("UNION, EXCEPT or INTERSECT, which compare rows by SQLite's rules")),
        }
    }
    Ok(found)
}

fn one_select(select: &ast::OneSelect<'_>) -> Result<Select, Reason> {
    let ast::OneSelect::Select { distinctness, columns, from, where_clause, group_by, having, window_clause } = select
    else {
        return Err(Reason::new("VALUES"));
    };
    if matches!(distinctness, Some(ast::Distinctness::Distinct)) {
        return Err(Reason::new("DISTINCT, which compares rows by SQLite's rules"));
    } else if having.is_some() || window_clause.is_some() {
        return Err(Reason::new("HAVING or windows"));
    }
    let columns = columns.iter().map(|column| {
        Ok(match column {
            Column::Star => ResultColumn::Star,
            Column::TableStar(table) => ResultColumn::TableStar(unquoted(table.0)),
            Column::Expr(expr, alias) => {
                let alias = alias.as_ref().map(alias_name);
                ResultColumn::Expr(convert(expr, 0)?, alias)
            }
        })
    });
    Ok(Select {
        columns: columns.collect::<Result<_, Reason>>()?,
        from: from.as_ref().map(sources).transpose()?.unwrap_or_default(),
        condition: where_clause.map(|expr| convert(expr, 0)).transpose()?,
        group_by: list(group_by.unwrap_or_default(), 0)?,
    })
}

fn sources(from: &ast::FromClause<'_>) -> Result<Vec<Source>, Reason> {
    let first = from.select.ok_or_else(|| Reason::new("an empty FROM"))?;
    let mut found = vec![source(first, Join::Inner, None)?];
    for joined in from.joins.iter().flatten() {
        let join = match joined.operator {
            ast::JoinOperator::Comma | ast::JoinOperator::TypedJoin(None) => Join::Inner,
            ast::JoinOperator::TypedJoin(Some(kind)) => match kind {
                ast::JoinType::INNER => Join::Inner,
                kind if kind == ast::JoinType::INNER | ast::JoinType::CROSS => Join::Inner,
                kind if kind == ast::JoinType::LEFT | ast::JoinType::OUTER => Join::Left,
                _ => return Err(Reason::new("a join that is not inner or left")),
            },
        };
        let on = match &joined.constraint {
            None => None,
            Some(ast::JoinConstraint::On(expr)) => Some(convert(expr, 0)?),
            Some(ast::JoinConstraint::Using(_)) => return Err(Reason::new("USING")),
        };
        found.push(source(&joined.table, join, on)?);
    }
    Ok(found)
}

fn source(table: &SelectTable<'_>, join: Join, on: Option<Expr>) -> Result<Source, Reason> {
    let SelectTable::Table(name, alias, _) = table else {
        return Err(Reason::new("a subquery"));
    };
    if name.db_name.as_ref().is_some_and(|schema| !unquoted(schema.0).is("main")) {
        return Err(Reason::new("a table of another database"));
    }
    let alias = alias.as_ref().map(alias_name);
    Ok(Source { table: unquoted(name.name.0), alias, join, on })
}

fn alias_name(alias: &ast::As<'_>) -> Name {
    let (ast::As::As(name) | ast::As::Elided(name)) = alias;
    unquoted(name.0)
}

thread_local! {
    static PARSING: Cell<bool> = const { Cell::new(false) };
}

/// Parses text that is exactly one statement, and hands it over
fn with_statement<T>(sql: &str, take: impl FnOnce(&Stmt<'_>) -> Result<T, Reason>) -> Result<T, Reason> {
    if sql.len() > LONGEST {
        return Err(Reason::new("it is too long"));
    } else if deepest(sql) > DEEPEST {
        return Err(Reason::new("it is nested too deeply"));
    }
    let parsed = quietly(|| {
        let arena = Bump::new();
        let mut parser = Parser::new(&arena, sql.as_bytes());
        let first = parser.next().map_err(|error| Reason::new(format!("the parser refuses it: {error}")))?;
        match (first, parser.next()) {
            (Some(Cmd::Stmt(statement)), Ok(None)) => take(&statement),
            _ => Err(Reason::new("it is not one statement")),
        }
    });
    parsed.unwrap_or_else(|| Err(Reason::new("the parser failed")))
}

/// Runs what may panic without a word on standard error; `None` if it did
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        // Only for this thread and only inside of `run`: everywhere else panics are told as before.
        std::panic::set_hook(Box::new(move |info| {
            if !PARSING.get() {
                before(info);
            }
        }));
    });
    let outer = PARSING.replace(true);
    // Nothing outlives a panic in there: the arena is dropped whole.
    let result = catch_unwind(AssertUnwindSafe(run));
    PARSING.set(outer);
    result.ok()
}

/// The deepest nesting of parentheses and CASEs; strings and comments are not told apart, which errs on the safe side
fn deepest(sql: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in sql.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn convert(expr: &ast::Expr<'_>, depth: usize) -> Result<Expr, Reason> {
    if depth > DEEPEST {
        return Err(Reason::new("it is nested too deeply"));
    }
    let below = |expr: &ast::Expr<'_>| convert(expr, depth + 1);
    let boxed = |expr: &ast::Expr<'_>| below(expr).map(Box::new);
    Ok(match expr {
        ast::Expr::Parenthesized(inner) => match inner.as_slice() {
            [only] => below(only)?,
            _ => Expr::Other("a row value"),
        },
        ast::Expr::Literal(literal) => of_literal(literal)?,
        ast::Expr::Id(id) => Expr::Name(unquoted(id.0)),
        ast::Expr::Name(name) => Expr::Name(unquoted(name.0)),
        ast::Expr::Qualified(table, column) => Expr::Qualified(unquoted(table.0), unquoted(column.0)),
        ast::Expr::DoublyQualified(..) => Expr::Other("a name with a schema"),
        ast::Expr::Unary(operator, operand) => {
            let operand = boxed(operand)?;
            match operator {
                ast::UnaryOperator::Negative => Expr::Negative(operand),
                ast::UnaryOperator::Positive => Expr::Positive(operand),
                ast::UnaryOperator::BitwiseNot => Expr::Complement(operand),
                ast::UnaryOperator::Not => Expr::Not(operand),
            }
        }
        ast::Expr::Binary(left, operator, right) => binary(left, *operator, right, depth)?,
        ast::Expr::Between { lhs, not, start, end } => {
            negated(*not, Expr::Between(boxed(lhs)?, boxed(start)?, boxed(end)?))
        }
        ast::Expr::InList { lhs, not, rhs } => {
            negated(*not, Expr::In(boxed(lhs)?, list(rhs.unwrap_or_default(), depth + 1)?))
        }
        ast::Expr::IsNull(operand) => Expr::IsNull(boxed(operand)?, false),
        ast::Expr::NotNull(operand) => Expr::IsNull(boxed(operand)?, true),
        ast::Expr::Like { lhs, not, op, rhs, escape } => {
            let glob = match op {
                ast::LikeOperator::Like => false,
                ast::LikeOperator::Glob => true,
                ast::LikeOperator::Match => return Ok(Expr::Other("MATCH")),
                ast::LikeOperator::Regexp => return Ok(Expr::Other("REGEXP")),
            };
            let (value, pattern) = (below(lhs)?, below(rhs)?);
            let escape = escape.map(below).transpose()?;
            negated(*not, Expr::Match(Box::new(Match { value, glob, pattern, escape })))
        }
        ast::Expr::Case { base, when_then_pairs, else_expr } => {
            let branches = when_then_pairs.iter().map(|(when, then)| Ok((below(when)?, below(then)?)));
            Expr::Case(Box::new(Case {
                base: base.map(below).transpose()?,
                branches: branches.collect::<Result<_, Reason>>()?,
                otherwise: else_expr.map(below).transpose()?,
            }))
        }
        ast::Expr::Cast { expr, type_name } => {
            let name = type_name.as_ref().map_or("", |name| name.name);
            Expr::Cast(boxed(expr)?, name.to_owned())
        }
        ast::Expr::Collate(operand, name) => Expr::Collate(boxed(operand)?, unquoted(name).text),
        ast::Expr::FunctionCall { name, distinctness, args, order_by: None, filter_over: None } => Expr::Call(Call {
            name: unquoted(name.0).text.to_ascii_lowercase(),
            arguments: Some(list(args.unwrap_or_default(), depth + 1)?),
            distinct: matches!(distinctness, Some(ast::Distinctness::Distinct)),
        }),
        ast::Expr::FunctionCallStar { name, filter_over: None } => {
            Expr::Call(Call { name: unquoted(name.0).text.to_ascii_lowercase(), arguments: None, distinct: false })
        }
        ast::Expr::FunctionCall { .. } | ast::Expr::FunctionCallStar { .. } => Expr::Other("FILTER, OVER or ORDER BY"),
        ast::Expr::Exists(_) | ast::Expr::Subquery(_) | ast::Expr::InSelect { .. } | ast::Expr::InTable { .. } => {
            Expr::Other("a subquery")
        }
        ast::Expr::Raise(..) => Expr::Other("RAISE"),
        ast::Expr::Variable(_) => Expr::Other("a parameter"),
    })
}

fn list(exprs: &[ast::Expr<'_>], depth: usize) -> Result<Vec<Expr>, Reason> {
    exprs.iter().map(|expr| convert(expr, depth)).collect()
}

fn negated(not: bool, expr: Expr) -> Expr {
    if not { Expr::Not(Box::new(expr)) } else { expr }
}

fn of_literal(literal: &Literal<'_>) -> Result<Expr, Reason> {
    Ok(match literal {
        Literal::Numeric(text) => Expr::Number((*text).to_owned()),
        Literal::String(text) => Expr::Text(unquoted(text).text),
        Literal::Blob(text) => Expr::Blob(bytes(text).ok_or_else(|| Reason::new("a malformed blob"))?),
        Literal::Null => Expr::Null,
        Literal::CurrentDate => Expr::Current(Current::Date),
        Literal::CurrentTime => Expr::Current(Current::Time),
        Literal::CurrentTimestamp => Expr::Current(Current::Timestamp),
        Literal::Keyword(_) => Expr::Other("a keyword"),
    })
}

/// The bytes of `x'00ff'`, of which the parser keeps more or less
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_start_matches(['x', 'X']).trim_matches('\'').as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect())?
}

fn binary(left: &ast::Expr<'_>, operator: Op, right: &ast::Expr<'_>, depth: usize) -> Result<Expr, Reason> {
    if matches!(operator, Op::And | Op::Or | Op::Concat) {
        let terms = list_of_chain(left, operator, right, depth)?;
        return Ok(match operator {
            Op::And => Expr::All(terms),
            Op::Or => Expr::Any(terms),
            _ => Expr::Concat(terms),
        });
    }
    let (left, right) = (Box::new(convert(left, depth + 1)?), Box::new(convert(right, depth + 1)?));
    let comparison = match operator {
        Op::Equals => Comparison::Equal,
        Op::NotEquals => Comparison::Different,
        Op::Less => Comparison::Less,
        Op::LessEquals => Comparison::LessOrEqual,
        Op::Greater => Comparison::Greater,
        Op::GreaterEquals => Comparison::GreaterOrEqual,
        Op::Is => Comparison::Is,
        Op::IsNot => Comparison::IsNot,
        _ => return Ok(arithmetic(left, operator, right)),
    };
    Ok(Expr::Compare(left, comparison, right))
}

fn arithmetic(left: Box<Expr>, operator: Op, right: Box<Expr>) -> Expr {
    let operator = match operator {
        Op::Add => Operator::Add,
        Op::Subtract => Operator::Subtract,
        Op::Multiply => Operator::Multiply,
        Op::Divide => Operator::Divide,
        Op::Modulus => Operator::Remainder,
        Op::BitwiseAnd => Operator::And,
        Op::BitwiseOr => Operator::Or,
        Op::ArrowRight | Op::ArrowRightShift => {
            let arguments = Some(vec![*left, *right]);
            return Expr::Call(Call { name: super::path::ARROW.to_owned(), arguments, distinct: false });
        }
        _ => return Expr::Other("a shift of bits"),
    };
    Expr::Arithmetic(left, operator, right)
}

/// The terms of `a AND b AND c`, which the parser gives nested to the left
fn list_of_chain(left: &ast::Expr<'_>, operator: Op, right: &ast::Expr<'_>, depth: usize) -> Result<Vec<Expr>, Reason> {
    let (mut left, mut terms) = (left, vec![convert(right, depth + 1)?]);
    while let ast::Expr::Binary(first, same, last) = left {
        // Others follow the chain by calling themselves, so that it is not as free of depth as it is here.
        if *same != operator || depth + terms.len() / LINKS > DEEPEST {
            break;
        }
        terms.push(convert(last, depth + 1)?);
        left = first;
    }
    terms.push(convert(left, depth + 1 + terms.len() / LINKS)?);
    terms.reverse();
    Ok(terms)
}

/// A name or string as written, without its quotes
fn unquoted(text: &str) -> Name {
    let (quotes, close) = match text.as_bytes().first() {
        Some(b'"') => (Quotes::Double, '"'),
        Some(b'\'') => (Quotes::Other, '\''),
        Some(b'`') => (Quotes::Other, '`'),
        Some(b'[') => (Quotes::Other, ']'),
        _ => return Name { text: text.to_owned(), quotes: Quotes::None },
    };
    let inner = text[1..].strip_suffix(close).unwrap_or(&text[1..]);
    let text =
        if close == ']' { inner.to_owned() } else { inner.replace(&format!("{close}{close}"), &close.to_string()) };
    Name { text, quotes }
}
