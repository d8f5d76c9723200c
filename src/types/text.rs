//! The text format of the dense types: `[1,2,3]`.
#![allow(
    unsafe_code,
    reason = "PostgreSQL writes the shortest digits of a number"
)]

use std::ffi::{CStr, c_char, c_int};

use super::dense::{Dense, NewDense};
use super::element::{Element, check_finite};
use super::error;
use super::function::Text;
use super::number;
use super::typmod::check_typmod;

/// Room that PostgreSQL asks for one number.
const SHORTEST_DECIMAL_LENGTH: usize = 16;

unsafe extern "C" {
    /// Writes the shortest text that reads back as the same value, without a terminating zero;
    /// returns its length.
    fn float_to_shortest_decimal_bufn(value: f32, result: *mut c_char) -> c_int;
}

/// Reads a value, and checks it against the type modifier.
pub fn input<E: Element>(text: &CStr, typmod: i32) -> NewDense<E> {
    let values = parse::<E>(text.to_bytes());
    check_typmod(typmod, values.len());
    NewDense::from_slice(&values)
}

/// Writes a value.
pub fn output<E: Element>(value: Dense<E>) -> Text {
    let mut text = Vec::with_capacity(2 + value.dimensions() * SHORTEST_DECIMAL_LENGTH);
    text.push(b'[');
    for (index, element) in value.values.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let mut number = [0u8; SHORTEST_DECIMAL_LENGTH];
        // SAFETY: the buffer is as long as the function requires; it raises no error.
        let length = unsafe {
            float_to_shortest_decimal_bufn(element.to_f32(), number.as_mut_ptr().cast::<c_char>())
        };
        text.extend_from_slice(&number[..length as usize]);
    }
    text.push(b']');
    Text(text)
}

fn parse<E: Element>(text: &[u8]) -> Vec<E> {
    let invalid =
        |detail| -> ! { error::invalid_syntax::<E>(&String::from_utf8_lossy(text), detail) };

    let Some(mut rest) = skip_space(text).strip_prefix(b"[") else {
        invalid(Some("Vector contents must start with \"[\"."));
    };
    rest = skip_space(rest);
    if rest.first() == Some(&b']') {
        error::no_dimensions::<E>();
    }

    let commas = rest.iter().filter(|byte| **byte == b',').count();
    let mut values = Vec::with_capacity((commas + 1).min(E::MAX_DIMENSIONS));
    loop {
        if values.len() == E::MAX_DIMENSIONS {
            error::too_many_dimensions::<E>();
        }
        rest = skip_space(rest);
        let Some((value, length)) = parse_element::<E>(rest) else {
            invalid(None)
        };
        values.push(value);
        rest = skip_space(&rest[length..]);
        match rest.split_first() {
            Some((b',', behind)) => rest = behind,
            Some((b']', behind)) => {
                rest = behind;
                break;
            }
            _ => invalid(None),
        }
    }
    if !skip_space(rest).is_empty() {
        invalid(Some("Junk after closing right brace."));
    }
    values
}

/// Reads an element, and how long its text is.
fn parse_element<E: Element>(text: &[u8]) -> Option<(E, usize)> {
    let number = number::parse(text)?;
    let value = E::from_f32(number.value);
    if number.overflow || (number.value.is_finite() && value.to_f32().is_infinite()) {
        error::number_out_of_range::<E>(&String::from_utf8_lossy(&text[..number.length]));
    }
    check_finite(&[value]);
    Some((value, number.length))
}

fn skip_space(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    &text[text.iter().take_while(|byte| is_space(byte)).count()..]
}
