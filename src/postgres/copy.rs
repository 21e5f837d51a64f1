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
use crate::model::mapping::Mapping;
use crate::model::plan::{Plan, TablePlan};
use crate::model::schema::quote_identifier;

/// Signature, flags and extension length of the binary format
/// (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>)
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A field count of -1 ends the stream
const TRAILER: &[u8] = &[0xff, 0xff];

/// A COPY that is under way
pub struct CopyStream {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    operation: String,
}

impl CopyStream {
    /// Begins to copy into a relation with the table's columns; `freeze` needs a table created in the same transaction
    pub async fn begin(client: &Client, relation: &str, table: &TablePlan, freeze: bool) -> Result<CopyStream> {
        let columns: Vec<String> = table.columns.iter().map(|c| quote_identifier(&c.target_name)).collect();
        let options = if freeze { "format binary, freeze" } else { "format binary" };
        let sql = format!("copy {relation} ({}) from stdin ({options})", columns.join(", "));
        let operation = format!("copy into table `{}`", table.target_name);
        let sink = client.copy_in::<_, Bytes>(&sql).await.map_err(|e| classify(e, &operation))?;
        let mut stream = CopyStream { sink: Box::pin(sink), operation };
        stream.send(Bytes::from_static(HEADER)).await?;
        Ok(stream)
    }

    /// Hands over encoded tuples; waits while the server is busy
    pub async fn send(&mut self, tuples: Bytes) -> Result<()> {
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

/// `unnest` over one array parameter per column
pub fn unnest(mappings: impl Iterator<Item = Mapping>) -> String {
    let arrays: Vec<String> = mappings.enumerate().map(|(n, m)| format!("${}::{}[]", n + 1, m.sql())).collect();
    format!("unnest({})", arrays.join(", "))
}
