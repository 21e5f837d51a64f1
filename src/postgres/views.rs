//! Views of ours on the target: told from the user's by their comment

use tokio_postgres::GenericClient;

use super::ddl::{VIEW_COMMENT, qualified};
use crate::model::plan::Plan;

/// Whether an object of this name is a view of ours; `None` if there is no such object
pub async fn is_ours(
    client: &impl GenericClient,
    schema: &str,
    name: &str,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let sql = "select c.relkind = 'v' and coalesce(obj_description(c.oid, 'pg_class'), '') = $3 \
               from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2";
    let row = client.query_opt(sql, &[&schema, &name, &VIEW_COMMENT]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Takes the views of ours off the target, in one statement, as they may read each other. What something of the user's
/// reads is refused: that is for the user to decide
pub async fn remove(client: &impl GenericClient, plan: &Plan) -> Result<(), tokio_postgres::Error> {
    let mut ours = Vec::new();
    for view in &plan.views {
        if is_ours(client, &plan.target_schema, &view.name).await? == Some(true) {
            ours.push(qualified(&plan.target_schema, &view.name));
        }
    }
    if ours.is_empty() {
        return Ok(());
    }
    client.batch_execute(&format!("drop view {}", ours.join(", "))).await
}

/// Takes the mark off the views of ours: they stay, as the application's own
pub async fn make_theirs(client: &impl GenericClient, plan: &Plan) -> Result<(), tokio_postgres::Error> {
    for view in &plan.views {
        if is_ours(client, &plan.target_schema, &view.name).await? == Some(true) {
            let comment = format!("comment on view {} is null", qualified(&plan.target_schema, &view.name));
            client.batch_execute(&comment).await?;
        }
    }
    Ok(())
}
