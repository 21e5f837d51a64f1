//! The window: what the program tells, and nothing that it decides

pub mod metrics;
pub mod progress;
pub mod report;
pub mod status;
