//! Values of the vector types as functions get them.
#![allow(unsafe_code, reason = "what a Datum points to only its caller knows")]

use std::ops::Deref;

use pgrx::pg_sys::Datum;

use super::error;
use super::kind::Kind;
use super::varlena::{Detoasted, HEADER};

/// A borrowed value of a vector type.
pub trait Value<'a>: Copy {
    /// The type.
    type Kind: Kind;

    /// Reads the bytes behind the length word; `None` if they are no value of the type.
    fn try_parse(payload: &'a [u8]) -> Option<Self>;

    /// The number of dimensions; at least one.
    fn dimensions(&self) -> usize;

    /// As [`Value::try_parse`]. Raises an error if the value is damaged.
    #[inline]
    fn parse(payload: &'a [u8]) -> Self {
        Self::try_parse(payload)
            .unwrap_or_else(|| error::corrupted(Self::Kind::NAME, HEADER + payload.len()))
    }

    /// Reads a stored value, detoasting it into the current memory context if need be.
    /// Raises an error if the value is damaged.
    ///
    /// # Safety
    /// `datum` is a non-null value of the SQL type. It, and the current memory context,
    /// must outlive `'a`.
    #[inline]
    unsafe fn from_datum(datum: Datum) -> Self {
        // SAFETY: the caller's promise.
        Self::parse(unsafe { Detoasted::new(datum) }.payload())
    }
}

/// An argument that may be returned as it is.
pub struct Original<V> {
    /// What was passed.
    pub datum: Datum,
    /// Its value.
    pub value: V,
}

/// A value that is given back as soon as it is not needed, for functions that run very often in
/// one memory context, as comparisons in a sort do.
pub struct Transient<'a, V> {
    value: V,
    memory: Option<Detoasted<'a>>,
}

impl<'a, V: Value<'a>> Transient<'a, V> {
    /// As [`Value::from_datum`].
    ///
    /// # Safety
    /// As for [`Value::from_datum`].
    #[inline]
    pub unsafe fn from_datum(datum: Datum) -> Self {
        // SAFETY: the caller's promise.
        let memory = unsafe { Detoasted::new(datum) };
        Transient {
            value: V::parse(memory.payload()),
            memory: Some(memory),
        }
    }
}

impl<V> Deref for Transient<'_, V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        &self.value
    }
}

impl<V> Drop for Transient<'_, V> {
    #[inline]
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            // SAFETY: `value` is the only reference to the payload. It is read through `deref`
            // alone, in functions that return plain numbers, so no copy of it is left.
            unsafe { memory.free() }
        }
    }
}
