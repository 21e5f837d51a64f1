//! What `status` says of the search tables

use rusqlite::Connection;
use tokio_postgres::Client;

use crate::error::Result;
use crate::model::plan::Plan;
use crate::observe::status::SearchStatus;
use crate::postgres::search::{self, Stored};
use crate::sqlite::connection::in_read_view;
use crate::sqlite::search::fingerprint;

/// The search tables, each with when it was compared and whether its index has changed since; without a source nobody
/// knows that
pub async fn states(client: &Client, plan: &Plan, source: Option<&Connection>) -> Result<Vec<SearchStatus>> {
    let mut states = Vec::new();
    for stored in search::stored(client).await? {
        let Some(planned) = plan.search_table(stored.table_id) else { continue };
        let now = source.map(|source| in_read_view(source, |view| fingerprint(view, planned))).transpose()?;
        let Stored { rows, state, compared_at, fingerprint, .. } = stored;
        let changed = now.map(|now| fingerprint.as_ref() != Some(&now));
        states.push(SearchStatus { name: planned.name.clone(), rows, state, compared_at, changed });
    }
    Ok(states)
}
