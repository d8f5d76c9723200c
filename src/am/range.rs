//! Conditions on the distance: `WHERE column <-> value < radius`.
//!
//! PostgreSQL gives an index only conditions that have its column on one side. So before it makes
//! paths from an index, the condition is said in another way that has: `column <<->> ROW(value,
//! radius)`, "within a distance", the operator of strategy [`support::WITHIN`]. It is derived
//! where the original is, and only for the index: the original stays and is checked for each row,
//! so that `<` may become `<=`. A similarity above a threshold, `1 - (column <=> value) > threshold`, is a distance
//! below one, too. Joins and conditions that only later have a value come by the same
//! way to parameterised paths.

use super::{cost, metric, support};
use crate::pg::catalog::{self, Operator};
use crate::pg::error::raise;
use crate::pg::memory::Context;
use crate::pg::planner::Derived;
use crate::pg::store::PgStore;
use crate::pg::{planner, row};
use crate::types::Detoasted;
use hnsw::query::Query;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{
    self, Datum, Index, IndexScanDescData, PlannerInfo, RangeTblEntry, RelOptInfo, ScanKeyData,
};
use std::sync::OnceLock;

/// Nodes that tell how many are within a distance, while a query is planned.
const SAMPLE: u32 = 32;

/// What was there before.
static PREVIOUS: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// Called when the library is loaded, which is before the paths of a table are made that has an
/// index of ours: the index is open by then.
pub fn define() {
    // SAFETY: a process of PostgreSQL has one thread when it loads a library.
    unsafe {
        PREVIOUS.get_or_init(|| pg_sys::set_rel_pathlist_hook);
        pg_sys::set_rel_pathlist_hook = Some(add_paths);
    }
}

unsafe extern "C-unwind" fn add_paths(
    root: *mut PlannerInfo,
    table: *mut RelOptInfo,
    number: Index,
    entry: *mut RangeTblEntry,
) {
    // SAFETY: PostgreSQL passes a relation whose paths it has made, and what it was made from.
    unsafe {
        if let Some(Some(previous)) = PREVIOUS.get() {
            previous(root, table, number, entry);
        }
        pg_sys::panic::pgrx_extern_c_guard(|| {
            if planner::has_index_paths(table, entry) {
                for index in planner::indexes(table) {
                    add_paths_of(root, table, index);
                }
            }
        });
    }
}

/// # Safety
/// As for [`planner::add_paths`].
unsafe fn add_paths_of(
    root: *mut PlannerInfo,
    table: *mut RelOptInfo,
    index: *mut pg_sys::IndexOptInfo,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let ours = cost::amcostestimate as *const ();
        if (*index)
            .amcostestimate
            .is_none_or(|f| f as *const () != ours)
        {
            return;
        }
        let operators = catalog::operators(*(*index).opfamily);
        let of_strategy = |strategy| {
            operators
                .iter()
                .find(|o: &&Operator| o.strategy == strategy)
        };
        if let (Some(distance), Some(within)) =
            (of_strategy(support::ORDER), of_strategy(support::WITHIN))
        {
            // Costs would tell of rows that a policy or a view hides where they are.
            let may_sample = (*root).qual_security_level == 0;
            planner::add_paths(root, table, index, |clause| {
                within_distance(clause, index, distance, within, may_sample)
            });
        }
    }
}

/// The condition `column within (value, radius)` that follows from a condition.
///
/// # Safety
/// `clause` and `index` are the planner's.
unsafe fn within_distance(
    clause: *mut pg_sys::Expr,
    index: *mut pg_sys::IndexOptInfo,
    distance: &Operator,
    within: &Operator,
    may_sample: bool,
) -> Option<Derived> {
    // SAFETY: the caller's promise.
    unsafe {
        // The column and what it is compared with, if that is by the distance.
        let sides = |compared| {
            let (operator, [left, right]) = planner::operator_call(compared)?;
            match operator == distance.oid {
                true if planner::is_column(left, index) => Some((left, right)),
                true if planner::is_column(right, index) => Some((right, left)),
                _ => None,
            }
        };
        let (column, value, radius) =
            planner::upper_bounds(clause)
                .into_iter()
                .find_map(|(compared, bound)| {
                    let (column, value) = sides(compared)?;
                    Some((column, value, bound))
                })?;
        let [_, sphere] = within.arguments;
        let known = (planner::constant(value), planner::constant(radius));
        let selectivity = match known {
            (Some(centre), Some(radius)) if may_sample => {
                share(index, centre, f64::from_bits(radius.value() as u64))
            }
            _ => None,
        };
        let sphere = planner::row(sphere, [value, radius]);
        Some(Derived {
            clause: planner::condition(within.oid, column, sphere),
            selectivity,
        })
    }
}

