//! Index scans: rows in order of distance from the query.
//!
//! Where the index keeps vectors with less precision than the table, it knows bounds of distances
//! only. Rows whose bounds overlap wait in a queue at their true distance, read from the table,
//! until no row to come can be nearer. (The executor can do that itself, from lower
//! bounds, but the rows that it puts back in order lose their `ctid`, which `FOR UPDATE` needs.)
//!
//! A scan holds no pin and no lock between calls. Its memory belongs to the context that the scan
//! was begun in, and is freed with it if the scan is aborted.

use super::keys::Keys;
use super::report::{Report, warn_if_limited};
use super::{metric, range, settings};
use crate::pg::error::{OrRaise, raise};
use crate::pg::fetch::{Columns, Found, RowReader};
use crate::pg::interrupts;
use crate::pg::limit::Limit;
use crate::pg::memory::{self, Context, Temporary};
use crate::pg::relation::{self, Fork, Relation, pointer_to};
use crate::pg::store::PgStore;
use crate::types::Detoasted;
use hnsw::query::Query;
use hnsw::scan::{Resume, Row, Scan, Step};
use hnsw::{Index, Tid};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum, IndexScanDesc, IndexScanDescData, ScanDirection, ScanKey};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ffi::c_int;
use std::rc::Rc;

/// A scan that has started. Fields are dropped in this order.
struct Started {
    scan: Scan,
    /// Borrows `store`.
    index: Index<'static, PgStore>,
    _store: Rc<PgStore>,
    relation: Relation,
    /// What distances are from, detoasted once for all comparisons; `None` for NULL.
    centre: Option<Detoasted<'static>>,
    /// The same as it came with the order, if there is one.
    original: Option<Datum>,
    /// Rows farther than this are not wanted.
    radius: f64,
    /// The executor checks what the keys ask for: of all rows, or of those that may be too far.
    check: range::Check,
    /// Came to rows beyond the radius.
    beyond: bool,
    /// What the filter needs.
    filter_memory: Temporary,
    /// The order does not matter.
    any_order: bool,
    /// Rows that wait for their turn.
    queue: BinaryHeap<Waiting>,
    /// No row to come in this batch is nearer than this.
    reached: f64,
    /// Distance of the row returned last, as far as it is known.
    passed: f64,
    ended: bool,
    /// Rows left out because they turned up behind farther ones.
    late: u64,
    /// Blocks that the table has for certain.
    table_blocks: u32,
    /// The row returned last.
    last: Option<Row>,
    /// Rows that turned out to be dead to everyone, at most [`MOST_DEAD`].
    dead: Vec<Row>,
}

/// Dead rows that a scan remembers until its end.
const MOST_DEAD: usize = 1 << 16;

impl Started {
    /// Remembers a row that is dead to everyone, if it can be marked.
    fn note_dead(&mut self, row: Row) {
        if row.in_record && self.dead.len() < MOST_DEAD {
            self.dead.push(row);
        }
    }

    /// All rows to come are farther than the radius.
    fn end_at_radius(&mut self) {
        self.beyond = true;
        self.ended = true;
        self.reached = f64::INFINITY;
    }

    /// Raises an error if the table cannot have the row: what is read from a page is not trusted.
    fn check_row(&mut self, row: Row, table: Relation) {
        if row.tid.block >= self.table_blocks {
            self.table_blocks = table.blocks(Fork::Main);
        }
        if row.tid.block >= self.table_blocks {
            let block = self.index.layout().locate(row.node).0;
            let what = "a row lies beyond the end of the table";
            Err(hnsw::Error::Corrupted { block, what }).or_raise(self.relation)
        }
    }
}

/// A row at its true distance; the nearest is the greatest, for a heap.
struct Waiting {
    distance: f64,
    row: Row,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .distance
            .total_cmp(&self.distance)
            .then(other.row.tid.cmp(&self.row.tid))
    }
}

/// What hangs on a scan's descriptor; dropped with the memory context.
struct State {
    context: Context,
    started: Option<Started>,
    /// The LIMIT above it.
    limit: Option<Limit>,
    /// Made when the first row is read from the table.
    reader: Option<RowReader>,
    /// What it did, without the search that is going on.
    report: Report,
}

