//! The source edge: everything that touches the SQLite file

pub mod apply;
pub mod archive;
pub mod audit;
pub mod capture;
pub mod change_log;
pub mod chunks;
pub mod connection;
pub mod cycle;
pub mod durable;
pub mod fence;
#[cfg(test)]
mod fixture;
pub mod fulltext;
pub mod introspect;
pub mod profile;
pub mod rejected;
pub mod revisions;
pub mod room;
pub mod rows;
pub mod search;
pub mod sequence_table;
pub mod tokens;
pub mod utf16;
pub mod watch;
pub mod whole;
pub mod words;
