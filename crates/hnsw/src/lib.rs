//! HNSW over pages: the record format and the algorithms, generic over a page store.
//!
//! Knows nothing of PostgreSQL: pages come through [`store::PageStore`], of which
//! [`memory::MemoryStore`] is the one that tests use. Everything read from a page is untrusted;
//! what cannot be right is an [`Error::Corrupted`] that names the block.
//!
//! | module | subject |
//! |---|---|
//! | [`page`] | the body of a page, page kinds, the metapage |
//! | [`layout`] | sizes and offsets that follow from dimensions, m, metric and storage |
//! | [`record`] | a node's record: header, lanes, own vector, heap TIDs |
//! | [`vector`] | what a vector is: numbers, bits or elements |
//! | [`transform`] | centring and random rotation; error bounds of what is stored |
//! | [`code`] | 1-bit codes of edges (RaBitQ) |
//! | [`query`], `scorer` | a query prepared for scoring records, and how vectors are scored |
//! | [`index`] | an open index, and how a page of it is visited |
//! | [`beam`] | candidates of a search: a beam, and what waits behind it |
//! | [`search`] | greedy descent and expansion of a beam, the search of scans and of inserts |
//! | `filtered` | search for nodes that pass a filter |
//! | [`scan`] | the resumable scan: rows in order of distance |
//! | [`sample`] | how many rows are within a distance, from a few nodes |
//! | [`prune`] | choice of neighbours |
//! | [`insert`] | adding one row |
//! | [`alloc`] | slots: finding, filling, freeing |
//! | [`chain`] | lists of slots for what does not fit into a record |
//! | [`tids`] | heap TIDs of nodes that stand for many rows |
//! | [`keys`] | key columns: sketches and conditions on them |
//! | [`map`] | the sketches of all nodes, by id |
//! | [`build`] | building a graph in memory and writing its pages |
//! | [`kill`] | marking rows that a scan found dead |
//! | [`vacuum`] | removing rows, repairing lists, freeing slots |
//! | [`check`] | structural invariants |

pub mod alloc;
pub mod beam;
pub mod build;
pub mod chain;
pub mod check;
pub mod code;
mod error;
pub mod filtered;
pub mod index;
pub mod insert;
pub mod keys;
pub mod kill;
pub mod layout;
pub mod map;
pub mod memory;
pub mod page;
pub mod prune;
pub mod query;
pub mod record;
pub mod sample;
pub mod scan;
mod scorer;
pub mod search;
mod slots;
pub mod store;
pub mod tids;
pub mod transform;
pub mod vacuum;
pub mod vector;

pub use error::{Error, Result};
pub use index::Index;
pub use layout::{Layout, Metric, Params, Storage};
pub use record::{NodeId, Tid};
pub use vector::{Bits, Sparse, Vector};
