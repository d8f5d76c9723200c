//! Settings that a session can change: `hnsw.*`.

use hnsw::scan::Resume;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::pg_sys;

/// Values of `hnsw.iterative_scan`.
#[derive(Clone, Copy, PostgresGucEnum)]
#[allow(non_camel_case_types, reason = "the names are what users write")]
enum IterativeScan {
    off,
    relaxed_order,
    strict_order,
}

static EF_SEARCH: GucSetting<i32> = GucSetting::<i32>::new(40);
static ITERATIVE_SCAN: GucSetting<IterativeScan> =
    GucSetting::<IterativeScan>::new(IterativeScan::strict_order);
static MAX_SCAN_TUPLES: GucSetting<i32> = GucSetting::<i32>::new(20_000);
static SCAN_MEM_MULTIPLIER: GucSetting<f64> = GucSetting::<f64>::new(1.0);

/// Defines the settings.
pub fn define() {
    let (context, flags) = (|| GucContext::Userset, GucFlags::default());
    GucRegistry::define_int_guc(
        c"hnsw.ef_search",
        c"Sets the size of the dynamic candidate list for search",
        c"Valid range is 1..10000.",
        &EF_SEARCH,
        1,
        10_000,
        context(),
        flags,
    );
    GucRegistry::define_enum_guc(
        c"hnsw.iterative_scan",
        c"Sets the mode for iterative scans",
        c"",
        &ITERATIVE_SCAN,
        context(),
        flags,
    );
    GucRegistry::define_int_guc(
        c"hnsw.max_scan_tuples",
        c"Sets the max number of tuples to visit for iterative scans",
        c"",
        &MAX_SCAN_TUPLES,
        1,
        i32::MAX,
        context(),
        flags,
    );
    GucRegistry::define_float_guc(
        c"hnsw.scan_mem_multiplier",
        c"Sets the multiple of work_mem to use for iterative scans",
        c"",
        &SCAN_MEM_MULTIPLIER,
        1.0,
        1000.0,
        context(),
        flags,
    );
    // SAFETY: the prefix is static text.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"hnsw".as_ptr()) }
}

/// Nodes that a scan visits at most.
pub fn max_scan_tuples() -> usize {
    MAX_SCAN_TUPLES.get() as usize
}

/// The settings of a scan that starts now.
pub fn scan(skip_dead: bool) -> hnsw::scan::Settings {
    // SAFETY: settings of PostgreSQL are plain integers.
    let work_mem = unsafe { pg_sys::work_mem } as f64 * 1024.0;
    hnsw::scan::Settings {
        ef: EF_SEARCH.get() as usize,
        resume: match ITERATIVE_SCAN.get() {
            IterativeScan::off => Resume::Off,
            // An index scan is in order to the planner, which may compute from it.
            IterativeScan::relaxed_order | IterativeScan::strict_order => Resume::Strict,
        },
        max_visits: max_scan_tuples(),
        memory: (work_mem * SCAN_MEM_MULTIPLIER.get()) as usize,
        skip_dead,
    }
}

/// Bytes that a build may take, and how many threads beside the leader.
pub fn maintenance() -> (usize, usize) {
    // SAFETY: settings of PostgreSQL are plain integers.
    let (memory, workers) = unsafe {
        (
            pg_sys::maintenance_work_mem,
            pg_sys::max_parallel_maintenance_workers,
        )
    };
    (memory as usize * 1024, workers as usize)
}
