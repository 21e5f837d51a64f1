//! Connecting: settings, passwords, TLS, and what the errors say and keep to themselves

use std::path::{Path, PathBuf};
use std::process::Command;

use crossfade::error::{Error, ErrorKind};
use crossfade::postgres::connect::{Target, classify};
use tokio_postgres::Client;

fn connect(url: &str) -> Result<Vec<String>, Error> {
    block_on(async {
        let client = Target::parse(url)?.connect("crossfade test").await?;
        Ok(facts(&client).await)
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Settings of the session, and whether it is encrypted
async fn facts(client: &Client) -> Vec<String> {
    let query = "SELECT concat_ws('|', current_setting('application_name'), current_setting('lock_timeout'),
                     current_setting('statement_timeout'), current_setting('timezone'), current_setting('DateStyle')),
                 (SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
    let row = client.query_one(query, &[]).await.unwrap();
    vec![row.get(0), row.get(1)]
}

fn refusal(url: &str) -> Error {
    connect(url).expect_err("connected")
}

/// The URL with another database
fn with_database(url: &str, name: &str) -> String {
    let end = url.rfind('/').unwrap();
    format!("{}/{name}", &url[..end])
}

#[test]
fn sessions_do_not_inherit_settings_that_get_in_the_way() {
    let url = crate::support::fresh_database();
    block_on(async {
        let target = Target::parse(&url).unwrap();
        let client = target.connect("first").await.unwrap();
        let database = client.query_one("SELECT current_database()", &[]).await.unwrap().get::<_, String>(0);
        for setting in ["statement_timeout = 1000", "DateStyle = 'German'", "timezone = 'Asia/Tokyo'"] {
            client.batch_execute(&format!("ALTER DATABASE \"{database}\" SET {setting}")).await.unwrap();
        }
        let client = target.connect("crossfade test").await.unwrap();
        let facts = facts(&client).await;
        assert!(facts[0].starts_with("crossfade test|30s|0|UTC|ISO"), "{facts:?}");
    });
}

#[test]
fn an_unknown_database_is_named_with_its_remedy() {
    let error = refusal(&with_database(&crate::support::fresh_database(), "no_such_database"));
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, false));
    assert!(error.report().contains("no_such_database") && error.report().contains("createdb"), "{}", error.report());
}

#[test]
fn a_refused_port_is_worth_another_try_and_an_unknown_host_is_not() {
    let error = refusal("postgres://u:hunter2@127.0.0.1:1/d");
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, true));
    assert!(error.report().starts_with("error: cannot connect to the target u@127.0.0.1:1/d\n"), "{}", error.report());
    assert!(!error.report().contains("hunter2"));
    let error = refusal("postgres://u@no-such-host.invalid/d");
    assert_eq!(error.kind(), ErrorKind::Target);
    assert!(error.report().contains("host name"), "{}", error.report());
}

#[test]
fn server_errors_name_objects_and_never_values() {
    let url = crate::support::fresh_database();
    block_on(async {
        let client = Target::parse(&url).unwrap().connect("crossfade test").await.unwrap();
        client.batch_execute("CREATE TABLE t (a text CONSTRAINT only_one UNIQUE, b text NOT NULL)").await.unwrap();
        let cases = [
            ("INSERT INTO t VALUES ('hunter2', ''), ('hunter2', '')", "only_one"),
            ("INSERT INTO t VALUES ('hunter2', NULL)", "column b"),
            ("SELECT 'hunter2'::text::bigint", "22P02"),
            ("SELECT 'hunter2'::text::jsonb", "22P02"),
            ("SELECT 'hunter2'::text::timestamptz", "22007"),
            ("DO $$ BEGIN RAISE EXCEPTION 'no %', 'hunter2'; END $$", "P0001"),
        ];
        for (statement, expected) in cases {
            let error = classify(client.batch_execute(statement).await.unwrap_err(), "write rows");
            assert!(error.report().contains(expected), "{}", error.report());
            assert!(!format!("{}{}{error:?}", error.report(), error.summary()).contains("hunter2"), "{error:?}");
        }
        let error = client.query("SELECT $1::int8", &[&"hunter2"]).await.unwrap_err();
        assert!(!classify(error, "write rows").report().contains("hunter2"));
    });
}

#[test]
fn a_session_that_the_server_ends_is_worth_another_try() {
    let url = crate::support::fresh_database();
    block_on(async {
        let target = Target::parse(&url).unwrap();
        let (client, other) = (target.connect("a").await.unwrap(), target.connect("b").await.unwrap());
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        other.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
        for _ in 0..2 {
            let error = classify(client.batch_execute("SELECT pg_sleep(1)").await.unwrap_err(), "read the log");
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, true), "{error:?}");
        }
    });
}

#[test]
fn a_wrong_password_is_final_and_says_where_passwords_come_from() {
    let cluster = Cluster::start(&[SELF_SIGNED]);
    assert_eq!(connect(&cluster.url("127.0.0.1", "sslmode=disable")).unwrap()[1], "false");
    for secret in ["hunter2@", ""] {
        let url = cluster.url("127.0.0.1", "sslmode=disable").replace("sesame@", secret);
        let url = if secret.is_empty() { url.replace("postgres:127", "postgres@127") } else { url };
        let error = refusal(&url);
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, false), "{}", error.report());
        assert!(error.report().contains("PGPASSWORD"), "{}", error.report());
        assert!(!error.report().contains("hunter2"));
    }
    let error = refusal(&cluster.url("127.0.0.1", "sslmode=disable").replace("/postgres?", "/closed?"));
    assert!(error.report().contains("pg_hba.conf"), "{}", error.report());
}

