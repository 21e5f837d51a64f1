//! What every test stands on: servers, the program as a child process, and an independent look at both sides

pub mod app;
pub mod cluster;
pub mod compare;
pub mod given;
pub mod held;
pub mod load;
pub mod pg;
pub mod primary;
pub mod process;
pub mod proxy;
pub mod python;
pub mod reversed;
pub mod rng;
pub mod scene;
pub mod search;
pub mod source;
pub mod typed;

pub use cluster::fresh_database;
