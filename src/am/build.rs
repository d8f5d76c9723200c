//! `CREATE INDEX`: the leader reads the table, threads build the graph, the leader writes pages.
//!
//! The backend's own thread, the leader, copies rows into batches; a pool of threads puts them into a graph
//! in memory and later encodes its pages. A sample of the first rows gives the centre that is
//! subtracted from all. The pages are written once, in order, and logged run by run.

use super::aside::Store;
use super::keys::{EncodedKey, Keys};
use super::options::Options;
use super::{insert, metric, settings, support};
use crate::pg::arena::PgArena;
use crate::pg::buffer;
use crate::pg::error::{OrRaise, debug, raise, raise_with_hint};
use crate::pg::memory::{self, Temporary};
use crate::pg::progress::{self, Parameter};
use crate::pg::relation::{Fork, Relation};
use crate::pg::threads::{self, Task};
use crate::pg::{interrupts, random};
use crate::types::IndexedType;
use hnsw::build::plan::Plan;
use hnsw::build::{Aside, Batch, Builder};
use hnsw::keys::Row;
use hnsw::page::Body;
use hnsw::{Layout, Params, Storage, Tid, Vector};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum, IndexBuildResult, IndexInfo};
use rayon::Scope;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

/// Rows at most whose mean becomes the centre.
const SAMPLE_ROWS: usize = 10_000;
/// Bytes at most that they take.
const SAMPLE_BYTES: usize = 64 << 20;
/// Pages that a thread encodes at a time.
const RUN: u32 = 64;

/// Phases of a build, as `pg_stat_progress_create_index` numbers them.
#[derive(Clone, Copy)]
enum Phase {
    Loading = 2,
    Linking = 3,
    Writing = 4,
}

impl Phase {
    fn begin(self) {
        progress::update(Parameter::Subphase, self as i64);
    }
}

pub unsafe extern "C-unwind" fn ambuildphasename(phase: i64) -> *mut c_char {
    let name: &CStr = match phase {
        1 => c"initializing",
        2 => c"loading tuples",
        3 => c"linking records",
        4 => c"writing pages",
        _ => return std::ptr::null_mut(),
    };
    name.as_ptr().cast_mut()
}

pub unsafe extern "C-unwind" fn ambuild(
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut IndexInfo,
) -> *mut IndexBuildResult {
    // SAFETY: PostgreSQL passes an open table and an open, empty index on it.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let (heap, index) = (Relation::new(heap), Relation::new(index));
            let table = Table { heap, info };
            let result = memory::new_zeroed::<IndexBuildResult>();
            let (heap_tuples, index_tuples) = build(index, Fork::Main, Some(table));
            (*result).heap_tuples = heap_tuples;
            (*result).index_tuples = index_tuples as f64;
            result
        })
    }
}

pub unsafe extern "C-unwind" fn ambuildempty(index: pg_sys::Relation) {
    // SAFETY: PostgreSQL passes an open index with an empty init fork.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            build(Relation::new(index), Fork::Init, None);
        })
    }
}

/// The table to index.
struct Table {
    heap: Relation,
    info: *mut IndexInfo,
}

/// What an index is to be, from its column, its operator class and its options.
fn parameters(index: Relation, keys: &Keys) -> (Params, IndexedType, usize) {
    let options = Options::of(index);
    if (1..index.columns()).any(|i| index.has_support_function(i, support::DISTANCE)) {
        raise_with_hint(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "only the first column of an hnsw index can be ordered by distance".into(),
            "Create an index for each.",
        )
    }
    let (_, typmod) = index.first_column();
    let (metric, indexed) = metric::of(index);
    let Ok(dims @ 1..) = u32::try_from(typmod) else {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "column does not have dimensions",
        )
    };
    if dims > metric.max_dims() {
        raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!(
                "column cannot have more than {} dimensions for hnsw index",
                metric.max_dims()
            ),
        )
    }
    if options.storage() != Storage::Auto && metric.only_storage().is_some() {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!(
                "storage of an index of type {} is always auto",
                indexed.name()
            ),
        )
    }
    if options.ef_construction() < 2 * usize::from(options.m()) {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "ef_construction must be greater than or equal to 2 * m",
        )
    }
    let mut params = Params {
        dims,
        m: options.m(),
        metric,
        storage: options.storage(),
        keys: keys.params(),
    };
    // What halves hold needs no wider numbers, also where there is room.
    if params.storage == Storage::Auto
        && indexed == IndexedType::Halfvec
        && Layout::new(params).params.storage == Storage::Float32
    {
        params.storage = Storage::Float16;
    }
    (params, indexed, options.ef_construction())
}

