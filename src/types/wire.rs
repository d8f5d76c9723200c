//! The binary format of the dense types, as messages.
#![allow(unsafe_code, reason = "reads PostgreSQL's message buffer")]

use pgrx::pg_sys::{self, Datum, FunctionCallInfo};
use std::slice;
use values::binary::{self, Reader};

use super::dense::{Dense, NewDense};
use super::element::Element;
use super::error;
use super::function::Argument;
use super::varlena::NewVarlena;

/// A message that a client sent.
pub struct Message<'a>(&'a mut pg_sys::StringInfoData);

impl Message<'_> {
    /// Reads the next value. Raises an error if there is none.
    pub fn read<T>(&mut self, read: impl FnOnce(&mut Reader) -> values::Result<T>) -> T {
        let length = self.0.len - self.0.cursor;
        // SAFETY: the buffer has `len` bytes, and PostgreSQL keeps `cursor` between 0 and `len`.
        let left = unsafe {
            let start = self.0.data.add(self.0.cursor as usize).cast::<u8>();
            slice::from_raw_parts(start, length as usize)
        };
        let mut reader = Reader(left);
        let value = error::accept(read(&mut reader));
        self.0.cursor = self.0.len - reader.0.len() as i32;
        value
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
    NewDense::from_slice(&message.read(|message| binary::read::<E>(message, typmod)))
}

/// Writes a value, as a `bytea`.
pub fn send<E: Element>(value: Dense<E>) -> NewVarlena {
    let mut message = NewVarlena::zeroed(binary::PREFIX + size_of_val(value.values));
    binary::write(value.values, message.payload_mut());
    message
}
