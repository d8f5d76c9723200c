//! What a scan costs.
//!
//! A scan visits about one page for each candidate that it expands, wherever it is; what it visits
//! before its first row is the startup cost. The total is the cost of going on until all rows have
//! been returned, so that a LIMIT is charged for its share of it.

use super::options::Options;
use super::{metric, range, settings};
use crate::pg::planner::{self, Costs};
use hnsw::Storage;
use pgrx::pg_sys::{self, Cost, IndexPath, PlannerInfo, Selectivity};

/// Candidates expanded for each place in the beam, in an index of e rows; more in larger ones.
const VISITS_PER_PLACE: f64 = 1.5;
/// Growth of that for each e-fold of rows.
const GROWTH: f64 = 0.03;
/// Visits on each level above the lowest.
const VISITS_PER_LEVEL: f64 = 4.0;
/// Neighbours whose codes are compared in the time of one operator.
const CODES_PER_OPERATOR: f64 = 8.0;
/// Values longer than this are moved out of the table's own pages, which is where the planner's
/// cost of a sequential scan ends.
const TOAST_THRESHOLD: f64 = 2000.0;

pub unsafe extern "C-unwind" fn amcostestimate(
    root: *mut PlannerInfo,
    path: *mut IndexPath,
    loop_count: f64,
    startup: *mut Cost,
    total: *mut Cost,
    selectivity: *mut Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
) {
    // SAFETY: PostgreSQL passes a valid path and places for the results.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            *correlation = 0.0;
            if (*path).indexorderbys.is_null() && (*path).indexclauses.is_null() {
                // The index returns rows by distance only.
                *startup = f64::INFINITY;
                *total = f64::INFINITY;
                *selectivity = 0.0;
                *pages = 0.0;
                #[cfg(feature = "pg18")]
                {
                    (*path).path.disabled_nodes = 2;
                }
                return;
            }
            let costs = planner::costs(root, path, loop_count);
            let (m, size) = planner::with_index(path, |index| {
                let (metric, _) = metric::of(index);
                let dims = f64::from(index.first_column().1);
                let size = match metric.only_storage() {
                    None => 4.0 * dims,
                    Some(Storage::Bits) => dims / 8.0,
                    // Depends on the values, most of which are short.
                    Some(_) => 0.0,
                };
                (f64::from(Options::of(index).m()), size)
            });
            *startup = startup_cost(&costs, m, size, settings::ef_search() as f64);
            // A condition that does not end the scan is checked for each row of the table.
            let share = match range::ends_scan(path) {
                true => costs.selectivity,
                false => 1.0,
            };
            let whole = costs.whole / costs.selectivity * share;
            *total = whole.max(*startup) + costs.rows * share * visit_cost(&costs, m);
            *selectivity = share;
            *pages = costs.index_pages;
        })
    }
}

/// Cost of finding the nearest `ef` rows, whose values have about `size` bytes.
fn startup_cost(costs: &Costs, m: f64, size: f64, ef: f64) -> f64 {
    let levels = (costs.rows.ln() / (32.0 * m).ln()).floor();
    let visits = ef * (VISITS_PER_PLACE + GROWTH * costs.rows.ln()) + levels * VISITS_PER_LEVEL;
    let visits = visits.min(costs.rows);
    let mut reading = visits.min(costs.index_pages) * costs.random_page;
    if size > TOAST_THRESHOLD {
        // A sequential scan reads all values, but is charged for the pages of the table only; to
        // be compared with it, this must not be charged for more.
        reading = reading.min(costs.table_pages * costs.sequential_page);
    }
    reading + visits * visit_cost(costs, m)
}

/// Cost of what is computed on one page.
fn visit_cost(costs: &Costs, m: f64) -> f64 {
    (1.0 + 2.0 * m / CODES_PER_OPERATOR) * costs.operator
}