/// Builds a fork; returns how many rows there are and how many of them the index has.
fn build(index: Relation, fork: Fork, table: Option<Table>) -> (f64, u64) {
    let keys = Keys::of(index);
    let (params, indexed, ef_construction) = parameters(index, &keys);
    let (memory, max_workers) = settings::maintenance();
    let workers = match &table {
        Some(table) => table
            .heap
            .parallel_workers()
            .unwrap_or(max_workers)
            .min(max_workers),
        None => 0,
    };
    if workers > 0 {
        debug(format!("using {workers} parallel workers"));
    }
    let threads = workers + 1;
    let pool = threads::pool(threads);
    let arena = PgArena::new(memory);
    let builder = OnceLock::new();
    let plan = OnceLock::new();
    let counts = pool.in_place_scope(|scope| {
        let _stop = StopAtEnd(&builder);
        let mut loader = Loader {
            scope,
            arena: &arena,
            builder: &builder,
            setup: Setup {
                params,
                ef_construction,
                seed: random::seed(),
            },
            sample: Sample::new(params, memory),
            batch: None,
            tasks: VecDeque::new(),
            aside: Store::default(),
            limit: 2 * threads,
            index,
            rows: 0,
            done: 0,
        };
        let load = |table| load(&mut loader, index, indexed, &keys, table);
        let heap_tuples = table.map_or(0.0, load);
        let (builder, rows, mut aside) = loader.finish();
        Phase::Linking.begin();
        let show = || {
            let done = rows as f64 * builder.linked();
            progress::update(Parameter::TuplesDone, done as i64);
        };
        let linked = Task::spawn(scope, || builder.finish())
            .wait_and(show)
            .or_raise(index);
        progress::update(Parameter::TuplesDone, rows as i64);
        let plan = plan.get_or_init(|| linked);
        Phase::Writing.begin();
        write(scope, index, fork, plan, &mut aside, 2 * threads);
        aside.close();
        (heap_tuples, rows)
    });
    arena.close();
    counts
}

/// Makes workers stop when the leader leaves, be it through an error.
struct StopAtEnd<'b>(&'b OnceLock<Builder<PgArena>>);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        if let Some(builder) = self.0.get() {
            builder.stop();
        }
    }
}

/// Reads the table into the loader.
fn load(
    loader: &mut Loader<'_, '_>,
    index: Relation,
    indexed: IndexedType,
    keys: &Keys,
    table: Table,
) -> f64 {
    Phase::Loading.begin();
    progress::update(Parameter::TuplesTotal, table.heap.estimated_rows() as i64);
    let temporary = Temporary::new();
    let row = |values: &[Option<Datum>], tid: Tid| {
        let Some(value) = values[0] else { return };
        temporary.run(|| {
            // SAFETY: values of the columns, of which the first has this type.
            let (value, key) = unsafe { (indexed.read(value), keys.encode(values)) };
            loader.row(value.vector(), key, tid);
        });
    };
    // SAFETY: PostgreSQL passed the table, its index and the index's description.
    let rows = unsafe { table.heap.scan_for_index(index, table.info, None, row) };
    temporary.delete();
    rows
}

#[derive(Clone, Copy)]
struct Setup {
    params: Params,
    ef_construction: usize,
    seed: u64,
}

impl Setup {
    fn builder(self, centre: Vec<f32>) -> Builder<PgArena> {
        Builder::new(self.params, self.ef_construction, self.seed, centre)
    }
}

/// The first rows, kept until the centre is known, where there is one.
struct Sample {
    limit: usize,
    values: Vec<f32>,
    rows: Vec<(Tid, EncodedKey)>,
}

impl Sample {
    fn new(params: Params, memory: usize) -> Self {
        let row = 4 * params.dims as usize + size_of::<EncodedKey>();
        let limit = (SAMPLE_BYTES.min(memory / 4) / row).clamp(1, SAMPLE_ROWS);
        Self {
            limit,
            values: Vec::new(),
            rows: Vec::new(),
        }
    }
}

/// Brings rows to the workers.
struct Loader<'s, 'b> {
    scope: &'s Scope<'b>,
    arena: &'s PgArena,
    builder: &'b OnceLock<Builder<PgArena>>,
    setup: Setup,
    sample: Sample,
    batch: Option<Batch>,
    /// Batches with the workers, and their rows.
    tasks: VecDeque<(Task<hnsw::Result<Aside>>, u64)>,
    aside: Store,
    /// Batches in flight at most.
    limit: usize,
    index: Relation,
    rows: u64,
    /// Those that workers are done with.
    done: u64,
}

