//! What the planner knows of an index, and conditions that are derived for one.

use super::left_out;
use super::relation::Relation;
use pgrx::pg_sys::{
    self, Datum, Expr, IndexOptInfo, IndexPath, List, Node, NodeTag, Oid, ParamKind, Path,
    PlannerInfo, RangeTblEntry, RelOptInfo, RestrictInfo,
};

/// Estimates for a scan of an index, and what they are made of.
pub struct Costs {
    /// Rows in the index.
    pub rows: f64,
    /// Pages of the index.
    pub index_pages: f64,
    /// Pages of the table.
    pub table_pages: f64,
    /// Rows in the table.
    pub table_rows: f64,
    /// Share of the table's rows that the scan returns.
    pub selectivity: f64,
    /// Share of those that pass the conditions that the index does not have.
    pub passing: f64,
    /// Rows that the query takes at most, if it says so.
    pub limit: Option<f64>,
    /// Rows that it takes from the scan, at most.
    pub wanted: f64,
    /// Cost of a page read anywhere.
    pub random_page: f64,
    /// Cost of a page read in sequence.
    pub sequential_page: f64,
    /// Cost of looking at a row.
    pub tuple: f64,
    /// Cost of an operator's call.
    pub operator: f64,
}

impl Costs {
    /// Rows that the scan returns.
    pub fn returned(&self) -> f64 {
        self.rows * self.share_of(self.selectivity)
    }

    /// Share of the index's rows, for one of the table's; a partial index has fewer.
    pub fn share_of(&self, selectivity: f64) -> f64 {
        (selectivity * self.table_rows / self.rows).min(1.0)
    }
}

/// The estimates for a path; `leaves_out` says whether the scan leaves out the rows that do not meet its conditions.
///
/// # Safety
/// `root` and `path` are those of a call of `amcostestimate`.
pub unsafe fn costs(
    root: *mut PlannerInfo,
    path: *mut IndexPath,
    loop_count: f64,
    leaves_out: bool,
) -> Costs {
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
        let table_rows = (*index.rel).tuples.max(1.0);
        let selectivity = match leaves_out {
            true => generic.indexSelectivity,
            false => 1.0,
        };
        let returned = (table_rows * selectivity).max(1.0);
        let passing = ((*index.rel).rows / returned).clamp(f64::MIN_POSITIVE, 1.0);
        let limit = Some((*root).limit_tuples).filter(|&limit| limit > 0.0);
        Costs {
            rows: index.tuples.max(1.0),
            index_pages: f64::from(index.pages).max(1.0),
            table_pages: f64::from((*index.rel).pages).max(1.0),
            table_rows,
            selectivity,
            passing,
            limit,
            wanted: limit.map_or(returned, |limit| returned.min(limit / passing)),
            random_page,
            sequential_page,
            tuple: pg_sys::cpu_tuple_cost,
            operator: pg_sys::cpu_operator_cost,
        }
    }
}

/// A condition that a path gives to its index on a column behind the first.
pub struct KeyCondition {
    /// The column, counted from 0 behind the first.
    pub column: usize,
    /// What it asks for.
    pub what: Asked,
    clause: *mut RestrictInfo,
}

/// What a condition on a key column asks for.
pub enum Asked {
    /// That it is NULL.
    IsNull,
    /// That it is not.
    IsNotNull,
    /// That an operator of the column's family holds.
    Operator {
        /// The operator's number.
        strategy: u16,
        /// The type of its right argument.
        subtype: Oid,
        /// For one of an array's elements.
        is_list: bool,
    },
    /// Something else.
    Other,
}

/// The conditions that a path gives to its index on columns behind the first.
///
/// # Safety
/// As for [`costs`].
pub unsafe fn key_conditions(path: *mut IndexPath) -> Vec<KeyCondition> {
    // SAFETY: the caller's promise; lists are of these types, and an index has a family for each column.
    unsafe {
        let clauses = elements::<pg_sys::IndexClause>((*path).indexclauses);
        let of_keys = clauses.into_iter().filter(|clause| (**clause).indexcol > 0);
        let conditions = of_keys.flat_map(|clause| {
            let column = (*clause).indexcol as usize;
            let family = *(*(*path).indexinfo).opfamily.add(column);
            let clauses = elements::<RestrictInfo>((*clause).indexquals);
            clauses.into_iter().map(move |clause| KeyCondition {
                column: column - 1,
                what: asked((*clause).clause.cast(), family),
                clause,
            })
        });
        conditions.collect()
    }
}

