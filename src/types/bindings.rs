//! The SQL functions of the vector types.

use std::ffi::CStr;

use half::f16;
use pgrx::pg_sys::Oid;

use super::aggregate::{NewState, State};
use super::array::Array;
use super::bits::NewBits;
use super::dense::{Dense, NewDense};
use super::function::{Text, sql_functions};
use super::sparse::{NewSparse, Sparse};
use super::value::{Original, Transient, Value};
use super::varlena::NewVarlena;
use super::wire::Message;
use super::{aggregate, arithmetic, array, convert, distance, sparse, text, typmod, wire};

/// The functions that every type has.
macro_rules! functions_of_all {
    ($prefix:literal, $value:ty) => {
        // Type modifiers: reading one, and the cast that applies it.
        sql_functions! { $prefix:
            fn typmod_in(modifiers: Array) -> i32 {
                typmod::typmod_in::<<$value as Value>::Kind>(modifiers)
            }

            fn typmod_cast(
                value: Original<$value>, typmod: i32, _explicit: bool
            ) -> Original<$value> {
                typmod::apply(value, typmod)
            }
        }

        // Distances.
        sql_functions! { $prefix:
            fn l2_distance(a: $value, b: $value) -> f64 {
                distance::l2(a, b)
            }

            fn l2_squared_distance(a: $value, b: $value) -> f64 {
                distance::l2_squared(a, b)
            }

            fn inner_product(a: $value, b: $value) -> f64 {
                distance::inner_product(a, b)
            }

            fn negative_inner_product(a: $value, b: $value) -> f64 {
                -distance::inner_product(a, b)
            }

            fn cosine_distance(a: $value, b: $value) -> f64 {
                distance::cosine(a, b)
            }

            fn l1_distance(a: $value, b: $value) -> f64 {
                distance::l1(a, b)
            }

            fn norm(value: $value) -> f64 {
                distance::norm(value)
            }
        }

        // Comparisons.
        sql_functions! { $prefix:
            fn lt(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a < *b
            }

            fn le(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a <= *b
            }

            fn eq(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a == *b
            }

            fn ne(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a != *b
            }

            fn ge(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a >= *b
            }

            fn gt(a: Transient<$value>, b: Transient<$value>) -> bool {
                *a > *b
            }

            fn cmp(a: Transient<$value>, b: Transient<$value>) -> i32 {
                // Elements are numbers, so there is always an order.
                a.partial_cmp(&*b).map_or(0, |order| order as i32)
            }
        }
    };
}

/// The functions of the types that store every element.
macro_rules! functions_of_dense {
    ($prefix:literal, $element:ty) => {
        // Input and output.
        sql_functions! { $prefix:
            fn input(value: &CStr, _element: Oid, typmod: i32) -> NewDense<$element> {
                text::input(value, typmod)
            }

            fn output(value: Dense<$element>) -> Text {
                text::output(value)
            }

            fn recv(message: Message, _element: Oid, typmod: i32) -> NewDense<$element> {
                wire::receive(message, typmod)
            }

            fn send(value: Dense<$element>) -> NewVarlena {
                wire::send(value)
            }
        }

        // Casts: the value, the type modifier of the target, whether the cast is explicit.
        sql_functions! { $prefix:
            fn from_array(numbers: Array, typmod: i32, _explicit: bool) -> NewDense<$element> {
                array::from_array(numbers, typmod)
            }

            fn to_float4(value: Dense<$element>, _typmod: i32, _explicit: bool) -> NewVarlena {
                array::to_array(value)
            }

            fn to_sparsevec(value: Dense<$element>, typmod: i32, _explicit: bool) -> NewSparse {
                sparse::convert::from_dense(value, typmod)
            }
        }

        // Properties, parts and arithmetic.
        sql_functions! { $prefix:
            fn spherical_distance(a: Dense<$element>, b: Dense<$element>) -> f64 {
                distance::spherical(a, b)
            }

            fn dims(value: Dense<$element>) -> i32 {
                value.dimensions() as i32
            }

            fn l2_normalize(value: Dense<$element>) -> NewDense<$element> {
                arithmetic::normalize(value)
            }

            fn binary_quantize(value: Dense<$element>) -> NewBits {
                arithmetic::binary_quantize(value)
            }

            fn subvector(value: Dense<$element>, start: i32, count: i32) -> NewDense<$element> {
                arithmetic::subvector(value, start, count)
            }

            fn add(a: Dense<$element>, b: Dense<$element>) -> NewDense<$element> {
                arithmetic::add(a, b)
            }

            fn sub(a: Dense<$element>, b: Dense<$element>) -> NewDense<$element> {
                arithmetic::subtract(a, b)
            }

            fn mul(a: Dense<$element>, b: Dense<$element>) -> NewDense<$element> {
                arithmetic::multiply(a, b)
            }

            fn concat(a: Dense<$element>, b: Dense<$element>) -> NewDense<$element> {
                arithmetic::concatenate(a, b)
            }
        }

        // The aggregate avg.
        sql_functions! { $prefix:
            fn accum(state: State, value: Dense<$element>) -> NewState {
                aggregate::accumulate(state, value)
            }

            fn avg(state: State) -> Option<NewDense<$element>> {
                aggregate::average(state)
            }
        }
    };
}

functions_of_all!("vector", Dense<f32>);
functions_of_all!("halfvec", Dense<f16>);
functions_of_all!("sparsevec", Sparse);
functions_of_dense!("vector", f32);
functions_of_dense!("halfvec", f16);

sql_functions! { "vector":
    fn combine(a: State, b: State) -> NewState {
        aggregate::combine(a, b)
    }

    fn to_halfvec(value: Dense<f32>, typmod: i32, _explicit: bool) -> NewDense<f16> {
        convert::dense(value, typmod)
    }
}

sql_functions! { "halfvec":
    fn to_vector(value: Dense<f16>, typmod: i32, _explicit: bool) -> NewDense<f32> {
        convert::dense(value, typmod)
    }
}

sql_functions! { "sparsevec":
    fn input(value: &CStr, _element: Oid, typmod: i32) -> NewSparse {
        sparse::text::input(value, typmod)
    }

    fn output(value: Sparse) -> Text {
        sparse::text::output(value)
    }

    fn recv(message: Message, _element: Oid, typmod: i32) -> NewSparse {
        sparse::wire::receive(message, typmod)
    }

    fn send(value: Sparse) -> NewVarlena {
        sparse::wire::send(value)
    }

    fn from_array(numbers: Array, typmod: i32, _explicit: bool) -> NewSparse {
        sparse::convert::from_array(numbers, typmod)
    }

    fn to_vector(value: Sparse, typmod: i32, _explicit: bool) -> NewDense<f32> {
        sparse::convert::to_dense(value, typmod)
    }

    fn to_halfvec(value: Sparse, typmod: i32, _explicit: bool) -> NewDense<f16> {
        sparse::convert::to_dense(value, typmod)
    }

    fn l2_normalize(value: Sparse) -> NewSparse {
        sparse::normalize(value)
    }
}
