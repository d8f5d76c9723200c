//! The numbers that a dense vector type stores: conversions and checks that raise errors.

pub use values::Element;
use values::element;

use super::error;

/// The nearest element. Raises an error if a number is too large for the type.
#[inline]
pub fn narrow<E: Element>(number: f32) -> E {
    let element = E::from_f32(number);
    check_in_range(number, element);
    element
}

/// As [`narrow`], of many numbers.
pub fn narrow_all<E: Element>(numbers: &[f32], elements: &mut [E]) {
    E::narrow_all(numbers, elements);
    for (number, element) in numbers.iter().zip(elements) {
        check_in_range(*number, *element);
    }
}

#[inline]
fn check_in_range<E: Element>(number: f32, element: E) {
    if !element.is_finite() && number.is_finite() {
        error::value_out_of_range::<E>(number);
    }
}

/// Raises an error unless every element is finite.
pub fn check_all_finite<E: Element>(values: &[E]) {
    error::accept(element::check_all_finite(values));
}
