//! Targets that stand, with plans made from choices

use crossfade::engine::planning::{plan_for, read_target};
use crossfade::model::choices::Choices;
use crossfade::model::extensions::Offer;
use crossfade::model::phase::Phase;
use crossfade::model::plan::{Mode, Policy};
use crossfade::model::planner::Request;
use crossfade::observe::progress::Reporter;
use crossfade::postgres::connect::Target;
use crossfade::postgres::control::{self, State};

use crate::support::fresh_database;
use crate::support::pg::Pg;
use crate::support::process::Pair;
use crate::support::source::Workplace;

/// A source, and a target whose tables stand
pub struct Given {
    _work: Workplace,
    pub pair: Pair,
}

impl Given {
    /// With a plan made with these choices, stored on the target as `run` would store it
    pub fn new(source: &str, target: &str, choose: impl FnOnce(&mut Choices)) -> Given {
        let given = Given::unplanned(source, target);
        given.plan(choose);
        given
    }

    pub fn unplanned(source: &str, target: &str) -> Given {
        let work = Workplace::new();
        let pair = Pair::new(work.database(source), fresh_database());
        Pg::connect(&pair.target).execute(target);
        Given { _work: work, pair }
    }

    /// The planner's own plan with these choices; it must refuse nothing
    pub fn plan(&self, choose: impl FnOnce(&mut Choices)) {
        let mut choices = Choices { schema: Some(Mode::Existing), ..Choices::default() };
        choose(&mut choices);
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let mut client = Target::parse(&self.pair.target).unwrap().connect("test").await.unwrap();
            let catalog = read_target(&mut client, "public", &choices).await.unwrap();
            let request = Request { target_schema: "public", choices: &choices, offer: &Offer::default() };
            let made = plan_for(&self.pair.source, &request, catalog.as_ref(), None, &Reporter::quiet());
            let plan = made.unwrap_or_else(|e| panic!("{}", e.report())).plan;
            assert_eq!(plan.refusals, [], "the plan refuses");
            let state = State {
                source_id: "by-hand".into(),
                source_path: self.pair.source.display().to_string(),
                phase: Phase::Planned,
                plan,
                log_limit: 100_000,
                schema_version: None,
                repair_reason: None,
            };
            control::initialise(&mut client, &state).await.unwrap();
        });
    }

    pub fn target(&self) -> Pg {
        Pg::connect(&self.pair.target)
    }

    /// See [`Pg::stray`]
    pub fn stray(&self) -> Pg {
        Pg::stray(&self.pair.target)
    }
}

/// What becomes of rows that the table holds before the copy
pub fn policy(choices: &mut Choices, table: &str, policy: Policy) {
    choices.tables.entry(table.to_owned()).or_default().policy = Some(policy);
}
