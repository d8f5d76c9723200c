//! What a dense vector type stores, and the checks every new value passes.

use bytemuck::Pod;

use super::error;

/// The element of a dense vector type.
pub trait Element: Pod + PartialOrd + Default {
    /// Name of the SQL type, for messages.
    const TYPE_NAME: &'static str;
    /// The most elements a value can have.
    const MAX_DIMENSIONS: usize;

    /// The nearest element; infinite if `value` is too large for the type.
    fn from_f32(value: f32) -> Self;

    /// The nearest element; infinite if `value` is too large for the type.
    fn from_f64(value: f64) -> Self;

    /// The same value, wider.
    fn to_f32(self) -> f32;

    /// Reads an element from the bytes of the binary format.
    fn from_be_bytes(bytes: &[u8]) -> Self;

    /// Writes the element in the binary format.
    fn put_be_bytes(self, bytes: &mut [u8]);
}

impl Element for f32 {
    const TYPE_NAME: &'static str = "vector";
    const MAX_DIMENSIONS: usize = 16_000;

    fn from_f32(value: f32) -> Self {
        value
    }

    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn to_f32(self) -> f32 {
        self
    }

    fn from_be_bytes(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(0.0, f32::from_be_bytes)
    }

    fn put_be_bytes(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

/// Raises an error unless a value may have this many elements.
pub fn check_dimensions<E: Element>(dimensions: usize) {
    if dimensions < 1 {
        error::no_dimensions::<E>();
    }
    if dimensions > E::MAX_DIMENSIONS {
        error::too_many_dimensions::<E>();
    }
}

/// Raises an error unless every element is finite.
pub fn check_finite<E: Element>(values: &[E]) {
    for value in values {
        let value = value.to_f32();
        if value.is_nan() {
            error::nan_not_allowed::<E>();
        }
        if value.is_infinite() {
            error::infinity_not_allowed::<E>();
        }
    }
}
