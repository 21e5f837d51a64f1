//! The way to the target: connection string, password, TLS, session settings, and what a failure means
//!
//! No message made here holds the connection string, whose password nobody wants in a log.

mod classify;
mod parameters;
mod passfile;
mod tls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};

pub use self::classify::{classify, refusal, refuses_row};
use self::parameters::Parameters;
use self::tls::Trust;
use crate::error::{Error, Result};

/// Oldest server that is supported, in the form of `server_version_num`
const OLDEST_SERVER: i32 = 150_000;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For TLS, password and settings too, which a server that hangs would stretch without end
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// After this long without an acknowledgement the other side counts as gone
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// What tokio-postgres reports when the connection string does not set `keepalives_idle`
const UNSET_KEEPALIVES_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// Nothing that a role or database may have set as its default gets in the way. Rows that a policy would hide are an error:
/// a row that is not shown would be taken for deleted. The server drops a client that
/// vanished as soon as the client would drop it, so that its locks do not outlive it.
const SESSION_SETTINGS: &str = "\
    SET standard_conforming_strings = on; \
    SET DateStyle = 'ISO'; \
    SET client_encoding = 'UTF8'; \
    SET timezone = 'UTC'; \
    SET extra_float_digits = 1; \
    SET statement_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; \
    SET lock_timeout = '30s'; \
    SET row_security = off; \
    SET tcp_keepalives_idle = 10; \
    SET tcp_keepalives_interval = 10; \
    SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '30s'";

/// Where PostgreSQL is, and how to get in
#[derive(Clone, Debug)]
pub struct Target {
    config: Config,
    trust: Trust,
}

impl Target {
    /// Reads a `postgres://` URL or a `key=value` string; a password may come from `PGPASSWORD` or the password file
    pub fn parse(text: &str) -> Result<Target> {
        Target::parse_with(text, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn parse_with(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Target> {
        let parameters = Parameters::take_from(text)?;
        let trust = Trust::new(parameters.ssl_mode.as_deref(), parameters.ssl_root_cert)?;
        let mut config: Config = parameters.rest.parse().map_err(|error| parameters::refuse(&error))?;
        complete_host(&mut config);
        if config.get_user().is_none()
            && let Some(user) = variable("PGUSER")
        {
            config.user(user);
        }
        complete_password(&mut config, variable);
        complete_timeouts(&mut config);
        let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        // PostgreSQL speaks no TLS on Unix sockets; libpq ignores sslmode there as well.
        config.ssl_mode(if local { SslMode::Disable } else { trust.ssl_mode() });
        Ok(Target { config, trust })
    }

    /// `user@host:port/dbname`, for messages; never a password
    pub fn display(&self) -> String {
        let hosts: Vec<String> = endpoints(&self.config).map(|(host, port)| format!("{host}:{port}")).collect();
        let user = self.config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{user}{}/{database}", hosts.join(","))
    }

    /// The same as a URL, without the password
    pub fn url(&self) -> String {
        let encode = |text: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            text.bytes()
                .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
                .collect::<String>()
        };
        let user = self.config.get_user().map(|user| format!("{}@", encode(user))).unwrap_or_default();
        let database = encode(self.config.get_dbname().or(self.config.get_user()).unwrap_or_default());
        let place = |(host, port): (String, u16)| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{}:{port}", encode(&host)),
        };
        let hosts: Vec<String> = endpoints(&self.config).map(place).collect();
        format!("postgres://{user}{}/{database}", hosts.join(","))
    }

    /// Opens a session with the settings that everything here relies on
    ///
    /// The connection is driven by a task of the current tokio runtime, which ends when the client is dropped.
    pub async fn connect(&self, application_name: &str) -> Result<Client> {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, self.open_session(application_name)).await {
            Ok(result) => result,
            Err(_) => {
                let limit = HANDSHAKE_TIMEOUT.as_secs();
                Err(Error::target_side(format!("cannot {}: no session within {limit} s", self.operation())).transient())
            }
        }
    }

