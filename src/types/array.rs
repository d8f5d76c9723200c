//! One-dimensional PostgreSQL arrays: casts from and to them, and the state of aggregates.
#![allow(unsafe_code, reason = "PostgreSQL's own conversions read the array")]

use bytemuck::{Pod, Zeroable};
use pgrx::pg_sys::{self, Datum, FunctionCallInfo, Oid};

use super::dense::{Dense, NewDense};
use super::element::{Element, check_all_finite, narrow};
use super::error;
use super::function::Argument;
use super::kind::{Kind, check_dimensions};
use super::typmod::check_typmod;
use super::varlena::{Detoasted, HEADER, NewVarlena};

/// The fields between the length word and the sizes of the dimensions.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Fields {
    ndim: i32,
    /// Where the elements start, counted from the length word; 0 if there is no null bitmap.
    data_offset: i32,
    element_type: u32,
}

/// The sizes and lower bounds of a one-dimensional array.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Bounds {
    size: i32,
    lower_bound: i32,
}

const FIELDS: usize = size_of::<Fields>();
const BOUNDS: usize = size_of::<Bounds>();

unsafe extern "C-unwind" {
    /// The SQL function; its wrapper in `pg_sys` cannot be passed as a C function.
    fn numeric_float4(fcinfo: FunctionCallInfo) -> Datum;
}

/// A borrowed array of any element type.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    datum: Datum,
    payload: &'a [u8],
}

impl Argument for Array<'_> {
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        let array = unsafe { Detoasted::new(datum) };
        Array {
            datum: array.datum(),
            payload: array.payload(),
        }
    }
}

impl<'a> Array<'a> {
    /// The array, not toasted.
    pub fn datum(&self) -> Datum {
        self.datum
    }

    fn fields(&self) -> Fields {
        self.payload
            .get(..FIELDS)
            .map_or(Fields::zeroed(), bytemuck::pod_read_unaligned)
    }

    /// The number of dimensions; 0 for an empty array.
    pub fn dimensions(&self) -> i32 {
        self.fields().ndim
    }

    /// The type of the elements.
    pub fn element_type(&self) -> Oid {
        Oid::from(self.fields().element_type)
    }

    /// Whether the array has a null bitmap, even if no bit of it is set.
    pub fn has_null_bitmap(&self) -> bool {
        self.fields().data_offset != 0
    }

    fn contains_nulls(&self) -> bool {
        // SAFETY: the array is valid as long as `'a`.
        self.has_null_bitmap() && unsafe { pg_sys::array_contains_nulls(self.pointer()) }
    }

    /// The number of elements of an array of at most one dimension.
    pub fn len(&self) -> usize {
        let bounds = self
            .payload
            .get(FIELDS..FIELDS + BOUNDS)
            .filter(|_| self.dimensions() > 0);
        bounds.map_or(0, |bounds| {
            bytemuck::pod_read_unaligned::<Bounds>(bounds).size as usize
        })
    }

    /// The elements of an array of at most one dimension, of a type of fixed length, without nulls.
    pub fn bytes(&self) -> &'a [u8] {
        let start = match self.fields().data_offset {
            0 => FIELDS + BOUNDS,
            offset => offset as usize - HEADER,
        };
        self.payload.get(start..).unwrap_or_default()
    }

    /// The elements of an array without a null bitmap, to change.
    ///
    /// # Safety
    /// The array has `count` numbers of type `float8`, aligned to 8 bytes, and nothing else uses
    /// them as long as the result is in use.
    pub unsafe fn floats_mut(&self, count: usize) -> &'a mut [f64] {
        let start = self.datum.cast_mut_ptr::<u8>();
        // SAFETY: the caller's promise; without a bitmap the elements follow the bounds.
        unsafe {
            let elements = start.add(HEADER + FIELDS + BOUNDS).cast();
            std::slice::from_raw_parts_mut(elements, count)
        }
    }

    fn pointer(&self) -> *mut pg_sys::ArrayType {
        self.datum.cast_mut_ptr()
    }

    /// The elements as datums, for types of variable length.
    fn datums(&self, element_type: Oid) -> &'a [Datum] {
        let mut elements = std::ptr::null_mut();
        let mut count = 0;
        // SAFETY: the array is valid and has elements of this type, which is of variable length
        // and aligned to 4 bytes; the result lives in the current memory context, that of the call.
        unsafe {
            pg_sys::deconstruct_array(
                self.pointer(),
                element_type,
                -1,
                false,
                pg_sys::TYPALIGN_INT as std::ffi::c_char,
                &mut elements,
                std::ptr::null_mut(),
                &mut count,
            );
            slice_of(elements, count)
        }
    }

    /// The numbers of a list of type modifiers. Raises an error if they are not integers.
    pub fn integer_typmods(&self) -> &'a [i32] {
        let mut count = 0;
        // SAFETY: the array is valid; the function checks its element type, and allocates the
        // result in the current memory context, that of the call.
        unsafe {
            let numbers = pg_sys::ArrayGetIntegerTypmods(self.pointer(), &mut count);
            slice_of(numbers, count)
        }
    }
}

