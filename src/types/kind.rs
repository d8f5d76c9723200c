//! What tells the vector types apart: names and limits, and the checks that every value passes.

use super::error;

/// A vector type.
pub trait Kind {
    /// Name of the SQL type, for messages.
    const NAME: &'static str;
    /// The most dimensions that a value can have.
    const MAX_DIMENSIONS: usize;
}

/// Raises an error unless a value may have this many dimensions.
pub fn check_dimensions<K: Kind>(dimensions: usize) {
    if dimensions < 1 {
        error::no_dimensions::<K>();
    }
    if dimensions > K::MAX_DIMENSIONS {
        error::too_many_dimensions::<K>();
    }
}

/// Raises an error unless the number may stand in a value.
#[inline]
pub fn check_finite<K: Kind>(number: f32) {
    if number.is_nan() {
        error::nan_not_allowed::<K>();
    }
    if number.is_infinite() {
        error::infinity_not_allowed::<K>();
    }
}
