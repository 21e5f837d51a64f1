//! COPY BINARY: one stream of tuples into one table
//!
//! The stream is begun and ended here; the tuples arrive encoded. Dropping a stream before `finish` makes the server
//! discard it, so "not finished" can never mean "stored".

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, CopyInSink};

use super::connect::classify;
use super::ddl::qualified;
use crate::error::Result;
use crate::model::plan::{ColumnPlan, Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// Signature, flags and extension length of the binary format
/// (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>)
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A field count of -1 ends the stream
const TRAILER: &[u8] = &[0xff, 0xff];

/// Bytes of one message: PostgreSQL takes 1 GiB, and keeps all of it in memory
const MESSAGE_BYTES: usize = 16 << 20;

/// A COPY that is under way
pub struct CopyStream {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    operation: String,
}

impl CopyStream {
    /// Begins to copy into a relation with the table's copied columns; `freeze` needs a table created in the same transaction
    pub async fn begin(client: &Client, relation: &str, table: &TablePlan, freeze: bool) -> Result<CopyStream> {
        let options = if freeze { "format binary, freeze" } else { "format binary" };
        let sql = format!("copy {relation} ({}) from stdin ({options})", copied_list(table, ""));
        let operation = format!("copy into table `{}`", table.target_name);
        let sink = client.copy_in::<_, Bytes>(&sql).await.map_err(|e| classify(e, &operation))?;
        let mut stream = CopyStream { sink: Box::pin(sink), operation };
        stream.send(Bytes::from_static(HEADER)).await?;
        Ok(stream)
    }

    /// Hands over encoded tuples; waits while the server is busy
    pub async fn send(&mut self, mut tuples: Bytes) -> Result<()> {
        // A message may end anywhere, and takes less than a long row has.
        while tuples.len() > MESSAGE_BYTES {
            let some = tuples.split_to(MESSAGE_BYTES);
            self.sink.feed(some).await.map_err(|e| classify(e, &self.operation))?;
        }
        self.sink.feed(tuples).await.map_err(|e| classify(e, &self.operation))
    }

    /// Ends the stream and returns the number of rows that the server stored
    pub async fn finish(mut self) -> Result<u64> {
        self.send(Bytes::from_static(TRAILER)).await?;
        self.sink.as_mut().finish().await.map_err(|e| classify(e, &self.operation))
    }
}

/// The planned table as a relation name
pub fn relation(plan: &Plan, table: &TablePlan) -> String {
    qualified(&plan.target_schema, &table.target_name)
}

/// The names of the copied columns, each behind `prefix`: in no statement is their order on the target relied on
pub fn copied_list(table: &TablePlan, prefix: &str) -> String {
    let names = table.copied_columns().map(|(_, c)| format!("{prefix}{}", quote_identifier(&c.target_name)));
    names.collect::<Vec<_>>().join(", ")
}

/// As [`copied_list`], for reading: with words as their text
pub fn read_list(table: &TablePlan, prefix: &str) -> String {
    let terms = table.copied_columns().map(|(_, column)| {
        let text = if column.is_words() { "::text" } else { "" };
        format!("{prefix}{}{text}", quote_identifier(&column.target_name))
    });
    terms.collect::<Vec<_>>().join(", ")
}

/// The names of the key's columns
pub fn key_list(table: &TablePlan) -> String {
    table.key_plans().map(|c| quote_identifier(&c.target_name)).collect::<Vec<_>>().join(", ")
}

/// Rows that arrive as one array parameter per column
pub struct Unnested {
    /// The relation, for FROM
    pub relation: String,
    /// Its columns in order, as the types that the target compares and stores
    pub terms: Vec<String>,
}

/// `unnest` over one array parameter per column, under the name `alias`
pub fn unnest<'c>(columns: impl Iterator<Item = &'c ColumnPlan>, alias: &str) -> Unnested {
    let (mut arrays, mut names, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for (number, column) in (1..).zip(columns) {
        let wire = column.wire();
        arrays.push(format!("${number}::{}[]", wire.sql));
        names.push(format!("a{number}"));
        let cast = wire.cast.map(|cast| format!("::{cast}")).unwrap_or_default();
        terms.push(format!("{alias}.a{number}{cast}"));
    }
    Unnested { relation: format!("unnest({}) {alias}({})", arrays.join(", "), names.join(", ")), terms }
}

/// The condition that a row of the table, named `t`, has the key of these terms
pub fn same_key(table: &TablePlan, terms: &[String]) -> String {
    let equal =
        table.key_plans().zip(terms).map(|(c, term)| format!("t.{} = {term}", quote_identifier(&c.target_name)));
    equal.collect::<Vec<_>>().join(" and ")
}

/// What an INSERT with given values says before them if the target numbers a column by itself
pub fn overriding(table: &TablePlan) -> &'static str {
    if table.copied_columns().any(|(_, c)| c.identity.is_some()) { "overriding system value " } else { "" }
}
