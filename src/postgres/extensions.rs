//! Extensions: what the server offers while planning, and creating those of the plan

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::connect::classify;
use crate::error::Result;
use crate::model::extensions::{Extension, Offer};
use crate::model::plan::{ExtensionPlan, Plan};
use crate::model::schema::quote_identifier;

/// What a trusted extension asks of its creator is the right to create in the database; any other a superuser
const EXTENSIONS: &str = "
    select coalesce(a.name, e.extname)::text, n.nspname::text,
           coalesce(case when v.superuser and not v.trusted then r.rolsuper
                         else r.rolsuper or has_database_privilege(current_database(), 'CREATE') end, false),
           coalesce(e.extversion, a.default_version, '')
    from pg_available_extensions a
    full join pg_extension e on e.extname = a.name
    left join pg_namespace n on n.oid = e.extnamespace
    left join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
    cross join (select rolsuper from pg_roles where rolname = current_user) r
    order by 1";

const TEXT_SEARCH: &str = "
    select distinct unnest(array[cfgname::text, format('%s.%s', nspname, cfgname)])
    from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace order by 1";

/// Reads what the target offers to our role
pub async fn offer(client: &Client) -> Result<Offer> {
    let rows = client.query(EXTENSIONS, &[]).await.map_err(|e| classify(e, "read the extensions of the target"))?;
    let extension = |row: &tokio_postgres::Row| Extension {
        name: row.get(0),
        version: row.get(3),
        schema: row.get(1),
        permitted: row.get(2),
    };
    let extensions = rows.iter().map(extension).collect();
    let rows = client.query(TEXT_SEARCH, &[]).await;
    let rows = rows.map_err(|e| classify(e, "read the text search configurations of the target"))?;
    Ok(Offer { extensions, text_search: rows.iter().map(|row| row.get(0)).collect() })
}

/// The statement that creates it
pub fn create_sql(extension: &ExtensionPlan) -> String {
    let (name, schema) = (quote_identifier(&extension.name), quote_identifier(&extension.schema));
    format!("create extension {name} schema {schema}")
}

/// Creates those that were not there when the plan was made
///
/// Where one has come since then it is somebody else's, which `cancel` must not take away: the statement fails, and the
/// next start plans with it.
pub async fn create(transaction: &Transaction<'_>, plan: &Plan) -> Result<()> {
    for extension in plan.extensions.iter().filter(|extension| extension.created) {
        let operation = format!("create extension `{}`", extension.name);
        transaction.batch_execute(&create_sql(extension)).await.map_err(|e| classify(e, &operation))?;
    }
    Ok(())
}

/// Drops those that the plan created, unless something uses them by now
pub async fn drop_created(transaction: &mut Transaction<'_>, plan: &Plan) -> Result<()> {
    for extension in plan.extensions.iter().filter(|extension| extension.created) {
        let failed = |e| classify(e, &format!("drop extension `{}`", extension.name));
        let savepoint = transaction.transaction().await.map_err(failed)?;
        let sql = format!("drop extension if exists {}", quote_identifier(&extension.name));
        match savepoint.batch_execute(&sql).await {
            Ok(()) => savepoint.commit().await.map_err(failed)?,
            Err(e) if e.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
                savepoint.rollback().await.map_err(failed)?;
            }
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(())
}
