//! What an operator class asks of an index.

use super::support;
use crate::pg::error::raise;
use crate::pg::relation::Relation;
use crate::types::IndexedType::{self, Bit, Halfvec, Sparsevec, Vector};
use hnsw::Metric;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

// The distances among the SQL functions of `crate::types`.
unsafe extern "C-unwind" {
    fn pg_hnsw_vector_l2_squared_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_vector_negative_inner_product(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_vector_l1_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_halfvec_l2_squared_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_halfvec_negative_inner_product(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_halfvec_l1_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_sparsevec_l2_squared_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_sparsevec_negative_inner_product(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_sparsevec_l1_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_bit_hamming_distance(call: FunctionCallInfo) -> Datum;
    fn pg_hnsw_bit_jaccard_distance(call: FunctionCallInfo) -> Datum;
}

/// The metric of an index and the type of its column, from the support functions of its operator
/// class: names and schemas may be others, the functions are the same.
pub fn of(index: Relation) -> (Metric, IndexedType) {
    type Function = unsafe extern "C-unwind" fn(FunctionCallInfo) -> Datum;
    let known: [(Function, Metric, IndexedType); 11] = [
        (pg_hnsw_vector_l2_squared_distance, Metric::L2, Vector),
        (
            pg_hnsw_vector_negative_inner_product,
            Metric::InnerProduct,
            Vector,
        ),
        (pg_hnsw_vector_l1_distance, Metric::L1, Vector),
        (pg_hnsw_halfvec_l2_squared_distance, Metric::L2, Halfvec),
        (
            pg_hnsw_halfvec_negative_inner_product,
            Metric::InnerProduct,
            Halfvec,
        ),
        (pg_hnsw_halfvec_l1_distance, Metric::L1, Halfvec),
        (
            pg_hnsw_sparsevec_l2_squared_distance,
            Metric::SparseL2,
            Sparsevec,
        ),
        (
            pg_hnsw_sparsevec_negative_inner_product,
            Metric::SparseInnerProduct,
            Sparsevec,
        ),
        (pg_hnsw_sparsevec_l1_distance, Metric::SparseL1, Sparsevec),
        (pg_hnsw_bit_hamming_distance, Metric::Hamming, Bit),
        (pg_hnsw_bit_jaccard_distance, Metric::Jaccard, Bit),
    ];
    let distance = index.support_function(support::DISTANCE);
    let found = known
        .into_iter()
        .find(|(function, ..)| distance.is_some_and(|d| d as usize == *function as usize));
    let normalises = index.support_function(support::NORM).is_some();
    match found {
        Some((_, Metric::InnerProduct, indexed)) if normalises => (Metric::Cosine, indexed),
        Some((_, Metric::SparseInnerProduct, indexed)) if normalises => {
            (Metric::SparseCosine, indexed)
        }
        Some((_, metric, indexed)) => (metric, indexed),
        None => raise(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "type not supported for hnsw index",
        ),
    }
}
