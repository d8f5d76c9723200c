//! What the tests on throwaway servers share.
//!
//! - [`session`]: a database of its own with the extension in it.
//! - [`judge`]: compares what an index finds with the exact answer.
//! - [`check`]: whether an index is sound: complete, in order, near the exact answer.
//! - [`leftovers`]: the files of a database, to see what a failed command left behind.
//! - [`damage`]: overwrites parts of an index file.
//! - [`alias`]: installations with pg_hnsw under pgvector's name, and with pgvector.

pub mod alias;
pub mod check;
pub mod damage;
pub mod judge;
pub mod leftovers;
pub mod session;

pub use judge::{Judge, use_index};
pub use session::{another, session};
