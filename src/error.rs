//! The one error type: what failed, why, and what to do about it
//!
//! A message is lower case, names the operation and the object, and never holds row values, whole statements or
//! secrets. The cause stays in the source chain; [`Error::report`] prints it line by line.

use std::error::Error as StdError;
use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure this is; decides the exit code (DESIGN.md section 4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A bug, or an impossible state
    Internal,
    /// The command line or the configuration is wrong
    Usage,
    /// The plan or a gate says no; nothing was changed
    Refused,
    /// The two sides differ
    Mismatch,
    /// The SQLite side is unavailable or broken
    Source,
    /// The PostgreSQL side is unavailable
    Target,
    /// The verb does not fit the phase
    WrongPhase,
    /// Stopped by a signal; the state is kept
    Interrupted,
}

/// A failure with its cause and its remedy
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    transient: bool,
    /// SQLSTATE with which the server refused a row
    refused_row: Option<String>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), hint: None, source: None, transient: false, refused_row: None }
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, message)
    }

    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Usage, message)
    }

    pub fn refused(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Refused, message)
    }

    pub fn source_side(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Source, message)
    }

    pub fn target_side(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Target, message)
    }

    /// What the user can do about it
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// The error underneath
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// Marks a failure that goes away by itself: the replicator waits and tries again
    pub fn transient(mut self) -> Error {
        self.transient = true;
        self
    }

    /// Marks a failure that one row is to blame for: the others can be written without it
    pub fn of_row(mut self, sqlstate: &str) -> Error {
        self.refused_row = Some(sqlstate.to_owned());
        self
    }

    /// The SQLSTATE, if the server refused a row
    pub fn refused_row(&self) -> Option<&str> {
        self.refused_row.as_deref()
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn is_transient(&self) -> bool {
        self.transient
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Message and causes in one line, for `last_error`
    pub fn summary(&self) -> String {
        let mut text = self.message.clone();
        for cause in self.causes() {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    }

    /// What is printed on stderr: `error:`, `caused by:` lines, a blank line, `hint:`
    pub fn report(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for cause in self.causes() {
            text.push_str(&format!("  caused by: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}\n"));
        }
        text
    }

    fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(cause) = next {
            let text = cause.to_string();
            // tokio-postgres repeats its source in its own text; one of the two is enough.
            if !causes.last().is_some_and(|last: &String| last.contains(&text)) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

impl ErrorKind {
    /// Exit code of the process, as the command-line contract gives it
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Internal => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Refused => 3,
            ErrorKind::Mismatch => 4,
            ErrorKind::Source => 5,
            ErrorKind::Target => 6,
            ErrorKind::WrongPhase => 7,
            ErrorKind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}
