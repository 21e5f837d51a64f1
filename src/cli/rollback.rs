//! `crossfade rollback`

use super::args::Switching;
use super::cutover::switch;
use crate::engine::job::Context;
use crate::engine::switch::Kind;
use crate::error::Result;

/// Has the replicator make SQLite the primary again, and follows it
pub fn run(context: &Context, switching: Switching) -> Result<()> {
    switch(context, Kind::Rollback, switching)
}
