//! What tells the vector types apart: names and limits, and the checks that every value passes.

use crate::{Error, Result};

/// A vector type.
pub trait Kind {
    /// Name of the SQL type, for messages.
    const NAME: &'static str;
    /// The most dimensions that a value can have.
    const MAX_DIMENSIONS: usize;
}

/// Whether a value may have this many dimensions.
pub fn check_dimensions<K: Kind>(dimensions: usize) -> Result<()> {
    if dimensions < 1 {
        return Err(Error::no_dimensions::<K>());
    }
    if dimensions > K::MAX_DIMENSIONS {
        return Err(Error::too_many_dimensions::<K>());
    }
    Ok(())
}

/// Whether the type modifier, -1 if there is none, allows this many dimensions.
#[inline]
pub fn check_typmod(typmod: i32, dimensions: usize) -> Result<()> {
    if typmod != -1 && typmod as usize != dimensions {
        let expected = i64::from(typmod);
        return Err(Error::unexpected_dimensions(expected, dimensions as i64));
    }
    Ok(())
}

/// Whether the number may stand in a value.
#[inline]
pub fn check_finite<K: Kind>(number: f32) -> Result<()> {
    if number.is_nan() {
        return Err(Error::nan_not_allowed::<K>());
    }
    if number.is_infinite() {
        return Err(Error::infinity_not_allowed::<K>());
    }
    Ok(())
}
