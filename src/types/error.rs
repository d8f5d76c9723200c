//! The errors that the types raise: SQLSTATE and text of each, in one place.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::elog::PgLogLevel;
use pgrx::pg_sys::panic::ErrorReport;

use super::decimal;
use super::kind::Kind;

/// Raises `ERROR` with this SQLSTATE and message.
#[cold]
#[track_caller]
pub fn raise(code: PgSqlErrorCode, message: String) -> ! {
    ErrorReport::new(code, message, "pg_hnsw").report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

/// As [`raise`], with a DETAIL line.
#[cold]
#[track_caller]
pub fn raise_with_detail(code: PgSqlErrorCode, message: String, detail: &str) -> ! {
    ErrorReport::new(code, message, "pg_hnsw")
        .set_detail(detail)
        .report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

#[cold]
fn data_exception(message: String) -> ! {
    raise(PgSqlErrorCode::ERRCODE_DATA_EXCEPTION, message)
}

/// The text is no value of the type.
#[cold]
pub fn invalid_syntax<K: Kind>(text: &str, detail: Option<&str>) -> ! {
    let code = PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION;
    let message = format!("invalid input syntax for type {}: \"{text}\"", K::NAME);
    match detail {
        Some(detail) => raise_with_detail(code, message, detail),
        None => raise(code, message),
    }
}

/// A number, as the text has it, is outside of the range of the type.
#[cold]
pub fn number_out_of_range<K: Kind>(number: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        format!("\"{number}\" is out of range for type {}", K::NAME),
    )
}

/// A number is too large for the type to hold.
#[cold]
pub fn value_out_of_range<K: Kind>(number: f32) -> ! {
    number_out_of_range::<K>(&decimal::text(number))
}

/// The result of arithmetic is too large.
#[cold]
pub fn overflow() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        "value out of range: overflow".to_owned(),
    )
}

/// The result of arithmetic is too small.
#[cold]
pub fn underflow() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        "value out of range: underflow".to_owned(),
    )
}

/// A value without elements.
#[cold]
pub fn no_dimensions<K: Kind>() -> ! {
    data_exception(format!("{} must have at least 1 dimension", K::NAME))
}

/// A value with more elements than the type allows.
#[cold]
pub fn too_many_dimensions<K: Kind>() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        format!(
            "{} cannot have more than {} dimensions",
            K::NAME,
            K::MAX_DIMENSIONS
        ),
    )
}

/// An element is not a number.
#[cold]
pub fn nan_not_allowed<K: Kind>() -> ! {
    data_exception(format!("NaN not allowed in {}", K::NAME))
}

/// An element is infinite.
#[cold]
pub fn infinity_not_allowed<K: Kind>() -> ! {
    data_exception(format!("infinite value not allowed in {}", K::NAME))
}

/// The value does not fit the type modifier, or the state of an aggregate.
#[cold]
pub fn unexpected_dimensions(expected: i64, actual: i64) -> ! {
    data_exception(format!("expected {expected} dimensions, not {actual}"))
}

/// The two arguments of a function differ in length.
#[cold]
pub fn different_dimensions<K: Kind>(a: usize, b: usize) -> ! {
    data_exception(format!("different {} dimensions {a} and {b}", K::NAME))
}

/// The reserved field of the binary format is not zero.
#[cold]
pub fn unused_not_zero(unused: i64) -> ! {
    data_exception(format!("expected unused to be 0, not {unused}"))
}

/// An array with more than one dimension cannot be cast.
#[cold]
pub fn array_not_flat() -> ! {
    data_exception("array must be 1-D".to_owned())
}

/// An array of another element type cannot be cast.
#[cold]
pub fn unsupported_array_type() -> ! {
    data_exception("unsupported array type".to_owned())
}

/// An array with nulls cannot be cast.
#[cold]
pub fn array_with_nulls() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        "array must not contain nulls".to_owned(),
    )
}

/// The type modifier is not usable.
#[cold]
pub fn invalid_type_modifier(message: String) -> ! {
    raise(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message)
}

/// An aggregate's function was called with something else than its state.
#[cold]
pub fn not_a_state(type_name: &str, step: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("{type_name}_{step}: expected state array"),
    )
}

/// A stored value does not have the form that its header announces.
#[cold]
pub fn corrupted(type_name: &str, length: usize) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        format!("invalid {type_name} value of {length} bytes"),
    )
}

/// Bit strings of unequal length.
#[cold]
pub fn different_bit_lengths(a: i32, b: i32) -> ! {
    data_exception(format!("different bit lengths {a} and {b}"))
}

/// A sparse value with more elements than the type allows.
#[cold]
pub fn too_many_elements<K: Kind>(limit: usize) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        format!(
            "{} cannot have more than {limit} non-zero elements",
            K::NAME
        ),
    )
}

/// A sparse value with more elements than dimensions.
#[cold]
pub fn more_elements_than_dimensions<K: Kind>() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        format!("{} cannot have more elements than dimensions", K::NAME),
    )
}

/// A number of elements below zero.
#[cold]
pub fn negative_elements<K: Kind>() -> ! {
    data_exception(format!(
        "{} cannot have negative number of elements",
        K::NAME
    ))
}

/// An element outside of the dimensions.
#[cold]
pub fn index_out_of_bounds<K: Kind>() -> ! {
    data_exception(format!("{} index out of bounds", K::NAME))
}

/// Elements of a binary value in wrong order.
#[cold]
pub fn indices_not_ascending<K: Kind>() -> ! {
    data_exception(format!("{} indices must be in ascending order", K::NAME))
}

/// Two elements with the same index.
#[cold]
pub fn duplicate_indices<K: Kind>() -> ! {
    data_exception(format!("{} indices must not contain duplicates", K::NAME))
}

/// A binary value that stores a zero.
#[cold]
pub fn zero_stored<K: Kind>() -> ! {
    data_exception(format!(
        "binary representation of {} cannot contain zero values",
        K::NAME
    ))
}
