//! The last steps before the application may use the target: views, and the numbers that sequences go on from

use tokio_postgres::Client;

use crate::engine::indexing::is_refusal;
use crate::engine::job::Job;
use crate::error::Result;
use crate::model::plan::{Notice, Plan, ViewPlan};
use crate::postgres::connect::classify;
use crate::postgres::{control, ddl, sequences, views};
use crate::sqlite::connection::open_reader;
use crate::sqlite::sequence_table;

/// Creates the views that are not there yet, each on its own: what the server does not take costs no other
pub async fn create_views(client: &Client, plan: &Plan) -> Result<()> {
    for view in &plan.views {
        create_view(client, plan, view).await?;
    }
    Ok(())
}

async fn create_view(client: &Client, plan: &Plan, view: &ViewPlan) -> Result<()> {
    let operation = format!("create view `{}`", view.name);
    let why =
        match views::is_ours(client, &plan.target_schema, &view.name).await.map_err(|e| classify(e, &operation))? {
            Some(true) => return Ok(()),
            Some(false) => "an object of this name is on the target".to_owned(),
            None => match client.batch_execute(&ddl::create_view(plan, view)).await {
                Ok(()) => return Ok(()),
                Err(e) if is_refusal(&e) => e.as_db_error().map_or("", |refusal| refusal.message()).to_owned(),
                Err(e) => return Err(classify(e, &operation)),
            },
        };
    let message = format!("this view was not created: {why}");
    let remedy = Some("the data is complete without it; create it by hand if you need it".into());
    control::note(client, &Notice { object: view.name.clone(), message, remedy }).await
}

/// Sets the target's sequences past every number that the source has given
pub fn advance_sequences(job: &Job) -> Result<()> {
    let numbers = sequence_table::read(&open_reader(job.source())?, &job.plan.tables)?;
    let client = job.applier.client();
    for notice in job.wait(sequences::advance(client, &job.plan, &numbers))? {
        job.wait(control::note(client, &notice))?;
    }
    Ok(())
}
