//! crossfade moves a live SQLite database to PostgreSQL while the application keeps writing.
//!
//! # Bird's-eye view
//!
//! ```text
//!   application
//!       | writes
//!       v
//!   +------------------+  watch (notify + data_version)
//!   | SQLite           |------------------------------+
//!   |  capture triggers|                              |
//!   |  _crossfade_log  |  read view: log + rows       v
//!   +------------------+ ==> reader threads ==> encode ==> COPY BINARY / unnest upsert
//!                            bounded channels             + checkpoint, one transaction
//!                                                                  |
//!                                                                  v
//!                                                           PostgreSQL
//! ```
//!
//! Triggers on the source note the key of every touched row ([`sqlite::capture`]). The snapshot copies every table in
//! short reads ([`engine::snapshot`]); the tail re-reads touched rows and applies them, one read view of the source being
//! one transaction on the target ([`engine::tail`]). All progress is stored in the target, in the transaction that writes
//! the rows, so that a kill at any moment costs nothing but time ([`postgres::control`]).
//!
//! While PostgreSQL is the primary, the same goes on in the other direction ([`engine::reverse`]): triggers there note keys
//! ([`postgres::capture`]), each cycle brings the rows of one view to SQLite in one transaction ([`sqlite::apply`]), and
//! only then are their entries deleted. What differs in a file that is not the one that followed is put into the same log.
//!
//! # Code map
//!
//! `main -> cli -> engine -> {sqlite, postgres, observe} -> model -> std`. The two edges never import each other, and
//! `model` does no I/O and reads no clock; `tests/it/tidy.rs` enforces it.
//!
//! - [`model`]: schema, plan, values, keys, encoding: pure.
//! - [`sqlite`]: the source. [`postgres`]: the target.
//! - [`engine`]: what happens in which order, and what beside what.
//! - [`observe`]: progress, metrics, status. [`cli`]: one file per verb.
//! - `triggers/`: everything that is installed on either side, readable as SQL.
//!
//! # Invariants
//!
//! Cited in the code as `// I3:` where a line relies on one; tests carry the number in their names.
//!
//! - **I1** A change and its log entry commit in one transaction of the side they happen on.
//! - **I2** Capture is installed, and proven complete against the schema, before the first chunk is read. It is proven
//!   again in the same read view as every cycle.
//! - **I3** A cycle's rows and its checkpoint commit in one target transaction. Every commit downstream is an image of
//!   one read view upstream; while catching up after a snapshot the checkpoint says that it is not yet consistent.
//! - **I4** The checkpoint never goes back, never passes the head, and never passes what upstream has made durable: the
//!   source is fsynced before the target commits rows read from it.
//! - **I5** An entry trimmed before it was applied is noticed before anything else is applied, and repaired by
//!   comparison.
//! - **I6** Apply writes the row as it is now, or deletes it. Replaying any entry any number of times converges.
//! - **I7** A chunk never overwrites a newer row.
//! - **I8** At every moment at most one side accepts application writes, and exactly one whenever nothing is being
//!   switched. The fence is durable before the other side is opened ([`engine::switch`]).
//! - **I9** A crash at any point of a switch leaves a state from which `run` goes on by itself, and from which an abort gets
//!   back to the old primary.
//! - **I10** No value is lost or changed silently. What the target type cannot hold exactly is refused by the plan, or its
//!   row quarantined whole at run time, so that each row is in its table or in the quarantine; a round trip gives the
//!   same value and storage class. `jsonb` holds a document and not its spelling, and `timestamp` a moment that a column
//!   may spell in several ways: the spelling stays in SQLite, and both sides are compared by document and by moment
//!   ([`model::canonical`]). SQLite keeps no sign of a zero in a column of REAL affinity, so there it counts for nothing.
//! - **I11** crossfade never makes an application's statement fail, except the fence, whose message says what it is.
//! - **I12** Memory is bounded by configuration, never by table, row count or backlog.

pub mod cli;
pub mod codec;
pub mod config;
pub mod engine;
pub mod error;
pub mod failpoint;
pub mod model;
pub mod observe;
pub mod postgres;
pub mod sqlite;
