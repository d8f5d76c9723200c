//! Conditions that an index could check, but that the planner does not give it in some versions.
//!
//! - Lists, `column = ANY (array)`, on columns behind the first, in a scan that orders: before 17. A
//!   btree index would lose its order.
//! - `column` and `NOT column` of a boolean column: before 16, for operator families that are not
//!   PostgreSQL's own.
//!
//! They become what the planner makes of them in later versions.

use super::planner::{elements, list_of, with_clause};
use pgrx::pg_sys::{
    self, Expr, IndexClause, IndexOptInfo, IndexPath, Node, NodeTag, Oid, Path, PlannerInfo,
    RestrictInfo,
};

const LISTS_ARE_GIVEN: bool = pg_sys::PG_VERSION_NUM >= 170_000;
const BOOLEANS_ARE_GIVEN: bool = pg_sys::PG_VERSION_NUM >= 160_000;

/// The equality of `boolean`.
const BOOLEAN_EQUAL: Oid = Oid::from_u32(pg_sys::BooleanEqualOperator);

/// The conditions on columns behind the first that the planner may not have given to an index.
///
/// # Safety
/// `index` is the planner's.
pub unsafe fn conditions(
    root: *mut PlannerInfo,
    index: *mut IndexOptInfo,
) -> Vec<*mut IndexClause> {
    if LISTS_ARE_GIVEN {
        return Vec::new();
    }
    // SAFETY: the caller's promise; the list is of this type.
    unsafe {
        elements::<RestrictInfo>((*index).indrestrictinfo)
            .into_iter()
            .filter(|&condition| {
                !(*condition).pseudoconstant
                    && pg_sys::restriction_is_securely_promotable(condition, (*index).rel)
            })
            .filter_map(|condition| {
                (1..(*index).nkeycolumns).find_map(|column| indexed(root, condition, index, column))
            })
            .collect()
    }
}

/// A condition as one of an index on its column, if it is.
///
/// # Safety
/// The planner's; the index has such a column.
unsafe fn indexed(
    root: *mut PlannerInfo,
    condition: *mut RestrictInfo,
    index: *mut IndexOptInfo,
    column: i32,
) -> Option<*mut IndexClause> {
    // SAFETY: the caller's promise.
    unsafe {
        let clause: *mut Node = (*condition).clause.cast();
        let checked = if is_list(root, clause, index, column) {
            condition
        } else if !BOOLEANS_ARE_GIVEN {
            with_clause(root, condition, boolean(clause, index, column)?)
        } else {
            return None;
        };
        let indexed = super::memory::new_zeroed::<IndexClause>();
        (*indexed).type_ = NodeTag::T_IndexClause;
        (*indexed).rinfo = condition;
        (*indexed).indexquals = list_of([checked]);
        (*indexed).indexcol = column as pg_sys::AttrNumber;
        Some(indexed)
    }
}

/// Whether a condition is that an operator of a column holds with one of the elements of an array.
///
/// # Safety
/// As for [`indexed`].
unsafe fn is_list(
    root: *mut PlannerInfo,
    clause: *mut Node,
    index: *mut IndexOptInfo,
    column: i32,
) -> bool {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        if (*clause).type_ != NodeTag::T_ScalarArrayOpExpr {
            return false;
        }
        let list = &*clause.cast::<pg_sys::ScalarArrayOpExpr>();
        let Ok([value, array]) = <[*mut Node; 2]>::try_from(elements(list.args)) else {
            return false;
        };
        let at = column as usize;
        let collation = *(*index).indexcollations.add(at);
        list.useOr
            && pg_sys::match_index_to_operand(value, column, index)
            && pg_sys::op_in_opfamily(list.opno, *(*index).opfamily.add(at))
            && (collation == Oid::INVALID || collation == list.inputcollid)
            && !pg_sys::bms_is_member(
                (*(*index).rel).relid as i32,
                pg_sys::pull_varnos(root, array),
            )
            && !pg_sys::contain_volatile_functions(array)
    }
}

/// The comparison with a constant that a condition on a boolean column is.
///
/// # Safety
/// As for [`indexed`].
unsafe fn boolean(clause: *mut Node, index: *mut IndexOptInfo, column: i32) -> Option<*mut Expr> {
    // SAFETY: the caller's promise; the tags say what nodes are.
    unsafe {
        let (value, wanted) = match (*clause).type_ {
            NodeTag::T_BoolExpr => {
                let negation = &*clause.cast::<pg_sys::BoolExpr>();
                if negation.boolop != pg_sys::BoolExprType::NOT_EXPR {
                    return None;
                }
                (*elements(negation.args).first()?, false)
            }
            NodeTag::T_BooleanTest => {
                let test = &*clause.cast::<pg_sys::BooleanTest>();
                let wanted = match test.booltesttype {
                    pg_sys::BoolTestType::IS_TRUE => true,
                    pg_sys::BoolTestType::IS_FALSE => false,
                    _ => return None,
                };
                (test.arg.cast(), wanted)
            }
            _ => (clause, true),
        };
        let matches = pg_sys::match_index_to_operand(value, column, index)
            && pg_sys::op_in_opfamily(BOOLEAN_EQUAL, *(*index).opfamily.add(column as usize));
        let constant = || pg_sys::makeBoolConst(wanted, false);
        matches.then(|| super::planner::condition(BOOLEAN_EQUAL, value, constant()))
    }
}

/// Whether a path is one of an index that does not check all of these conditions, although it
/// could.
///
/// # Safety
/// The planner's.
pub unsafe fn lacks(
    path: *mut Path,
    index: *mut IndexOptInfo,
    conditions: &[*mut IndexClause],
) -> bool {
    // SAFETY: the caller's promise; the tag says what a path is.
    unsafe {
        if (*path).type_ != NodeTag::T_IndexPath || !(*path).param_info.is_null() {
            return false;
        }
        let path = path.cast::<IndexPath>();
        (*path).indexinfo == index && !others(path, conditions).is_empty()
    }
}

/// Those of the conditions that a path does not give to its index.
///
/// # Safety
/// The planner's.
unsafe fn others(path: *mut IndexPath, conditions: &[*mut IndexClause]) -> Vec<*mut IndexClause> {
    // SAFETY: the caller's promise; the list is of this type.
    unsafe {
        let given = elements::<IndexClause>((*path).indexclauses);
        let is_given = |&&condition: &&*mut IndexClause| {
            given
                .iter()
                .all(|&other| (*other).rinfo != (*condition).rinfo)
        };
        conditions.iter().filter(is_given).copied().collect()
    }
}

/// The path that gives its index these conditions as well.
///
/// # Safety
/// [`lacks`] holds for the path.
pub unsafe fn with(
    root: *mut PlannerInfo,
    path: *mut Path,
    conditions: &[*mut IndexClause],
) -> *mut Path {
    // SAFETY: the caller's promise: it is a path of an index, without parameters.
    unsafe {
        let path = path.cast::<IndexPath>();
        let mut all = elements::<IndexClause>((*path).indexclauses);
        all.extend(others(path, conditions));
        all.sort_by_key(|&condition| (*condition).indexcol);
        let path = &*path;
        pg_sys::create_index_path(
            root,
            path.indexinfo,
            list_of(all),
            path.indexorderbys,
            path.indexorderbycols,
            path.path.pathkeys,
            path.indexscandir,
            false,
            std::ptr::null_mut(),
            1.0,
            false,
        )
        .cast()
    }
}
