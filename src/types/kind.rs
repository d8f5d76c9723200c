//! What tells the vector types apart, and the checks that every value passes, raising errors.

pub use values::Kind;
use values::kind;

use super::error;

/// Raises an error unless a value may have this many dimensions.
pub fn check_dimensions<K: Kind>(dimensions: usize) {
    error::accept(kind::check_dimensions::<K>(dimensions));
}

/// Raises an error unless the number may stand in a value.
#[inline]
pub fn check_finite<K: Kind>(number: f32) {
    error::accept(kind::check_finite::<K>(number));
}
