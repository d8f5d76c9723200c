//! The text format of sparse values: `{1:1.5,3:3.5}/5`, with indices from 1.

use std::ffi::CStr;

use super::{NewSparse, Sparse};
use crate::types::function::Text;
use crate::types::{decimal, error};

/// Reads a value, and checks it against the type modifier.
pub fn input(text: &CStr, typmod: i32) -> NewSparse {
    let value = values::sparse::text::read(text.to_bytes(), typmod);
    let value = error::accept(value);
    NewSparse::new(value.dimensions, &value.elements)
}

/// Writes a value.
pub fn output(value: Sparse) -> Text {
    let mut text = vec![b'{'];
    for (position, (index, value)) in value.elements().enumerate() {
        if position > 0 {
            text.push(b',');
        }
        text.extend_from_slice((i64::from(index) + 1).to_string().as_bytes());
        text.push(b':');
        decimal::put(&mut text, value);
    }
    text.extend_from_slice(format!("}}/{}", value.dimensions).as_bytes());
    Text(text)
}
