//! The second half of the demo: rehearse, cut over, write on PostgreSQL, go back

use std::time::{Duration, Instant};

use super::{Stage, told};
use crate::cli::demo::product::Verified;
use crate::cli::demo::screen::{seconds, thousands, whole_millis};
use crate::error::Result;

/// How long PostgreSQL is the primary, at the least
const MOVED: Duration = Duration::from_secs(3);

/// What the summary tells of it
pub struct Switched {
    pub rehearsal: Switch,
    pub cutover: Switch,
    pub rollback: Switch,
    /// Transactions that were written while PostgreSQL was the primary
    pub on_postgres: u64,
    pub while_moved: Verified,
}

/// How long writes were refused, and how long one writer has waited for its next commit
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    pub refused: Duration,
    pub waited: Duration,
}

impl Stage {
    /// There and back, with the shop open all the time
    pub(super) fn switch(&mut self) -> Result<Switched> {
        self.screen.passing("rehearsing the cutover");
        let rehearsal = self.perform("cutover", &["--rehearse"])?;
        self.screen.step(format!(
            "rehearsed the cutover, with a row that went to PostgreSQL and came back: writes refused for {}",
            whole_millis(rehearsal.refused)
        ));

        self.screen.passing("cutting over");
        let cutover = self.perform("cutover", &[])?;
        self.screen.step(format!(
            "cut over: PostgreSQL is the primary; writes refused for {}, no writer waited longer than {}",
            whole_millis(cutover.refused),
            whole_millis(cutover.waited)
        ));

        let begun = Instant::now();
        self.screen.passing("the shop writes to PostgreSQL; SQLite follows");
        self.interrupt.pause(MOVED)?;
        let while_moved = self.product.verify()?;
        self.screen.step(format!(
            "the shop went on, on PostgreSQL: {} transactions in {}, SQLite follows; {}",
            thousands(self.writers.committed_on_postgres()),
            seconds(begun.elapsed()),
            told(while_moved)
        ));
        self.interrupt.check()?;

        self.screen.passing("rolling back");
        let rollback = self.perform("rollback", &[])?;
        let on_postgres = self.writers.committed_on_postgres();
        self.screen.step(format!(
            "rolled back: SQLite is the primary again, with all {} of them; writes refused for {}",
            thousands(on_postgres),
            whole_millis(rollback.refused)
        ));
        Ok(Switched { rehearsal, cutover, rollback, on_postgres, while_moved })
    }

    fn perform(&mut self, verb: &str, arguments: &[&str]) -> Result<Switch> {
        self.writers.longest_wait();
        let refused = self.product.switch(verb, arguments).map_err(|error| self.quoting_the_log(error))?;
        // Each writer commits once more, so that its wait is known.
        let committed = self.writers.committed();
        while self.writers.committed() < committed + 20 {
            self.interrupt.pause(Duration::from_millis(10))?;
        }
        Ok(Switch { refused, waited: self.writers.longest_wait() })
    }
}
