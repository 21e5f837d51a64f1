//! Settings of a run, from the command line, the environment and `crossfade.toml`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::choices::Choices;
use crate::model::planfile::read::{PlanFile, Unreadable};

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
    /// The choices are all that there are to be: a migration under way must have been planned with the same
    pub choices_stated: bool,
    pub http: Option<SocketAddr>,
    /// Command that is run at each stage of a switch
    pub on_switch: Option<String>,
    /// Stray writes of applications to the target are refused while SQLite is the primary
    pub fence: bool,
}

/// `crossfade.toml` as it was read
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// The whole file
    pub text: String,
    pub content: PlanFile,
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
        let content = PlanFile::parse(&text).map_err(|Unreadable { line, message }| {
            Error::usage(format!("the configuration `{name}` is not valid at line {line}: {message}"))
                .hint("settings are: source, target, log_limit, workers, chunk_bytes; and what `plan --out` writes")
        })?;
        Ok(ConfigFile { text, content })
    }
}
