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
            let ordered = !(*path).indexorderbys.is_null();
            if !ordered && !planner::has_range(path) || planner::wants_null(path) {
                // The index returns rows by distance only, and only those that have one.
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
            let ef = settings::ef_search() as f64;
            let visits = match planner::has_keys(path) {
                true => filtered_visits(&costs, m, ef),
                false => visits(&costs, m, ef),
            };
            *startup = startup_cost(&costs, m, size, visits);
            // A condition that does not end the scan is checked for each row of the table.
            let share = match planner::has_range(path) && !range::ends_scan(path) {
                true => 1.0,
                false => costs.selectivity,
            };
            let whole = costs.whole / costs.selectivity.max(f64::MIN_POSITIVE) * share;
            *total = whole.max(*startup) + costs.rows * share * visit_cost(&costs, m);
            *selectivity = share;
            *pages = costs.index_pages;
        })
    }
}

/// Nodes visited to find the nearest `ef` rows.
fn visits(costs: &Costs, m: f64, ef: f64) -> f64 {
    let levels = (costs.rows.ln() / (32.0 * m).ln()).floor();
    let visits = ef * (VISITS_PER_PLACE + GROWTH * costs.rows.ln()) + levels * VISITS_PER_LEVEL;
    visits.min(costs.rows)
}

/// The same of those that meet conditions on key columns: either all of them are visited, which takes less
/// for each, or a search has more nodes that steer the fewer match.
fn filtered_visits(costs: &Costs, m: f64, ef: f64) -> f64 {
    let share = costs.selectivity.max(1e-9);
    let matching = costs.rows * share;
    let steering = (hnsw::filtered::COMMON / share).max(hnsw::filtered::STEERING.0);
    let searched = visits(costs, m, ef * (1.0 + steering));
    let gathered = matching * visits(costs, m, ef) / ef / hnsw::filtered::GATHERED_PER_NODE;
    searched.min(gathered.max(1.0))
}

/// Cost of visiting so many nodes, whose values have about `size` bytes.
fn startup_cost(costs: &Costs, m: f64, size: f64, visits: f64) -> f64 {
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
