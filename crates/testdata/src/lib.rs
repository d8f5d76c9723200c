//! Vectors for tests and benchmarks: where they come from, and what the right answers are.
//!
//! - [`synth`]: clustered vectors of any number and dimension, the same on every machine.
//! - [`embeddings`]: real embeddings from files, where there are any.
//! - [`exact`]: the nearest neighbours by brute force; the judge of every index.
//! - [`sql`]: tables, indexes and searches through a connection.
//!
//! Nothing here uses the extension's own code: what judges it must not share its mistakes.

pub mod embeddings;
pub mod exact;
pub mod metric;
pub mod sql;
pub mod synth;
pub mod vectors;

pub use embeddings::Embeddings;
pub use exact::{mean_recall, nearest};
pub use metric::Metric;
pub use synth::Synth;
pub use vectors::Vectors;
