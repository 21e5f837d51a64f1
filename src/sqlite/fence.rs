//! The fence on SQLite: deny triggers in one durable transaction, and the write lock while a switch is under way
//!
//! The triggers outlast us and refuse every write to an ordinary table. They cannot stand on virtual tables, and DDL fires
//! none: against both only the write lock helps, which is held from the fence to the end of the switch and ends with our
//! process. Readers pass both.
//!
//! Whoever wakes up late finds out inside his own write transaction that he is late: `void:<token>` stands there, or the
//! fence of another token, or none (see `record.rs` for all that stands there). A fence under a token is only ever lifted
//! in the transaction that makes the token void (I8).

mod deny;
mod opening;
pub(in crate::sqlite) mod record;
mod writing;

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::capture::REHEARSAL;
use super::change_log::{LogPosition, head};
use super::connection::{classify, open_writer, schema_version};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::model::phase::Side;

pub(in crate::sqlite) use deny::raise;
pub use opening::{NotOpened, Opening, open};
pub use writing::Source;
pub(in crate::sqlite) use writing::{begin, begin_immediate, transaction};

/// How long a step waits that must not be given up lightly, for a fence that stays refuses everything
const PATIENCE: Duration = Duration::from_secs(30);

/// What `_crossfade_state` says about switches
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceState {
    pub primary: Side,
    /// Moment of the last change of `primary`, as text in UTC
    pub since: String,
    /// Token of the switch whose fence stands
    pub fenced_by: Option<String>,
    /// Token of the rollback that opened SQLite last
    pub opened_by: Option<String>,
    /// Deny triggers stand
    pub is_fenced: bool,
}

/// The last entry of the change log under the fence
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FencePoint {
    pub position: LogPosition,
    /// `PRAGMA schema_version` with the deny triggers in place
    pub schema_version: i64,
}

/// The write lock, held: nobody else can write, alter or drop anything. Dropping it lets go of the lock, and leaves the
/// deny triggers
#[derive(Debug)]
pub struct Hold {
    connection: Connection,
    token: String,
    run_id: i64,
}

/// Fences SQLite and goes on holding the write lock
///
/// # Errors
/// A writer that does not let go within `timeout`; a token that was voided; a schema that moved in that moment (the
/// fence is then lifted again).
pub fn close<'p>(source: impl Into<Source<'p>>, token: &str, timeout: Duration) -> Result<(Hold, FencePoint)> {
    let deadline = Instant::now() + timeout;
    let Source { path, run_id } = source.into();
    let hold = Hold { connection: open_writer(path)?, token: token.to_owned(), run_id };
    let point = hold.fence(timeout)?;
    failpoint::hit("fence.committed");
    match hold.take_lock(point, deadline.saturating_duration_since(Instant::now())) {
        Ok(()) => Ok((hold, point)),
        Err(error) => Err(hold.give_up(error)),
    }
}

impl Hold {
    /// The first transaction: fenced for good, whatever becomes of us
    fn fence(&self, timeout: Duration) -> Result<FencePoint> {
        transaction(&self.connection, self.run_id, timeout, "fence the source", |connection| {
            record::require_capture(connection)?;
            record::require_valid(connection, &self.token)?;
            require_open(connection, &self.token)?;
            let now: String = connection
                .query_row("SELECT strftime('%Y-%m-%d %H:%M:%S', 'now')", [], |row| row.get(0))
                .map_err(|e| classify(e, "read the clock"))?;
            record::set(connection, record::SWITCH, &self.token)?;
            record::set(connection, record::SWITCHING, 1)?;
            record::set(connection, record::BEGAN, now)?;
            deny::lift(connection)?;
            deny::raise(connection)?;
            point(connection)
        })
    }

    /// The second transaction, which stays open: nothing has come between the two
    fn take_lock(&self, fenced: FencePoint, timeout: Duration) -> Result<()> {
        begin(&self.connection, self.run_id, timeout, "keep the source locked behind its fence")?;
        record::require_valid(&self.connection, &self.token)?;
        if point(&self.connection)? != fenced {
            return Err(Error::source_side("the schema of the source changed in the moment in which it was fenced")
                .hint("wait until no migration of the application is under way, then try again")
                .transient());
        }
        Ok(())
    }

    /// Takes the fence away because the lock could not be had
    fn give_up(self, error: Error) -> Error {
        match self.lift() {
            Ok(()) => error,
            Err(lifting) => {
                Error::source_side(format!("the fence on the source stands, and cannot be lifted: {error}"))
                    .hint("`crossfade run` lifts it as soon as the file can be written")
                    .caused_by(lifting.summary())
                    .transient()
            }
        }
    }

    /// Notes that PostgreSQL is the primary and lets go of the lock; the deny triggers stay
    pub fn settle(self, since: &str) -> Result<()> {
        self.in_lock("note that PostgreSQL is the primary", |connection| make_settled(connection, since))
    }

    /// Takes the fence away again
    pub fn lift(self) -> Result<()> {
        self.in_lock("lift the fence on the source", |connection| take_away(connection, &self.token))
    }

    /// Lets go of the lock for a while; the fence stays. A rehearsal writes to SQLite meanwhile
    pub fn pause(&self) -> Result<()> {
        let commit = if self.connection.is_autocommit() { Ok(()) } else { self.connection.execute_batch("COMMIT") };
        commit.map_err(|e| classify(e, "let go of the source"))
    }

    /// Creates `_crossfade_rehearsal`, in the transaction that is open; lifting the fence drops it
    pub fn create_rehearsal_table(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|e| classify(e, "create the table of the rehearsal"))
    }

    /// In the held transaction, or in another one if SQLite had to end that, and commits
    fn in_lock(&self, what: &str, body: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        if self.connection.is_autocommit() {
            return transaction(&self.connection, self.run_id, PATIENCE, what, body);
        }
        self.connection.busy_timeout(PATIENCE).map_err(|e| classify(e, what))?;
        writing::finish(&self.connection, what, body)
    }
}

