//! SQLite's SQL as the translator sees it: the parser's tree without what has no meaning here
//!
//! Parentheses are gone, chains of AND, OR and `||` are flat, and names are without their quotes. Whatever the translator
//! would refuse in any case is one [`Expr::Other`] that says what it is.

/// An expression
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Null,
    /// As written
    Number(String),
    Text(String),
    Blob(Vec<u8>),
    /// `CURRENT_DATE`, `CURRENT_TIME`, `CURRENT_TIMESTAMP`
    Current(Current),
    Name(Name),
    /// `table.column`
    Qualified(Name, Name),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    Complement(Box<Expr>),
    Not(Box<Expr>),
    /// More than one condition
    All(Vec<Expr>),
    /// More than one condition
    Any(Vec<Expr>),
    /// More than one text
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    Arithmetic(Box<Expr>, Operator, Box<Expr>),
    /// `a BETWEEN low AND high`
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    /// `ISNULL` or, if true, `NOTNULL`
    IsNull(Box<Expr>, bool),
    Match(Box<Match>),
    Case(Box<Case>),
    Cast(Box<Expr>, String),
    Collate(Box<Expr>, String),
    Call(Call),
    /// What is never translated, named
    Other(&'static str),
}

/// An identifier without its quotes
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub text: String,
    pub quotes: Quotes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    /// SQLite takes such a name for a string where no column has it
    Double,
    /// Brackets or backticks
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    Date,
    Time,
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `IS`
    Is,
    /// `IS NOT`
    IsNot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    And,
    Or,
}

/// `LIKE` or `GLOB`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Match {
    pub value: Expr,
    pub glob: bool,
    pub pattern: Expr,
    pub escape: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub base: Option<Expr>,
    pub branches: Vec<(Expr, Expr)>,
    pub otherwise: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// In lower case
    pub name: String,
    /// `None` for `*`
    pub arguments: Option<Vec<Expr>>,
    pub distinct: bool,
}

/// `SELECT .. [UNION ALL SELECT ..]`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    /// Names in parentheses behind the view's own
    pub columns: Option<Vec<String>>,
    pub selects: Vec<Select>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    pub columns: Vec<ResultColumn>,
    pub from: Vec<Source>,
    pub condition: Option<Expr>,
    pub group_by: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ResultColumn {
    Star,
    TableStar(Name),
    /// The expression, its alias, and its text where it is no column
    Expr(Expr, Option<Name>),
}

/// A table in FROM, with what joins it to those before
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub table: Name,
    pub alias: Option<Name>,
    pub join: Join,
    pub on: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    Inner,
    Left,
}

impl Expr {
    /// Whether COLLATE stands anywhere in it; SQLite then takes that collation for the whole of it
    pub fn has_collation(&self) -> bool {
        matches!(self, Expr::Collate(..)) || self.parts().into_iter().any(Expr::has_collation)
    }

    fn parts(&self) -> Vec<&Expr> {
        match self {
            Expr::Negative(one) | Expr::Positive(one) | Expr::Complement(one) | Expr::Not(one) => vec![one],
            Expr::IsNull(one, _) | Expr::Cast(one, _) | Expr::Collate(one, _) => vec![one],
            Expr::All(all) | Expr::Any(all) | Expr::Concat(all) => all.iter().collect(),
            Expr::Compare(left, _, right) => vec![left, right],
            Expr::Arithmetic(left, _, right) => vec![left, right],
            Expr::Between(value, low, high) => vec![value, low, high],
            Expr::In(value, list) => std::iter::once(&**value).chain(list).collect(),
            Expr::Match(matched) => [&matched.value, &matched.pattern].into_iter().chain(&matched.escape).collect(),
            Expr::Case(case) => {
                let branches = case.branches.iter().flat_map(|(when, then)| [when, then]);
                case.base.iter().chain(branches).chain(&case.otherwise).collect()
            }
            Expr::Call(call) => call.arguments.iter().flatten().collect(),
            _ => Vec::new(),
        }
    }
}

impl Name {
    /// As SQLite compares names
    pub fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

impl Comparison {
    /// With both sides changed round
    pub fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            other => other,
        }
    }

    /// As both sides write it; `IS` is written in another way
    pub fn sql(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::Different => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Is => "IS NOT DISTINCT FROM",
            Comparison::IsNot => "IS DISTINCT FROM",
        }
    }

    /// Does the order of both sides matter
    pub fn orders(self) -> bool {
        matches!(self, Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual)
    }
}
