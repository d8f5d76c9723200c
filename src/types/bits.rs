//! Distances between values of PostgreSQL's type `bit`.
#![allow(unsafe_code, reason = "reads an argument")]

use ::distance::kernels;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

use super::error;
use super::function::{Argument, Returned, sql_functions};
use super::varlena::{Detoasted, HEADER, NewVarlena};

/// Bytes of the number of bits, in front of the bits.
const PREFIX: usize = 4;

/// A borrowed value; the bits that fill up the last byte are zero.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    length: i32,
    bytes: &'a [u8],
}

impl<'a> Bits<'a> {
    /// Reads a stored value, detoasting it into the current memory context if need be.
    /// Raises an error if the value is damaged.
    ///
    /// # Safety
    /// `datum` is a non-null value of type `bit`. It, and the current memory context, must outlive
    /// `'a`.
    #[inline(always)]
    pub unsafe fn from_datum(datum: Datum) -> Self {
        // SAFETY: the caller's promise.
        let payload = unsafe { Detoasted::new(datum) }.payload();
        payload
            .split_first_chunk::<PREFIX>()
            .map(|(length, bytes)| Bits {
                length: i32::from_ne_bytes(*length),
                bytes,
            })
            .filter(|bits| {
                usize::try_from(bits.length).is_ok_and(|n| n.div_ceil(8) == bits.bytes.len())
            })
            .unwrap_or_else(|| error::corrupted("bit", HEADER + payload.len()))
    }

    /// The value as an index takes it.
    pub fn indexed(self) -> hnsw::Bits<'a> {
        hnsw::Bits {
            length: self.length as usize,
            bytes: self.bytes,
        }
    }
}

impl Argument for Bits<'_> {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Bits::from_datum(datum) }
    }
}

/// A new value in the current memory context, all bits zero at first.
pub struct NewBits(NewVarlena);

impl NewBits {
    /// Allocates a value of this many bits, which the type must allow.
    pub fn zeroed(length: usize) -> Self {
        let mut memory = NewVarlena::zeroed(PREFIX + length.div_ceil(8));
        memory.payload_mut()[..PREFIX].copy_from_slice(&(length as i32).to_ne_bytes());
        NewBits(memory)
    }

    /// The bits, most significant first.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0.payload_mut()[PREFIX..]
    }
}

impl Returned for NewBits {
    fn into_datum(self) -> Option<Datum> {
        Returned::into_datum(self.0)
    }
}

#[inline(always)]
fn check_same_length(a: Bits, b: Bits) {
    if a.length != b.length {
        error::different_bit_lengths(a.length, b.length);
    }
}

sql_functions! { "bit":
    fn hamming_distance(a: Bits, b: Bits) -> f64 {
        check_same_length(a, b);
        (kernels().hamming)(a.bytes, b.bytes) as f64
    }

    fn jaccard_distance(a: Bits, b: Bits) -> f64 {
        check_same_length(a, b);
        ::distance::jaccard((kernels().jaccard_parts)(a.bytes, b.bytes))
    }
}
