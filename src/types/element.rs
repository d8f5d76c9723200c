//! The numbers that a dense vector type stores.

use bytemuck::Pod;
use half::f16;

use super::error;
use super::kind::{Kind, check_finite};

/// The element of a dense vector type, and with it the type.
pub trait Element: Kind + Pod + PartialOrd + Default {
    /// The nearest element; infinite if `value` is too large for the type.
    fn from_f32(value: f32) -> Self;

    /// The same value, wider.
    fn to_f32(self) -> f32;

    /// Reads an element from the bytes of the binary format.
    fn from_be_bytes(bytes: &[u8]) -> Self;

    /// Writes the element in the binary format.
    fn put_be_bytes(self, bytes: &mut [u8]);
}

impl Kind for f32 {
    const NAME: &'static str = "vector";
    const MAX_DIMENSIONS: usize = 16_000;
}

impl Element for f32 {
    #[inline]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline]
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

impl Kind for f16 {
    const NAME: &'static str = "halfvec";
    const MAX_DIMENSIONS: usize = 16_000;
}

impl Element for f16 {
    #[inline]
    fn from_f32(value: f32) -> Self {
        f16::from_f32(value)
    }

    #[inline]
    fn to_f32(self) -> f32 {
        f16::to_f32(self)
    }

    fn from_be_bytes(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(f16::ZERO, f16::from_be_bytes)
    }

    fn put_be_bytes(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

/// The nearest element. Raises an error if a number is too large for the type.
#[inline]
pub fn narrow<E: Element>(number: f32) -> E {
    let element = E::from_f32(number);
    if element.to_f32().is_infinite() && number.is_finite() {
        error::value_out_of_range::<E>(number);
    }
    element
}

/// Raises an error unless every element is finite.
pub fn check_all_finite<E: Element>(values: &[E]) {
    for value in values {
        check_finite::<E>(value.to_f32());
    }
}
