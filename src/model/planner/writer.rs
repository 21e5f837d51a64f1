//! Which framework writes the source, as its bookkeeping tells
//!
//! Frameworks write values in one way each. That settles what the values leave open: texts with six digits behind the
//! seconds may come from a program that leaves zeros out, and an empty column shows nothing at all.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// `str(datetime)`: no digits behind the seconds if all are zero, else six
    Django,
    /// Always six digits
    SqlAlchemy,
    /// Always six digits
    Rails,
    /// Integers that count milliseconds
    Prisma,
    Unknown,
}

impl Writer {
    /// By the tables that there are
    pub fn of(has: impl Fn(&str) -> bool) -> Writer {
        let known = [
            ("django_migrations", Writer::Django),
            ("alembic_version", Writer::SqlAlchemy),
            ("ar_internal_metadata", Writer::Rails),
            ("_prisma_migrations", Writer::Prisma),
        ];
        let found: Vec<Writer> = known.into_iter().filter(|(table, _)| has(table)).map(|(_, writer)| writer).collect();
        // Two frameworks on one database tell nothing about either's tables.
        if let [writer] = found.as_slice() { *writer } else { Writer::Unknown }
    }
}
