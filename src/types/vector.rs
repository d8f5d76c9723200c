//! The SQL functions of the type `vector`.

use std::ffi::CStr;

use pgrx::pg_sys::Oid;

use super::aggregate::{NewState, State};
use super::array::Array;
use super::dense::{NewDense, Original, Vector};
use super::function::{Text, sql_functions};
use super::varlena::NewVarlena;
use super::wire::Message;
use super::{aggregate, arithmetic, array, distance, text, typmod, wire};

type Transient<'a> = super::dense::Transient<'a, f32>;
type NewVector = NewDense<f32>;

// Input and output.
sql_functions! {
    fn vector_in(value: &CStr, _element: Oid, typmod: i32) -> NewVector {
        text::input(value, typmod)
    }

    fn vector_out(value: Vector) -> Text {
        text::output(value)
    }

    fn vector_typmod_in(modifiers: Array) -> i32 {
        typmod::typmod_in::<f32>(modifiers)
    }

    fn vector_recv(message: Message, _element: Oid, typmod: i32) -> NewVector {
        wire::receive(message, typmod)
    }

    fn vector_send(value: Vector) -> NewVarlena {
        wire::send(value)
    }
}

// Casts: the value, the type modifier of the target, whether the cast is explicit.
sql_functions! {
    fn vector(value: Original<f32>, typmod: i32, _explicit: bool) -> Original<f32> {
        typmod::apply(value, typmod)
    }

    fn array_to_vector(numbers: Array, typmod: i32, _explicit: bool) -> NewVector {
        array::from_array(numbers, typmod)
    }

    fn vector_to_float4(value: Vector, _typmod: i32, _explicit: bool) -> NewVarlena {
        array::to_array(value)
    }
}

// Distances.
sql_functions! {
    fn l2_distance(a: Vector, b: Vector) -> f64 {
        distance::l2(a, b)
    }

    fn vector_l2_squared_distance(a: Vector, b: Vector) -> f64 {
        distance::l2_squared(a, b)
    }

    fn inner_product(a: Vector, b: Vector) -> f64 {
        distance::inner_product(a, b)
    }

    fn vector_negative_inner_product(a: Vector, b: Vector) -> f64 {
        -distance::inner_product(a, b)
    }

    fn cosine_distance(a: Vector, b: Vector) -> f64 {
        distance::cosine(a, b)
    }

    fn l1_distance(a: Vector, b: Vector) -> f64 {
        distance::l1(a, b)
    }

    fn vector_spherical_distance(a: Vector, b: Vector) -> f64 {
        distance::spherical(a, b)
    }
}

// Properties and arithmetic.
sql_functions! {
    fn vector_dims(value: Vector) -> i32 {
        value.dimensions() as i32
    }

    fn vector_norm(value: Vector) -> f64 {
        distance::norm(value)
    }

    fn l2_normalize(value: Vector) -> NewVector {
        arithmetic::normalize(value)
    }

    fn binary_quantize(value: Vector) -> NewVarlena {
        arithmetic::binary_quantize(value)
    }

    fn subvector(value: Vector, start: i32, count: i32) -> NewVector {
        arithmetic::subvector(value, start, count)
    }

    fn vector_add(a: Vector, b: Vector) -> NewVector {
        arithmetic::add(a, b)
    }

    fn vector_sub(a: Vector, b: Vector) -> NewVector {
        arithmetic::subtract(a, b)
    }

    fn vector_mul(a: Vector, b: Vector) -> NewVector {
        arithmetic::multiply(a, b)
    }

    fn vector_concat(a: Vector, b: Vector) -> NewVector {
        arithmetic::concatenate(a, b)
    }
}

// Comparisons.
sql_functions! {
    fn vector_lt(a: Transient, b: Transient) -> bool {
        *a < *b
    }

    fn vector_le(a: Transient, b: Transient) -> bool {
        *a <= *b
    }

    fn vector_eq(a: Transient, b: Transient) -> bool {
        *a == *b
    }

    fn vector_ne(a: Transient, b: Transient) -> bool {
        *a != *b
    }

    fn vector_ge(a: Transient, b: Transient) -> bool {
        *a >= *b
    }

    fn vector_gt(a: Transient, b: Transient) -> bool {
        *a > *b
    }

    fn vector_cmp(a: Transient, b: Transient) -> i32 {
        // Elements are never NaN, so there is always an order.
        a.partial_cmp(&*b).map_or(0, |order| order as i32)
    }
}

// The aggregate avg.
sql_functions! {
    fn vector_accum(state: State, value: Vector) -> NewState {
        aggregate::accumulate(state, value, "vector_accum")
    }

    fn vector_combine(a: State, b: State) -> NewState {
        aggregate::combine::<f32>(a, b, "vector_combine")
    }

    fn vector_avg(state: State) -> Option<NewVector> {
        aggregate::average(state, "vector_avg")
    }
}
