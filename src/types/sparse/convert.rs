//! Casts between `sparsevec` and arrays and the dense types.

use values::Error;
use values::sparse::{MAX_ELEMENTS, Sparsevec};

use super::{NewSparse, PREFIX, Sparse};
use crate::types::array::Array;
use crate::types::dense::{Dense, NewDense};
use crate::types::element::{Element, narrow};
use crate::types::error;
use crate::types::kind::{Kind, check_dimensions, check_finite};
use crate::types::typmod::check_typmod;
use crate::types::value::Value;
use crate::types::varlena::HEADER;

/// The elements of a dense value that are not zero, checked against the type modifier.
pub fn from_dense<E: Element>(value: Dense<E>, typmod: i32) -> NewSparse {
    check_typmod(typmod, value.dimensions());
    let elements: Vec<(i32, f32)> = (0..)
        .zip(E::widen_all(value.values).iter().copied())
        .filter(|(_, value)| *value != 0.0)
        .collect();
    NewSparse::new(value.dimensions(), &elements)
}

/// The value with all its zeros, checked against the type modifier.
pub fn to_dense<E: Element>(value: Sparse, typmod: i32) -> NewDense<E> {
    check_dimensions::<E>(value.dimensions);
    check_typmod(typmod, value.dimensions);
    let mut new = NewDense::zeroed(value.dimensions);
    let values = new.values_mut();
    for (index, element) in value.elements() {
        match values.get_mut(index as usize) {
            Some(value) => *value = narrow(element),
            None => {
                let elements = 2 * size_of_val(value.values);
                error::corrupted(Sparsevec::NAME, HEADER + PREFIX + elements)
            }
        }
    }
    new
}

/// The elements of an array of numbers that are not zero, checked against the type modifier.
pub fn from_array(array: Array, typmod: i32) -> NewSparse {
    let count = array.check_castable::<Sparsevec>(typmod);
    let mut elements = Vec::new();
    let mut index = 0;
    array.for_each_number(|number| {
        check_finite::<Sparsevec>(number);
        if number != 0.0 {
            if elements.len() == MAX_ELEMENTS {
                error::refuse(Error::too_many_elements::<Sparsevec>(MAX_ELEMENTS));
            }
            elements.push((index, number));
        }
        index += 1;
    });
    NewSparse::new(count, &elements)
}
