//! `crossfade cancel`

use std::path::Path;

use super::finish::write_last;
use crate::engine::cancel::cancel;
use crate::engine::job::Context;
use crate::error::Result;

/// Removes crossfade from both sides and says what was removed
pub fn run(context: &Context, keep_tables: bool, last_report: Option<&Path>) -> Result<()> {
    write_last(context, last_report)?;
    let removed = cancel(context, keep_tables)?;
    let source = if removed.capture { "capture removed" } else { "nothing was there" };
    let target = match (removed.control, removed.tables) {
        (false, _) => "nothing was there".to_owned(),
        (true, _) if removed.existing => {
            "bookkeeping removed; the application's own tables stay, with every row that is in them".to_owned()
        }
        (true, 0) => "bookkeeping removed, no table dropped".to_owned(),
        (true, n) => format!("bookkeeping removed, {n} copied tables dropped"),
    };
    println!("source: {source}\ntarget: {target}");
    Ok(())
}
