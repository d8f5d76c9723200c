//! The binary format of the dense types: dimensions, a reserved zero, the elements, big-endian.
#![allow(unsafe_code, reason = "reads PostgreSQL's message buffer")]

use pgrx::pg_sys::{self, Datum, FunctionCallInfo};
use std::slice;

use super::dense::{Dense, NewDense};
use super::element::{Element, check_all_finite};
use super::error;
use super::function::Argument;
use super::kind::check_dimensions;
use super::typmod::check_typmod;
use super::value::Value;
use super::varlena::NewVarlena;

/// Bytes in front of the elements.
const PREFIX: usize = 4;

/// A message that a client sent.
pub struct Message<'a>(&'a mut pg_sys::StringInfoData);

impl Message<'_> {
    /// Takes the next bytes. Raises an error if the message is shorter.
    pub fn take(&mut self, length: usize) -> &[u8] {
        // SAFETY: the buffer is valid, and pq_getmsgbytes returns a pointer to `length` bytes in
        // it, or raises an error. The limits of the types keep `length` far below 2^31.
        unsafe {
            let start = pg_sys::pq_getmsgbytes(self.0, length as i32);
            slice::from_raw_parts(start.cast::<u8>(), length)
        }
    }

    fn take_i16(&mut self) -> i16 {
        self.take(2).try_into().map_or(0, i16::from_be_bytes)
    }

    /// Takes the next four bytes as a number.
    pub fn take_i32(&mut self) -> i32 {
        self.take(4).try_into().map_or(0, i32::from_be_bytes)
    }
}

impl Argument for Message<'_> {
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the argument of a receive function points to the buffer, which is its own.
        Message(unsafe { &mut *datum.cast_mut_ptr::<pg_sys::StringInfoData>() })
    }
}

/// Reads a value, and checks it against the type modifier.
pub fn receive<E: Element>(mut message: Message, typmod: i32) -> NewDense<E> {
    let dimensions = usize::try_from(message.take_i16()).unwrap_or(0);
    let unused = message.take_i16();
    check_dimensions::<E>(dimensions);
    check_typmod(typmod, dimensions);
    if unused != 0 {
        error::unused_not_zero(i64::from(unused));
    }

    let mut value = NewDense::zeroed(dimensions);
    let bytes = message.take(dimensions * size_of::<E>());
    for (element, bytes) in value
        .values_mut()
        .iter_mut()
        .zip(bytes.chunks_exact(size_of::<E>()))
    {
        *element = E::from_be_bytes(bytes);
    }
    check_all_finite::<E>(value.values_mut());
    value
}

/// Writes a value, as a `bytea`.
pub fn send<E: Element>(value: Dense<E>) -> NewVarlena {
    let mut message = NewVarlena::zeroed(PREFIX + size_of_val(value.values));
    let (prefix, elements) = message.payload_mut().split_at_mut(PREFIX);
    prefix[..2].copy_from_slice(&(value.dimensions() as u16).to_be_bytes());
    for (element, bytes) in value
        .values
        .iter()
        .zip(elements.chunks_exact_mut(size_of::<E>()))
    {
        element.put_be_bytes(bytes);
    }
    message
}
