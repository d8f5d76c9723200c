//! The type modifier: `vector(3)` holds values of 3 dimensions.

use super::array::Array;
use super::dense::Original;
use super::element::Element;
use super::error;

/// Reads the modifier from its text form.
pub fn typmod_in<E: Element>(modifiers: Array) -> i32 {
    let modifiers = modifiers.integer_typmods();
    let [dimensions] = modifiers[..] else {
        error::invalid_type_modifier("invalid type modifier".to_owned());
    };
    if dimensions < 1 {
        error::invalid_type_modifier(format!(
            "dimensions for type {} must be at least 1",
            E::TYPE_NAME
        ));
    }
    if dimensions as usize > E::MAX_DIMENSIONS {
        error::invalid_type_modifier(format!(
            "dimensions for type {} cannot exceed {}",
            E::TYPE_NAME,
            E::MAX_DIMENSIONS
        ));
    }
    dimensions
}

/// Raises an error unless the type modifier allows this many elements.
#[inline]
pub fn check_typmod(typmod: i32, dimensions: usize) {
    if typmod != -1 && typmod as usize != dimensions {
        error::unexpected_dimensions(i64::from(typmod), dimensions as i64);
    }
}

/// The cast that applies a type modifier: the same value, checked.
pub fn apply<E: Element>(original: Original<E>, typmod: i32) -> Original<E> {
    check_typmod(typmod, original.value.dimensions());
    original
}
