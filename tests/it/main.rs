//! The integration tests, one binary: the real program as child processes against throw-away databases
//!
//! A test whose name starts with `i3_` shows that invariant I3 of DESIGN.md holds. `tidy` checks this list.

/// The application sees the same results with and without capture (I1, I11)
mod application;
/// Projects with Django and with SQLAlchemy read the same objects from both databases (I10)
mod applications;
/// What cannot work is refused with one clear error, and leaves nothing behind
mod bad_input;
/// `cancel` leaves no trace on either side
mod cancel;
/// Folders of schemas with the plan and the target that they lead to (I10)
mod cases;
/// The snapshot in chunks and waves, under changes and kills (I7)
mod chunks;
/// The encoder and the decoder against a real server (I10)
mod codec;
/// Every mapping with every form
mod codec_mappings;
/// Every conversion from PostgreSQL's side, by random fields (I10)
mod codec_payloads;
/// Every conversion there and back, by random and adversarial values (I10)
mod codec_roundtrip;
/// The conversions against a real server: what it reads, prints and sends (I10)
mod codec_server;
/// Connecting with passwords and TLS, and what the errors say
mod connect;
/// Killed at named points and at random moments, then started again (I2, I3, I4, I6, I7)
mod crash;
/// Tables that the application's own migrations made: copied into, followed, and left as they were (I7, I10)
mod existing;
/// Data fitted to a schema that stands on the target, or refused whole (I10)
mod existing_plan;
/// SQLite refuses writes from one point on, whoever writes and however (I8)
mod fence;
/// `finish` leaves nothing of ours and an archive; verbs refuse in the wrong phase (I8, I9)
mod finish;
/// Full-text tables become columns that are searched, and stay what they are (I10, I11)
mod fulltext;
/// Random schemas and statements by seed
mod generator;
/// Numbered entries of many writers survive switches and kills, on both sides (I8, I9)
mod history;
/// A cancelled query, an old request, a key that is NULL: nothing that stops the replicator (I3, I6)
mod interference;
mod journals;
/// Peak memory of a big copy and a big backlog (I12)
mod memory;
/// What a dashboard sees at `run --http`
mod metrics;
/// Rows and checkpoint are of one moment, whenever one looks (I3)
mod moments;
/// Numbers that the target gives by itself, once the application writes there
mod numbering;
/// PostgreSQL stopped, restarted and cut off under load (I3)
mod outage;
/// Which rows were touched on PostgreSQL, by whatever statement, is noted (I1, I2)
mod pg_capture;
/// PostgreSQL takes no write of an application before its turn, and ours at any time (I8)
mod pg_fence;
/// `plan --out`, edits, and what comes of them
mod planfile;
/// Rows that PostgreSQL cannot hold: kept whole beside it, never lost, and back as soon as they fit (I3, I10)
mod quarantine;
/// Both sides equal after random schemas and random writers (I3, I4, I6)
mod randomised;
/// Databases that real applications made, under writers from other processes
mod real_databases;
/// The record of a migration: as text, JSON and a page, with statements that anybody can run again (I10)
mod report;
/// PostgreSQL is the primary and SQLite follows: every value, every way of writing, every crash (I2, I3, I4, I5, I6, I10)
mod reverse;
/// Indexes that come and go on the source, and values that those of the target cannot hold (I2, I10)
mod schema_moves;
/// Odd schemas: copied, or refused with nothing left behind
mod schemas;
/// Full-text tables that hold their own text: copied, followed by comparison, searched (I3, I10, I12)
mod searching;
/// The source restored, trimmed, rebuilt or removed behind our back (I2, I5)
mod source_faults;
/// Moments that SQLite spells in several ways (I10)
mod spellings;
/// Servers, child processes, and the independent comparison
mod support;
/// The switch of the primary as a small model, explored exhaustively (I8, I9)
mod switch_model;
/// Cutover, rehearsal and rollback: one side accepts writes, and nothing is lost (I8, I9)
mod switching;
/// Rules of the source tree
mod tidy;
/// CHECKs, index terms, computed columns, DEFAULTs and views: asked on both engines (I10)
mod translation;
/// The hard values arrive with their storage class, in every position (I10)
mod values;
/// Embeddings on servers with pgvector (I10)
mod vectors;
/// What `status` and `verify` say with no replicator running (I2, I5, I10)
mod verdicts;
/// What happens between the waves of the copy, and between plan and capture (I2, I7)
mod waves;
/// Columns that the target computes, numbers or types in its own way (I10)
mod wire;
/// What the target gets beside the rows, and how it gives way to them (I10)
mod yielding;