/// # Safety
/// `start` is null or points to `count` values that live as long as the call.
unsafe fn slice_of<'a, T>(start: *const T, count: i32) -> &'a [T] {
    if start.is_null() || count <= 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, count as usize) }
}

impl Array<'_> {
    /// The number of elements of an array that becomes a value of type `K`. Raises an error if it
    /// cannot, or not with this type modifier.
    pub fn check_castable<K: Kind>(&self, typmod: i32) -> usize {
        if self.dimensions() > 1 {
            error::array_not_flat();
        }
        if self.contains_nulls() {
            error::array_with_nulls();
        }
        let count = self.len();
        check_dimensions::<K>(count);
        check_typmod(typmod, count);
        count
    }

    /// Calls a function with each element of an array that is castable.
    pub fn for_each_number(&self, mut f: impl FnMut(f32)) {
        let bytes = self.bytes();
        match self.element_type() {
            pg_sys::INT4OID => each(bytes, |bytes| f(i32::from_ne_bytes(bytes) as f32)),
            pg_sys::FLOAT4OID => each(bytes, |bytes| f(f32::from_ne_bytes(bytes))),
            pg_sys::FLOAT8OID => each(bytes, |bytes| f(f64::from_ne_bytes(bytes) as f32)),
            pg_sys::NUMERICOID => {
                for datum in self.datums(pg_sys::NUMERICOID) {
                    f(numeric_to_f32(*datum));
                }
            }
            _ => error::unsupported_array_type(),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], mut f: impl FnMut([u8; N])) {
    bytes.as_chunks().0.iter().for_each(|bytes| f(*bytes));
}

/// Makes a value from an array of numbers, and checks it against the type modifier.
pub fn from_array<E: Element>(array: Array, typmod: i32) -> NewDense<E> {
    let mut new = NewDense::zeroed(array.check_castable::<E>(typmod));
    let mut values = new.values_mut().iter_mut();
    array.for_each_number(|number| {
        if let Some(value) = values.next() {
            *value = narrow(number);
        }
    });
    check_all_finite::<E>(new.values_mut());
    new
}

fn numeric_to_f32(numeric: Datum) -> f32 {
    // SAFETY: the datum is a non-null numeric, and numeric_float4 returns a float4.
    let datum =
        unsafe { pg_sys::DirectFunctionCall1Coll(Some(numeric_float4), Oid::INVALID, numeric) };
    f32::from_bits(datum.value() as u32)
}

/// Makes an array of `real`.
pub fn to_array<E: Element>(value: Dense<E>) -> NewVarlena {
    new_array(pg_sys::FLOAT4OID, &E::widen_all(value.values))
}

/// A one-dimensional array without nulls.
pub fn new_array<T: Pod>(element_type: Oid, elements: &[T]) -> NewVarlena {
    let mut array = NewVarlena::zeroed(FIELDS + BOUNDS + size_of_val(elements));
    let (fields, rest) = array.payload_mut().split_at_mut(FIELDS);
    let (bounds, data) = rest.split_at_mut(BOUNDS);
    fields.copy_from_slice(bytemuck::bytes_of(&Fields {
        ndim: 1,
        data_offset: 0,
        element_type: element_type.to_u32(),
    }));
    bounds.copy_from_slice(bytemuck::bytes_of(&Bounds {
        size: elements.len() as i32,
        lower_bound: 1,
    }));
    data.copy_from_slice(bytemuck::cast_slice(elements));
    array
}