pub unsafe extern "C-unwind" fn ambeginscan(
    index: pg_sys::Relation,
    keys: c_int,
    order_bys: c_int,
) -> IndexScanDesc {
    // SAFETY: PostgreSQL passes an open index. The arrays are those that it expects of an access
    // method that orders by operators.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let scan = pg_sys::RelationGetIndexScan(index, keys, order_bys);
            if order_bys > 0 {
                let count = order_bys as usize;
                (*scan).xs_orderbyvals = pg_sys::palloc0(size_of::<Datum>() * count).cast();
                (*scan).xs_orderbynulls = pg_sys::palloc0(count).cast();
            }
            let context = Context::current();
            let state = State {
                context,
                started: None,
                limit: None,
                reader: None,
                report: Report::default(),
            };
            (*scan).opaque = memory::drop_with_context(state).cast();
            scan
        })
    }
}

pub unsafe extern "C-unwind" fn amrescan(
    scan: IndexScanDesc,
    keys: ScanKey,
    key_count: c_int,
    order_bys: ScanKey,
    order_by_count: c_int,
) {
    // SAFETY: PostgreSQL passes a scan that ambeginscan made, and at most as many keys as it said.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let scan = &mut *scan;
            finish(scan);
            state(scan).limit = Limit::above(order_bys);
            if !keys.is_null() && scan.numberOfKeys > 0 {
                std::ptr::copy(keys, scan.keyData, key_count as usize);
            }
            if !order_bys.is_null() && scan.numberOfOrderBys > 0 {
                std::ptr::copy(order_bys, scan.orderByData, order_by_count as usize);
            }
        })
    }
}

pub unsafe extern "C-unwind" fn amgettuple(
    scan: IndexScanDesc,
    direction: ScanDirection::Type,
) -> bool {
    // SAFETY: PostgreSQL passes a scan that ambeginscan made and amrescan gave its keys.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            debug_assert_eq!(direction, ScanDirection::ForwardScanDirection);
            let scan = &mut *scan;
            let relation = Relation::new(scan.indexRelation);
            let state = state(scan);
            if state.started.is_none() {
                state.started = Some(start(scan, relation, state.context, state.limit));
            }
            let Some(started) = &mut state.started else {
                return false;
            };
            if let Some(row) = started.last.filter(|_| scan.kill_prior_tuple) {
                started.note_dead(row);
            }
            let (reader, report) = (&mut state.reader, &mut state.report);
            started.last = next(scan, started, state.context, reader, report);
            let Some(row) = started.last else {
                let search = started.scan.report();
                let late = search.late as u64 + started.late;
                warn_if_limited(&relation.name(), search, started.beyond, late);
                return false;
            };
            report.rows += 1;
            scan.xs_heaptid = pointer_to(row.tid);
            // Not all keys say all, and a damaged one may say what is wrong.
            scan.xs_recheck =
                started.scan.is_filtered() || started.check.needs(row.upper, started.radius);
            scan.xs_recheckorderby = false;
            if scan.numberOfOrderBys > 0 {
                *scan.xs_orderbyvals = Datum::from(row.lower.to_bits());
                *scan.xs_orderbynulls = false;
            }
            true
        })
    }
}

/// The next row, nearest first.
///
/// # Safety
/// As for [`amgettuple`]; `context` is the scan's.
unsafe fn next(
    scan: &mut IndexScanDescData,
    started: &mut Started,
    context: Context,
    reader: &mut Option<RowReader>,
    report: &mut Report,
) -> Option<Row> {
    loop {
        interrupts::check();
        let nearest = started.queue.peek().map(|w| w.distance);
        if nearest.is_some_and(|d| started.ended || d <= started.reached) {
            let nearest = started.queue.pop()?;
            if nearest.distance > started.radius {
                started.end_at_radius();
                started.queue.clear();
                return None;
            }
            started.passed = nearest.distance;
            return Some(nearest.row);
        }
        if started.ended {
            return None;
        }
        let step = started
            .scan
            .step(&mut started.index, nearest.unwrap_or(f64::NEG_INFINITY))
            .or_raise(started.relation);
        let row = match step {
            Step::Row(row) => row,
            // What a later search finds nearer comes too late.
            Step::Batch(next) => {
                started.reached = next;
                continue;
            }
            Step::End => {
                started.reached = f64::INFINITY;
                started.ended = true;
                continue;
            }
        };
        if row.lower > started.radius {
            started.end_at_radius();
            continue;
        }
        // SAFETY: the scan's table is open.
        let table = unsafe { Relation::new(scan.heapRelation) };
        started.check_row(row, table);
        started.reached = row.lower;
        let certain = row.exact || started.any_order;
        if certain && started.queue.is_empty() {
            started.passed = started.passed.max(row.lower);
            return Some(row);
        }
        let (mut distance, mut upper) = (row.lower, row.upper);
        if !certain {
            report.compared += 1;
            // SAFETY: the scan's table and index are open until amendscan, its snapshot and key
            // are valid now.
            let found = unsafe {
                let index = started.relation;
                let new = || context.run(|| RowReader::new(table, index, Columns::First));
                reader.get_or_insert_with(new).distance(
                    row.tid,
                    scan.xs_snapshot,
                    &mut *scan.orderByData,
                )
            };
            match found {
                // It turned up too late.
                Found::Row(Some(exact)) if exact < started.passed => {
                    report.late += 1;
                    started.late += 1;
                    continue;
                }
                Found::Row(Some(exact)) => (distance, upper) = (exact, exact),
                Found::Invisible | Found::Row(None) => continue,
                Found::Dead => {
                    started.note_dead(row);
                    continue;
                }
            }
        }
        // Not a number comes last, as PostgreSQL has it.
        let distance = if distance.is_nan() {
            f64::NAN
        } else {
            distance
        };
        let row = Row {
            lower: distance,
            upper,
            ..row
        };
        started.queue.push(Waiting { distance, row });
    }
}

