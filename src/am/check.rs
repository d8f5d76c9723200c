//! `hnsw_check()`: whether an index is as it should be, and has the rows of its table.

use super::handler::export;
use super::keys::Keys;
use super::{metric, scan};
use crate::pg::error::{OrRaise, debug, notice, raise};
use crate::pg::fetch::{Columns, Found, RowReader};
use crate::pg::inspect::Inspection;
use crate::pg::memory::Temporary;
use crate::pg::relation::{Fork, Relation};
use crate::pg::result::Rows;
use crate::pg::store::PgStore;
use crate::types::IndexedType;
use hnsw::check::{self, Problem};
use hnsw::keys::KeyValue;
use hnsw::{Tid, Vector};
use pgrx::pg_sys::{Datum, FunctionCallInfo, Snapshot};
use pgrx::{IntoDatum, PgSqlErrorCode};
use std::time::{Duration, Instant};

/// Between two messages about progress.
const PROGRESS: Duration = Duration::from_secs(10);

export!(hnsw_check, pg_finfo_hnsw_check, |call| {
    check(call);
    Datum::null()
});

/// # Safety
/// `call` is that of `hnsw_check(regclass, boolean)`, whose arguments are not null.
unsafe fn check(call: FunctionCallInfo) {
    // SAFETY: the caller's promise.
    let (rows, index, table) = unsafe {
        let argument = |i| (*(*call).args.as_ptr().add(i)).value;
        let table = argument(1).value() as u8 != 0;
        (Rows::of(call), (argument(0).value() as u32).into(), table)
    };
    let inspection = Inspection::begin(index);
    let Inspection {
        table: heap,
        index,
        snapshot,
        ..
    } = inspection;
    if !scan::is_ours(index) {
        let name = index.name();
        let code = PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE;
        raise(code, format!("\"{name}\" is not an hnsw index"));
    }
    if table && !heap.is_heap() {
        let name = heap.name();
        let code = PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED;
        raise(
            code,
            format!("\"{name}\" is not a table of access method heap"),
        );
    }
    let store = PgStore::new(index);
    let mut host = Host {
        rows,
        // SAFETY: both are open until the inspection ends.
        reader: unsafe { RowReader::new(heap, index, Columns::All) },
        keys: Keys::of(index),
        temporary: Temporary::new(),
        store: &store,
        heap,
        index,
        indexed: metric::of(index).1,
        snapshot,
        blocks: 0,
        advice: format!("REINDEX INDEX {}", index.qualified_name()),
        told: Instant::now(),
    };
    let counts = check::check_with(&store, &mut host, table).or_raise(index);
    if counts.vacuuming {
        notice(format!(
            "whether all nodes of index \"{}\" can be reached was not checked: a vacuum is running, \
             or did not end; VACUUM the table, and check again",
            index.name()
        ));
    }
    host.reader.end();
    host.temporary.delete();
    inspection.end();
}

/// The table, and where problems go.
struct Host<'s> {
    rows: Rows,
    reader: RowReader,
    keys: Keys,
    temporary: Temporary,
    store: &'s PgStore,
    heap: Relation,
    index: Relation,
    indexed: IndexedType,
    snapshot: Snapshot,
    /// Blocks that the table has for certain.
    blocks: u32,
    advice: String,
    told: Instant,
}

impl check::Host for Host<'_> {
    fn problem(&mut self, problem: Problem) {
        add(&mut self.rows, &self.advice, problem);
    }

    fn progress(&mut self, phase: &'static str, done: u32, all: u32) {
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            let name = self.index.name();
            debug(format!(
                "check of index \"{name}\": {phase}, block {done} of {all}"
            ));
        }
    }

    fn header(&mut self, block: u32) -> Option<&'static str> {
        self.store.header_problem(block)
    }

    fn show(&mut self, tid: Tid, f: &mut dyn FnMut(Option<Vector>, &[u8])) -> bool {
        if tid.block >= self.blocks {
            self.blocks = self.heap.blocks(Fork::Main);
            if tid.block >= self.blocks {
                return false;
            }
        }
        let (indexed, keys) = (self.indexed, &self.keys);
        // SAFETY: the snapshot is registered; values of the columns have their types.
        let found = unsafe {
            self.reader.row(tid, self.snapshot, |values| {
                let key = keys.encode(values).key;
                match values[0] {
                    Some(value) => f(Some(indexed.read(value).vector()), &key),
                    None => f(None, &key),
                }
            })
        };
        matches!(found, Found::Row(()))
    }

    fn sees_what_is_dead(&self) -> bool {
        // SAFETY: the snapshot is registered.
        unsafe { !(*self.snapshot).takenDuringRecovery }
    }

    fn values(&self, key: &[u8]) -> Vec<KeyValue> {
        self.temporary.run(|| self.keys.values(key))
    }

    fn is_vacant(&self, tid: Tid) -> bool {
        self.heap.is_heap() && !self.heap.has_line_pointer(tid)
    }

    fn scan(
        &mut self,
        unknown: &dyn Fn(Tid) -> bool,
        judge: &dyn Fn(Tid, Vector) -> Option<Problem>,
    ) {
        let (indexed, rows, advice) = (self.indexed, &mut self.rows, &self.advice);
        let temporary = &self.temporary;
        let row = |values: &[Option<Datum>], tid: Tid| {
            let Some(value) = values[0].filter(|_| unknown(tid)) else {
                return;
            };
            // SAFETY: a value of the indexed column, which has this type.
            let problem = temporary.run(|| unsafe { judge(tid, indexed.read(value).vector()) });
            if let Some(problem) = problem {
                add(rows, advice, problem);
            }
        };
        // SAFETY: the index is one on this table, the snapshot is registered.
        unsafe { self.heap.scan_visible(self.index, self.snapshot, row) };
    }
}

/// Adds a problem to the result.
fn add(rows: &mut Rows, advice: &str, problem: Problem) {
    let columns = || {
        [
            problem
                .block
                .and_then(|block| i64::from(block).into_datum()),
            problem.slot.and_then(|slot| (slot as i32).into_datum()),
            problem
                .level
                .and_then(|level| i32::from(level).into_datum()),
            format!("{}: use {advice}", problem.text).into_datum(),
        ]
    };
    // SAFETY: the function returns a bigint, two integers and a text.
    unsafe { rows.add(columns) };
}
