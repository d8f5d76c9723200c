//! What scans did, for those who ask why rows are few or a query is slow.
//!
//! `hnsw_last_scan()` tells it of the scan that ended last in this session; from PostgreSQL 18 on
//! `EXPLAIN (ANALYZE)` tells it of each. A scan that ends by a limit while more rows are wanted warns.

use super::handler::export;
use super::settings;
use crate::pg::error::warn;
use hnsw::scan::{self, End};
use pgrx::pg_sys::{self, Datum};
use pgrx::{IntoDatum, JsonB};
use serde::Serialize;
use std::cell::{Cell, RefCell};

/// What a scan did, over all its rescans.
#[derive(Clone, Default, Serialize)]
pub struct Report {
    /// The index; `None` if there was no scan yet.
    pub index: Option<String>,
    /// Times that it was started.
    pub scans: u64,
    /// Nodes visited on level 0.
    pub nodes: u64,
    /// Searches: one for each start, and each time that it went on.
    pub batches: u64,
    /// Rows returned.
    pub rows: u64,
    /// Rows read from the table to be compared by their true distance.
    pub compared: u64,
    /// Rows that did not pass the conditions on key columns.
    pub rejected: u64,
    /// Nodes and rows left out because they turned up behind farther ones.
    pub late: u64,
    /// Why the last search gave no more rows: `exhausted`, `ef_search`, `max_scan_tuples`,
    /// `memory` or `radius`; `None` if no more were wanted.
    pub ended: Option<&'static str>,
}

impl Report {
    /// Adds what a search has done; `beyond`: it came to rows beyond the radius.
    pub fn add(&mut self, search: scan::Report, beyond: bool) {
        self.scans += 1;
        self.nodes += search.visits as u64;
        self.batches += search.batches as u64;
        self.late += search.late as u64;
        self.rejected += search.rejected as u64;
        self.ended = search.end.map(name).or(beyond.then_some("radius"));
    }

    /// Makes it what `hnsw_last_scan()` returns.
    pub fn publish(self, index: String) {
        let index = Some(index);
        LAST.set(Self { index, ..self });
    }
}

thread_local! {
    /// Of the scan that ended last. A backend has one thread that scans.
    static LAST: RefCell<Report> = RefCell::default();
    /// When the statement began that was warned about last.
    static WARNED: Cell<pg_sys::TimestampTz> = const { Cell::new(0) };
}

fn name(end: End) -> &'static str {
    match end {
        End::Exhausted => "exhausted",
        End::Beam => "ef_search",
        End::Visits => "max_scan_tuples",
        End::Memory => "memory",
    }
}

/// Warns, once a statement, if a limit keeps a scan from giving rows that are still wanted, or it left out
/// `late` rows; `beyond`: it came to rows beyond the radius.
pub fn warn_if_limited(index: &str, report: scan::Report, beyond: bool, late: u64) {
    let end = report.end.or(beyond.then_some(End::Exhausted));
    let (what, detail, hint) = match end {
        Some(End::Visits) => (
            "ended before it had all rows asked for",
            format!(
                "It visited {} nodes; hnsw.max_scan_tuples is {}.",
                report.visits,
                settings::max_scan_tuples()
            ),
            "Raise hnsw.max_scan_tuples, or index the columns of the filter.",
        ),
        Some(End::Memory) => (
            "ended before it had all rows asked for",
            format!(
                "After {} nodes, where to go on did not fit work_mem * hnsw.scan_mem_multiplier.",
                report.visits
            ),
            "Raise work_mem or hnsw.scan_mem_multiplier, or index the columns of the filter.",
        ),
        Some(End::Exhausted) if late > 0 => (
            "may have left out rows",
            format!(
                "It found {late} nodes or rows after farther ones had been returned, and left them out."
            ),
            "Raise hnsw.ef_search, or index the columns of the filter.",
        ),
        Some(End::Exhausted | End::Beam) | None => return,
    };
    // SAFETY: reads a variable of the session.
    let statement = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    if WARNED.replace(statement) != statement {
        warn(
            format!("scan of hnsw index \"{index}\" {what}"),
            detail,
            hint,
        );
    }
}

/// Adds to `EXPLAIN (ANALYZE)` what scans did.
#[cfg(feature = "pg18")]
pub mod explain {
    use super::super::scan;
    use pgrx::pg_sys::{self, ExplainState, List, NodeTag, PlanState};
    use std::ffi::{CStr, CString, c_char};
    use std::sync::OnceLock;

    type Hook = pg_sys::explain_per_node_hook_type;

    /// What was there before.
    static PREVIOUS: OnceLock<Hook> = OnceLock::new();

    /// Called when the library is loaded.
    pub fn define() {
        // SAFETY: a process of PostgreSQL has one thread when it loads a library.
        unsafe {
            PREVIOUS.get_or_init(|| pg_sys::explain_per_node_hook);
            pg_sys::explain_per_node_hook = Some(explain_node);
        }
    }

    unsafe extern "C-unwind" fn explain_node(
        node: *mut PlanState,
        ancestors: *mut List,
        relationship: *const c_char,
        plan_name: *const c_char,
        explain: *mut ExplainState,
    ) {
        // SAFETY: PostgreSQL passes a valid node of a plan and the state of an EXPLAIN.
        unsafe {
            if let Some(Some(previous)) = PREVIOUS.get() {
                previous(node, ancestors, relationship, plan_name, explain);
            }
            pgrx::pg_sys::panic::pgrx_extern_c_guard(|| {
                if (*explain).analyze && (*node).type_ == NodeTag::T_IndexScanState {
                    let node: *mut pg_sys::IndexScanState = node.cast();
                    explain_scan((*node).iss_ScanDesc, explain);
                }
            });
        }
    }

    /// # Safety
    /// `descriptor` is null or that of an index scan that has not ended.
    unsafe fn explain_scan(descriptor: pg_sys::IndexScanDesc, explain: *mut ExplainState) {
        // SAFETY: the caller's promise; the names are static.
        unsafe {
            let Some(report) = descriptor.as_mut().and_then(|d| scan::report(d)) else {
                return;
            };
            let number = |name: &CStr, value: u64| {
                let none = std::ptr::null();
                pg_sys::ExplainPropertyInteger(name.as_ptr(), none, value as i64, explain);
            };
            number(c"HNSW Nodes Visited", report.nodes);
            number(c"HNSW Searches", report.batches);
            number(c"HNSW Rows Compared", report.compared);
            number(c"HNSW Too Late", report.late);
            number(c"HNSW Rows Rejected", report.rejected);
            if let Some(ended) = report.ended {
                let ended = CString::new(ended).unwrap_or_default();
                pg_sys::ExplainPropertyText(c"HNSW Scan Ended".as_ptr(), ended.as_ptr(), explain);
            }
        }
    }
}

export!(hnsw_last_scan, pg_finfo_hnsw_last_scan, last_scan());

fn last_scan() -> Datum {
    let report = LAST.with_borrow(|last| serde_json::json!(last));
    JsonB(report).into_datum().unwrap_or(Datum::null())
}
