//! What the planner knows of an index.

use super::relation::Relation;
use pgrx::pg_sys::{self, IndexPath, PlannerInfo};

/// Estimates for a scan of an index, and what they are made of.
pub struct Costs {
    /// Rows in the index.
    pub rows: f64,
    /// Pages of the index.
    pub index_pages: f64,
    /// Pages of the table.
    pub table_pages: f64,
    /// Cost of reading all pages of the index, and its rows, in any order.
    pub whole: f64,
    /// Share of the table's rows that the scan returns.
    pub selectivity: f64,
    /// Cost of a page read anywhere, and in sequence.
    pub random_page: f64,
    /// Cost of a page read in sequence.
    pub sequential_page: f64,
    /// Cost of an operator's call.
    pub operator: f64,
}

/// # Safety
/// `root` and `path` are those of a call of `amcostestimate`.
pub unsafe fn costs(root: *mut PlannerInfo, path: *mut IndexPath, loop_count: f64) -> Costs {
    // SAFETY: the caller's promise.
    unsafe {
        let mut generic = pg_sys::GenericCosts::default();
        pg_sys::genericcostestimate(root, path, loop_count, &mut generic);
        let index = &*(*path).indexinfo;
        let (mut random_page, mut sequential_page) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs(
            index.reltablespace,
            &mut random_page,
            &mut sequential_page,
        );
        Costs {
            rows: index.tuples.max(1.0),
            index_pages: f64::from(index.pages).max(1.0),
            table_pages: f64::from((*index.rel).pages).max(1.0),
            whole: generic.indexTotalCost,
            selectivity: generic.indexSelectivity,
            random_page,
            sequential_page,
            operator: pg_sys::cpu_operator_cost,
        }
    }
}

/// Opens the index of a path, which the planner has locked.
///
/// # Safety
/// As for [`costs`].
pub unsafe fn with_index<R>(path: *mut IndexPath, f: impl FnOnce(Relation) -> R) -> R {
    // SAFETY: the caller's promise.
    unsafe {
        let lock = pg_sys::NoLock as i32;
        let relation = pg_sys::index_open((*(*path).indexinfo).indexoid, lock);
        let result = f(Relation::new(relation));
        pg_sys::index_close(relation, lock);
        result
    }
}