#[test]
fn tls_trusts_a_self_signed_certificate_only_when_told_to() {
    let cluster = Cluster::start(&[SELF_SIGNED, OTHER]);
    let (own, other) = (cluster.file("server.crt"), cluster.file("other.crt"));
    for options in ["", "sslmode=prefer", "sslmode=require"] {
        assert_eq!(connect(&cluster.url("127.0.0.1", options)).unwrap()[1], "true", "{options}");
    }
    for options in ["sslmode=verify-full".to_owned(), format!("sslmode=verify-full&sslrootcert={other}")] {
        let error = refusal(&cluster.url("localhost", &options));
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, false), "{}", error.report());
        assert!(error.report().contains("sslrootcert"), "{}", error.report());
    }
    let full = format!("sslmode=verify-full&sslrootcert={own}");
    assert_eq!(connect(&cluster.url("localhost", &full)).unwrap()[1], "true");
    // The certificate is for `localhost` alone.
    assert!(refusal(&cluster.url("127.0.0.1", &full)).report().contains("subjectAltName"));
    let chain = format!("sslmode=verify-ca&sslrootcert={own}");
    assert_eq!(connect(&cluster.url("127.0.0.1", &chain)).unwrap()[1], "true");
}

#[test]
fn tls_follows_the_chain_to_an_authority() {
    let cluster = Cluster::start(&[AUTHORITY, REQUEST, SIGN]);
    let root = cluster.file("ca.crt");
    assert_eq!(
        connect(&cluster.url("localhost", &format!("sslmode=verify-full&sslrootcert={root}"))).unwrap()[1],
        "true"
    );
    assert_eq!(connect(&cluster.url("127.0.0.1", &format!("sslmode=require&sslrootcert={root}"))).unwrap()[1], "true");
    assert!(connect(&cluster.url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={root}"))).is_err());
    let error = refusal(&cluster.url("localhost", "sslmode=verify-full&sslrootcert=/no/such/file"));
    assert!(error.report().contains("/no/such/file"), "{}", error.report());
}

#[test]
fn required_tls_is_not_given_up_where_the_server_has_none() {
    let cluster = Cluster::start(&[]);
    assert_eq!(connect(&cluster.url("127.0.0.1", "sslmode=prefer")).unwrap()[1], "false");
    let error = refusal(&cluster.url("127.0.0.1", "sslmode=require"));
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Target, false));
    assert!(
        error.report().contains("does not support TLS") && error.report().contains("sslmode"),
        "{}",
        error.report()
    );
}

const SELF_SIGNED: &str = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt";
const OTHER: &str = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout other.key -out other.crt";
const AUTHORITY: &str = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt";
const REQUEST: &str = "req -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout server.key -out server.csr";
const SIGN: &str = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy \
    -out server.crt";

/// A server of its own, since passwords and TLS are settings of the whole cluster; it ends with the value
struct Cluster {
    directory: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// `openssl` holds the commands that make its certificate; without any it has no TLS
    fn start(openssl: &[&str]) -> Cluster {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Cluster { directory, port };
        let path = cluster.directory.path();
        run(Command::new("chown").arg("postgres").arg(path));
        std::fs::write(path.join("password"), "sesame").unwrap();
        let options = ["-U", "postgres", "-N", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--pwfile"];
        run(cluster.server_program("initdb").args(options).arg(path.join("password")));
        openssl.iter().for_each(|arguments| run(as_postgres("openssl", path).args(arguments.split_whitespace())));
        cluster.configure(!openssl.is_empty());
        run(cluster.server_program("pg_ctl").args(["-w", "-s", "-l"]).arg(path.join("log")).arg("start"));
        cluster
    }

    fn configure(&self, tls: bool) {
        let (path, data) = (self.directory.path(), self.directory.path().join("data"));
        let settings = format!(
            "port = {}\nunix_socket_directories = '{path}'\nssl = {tls}\nfsync = off\n\
             ssl_cert_file = '{path}/server.crt'\nssl_key_file = '{path}/server.key'\n",
            self.port,
            path = path.display()
        );
        let rules = "host closed all all reject\nhost all all all scram-sha-256\n";
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
    }

    fn server_program(&self, name: &str) -> Command {
        let mut command = as_postgres(&format!("/usr/lib/postgresql/15/bin/{name}"), self.directory.path());
        command.env("PGDATA", self.directory.path().join("data"));
        command
    }

    fn url(&self, host: &str, options: &str) -> String {
        format!("postgres://postgres:sesame@{host}:{}/postgres?{options}", self.port)
    }

    /// Path of a file of the cluster; readable for whoever runs the test
    fn file(&self, name: &str) -> String {
        let path: PathBuf = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.server_program("pg_ctl").args(["-s", "-m", "immediate", "stop"]).output();
    }
}

/// The server refuses to run as root
fn as_postgres(program: &str, directory: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", program]).current_dir(directory);
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
