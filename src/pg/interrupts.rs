//! Cancellation.

use super::heap;
use pgrx::pg_sys;

/// Raises an error if the query was cancelled. No page may be locked.
#[inline]
pub fn check() {
    heap::check();
    pg_sys::check_for_interrupts!();
}

/// As [`check`], and sleeps as vacuum's cost limit wants it.
pub fn vacuum_delay() {
    // SAFETY: no page is locked.
    unsafe {
        #[cfg(feature = "pg18")]
        pg_sys::vacuum_delay_point(false);
        #[cfg(not(feature = "pg18"))]
        pg_sys::vacuum_delay_point();
    }
}
