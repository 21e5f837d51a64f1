//! Settings of a run, from the command line, the environment and `crossfade.toml`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::model::choices::Choices;

/// Entries that the change log keeps on the source; about 100 MB for integer keys (DESIGN.md section 3.1)
pub const DEFAULT_LOG_LIMIT: u64 = 5_000_000;

/// Fewer would overflow during an ordinary pause
pub const MIN_LOG_LIMIT: u64 = 1_000;

/// Parallel connections of the snapshot
pub const DEFAULT_WORKERS: usize = 2;

/// Bytes that one read view of the snapshot takes from the source
pub const DEFAULT_CHUNK_BYTES: usize = 4 << 20;

/// Everything that `run` needs to know
#[derive(Clone, Debug)]
pub struct Settings {
    pub source: PathBuf,
    pub log_limit: u64,
    pub workers: usize,
    pub chunk_bytes: usize,
    pub until_in_sync: bool,
    /// What a new plan is made with
    pub choices: Choices,
    /// Rows of each table that a new plan rests on; all if `None`
    pub sample: Option<u64>,
    pub http: Option<SocketAddr>,
}

/// `crossfade.toml`: the same settings as the command line, which wins where both say something
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    pub source: Option<PathBuf>,
    pub target: Option<String>,
    pub log_limit: Option<u64>,
    pub workers: Option<usize>,
    pub chunk_bytes: Option<usize>,
}

impl ConfigFile {
    /// Reads the file
    ///
    /// # Errors
    /// A missing, unreadable or malformed file, and settings that do not exist: a misspelt one must not be ignored.
    pub fn read(path: &Path) -> Result<ConfigFile> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::usage(format!("cannot read the configuration `{name}`")).caused_by(e))?;
        toml::from_str(&text).map_err(|e| {
            // toml's own text quotes the line, which may hold a password.
            let line = e.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Error::usage(format!("the configuration `{name}` is not valid at line {line}: {}", e.message()))
                .hint("settings are: source, target, log_limit, workers, chunk_bytes")
        })
    }
}
