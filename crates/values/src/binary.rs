//! The binary format of the dense types: dimensions, a reserved zero, the elements, big-endian.

use crate::element::check_all_finite;
use crate::kind::{check_dimensions, check_typmod};
use crate::{Element, Error, Result};

/// Bytes in front of the elements.
pub const PREFIX: usize = 4;

/// The bytes that are left of a message.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Takes the next bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Error::too_short())?;
        self.0 = rest;
        Ok(taken)
    }

    /// Takes the next bytes, as many as the array has.
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Error::too_short())?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// Reads the elements of a value, and checks them against the type modifier.
pub fn read<E: Element>(message: &mut Reader, typmod: i32) -> Result<Vec<E>> {
    let dimensions = i16::from_be_bytes(message.take_array()?);
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    let unused = i16::from_be_bytes(message.take_array()?);
    check_dimensions::<E>(dimensions)?;
    check_typmod(typmod, dimensions)?;
    if unused != 0 {
        return Err(Error::unused_not_zero(unused.into()));
    }
    let bytes = message.take(dimensions * size_of::<E>())?;
    let values: Vec<E> = bytes
        .chunks_exact(size_of::<E>())
        .map(E::from_be_bytes)
        .collect();
    check_all_finite(&values)?;
    Ok(values)
}

/// Writes the elements of a value. The message has [`PREFIX`] bytes, and those of the elements.
pub fn write<E: Element>(values: &[E], message: &mut [u8]) {
    let (prefix, elements) = message.split_at_mut(PREFIX);
    let [dimensions, unused] = [values.len() as u16, 0].map(u16::to_be_bytes);
    prefix.copy_from_slice(&[dimensions, unused].concat());
    for (element, bytes) in values.iter().zip(elements.chunks_exact_mut(size_of::<E>())) {
        element.put_be_bytes(bytes);
    }
}
