//! The errors that the types raise: SQLSTATE and text of each, in one place.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::elog::PgLogLevel;
use pgrx::pg_sys::panic::ErrorReport;

use super::element::Element;

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
pub fn invalid_syntax<E: Element>(text: &str, detail: Option<&str>) -> ! {
    let code = PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION;
    let message = format!("invalid input syntax for type {}: \"{text}\"", E::TYPE_NAME);
    match detail {
        Some(detail) => raise_with_detail(code, message, detail),
        None => raise(code, message),
    }
}

/// A number in the text is too large for the element type.
#[cold]
pub fn number_out_of_range<E: Element>(number: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        format!("\"{number}\" is out of range for type {}", E::TYPE_NAME),
    )
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
pub fn no_dimensions<E: Element>() -> ! {
    data_exception(format!("{} must have at least 1 dimension", E::TYPE_NAME))
}

/// A value with more elements than the type allows.
#[cold]
pub fn too_many_dimensions<E: Element>() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        format!(
            "{} cannot have more than {} dimensions",
            E::TYPE_NAME,
            E::MAX_DIMENSIONS
        ),
    )
}

/// An element is not a number.
#[cold]
pub fn nan_not_allowed<E: Element>() -> ! {
    data_exception(format!("NaN not allowed in {}", E::TYPE_NAME))
}

/// An element is infinite.
#[cold]
pub fn infinity_not_allowed<E: Element>() -> ! {
    data_exception(format!("infinite value not allowed in {}", E::TYPE_NAME))
}

/// The value does not fit the type modifier, or the state of an aggregate.
#[cold]
pub fn unexpected_dimensions(expected: i64, actual: i64) -> ! {
    data_exception(format!("expected {expected} dimensions, not {actual}"))
}

/// The two arguments of a function differ in length.
#[cold]
pub fn different_dimensions<E: Element>(a: usize, b: usize) -> ! {
    data_exception(format!("different {} dimensions {a} and {b}", E::TYPE_NAME))
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
pub fn not_a_state(function: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("{function}: expected state array"),
    )
}

/// A stored value does not have the form that its header announces.
#[cold]
pub fn corrupted<E: Element>(length: usize) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        format!("invalid {} value of {length} bytes", E::TYPE_NAME),
    )
}
