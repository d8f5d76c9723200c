//! The text format of the dense types: `[1,2,3]`.

use crate::kind::{check_finite, check_typmod};
use crate::{Element, Error, Result, number};

/// Reads the elements of a value, and checks them against the type modifier.
pub fn read<E: Element>(text: &[u8], typmod: i32) -> Result<Vec<E>> {
    let values = parse(text)?;
    check_typmod(typmod, values.len())?;
    Ok(values)
}

fn parse<E: Element>(text: &[u8]) -> Result<Vec<E>> {
    let invalid = |detail| Err(Error::invalid_syntax::<E>(text, detail));

    let Some(mut rest) = skip_space(text).strip_prefix(b"[") else {
        return invalid(Some("Vector contents must start with \"[\"."));
    };
    rest = skip_space(rest);
    if rest.first() == Some(&b']') {
        return Err(Error::no_dimensions::<E>());
    }

    let commas = rest.iter().filter(|byte| **byte == b',').count();
    let mut values = Vec::with_capacity((commas + 1).min(E::MAX_DIMENSIONS));
    loop {
        if values.len() == E::MAX_DIMENSIONS {
            return Err(Error::too_many_dimensions::<E>());
        }
        rest = skip_space(rest);
        let Some((value, length)) = parse_element::<E>(rest)? else {
            return invalid(None);
        };
        values.push(value);
        rest = skip_space(&rest[length..]);
        match rest.split_first() {
            Some((b',', behind)) => rest = behind,
            Some((b']', behind)) => {
                rest = behind;
                break;
            }
            _ => return invalid(None),
        }
    }
    if !skip_space(rest).is_empty() {
        return invalid(Some("Junk after closing right brace."));
    }
    Ok(values)
}

/// Reads an element, and how long its text is; `None` if there is no number.
fn parse_element<E: Element>(text: &[u8]) -> Result<Option<(E, usize)>> {
    let Some(number) = number::parse(text) else {
        return Ok(None);
    };
    let value = E::from_f32(number.value);
    if number.overflow || (number.value.is_finite() && value.to_f32().is_infinite()) {
        return Err(Error::number_out_of_range::<E>(&text[..number.length]));
    }
    check_finite::<E>(value.to_f32())?;
    Ok(Some((value, number.length)))
}

/// The text behind white space.
pub fn skip_space(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    &text[text.iter().take_while(|byte| is_space(byte)).count()..]
}
