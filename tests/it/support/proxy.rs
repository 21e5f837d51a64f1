//! A TCP proxy in front of PostgreSQL that loses the reply to a COMMIT when told to
//!
//! The commit has happened, the client cannot know: the case that only a checkpoint in the same transaction survives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Tag of the server's CommandComplete message for a COMMIT
const COMMITTED: &[u8] = b"COMMIT\0";

/// A listening proxy; it lives until the test process ends
pub struct Proxy {
    port: u16,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
}

impl Proxy {
    /// Forwards connections to that port of 127.0.0.1
    pub fn start(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let proxy = Proxy { port, armed: Arc::default(), lost: Arc::default() };
        let (armed, lost) = (Arc::clone(&proxy.armed), Arc::clone(&proxy.lost));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down refuses; so do we, by closing.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                forward(client, server, Arc::clone(&armed), Arc::clone(&lost));
            }
        });
        proxy
    }

    /// The same database by way of the proxy
    pub fn url(&self, direct: &str, server: u16) -> String {
        direct.replace(&format!(":{server}/"), &format!(":{}/", self.port))
    }

    /// From now on, the next reply to a COMMIT is lost and its connection cut
    pub fn lose_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// How many replies have been lost
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }
}

fn forward(client: TcpStream, server: TcpStream, armed: Arc<AtomicBool>, lost: Arc<AtomicU64>) {
    let (from_client, to_server) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    thread::spawn(move || pump(from_client, to_server, |_| true));
    thread::spawn(move || {
        pump(server, client, |bytes| {
            let commit = bytes.windows(COMMITTED.len()).any(|window| window == COMMITTED);
            let lose = commit && armed.swap(false, Ordering::SeqCst);
            lost.fetch_add(u64::from(lose), Ordering::SeqCst);
            !lose
        });
    });
}

/// Copies until either end closes, or until `pass` says no; then closes both
fn pump(mut from: TcpStream, mut to: TcpStream, mut pass: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !pass(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