pub unsafe extern "C-unwind" fn amendscan(scan: IndexScanDesc) {
    // SAFETY: PostgreSQL passes a scan that ambeginscan made.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let scan = &mut *scan;
            finish(scan);
            let state = state(scan);
            if let Some(reader) = state.reader.take() {
                reader.end();
            }
            let index = Relation::new(scan.indexRelation).name();
            std::mem::take(&mut state.report).publish(index);
        })
    }
}

/// Ends what was started, if anything was.
///
/// # Safety
/// `scan` was made by ambeginscan.
unsafe fn finish(scan: &mut IndexScanDescData) {
    // SAFETY: the caller's promise.
    let state = unsafe { state(scan) };
    let Some(mut started) = state.started.take() else {
        return;
    };
    state.report.add(started.scan.report(), started.beyond);
    // SAFETY: a scan that came with an order may be started with it again; then not with this copy.
    unsafe {
        if let Some(original) = started.original {
            (*scan.orderByData).sk_argument = original;
        }
        if let Some(centre) = started.centre.take() {
            centre.free();
        }
    }
    // SAFETY: the caller's promise.
    unsafe { mark_dead(scan, &mut started) }
    started.filter_memory.delete();
}

/// Marks the rows that turned out to be dead.
///
/// # Safety
/// As for [`finish`].
unsafe fn mark_dead(scan: &mut IndexScanDescData, started: &mut Started) {
    if started.dead.is_empty() || !relation::accepts_writes() {
        return;
    }
    // SAFETY: a scan that returned rows has an open table and a snapshot.
    let table = unsafe { Relation::new(scan.heapRelation) };
    let snapshot = scan.xs_snapshot;
    started.dead.sort_unstable_by_key(|row| (row.node, row.tid));
    for rows in started.dead.chunk_by(|a, b| a.node == b.node) {
        interrupts::check();
        let tids: Vec<Tid> = rows.iter().map(|row| row.tid).collect();
        started
            .index
            .mark_dead(rows[0].node, rows[0].generation, &tids, |tid| {
                // SAFETY: the snapshot is the scan's.
                unsafe { table.is_dead_to_all(tid, snapshot) }
            })
            .or_raise(started.relation);
    }
}

/// Whether rows of an index come from here: it is of `hnsw`, or of `ivfflat`.
pub fn is_ours(index: Relation) -> bool {
    index.gives_rows_by().map(|f| f as *const ()) == Some(amgettuple as *const ())
}

/// What a scan has done so far; `None` if it is of another access method.
///
/// # Safety
/// `scan` is an index scan that has not ended, and nothing else borrows its state.
#[cfg(feature = "pg18")]
pub unsafe fn report(scan: &mut IndexScanDescData) -> Option<Report> {
    // SAFETY: the index of a scan is open.
    if !is_ours(unsafe { Relation::new(scan.indexRelation) }) {
        return None;
    }
    // SAFETY: ambeginscan made it.
    let state = unsafe { state(scan) };
    let mut report = state.report.clone();
    if let Some(started) = &state.started {
        report.add(started.scan.report(), started.beyond);
    }
    Some(report)
}

