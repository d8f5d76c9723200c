//! The text format of the dense types: `[1,2,3]`.

use std::ffi::CStr;

use super::dense::{Dense, NewDense};
use super::element::Element;
use super::function::Text;
use super::value::Value;
use super::{decimal, error};

/// Reads a value, and checks it against the type modifier.
pub fn input<E: Element>(text: &CStr, typmod: i32) -> NewDense<E> {
    let values = values::text::read::<E>(text.to_bytes(), typmod);
    NewDense::from_slice(&error::accept(values))
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
