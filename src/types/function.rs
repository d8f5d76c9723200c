//! The callback boundary: how a safe Rust function becomes a C function that SQL can call.
#![allow(
    unsafe_code,
    reason = "the boundary between PostgreSQL's calling convention and safe code"
)]

use std::ffi::CStr;

use pgrx::pg_sys::{self, Datum, FunctionCallInfo, NullableDatum};

use super::dense::NewDense;
use super::element::Element;
use super::value::{Original, Transient, Value};
use super::varlena::NewVarlena;

/// Exports Rust functions as C functions with the prefix `pg_hnsw_` and that of a type, version-1
/// calling convention.
/// Argument types state the SQL types. Those that may be null are `Option`s; functions without any
/// are declared STRICT in SQL.
macro_rules! sql_functions {
    ($prefix:literal: $(
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block
    )*) => {$(
        #[allow(unsafe_code, reason = "exports the symbol and reads the arguments")]
        const _: () = {
            use $crate::types::function;

            #[unsafe(export_name = concat!("pg_finfo_pg_hnsw_", $prefix, "_", stringify!($name)))]
            extern "C-unwind" fn info() -> &'static pgrx::pg_sys::Pg_finfo_record {
                &function::VERSION_1
            }

            #[unsafe(export_name = concat!("pg_hnsw_", $prefix, "_", stringify!($name)))]
            unsafe extern "C-unwind" fn call(
                fcinfo: pgrx::pg_sys::FunctionCallInfo,
            ) -> pgrx::pg_sys::Datum {
                #[inline(always)]
                fn $name($($argument: $type),*) -> $result $body

                // SAFETY: PostgreSQL passes a valid call, and the extension script declares the
                // function with the SQL types that the Rust types stand for, and STRICT unless
                // every argument may be null.
                unsafe {
                    pgrx::pg_sys::panic::pgrx_extern_c_guard(move || {
                        let mut arguments = function::Arguments::new(fcinfo);
                        $(let $argument: $type = arguments.next();)*
                        arguments.returned($name($($argument),*))
                    })
                }
            }
        };
    )*};
}

pub(super) use sql_functions;

/// Says that a function uses the version-1 calling convention.
pub static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// The arguments of one call, taken in order.
pub struct Arguments {
    fcinfo: FunctionCallInfo,
    next: usize,
}

impl Arguments {
    /// # Safety
    /// `fcinfo` is a valid call that lasts as long as the result and everything taken from it.
    #[inline(always)]
    pub unsafe fn new(fcinfo: FunctionCallInfo) -> Self {
        Arguments { fcinfo, next: 0 }
    }

    /// The next argument.
    ///
    /// # Safety
    /// The call has one more argument of the SQL type that `T` stands for, not null unless `T` is
    /// an `Option`.
    #[inline(always)]
    pub unsafe fn next<T: Argument>(&mut self) -> T {
        let index = self.next;
        self.next += 1;
        // SAFETY: the caller's promise.
        unsafe {
            let argument = (*self.fcinfo).args.as_ptr().add(index);
            T::from_nullable(*argument, self.fcinfo)
        }
    }

    /// Hands the result to PostgreSQL.
    #[inline(always)]
    pub fn returned<T: Returned>(self, result: T) -> Datum {
        result.into_datum().unwrap_or_else(|| {
            // SAFETY: `new` was promised a valid call.
            unsafe { (*self.fcinfo).isnull = true }
            Datum::null()
        })
    }
}

/// A Rust type that stands for the SQL type of an argument.
pub trait Argument: Sized {
    /// # Safety
    /// `datum` is a non-null argument of the call `fcinfo`, of this SQL type,
    /// and the call outlives the result.
    unsafe fn from_argument(datum: Datum, fcinfo: FunctionCallInfo) -> Self;

    /// # Safety
    /// As [`from_argument`](Self::from_argument); the argument is null only if `Self` is an
    /// `Option`.
    #[inline(always)]
    unsafe fn from_nullable(argument: NullableDatum, fcinfo: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::from_argument(argument.value, fcinfo) }
    }
}

/// A Rust type that stands for the SQL type of a result.
pub trait Returned {
    /// The result, or `None` for a null.
    fn into_datum(self) -> Option<Datum>;
}

impl<'a, V: Value<'a>> Argument for V {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        unsafe { V::from_datum(datum) }
    }
}

impl<'a, V: Value<'a>> Argument for Original<V> {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        Original {
            datum,
            value: unsafe { V::from_datum(datum) },
        }
    }
}

impl<V> Returned for Original<V> {
    fn into_datum(self) -> Option<Datum> {
        Some(self.datum)
    }
}

impl<'a, V: Value<'a>> Argument for Transient<'a, V> {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Transient::from_datum(datum) }
    }
}

impl<T: Argument> Argument for Option<T> {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, fcinfo: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise.
        Some(unsafe { T::from_argument(datum, fcinfo) })
    }

    #[inline(always)]
    unsafe fn from_nullable(argument: NullableDatum, fcinfo: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise; the argument is not null here.
        (!argument.isnull).then(|| unsafe { T::from_argument(argument.value, fcinfo) })
    }
}

impl Argument for i32 {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        datum.value() as i32
    }
}

impl Argument for i64 {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        datum.value() as i64
    }
}

impl Argument for f64 {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        f64::from_bits(datum.value() as u64)
    }
}

impl Argument for bool {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        datum.value() as u8 != 0
    }
}

impl Argument for pg_sys::Oid {
    #[inline(always)]
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        pg_sys::Oid::from(datum.value() as u32)
    }
}

impl Argument for &CStr {
    unsafe fn from_argument(datum: Datum, _: FunctionCallInfo) -> Self {
        // SAFETY: a non-null argument of type cstring is a zero-terminated string.
        unsafe { CStr::from_ptr(datum.cast_mut_ptr()) }
    }
}

impl Returned for f64 {
    #[inline(always)]
    fn into_datum(self) -> Option<Datum> {
        Some(Datum::from(self.to_bits()))
    }
}

impl Returned for i32 {
    #[inline(always)]
    fn into_datum(self) -> Option<Datum> {
        Some(Datum::from(self))
    }
}

impl Returned for bool {
    #[inline(always)]
    fn into_datum(self) -> Option<Datum> {
        Some(Datum::from(self))
    }
}

impl Returned for NewVarlena {
    fn into_datum(self) -> Option<Datum> {
        Some(NewVarlena::into_datum(self))
    }
}

impl<E: Element> Returned for NewDense<E> {
    fn into_datum(self) -> Option<Datum> {
        self.into_varlena().into_datum().into()
    }
}

/// Text for a result of type `cstring`.
pub struct Text(pub Vec<u8>);

impl Returned for Text {
    fn into_datum(self) -> Option<Datum> {
        Some(super::varlena::new_cstring(&self.0))
    }
}

impl<T: Returned> Returned for Option<T> {
    fn into_datum(self) -> Option<Datum> {
        self.and_then(T::into_datum)
    }
}
