//! COPY into one relation, with the rows that do not fit going to the quarantine in the same transaction
//!
//! While a COPY is under way the connection takes no other statement, so rejected rows wait for its end; where they
//! take too much memory, the COPY is ended for them and another one begun. That keeps FREEZE legal: all of it happens
//! in the transaction that created the table, without a savepoint.

use bytes::Bytes;
use tokio_postgres::{Client, Statement};

use crate::error::Result;
use crate::model::plan::TablePlan;
use crate::model::quarantine::Rejected;
use crate::postgres::apply::ApplyError;
use crate::postgres::careful;
use crate::postgres::copy::CopyStream;
use crate::postgres::quarantine::hold;
use crate::sqlite::whole::WholeSlice;

/// Bytes of rejected rows that wait for the end of a COPY
const WAITING_BYTES: usize = 8 << 20;

/// A relation that is being filled
pub struct Loading<'a> {
    client: &'a Client,
    relation: String,
    table: &'a TablePlan,
    freeze: bool,
    copy: Option<CopyStream>,
    stored: u64,
    waiting: Vec<Rejected>,
    waiting_bytes: usize,
}

impl<'a> Loading<'a> {
    /// `freeze` needs a relation created in the same transaction
    pub async fn begin(
        client: &'a Client,
        relation: String,
        table: &'a TablePlan,
        freeze: bool,
    ) -> Result<Loading<'a>> {
        let copy = Some(CopyStream::begin(client, &relation, table, freeze).await?);
        Ok(Loading { client, relation, table, freeze, copy, stored: 0, waiting: Vec::new(), waiting_bytes: 0 })
    }

    /// Hands over encoded tuples; waits while the server is busy
    pub async fn send(&mut self, tuples: Bytes) -> Result<()> {
        let mut copy = match self.copy.take() {
            Some(copy) => copy,
            None => CopyStream::begin(self.client, &self.relation, self.table, self.freeze).await?,
        };
        copy.send(tuples).await?;
        self.copy = Some(copy);
        Ok(())
    }

    /// Hands over rows that do not fit
    pub async fn reject(&mut self, rejected: Vec<Rejected>) -> Result<()> {
        self.waiting_bytes += rejected.iter().map(Rejected::byte_size).sum::<usize>();
        self.waiting.extend(rejected);
        if self.waiting_bytes >= WAITING_BYTES { self.settle().await } else { Ok(()) }
    }

    /// Ends it and returns the number of rows that the server stored in the relation
    pub async fn finish(mut self) -> Result<u64> {
        self.settle().await?;
        Ok(self.stored)
    }

    /// Ends the COPY that is under way, and stores what waited for that
    async fn settle(&mut self) -> Result<()> {
        if let Some(copy) = self.copy.take() {
            self.stored += copy.finish().await?;
        }
        if !self.waiting.is_empty() {
            hold(self.client, self.table, &self.waiting).await?;
            self.waiting.clear();
            self.waiting_bytes = 0;
            crate::failpoint::hit("quarantine.rows_held");
        }
        Ok(())
    }
}

/// Writes the rows of a slice that the server takes, and keeps the others in the quarantine; returns how many were stored
pub async fn write_slice(
    client: &Client,
    schema: &str,
    insert: &Statement,
    table: &TablePlan,
    slice: WholeSlice,
) -> std::result::Result<u64, ApplyError> {
    let mut written = careful::write(client, schema, insert, table, &slice.rows, slice.whole).await?;
    written.refused.extend(slice.rejected);
    if !written.refused.is_empty() {
        hold(client, table, &written.refused).await?;
        crate::failpoint::hit("quarantine.rows_held");
    }
    Ok(written.stored)
}