/// What a condition on a column of an index asks for.
///
/// # Safety
/// The planner made it one of the index; the column is of the operator family.
unsafe fn asked(clause: *mut Node, family: Oid) -> Asked {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        let (operator, is_list) = match (*clause).type_ {
            NodeTag::T_NullTest => {
                let test = (*clause.cast::<pg_sys::NullTest>()).nulltesttype;
                return match test == pg_sys::NullTestType::IS_NULL {
                    true => Asked::IsNull,
                    false => Asked::IsNotNull,
                };
            }
            NodeTag::T_OpExpr => ((*clause.cast::<pg_sys::OpExpr>()).opno, false),
            NodeTag::T_ScalarArrayOpExpr => {
                ((*clause.cast::<pg_sys::ScalarArrayOpExpr>()).opno, true)
            }
            _ => return Asked::Other,
        };
        let (mut strategy, mut left, mut subtype) = (0, Oid::INVALID, Oid::INVALID);
        pg_sys::get_op_opfamily_properties(
            operator,
            family,
            false,
            &mut strategy,
            &mut left,
            &mut subtype,
        );
        Asked::Operator {
            strategy: strategy as u16,
            subtype,
            is_list,
        }
    }
}

/// Share of the table's rows that a path's index has, and that meet all of these conditions.
///
/// # Safety
/// As for [`costs`]; the conditions are the path's.
pub unsafe fn selectivity<'a>(
    root: *mut PlannerInfo,
    path: *mut IndexPath,
    conditions: impl Iterator<Item = &'a KeyCondition>,
) -> f64 {
    // SAFETY: the caller's promise.
    unsafe {
        let index = (*path).indexinfo;
        let clauses = list_of(conditions.map(|condition| condition.clause));
        pg_sys::clauselist_selectivity(
            root,
            pg_sys::add_predicate_to_index_quals(index, clauses),
            (*(*index).rel).relid as i32,
            pg_sys::JoinType::JOIN_INNER,
            std::ptr::null_mut(),
        )
    }
}

/// Share of the table's rows that meet a condition.
///
/// # Safety
/// As for [`selectivity`].
pub unsafe fn selectivity_of(root: *mut PlannerInfo, condition: &KeyCondition) -> f64 {
    // SAFETY: the caller's promise.
    unsafe {
        let clause: *mut Node = condition.clause.cast();
        let kind = pg_sys::JoinType::JOIN_INNER;
        pg_sys::clause_selectivity(root, clause, 0, kind, std::ptr::null_mut())
    }
}

/// How many different elements the arrays have on average that a condition is on, if `ANALYZE` has counted them.
///
/// # Safety
/// As for [`selectivity`]; the condition is on arrays.
pub unsafe fn elements_on_average(root: *mut PlannerInfo, condition: &KeyCondition) -> Option<f64> {
    // SAFETY: the caller's promise; the statistics stay until they are released, and the slot is filled if it is found.
    unsafe {
        let (_, [column, _]) = operator_call((*condition.clause).clause.cast())?;
        let mut variable = pg_sys::VariableStatData::default();
        pg_sys::examine_variable(root, column, 0, &mut variable);
        if variable.statsTuple.is_null() {
            return None;
        }
        let mut slot = pg_sys::AttStatsSlot::default();
        let found = pg_sys::get_attstatsslot(
            &mut slot,
            variable.statsTuple,
            pg_sys::STATISTIC_KIND_DECHIST as i32,
            Oid::INVALID,
            pg_sys::ATTSTATSSLOT_NUMBERS as i32,
        );
        // The average stands behind the histogram.
        let average = (found && slot.nnumbers > 0)
            .then(|| f64::from(*slot.numbers.add(slot.nnumbers as usize - 1)));
        pg_sys::free_attstatsslot(&mut slot);
        if let Some(release) = variable.freefunc {
            release(variable.statsTuple);
        }
        average
    }
}

/// Whether a path gives a condition on the distance to its index.
///
/// # Safety
/// As for [`costs`].
pub unsafe fn has_range(path: *mut IndexPath) -> bool {
    // SAFETY: the caller's promise.
    unsafe { !keys(path).0.is_empty() }
}

