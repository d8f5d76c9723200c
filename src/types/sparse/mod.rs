//! The type `sparsevec`: its value, distances and order.
//!
//! A value is a length word, then `dim`, `nnz` and a reserved field, then the indices of the
//! elements that are not zero, ascending from 0, then these elements. All are 32 bits wide.

pub mod convert;
pub mod text;
pub mod wire;

use std::borrow::Cow;
use std::cmp::Ordering;

use ::distance::sparse::{self, Columns};
use pgrx::pg_sys::Datum;
use values::sparse::{MAX_ELEMENTS, Sparsevec};

use super::distance::{Measured, norm};
use super::error;
use super::function::Returned;
use super::kind::check_dimensions;
use super::value::Value;
use super::varlena::NewVarlena;

/// Bytes between the length word and the indices.
const PREFIX: usize = 12;
/// A borrowed value.
#[derive(Clone, Copy)]
pub struct Sparse<'a> {
    dimensions: usize,
    /// Of the elements, ascending from 0.
    indices: &'a [i32],
    /// The elements, not zero.
    values: &'a [f32],
}

impl<'a> Value<'a> for Sparse<'a> {
    type Kind = Sparsevec;

    #[inline]
    fn try_parse(payload: &'a [u8]) -> Option<Self> {
        let (prefix, elements) = payload.split_first_chunk::<PREFIX>()?;
        let [dimensions, count, _unused]: [i32; 3] = bytemuck::pod_read_unaligned(prefix);
        let count = usize::try_from(count).ok()?;
        let (indices, values) = elements.split_at_checked(elements.len() / 2)?;
        let value = Sparse {
            dimensions: usize::try_from(dimensions).ok()?,
            indices: bytemuck::try_cast_slice(indices).ok()?,
            values: bytemuck::try_cast_slice(values).ok()?,
        };
        let whole = value.indices.len() == count && value.values.len() == count;
        (whole && value.dimensions > 0).then_some(value)
    }

    #[inline]
    fn dimensions(&self) -> usize {
        self.dimensions
    }
}

impl<'a> Sparse<'a> {
    /// The elements with their indices.
    fn elements(self) -> impl Iterator<Item = (i32, f32)> {
        self.indices
            .iter()
            .copied()
            .zip(self.values.iter().copied())
    }

    /// For distances.
    #[inline]
    fn columns(self) -> Columns<'a> {
        Columns {
            indices: self.indices,
            values: self.values,
        }
    }

    /// The value as an index takes it.
    pub fn indexed(self) -> hnsw::Sparse<'a> {
        hnsw::Sparse {
            dims: self.dimensions,
            elements: self.columns(),
        }
    }
}

impl<'a> Measured<'a> for Sparse<'a> {
    fn l2_squared(self, other: Self) -> f32 {
        sparse::l2_squared(self.columns(), other.columns())
    }

    fn inner_product(self, other: Self) -> f32 {
        sparse::inner_product(self.columns(), other.columns())
    }

    fn l1(self, other: Self) -> f32 {
        sparse::l1(self.columns(), other.columns())
    }

    fn cosine_parts(self, other: Self) -> (f32, f32, f32) {
        sparse::cosine_parts(self.columns(), other.columns())
    }

    fn numbers(self) -> Cow<'a, [f32]> {
        self.values.into()
    }
}

/// As of arrays with all their zeros: by the first element that differs, then by length.
impl PartialOrd for Sparse<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let common = self.dimensions.min(other.dimensions);
        sparse::pairs(self.columns(), other.columns())
            .take_while(|(index, ..)| (*index as usize) < common)
            .find(|(_, a, b)| a != b)
            .map_or(Some(self.dimensions.cmp(&other.dimensions)), |(_, a, b)| {
                a.partial_cmp(&b)
            })
    }
}

impl PartialEq for Sparse<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// A new value in the current memory context.
pub struct NewSparse(NewVarlena);

impl NewSparse {
    /// A value with these elements, which are in order and not zero. Raises an error if the type
    /// does not allow as many dimensions or elements.
    fn new(dimensions: usize, elements: &[(i32, f32)]) -> Self {
        check_dimensions::<Sparsevec>(dimensions);
        if elements.len() > MAX_ELEMENTS {
            error::refuse(values::Error::too_many_elements::<Sparsevec>(MAX_ELEMENTS));
        }
        let mut memory = NewVarlena::zeroed(PREFIX + elements.len() * 8);
        let (prefix, rest) = memory.payload_mut().split_at_mut(PREFIX);
        // Both are below 2^31.
        let fields = [dimensions as i32, elements.len() as i32, 0];
        prefix.copy_from_slice(bytemuck::cast_slice(&fields));
        let (indices, values) = rest.split_at_mut(elements.len() * 4);
        let indices: &mut [i32] = bytemuck::cast_slice_mut(indices);
        let values: &mut [f32] = bytemuck::cast_slice_mut(values);
        for ((index, value), element) in indices.iter_mut().zip(values).zip(elements) {
            (*index, *value) = *element;
        }
        NewSparse(memory)
    }
}

impl Returned for NewSparse {
    fn into_datum(self) -> Option<Datum> {
        Returned::into_datum(self.0)
    }
}

/// The value scaled to length 1, without the elements that vanish; zero stays zero.
pub fn normalize(value: Sparse) -> NewSparse {
    let norm = norm(value);
    let scaled = value.elements().map(|(index, value)| {
        let value = (f64::from(value) / norm) as f32;
        if value.is_infinite() {
            error::overflow();
        }
        (index, value)
    });
    let elements: Vec<_> = scaled.filter(|(_, value)| *value != 0.0).collect();
    NewSparse::new(value.dimensions, &elements)
}
