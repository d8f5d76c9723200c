//! The value of a dense vector type: length word, dimensions, a reserved field, the elements.

use std::marker::PhantomData;

use super::element::Element;
use super::kind::check_dimensions;
use super::value::Value;
use super::varlena::NewVarlena;

/// Bytes between the length word and the elements: `dim` and `unused`, 16 bits each.
const PREFIX: usize = 4;

/// A borrowed value of a dense vector type. Values compare as arrays do.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Dense<'a, E> {
    /// The elements; at least one.
    pub values: &'a [E],
}

impl<'a, E: Element> Value<'a> for Dense<'a, E> {
    type Kind = E;

    #[inline]
    fn try_parse(payload: &'a [u8]) -> Option<Self> {
        let (prefix, elements) = payload.split_first_chunk::<PREFIX>()?;
        let dimensions = usize::from(u16::from_ne_bytes([prefix[0], prefix[1]]));
        let values: &[E] = bytemuck::try_cast_slice(elements).ok()?;
        (values.len() == dimensions && dimensions > 0).then_some(Dense { values })
    }

    #[inline]
    fn dimensions(&self) -> usize {
        self.values.len()
    }
}

/// A new value in the current memory context, all elements zero at first.
pub struct NewDense<E> {
    memory: NewVarlena,
    element: PhantomData<E>,
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
            element: PhantomData,
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