    async fn open_session(&self, application_name: &str) -> Result<Client> {
        let mut config = self.config.clone();
        config.application_name(application_name);
        let connector = self.trust.connector()?;
        let (client, connection) =
            config.connect(connector).await.map_err(|error| classify(error, &self.operation()))?;
        tokio::spawn(async move {
            // Whoever uses the client sees the same failure in the call that it made.
            let _ = connection.await;
        });
        self.check_server(&client).await?;
        client.batch_execute(SESSION_SETTINGS).await.map_err(|error| classify(error, &self.operation()))?;
        // A server that works for a client that is gone holds its locks until it is done. Not every platform can tell.
        let _ = client.batch_execute("SET client_connection_check_interval = '2s'").await;
        Ok(client)
    }

    async fn check_server(&self, client: &Client) -> Result<()> {
        let query = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'),
                     current_setting('server_version')";
        let row = client.query_one(query, &[]).await.map_err(|error| classify(error, &self.operation()))?;
        let (version, encoding, full): (i32, &str, &str) = (row.get(0), row.get(1), row.get(2));
        check_version(version, full)?;
        check_encoding(encoding, &self.display())
    }

    fn operation(&self) -> String {
        format!("connect to the target {}", self.display())
    }
}

fn check_version(number: i32, full: &str) -> Result<()> {
    if number >= OLDEST_SERVER {
        return Ok(());
    }
    Err(Error::refused(format!("the target runs PostgreSQL {full}, which is too old"))
        .hint(format!("PostgreSQL {} or newer is needed", OLDEST_SERVER / 10_000)))
}

/// SQLite text may hold any character of Unicode; only one server encoding has them all
fn check_encoding(encoding: &str, target: &str) -> Result<()> {
    if encoding == "UTF8" {
        return Ok(());
    }
    let message = format!("the database {target} has encoding {encoding}, which cannot hold every text of the source");
    Err(Error::refused(message).hint("create one with: createdb --template=template0 --encoding=UTF8 NAME"))
}

/// Without a host, the Unix socket that libpq would take, or else this machine
fn complete_host(config: &mut Config) {
    if !config.get_hosts().is_empty() {
        return;
    }
    let addresses = config.get_hostaddrs().to_vec();
    for address in &addresses {
        // The address is the name for TLS and for the password file too.
        config.host(address.to_string());
    }
    if addresses.is_empty() {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket =
            passfile::SOCKET_DIRECTORIES.iter().find(|d| Path::new(d).join(format!(".s.PGSQL.{port}")).exists());
        match socket {
            Some(directory) => config.host_path(directory),
            None => config.host("localhost"),
        };
    }
}

fn complete_password(config: &mut Config, variable: impl Fn(&str) -> Option<String>) {
    if config.get_password().is_some() {
        return;
    }
    if let Some(password) = variable("PGPASSWORD") {
        config.password(password);
        return;
    }
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
    let Some(path) = variable("PGPASSFILE").map(PathBuf::from).or_else(home) else { return };
    let Some(entries) = passfile::read(&path) else { return };
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let found = endpoints(config).find_map(|(host, port)| passfile::find(&entries, &host, port, database, user));
    if let Some(password) = found {
        config.password(password);
    }
}

