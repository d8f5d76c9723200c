//! How many rows a query takes from an index scan at most: the LIMIT above it.
//!
//! PostgreSQL tells its sorts of a LIMIT, but not its index scans. So when execution begins, plans are
//! looked through for a Limit above an index scan that orders, with only such nodes in between as
//! give at most one row for each that they take: a filter takes more from the scan, not less. The
//! scan is known by its keys for the order, which PostgreSQL passes to the access method as they are.

use super::ffi;
use super::memory::{self, Context};
use pgrx::pg_sys::{
    self, IndexScanState, LimitState, NodeTag, PlanState, QueryDesc, ScanKeyData, SubqueryScanState,
};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

/// What was there before.
static PREVIOUS: OnceLock<pg_sys::ExecutorStart_hook_type> = OnceLock::new();

thread_local! {
    /// Of the queries that are executed.
    static LIMITS: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// A scan and the LIMIT above it; both live as long as the query's memory context.
struct Known {
    keys: *const ScanKeyData,
    limit: Limit,
}

/// The LIMIT above a scan.
#[derive(Clone, Copy)]
pub struct Limit(*const LimitState);

/// The scans of one query; known as long as this lives.
struct Scans(Vec<*const ScanKeyData>);

impl Drop for Scans {
    fn drop(&mut self) {
        LIMITS.with_borrow_mut(|limits| limits.retain(|known| !self.0.contains(&known.keys)));
    }
}

impl Limit {
    /// That above the scan with these keys for the order, if there is one.
    pub fn above(keys: *const ScanKeyData) -> Option<Self> {
        LIMITS.with_borrow(|limits| {
            let mut limits = limits.iter();
            limits.find(|known| known.keys == keys).map(|k| k.limit)
        })
    }

    /// Rows that the query takes, those that OFFSET leaves out included; `None` if it takes all.
    ///
    /// # Safety
    /// The scan is being executed.
    pub unsafe fn rows(self) -> Option<usize> {
        // SAFETY: the caller's promise; PostgreSQL computes the numbers before it asks for a row.
        let limit = unsafe { &*self.0 };
        let rows = limit.count.saturating_add(limit.offset);
        (!limit.noCount).then(|| usize::try_from(rows).unwrap_or(0))
    }
}

/// Called when the library is loaded.
pub fn define() {
    // SAFETY: a process of PostgreSQL has one thread when it loads a library.
    unsafe {
        PREVIOUS.get_or_init(|| pg_sys::ExecutorStart_hook);
        pg_sys::ExecutorStart_hook = Some(start);
    }
}

unsafe extern "C-unwind" fn start(query: *mut QueryDesc, flags: c_int) {
    // SAFETY: PostgreSQL passes a query; after its start the states of its plan are there.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            match PREVIOUS.get() {
                Some(Some(previous)) => {
                    pg_sys::ffi::pg_guard_ffi_boundary(|| previous(query, flags));
                }
                _ => pg_sys::standard_ExecutorStart(query, flags),
            }
            let mut scans = Vec::new();
            look((*query).planstate, (&raw mut scans).cast());
            if scans.is_empty() {
                return;
            }
            let keys = scans.iter().map(|known: &Known| known.keys).collect();
            let context = Context::of_query((*query).estate);
            context.run(|| memory::drop_with_context(Scans(keys)));
            LIMITS.with_borrow_mut(|limits| limits.extend(scans));
        });
    }
}

/// Adds the scans below a node to those of the query.
///
/// # Safety
/// `scans` is a `Vec<Known>`.
unsafe extern "C-unwind" fn look(node: *mut PlanState, scans: *mut c_void) -> bool {
    // SAFETY: the caller's promise; the tag says what a node is.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            if (*node).type_ == NodeTag::T_LimitState
                && let Some(keys) = keys_below((*node).lefttree)
            {
                let limit = Limit(node.cast());
                (*scans.cast::<Vec<Known>>()).push(Known { keys, limit });
            }
            ffi::each_plan_below(node, look, scans);
            false
        })
    }
}

/// The keys for the order of the scan that a node's rows come from, at most one for each of the scan's.
///
/// # Safety
/// A node of a plan that is executed.
unsafe fn keys_below(mut node: *mut PlanState) -> Option<*const ScanKeyData> {
    // SAFETY: the caller's promise; the tag says what a node is.
    unsafe {
        loop {
            match (*node).type_ {
                NodeTag::T_LockRowsState | NodeTag::T_ResultState => node = (*node).lefttree,
                NodeTag::T_SubqueryScanState => {
                    node = (*node.cast::<SubqueryScanState>()).subplan;
                }
                NodeTag::T_IndexScanState => {
                    let scan = &*node.cast::<IndexScanState>();
                    return (scan.iss_NumOrderByKeys > 0)
                        .then_some(scan.iss_OrderByKeys.cast_const());
                }
                _ => return None,
            }
            if node.is_null() {
                return None;
            }
        }
    }
}
