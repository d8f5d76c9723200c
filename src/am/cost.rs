//! What a scan costs.
//!
//! A scan visits about one page for each candidate that it expands, wherever it is; what it visits
//! before its first row is the startup cost. The total is the cost of going on until all rows have
//! been returned, so that a LIMIT is charged for its share of it.

use super::keys::Keys;
use super::options::Options;
use super::{metric, range, settings};
use crate::pg::planner::{self, Asked, Costs, KeyCondition};
use crate::types::IndexedType;
use hnsw::Storage;
use hnsw::filtered::{self, SAMPLED};
use hnsw::keys::false_positives;
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
/// The part of the matching nodes that a search visits before it rather gathers the others.
const VISITED_BEFORE_GATHERING: f64 = 1.0 / 3.0;
/// Elements of an array that nobody has counted.
const ELEMENTS: f64 = 10.0;
/// Less is none, as a share.
const LEAST_SHARE: f64 = 1e-9;
/// Bytes of a code in the map.
const CODE: f64 = 2.0;
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
            let has_range = planner::has_range(path);
            if orders == 0 && !has_range || orders > 1 || planner::wants_null(path) {
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
            let leaves_out = !has_range || range::ends_scan(path);
            let costs = planner::costs(root, path, loop_count, leaves_out);
            let conditions = planner::key_conditions(path);
            let (m, size, told) = planner::with_index((*(*path).indexinfo).indexoid, |index| {
                let (metric, indexed) = metric::of(index);
                let dims = f64::from(index.first_column().1);
                let size = match metric.only_storage() {
                    None if indexed == IndexedType::Halfvec => 2.0 * dims,
                    None => 4.0 * dims,
                    Some(Storage::Bits) => dims / 8.0,
                    // Depends on the values, most of which are short.
                    Some(_) => 0.0,
                };
                let told = match conditions.as_slice() {
                    [] => Vec::new(),
                    conditions => {
                        let keys = Keys::of(index);
                        let told = |c| Told::of(&keys, c);
                        conditions.iter().map(told).collect()
                    }
                };
                (f64::from(Options::of(index).m()), size, told)
            });
            let settings = settings::scan(false);
            let ef = match costs.limit {
                Some(rows) if !has_range => settings.for_rows(rows as usize).ef,
                _ => settings.ef,
            } as f64;
            let work = if conditions.is_empty() {
                Work::plain(&costs, m, ef)
            } else {
                let all = planner::selectivity(root, path, conditions.iter());
                let of = |kind: Told| {
                    let conditions = conditions.iter().zip(&told);
                    conditions.filter_map(move |(c, told)| (*told == kind).then_some(c))
                };
                let mut told = planner::selectivity(root, path, of(Told::Exactly));
                for condition in of(Told::Vaguely) {
                    let exact = planner::selectivity_of(root, condition);
                    let elements = planner::elements_on_average(root, condition);
                    let others = false_positives(elements.unwrap_or(ELEMENTS));
                    told *= exact + (1.0 - exact) * others;
                }
                let told = told.max(LEAST_SHARE);
                let filter = Filter {
                    columns: f64::from((*(*path).indexinfo).nkeycolumns - 1),
                    share: costs.share_of(told).max(LEAST_SHARE),
                    passing: (all / told).clamp(LEAST_SHARE, 1.0),
                    most: (settings.memory / filtered::GATHERED) as f64,
                };
                Work::filtered(&costs, m, ef, &filter)
            };
            // What a beam comes back to is in memory.
            let pages_of_first = work.first.min(costs.index_pages);
            *startup = work.opening + reading(&costs, m, size, work.first, pages_of_first);
            // Of two that visit the same nodes, the one that returns fewer rows is the better.
            let returning = costs.returned() * costs.operator;
            *total = *startup + reading(&costs, m, size, work.on, work.on) + returning;
            *selectivity = costs.selectivity;
            *pages = costs.index_pages;
        })
    }
}

/// How well sketches tell which nodes may meet a condition.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Exactly,
    /// Elements of sets share bits.
    Vaguely,
    NotAtAll,
}

impl Told {
    fn of(keys: &Keys, condition: &KeyCondition) -> Self {
        match condition.what {
            _ if !keys.tell(condition) => Told::NotAtAll,
            Asked::Operator { .. } if keys.is_set(condition.column) => Told::Vaguely,
            _ => Told::Exactly,
        }
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
            on: VISITS_PER_ROW * costs.returned() * beyond(costs, ef),
        }
    }

    /// With conditions on key columns: either all nodes that match are visited, or a search has more nodes that
    /// steer the fewer match, until it has visited as many as match; then it visits these. Conditions that
    /// sketches do not tell make it search on, among nodes of which only some have rows that pass.
    fn filtered(costs: &Costs, m: f64, ef: f64, filter: &Filter) -> Self {
        let matching = (costs.rows * filter.share).max(1.0);
        let map = (costs.rows * CODE * filter.columns / f64::from(pg_sys::BLCKSZ)).ceil();
        let sampled = map.min(f64::from(SAMPLED));
        let opening = (OPENING + sampled) * costs.random_page;
        let whole = opening + (map - sampled) * costs.sequential_page;
        if filtered::gathers(matching, filter.share, ef) && matching <= filter.most {
            return Self {
                opening: whole,
                first: VISITS_PER_GATHERED * matching,
                on: 0.0,
            };
        }
        let steering = filtered::steering(filter.share);
        let first = visits(costs, m, ef * (1.0 + steering)) / filter.passing;
        let before = VISITED_BEFORE_GATHERING * matching;
        if first > before && matching <= filter.most {
            return Self {
                opening: whole,
                first: before + VISITS_PER_GATHERED * (matching - before),
                on: 0.0,
            };
        }
        Self {
            opening,
            first,
            on: VISITS_PER_ROW
                * (costs.returned() / filter.passing).min(matching)
                * beyond(costs, ef),
        }
    }
}

/// Conditions on key columns.
struct Filter {
    /// Key columns of the index.
    columns: f64,
    /// Share of the index's rows that meet those which sketches tell.
    share: f64,
    /// Share of these that meet the others.
    passing: f64,
    /// Nodes that may be gathered.
    most: f64,
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