/// The share of rows within `radius` of `centre`, from a few nodes of the index; `None` if there are none, or none
/// of these is within.
///
/// # Safety
/// `index` is the planner's, and `centre` a value of the type of its first column.
unsafe fn share(index: *mut pg_sys::IndexOptInfo, centre: Datum, radius: f64) -> Option<f64> {
    // SAFETY: the caller's promise.
    unsafe {
        planner::with_index((*index).indexoid, |relation| {
            let store = PgStore::new(relation);
            let index = hnsw::Index::open(&store).ok()?;
            let (_, indexed) = metric::of(relation);
            let value = indexed.read(centre);
            let x = value.vector();
            if x.dims() != index.layout().params.dims as usize {
                return None;
            }
            let share = index.share_within(&Query::new(&index, x), radius, SAMPLE);
            share.ok().flatten().filter(|&share| share > 0.0)
        })
    }
}

/// Whether a condition that a path gives to its index ends the scan at a radius: without an order, or
/// if that is by the distance from the same value.
///
/// # Safety
/// `path` is that of a call of `amcostestimate`.
pub unsafe fn ends_scan(path: *mut pg_sys::IndexPath) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let (conditions, orders) = planner::keys(path);
        let arguments = |node| planner::operator_call(node).map(|(_, arguments)| arguments);
        let Some(order) = orders.first().and_then(|&order| arguments(order)) else {
            return !conditions.is_empty();
        };
        conditions
            .into_iter()
            .filter_map(arguments)
            .filter_map(|[_, sphere]| planner::row_fields(sphere).first().copied())
            .any(|centre| order.iter().any(|&from| planner::same(from, centre)))
    }
}

/// What the keys of a scan ask for.
pub struct Goal {
    /// What distances are from; `None` for NULL.
    pub centre: Option<Detoasted<'static>>,
    /// Rows farther than this are not wanted.
    pub radius: f64,
    /// Which rows the executor has to check.
    pub check: Check,
    /// No row is wanted.
    pub nothing: bool,
}

/// Which rows of a scan may not meet its conditions.
pub enum Check {
    /// None: there are no conditions.
    None,
    /// Those whose distance may be above the radius.
    Far,
    /// All: a condition is on the distance from something else.
    All,
}

impl Check {
    /// Whether a row has to be checked whose distance is at most `upper`.
    pub fn needs(&self, upper: f64, radius: f64) -> bool {
        match self {
            Check::None => false,
            Check::Far => upper > radius || upper.is_nan(),
            Check::All => true,
        }
    }
}

/// Reads the keys of a scan. Without an order, distances are from the centre of the first
/// condition.
///
/// # Safety
/// The keys of the scan are set, and `context` is its own.
pub unsafe fn goal(scan: &IndexScanDescData, context: Context) -> Goal {
    // SAFETY: the arrays have as many keys; their arguments are of the types of the operators.
    // Copies are freed by whoever gets them, or here.
    unsafe {
        let keys = |first: *mut ScanKeyData, count: i32| match count {
            0 => &[],
            _ => std::slice::from_raw_parts(first, count as usize),
        };
        let is_null = |key: &ScanKeyData| key.sk_flags & pg_sys::SK_ISNULL as i32 != 0;
        let detoast = |value| context.run(|| Detoasted::new(value));
        let order = keys(scan.orderByData, scan.numberOfOrderBys).first();
        let mut goal = Goal {
            centre: order
                .filter(|key| !is_null(key))
                .map(|key| detoast(key.sk_argument)),
            radius: f64::INFINITY,
            check: Check::None,
            nothing: false,
        };
        let mut needs_centre = order.is_none();
        for key in keys(scan.keyData, scan.numberOfKeys) {
            if key.sk_attno != 1 || key.sk_strategy != support::WITHIN as u16 {
                continue;
            }
            let sphere = (!is_null(key))
                .then(|| context.run(|| row::fields(key.sk_argument)))
                .flatten();
            let Some([centre, radius]) = sphere else {
                goal.nothing = true;
                return goal;
            };
            let centre = detoast(centre);
            if std::mem::take(&mut needs_centre) {
                goal.centre = Some(centre);
            } else {
                let same = |other: &Detoasted| other.payload() == centre.payload();
                let from_here = goal.centre.as_ref().is_some_and(same);
                centre.free();
                if !from_here {
                    goal.check = Check::All;
                    continue;
                }
            }
            let radius = f64::from_bits(radius.value() as u64);
            // Nothing is above what is not a number, as PostgreSQL has it.
            goal.radius = goal.radius.min(radius);
            if matches!(goal.check, Check::None) {
                goal.check = Check::Far;
            }
        }
        if needs_centre {
            let message = "cannot scan hnsw index without order";
            raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, message);
        }
        goal
    }
}
