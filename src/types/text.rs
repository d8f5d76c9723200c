//! The text format of the dense types: `[1,2,3]`.

use std::ffi::CStr;

use super::dense::{Dense, NewDense};
use super::element::Element;
use super::function::Text;
use super::kind::check_finite;
use super::typmod::check_typmod;
use super::value::Value;
use super::{decimal, error, number};

/// Reads a value, and checks it against the type modifier.
pub fn input<E: Element>(text: &CStr, typmod: i32) -> NewDense<E> {
    let values = parse::<E>(text.to_bytes());
    check_typmod(typmod, values.len());
    NewDense::from_slice(&values)
}

/// Writes a value.
pub fn output<E: Element>(value: Dense<E>) -> Text {
    let mut text = Vec::with_capacity(2 + value.dimensions() * decimal::MAX_LENGTH);
    text.push(b'[');
    for (index, element) in value.values.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        decimal::put(&mut text, element.to_f32());
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
    check_finite::<E>(value.to_f32());
    Some((value, number.length))
}

/// The text behind white space.
pub fn skip_space(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    &text[text.iter().take_while(|byte| is_space(byte)).count()..]
}
