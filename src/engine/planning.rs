//! Making the plan: read the schema and every value, decide, and look at what stands in the way on the target

mod existing;
mod search;

use std::path::Path;

use rusqlite::Connection;
use tokio_postgres::Client;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::model::choices::Choices;
use crate::model::plan::{Mode, Notice, Plan};
use crate::model::planner::existing::{Collision, Probe};
use crate::model::planner::{self, Found, Proven, Request};
use crate::model::profile::TableProfile;
use crate::model::profile::trial::Sought;
use crate::model::schema::Table;
use crate::model::target::Catalog;
use crate::model::words::grouped;
use crate::observe::progress::{Reporter, Stage};
use crate::postgres::fence::{self, Pass};
use crate::postgres::{catalog, control, trial};
use crate::sqlite::apply::left_behind;
use crate::sqlite::capture;
use crate::sqlite::connection::{in_read_view, open_reader, text_order};
use crate::sqlite::durable;
use crate::sqlite::introspect::introspect;
use crate::sqlite::profile::{Tables, profile_for, rows_at_most};

/// The target's schema if it stands already and decides; `None` where the plan creates it
pub async fn read_target(client: &mut Client, schema: &str, choices: &Choices) -> Result<Option<Catalog>> {
    match choices.schema.unwrap_or_default() {
        Mode::Create => Ok(None),
        Mode::Existing => catalog::read(client, schema).await.map(Some),
    }
}

/// Makes the plan for what was read of the target; writes nothing anywhere. Of a table with more rows than `sample` only
/// about that many are read
pub fn plan_for(
    source: &Path,
    request: &Request<'_>,
    target: Option<&Catalog>,
    sample: Option<u64>,
    reporter: &Reporter,
) -> Result<Proven> {
    match target {
        None => make_plan(source, request, sample, reporter),
        Some(catalog) => existing::make_plan(source, request, catalog, sample, reporter),
    }
}

/// Reads the source and makes the plan of a schema that we create; writes nothing anywhere
pub fn make_plan(source: &Path, request: &Request<'_>, sample: Option<u64>, reporter: &Reporter) -> Result<Proven> {
    let connection = open_reader(source)?;
    let found = in_read_view(&connection, introspect)?;
    let all = found.tables.clone();
    let (left_out, copied): (Vec<_>, Vec<_>) =
        found.tables.into_iter().partition(|table| planner::is_skipped(request.choices, table));
    let reading = Reading::begin(&connection, &all, copied.iter(), sample, reporter)?;
    let profiles = copied.iter().map(|table| {
        let sought = planner::sought(request.choices, table);
        Ok(reading.table(table, sought, &[])?.0)
    });
    let profiles = profiles.collect::<Result<Vec<_>>>()?;
    let texts = search::read(&reading, found.fulltext, request.choices)?;
    reading.stage.finish();
    let sampled = profiles.iter().any(|profile| profile.sampled);
    let tables = copied.into_iter().zip(profiles).collect();
    let text_order = text_order(&connection)?;
    let (views, mut skipped) = (found.views, found.skipped);
    skipped.splice(..0, texts.skipped);
    let (fulltext, search, left_out_search) = (texts.others, texts.search, texts.left_out);
    let found = Found { tables, left_out, views, text_order, fulltext, search, left_out_search, skipped };
    let mut proven = planner::make_plan(found, request);
    proven.plan.sampled = sampled;
    if proven.plan.tables.is_empty() && proven.plan.search_tables.is_empty() && proven.plan.refusals.is_empty() {
        proven.plan.refusals.push(Notice {
            object: source.display().to_string(),
            message: "the database has no tables to copy".into(),
            remedy: Some("check the path given with --source".into()),
        });
    }
    finished(&connection, proven)
}

/// The source's tables while they are read, one after the other
struct Reading<'a> {
    connection: &'a Connection,
    all: &'a [Table],
    sample: Option<u64>,
    stage: Stage,
}

impl<'a> Reading<'a> {
    /// `all` are the tables of the source, and `wanted` those that will be read
    fn begin<'t>(
        connection: &'a Connection,
        all: &'a [Table],
        wanted: impl Iterator<Item = &'t Table>,
        sample: Option<u64>,
        reporter: &Reporter,
    ) -> Result<Reading<'a>> {
        let expected = wanted.map(|table| expected(connection, table, sample)).sum::<Result<u64>>()?;
        Ok(Reading { connection, all, sample, stage: reporter.stage("profile", "rows", expected) })
    }

    /// Reads every value of a table, or those of the sample
    fn table(&self, table: &Table, sought: Vec<Sought>, probes: &[Probe]) -> Result<(TableProfile, Vec<Collision>)> {
        let expected = expected(self.connection, table, self.sample)?;
        let mut rows = 0;
        let mut tell = |more| {
            rows += more;
            self.stage.add(more, 0);
            self.stage.tell(&format!("`{}`: {} rows read", table.name, grouped(rows)));
        };
        let source = Tables { table, all: self.all };
        let (profile, collisions) = profile_for(self.connection, source, sought, probes, self.sample, &mut tell)?;
        // Fewer than their rowids allow: the bar goes on from where it was expected to be.
        self.stage.pass(expected.saturating_sub(rows));
        self.stage.add(0, profile.bytes);
        Ok((profile, collisions))
    }
}

