//! New dense values from others: element-wise arithmetic, concatenation, parts, quantisation.

use super::bits::NewBits;
use super::dense::{Dense, NewDense};
use super::distance::{Measured, check_same_dimensions, norm};
use super::element::Element;
use super::error;
use super::value::Value;

/// Applies an operation to the pairs of elements, and `check` to each result and its operands.
fn element_wise<E: Element>(
    a: Dense<E>,
    b: Dense<E>,
    operation: impl Fn(f32, f32) -> f32,
    check: impl Fn(E, E, E),
) -> NewDense<E> {
    check_same_dimensions(a, b);
    let (left, right) = (E::widen_all(a.values), E::widen_all(b.values));
    let pairs = left.iter().zip(&*right);
    let numbers: Vec<f32> = pairs.map(|(a, b)| operation(*a, *b)).collect();
    let mut new = NewDense::<E>::zeroed(a.dimensions());
    let results = new.values_mut();
    E::narrow_all(&numbers, results);
    for ((result, a), b) in results.iter().zip(a.values).zip(b.values) {
        check(*result, *a, *b);
    }
    new
}

fn check_overflow<E: Element>(result: E) {
    if !result.is_finite() {
        error::overflow();
    }
}

/// The sum.
pub fn add<E: Element>(a: Dense<E>, b: Dense<E>) -> NewDense<E> {
    element_wise(a, b, |a, b| a + b, |result, _, _| check_overflow(result))
}

/// The difference.
pub fn subtract<E: Element>(a: Dense<E>, b: Dense<E>) -> NewDense<E> {
    element_wise(a, b, |a, b| a - b, |result, _, _| check_overflow(result))
}

/// The products of the elements. A product that vanishes is an error.
pub fn multiply<E: Element>(a: Dense<E>, b: Dense<E>) -> NewDense<E> {
    let zero = E::default();
    element_wise(
        a,
        b,
        |a, b| a * b,
        |result, a, b| {
            check_overflow(result);
            if result == zero && a != zero && b != zero {
                error::underflow();
            }
        },
    )
}

/// `a` followed by `b`.
pub fn concatenate<E: Element>(a: Dense<E>, b: Dense<E>) -> NewDense<E> {
    let mut result = NewDense::zeroed(a.dimensions() + b.dimensions());
    let (left, right) = result.values_mut().split_at_mut(a.dimensions());
    left.copy_from_slice(a.values);
    right.copy_from_slice(b.values);
    result
}

/// The value scaled to length 1; zero stays zero.
pub fn normalize<'a, E: Element>(value: Dense<'a, E>) -> NewDense<E>
where
    Dense<'a, E>: Measured<'a>,
{
    let mut result = NewDense::<E>::zeroed(value.dimensions());
    let norm = norm(value);
    if norm > 0.0 {
        let scale = |number: &f32| (f64::from(*number) / norm) as f32;
        let numbers: Vec<f32> = value.numbers().iter().map(scale).collect();
        E::narrow_all(&numbers, result.values_mut());
        result
            .values_mut()
            .iter()
            .for_each(|value| check_overflow(*value));
    }
    result
}

/// The `count` elements from the 1-based position `start`, as far as they exist.
pub fn subvector<E: Element>(value: Dense<E>, start: i32, count: i32) -> NewDense<E> {
    let limit = value.dimensions() as i64;
    let first = i64::from(start) - 1;
    let end = (first + i64::from(count)).min(limit);
    let first = first.max(0);
    if count < 1 || first >= end {
        error::refuse(values::Error::no_dimensions::<E>());
    }
    NewDense::from_slice(&value.values[first as usize..end as usize])
}

/// One bit for each element, set if it is positive, as a `bit` value.
pub fn binary_quantize<E: Element>(value: Dense<E>) -> NewBits {
    let mut bits = NewBits::zeroed(value.dimensions());
    for (byte, elements) in bits.bytes_mut().iter_mut().zip(value.values.chunks(8)) {
        for (index, element) in elements.iter().enumerate() {
            *byte |= u8::from(*element > E::default()) << (7 - index);
        }
    }
    bits
}
