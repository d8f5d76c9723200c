//! The type modifier: `vector(3)` holds values of 3 dimensions.

use super::array::Array;
use super::error;
use super::kind::Kind;
use super::value::{Original, Value};

/// Reads the modifier from its text form.
pub fn typmod_in<K: Kind>(modifiers: Array) -> i32 {
    let modifiers = modifiers.integer_typmods();
    let [dimensions] = modifiers[..] else {
        error::invalid_type_modifier("invalid type modifier".to_owned());
    };
    if dimensions < 1 {
        error::invalid_type_modifier(format!(
            "dimensions for type {} must be at least 1",
            K::NAME
        ));
    }
    if dimensions as usize > K::MAX_DIMENSIONS {
        error::invalid_type_modifier(format!(
            "dimensions for type {} cannot exceed {}",
            K::NAME,
            K::MAX_DIMENSIONS
        ));
    }
    dimensions
}

/// Raises an error unless the type modifier allows this many elements.
#[inline]
pub fn check_typmod(typmod: i32, dimensions: usize) {
    error::accept(values::kind::check_typmod(typmod, dimensions));
}

/// The cast that applies a type modifier: the same value, checked.
pub fn apply<'a, V: Value<'a>>(original: Original<V>, typmod: i32) -> Original<V> {
    check_typmod(typmod, original.value.dimensions());
    original
}