impl<'b> Loader<'_, 'b> {
    fn row(&mut self, x: Vector, key: EncodedKey, tid: Tid) {
        let params = self.setup.params;
        insert::check(x, params);
        let builder = match (self.builder.get(), x) {
            (Some(builder), _) => builder,
            (None, Vector::Dense(x)) if params.metric.centred() => {
                self.sample.values.extend_from_slice(x);
                self.sample.rows.push((tid, key));
                if self.sample.rows.len() == self.sample.limit {
                    self.start();
                }
                return;
            }
            (None, _) => self.start(),
        };
        self.push(builder, x, key.row(tid));
    }

    /// Chooses the centre and hands on the rows that were kept.
    fn start(&mut self) -> &'b Builder<PgArena> {
        let dims = self.setup.params.dims as usize;
        let Sample { values, rows, .. } = &mut self.sample;
        let (values, rows) = (std::mem::take(values), std::mem::take(rows));
        let setup = self.setup;
        let builder = self.builder.get_or_init(|| {
            let uncentred = setup.builder(Vec::new());
            match mean(&uncentred, &values) {
                Some(centre) => setup.builder(centre),
                None => uncentred,
            }
        });
        for (x, (tid, key)) in values.chunks_exact(dims).zip(rows) {
            self.push(builder, x.into(), key.row(tid));
        }
        builder
    }

    fn push(&mut self, builder: &'b Builder<PgArena>, x: Vector, row: Row) {
        if !builder.transform().indexable(x) {
            return;
        }
        let batch = self
            .batch
            .get_or_insert_with(|| Batch::new(builder.layout()));
        builder.push(batch, x, row);
        self.rows += 1;
        if batch.is_full() {
            self.dispatch(builder);
        }
    }

    /// Gives the batch to the workers, and waits until they are not too far behind.
    fn dispatch(&mut self, builder: &'b Builder<PgArena>) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let rows = batch.len() as u64;
        let job = builder.prepare(self.arena, batch).or_raise(self.index);
        let task = Task::spawn(self.scope, move || builder.run(job));
        self.tasks.push_back((task, rows));
        self.collect();
        while self.tasks.len() >= self.limit {
            if let Some((task, rows)) = self.tasks.pop_front() {
                self.take(task, rows);
            }
            self.collect();
        }
    }

    /// Takes back what is done.
    fn collect(&mut self) {
        for _ in 0..self.tasks.len() {
            match self.tasks.pop_front() {
                Some((task, rows)) if task.is_done() => self.take(task, rows),
                Some(waiting) => self.tasks.push_back(waiting),
                None => {}
            }
        }
    }

    /// Waits for a batch of so many rows.
    fn take(&mut self, task: Task<hnsw::Result<Aside>>, rows: u64) {
        self.aside.keep(task.wait().or_raise(self.index));
        self.done += rows;
        progress::update(Parameter::TuplesDone, self.done as i64);
    }

    /// Waits for all rows to be in the graph.
    fn finish(mut self) -> (&'b Builder<PgArena>, u64, Store) {
        let builder = match self.builder.get() {
            Some(builder) => builder,
            None => self.start(),
        };
        self.dispatch(builder);
        while let Some((task, rows)) = self.tasks.pop_front() {
            self.take(task, rows);
        }
        (builder, self.rows, self.aside)
    }
}

/// The mean of rows in the space of the centre; `None` without rows.
fn mean(builder: &Builder<PgArena>, values: &[f32]) -> Option<Vec<f32>> {
    let dims = builder.layout().params.dims as usize;
    let mut sums = vec![0.0f64; dims];
    let mut rows = 0u32;
    for x in values
        .chunks_exact(dims)
        .filter(|&x| builder.transform().indexable(x))
    {
        let x = builder.transform().unrotated(x);
        sums.iter_mut()
            .zip(x)
            .for_each(|(sum, x)| *sum += f64::from(x));
        rows += 1;
    }
    (rows > 0).then(|| {
        sums.into_iter()
            .map(|sum| (sum / f64::from(rows)) as f32)
            .collect()
    })
}

/// Writes the pages in order; threads encode them some runs ahead.
fn write<'b>(
    scope: &Scope<'b>,
    index: Relation,
    fork: Fork,
    plan: &'b Plan<'b, PgArena>,
    aside: &mut Store,
    ahead: usize,
) {
    let Ok(blocks) = u32::try_from(plan.blocks()) else {
        return Err(hnsw::Error::Full).or_raise(index);
    };
    let mut runs = (0..blocks).step_by(RUN as usize).map(|first| {
        let pages = first..blocks.min(first + RUN);
        let vectors = aside.of(plan.needs(pages.clone()));
        Task::spawn(scope, move || {
            let encode = |block| {
                let mut body = Body::ZERO;
                plan.encode(block, &vectors, &mut body);
                body
            };
            pages.map(encode).collect::<Vec<Body>>()
        })
    });
    let mut tasks: VecDeque<_> = runs.by_ref().take(ahead).collect();
    // Logged run by run: threads encode the next ones meanwhile.
    let logged = fork == Fork::Init || index.needs_wal();
    let mut written = 0;
    while let Some(task) = tasks.pop_front() {
        let bodies = task.wait();
        tasks.extend(runs.next());
        interrupts::check();
        if buffer::append_unlogged(index, fork, &bodies) != written {
            raise(
                PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
                format!("index \"{}\" is not empty", index.name()),
            );
        }
        let first = written;
        written += bodies.len() as u32;
        if logged {
            index.log_blocks(fork, first..written);
        }
    }
}
