//! What the tests on throwaway servers share.
//!
//! - [`session`]: a database of its own with the extension in it.
//! - [`judge`]: compares what an index finds with the exact answer.
//! - [`check`]: whether an index is sound: complete, in order, near the exact answer.
//! - [`kinds`]: tables of every indexed type.
//! - [`load`]: a mixed load, and what must be there afterwards.
//! - [`keys`]: tables whose index has key columns, and random queries.
//! - [`leftovers`]: the files of a database, to see what a failed command left behind.
//! - [`longer`]: tests that the environment makes longer.
//! - [`processes`]: what the operating system knows of server processes.
//! - [`damage`]: overwrites parts of an index file.
//! - [`alias`]: installations with pg_hnsw under pgvector's name, and with pgvector.
//! - [`application`]: the database of an application on pgvector.
//! - [`programs`]: PostgreSQL's programs, run against a server.

pub mod alias;
pub mod application;
pub mod check;
pub mod damage;
pub mod judge;
pub mod keys;
pub mod kinds;
pub mod leftovers;
pub mod load;
pub mod longer;
pub mod plans;
pub mod processes;
pub mod programs;
pub mod session;

pub use judge::{Judge, use_index};
pub use session::{another, session};
