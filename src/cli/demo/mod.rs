//! `crossfade demo`: the whole product on a throw-away PostgreSQL, in under a minute
//!
//! A sample shop, busy writers, and the program itself as child processes, driven by the same command line that a user
//! types; the story of it is told step by step in `story.rs`.

pub mod binaries;
pub mod cluster;
mod deeds;
mod interrupt;
mod moved;
mod probe;
mod product;
mod screen;
pub mod shop;
mod story;
pub mod writers;

use crate::error::{Error, Result};

/// Runs the demo; with `keep`, both databases stay where they are and the user is told how to look into them
pub fn run(keep: bool) -> Result<()> {
    // A thread of its own: the demo blocks on small runtimes, which must not happen inside the caller's.
    let told = std::thread::spawn(move || story::tell(keep));
    told.join().unwrap_or_else(|_| Err(Error::internal("the demo panicked")))
}
