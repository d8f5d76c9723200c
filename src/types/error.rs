//! The errors that the types raise: SQLSTATE and text of each, in one place.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::elog::PgLogLevel;
use pgrx::pg_sys::panic::ErrorReport;

use values::error::{Class, Error};

use super::decimal;
use super::kind::Kind;

/// Raises `ERROR` with this SQLSTATE and message.
#[cold]
#[track_caller]
pub fn raise(code: PgSqlErrorCode, message: String) -> ! {
    ErrorReport::new(code, message, "pg_hnsw").report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

/// A value that was read; raises the error if there is none.
#[inline]
pub fn accept<T>(value: values::Result<T>) -> T {
    value.unwrap_or_else(|error| refuse(error))
}

/// Raises the error of some bytes that are no value.
#[cold]
#[track_caller]
pub fn refuse(error: Error) -> ! {
    let code = match error.class {
        Class::InvalidText => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
        Class::OutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        Class::Data => PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
        Class::Limit => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        Class::Protocol => PgSqlErrorCode::ERRCODE_PROTOCOL_VIOLATION,
    };
    let report = ErrorReport::new(code, error.message, "pg_hnsw");
    let report = match error.detail {
        Some(detail) => report.set_detail(detail),
        None => report,
    };
    report.report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

#[cold]
fn data_exception(message: String) -> ! {
    raise(PgSqlErrorCode::ERRCODE_DATA_EXCEPTION, message)
}

#[cold]
fn invalid_parameter(message: String) -> ! {
    raise(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message)
}

/// A number is too large for the type to hold.
#[cold]
pub fn value_out_of_range<K: Kind>(number: f32) -> ! {
    let number = decimal::text(number);
    refuse(Error::number_out_of_range::<K>(number.as_bytes()))
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

/// The two arguments of a function differ in length.
#[cold]
pub fn different_dimensions<K: Kind>(a: usize, b: usize) -> ! {
    data_exception(format!("different {} dimensions {a} and {b}", K::NAME))
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
    invalid_parameter(message)
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

/// The constant of reciprocal rank fusion is not positive.
#[cold]
pub fn bad_rank_constant(k: i32) -> ! {
    invalid_parameter(format!("k must be at least 1, not {k}"))
}

/// No window function gives such a rank.
#[cold]
pub fn bad_rank(rank: i64) -> ! {
    invalid_parameter(format!("rank must be at least 1, not {rank}"))
}

/// A parameter that must be known is null.
#[cold]
pub fn null_parameter(names: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("{names} must not be null"),
    )
}

/// A score that cannot be compared.
#[cold]
pub fn score_is_nan() -> ! {
    invalid_parameter(
        "score must not be NaN, which the cosine distance of a vector of length zero is".to_owned(),
    )
}

/// No score can be placed between these two.
#[cold]
pub fn unbounded_scores() -> ! {
    invalid_parameter("worst and best must be finite, and so must their difference".to_owned())
}
