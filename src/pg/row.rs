//! Values of composite types.

use pgrx::pg_sys::{self, Datum};

/// The first two fields; `None` if one of them is NULL. They point into the value, or into a copy
/// in the current memory context.
///
/// # Safety
/// `datum` is a value of a composite type that has two fields.
pub unsafe fn fields(datum: Datum) -> Option<[Datum; 2]> {
    // SAFETY: the caller's promise.
    unsafe {
        let row = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let field = |number| {
            let mut null = false;
            let field = pg_sys::GetAttributeByNum(row, number, &mut null);
            (!null).then_some(field)
        };
        Some([field(1)?, field(2)?])
    }
}