/// Whether a path asks for rows whose first column is NULL.
///
/// # Safety
/// As for [`costs`].
pub unsafe fn wants_null(path: *mut IndexPath) -> bool {
    // SAFETY: the caller's promise; the tag says what a condition is.
    unsafe {
        first_column(path).into_iter().any(|condition| {
            (*condition).type_ == NodeTag::T_NullTest
                && (*condition.cast::<pg_sys::NullTest>()).nulltesttype
                    == pg_sys::NullTestType::IS_NULL
        })
    }
}

/// Conditions that a path gives to its index on the first column.
///
/// # Safety
/// As for [`costs`].
unsafe fn first_column(path: *mut IndexPath) -> Vec<*mut Node> {
    // SAFETY: the caller's promise; lists are of these types.
    unsafe {
        elements::<pg_sys::IndexClause>((*path).indexclauses)
            .into_iter()
            .filter(|clause| (**clause).indexcol == 0)
            .flat_map(|clause| elements::<RestrictInfo>((*clause).indexquals))
            .map(|condition| (*condition).clause.cast())
            .collect()
    }
}

/// Opens an index.
///
/// # Safety
/// The planner has locked it.
pub unsafe fn with_index<R>(index: Oid, f: impl FnOnce(Relation) -> R) -> R {
    // SAFETY: the caller's promise.
    unsafe {
        let lock = pg_sys::NoLock as i32;
        let relation = pg_sys::index_open(index, lock);
        let result = f(Relation::new(relation));
        pg_sys::index_close(relation, lock);
        result
    }
}

/// The operator family of `float8`'s own order.
const FLOAT_ORDER: Oid = Oid::from_u32(1970);

/// Whether the planner makes paths from indexes for a relation.
///
/// # Safety
/// `table` and `entry` are those of a call of `set_rel_pathlist_hook`.
pub unsafe fn has_index_paths(table: *mut RelOptInfo, entry: *mut RangeTblEntry) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION
            && !(*entry).inh
            && (*entry).tablesample.is_null()
            && !pg_sys::is_dummy_rel(table)
    }
}

/// Indexes of a relation.
///
/// # Safety
/// `table` is the planner's.
pub unsafe fn indexes(table: *mut RelOptInfo) -> Vec<*mut IndexOptInfo> {
    // SAFETY: the list is of this type.
    unsafe { elements((*table).indexlist) }
}

/// # Safety
/// The list, unless it is null, is one of pointers to `T`.
pub(super) unsafe fn elements<T>(list: *mut List) -> Vec<*mut T> {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(list) = list.as_ref() else {
            return Vec::new();
        };
        (0..list.length as usize)
            .map(|i| (*list.elements.add(i)).ptr_value.cast())
            .collect()
    }
}

/// # Safety
/// The pointers are to nodes.
pub(super) unsafe fn list_of<T>(nodes: impl IntoIterator<Item = *mut T>) -> *mut List {
    let append = |list, node: *mut T| {
        // SAFETY: the list is null or was made here.
        unsafe { pg_sys::lappend(list, node.cast()) }
    };
    nodes.into_iter().fold(std::ptr::null_mut(), append)
}

/// The conditions on the distance that a path gives to its index, and what it orders by.
///
/// # Safety
/// As for [`costs`].
pub unsafe fn keys(path: *mut IndexPath) -> (Vec<*mut Node>, Vec<*mut Node>) {
    // SAFETY: the caller's promise; lists are of these types.
    unsafe {
        let mut conditions = first_column(path);
        conditions.retain(|&condition| operator_call(condition).is_some());
        (conditions, elements((*path).indexorderbys))
    }
}

/// Fields of a row, if the expression makes one.
///
/// # Safety
/// As for [`operator_call`].
pub unsafe fn row_fields(node: *mut Node) -> Vec<*mut Node> {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        match (*node).type_ {
            NodeTag::T_RowExpr => elements((*node.cast::<pg_sys::RowExpr>()).args),
            _ => Vec::new(),
        }
    }
}

/// The value of a constant that is not NULL.
///
/// # Safety
/// As for [`operator_call`].
pub unsafe fn constant(node: *mut Node) -> Option<Datum> {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        if (*node).type_ != NodeTag::T_Const {
            return None;
        }
        let constant = &*node.cast::<pg_sys::Const>();
        (!constant.constisnull).then_some(constant.constvalue)
    }
}

