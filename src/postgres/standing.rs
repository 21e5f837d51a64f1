//! Our triggers, wherever they stand
//!
//! Whoever renames a table or moves it to another schema takes them along. They are known by the function that they run,
//! not by the name of their table.

use tokio_postgres::GenericClient;

use super::connect::classify;
use crate::error::Result;

/// A trigger of ours
pub(super) struct Standing {
    /// Quoted
    pub name: String,
    /// With its schema, quoted
    pub relation: String,
    /// It fires for some session
    pub enabled: bool,
    /// It came to a partition from the whole, and goes with that
    pub is_part: bool,
}

/// Each table before its partitions
const TRIGGERS: &str = "
    select quote_ident(t.tgname), format('%I.%I', n.nspname, c.relname), t.tgenabled <> 'D', t.tgparentid <> 0
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where p.pronamespace = to_regnamespace('crossfade') and p.proname::text = any($1) and not t.tgisinternal
    order by c.relispartition, c.oid, t.tgname";

/// Those that run one of these functions of the schema `crossfade`
pub(super) async fn of(client: &impl GenericClient, functions: &[String]) -> Result<Vec<Standing>> {
    let rows = client.query(TRIGGERS, &[&functions]).await;
    let rows = rows.map_err(|e| classify(e, "look for crossfade's triggers on the target"))?;
    let standing = |row: &tokio_postgres::Row| Standing {
        name: row.get(0),
        relation: row.get(1),
        enabled: row.get(2),
        is_part: row.get(3),
    };
    Ok(rows.iter().map(standing).collect())
}

/// What drops them
pub(super) fn drop_statements(triggers: &[Standing]) -> Vec<String> {
    let own = triggers.iter().filter(|trigger| !trigger.is_part);
    own.map(|trigger| format!("drop trigger {} on {}", trigger.name, trigger.relation)).collect()
}