fn complete_timeouts(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_keepalives_idle() == UNSET_KEEPALIVES_IDLE {
        config.keepalives_idle(KEEPALIVE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
}

/// Hosts and ports, paired as libpq pairs them: one port serves all hosts
fn endpoints(config: &Config) -> impl Iterator<Item = (String, u16)> + '_ {
    let ports = config.get_ports();
    config.get_hosts().iter().enumerate().map(move |(position, host)| {
        let port = ports.get(position).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => (name.clone(), port),
            Host::Unix(path) => (path.display().to_string(), port),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn parse(text: &str) -> Target {
        Target::parse_with(text, |_| None).unwrap()
    }

    fn password(target: &Target) -> Option<&str> {
        target.config.get_password().map(|p| std::str::from_utf8(p).unwrap())
    }

    #[test]
    fn urls_and_key_values_are_understood() {
        let cases = [
            ("postgres://u:secret@h:5433/d", "u@h:5433/d"),
            ("postgresql://u@h", "u@h:5432/u"),
            ("postgres://u%40x:p%2F@[::1]:1/d%20b?sslmode=require", "u@x@::1:1/d b"),
            ("postgres://u@h1:1,h2:2/d?connect_timeout=3", "u@h1:1,h2:2/d"),
            ("postgres://u@%2Ftmp%2Fsock:7/d?sslmode=verify-full", "u@/tmp/sock:7/d"),
            ("host=h port=7 user=u dbname=d password=secret", "u@h:7/d"),
            ("host = 'h' user='u x' dbname=d\\ e sslmode = verify-ca", "u x@h:5432/d e"),
            ("hostaddr=127.0.0.1 user=u", "u@127.0.0.1:5432/u"),
        ];
        for (text, display) in cases {
            assert_eq!(parse(text).display(), display, "{text}");
        }
    }

    #[test]
    fn timeouts_have_defaults_that_the_string_overrides() {
        let target = parse("postgres://u@h/d");
        assert_eq!(target.config.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        assert_eq!(target.config.get_keepalives_idle(), KEEPALIVE);
        let target = parse("postgres://u@h/d?connect_timeout=3&keepalives_idle=4");
        assert_eq!(target.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(target.config.get_keepalives_idle(), Duration::from_secs(4));
    }

    #[test]
    fn secrets_are_in_no_message() {
        for text in [
            "postgres://u:hunter2@h:x/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:p@hunter2:hunter2@h/d",
            "postgres://u:p@h/d?sslmode=hunter2",
            "postgres://u:p@h/d?password=%ff&hunter2",
            "host=h password=a hunter2",
            "host=h password='hunter2",
            "hunter2",
            "host=h sslmode=hunter2",
            "host=h port=hunter2",
        ] {
            let error = Target::parse_with(text, |_| None).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage, "{text}");
            assert!(!error.report().contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{text}");
        }
        let target = parse("postgres://u:hunter2@h/d");
        assert_eq!(password(&target), Some("hunter2"));
        assert!(!target.display().contains("hunter2") && !format!("{target:?}").contains("hunter2"));
    }

    #[test]
    fn passwords_come_from_string_then_environment_then_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "h:5432:d:u:from file\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let with = |text: &str, environment: Option<&str>| {
            Target::parse_with(text, |name| match name {
                "PGPASSWORD" => environment.map(str::to_owned),
                "PGPASSFILE" => Some(path.clone()),
                _ => None,
            })
            .unwrap()
        };
        assert_eq!(password(&with("postgres://u:own@h/d", Some("env"))), Some("own"));
        assert_eq!(password(&with("postgres://u@h/d", Some("env"))), Some("env"));
        assert_eq!(password(&with("postgres://u@h/d", None)), Some("from file"));
        assert_eq!(password(&with("postgres://u@other/d", None)), None);
        // libpq ignores a file that others may read.
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(password(&with("postgres://u@h/d", None)), None);
    }

    #[test]
    fn the_url_has_no_password_and_leads_to_the_same_place() {
        let urls = [
            "postgres://u:secret@h:5433/d",
            "postgres://u%40x:p%2F@[::1]:1/d%20b",
            "postgres://u@h1:1,h2:2/d",
            "postgres://u:secret@%2Ftmp%2Fsock:7/d",
        ];
        for url in urls {
            let target = parse(url);
            assert!(!target.url().contains("secret") && !target.url().contains(":p%2F"), "{}", target.url());
            assert_eq!(parse(&target.url()).display(), target.display(), "{}", target.url());
        }
    }

    #[test]
    fn servers_that_cannot_serve_are_refused() {
        assert!(check_version(150_000, "15.0").is_ok());
        assert!(check_version(140_012, "14.12").unwrap_err().report().contains("14.12"));
        assert!(check_encoding("UTF8", "u@h:1/d").is_ok());
        assert!(check_encoding("LATIN1", "u@h:1/d").unwrap_err().report().contains("LATIN1"));
    }
}
