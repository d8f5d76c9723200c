//! The text input of every type: an error, or a value of the type that is read back as it is.

#![no_main]

mod valid;

use half::f16;
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;
use values::{Element, number, sparse, text};

fuzz_target!(|input: &[u8]| {
    // A C string ends at its first zero byte.
    let text = input.split(|byte| *byte == 0).next().unwrap_or_default();
    number(text);
    dense::<f32>(text);
    dense::<f16>(text);
    sparse(text);
});

fn dense<E: Element + Debug>(text: &[u8]) {
    let Ok(values) = text::read::<E>(text, -1) else {
        return;
    };
    valid::dense(&values);
    let dimensions = values.len() as i32;
    assert!(text::read::<E>(text, dimensions).is_ok());
    assert!(text::read::<E>(text, dimensions + 1).is_err());
    let numbers: Vec<f32> = values.iter().map(|value| value.to_f32()).collect();
    let written = format!("{numbers:?}");
    assert_eq!(text::read(written.as_bytes(), dimensions), Ok(values));
}

fn sparse(text: &[u8]) {
    let Ok(value) = sparse::text::read(text, -1) else {
        return;
    };
    valid::sparse(&value);
    let dimensions = value.dimensions as i32;
    assert!(sparse::text::read(text, dimensions + 1).is_err());
    let elements: Vec<String> = value
        .elements
        .iter()
        .map(|(index, number)| format!("{}:{number:?}", index + 1))
        .collect();
    let written = format!("{{{}}}/{dimensions}", elements.join(","));
    assert_eq!(
        sparse::text::read(written.as_bytes(), dimensions),
        Ok(value)
    );
}

/// Numbers are what the C library reads.
fn number(text: &[u8]) {
    // It skips white space, and reads what stands in parentheses behind `nan`.
    if text.first().is_none_or(u8::is_ascii_whitespace) || text[0] == 0x0b || text.contains(&b'(') {
        return;
    }
    let terminated = [text, &[0]].concat();
    let start = terminated.as_ptr().cast::<libc::c_char>();
    let mut end = start.cast_mut();
    // SAFETY: the text ends with a zero byte, and `end` can be written.
    let (value, length) = unsafe {
        let value = libc::strtof(start, &raw mut end);
        (value, end.cast_const().offset_from(start) as usize)
    };
    let found = number::parse(text).map(|number| (number.value.to_bits(), number.length));
    assert_eq!(found, (length > 0).then_some((value.to_bits(), length)));
}
