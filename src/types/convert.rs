//! Casts between the dense types.

use super::dense::{Dense, NewDense};
use super::element::{Element, narrow_all};
use super::typmod::check_typmod;
use super::value::Value;

/// The value with elements of another type, checked against the type modifier.
pub fn dense<A: Element, B: Element>(value: Dense<A>, typmod: i32) -> NewDense<B> {
    check_typmod(typmod, value.dimensions());
    let mut new = NewDense::<B>::zeroed(value.dimensions());
    narrow_all(&A::widen_all(value.values), new.values_mut());
    new
}
