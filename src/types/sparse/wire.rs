//! The binary format of sparse values: dimensions, number of elements, a reserved zero, the
//! indices from 0, the elements; all 32 bits wide, big-endian.

use super::{MAX_ELEMENTS, NewSparse, PREFIX, Sparse, Sparsevec, check_index};
use crate::types::error;
use crate::types::kind::{check_dimensions, check_finite};
use crate::types::typmod::check_typmod;
use crate::types::varlena::NewVarlena;
use crate::types::wire::Message;

/// Reads a value, and checks it against the type modifier.
pub fn receive(mut message: Message, typmod: i32) -> NewSparse {
    let [dimensions, count, unused] = std::array::from_fn(|_| message.take_i32());
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    check_dimensions::<Sparsevec>(dimensions);
    let Ok(count) = usize::try_from(count) else {
        error::negative_elements::<Sparsevec>()
    };
    if count > MAX_ELEMENTS {
        error::too_many_elements::<Sparsevec>(MAX_ELEMENTS);
    }
    if count > dimensions {
        error::more_elements_than_dimensions::<Sparsevec>();
    }
    check_typmod(typmod, dimensions);
    if unused != 0 {
        error::unused_not_zero(i64::from(unused));
    }

    let mut elements = Vec::with_capacity(count);
    let mut previous = None;
    for _ in 0..count {
        let index = message.take_i32();
        check_index(index.into(), previous, dimensions);
        previous = Some(index.into());
        elements.push((index, 0.0));
    }
    for (_, value) in &mut elements {
        *value = f32::from_bits(message.take_i32().cast_unsigned());
        check_finite::<Sparsevec>(*value);
        if *value == 0.0 {
            error::zero_stored::<Sparsevec>();
        }
    }
    NewSparse::new(dimensions, &elements)
}

/// Writes a value, as a `bytea`.
pub fn send(value: Sparse) -> NewVarlena {
    let mut message = NewVarlena::zeroed(PREFIX + value.values.len() * 8);
    let fields = [value.dimensions as i32, value.values.len() as i32, 0];
    let indices = value.indices.iter().copied();
    let values = value
        .values
        .iter()
        .map(|value| value.to_bits().cast_signed());
    let words = fields.into_iter().chain(indices).chain(values);
    for (bytes, word) in message.payload_mut().chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    message
}
