//! Errors of an index as PostgreSQL reports them.

use super::relation::Relation;
use hnsw::Error;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::elog::PgLogLevel;
use pgrx::pg_sys::panic::ErrorReport;

/// Keeps backtraces out of error messages where the server runs with `RUST_BACKTRACE` set; with
/// `RUST_LIB_BACKTRACE` set they appear. Called when the library is loaded.
pub fn hide_backtraces() {
    const VARIABLE: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: a process of PostgreSQL has one thread when it loads a library.
        unsafe { std::env::set_var(VARIABLE, "0") }
    }
}

/// Raises `ERROR` with this SQLSTATE and message.
#[cold]
#[track_caller]
pub fn raise(code: PgSqlErrorCode, message: impl Into<String>) -> ! {
    report(ErrorReport::new(code, message.into(), "pg_hnsw"))
}

/// As [`raise`], with a HINT line.
#[cold]
#[track_caller]
pub fn raise_with_hint(code: PgSqlErrorCode, message: String, hint: &str) -> ! {
    report(ErrorReport::new(code, message, "pg_hnsw").set_hint(hint))
}

#[track_caller]
fn report(report: ErrorReport) -> ! {
    report.report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

/// Sends a message to the log, if `log_min_messages` or the client wants such detail.
pub fn debug(message: String) {
    let code = PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION;
    ErrorReport::new(code, message, "pg_hnsw").report(PgLogLevel::DEBUG1);
}

/// Tells the client something.
pub fn inform(code: PgSqlErrorCode, message: String) {
    ErrorReport::new(code, message, "pg_hnsw").report(PgLogLevel::INFO);
}

/// Warns the client, with DETAIL and HINT lines.
pub fn warn(message: String, detail: String, hint: &str) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_WARNING, message, "pg_hnsw")
        .set_detail(detail)
        .set_hint(hint)
        .report(PgLogLevel::WARNING);
}

/// Tells the client something that it did not ask for.
pub fn notice(message: String) {
    let code = PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION;
    ErrorReport::new(code, message, "pg_hnsw").report(PgLogLevel::NOTICE);
}

/// Takes the value out of a result, or raises its error.
pub trait OrRaise<T> {
    /// `index` is for the message.
    fn or_raise(self, index: Relation) -> T;
}

impl<T> OrRaise<T> for hnsw::Result<T> {
    #[inline]
    #[track_caller]
    fn or_raise(self, index: Relation) -> T {
        match self {
            Ok(value) => value,
            Err(error) => raise_index(index, error),
        }
    }
}

#[cold]
#[track_caller]
fn raise_index(index: Relation, error: Error) -> ! {
    let name = index.name();
    let rebuild = || format!("Rebuild it: REINDEX INDEX {};", index.qualified_name());
    match error {
        Error::Corrupted { block, what } => raise_with_hint(
            PgSqlErrorCode::ERRCODE_INDEX_CORRUPTED,
            format!("index \"{name}\" contains corrupted data in block {block}: {what}"),
            &rebuild(),
        ),
        Error::Full => raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("index \"{name}\" has reached its maximum size"),
        ),
        Error::Version(version) => raise_with_hint(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("index \"{name}\" has format version {version}, which is not supported"),
            &rebuild(),
        ),
        Error::Store(message) => raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, message),
        Error::Stopped => raise(
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED,
            "index build was stopped",
        ),
    }
}
