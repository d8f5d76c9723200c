//! The numbers that a dense vector type stores.

use std::borrow::Cow;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use distance::kernels;
use half::f16;

use crate::Result;
use crate::kind::{Kind, check_finite};

/// The element of a dense vector type, and with it the type.
pub trait Element: Kind + Pod + PartialOrd + Default {
    /// The nearest element; infinite if `value` is too large for the type.
    fn from_f32(value: f32) -> Self;

    /// The same value, wider.
    fn to_f32(self) -> f32;

    /// Whether it is neither infinite nor not a number.
    fn is_finite(self) -> bool;

    /// The nearest elements of many numbers, as by [`Element::from_f32`].
    fn narrow_all(numbers: &[f32], elements: &mut [Self]);

    /// Many elements wider.
    fn widen_all(elements: &[Self]) -> Cow<'_, [f32]>;

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

    #[inline]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }

    fn narrow_all(numbers: &[f32], elements: &mut [Self]) {
        elements.copy_from_slice(numbers);
    }

    fn widen_all(elements: &[Self]) -> Cow<'_, [f32]> {
        elements.into()
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

    #[inline]
    fn is_finite(self) -> bool {
        f16::is_finite(self)
    }

    fn narrow_all(numbers: &[f32], elements: &mut [Self]) {
        (kernels().encode_f16)(numbers, 1.0, cast_slice_mut(elements));
    }

    fn widen_all(elements: &[Self]) -> Cow<'_, [f32]> {
        let mut numbers = vec![0.0; elements.len()];
        (kernels().decode_f16)(cast_slice(elements), 1.0, &mut numbers);
        numbers.into()
    }

    fn from_be_bytes(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(f16::ZERO, f16::from_be_bytes)
    }

    fn put_be_bytes(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

/// Whether every element is finite.
pub fn check_all_finite<E: Element>(values: &[E]) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => check_finite::<E>(value.to_f32()),
        None => Ok(()),
    }
}