/// Whether a condition says which rows a statement updates or deletes.
///
/// # Safety
/// The planner's.
unsafe fn chooses_what_changes(root: *mut PlannerInfo, condition: *mut RestrictInfo) -> bool {
    use pg_sys::CmdType::{CMD_DELETE, CMD_MERGE, CMD_UPDATE};
    // SAFETY: the caller's promise.
    unsafe {
        let command = (*(*root).parse).commandType;
        [CMD_UPDATE, CMD_DELETE, CMD_MERGE].contains(&command)
            && pg_sys::bms_overlap((*condition).required_relids, (*root).all_result_relids)
    }
}

/// Whether two expressions have the same value, or may: where a query has the same subquery twice,
/// its results are two parameters.
///
/// # Safety
/// The planner's.
pub unsafe fn same(a: *mut Node, b: *mut Node) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match ((*a).type_, (*b).type_) {
            (NodeTag::T_Param, NodeTag::T_Param) => {
                let (a, b) = (&*a.cast::<pg_sys::Param>(), &*b.cast::<pg_sys::Param>());
                let is_result = |p: &pg_sys::Param| p.paramkind == ParamKind::PARAM_EXEC;
                (a.paramkind, a.paramid) == (b.paramkind, b.paramid) || is_result(a) && is_result(b)
            }
            (NodeTag::T_Const, NodeTag::T_Const) => {
                // One may have come with a length, the other without.
                let mut a = *a.cast::<pg_sys::Const>();
                a.consttypmod = (*b.cast::<pg_sys::Const>()).consttypmod;
                pg_sys::equal((&raw const a).cast(), b.cast())
            }
            _ => pg_sys::equal(a.cast(), b.cast()),
        }
    }
}

/// A condition that follows from another, and the share of rows that meet it, if that is known.
pub struct Derived {
    /// The condition.
    pub clause: *mut Expr,
    /// Share of the table's rows.
    pub selectivity: Option<f64>,
}

/// Makes more paths from an index: with the conditions that `derived` gives for those that there
/// are, and with those that the planner has left out. Only the index has what is derived, and only
/// here: it follows from what stays.
///
/// # Safety
/// `index` is one of `table`, whose paths from indexes have been made.
pub unsafe fn add_paths(
    root: *mut PlannerInfo,
    table: *mut RelOptInfo,
    index: *mut IndexOptInfo,
    derived: impl Fn(*mut Expr) -> Option<Derived>,
) {
    // SAFETY: the caller's promise; the lists are of these types.
    unsafe {
        let derive_all = |conditions: *mut List| {
            list_of(
                elements::<RestrictInfo>(conditions)
                    .into_iter()
                    // What changes are all rows that meet it: no graph may miss one.
                    .filter(|&condition| !chooses_what_changes(root, condition))
                    .filter_map(|condition| {
                        let derived = derived((*condition).clause)?;
                        let made = with_clause(root, condition, derived.clause);
                        if let Some(selectivity) = derived.selectivity {
                            (*made).norm_selec = selectivity;
                        }
                        Some(made)
                    }),
            )
        };
        let (table, index) = (&mut *table, &mut *index);
        let (own, joins) = (index.indrestrictinfo, table.joininfo);
        let (more, more_joins) = (derive_all(own), derive_all(joins));
        let is_derived = !more.is_null() || !more_joins.is_null();
        let left_out = left_out::conditions(root, index);
        if !is_derived && left_out.is_empty() {
            return;
        }
        let (paths, all) = (table.pathlist, table.indexlist);
        table.pathlist = std::ptr::null_mut();
        table.indexlist = list_of([&raw mut *index]);
        index.indrestrictinfo = pg_sys::list_concat_copy(own, more);
        table.joininfo = pg_sys::list_concat_copy(joins, more_joins);
        pg_sys::create_index_paths(root, table);
        let made = elements::<Path>(table.pathlist);
        table.indexlist = all;
        index.indrestrictinfo = own;
        table.joininfo = joins;
        let index: *mut IndexOptInfo = index;
        let lacks = |&path: &*mut Path| left_out::lacks(path, index, &left_out);
        table.pathlist = list_of(elements(paths).into_iter().filter(|path| !lacks(path)));
        for path in made {
            if lacks(&path) {
                pg_sys::add_path(table, left_out::with(root, path, &left_out));
            } else if is_derived {
                pg_sys::add_path(table, path);
            }
        }
    }
}

