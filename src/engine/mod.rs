//! Orchestration: which step comes next, and what runs beside what
//!
//! ```text
//!   supervisor thread ── owns the job and the applying connection
//!      │  requests (1)          ▲ batches (2)
//!      ▼                        │
//!   tail reader thread ── owns the source connection, the watch, the wake-up ladder
//!
//!   snapshot wave, joined before the tail runs again:
//!      worker threads ── one target connection each  ◄── buffers (4) ── reader threads, one source connection each
//! ```
//! The numbers are the capacities of the channels. SQLite blocks, so it gets plain threads; PostgreSQL is driven on the
//! tokio runtime, and plain threads wait for it with `Handle::block_on`. No async task ever blocks on SQLite.
//!
//! Every step is durable on the target before the next begins, so a failure needs no repair of memory: the session is
//! dropped, and a new one goes on from what is stored.

pub mod cancel;
pub mod drift;
pub mod existing;
pub mod fencing;
pub mod finish;
pub mod finishing;
pub mod foreign_keys;
pub mod indexing;
pub mod job;
pub mod loading;
pub mod phases;
pub mod planning;
pub mod pulse;
pub mod quarantine;
pub mod repair;
pub mod report;
pub mod reverse;
pub mod searching;
pub mod snapshot;
pub mod status;
pub mod stop;
pub mod supervisor;
pub mod switch;
pub mod tail;
pub mod verify;
pub mod wave;
pub mod yielding;
