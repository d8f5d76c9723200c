//! The rows of a table behind an index, for distances that the index does not know exactly.

use super::memory::Temporary;
use super::relation::{Relation, pointer_to};
use hnsw::Tid;
use pgrx::pg_sys::{self, Datum, ScanKeyData, Snapshot};

/// Reads rows of a table, and calls the operator that an index scan orders by. Keeps no buffer
/// between calls. Without a destructor: after an error PostgreSQL frees what it holds.
pub struct RowReader {
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    value: Value,
    temporary: Temporary,
}

/// Where the indexed value is.
enum Value {
    Column(i32),
    Expression(*mut pg_sys::IndexInfo, *mut pg_sys::EState),
}

/// What stands at a row's address.
pub enum Found<R> {
    /// A visible row, and what was made of it.
    Row(R),
    /// No row that the snapshot sees.
    Invisible,
    /// No row that any snapshot sees.
    Dead,
}

impl RowReader {
    /// # Safety
    /// `index` is an open index on the open table `table`; both stay open until [`Self::end`]. The
    /// current memory context lives as long.
    pub unsafe fn new(table: Relation, index: Relation) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let fetch = pg_sys::table_index_fetch_begin(table.as_ptr());
            let slot = pg_sys::table_slot_create(table.as_ptr(), std::ptr::null_mut());
            let column = *(*(*index.as_ptr()).rd_index).indkey.values.as_ptr();
            let value = match column {
                0 => {
                    let state = pg_sys::CreateExecutorState();
                    (*pg_sys::MakePerTupleExprContext(state)).ecxt_scantuple = slot;
                    Value::Expression(pg_sys::BuildIndexInfo(index.as_ptr()), state)
                }
                column => Value::Column(column.into()),
            };
            Self {
                fetch,
                slot,
                value,
                temporary: Temporary::new(),
            }
        }
    }

    /// The value of the key's operator for the row at `tid`, unless its vector is null.
    ///
    /// # Safety
    /// `snapshot` is a valid MVCC snapshot, and `key` one of a scan of the index.
    pub unsafe fn distance(
        &mut self,
        tid: Tid,
        snapshot: Snapshot,
        key: &mut ScanKeyData,
    ) -> Found<Option<f64>> {
        let distance = |value| {
            let (function, collation) = (&raw mut key.sk_func, key.sk_collation);
            // SAFETY: the operator takes a value of the column and the key's argument.
            let distance =
                unsafe { pg_sys::FunctionCall2Coll(function, collation, value, key.sk_argument) };
            f64::from_bits(distance.value() as u64)
        };
        // SAFETY: the caller's promise.
        unsafe { self.row(tid, snapshot, |value| value.map(distance)) }
    }

    /// Shows the indexed value of the row at `tid`. What `f` allocates is freed.
    ///
    /// # Safety
    /// `snapshot` is a valid MVCC snapshot.
    pub unsafe fn row<R>(
        &mut self,
        tid: Tid,
        snapshot: Snapshot,
        f: impl FnOnce(Option<Datum>) -> R,
    ) -> Found<R> {
        let mut pointer = pointer_to(tid);
        let (mut again, mut dead) = (false, false);
        // SAFETY: the caller's promise; the pointers are to locals.
        unsafe {
            let visible = pg_sys::table_index_fetch_tuple(
                self.fetch,
                &mut pointer,
                snapshot,
                self.slot,
                &mut again,
                &mut dead,
            );
            let found = match visible {
                true => Found::Row(self.temporary.run(|| f(self.value()))),
                false if dead => Found::Dead,
                false => Found::Invisible,
            };
            pg_sys::ExecClearTuple(self.slot);
            pg_sys::table_index_fetch_reset(self.fetch);
            found
        }
    }

    /// The indexed value of the row in the slot.
    ///
    /// # Safety
    /// There is a row in the slot.
    unsafe fn value(&self) -> Option<Datum> {
        let mut null = [true; pg_sys::INDEX_MAX_KEYS as usize];
        let mut values = [Datum::null(); pg_sys::INDEX_MAX_KEYS as usize];
        // SAFETY: the caller's promise; the arrays are as long as an index can have columns.
        unsafe {
            match self.value {
                Value::Column(column) => {
                    values[0] = pg_sys::slot_getattr(self.slot, column, &mut null[0]);
                }
                Value::Expression(info, state) => {
                    let context = (*state).es_per_tuple_exprcontext;
                    pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
                    let (values, null) = (values.as_mut_ptr(), null.as_mut_ptr());
                    pg_sys::FormIndexDatum(info, self.slot, state, values, null);
                }
            }
        }
        (!null[0]).then_some(values[0])
    }

    /// Frees everything.
    pub fn end(self) {
        // SAFETY: all was made by `new`, and is not used any more.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::table_index_fetch_end(self.fetch);
            if let Value::Expression(_, state) = self.value {
                pg_sys::FreeExecutorState(state);
            }
        }
        self.temporary.delete();
    }
}