/// A condition that holds where `original` does, and may be checked where that may.
///
/// # Safety
/// The planner's.
pub(super) unsafe fn with_clause(
    root: *mut PlannerInfo,
    original: *mut RestrictInfo,
    clause: *mut Expr,
) -> *mut RestrictInfo {
    // SAFETY: the caller's promise.
    unsafe {
        let original = &*original;
        #[cfg(feature = "pg15")]
        return pg_sys::make_restrictinfo(
            root,
            clause,
            original.is_pushed_down,
            original.outerjoin_delayed,
            false,
            original.security_level,
            original.required_relids,
            original.outer_relids,
            original.nullable_relids,
        );
        #[cfg(not(feature = "pg15"))]
        return pg_sys::make_restrictinfo(
            root,
            clause,
            original.is_pushed_down,
            original.has_clone,
            original.is_clone,
            false,
            original.security_level,
            original.required_relids,
            original.incompatible_relids,
            original.outer_relids,
        );
    }
}

/// The operator and the arguments of a node that calls one with two arguments.
///
/// # Safety
/// `node` is an expression of the planner's.
pub unsafe fn operator_call(node: *mut Node) -> Option<(Oid, [*mut Node; 2])> {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        if (*node).type_ != NodeTag::T_OpExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::OpExpr>();
        let arguments = <[*mut Node; 2]>::try_from(elements(call.args)).ok()?;
        Some((call.opno, arguments))
    }
}

/// What several sums of `float8` are rounded by, at most, as a part of what is summed.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// What a condition bounds from above: pairs of expressions of type `float8`, of which the first is at most the second
/// wherever the condition holds. It is `value < bound`, or bounds a difference `constant - value` or the negative value
/// from below, also with sides exchanged or equality.
///
/// # Safety
/// As for [`operator_call`].
pub unsafe fn upper_bounds(clause: *mut Expr) -> Vec<(*mut Node, *mut Node)> {
    // SAFETY: the caller's promise.
    unsafe {
        let Some((operator, [left, right])) = operator_call(clause.cast()) else {
            return Vec::new();
        };
        let (less, greater) = match pg_sys::get_op_opfamily_strategy(operator, FLOAT_ORDER) as u32 {
            pg_sys::BTLessStrategyNumber | pg_sys::BTLessEqualStrategyNumber => (left, right),
            pg_sys::BTGreaterStrategyNumber | pg_sys::BTGreaterEqualStrategyNumber => (right, left),
            _ => return Vec::new(),
        };
        let mut bounds = Vec::new();
        if let (pg_sys::FLOAT8OID, Some(greater)) = (pg_sys::exprType(less), as_float8(greater)) {
            bounds.push((less, greater));
        }
        if let Some(less) = as_float8(less) {
            let difference = subtraction(greater).map(|(c, value)| (value, difference(c, less)));
            let negative =
                negated(greater).map(|value| (value, float8_call(pg_sys::F_FLOAT8UM, &[less])));
            bounds.extend(difference.or(negative));
        }
        bounds
    }
}

/// `constant - x`, and more by what was rounded here and where `x` was compared with a difference.
///
/// # Safety
/// `x` is an expression of type `float8`.
unsafe fn difference(c: f64, x: *mut Node) -> *mut Node {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(x) = constant(x) {
            let x = f64::from_bits(x.value() as u64);
            return float8(c - x + ROUNDING * (c.abs() + x.abs()));
        }
        let exact = float8_call(pg_sys::F_FLOAT8MI, &[float8(c + ROUNDING * c.abs()), x]);
        let size = float8_call(pg_sys::F_FLOAT8ABS, &[x]);
        let rounding = float8_call(pg_sys::F_FLOAT8MUL, &[float8(ROUNDING), size]);
        float8_call(pg_sys::F_FLOAT8PL, &[exact, rounding])
    }
}

/// The function of a call by an operator, and its arguments.
///
/// # Safety
/// As for [`operator_call`].
unsafe fn function_call(node: *mut Node) -> Option<(u32, Vec<*mut Node>)> {
    // SAFETY: the caller's promise; the tag says what it is.
    unsafe {
        if (*node).type_ != NodeTag::T_OpExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::OpExpr>();
        let function = pg_sys::get_opcode(call.opno);
        Some((function.to_u32(), elements(call.args)))
    }
}

