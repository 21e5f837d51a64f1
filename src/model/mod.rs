//! Pure decisions: values in, values out
//!
//! Nothing here opens a file or a socket, reads a clock, or logs; everything can be tested without a database.
//! Both edges (`sqlite`, `postgres`) and the engine build on it, and it builds on none of them.

pub mod audit;
pub mod bookkeeping;
pub mod canonical;
pub mod change;
pub mod choices;
pub mod chunk;
pub mod convert;
pub mod decode;
pub mod digest;
pub mod encode;
pub mod extensions;
pub mod fulltext;
pub mod key;
pub mod mapping;
pub mod numeric;
pub mod phase;
pub mod plan;
pub mod planfile;
pub mod planner;
pub mod profile;
pub mod quarantine;
pub mod record;
pub mod schema;
pub mod search;
pub mod sql;
pub mod target;
pub mod template;
pub mod value;
pub mod variant;
pub mod words;
