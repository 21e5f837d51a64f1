//! When the target's foreign keys stand
//!
//! They would act on replicated rows a second time. Where the role may set `session_replication_role` they are silent for us,
//! and stand from the copy on. An ordinary owner of the tables has them only while PostgreSQL is the primary: they are added,
//! NOT VALID, by the very transaction that opens it, validated while the application writes, and dropped after a rollback
//! before the first row is replicated again.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use crate::engine::indexing::server_words;
use crate::engine::job::Job;
use crate::error::{Error, Result};
use crate::model::plan::{ForeignKeyPlan, Notice, Plan, TablePlan};
use crate::postgres::connect::classify;
use crate::postgres::fence::{self, Pass};
use crate::postgres::foreign_keys::{missing, planned, present};
use crate::postgres::{control, ddl, foreign_keys as target, orphans, switches};

/// Attempts to drop a foreign key before the session gives up, and the next one tries again; and the pause between them
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Adds those that do not stand, NOT VALID: quick, and one connection cannot deadlock with itself
pub async fn add(client: &Client, plan: &Plan) -> Result<()> {
    for (table, key) in missing(client, plan).await? {
        let added = client.batch_execute(&ddl::add_foreign_key(plan, table, key)).await;
        added.map_err(|e| classify(e, &format!("add foreign key `{}`", key.name)))?;
    }
    Ok(())
}

/// Adds those that do not stand, as a part of the transaction that opens PostgreSQL: nobody has written there before them.
/// One that the server does not take keeps nobody from switching; it is noted
pub async fn add_at_opening(transaction: &Transaction<'_>, plan: &Plan) -> Result<()> {
    for (table, key) in missing(transaction, plan).await? {
        if let Some(refusal) = target::try_add(transaction, plan, (table, key)).await? {
            let message = format!("foreign key `{}` was not created: {}", key.name, server_words(&refusal));
            let remedy = Some(format!("correct that, then {}", ddl::add_foreign_key(plan, table, key)));
            control::note(transaction, &Notice { object: table.source.name.clone(), message, remedy }).await?;
        }
    }
    Ok(())
}

/// Drops those of the plan where they would act on what is about to be replicated; does nothing where none stands
///
/// # Errors
/// One that passes, if somebody reads the tables for longer: nobody is to queue behind us.
pub fn drop_where_they_act(job: &mut Job) -> Result<()> {
    if planned(&job.plan).next().is_none() || job.wait(fence::way(job.applier.client()))? == Pass::ReplicaRole {
        return Ok(());
    }
    let (runtime, plan, run_id) = (job.runtime.clone(), job.plan.clone(), job.applier.run_id());
    for key in job.wait(present(job.applier.client(), &plan, |_| true))? {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            job.context.stop.check()?;
            let dropped = runtime.block_on(async {
                let transaction = switches::guarded_for(job.applier.client_mut(), run_id, switches::MOMENT).await?;
                target::drop(&transaction, &plan, key).await?;
                transaction.commit().await.map_err(|e| classify(e, "drop a foreign key"))
            });
            match (dropped, attempts.next()) {
                (Ok(()), _) => break,
                // The server has gone, and nobody's reading is the reason.
                (Err(error), _) if job.applier.client().is_closed() => return Err(error),
                (Err(error), Some(_)) if error.is_transient() => std::thread::sleep(PAUSE),
                (Err(error), _) if error.is_transient() => return Err(still_read(key)),
                (Err(error), _) => return Err(error),
            }
        }
    }
    Ok(())
}

fn still_read((table, key): target::Planned<'_>) -> Error {
    let what = format!("foreign key `{}` would act on replicated rows, and cannot be dropped", key.name);
    let who = format!("somebody has been reading `{}` or `{}` for long", table.target_name, key.parent_name);
    Error::refused(format!("{what}: {who}"))
        .hint("end these transactions on PostgreSQL; SQLite's change log keeps what is written meanwhile")
        .transient()
}

/// Validates a foreign key; dangling rows are reported and the key stays NOT VALID, as the source has them too
pub async fn validate(client: &Client, plan: &Plan, table: &TablePlan, key: &ForeignKeyPlan) -> Result<()> {
    match client.batch_execute(&ddl::validate(plan, table, &key.name)).await {
        Ok(()) => Ok(()),
        Err(e) if e.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) => {
            let orphans = orphans::by_plan(client, plan, table, key).await?;
            let message = format!("foreign key `{}`: {orphans} rows have no parent in `{}`", key.name, key.parent_name);
            let remedy = Some("the key is kept as NOT VALID; correct the rows to have it validated".into());
            control::note(client, &Notice { object: table.source.name.clone(), message, remedy }).await
        }
        Err(e) => Err(classify(e, &format!("validate foreign key `{}`", key.name))),
    }
}

/// Foreign keys that are validated on a connection of their own, while the application writes and SQLite follows
pub struct Validation {
    task: JoinHandle<()>,
    /// The server's process
    pid: i32,
}

impl Validation {
    /// Begins with those of the plan that stand and are not validated; `None` if there are none
    pub fn start(job: &Job) -> Result<Option<Validation>> {
        let keys = job.wait(present(job.applier.client(), &job.plan, |validated| !validated))?;
        if keys.is_empty() {
            return Ok(None);
        }
        let keys: Vec<(TablePlan, ForeignKeyPlan)> =
            keys.into_iter().map(|(table, key)| (table.clone(), key.clone())).collect();
        let (runtime, plan) = (&job.context.runtime, job.plan.clone());
        // Without a connection to spare, the next session may have one.
        let Ok(client) = runtime.block_on(job.context.target.connect("crossfade foreign keys")) else {
            return Ok(None);
        };
        let row = runtime.block_on(client.query_one("select pg_backend_pid()", &[]));
        let pid = row.map_err(|e| classify(e, "begin to validate foreign keys"))?.get(0);
        let task = runtime.spawn(async move {
            for (table, key) in &keys {
                // Whatever keeps it from its end, the next session begins anew: nothing rests on it.
                if validate(&client, &plan, table, key).await.is_err() {
                    break;
                }
            }
        });
        Ok(Some(Validation { task, pid }))
    }

    /// Ends it, wherever it is: a rollback is not to wait for it
    pub fn stop(self, job: &Job) -> Result<()> {
        if !self.task.is_finished() {
            let ended = job.wait(job.applier.client().execute("select pg_terminate_backend($1)", &[&self.pid]));
            ended.map_err(|e| classify(e, "stop validating foreign keys"))?;
            let _ = job.context.runtime.block_on(self.task);
        }
        Ok(())
    }
}
