//! What a failure of the target means: whose fault, whether it passes, and what to do
//!
//! A server error carries row values in its DETAIL and CONTEXT, and for some classes in its message. None of those get
//! into an [`Error`], not even into its chain of causes.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use crate::error::{Error, ErrorKind};
use crate::model::quarantine::Refusal;

const CREDENTIALS: &str = "check the user in the connection string, and its password in the URL, PGPASSWORD or \
    ~/.pgpass (which must be closed to others: chmod 600)";

/// Where the server finds that a policy would hide rows from a session that must see all
const ROW_SECURITY_CHECK: &str = "check_enable_rls";

const ROW_SECURITY: &str = "a policy would hide rows from crossfade: `alter table .. no force row level security`, or \
    `alter role .. bypassrls` for the role that it connects as; nothing is lost meanwhile";

/// Turns a failure of `operation` ("connect to ...", "copy table ...") into an error that can be shown
pub fn classify(error: tokio_postgres::Error, operation: &str) -> Error {
    let message = format!("cannot {operation}");
    if let Some(server) = error.as_db_error() {
        let mut verdict = Verdict::of_state(server.code());
        if server.routine() == Some(ROW_SECURITY_CHECK) {
            verdict.hint = Some(ROW_SECURITY);
        }
        let shown = verdict.error(message).caused_by(ServerError::new(server));
        return if refuses_row(server.code()) { shown.of_row(server.code().code()) } else { shown };
    }
    Verdict::of_failure(&error).error(message).caused_by(error)
}

/// Whether a statement that writes rows fails so because of one of them: of its values, of a constraint, of its size, or
/// of what a function of the application says to it
pub fn refuses_row(state: &SqlState) -> bool {
    match state.code() {
        // A foreign key is about another row too, which may be on its way.
        "23503" => false,
        "54000" | "54001" => true,
        code => ["22", "23", "P0"].iter().any(|class| code.starts_with(class)),
    }
}

/// What may be said of a row that the server refuses
pub fn refusal(error: &DbError) -> Refusal {
    let code = error.code().code();
    // Composed from names: the server's own text may be in any language, and a function can have it say anything.
    let of = |what: &str| error.constraint().map(|name| format!("{what} `{name}`"));
    let composed = match code {
        "23502" => error.column().map(|name| format!("column `{name}` is NOT NULL")),
        "23505" => of("another row has its value in the unique index"),
        "23514" => match error.datatype() {
            Some(domain) => Some(format!("a value is outside the domain `{domain}`")),
            None => of("it does not meet the CHECK constraint"),
        },
        "23P01" => of("it conflicts with another row by the exclusion constraint"),
        "54000" => of("a value is too long for the index"),
        _ => None,
    };
    let withheld = error.routine() == Some("exec_stmt_raise");
    let message = composed.unwrap_or_else(|| match withheld {
        true => without_values("P0001", error.message()),
        false => without_values(code, error.message()),
    });
    Refusal { code: code.to_owned(), column: error.column().map(str::to_owned), message }
}

/// Kind, transience and remedy
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    kind: ErrorKind,
    transient: bool,
    hint: Option<&'static str>,
}

impl Verdict {
    const PASSING: Verdict = Verdict { kind: ErrorKind::Target, transient: true, hint: None };

    fn lasting(hint: Option<&'static str>) -> Verdict {
        Verdict { kind: ErrorKind::Target, transient: false, hint }
    }

    fn error(self, message: String) -> Error {
        let mut error = Error::new(self.kind, message);
        if let Some(hint) = self.hint {
            error = error.hint(hint);
        }
        if self.transient { error.transient() } else { error }
    }

    /// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn of_state(state: &SqlState) -> Verdict {
        match state.code() {
            // Shutdown, crash of another session, start-up; too many clients; lost against another transaction
            // and a statement that somebody cancelled, a standby that is being promoted, a transaction timeout
            "57P01" | "57P02" | "57P03" | "40001" | "40P01" | "55P03" | "57014" | "25006" | "25P04" => Verdict::PASSING,
            // connection failures; no connection, memory or disk left; I/O errors: waiting is better than giving up
            code if ["08", "53", "58"].iter().any(|class| code.starts_with(class)) => Verdict::PASSING,
            "28P01" => Verdict::lasting(Some(CREDENTIALS)),
            "28000" => Verdict::lasting(Some(
                "check that the user exists and that the server's pg_hba.conf lets it in from here, with or without TLS \
                 (sslmode)",
            )),
            "3D000" => Verdict::lasting(Some("create it with: createdb --encoding=UTF8 NAME")),
            "42501" => Verdict {
                kind: ErrorKind::Refused,
                transient: false,
                hint: Some("grant the privilege to the user of the connection string, or connect as the owner"),
            },
            _ => Verdict::lasting(None),
        }
    }

    /// By what the library or the operating system says, where no server answered
    fn of_failure(error: &tokio_postgres::Error) -> Verdict {
        let io = StdError::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
        if error.is_closed() {
            return Verdict::PASSING;
        }
        // tokio-postgres keeps the kind to itself; its text is all there is to go by, and tests hold on to it.
        match (error.to_string().as_str(), io) {
            ("timeout waiting for server", _) => Verdict::PASSING,
            ("authentication error", _) => Verdict::lasting(Some(CREDENTIALS)),
            ("invalid configuration", None) => Verdict::lasting(Some(CREDENTIALS)),
            ("error performing TLS handshake", Some(io)) if is_passing(io) => Verdict::PASSING,
            ("error performing TLS handshake", _) => Verdict::lasting(Some(
                "sslmode says how TLS is used (disable, prefer, require, verify-ca, verify-full), sslrootcert=FILE whom \
                 to trust; verify-full wants the host in the certificate's subjectAltName",
            )),
            (_, Some(io)) => Verdict::of_io(io),
            _ => Verdict::lasting(None),
        }
    }

    fn of_io(error: &io::Error) -> Verdict {
        let text = error.to_string();
        if text.contains("failed to lookup address") || text.contains("could not resolve") {
            let transient = text.contains("Temporary failure");
            return Verdict { transient, ..Verdict::lasting(Some("check the host name in the connection string")) };
        }
        let hint = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound | io::ErrorKind::TimedOut => {
                Some("check that PostgreSQL runs, and listens at this host and port")
            }
            _ => None,
        };
        Verdict { transient: is_passing(error), ..Verdict::lasting(hint) }
    }
}

