//! Distances that nobody reads.
//!
//! `SELECT id FROM t ORDER BY v <-> $1` has the distance as a column of its own, marked as junk: a
//! sort would read it. With an index that orders none does, but the executor computes it for each row
//! all the same, and where vectors are kept out of line it fetches one for that. So in a finished plan
//! such columns of a scan become NULL, where nothing can read them.
//!
//! The planner marks a column of a scan as junk where the query or subquery ends in it, or with nodes
//! that hand on its columns, and where a node above needs one more to sort or merge by. So what
//! matters is which nodes are between the scan and the end:
//!
//! - Limit and Material hand on rows as they are; WITH TIES compares them, and is left alone.
//! - LockRows reads only the junk that says which row it is. When a row has changed, it runs the nodes
//!   below again, for the same columns.
//! - All others may compare or compute: Sort, Unique, MergeAppend, Result.
//!
//! The end is that of the plan, or a Limit, wherever it stands: a subquery need not have a node of its
//! own. What is above a Limit in the same query does not compare the distance: it has the one row that
//! a DISTINCT leaves, or sorts for a UNION by columns that are not junk. Beyond the end nobody reads
//! junk: the executor leaves it out of results, whole rows and what it takes from sub-plans, and the
//! planner refers only to the other columns of a subquery, in orders too. The scan itself takes order
//! and conditions from lists of its own, with which it also checks that the user may call the operator.
//!
//! The column keeps its place and type. Expressions may be shared by nodes, columns are not: the
//! column is given another expression.
//!
//! A statement that makes a backend load the library while it is planned is planned without this.
//! One with a value of a type of ours has loaded it before.

use super::planner::{elements, with_index};
use super::relation::Relation;
use pgrx::pg_sys::{
    self, Append, IndexScan, Limit, LimitOption, MergeAppend, Node, NodeTag, ParamListInfo, Plan,
    PlannedStmt, Query, SubqueryScan, TargetEntry,
};
use std::ffi::{c_char, c_int};
use std::sync::OnceLock;

/// Says whether an index is of the access method that this is for.
type IsOurs = fn(Relation) -> bool;

/// What was there before, and which indexes this is for.
static DEFINED: OnceLock<(pg_sys::planner_hook_type, IsOurs)> = OnceLock::new();

/// Called when the library is loaded.
pub fn define(is_ours: IsOurs) {
    // SAFETY: a process of PostgreSQL has one thread when it loads a library.
    unsafe {
        DEFINED.get_or_init(|| (pg_sys::planner_hook, is_ours));
        pg_sys::planner_hook = Some(plan);
    }
}

unsafe extern "C-unwind" fn plan(
    query: *mut Query,
    text: *const c_char,
    options: c_int,
    parameters: ParamListInfo,
) -> *mut PlannedStmt {
    // SAFETY: PostgreSQL passes a query; the plan is made for this call.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let planned = match DEFINED.get() {
                Some((Some(previous), _)) => pg_sys::ffi::pg_guard_ffi_boundary(|| {
                    previous(query, text, options, parameters)
                }),
                _ => pg_sys::standard_planner(query, text, options, parameters),
            };
            let mut ends = elements((*planned).subplans);
            ends.push((*planned).planTree);
            clear_unread(ends);
            planned
        })
    }
}

/// Clears what nobody reads in plans of queries.
///
/// # Safety
/// The plans are finished and not used yet; null where one is not needed.
unsafe fn clear_unread(ends: Vec<*mut Plan>) {
    let mut nodes: Vec<_> = ends.into_iter().map(|end| (end, true)).collect();
    while let Some((node, unread)) = nodes.pop() {
        if node.is_null() {
            continue;
        }
        // SAFETY: the caller's promise; the tag says what a node is.
        unsafe {
            if unread && (*node).type_ == NodeTag::T_IndexScan {
                clear(&mut *node.cast());
            }
            let unread = is_unread_below(node, unread);
            nodes.extend(children(node).into_iter().map(|child| (child, unread)));
        }
    }
}

/// Whether nobody reads junk that a node is given, which may be so of what it gives.
///
/// # Safety
/// A node of a finished plan.
unsafe fn is_unread_below(node: *mut Plan, unread: bool) -> bool {
    // SAFETY: the caller's promise; the tag says what a node is.
    unsafe {
        match (*node).type_ {
            NodeTag::T_Limit => {
                (*node.cast::<Limit>()).limitOption == LimitOption::LIMIT_OPTION_COUNT
            }
            NodeTag::T_LockRows | NodeTag::T_Material => unread,
            _ => false,
        }
    }
}

/// The nodes below one.
///
/// # Safety
/// As for [`is_unread_below`].
unsafe fn children(node: *mut Plan) -> Vec<*mut Plan> {
    // SAFETY: the caller's promise; the tag says what a node is, and the lists are of nodes.
    unsafe {
        let mut children = match (*node).type_ {
            NodeTag::T_SubqueryScan => vec![(*node.cast::<SubqueryScan>()).subplan],
            NodeTag::T_Append => elements((*node.cast::<Append>()).appendplans),
            NodeTag::T_MergeAppend => elements((*node.cast::<MergeAppend>()).mergeplans),
            _ => Vec::new(),
        };
        children.extend([(*node).lefttree, (*node).righttree]);
        children
    }
}

/// Makes NULL of the junk columns that a scan orders by, if it is one of an index of ours.
///
/// # Safety
/// As for [`clear_unread`]; nobody reads these columns.
unsafe fn clear(scan: &mut IndexScan) {
    // SAFETY: the caller's promise; lists are of these types.
    unsafe {
        let orders = elements::<Node>(scan.indexorderbyorig);
        let is_ours = DEFINED.get().map(|&(_, is_ours)| is_ours);
        if orders.is_empty() || !is_ours.is_some_and(|f| with_index(scan.indexid, f)) {
            return;
        }
        for column in elements::<TargetEntry>(scan.scan.plan.targetlist) {
            let column = &mut *column;
            let value: *const Node = column.expr.cast();
            let is_order = |&order: &*mut Node| pg_sys::equal(value.cast(), order.cast());
            if column.resjunk && orders.iter().any(is_order) {
                column.expr = pg_sys::makeNullConst(
                    pg_sys::exprType(value),
                    pg_sys::exprTypmod(value),
                    pg_sys::exprCollation(value),
                )
                .cast();
            }
        }
    }
}
