//! The rows that a function returns.

use super::memory::Temporary;
use pgrx::pg_sys::{self, Datum, FunctionCallInfo, ReturnSetInfo};

/// Rows, kept by PostgreSQL until the caller takes them.
pub struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    shape: pg_sys::TupleDesc,
    temporary: Temporary,
}

impl Rows {
    /// # Safety
    /// `call` is that of a function that returns a table, and outlives the result.
    pub unsafe fn of(call: FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise; what the call is for is there after the first line.
        unsafe {
            pg_sys::InitMaterializedSRF(call, 0);
            let info = (*call).resultinfo.cast::<ReturnSetInfo>();
            Self {
                store: (*info).setResult,
                shape: (*info).setDesc,
                temporary: Temporary::new(),
            }
        }
    }

    /// Adds a row; `values` makes its columns.
    ///
    /// # Safety
    /// The columns have the types of the function's.
    pub unsafe fn add<const N: usize>(&mut self, values: impl FnOnce() -> [Option<Datum>; N]) {
        self.temporary.run(|| {
            let values = values();
            let mut nulls = values.map(|value| value.is_none());
            let mut values = values.map(|value| value.unwrap_or(Datum::null()));
            // SAFETY: the caller's promise; the arrays are copied.
            unsafe {
                let (values, nulls) = (values.as_mut_ptr(), nulls.as_mut_ptr());
                pg_sys::tuplestore_putvalues(self.store, self.shape, values, nulls);
            }
        });
    }
}
