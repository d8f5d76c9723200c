//! Casts between the dense types.

use super::dense::{Dense, NewDense};
use super::element::{Element, narrow};
use super::typmod::check_typmod;
use super::value::Value;

/// The value with elements of another type, checked against the type modifier.
pub fn dense<A: Element, B: Element>(value: Dense<A>, typmod: i32) -> NewDense<B> {
    check_typmod(typmod, value.dimensions());
    let mut new = NewDense::<B>::zeroed(value.dimensions());
    for (new, value) in new.values_mut().iter_mut().zip(value.values) {
        *new = narrow(value.to_f32());
    }
    new
}
