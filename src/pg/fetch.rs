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
    values: Values,
    temporary: Temporary,
}

/// Where the indexed values are.
enum Values {
    /// Only the first, in this column of the table.
    Column(i32),
    All(*mut pg_sys::IndexInfo, *mut pg_sys::EState),
}

/// Which values of a row a reader shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// At least that of the index's first column.
    First,
    /// Those of all columns of the index.
    All,
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
    pub unsafe fn new(table: Relation, index: Relation, columns: Columns) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let fetch = pg_sys::table_index_fetch_begin(table.as_ptr());
            let slot = pg_sys::table_slot_create(table.as_ptr(), std::ptr::null_mut());
            let column = *(*(*index.as_ptr()).rd_index).indkey.values.as_ptr();
            let values = match (column, columns) {
                (0, _) | (_, Columns::All) => {
                    let state = pg_sys::CreateExecutorState();
                    (*pg_sys::MakePerTupleExprContext(state)).ecxt_scantuple = slot;
                    Values::All(pg_sys::BuildIndexInfo(index.as_ptr()), state)
                }
                (column, Columns::First) => Values::Column(column.into()),
            };
            Self {
                fetch,
                slot,
                values,
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
        unsafe { self.row(tid, snapshot, |values| values[0].map(distance)) }
    }

    /// Shows the indexed values of the row at `tid`. What `f` allocates is freed.
    ///
    /// # Safety
    /// `snapshot` is a valid MVCC snapshot.
    pub unsafe fn row<R>(
        &mut self,
        tid: Tid,
        snapshot: Snapshot,
        f: impl FnOnce(&[Option<Datum>]) -> R,
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
                true => Found::Row(self.temporary.run(|| f(&self.values()))),
                false if dead => Found::Dead,
                false => Found::Invisible,
            };
            pg_sys::ExecClearTuple(self.slot);
            pg_sys::table_index_fetch_reset(self.fetch);
            found
        }
    }

    /// The indexed values of the row in the slot.
    ///
    /// # Safety
    /// There is a row in the slot.
    unsafe fn values(&self) -> Vec<Option<Datum>> {
        let mut null = [true; pg_sys::INDEX_MAX_KEYS as usize];
        let mut values = [Datum::null(); pg_sys::INDEX_MAX_KEYS as usize];
        // SAFETY: the caller's promise; the arrays are as long as an index can have columns.
        let count = unsafe {
            match self.values {
                Values::Column(column) => {
                    values[0] = pg_sys::slot_getattr(self.slot, column, &mut null[0]);
                    1
                }
                Values::All(info, state) => {
                    let context = (*state).es_per_tuple_exprcontext;
                    pg_sys::MemoryContextReset((*context).ecxt_per_tuple_memory);
                    let (values, null) = (values.as_mut_ptr(), null.as_mut_ptr());
                    pg_sys::FormIndexDatum(info, self.slot, state, values, null);
                    (*info).ii_NumIndexAttrs as usize
                }
            }
        };
        let one = |(&value, &null): (&Datum, &bool)| (!null).then_some(value);
        values.iter().zip(&null).map(one).take(count).collect()
    }

    /// Frees everything.
    pub fn end(self) {
        // SAFETY: all was made by `new`, and is not used any more.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::table_index_fetch_end(self.fetch);
            if let Values::All(_, state) = self.values {
                pg_sys::FreeExecutorState(state);
            }
        }
        self.temporary.delete();
    }
}
