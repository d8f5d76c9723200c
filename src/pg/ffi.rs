//! Functions that the bindings lack, or guard without need.

use pgrx::pg_sys::{self, Buffer, Oid, PlanState};
use std::ffi::{c_char, c_int, c_void};

// The guard around a call costs more than these do. They raise no error with a valid, pinned
// buffer. A backend here holds the content lock of one index page at a time, and takes one of the
// table's under it only where it marks dead rows or checks an index.
unsafe extern "C-unwind" {
    pub fn LockBuffer(buffer: Buffer, mode: c_int);
    pub fn UnlockReleaseBuffer(buffer: Buffer);
}

// In a critical section an error is a PANIC: it does not return.
unsafe extern "C-unwind" {
    pub fn MarkBufferDirty(buffer: Buffer);
    pub fn XLogBeginInsert();
    pub fn XLogRegisterBuffer(block_id: u8, buffer: Buffer, flags: u8);
    pub fn XLogRegisterBufData(block_id: u8, data: *const c_char, len: u32);
    pub fn XLogInsert(resource_manager: u8, info: u8) -> pg_sys::XLogRecPtr;
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

/// A function that is shown the nodes of a plan; `true` ends it.
pub type PlanWalker = unsafe extern "C-unwind" fn(*mut PlanState, *mut c_void) -> bool;

/// Shows a function the nodes below one of a plan that is executed.
///
/// # Safety
/// `node` is one of those, and `walker` takes such nodes and `context`.
pub unsafe fn each_plan_below(node: *mut PlanState, walker: PlanWalker, context: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(feature = "pg15")]
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            unsafe extern "C-unwind" {
                fn planstate_tree_walker(
                    node: *mut PlanState,
                    walker: PlanWalker,
                    context: *mut c_void,
                ) -> bool;
            }
            planstate_tree_walker(node, walker, context)
        });
        #[cfg(not(feature = "pg15"))]
        pg_sys::planstate_tree_walker_impl(node, Some(walker), context);
    }
}
