//! The target edge: everything that touches PostgreSQL

pub mod apply;
pub mod careful;
pub mod catalog;
pub mod connect;
pub mod control;
pub mod copy;
pub mod ddl;
pub mod disagreement;
pub mod existing;
pub mod extensions;
pub mod orphans;
pub mod quarantine;
pub mod replace;
pub mod rows;
pub mod search;
pub mod sequences;
pub mod staging;
pub mod trial;
pub mod views;
