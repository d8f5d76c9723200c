//! The text format of sparse values: `{1:1.5,3:3.5}/5`, with indices from 1.

use std::ffi::CStr;

use super::{MAX_ELEMENTS, NewSparse, Sparse, Sparsevec, check_index};
use crate::types::function::Text;
use crate::types::kind::{check_dimensions, check_finite};
use crate::types::number;
use crate::types::text::skip_space;
use crate::types::typmod::check_typmod;
use crate::types::{decimal, error};

/// Reads a value, and checks it against the type modifier.
pub fn input(text: &CStr, typmod: i32) -> NewSparse {
    let (mut elements, dimensions) = parse(text.to_bytes());
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    check_dimensions::<Sparsevec>(dimensions);
    check_typmod(typmod, dimensions);
    elements.sort_unstable_by_key(|(index, _)| *index);
    let mut previous = None;
    for (index, _) in &elements {
        check_index(*index, previous, dimensions);
        previous = Some(*index);
    }
    // Indices are below the number of dimensions, which fits.
    let elements: Vec<_> = elements
        .into_iter()
        .map(|(index, value)| (index as i32, value))
        .collect();
    NewSparse::new(dimensions, &elements)
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

/// The elements that are not zero, in the order of the text and with indices from 0, and the
/// number of dimensions.
fn parse(text: &[u8]) -> (Vec<(i64, f32)>, i64) {
    let invalid = |detail| -> ! {
        error::invalid_syntax::<Sparsevec>(&String::from_utf8_lossy(text), detail)
    };

    let commas = text.iter().filter(|byte| **byte == b',').count();
    if commas >= MAX_ELEMENTS {
        error::too_many_elements::<Sparsevec>(MAX_ELEMENTS);
    }
    let Some(mut rest) = skip_space(text).strip_prefix(b"{") else {
        invalid(Some("Vector contents must start with \"{\"."));
    };
    let mut elements = Vec::with_capacity(commas + 1);
    rest = skip_space(rest);
    if let Some(behind) = rest.strip_prefix(b"}") {
        rest = behind;
    } else {
        loop {
            let Some((index, value, behind)) = parse_element(rest) else {
                invalid(None)
            };
            if value != 0.0 {
                elements.push((index - 1, value));
            }
            match skip_space(behind).split_first() {
                Some((b',', behind)) => rest = behind,
                Some((b'}', behind)) => {
                    rest = behind;
                    break;
                }
                _ => invalid(None),
            }
        }
    }

    let Some(rest) = skip_space(rest).strip_prefix(b"/") else {
        invalid(Some("Unexpected end of input."));
    };
    let rest = skip_space(rest);
    let Some((dimensions, length)) = number::parse_integer(rest) else {
        invalid(None)
    };
    if !skip_space(&rest[length..]).is_empty() {
        invalid(Some("Junk after closing."));
    }
    (elements, dimensions)
}

/// Reads `index:value`, and what follows.
fn parse_element(text: &[u8]) -> Option<(i64, f32, &[u8])> {
    let text = skip_space(text);
    let (index, length) = number::parse_integer(text)?;
    let text = skip_space(skip_space(&text[length..]).strip_prefix(b":")?);
    let number = number::parse(text)?;
    let (written, rest) = text.split_at(number.length);
    if number.overflow || number.underflow {
        error::number_out_of_range::<Sparsevec>(&String::from_utf8_lossy(written));
    }
    check_finite::<Sparsevec>(number.value);
    Some((index, number.value, rest))
}