/// # Safety
/// `scan` was made by ambeginscan, and nothing else borrows its state.
unsafe fn state<'a>(scan: &mut IndexScanDescData) -> &'a mut State {
    // SAFETY: ambeginscan set it; it lives as long as the scan's memory context.
    unsafe { &mut *scan.opaque.cast() }
}

/// Checks the scan, opens the index and prepares the query.
///
/// # Safety
/// As for [`amgettuple`]; `context` is the scan's.
unsafe fn start(
    scan: &mut IndexScanDescData,
    relation: Relation,
    context: Context,
    limit: Option<Limit>,
) -> Started {
    // Rows may be removed from the index, and their places reused, while a scan goes on: only an
    // MVCC snapshot tells the new rows from the old.
    // SAFETY: a scan has a snapshot.
    let snapshot = unsafe { (*scan.xs_snapshot).snapshot_type };
    if snapshot != pg_sys::SnapshotType::SNAPSHOT_MVCC
        && snapshot != pg_sys::SnapshotType::SNAPSHOT_HISTORIC_MVCC
    {
        let message = "non-MVCC snapshots are not supported with hnsw";
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, message);
    }
    if scan.numberOfOrderBys > 1 {
        let message = "hnsw index cannot order by two distances";
        raise(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, message);
    }
    relation.count_scan();
    #[cfg(feature = "pg18")]
    // SAFETY: null or valid.
    if let Some(counters) = unsafe { scan.instrument.as_mut() } {
        counters.nsearches += 1;
    }
    let store = Rc::new(PgStore::new(relation));
    // SAFETY: the store stays where it is, and is dropped after the index that borrows it.
    let borrowed: &'static PgStore = unsafe { &*Rc::as_ptr(&store) };
    let index = Index::open(borrowed).or_raise(relation);
    // SAFETY: amrescan copied the keys; the scan's context exists.
    let goal = unsafe { range::goal(scan, context) };
    let ordered = scan.numberOfOrderBys > 0;
    let mut original = None;
    let (query, any_order) = match &goal.centre {
        None => (Query::of_any_order(&index), true),
        Some(centre) => {
            if ordered {
                // SAFETY: there is a key for the order.
                let key = unsafe { &mut *scan.orderByData };
                original = Some(std::mem::replace(&mut key.sk_argument, centre.datum()));
            }
            let (_, indexed) = metric::of(relation);
            // SAFETY: the centre is of the type of the column, and lives until the scan is finished.
            let value = unsafe { indexed.read(centre.datum()) };
            let x = value.vector();
            let dims = index.layout().params.dims as usize;
            if x.dims() != dims {
                indexed.different_dimensions(x.dims(), dims);
            }
            let indexable = index.transform().indexable(x);
            (Query::new(&index, x), !indexable || !ordered)
        }
    };
    let mut settings = settings::scan(scan.ignore_killed_tuples);
    // How many rows are within a radius is not known.
    let limit = limit.filter(|_| goal.radius == f64::INFINITY);
    // SAFETY: the scan is being executed.
    if let Some(rows) = limit.and_then(|limit| unsafe { limit.rows() }) {
        settings = settings.for_rows(rows);
    }
    if !ordered {
        // The radius is bound enough: whoever asks for all rows within it is to get them.
        settings.max_visits = usize::MAX;
        settings.memory = usize::MAX;
        settings.resume = Resume::Relaxed;
    }
    if any_order && settings.resume == Resume::Strict {
        // No row comes late.
        settings.resume = Resume::Relaxed;
    }
    let mut search = Scan::new(query, settings);
    // SAFETY: the scan's context exists.
    let filter_memory = unsafe { context.run(Temporary::new) };
    if scan.numberOfKeys > 0 {
        // SAFETY: amrescan copied the keys. They stay, as the memory does, until the scan is finished.
        let filter = unsafe {
            let keys = std::slice::from_raw_parts_mut(scan.keyData, scan.numberOfKeys as usize);
            Keys::of(relation).filter(keys, index.bounds(), &filter_memory)
        };
        if let Some(filter) = filter {
            search = search.with_filter(filter);
        }
    }
    Started {
        scan: search,
        filter_memory,
        index,
        _store: store,
        relation,
        centre: goal.centre,
        original,
        radius: goal.radius,
        check: goal.check,
        beyond: false,
        any_order,
        queue: BinaryHeap::new(),
        reached: f64::NEG_INFINITY,
        passed: f64::NEG_INFINITY,
        ended: goal.nothing,
        late: 0,
        table_blocks: 0,
        last: None,
        dead: Vec::new(),
    }
}