/// What stands there
///
/// # Errors
/// Refused, where nothing of ours is in the file.
pub fn state(connection: &Connection) -> Result<FenceState> {
    record::require_capture(connection)?;
    let primary: Option<String> = record::get(connection, record::PRIMARY)?;
    Ok(FenceState {
        primary: if primary.as_deref() == Some("postgres") { Side::Postgres } else { Side::Sqlite },
        since: record::get(connection, record::SINCE)?.unwrap_or_default(),
        fenced_by: record::get(connection, record::SWITCH)?,
        opened_by: record::get(connection, record::OPENED)?,
        is_fenced: deny::stands(connection)?,
    })
}

/// Takes a fence away that a dead process left, and makes it impossible for it to put it there after all
///
/// # Errors
/// Refused, if the cutover with this token has been completed.
pub fn take_back<'p>(source: impl Into<Source<'p>>, token: &str) -> Result<()> {
    let Source { path, run_id } = source.into();
    let connection = open_writer(path)?;
    transaction(&connection, run_id, PATIENCE, "take back the fence on the source", |connection| {
        record::require_capture(connection)?;
        take_away(connection, token)
    })
}

/// Opens an older copy of the file that was made while PostgreSQL was the primary, and was put in place after a rollback:
/// only where the target says that SQLite is the primary, and is fenced itself
pub fn reopen<'p>(source: impl Into<Source<'p>>, since: &str) -> Result<()> {
    let Source { path, run_id } = source.into();
    let connection = open_writer(path)?;
    transaction(&connection, run_id, PATIENCE, "open the source again", |connection| {
        record::require_capture(connection)?;
        record::set(connection, record::PRIMARY, Side::Sqlite.as_str())?;
        record::set(connection, record::SINCE, since)?;
        remove_fence(connection)
    })
}

/// Notes, where it is not noted yet, that PostgreSQL is the primary: the end of a cutover that was cut off behind its
/// point of no return. Tables that have no fence get one, as they do when an older copy of the file was put in place
pub fn settle<'p>(source: impl Into<Source<'p>>, since: &str) -> Result<()> {
    let Source { path, run_id } = source.into();
    let connection = open_writer(path)?;
    if state(&connection)?.primary == Side::Postgres && deny::open_tables(&connection)?.is_empty() {
        return Ok(());
    }
    transaction(&connection, run_id, PATIENCE, "note that PostgreSQL is the primary", |connection| {
        make_settled(connection, since)
    })
}

/// Makes it impossible that the rollback with this token opens SQLite; `false` if it has already
pub fn void<'p>(source: impl Into<Source<'p>>, token: &str) -> Result<bool> {
    void_within(source, token, PATIENCE)
}

/// As [`void`], for whoever cannot wait for it
pub fn void_within<'p>(source: impl Into<Source<'p>>, token: &str, timeout: Duration) -> Result<bool> {
    let Source { path, run_id } = source.into();
    let connection = open_writer(path)?;
    transaction(&connection, run_id, timeout, "take back the rollback on the source", |connection| {
        record::require_capture(connection)?;
        if record::get::<String>(connection, record::OPENED)?.as_deref() == Some(token) {
            return Ok(false);
        }
        record::void(connection, token).map(|()| true)
    })
}

/// SQLite is the primary, and no switch but this one has fenced it
fn require_open(connection: &Connection, token: &str) -> Result<()> {
    let state = state(connection)?;
    if state.primary == Side::Postgres {
        return Err(Error::refused("PostgreSQL is the primary already"));
    }
    match state.fenced_by {
        Some(other) if other != token => Err(Error::refused("another switch has fenced the source")
            .hint("`crossfade run` takes back a switch that was cut off; then try again")),
        _ => Ok(()),
    }
}

fn point(connection: &Connection) -> Result<FencePoint> {
    Ok(FencePoint { position: head(connection)?, schema_version: schema_version(connection)? })
}

fn make_settled(connection: &Connection, since: &str) -> Result<()> {
    record::require_capture(connection)?;
    if record::get::<String>(connection, record::SWITCH)?.is_none() {
        // PostgreSQL is open, so that this file must not be: it is an older copy.
        record::set(connection, record::SWITCH, "")?;
        record::set(connection, record::BEGAN, since)?;
    }
    deny::raise(connection)?;
    record::set(connection, record::PRIMARY, Side::Postgres.as_str())?;
    record::set(connection, record::SINCE, since)?;
    record::set(connection, record::SWITCHING, 0)
}

/// The token is void; and if the fence that stands is its own, or nobody's, it goes
fn take_away(connection: &Connection, token: &str) -> Result<()> {
    record::void(connection, token)?;
    let state = state(connection)?;
    if state.fenced_by.is_some_and(|other| other != token) {
        return Ok(());
    }
    if state.primary == Side::Postgres {
        return Err(Error::refused("the fence on the source stands for good: PostgreSQL is the primary")
            .hint("`crossfade rollback` makes SQLite the primary again"));
    }
    remove_fence(connection)
}

fn remove_fence(connection: &Connection) -> Result<()> {
    deny::lift(connection)?;
    record::set(connection, record::SWITCHING, 0)?;
    record::remove(connection, record::SWITCH)?;
    record::remove(connection, record::BEGAN)?;
    let drop = format!("DROP TABLE IF EXISTS main.{REHEARSAL}");
    connection.execute_batch(&drop).map_err(|e| classify(e, "remove the table of the rehearsal"))
}

#[cfg(test)]
mod tests;
