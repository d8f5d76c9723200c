//! Values of the vector types, from bytes that anybody may have made: the text and the binary
//! format, read and checked. Knows nothing of PostgreSQL, so that it can be fuzzed without one.
//!
//! | module | subject |
//! |---|---|
//! | [`kind`] | names and limits of the types, and the checks that every value passes |
//! | [`element`] | the numbers that a dense type stores |
//! | [`number`] | a number at the start of a text |
//! | [`text`] | the text format of the dense types |
//! | [`binary`] | the binary format of the dense types |
//! | [`sparse`] | `sparsevec`: both formats |
//! | [`error`] | why some bytes are no value |

pub mod binary;
pub mod element;
pub mod error;
pub mod kind;
pub mod number;
pub mod sparse;
pub mod text;

pub use element::Element;
pub use error::{Error, Result};
pub use kind::Kind;
