//! The access method `hnsw`, one file a callback, and `ivfflat`, which is the same index.
//!
//! Callbacks turn PostgreSQL's arguments into those of `crate::pg` and of the crate `hnsw`, which
//! do the work. Unsafe code here reads those arguments, nothing else.
#![allow(unsafe_code, reason = "the callback boundary")]

mod aside;
mod build;
mod check;
mod cost;
mod handler;
mod insert;
pub mod ivfflat;
mod keys;
mod metric;
pub mod options;
pub mod range;
pub mod report;
mod scan;
pub mod settings;
mod vacuum;
mod validate;

pub use scan::is_ours;

/// The order of the operators and support functions of an operator class.
mod support {
    /// The operator that orders rows.
    pub const ORDER: i16 = 1;
    /// The operator that finds rows within a distance: its right argument is a row of a value and a
    /// radius.
    pub const WITHIN: i16 = 2;

    /// The distance, or one that orders rows the same way.
    pub const DISTANCE: u16 = 1;
    /// The norm, of classes that normalise.
    pub const NORM: u16 = 2;
    /// What the type allows; for types other than `vector`.
    pub const TYPE_INFO: u16 = 3;
}
