//! Random numbers.

use pgrx::pg_sys;

/// A number in (0, 1].
pub fn uniform() -> f64 {
    // SAFETY: the state is this backend's own.
    1.0 - unsafe { pg_sys::pg_prng_double(&raw mut pg_sys::pg_global_prng_state) }
}

/// A seed for something that lasts.
pub fn seed() -> u64 {
    // SAFETY: the state is this backend's own.
    unsafe { pg_sys::pg_prng_uint64(&raw mut pg_sys::pg_global_prng_state) }
}
