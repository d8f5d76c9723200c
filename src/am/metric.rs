//! What an operator class asks of an index.

use super::support;
use crate::pg::error::raise;
use crate::pg::relation::Relation;
use hnsw::Metric;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

// The distances among the SQL functions of `crate::types`.
unsafe extern "C-unwind" {
    fn pg_hnsw_vector_l2_squared_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_vector_negative_inner_product(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_l1_distance(call: FunctionCallInfo) -> Datum;
}

/// The metric of an index, from the support functions of its operator class: names and schemas may
/// be others, the functions are the same.
pub fn of(index: Relation) -> Metric {
    let Some(distance) = index.support_function(support::DISTANCE) else {
        unsupported()
    };
    let normalised = index.support_function(support::NORM).is_some();
    let distance = distance as usize;
    if distance == pg_hnsw_vector_l2_squared_distance as *const () as usize {
        Metric::L2
    } else if distance == pg_hnsw_vector_negative_inner_product as *const () as usize {
        if normalised {
            Metric::Cosine
        } else {
            Metric::InnerProduct
        }
    } else if distance == pg_hnsw_l1_distance as *const () as usize {
        Metric::L1
    } else {
        unsupported()
    }
}

fn unsupported() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "type not supported for hnsw index",
    )
}
