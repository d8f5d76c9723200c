//! The binary input of every type: an error, or a value of which these are the bytes.

#![no_main]

mod valid;

use half::f16;
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;
use values::binary::{self, Reader};
use values::{Element, Error, Result, sparse};

fuzz_target!(|input: &[u8]| {
    dense::<f32>(input);
    dense::<f16>(input);
    sparse(input);
});

fn dense<E: Element + Debug>(input: &[u8]) {
    let Some((values, message)) = read(input, binary::read::<E>, Vec::len) else {
        return;
    };
    valid::dense(&values);
    let mut written = vec![0; message.len()];
    binary::write(&values, &mut written);
    assert_eq!(written, message);
}

fn sparse(input: &[u8]) {
    let Some((value, message)) = read(input, sparse::binary::read, |value| value.dimensions) else {
        return;
    };
    valid::sparse(&value);
    let (indices, values): (Vec<i32>, Vec<f32>) = value.elements.into_iter().unzip();
    let mut written = vec![0; message.len()];
    sparse::binary::write(value.dimensions, &indices, &values, &mut written);
    assert_eq!(written, message);
}

/// The value at the start of a message, and its bytes. Every byte counts, and so does the type
/// modifier.
fn read<T: PartialEq + Debug>(
    input: &[u8],
    read: impl Fn(&mut Reader, i32) -> Result<T>,
    dimensions: impl Fn(&T) -> usize,
) -> Option<(T, &[u8])> {
    let mut reader = Reader(input);
    let value = read(&mut reader, -1).ok()?;
    let message = &input[..input.len() - reader.0.len()];
    let shorter = &message[..message.len() - 1];
    assert_eq!(read(&mut Reader(shorter), -1), Err(Error::too_short()));
    let dimensions = dimensions(&value) as i32;
    assert_eq!(read(&mut Reader(message), dimensions), Ok(value));
    read(&mut Reader(message), dimensions + 1).expect_err("another type modifier");
    let value = read(&mut Reader(message), dimensions).ok()?;
    Some((value, message))
}
