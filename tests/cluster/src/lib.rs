//! What the tests on throwaway servers share.
//!
//! - [`session`]: a database of its own with the extension in it.
//! - [`judge`]: compares what an index finds with the exact answer.

pub mod judge;
pub mod session;

pub use judge::Judge;
pub use session::session;
