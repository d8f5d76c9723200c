//! The value of a dense vector type: length word, dimensions, a reserved field, the elements.

use std::ops::Deref;

use super::element::{Element, check_dimensions};
use super::error;
use super::varlena::{Detoasted, HEADER, NewVarlena};

/// Bytes between the length word and the elements: `dim` and `unused`, 16 bits each.
const PREFIX: usize = 4;

/// A borrowed value of the SQL type `vector`.
pub type Vector<'a> = Dense<'a, f32>;

/// A borrowed value of a dense vector type.
#[derive(Clone, Copy)]
pub struct Dense<'a, E> {
    /// The elements; at least one.
    pub values: &'a [E],
}

impl<'a, E: Element> Dense<'a, E> {
    /// Reads a stored value, detoasting it into the current memory context if need be.
    /// Raises an error if the value is damaged.
    ///
    /// # Safety
    /// `datum` is a non-null value of the SQL type. It, and the current memory context,
    /// must outlive `'a`.
    #[allow(unsafe_code, reason = "what a Datum points to only its caller knows")]
    #[inline]
    pub unsafe fn from_datum(datum: pgrx::pg_sys::Datum) -> Self {
        // SAFETY: the caller's promise.
        Self::parse(unsafe { Detoasted::new(datum) }.payload())
    }

    /// Reads the bytes behind the length word.
    #[inline]
    fn parse(payload: &'a [u8]) -> Self {
        Self::try_parse(payload).unwrap_or_else(|| error::corrupted::<E>(HEADER + payload.len()))
    }

    #[inline]
    fn try_parse(payload: &'a [u8]) -> Option<Self> {
        let (prefix, elements) = payload.split_first_chunk::<PREFIX>()?;
        let dimensions = usize::from(u16::from_ne_bytes([prefix[0], prefix[1]]));
        let values: &[E] = bytemuck::try_cast_slice(elements).ok()?;
        (values.len() == dimensions && dimensions > 0).then_some(Dense { values })
    }

    /// The number of elements.
    #[inline]
    pub fn dimensions(&self) -> usize {
        self.values.len()
    }
}

/// An argument that may be returned as it is.
pub struct Original<'a, E> {
    /// What was passed.
    pub datum: pgrx::pg_sys::Datum,
    /// Its value.
    pub value: Dense<'a, E>,
}

/// The elements of a value that is given back as soon as it is not needed, for functions that run
/// very often in one memory context, as comparisons in a sort do.
pub struct Transient<'a, E> {
    values: &'a [E],
    memory: Option<Detoasted<'a>>,
}

impl<'a, E: Element> Transient<'a, E> {
    /// As [`Dense::from_datum`].
    ///
    /// # Safety
    /// As for [`Dense::from_datum`].
    #[allow(unsafe_code, reason = "what a Datum points to only its caller knows")]
    #[inline]
    pub unsafe fn from_datum(datum: pgrx::pg_sys::Datum) -> Self {
        // SAFETY: the caller's promise.
        let memory = unsafe { Detoasted::new(datum) };
        Transient {
            values: Dense::parse(memory.payload()).values,
            memory: Some(memory),
        }
    }
}

impl<E> Deref for Transient<'_, E> {
    type Target = [E];

    #[inline]
    fn deref(&self) -> &[E] {
        self.values
    }
}

impl<E> Drop for Transient<'_, E> {
    #[allow(unsafe_code, reason = "returns the memory of the copy")]
    #[inline]
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            // SAFETY: `values` is the only reference to the payload, and cannot be used any more.
            unsafe { memory.free() }
        }
    }
}

/// A new value in the current memory context, all elements zero at first.
pub struct NewDense<E> {
    memory: NewVarlena,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> NewDense<E> {
    /// Allocates a value. Raises an error if the type does not allow this many elements.
    pub fn zeroed(dimensions: usize) -> Self {
        check_dimensions::<E>(dimensions);
        let mut memory = NewVarlena::zeroed(PREFIX + dimensions * size_of::<E>());
        // check_dimensions keeps the number far below 2^16.
        memory.payload_mut()[..2].copy_from_slice(&(dimensions as u16).to_ne_bytes());
        NewDense {
            memory,
            element: std::marker::PhantomData,
        }
    }

    /// A value with these elements.
    pub fn from_slice(values: &[E]) -> Self {
        let mut new = Self::zeroed(values.len());
        new.values_mut().copy_from_slice(values);
        new
    }

    /// The elements.
    pub fn values_mut(&mut self) -> &mut [E] {
        bytemuck::cast_slice_mut(&mut self.memory.payload_mut()[PREFIX..])
    }

    /// The value, for the caller of the SQL function.
    pub fn into_varlena(self) -> NewVarlena {
        self.memory
    }
}
