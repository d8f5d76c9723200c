//! `INSERT`: one row into the index.

use super::keys::Keys;
use super::metric;
use super::options::Options;
use crate::pg::error::{OrRaise, raise};
use crate::pg::memory::Temporary;
use crate::pg::random;
use crate::pg::relation::{PageLock, Relation, tid_of};
use crate::pg::store::{INSERT_LOCK, PgStore};
use hnsw::keys::Row;
use hnsw::layout::MAX_ELEMENTS;
use hnsw::{Index, Params, Vector};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum, IndexInfo, IndexUniqueCheck, ItemPointer};

pub unsafe extern "C-unwind" fn aminsert(
    index: pg_sys::Relation,
    values: *mut Datum,
    nulls: *mut bool,
    tid: ItemPointer,
    _heap: pg_sys::Relation,
    _unique: IndexUniqueCheck::Type,
    _unchanged: bool,
    _info: *mut IndexInfo,
) -> bool {
    // SAFETY: PostgreSQL passes an open index, and a value and a null flag for each column.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            if !*nulls {
                let index = Relation::new(index);
                let (_, indexed) = metric::of(index);
                let temporary = Temporary::new();
                temporary.run(|| {
                    let keys = Keys::of(index);
                    let key = keys.encode(&index.values(values, nulls));
                    let x = indexed.read(*values);
                    insert(index, &keys, x.vector(), key.row(tid_of(&*tid)));
                });
                temporary.delete();
            }
            // Not unique, so there is nothing to say.
            false
        })
    }
}

/// Raises an error unless an index with these parameters can have the vector.
pub(super) fn check(x: Vector, params: Params) {
    if x.dims() != params.dims as usize {
        raise(
            PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
            format!("expected {} dimensions, not {}", params.dims, x.dims()),
        );
    }
    if let Vector::Sparse(sparse) = x
        && sparse.elements.values.len() > MAX_ELEMENTS
    {
        raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!(
                "sparsevec cannot have more than {MAX_ELEMENTS} non-zero elements for hnsw index"
            ),
        );
    }
}

fn insert(relation: Relation, keys: &Keys, x: Vector, row: Row) {
    let store = PgStore::new(relation);
    let mut lock = PageLock::Share;
    relation.lock_page(INSERT_LOCK, lock);
    let mut index = Index::open(&store).or_raise(relation);
    if index.needs_centre() || index.needs_bounds() {
        // The first vector becomes the centre, and the keys of the first rows the bounds, while
        // nobody else inserts.
        relation.unlock_page(INSERT_LOCK, lock);
        lock = PageLock::Exclusive;
        relation.lock_page(INSERT_LOCK, lock);
        index = Index::open(&store).or_raise(relation);
    }
    check(x, index.layout().params);
    if index.transform().indexable(x) {
        if index.needs_centre()
            && let Vector::Dense(x) = x
        {
            index.establish_centre(x).or_raise(relation);
        }
        if index.needs_bounds() {
            index
                .establish_bounds(|key| keys.values(key))
                .or_raise(relation);
        }
        let level = hnsw::insert::random_level(random::uniform(), index.layout().level_factor());
        #[cfg(feature = "waits")]
        let level = crate::pg::waits::level().unwrap_or(level);
        let ef_construction = Options::of(relation).ef_construction();
        index
            .insert(x, row, level, ef_construction)
            .or_raise(relation);
    }
    relation.unlock_page(INSERT_LOCK, lock);
}
