//! The binary format of sparse values: dimensions, number of elements, a reserved zero, the
//! indices from 0, the elements; all 32 bits wide, big-endian.

use super::{MAX_ELEMENTS, Sparse, Sparsevec, check_index};
use crate::binary::Reader;
use crate::kind::{check_dimensions, check_finite, check_typmod};
use crate::{Error, Result};

/// Bytes in front of the indices.
pub const PREFIX: usize = 12;

/// Reads a value, and checks it against the type modifier.
pub fn read(message: &mut Reader, typmod: i32) -> Result<Sparse> {
    let mut next = || Ok(i32::from_be_bytes(message.take_array()?));
    let [dimensions, count, unused] = [next()?, next()?, next()?];
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    check_dimensions::<Sparsevec>(dimensions)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::negative_elements::<Sparsevec>());
    };
    if count > MAX_ELEMENTS {
        return Err(Error::too_many_elements::<Sparsevec>(MAX_ELEMENTS));
    }
    if count > dimensions {
        return Err(Error::more_elements_than_dimensions::<Sparsevec>());
    }
    check_typmod(typmod, dimensions)?;
    if unused != 0 {
        return Err(Error::unused_not_zero(unused.into()));
    }

    let mut elements = Vec::with_capacity(count);
    let mut previous = None;
    for _ in 0..count {
        let index = next()?;
        check_index(index.into(), previous, dimensions)?;
        previous = Some(index.into());
        elements.push((index, 0.0));
    }
    for (_, value) in &mut elements {
        *value = f32::from_bits(next()?.cast_unsigned());
        check_finite::<Sparsevec>(*value)?;
        if *value == 0.0 {
            return Err(Error::zero_stored::<Sparsevec>());
        }
    }
    Ok(Sparse {
        dimensions,
        elements,
    })
}

/// Writes a value of these indices and elements. The message has [`PREFIX`] bytes, and 8 for each
/// element.
pub fn write(dimensions: usize, indices: &[i32], values: &[f32], message: &mut [u8]) {
    // The limits of the type keep both numbers below 2^31.
    let fields = [dimensions as i32, values.len() as i32, 0];
    let values = values.iter().map(|value| value.to_bits().cast_signed());
    let words = fields
        .into_iter()
        .chain(indices.iter().copied())
        .chain(values);
    for (bytes, word) in message.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
