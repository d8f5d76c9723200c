//! Variable-length values as byte slices: reading them out of a Datum, allocating new ones.
#![allow(unsafe_code, reason = "the boundary between Datums and slices")]

use std::ptr::NonNull;
use std::slice;

use pgrx::pg_sys::{self, Datum};
use pgrx::varlena::{varatt_is_4b_u, varsize_4b};

/// Bytes of the length word in front of every value.
pub const HEADER: usize = 4;

/// A value with its 4-byte header, where it was or as a detoasted copy.
pub struct Detoasted<'a> {
    start: *mut pg_sys::varlena,
    payload: &'a [u8],
    is_copy: bool,
}

impl<'a> Detoasted<'a> {
    /// Detoasts the value if it is compressed, out of line or has a short header.
    /// A copy is made in the current memory context.
    ///
    /// # Safety
    /// `datum` points to a variable-length value. It, and the current memory context,
    /// must outlive `'a`, and nothing may write to it meanwhile.
    #[inline]
    pub unsafe fn new(datum: Datum) -> Self {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: the caller's promise; pg_detoast_datum returns a value with a 4-byte header,
        // whose length word counts all bytes of the value.
        unsafe {
            // Most values need nothing; asking first saves the guarded call.
            let value = if varatt_is_4b_u(original) {
                original
            } else {
                pg_sys::pg_detoast_datum(original)
            };
            let length = varsize_4b(value).saturating_sub(HEADER);
            let payload = slice::from_raw_parts(value.cast::<u8>().add(HEADER), length);
            Detoasted {
                start: value,
                payload,
                is_copy: value != original,
            }
        }
    }

    /// The bytes behind the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The value as a datum.
    #[inline]
    pub fn datum(&self) -> Datum {
        Datum::from(self.start)
    }

    /// Gives the copy back, if there was one.
    ///
    /// # Safety
    /// Nothing may use the payload afterwards.
    #[inline]
    pub unsafe fn free(self) {
        if self.is_copy {
            // SAFETY: pg_detoast_datum allocated the copy.
            unsafe { pg_sys::pfree(self.start.cast()) }
        }
    }
}

/// A new value, allocated in the current memory context and filled with zeros.
/// For use within one function call: it dies with the context.
pub struct NewVarlena {
    start: NonNull<u8>,
    size: usize,
}

impl NewVarlena {
    /// Allocates a value with this many bytes behind the header.
    pub fn zeroed(payload: usize) -> Self {
        let size = HEADER + payload;
        // SAFETY: palloc0 returns `size` zeroed bytes, or raises an error; the length word fits.
        unsafe {
            let start = pg_sys::palloc0(size).cast::<u8>();
            pgrx::varlena::set_varsize_4b(start.cast(), size as i32);
            NewVarlena {
                start: NonNull::new_unchecked(start),
                size,
            }
        }
    }

    /// The bytes behind the header. They start 4 bytes behind an 8-byte boundary.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        // SAFETY: `size` bytes were allocated and initialised, and `self` is their only owner.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().add(HEADER), self.size - HEADER) }
    }

    /// The value, for the caller of the SQL function.
    pub fn into_datum(self) -> Datum {
        Datum::from(self.start.as_ptr())
    }
}

/// Copies a text and a terminating zero into the current memory context.
pub fn new_cstring(text: &[u8]) -> Datum {
    // SAFETY: palloc returns room for the text and its terminator.
    unsafe {
        let start = pg_sys::palloc(text.len() + 1).cast::<u8>();
        start.copy_from_nonoverlapping(text.as_ptr(), text.len());
        *start.add(text.len()) = 0;
        Datum::from(start)
    }
}
