//! What a scan costs.
//!
//! A scan visits about one page for each candidate that it expands, wherever it is; what it visits
//! before its first row is the startup cost. The total is the cost of going on until all rows have
//! been returned, so that a LIMIT is charged for its share of it.

use super::options::Options;
use super::{metric, range, settings};
use crate::pg::planner::{self, Costs};
use crate::types::IndexedType;
use hnsw::Storage;
use hnsw::filtered;
use pgrx::pg_sys::{self, Cost, IndexPath, PlannerInfo, Selectivity};

/// Candidates expanded for each place in the beam, in an index of e rows; more in larger ones.
const VISITS_PER_PLACE: f64 = 1.5;
/// Growth of that for each e-fold of rows.
const GROWTH: f64 = 0.03;
/// Visits on each level above the lowest.
const VISITS_PER_LEVEL: f64 = 4.0;
/// Visits for each row of a scan that goes on.
const VISITS_PER_ROW: f64 = 2.0;
/// The share of a beam that is returned before a scan goes on.
const RETURNED: f64 = 0.75;
/// Visits for each node of those that are gathered, in the order of pages.
const VISITS_PER_GATHERED: f64 = 0.25;
/// Pages read before the search: the metapage, and what describes columns and levels.
const OPENING: f64 = 2.0;
/// Neighbours whose codes are compared in the time of one operator.
const CODES_PER_OPERATOR: f64 = 8.0;
/// Values longer than this are moved out of the table's own pages.
const TOAST_THRESHOLD: f64 = 2000.0;
/// Pages read to find such a value.
const TOAST_INDEX_PAGES: f64 = 2.0;

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
            let orders = pg_sys::list_length((*path).indexorderbys);
            let ordered = orders > 0;
            if !ordered && !planner::has_range(path) || orders > 1 || planner::wants_null(path) {
                // The index returns rows by one distance only, and only those that have one.
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
            // A range that does not end the scan is checked for each row of the table.
            let leaves_out = !planner::has_range(path) || range::ends_scan(path);
            let costs = planner::costs(root, path, loop_count, leaves_out);
            let (m, size) = planner::with_index((*(*path).indexinfo).indexoid, |index| {
                let (metric, indexed) = metric::of(index);
                let dims = f64::from(index.first_column().1);
                let size = match metric.only_storage() {
                    None if indexed == IndexedType::Halfvec => 2.0 * dims,
                    None => 4.0 * dims,
                    Some(Storage::Bits) => dims / 8.0,
                    // Depends on the values, most of which are short.
                    Some(_) => 0.0,
                };
                (f64::from(Options::of(index).m()), size)
            });
            let settings = settings::scan(false);
            let ef = match costs.limit {
                Some(rows) if !planner::has_range(path) => settings.for_rows(rows as usize).ef,
                _ => settings.ef,
            } as f64;
            let work = match planner::has_keys(path) {
                true => Work::filtered(&costs, m, ef),
                false => Work::plain(&costs, m, ef),
            };
            // What a beam comes back to is in memory.
            let pages_of_first = work.first.min(costs.index_pages);
            *startup = work.opening + reading(&costs, m, size, work.first, pages_of_first);
            *total = *startup + reading(&costs, m, size, work.on, work.on);
            *selectivity = costs.selectivity;
            *pages = costs.index_pages;
        })
    }
}

/// What a scan does, in visits.
struct Work {
    /// What it costs to begin.
    opening: Cost,
    /// Visits before the first row.
    first: f64,
    /// Visits from there to the last row.
    on: f64,
}

impl Work {
    /// Without conditions, or with one on the distance alone, which ends the scan.
    fn plain(costs: &Costs, m: f64, ef: f64) -> Self {
        Self {
            opening: OPENING * costs.random_page,
            first: visits(costs, m, ef),
            on: VISITS_PER_ROW * costs.rows * costs.share() * beyond(costs, ef),
        }
    }

    /// With conditions on key columns: either all nodes that match are visited, or a search has more nodes that
    /// steer the fewer match, until it has visited as many as match; then it visits these.
    fn filtered(costs: &Costs, m: f64, ef: f64) -> Self {
        let share = costs.share().max(1e-9);
        let matching = (costs.rows * share).max(1.0);
        let map = costs.rows * 2.0 / f64::from(pg_sys::BLCKSZ) * costs.sequential_page;
        let opening = OPENING * costs.random_page + map;
        if filtered::gathers(matching, share, ef) {
            return Self {
                opening,
                first: VISITS_PER_GATHERED * matching,
                on: 0.0,
            };
        }
        let steering = filtered::steering(share);
        Self {
            opening,
            first: visits(costs, m, ef * (1.0 + steering)),
            on: VISITS_PER_ROW * matching * beyond(costs, ef),
        }
    }
}

/// The part of the wanted rows that a scan has to go on for. Costs are a straight line from the first row to the
/// last; this makes it meet what the wanted ones cost.
fn beyond(costs: &Costs, ef: f64) -> f64 {
    (1.0 - RETURNED * ef / costs.wanted).max(0.0)
}

/// Nodes visited to find the nearest `ef` rows.
fn visits(costs: &Costs, m: f64, ef: f64) -> f64 {
    let levels = (costs.rows.ln() / (32.0 * m).ln()).floor();
    let visits = ef * (VISITS_PER_PLACE + GROWTH * costs.rows.ln()) + levels * VISITS_PER_LEVEL;
    visits.min(costs.rows)
}

/// Cost of so many visits, and of reading so many pages for them.
fn reading(costs: &Costs, m: f64, size: f64, visits: f64, pages: f64) -> Cost {
    pages * costs.random_page * charged(costs, size) + visits * visit_cost(costs, m)
}

/// The part of what it takes that the planner charges a sequential scan for, whose cost must be comparable:
/// it ends with the pages of the table, but for each row that passes the other conditions the scan
/// reads a value of about `size` bytes, which may be elsewhere.
fn charged(costs: &Costs, size: f64) -> f64 {
    if size <= TOAST_THRESHOLD {
        return 1.0;
    }
    let scan = costs.table_pages * costs.sequential_page + costs.table_rows * costs.tuple;
    let pages = TOAST_INDEX_PAGES + size / f64::from(pg_sys::BLCKSZ);
    let values = costs.table_rows * costs.passing * pages * costs.sequential_page;
    scan / (scan + values)
}

/// Cost of what is computed on one page.
fn visit_cost(costs: &Costs, m: f64) -> f64 {
    (1.0 + 2.0 * m / CODES_PER_OPERATOR) * costs.operator
}
