//! The aggregate `avg`: its state is a `float8[]` of the count and the sums of the elements.
#![allow(unsafe_code, reason = "the state is updated in place")]

use pgrx::pg_sys::{self, Datum, FunctionCallInfo};

use super::array::{Array, new_array};
use super::dense::{Dense, NewDense};
use super::element::{Element, narrow};
use super::error;
use super::function::{Argument, Returned};
use super::kind::{Kind, check_dimensions, check_finite};
use super::value::Value;
use super::varlena::NewVarlena;

/// The state as a function got it.
pub struct State<'a> {
    array: Array<'a>,
    /// Whether the function may change it: it is called as part of the aggregate.
    is_own: bool,
}

/// The state as a function leaves it.
pub enum NewState {
    /// A new array.
    New(NewVarlena),
    /// The array that was passed, perhaps changed.
    Same(Datum),
}

impl Argument for State<'_> {
    unsafe fn from_argument(datum: Datum, fcinfo: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise; AggCheckCallContext only reads the call.
        unsafe {
            let is_own = pg_sys::AggCheckCallContext(fcinfo, std::ptr::null_mut()) != 0;
            State {
                array: Array::from_argument(datum, fcinfo),
                is_own,
            }
        }
    }
}

impl Returned for NewState {
    fn into_datum(self) -> Option<Datum> {
        match self {
            NewState::New(array) => Returned::into_datum(array),
            NewState::Same(datum) => Some(datum),
        }
    }
}

impl<'a> State<'a> {
    /// The count, and the sums of the elements. Raises an error if the array is no state; it names
    /// the type and the step of its aggregate.
    fn parts(&self, type_name: &str, step: &str) -> (f64, &'a [f64]) {
        let array = self.array;
        let is_state = array.dimensions() == 1
            && !array.has_null_bitmap()
            && array.element_type() == pg_sys::FLOAT8OID;
        let numbers: Option<&[f64]> = bytemuck::try_cast_slice(array.bytes()).ok();
        match numbers.filter(|_| is_state).and_then(<[f64]>::split_first) {
            Some((count, sums)) if sums.len() + 1 == array.len() => (*count, sums),
            _ => error::not_a_state(type_name, step),
        }
    }
}

/// Adds a value to the state. The first value sets the number of dimensions.
pub fn accumulate<E: Element>(state: State, value: Dense<E>) -> NewState {
    let (count, sums) = state.parts(E::NAME, "accum");
    let elements = E::widen_all(value.values);
    let elements = elements.iter().map(|element| f64::from(*element));
    if sums.is_empty() {
        let numbers: Vec<f64> = std::iter::once(count + 1.0).chain(elements).collect();
        return NewState::New(new_array(pg_sys::FLOAT8OID, &numbers));
    }
    check_same_length(sums.len(), value.dimensions());
    let add = |numbers: &mut [f64]| {
        numbers[0] += 1.0;
        add_finite(&mut numbers[1..], elements);
    };
    if state.is_own {
        let length = 1 + sums.len();
        // SAFETY: `parts` found this many aligned numbers and no bitmap. The aggregate owns its
        // state and passes it to one function at a time; `sums` is not used any more.
        add(unsafe { state.array.floats_mut(length) });
        NewState::Same(state.array.datum())
    } else {
        let mut numbers = [&[count], sums].concat();
        add(&mut numbers);
        NewState::New(new_array(pg_sys::FLOAT8OID, &numbers))
    }
}

/// The state of all values that went into either state. The states of all types are alike.
pub fn combine(a: State, b: State) -> NewState {
    let (a_count, a_sums) = a.parts(f32::NAME, "combine");
    let (b_count, b_sums) = b.parts(f32::NAME, "combine");
    if a_count == 0.0 {
        return NewState::Same(b.array.datum());
    }
    if b_count == 0.0 {
        return NewState::Same(a.array.datum());
    }
    check_same_length(a_sums.len(), b_sums.len());
    check_dimensions::<f32>(a_sums.len());
    let mut numbers = [&[a_count + b_count], a_sums].concat();
    add_finite(&mut numbers[1..], b_sums.iter().copied());
    NewState::New(new_array(pg_sys::FLOAT8OID, &numbers))
}

/// The mean; null if no value went in.
pub fn average<E: Element>(state: State) -> Option<NewDense<E>> {
    let (count, sums) = state.parts(E::NAME, "avg");
    if count == 0.0 {
        return None;
    }
    let mut result = NewDense::<E>::zeroed(sums.len());
    for (element, sum) in result.values_mut().iter_mut().zip(sums) {
        *element = narrow((sum / count) as f32);
        check_finite::<E>(element.to_f32());
    }
    Some(result)
}

fn check_same_length(expected: usize, actual: usize) {
    if expected != actual {
        error::refuse(values::Error::unexpected_dimensions(
            expected as i64,
            actual as i64,
        ));
    }
}

/// Adds to the sums. Raises an error if one becomes infinite.
fn add_finite(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    let mut overflow = false;
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
        overflow |= sum.is_infinite();
    }
    if overflow {
        error::overflow();
    }
}
