//! `pg_stat_progress_create_index`.

use pgrx::pg_sys;

/// What the view shows of a build.
#[derive(Clone, Copy)]
pub enum Parameter {
    /// The phase, by the number that `ambuildphasename` knows.
    Subphase = pg_sys::PROGRESS_CREATEIDX_SUBPHASE as isize,
    /// Estimate of the rows to index.
    TuplesTotal = pg_sys::PROGRESS_CREATEIDX_TUPLES_TOTAL as isize,
    /// Rows indexed.
    TuplesDone = pg_sys::PROGRESS_CREATEIDX_TUPLES_DONE as isize,
}

/// Updates one value of the view.
pub fn update(parameter: Parameter, value: i64) {
    // SAFETY: the parameter is one of the view's.
    unsafe { pg_sys::pgstat_progress_update_param(parameter as i32, value) }
}
