//! The binary format of sparse values, as messages.

use values::sparse::binary;

use super::{NewSparse, Sparse};
use crate::types::varlena::NewVarlena;
use crate::types::wire::Message;

/// Reads a value, and checks it against the type modifier.
pub fn receive(mut message: Message, typmod: i32) -> NewSparse {
    let value = message.read(|message| binary::read(message, typmod));
    NewSparse::new(value.dimensions, &value.elements)
}

/// Writes a value, as a `bytea`.
pub fn send(value: Sparse) -> NewVarlena {
    let mut message = NewVarlena::zeroed(binary::PREFIX + value.values.len() * 8);
    let (indices, values) = (value.indices, value.values);
    binary::write(value.dimensions, indices, values, message.payload_mut());
    message
}
