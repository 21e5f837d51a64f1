//! What a dashboard sees at `run --http`

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::process::wait_until;
use crate::switching::stage::Stage;

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

/// The value of the sample whose line begins so
fn sample(address: &str, line: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    page.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn a_dashboard_sees_who_is_the_primary() {
    let (stage, address) = (Stage::new(), free_address());
    let _replicator = stage.ready(&["--http", &address]);
    let primary = || sample(&address, "crossfade_primary_is_postgres ");
    wait_until("SQLite to be shown as the primary", || primary() == Some(0.0));
    stage.cutover(&[]).expect_code(0);
    wait_until("PostgreSQL to be shown as the primary", || primary() == Some(1.0));
    let switched = r#"crossfade_switches_total{kind="cutover",outcome="switched"}"#;
    assert_eq!(sample(&address, switched), Some(1.0));
    assert_eq!(sample(&address, r#"crossfade_refused_seconds_count{kind="cutover"}"#), Some(1.0));
    stage.target().execute("UPDATE items SET amount = 'NaN' WHERE id = 1");
    wait_until("the row that SQLite cannot hold to be counted", || {
        sample(&address, "crossfade_unreturned_rows ") == Some(1.0)
    });
    stage.target().execute("UPDATE items SET amount = 7 WHERE id = 1");
    wait_until("none to be counted", || sample(&address, "crossfade_unreturned_rows ") == Some(0.0));
}