/// Whether the network or the server may come back by itself
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionRefused
            | ConnectionReset
            | ConnectionAborted
            | NotConnected
            | BrokenPipe
            | TimedOut
            | UnexpectedEof
            | Interrupted
            | HostUnreachable
            | NetworkUnreachable
            | NetworkDown
            // A Unix socket is not there while the server is down.
            | NotFound
    )
}

/// What may be shown of an error that the server reported
#[derive(Debug)]
struct ServerError {
    state: String,
    message: String,
    objects: Vec<(&'static str, String)>,
}

impl ServerError {
    fn new(error: &DbError) -> ServerError {
        let table = match (error.schema(), error.table()) {
            (Some(schema), Some(table)) => Some(format!("{schema}.{table}")),
            (None, table) => table.map(str::to_owned),
            _ => None,
        };
        let objects = [
            ("table", table),
            ("column", error.column().map(str::to_owned)),
            ("constraint", error.constraint().map(str::to_owned)),
        ];
        ServerError {
            state: error.code().code().to_owned(),
            message: without_values(error.code().code(), error.message()),
            objects: objects.into_iter().filter_map(|(what, name)| Some((what, name?))).collect(),
        }
    }
}

/// The server's message, less what may be a row value in it
fn without_values(state: &str, message: &str) -> String {
    match state.get(..2).unwrap_or_default() {
        // Data exceptions quote the value that they choke on: invalid input syntax for type integer: "..."
        "22" => match message.find(['"', '\'', '\u{ab}', '\u{201e}', '\u{201c}', '\u{300c}']) {
            Some(quote) => format!("{}...", &message[..quote]),
            None => message.to_owned(),
        },
        // A trigger or function of the application raised it, and may have put anything into it.
        "P0" => "an exception raised by a function or trigger (text withheld, it may hold row values)".to_owned(),
        _ => message.to_owned(),
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {}", self.message, self.state)?;
        for (what, name) in &self.objects {
            write!(f, ", {what} {name}")?;
        }
        f.write_str(")")
    }
}

impl StdError for ServerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: &str) -> Verdict {
        Verdict::of_state(&SqlState::from_code(code))
    }

    #[test]
    fn states_say_whether_waiting_helps() {
        for code in ["57P01", "57P02", "57P03", "08006", "08P01", "53300", "40001", "40P01", "55P03"] {
            assert_eq!(verdict(code), Verdict::PASSING, "{code}");
        }
        for code in ["28P01", "28000", "3D000"] {
            let verdict = verdict(code);
            assert!(verdict.kind == ErrorKind::Target && !verdict.transient && verdict.hint.is_some(), "{code}");
        }
        assert_eq!(verdict("42501").kind, ErrorKind::Refused);
        assert_eq!(verdict("23505"), Verdict::lasting(None));
    }

    #[test]
    fn failures_of_the_network_pass_and_unknown_hosts_do_not() {
        let of = |kind, text: &str| Verdict::of_io(&io::Error::new(kind, text.to_owned()));
        assert!(of(io::ErrorKind::ConnectionRefused, "refused").transient);
        assert!(of(io::ErrorKind::UnexpectedEof, "eof").transient);
        assert!(!of(io::ErrorKind::PermissionDenied, "denied").transient);
        let unknown = of(io::ErrorKind::Other, "failed to lookup address information: Name or service not known");
        assert!(!unknown.transient && unknown.hint.unwrap().contains("host"));
    }

    #[test]
    fn a_row_is_to_blame_for_its_values_and_constraints() {
        for code in ["22003", "22P02", "23502", "23505", "23514", "23P01", "54000", "P0001"] {
            assert!(refuses_row(&SqlState::from_code(code)), "{code}");
        }
        for code in ["23503", "21000", "42P01", "57014", "53100", "08006", "40001", "XX000"] {
            assert!(!refuses_row(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn values_are_cut_out_of_messages() {
        let cases = [
            (
                "22P02",
                "invalid input syntax for type integer: \"hunter2\"",
                "invalid input syntax for type integer: ...",
            ),
            ("22003", "bigint out of range", "bigint out of range"),
            ("23505", "duplicate key value violates unique constraint \"u\"", {
                "duplicate key value violates unique constraint \"u\""
            }),
        ];
        for (state, message, shown) in cases {
            assert_eq!(without_values(state, message), shown);
        }
        assert!(!without_values("P0001", "bad hunter2").contains("hunter2"));
    }
}
