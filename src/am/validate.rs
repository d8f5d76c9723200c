//! What can be asked of the access method: checks of operator classes, properties of indexes.

use super::keys::Strategy;
use super::support;
use crate::pg::catalog::{Class, Function, Operator};
use crate::pg::error::inform;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, IndexAMProperty, Oid};
use std::ffi::{c_char, c_int};

/// What a support function is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Distance,
    Norm,
    TypeInfo,
}

pub unsafe extern "C-unwind" fn amvalidate(class: Oid) -> bool {
    let purpose = |number| match number {
        support::DISTANCE => Some(Purpose::Distance),
        support::NORM => Some(Purpose::Norm),
        support::TYPE_INFO => Some(Purpose::TypeInfo),
        _ => None,
    };
    // SAFETY: called by PostgreSQL.
    unsafe { pg_sys::panic::pgrx_extern_c_guard(|| validate(class, "hnsw", purpose)) }
}

/// Whether an operator class of an access method is as it should be; says what is not.
pub(super) fn validate(class: Oid, method: &str, purpose: fn(u16) -> Option<Purpose>) -> bool {
    let Some(class) = Class::find(class) else {
        return false;
    };
    let problems = problems(&class, purpose);
    for problem in &problems {
        inform(
            PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION,
            format!(
                "operator class \"{}\" of access method {method} {problem}",
                class.name
            ),
        );
    }
    problems.is_empty()
}

pub unsafe extern "C-unwind" fn amproperty(
    _index: Oid,
    column: c_int,
    property: IndexAMProperty::Type,
    _name: *const c_char,
    result: *mut bool,
    is_null: *mut bool,
) -> bool {
    if column == 0 || property != IndexAMProperty::AMPROP_DISTANCE_ORDERABLE {
        return false;
    }
    // SAFETY: PostgreSQL passes places for the results.
    unsafe {
        *result = column == 1;
        *is_null = false;
    }
    true
}

fn problems(class: &Class, purpose: fn(u16) -> Option<Purpose>) -> Vec<String> {
    let functions = class.functions();
    let operators = class.operators();
    if functions.is_empty() && !operators.iter().any(|o| o.orders) {
        return operators.iter().filter_map(condition_problem).collect();
    }
    let mut problems: Vec<String> = functions
        .iter()
        .filter_map(|function| function_problem(function, purpose(function.number)))
        .collect();
    problems.extend(operators.iter().filter_map(operator_problem));
    let same = |types: &[Oid; 2]| *types == [class.input; 2];
    if !functions
        .iter()
        .any(|f| f.number == support::DISTANCE && same(&f.types))
    {
        problems.push(format!("is missing support function {}", support::DISTANCE));
    }
    if !operators
        .iter()
        .any(|o| o.strategy == support::ORDER && same(&o.arguments))
    {
        problems.push("is missing its ordering operator".into());
    }
    problems
}

fn function_problem(function: &Function, purpose: Option<Purpose>) -> Option<String> {
    let [left, right] = function.types;
    let number = function.number;
    let right_signature = match purpose {
        Some(Purpose::Distance) => function.has_signature(pg_sys::FLOAT8OID, &[left, right]),
        Some(Purpose::Norm) => function.has_signature(pg_sys::FLOAT8OID, &[left]),
        Some(Purpose::TypeInfo) => {
            function.has_signature(pg_sys::INTERNALOID, &[pg_sys::INTERNALOID])
        }
        None => {
            let name = function.describe();
            return Some(format!(
                "contains function {name} with invalid support number {number}"
            ));
        }
    };
    (!right_signature || left != right).then(|| {
        let name = function.describe();
        format!("contains function {name} with wrong signature for support number {number}")
    })
}

/// What is wrong with an operator of a class for a key column.
fn condition_problem(operator: &Operator) -> Option<String> {
    let number = operator.strategy.cast_unsigned();
    let what = if Strategy::from_number(number).is_none() {
        format!("with invalid strategy number {number}")
    } else if operator.result() != pg_sys::BOOLOID {
        "which does not return boolean".into()
    } else {
        return None;
    };
    Some(format!("contains operator {} {what}", operator.describe()))
}

fn operator_problem(operator: &Operator) -> Option<String> {
    let (orders, result, type_name) = match operator.strategy {
        support::ORDER => (true, pg_sys::FLOAT8OID, "double precision"),
        support::WITHIN => (false, pg_sys::BOOLOID, "boolean"),
        _ => {
            let (operator, strategy) = (operator.describe(), operator.strategy);
            return Some(format!(
                "contains operator {operator} with invalid strategy number {strategy}"
            ));
        }
    };
    let what = if operator.orders != orders {
        format!("which is {}FOR ORDER BY", if orders { "not " } else { "" })
    } else if operator.result() != result {
        format!("which does not return {type_name}")
    } else if !orders && !operator.takes_row() {
        "whose right argument is not a row".into()
    } else {
        return None;
    };
    Some(format!("contains operator {} {what}", operator.describe()))
}