/// The parts of a difference between a constant and something else, of type `float8`.
///
/// # Safety
/// As for [`operator_call`].
unsafe fn subtraction(node: *mut Node) -> Option<(f64, *mut Node)> {
    // SAFETY: the caller's promise; the function says of which types its arguments are.
    unsafe {
        let (function, arguments) = function_call(node)?;
        let &[from, value] = arguments.as_slice() else {
            return None;
        };
        let from = (function == pg_sys::F_FLOAT8MI).then_some(from)?;
        Some((f64::from_bits(constant(from)?.value() as u64), value))
    }
}

/// What an expression of type `float8` is the negative value of: `-x`, `x * -1` or `-1 * x`.
///
/// # Safety
/// As for [`operator_call`].
unsafe fn negated(node: *mut Node) -> Option<*mut Node> {
    // SAFETY: the caller's promise; the function says of which types its arguments are.
    unsafe {
        let (function, arguments) = function_call(node)?;
        let is_minus_one =
            |node| constant(node).map(|c| f64::from_bits(c.value() as u64)) == Some(-1.0);
        match *arguments.as_slice() {
            [value] if function == pg_sys::F_FLOAT8UM => Some(value),
            [value, one] | [one, value] if function == pg_sys::F_FLOAT8MUL && is_minus_one(one) => {
                Some(value)
            }
            _ => None,
        }
    }
}

/// An expression of type `float8` or `float4` as one of `float8`; others are not compared with `float8` as they are.
///
/// # Safety
/// As for [`operator_call`].
unsafe fn as_float8(node: *mut Node) -> Option<*mut Node> {
    // SAFETY: the caller's promise.
    unsafe {
        match pg_sys::exprType(node) {
            pg_sys::FLOAT8OID => Some(node),
            pg_sys::FLOAT4OID => Some(float8_call(pg_sys::F_FLOAT8_FLOAT4, &[node])),
            _ => None,
        }
    }
}

/// A constant of type `float8`.
fn float8(value: f64) -> *mut Node {
    // SAFETY: allocates a node, which has a copy of the value where values are not passed as they are.
    unsafe {
        let (none, length) = (Oid::INVALID, size_of::<f64>() as i32);
        let value = Datum::from(value.to_bits());
        pg_sys::makeConst(pg_sys::FLOAT8OID, -1, none, length, value, false, true).cast()
    }
}

/// A call of a function that returns `float8`; what it gives, if all arguments are constants.
///
/// # Safety
/// The arguments are expressions of the types that the function takes.
unsafe fn float8_call(function: u32, arguments: &[*mut Node]) -> *mut Node {
    let none = Oid::INVALID;
    let form = match function {
        pg_sys::F_FLOAT8_FLOAT4 => pg_sys::CoercionForm::COERCE_IMPLICIT_CAST,
        _ => pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
    };
    // SAFETY: the caller's promise.
    unsafe {
        let arguments = list_of(arguments.iter().copied());
        let function = Oid::from_u32(function);
        let call = pg_sys::makeFuncExpr(function, pg_sys::FLOAT8OID, arguments, none, none, form);
        pg_sys::eval_const_expressions(std::ptr::null_mut(), call.cast())
    }
}

/// Whether an expression is the first column of an index.
///
/// # Safety
/// The planner's.
pub unsafe fn is_column(node: *mut Node, index: *mut IndexOptInfo) -> bool {
    // SAFETY: the caller's promise.
    unsafe { pg_sys::match_index_to_operand(node, 0, index) }
}

/// A row of a composite type.
///
/// # Safety
/// The fields are expressions of the types that the composite type has.
pub unsafe fn row(type_oid: Oid, fields: [*mut Node; 2]) -> *mut Node {
    let row = super::memory::new_zeroed::<pg_sys::RowExpr>();
    // SAFETY: just allocated; the caller's promise.
    unsafe {
        (*row).xpr.type_ = NodeTag::T_RowExpr;
        (*row).args = list_of(fields);
        (*row).row_typeid = type_oid;
        (*row).row_format = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
        (*row).location = -1;
    }
    row.cast()
}

/// The condition that an operator holds.
///
/// # Safety
/// The operator takes these arguments and returns `boolean`.
pub unsafe fn condition(operator: Oid, left: *mut Node, right: *mut Node) -> *mut Expr {
    let none = Oid::INVALID;
    // SAFETY: the caller's promise.
    unsafe {
        let (left, right) = (left.cast(), right.cast());
        pg_sys::make_opclause(operator, pg_sys::BOOLOID, false, left, right, none, none)
    }
}
