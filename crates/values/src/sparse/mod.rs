//! The type `sparsevec`, of which only the elements that are not zero are written.

pub mod binary;
pub mod text;

use std::cmp::Ordering;

use crate::{Error, Kind, Result};

/// The most elements a value can have.
pub const MAX_ELEMENTS: usize = 16_000;

/// The type.
pub struct Sparsevec;

impl Kind for Sparsevec {
    const NAME: &'static str = "sparsevec";
    const MAX_DIMENSIONS: usize = 1_000_000_000;
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    /// The number of dimensions.
    pub dimensions: usize,
    /// Indices from 0, ascending, and elements that are not zero.
    pub elements: Vec<(i32, f32)>,
}

/// Whether an element may have this index, `previous` being that before it.
fn check_index(index: i64, previous: Option<i64>, dimensions: usize) -> Result<()> {
    if usize::try_from(index).map_or(true, |index| index >= dimensions) {
        return Err(Error::index_out_of_bounds::<Sparsevec>());
    }
    match previous.map_or(Ordering::Less, |previous| previous.cmp(&index)) {
        Ordering::Less => Ok(()),
        Ordering::Equal => Err(Error::duplicate_indices::<Sparsevec>()),
        Ordering::Greater => Err(Error::indices_not_ascending::<Sparsevec>()),
    }
}
