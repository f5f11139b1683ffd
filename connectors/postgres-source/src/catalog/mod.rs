//! What the database says of itself: the server, tables, columns and types.

pub mod pg_type;
pub mod server;
pub mod sql;
pub mod tables;