fn expected(connection: &Connection, table: &Table, sample: Option<u64>) -> Result<u64> {
    Ok(rows_at_most(connection, table)?.min(sample.unwrap_or(u64::MAX)))
}

/// Adds what the source's encoding and library say about the plan
fn finished(connection: &Connection, mut proven: Proven) -> Result<Proven> {
    let plan = &mut proven.plan;
    let order = text_order(connection)?;
    plan.tables.iter_mut().for_each(|table| table.key.text_order = order);
    let keyed: Vec<_> = plan.tables.iter().map(|t| (t.source.clone(), t.key.clone())).collect();
    plan.warnings.extend(left_behind(connection, &plan.tables)?);
    plan.refusals.extend(capture::refusals(&keyed, durable::last_writer_version(connection)?));
    Ok(proven)
}

/// Has the values copied of columns that the server itself will not compute
pub async fn settle_computed(client: &Client, plan: &mut Plan) -> Result<()> {
    if plan.mode == Mode::Existing {
        return Ok(());
    }
    for (at, why) in trial::refused(client, plan).await? {
        let table = &mut plan.tables[at];
        for column in table.columns.iter_mut().filter(|column| column.generated.is_some()) {
            column.generated = None;
            let name = column.source_column.map_or(&column.target_name, |at| &table.source.columns[at].name);
            let message = "generated column: the target gets its values, but does not compute them (the server says:";
            plan.warnings.push(Notice {
                object: format!("{}.{name}", table.source.name),
                message: format!("{message} {why})"),
                remedy: None,
            });
        }
    }
    Ok(())
}

/// Says what it means that the role may not silence triggers; a schema that stands is refused for it already
pub async fn settle_way(client: &Client, plan: &mut Plan) -> Result<Pass> {
    let way = fence::way(client).await?;
    if way == Pass::Setting && plan.mode == Mode::Create {
        plan.warnings.push(Notice {
            object: "role".into(),
            message:
                "may not set session_replication_role: replicated rows pass the fence by a setting of our sessions, \
                      triggers that somebody puts on the tables act on them, and foreign keys stand only while PostgreSQL \
                      is the primary"
                    .into(),
            remedy: Some("as a superuser: GRANT SET ON PARAMETER session_replication_role TO the role".into()),
        });
    }
    Ok(way)
}

/// What is on the target or the source already and stands in the way of a new migration
pub async fn obstacles(client: &Client, plan: &Plan) -> Result<Vec<Notice>> {
    if plan.mode == Mode::Existing {
        return Ok(Vec::new());
    }
    let tables = plan.tables.iter().chain(plan.search_tables.iter().map(|search| &search.table));
    let names: Vec<&str> = tables
        .flat_map(|t| {
            let indexes = t.indexes.iter().map(|i| i.name.as_str());
            let sequence = t.sequence.as_deref();
            [t.target_name.as_str(), t.key_constraint.as_str()].into_iter().chain(indexes).chain(sequence)
        })
        .chain(plan.views.iter().map(|view| view.name.as_str()))
        .collect();
    let existing = control::existing_relations(client, &plan.target_schema, &names).await?;
    let obstacle = |(name, has_rows): (String, bool)| Notice {
        object: name,
        message: if has_rows {
            "a table of this name is on the target already and holds rows".to_owned()
        } else {
            "an object of this name is on the target already".to_owned()
        },
        remedy: Some("drop or rename it, or use an empty database or schema (search_path)".into()),
    };
    Ok(existing.into_iter().map(obstacle).collect())
}

/// The capture on the source must not belong to another target
pub fn source_is_free(source: &Path) -> Result<()> {
    let connection = open_reader(source)?;
    match capture::source_id(&connection)? {
        None => Ok(()),
        Some(_) => Err(Error::refused(
            "the source is captured already, for a migration that this target does not know",
        )
        .hint("give the target it belongs to; or remove the capture: `crossfade cancel` with any reachable target")),
    }
}

/// The plan of a migration under way stays as it is: a file that asks for another one must not be passed over
pub fn refuse_other_choices(plan: &Plan, settings: &Settings) -> Result<()> {
    let choices = &settings.choices;
    let same = choices.schema.is_none_or(|mode| mode == plan.mode) && choices.digest() == plan.choices_digest;
    if same || !settings.choices_stated {
        return Ok(());
    }
    Err(Error::refused("the plan file chooses something else than the migration under way was planned with")
        .hint("give the file that it was planned with; or `crossfade cancel`, and start again with this one"))
}

/// All refusals in one error
pub fn refuse(refusals: &[Notice]) -> Result<()> {
    if refusals.is_empty() {
        return Ok(());
    }
    let mut text = format!("the plan has {} refusal(s); nothing was changed", refusals.len());
    for refusal in refusals {
        text.push_str(&format!("\n  {}: {}", refusal.object, refusal.message));
        if let Some(remedy) = &refusal.remedy {
            text.push_str(&format!("\n    remedy: {remedy}"));
        }
    }
    Err(Error::refused(text).hint("`crossfade plan` shows the whole plan"))
}
