//! Indexed values as the access method takes them: single-precision coordinates.
#![allow(unsafe_code, reason = "what a Datum points to only its caller knows")]

use std::borrow::Cow;

use half::f16;
use pgrx::pg_sys::Datum;

use super::dense::Dense;
use super::element::Element;
use super::kind::Kind;
use super::value::Value;

/// The type of an indexed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexedType {
    /// `vector`
    Vector,
    /// `halfvec`
    Halfvec,
}

impl IndexedType {
    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            IndexedType::Vector => f32::NAME,
            IndexedType::Halfvec => f16::NAME,
        }
    }

    /// The coordinates of a value. Raises an error if the value is damaged.
    ///
    /// # Safety
    /// `datum` is a non-null value of this type. It, and the current memory context, must outlive
    /// `'a`.
    pub unsafe fn coordinates<'a>(self, datum: Datum) -> Cow<'a, [f32]> {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                IndexedType::Vector => f32::widen_all(Dense::from_datum(datum).values),
                IndexedType::Halfvec => f16::widen_all(Dense::from_datum(datum).values),
            }
        }
    }
}
