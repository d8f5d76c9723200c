//! Functions that the bindings lack, or guard without need.

use pgrx::pg_sys::{self, Buffer, Oid};
use std::ffi::c_int;

// The guard around a call costs more than these do. They raise no error with a valid, pinned
// buffer. A backend here holds the content lock of one index page at a time, and takes one of the
// table's under it only where it marks dead rows.
unsafe extern "C-unwind" {
    pub fn LockBuffer(buffer: Buffer, mode: c_int);
    pub fn UnlockReleaseBuffer(buffer: Buffer);
}

unsafe extern "C-unwind" {
    /// Infinite where the number is too large.
    pub fn numeric_float8_no_overflow(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
}

unsafe extern "C-unwind" {
    fn check_amproc_signature(
        funcid: Oid,
        restype: Oid,
        exact: bool,
        minargs: c_int,
        maxargs: c_int,
        ...
    ) -> bool;
}

/// Whether a function takes exactly these arguments and returns `result`.
pub fn has_signature(function: Oid, result: Oid, arguments: &[Oid]) -> bool {
    let count = arguments.len() as c_int;
    let first = arguments.first().copied().unwrap_or(Oid::INVALID);
    let second = arguments.get(1).copied().unwrap_or(Oid::INVALID);
    // SAFETY: reads `count` variadic arguments of type Oid, at most two.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            check_amproc_signature(function, result, true, count, count, first, second)
        })
    }
}
