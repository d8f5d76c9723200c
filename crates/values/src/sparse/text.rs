//! The text format of sparse values: `{1:1.5,3:3.5}/5`, with indices from 1.

use super::{MAX_ELEMENTS, Sparse, Sparsevec, check_index};
use crate::kind::{check_dimensions, check_finite, check_typmod};
use crate::text::skip_space;
use crate::{Error, Result, number};

/// Reads a value, and checks it against the type modifier.
pub fn read(text: &[u8], typmod: i32) -> Result<Sparse> {
    let (mut elements, dimensions) = parse(text)?;
    let dimensions = usize::try_from(dimensions).unwrap_or(0);
    check_dimensions::<Sparsevec>(dimensions)?;
    check_typmod(typmod, dimensions)?;
    elements.sort_unstable_by_key(|(index, _)| *index);
    let mut previous = None;
    for (index, _) in &elements {
        check_index(*index, previous, dimensions)?;
        previous = Some(*index);
    }
    // Indices are below the number of dimensions, which fits.
    let elements = elements
        .into_iter()
        .map(|(index, value)| (index as i32, value))
        .collect();
    Ok(Sparse {
        dimensions,
        elements,
    })
}

/// The elements that are not zero, in the order of the text and with indices from 0, and the
/// number of dimensions.
fn parse(text: &[u8]) -> Result<(Vec<(i64, f32)>, i64)> {
    let invalid = |detail| Err(Error::invalid_syntax::<Sparsevec>(text, detail));

    let commas = text.iter().filter(|byte| **byte == b',').count();
    if commas >= MAX_ELEMENTS {
        return Err(Error::too_many_elements::<Sparsevec>(MAX_ELEMENTS));
    }
    let Some(mut rest) = skip_space(text).strip_prefix(b"{") else {
        return invalid(Some("Vector contents must start with \"{\"."));
    };
    let mut elements = Vec::with_capacity(commas + 1);
    rest = skip_space(rest);
    if let Some(behind) = rest.strip_prefix(b"}") {
        rest = behind;
    } else {
        loop {
            let Some((index, value, behind)) = parse_element(rest)? else {
                return invalid(None);
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
                _ => return invalid(None),
            }
        }
    }

    let Some(rest) = skip_space(rest).strip_prefix(b"/") else {
        return invalid(Some("Unexpected end of input."));
    };
    let rest = skip_space(rest);
    let Some((dimensions, length)) = number::parse_integer(rest) else {
        return invalid(None);
    };
    if !skip_space(&rest[length..]).is_empty() {
        return invalid(Some("Junk after closing."));
    }
    Ok((elements, dimensions))
}

/// Reads `index:value`, and what follows; `None` if the text does not start so.
fn parse_element(text: &[u8]) -> Result<Option<(i64, f32, &[u8])>> {
    let text = skip_space(text);
    let Some((index, length)) = number::parse_integer(text) else {
        return Ok(None);
    };
    let Some(text) = skip_space(&text[length..]).strip_prefix(b":") else {
        return Ok(None);
    };
    let text = skip_space(text);
    let Some(number) = number::parse(text) else {
        return Ok(None);
    };
    let (written, rest) = text.split_at(number.length);
    if number.overflow || number.underflow {
        return Err(Error::number_out_of_range::<Sparsevec>(written));
    }
    check_finite::<Sparsevec>(number.value)?;
    Ok(Some((index, number.value, rest)))
}
