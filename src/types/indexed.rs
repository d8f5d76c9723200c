//! Indexed values as the access method takes them: single-precision coordinates, bits or
//! elements.
#![allow(unsafe_code, reason = "what a Datum points to only its caller knows")]

use std::borrow::Cow;

use half::f16;
use pgrx::pg_sys::Datum;
use values::sparse::Sparsevec;

use super::bits::Bits;
use super::dense::Dense;
use super::element::Element;
use super::error;
use super::kind::Kind;
use super::sparse::Sparse;
use super::value::Value;

/// The type of an indexed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexedType {
    /// `vector`
    Vector,
    /// `halfvec`
    Halfvec,
    /// `bit`
    Bit,
    /// `sparsevec`
    Sparsevec,
}

/// A value of an indexed column.
pub enum IndexedValue<'a> {
    /// Coordinates.
    Dense(Cow<'a, [f32]>),
    /// A bit string.
    Bits(Bits<'a>),
    /// Elements.
    Sparse(Sparse<'a>),
}

impl IndexedValue<'_> {
    /// The value as an index takes it.
    pub fn vector(&self) -> hnsw::Vector<'_> {
        match self {
            IndexedValue::Dense(x) => hnsw::Vector::Dense(x),
            IndexedValue::Bits(bits) => hnsw::Vector::Bits(bits.indexed()),
            IndexedValue::Sparse(sparse) => hnsw::Vector::Sparse(sparse.indexed()),
        }
    }
}

impl IndexedType {
    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            IndexedType::Vector => f32::NAME,
            IndexedType::Halfvec => f16::NAME,
            IndexedType::Bit => "bit",
            IndexedType::Sparsevec => Sparsevec::NAME,
        }
    }

    /// Reads a value. Raises an error if it is damaged.
    ///
    /// # Safety
    /// `datum` is a non-null value of this type. It, and the current memory context, must outlive
    /// `'a`.
    pub unsafe fn read<'a>(self, datum: Datum) -> IndexedValue<'a> {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                IndexedType::Vector => {
                    IndexedValue::Dense(f32::widen_all(Dense::from_datum(datum).values))
                }
                IndexedType::Halfvec => {
                    IndexedValue::Dense(f16::widen_all(Dense::from_datum(datum).values))
                }
                IndexedType::Bit => IndexedValue::Bits(Bits::from_datum(datum)),
                IndexedType::Sparsevec => IndexedValue::Sparse(Sparse::from_datum(datum)),
            }
        }
    }

    /// Raises the error of a distance between values with different numbers of dimensions.
    pub fn different_dimensions(self, a: usize, b: usize) -> ! {
        match self {
            IndexedType::Vector => error::different_dimensions::<f32>(a, b),
            IndexedType::Halfvec => error::different_dimensions::<f16>(a, b),
            IndexedType::Sparsevec => error::different_dimensions::<Sparsevec>(a, b),
            IndexedType::Bit => error::different_bit_lengths(a as i32, b as i32),
        }
    }
}
