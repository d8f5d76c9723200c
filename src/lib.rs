//! pg_hnsw: vector types and the `hnsw` index access method for PostgreSQL.
//!
//! - `types`: the SQL types, their operators, casts and aggregates.
//! - `am`: the access method, one file a callback.
//! - `pg`: the only home of raw PostgreSQL calls.

mod am;
mod pg;
mod types;

pgrx::pg_module_magic!();
