//! `VACUUM`: removing rows, and counting what remains.

use super::options::Options;
use crate::pg::error::OrRaise;
use crate::pg::memory;
use crate::pg::relation::{Fork, Relation, pointer_to};
use crate::pg::store::PgStore;
use hnsw::Index;
use hnsw::vacuum::Stats;
use pgrx::pg_sys::{self, IndexBulkDeleteResult, IndexVacuumInfo};
use std::ffi::c_void;

pub unsafe extern "C-unwind" fn ambulkdelete(
    info: *mut IndexVacuumInfo,
    stats: *mut IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut c_void,
) -> *mut IndexBulkDeleteResult {
    // SAFETY: PostgreSQL passes an open index, and a callback with its state.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let relation = Relation::new((*info).index);
            let stats = or_new(stats);
            let Some(callback) = callback else {
                return stats;
            };
            let store = PgStore::for_vacuum(relation);
            let mut index = Index::open(&store).or_raise(relation);
            let slots = index.layout().slots;
            let ef = Options::of(relation).ef_construction();
            let done = hnsw::vacuum::vacuum(&mut index, ef, |tid| {
                let mut pointer = pointer_to(tid);
                pg_sys::ffi::pg_guard_ffi_boundary(|| callback(&mut pointer, state))
            })
            .or_raise(relation);
            record(&mut *stats, &done, slots);
            stats
        })
    }
}

pub unsafe extern "C-unwind" fn amvacuumcleanup(
    info: *mut IndexVacuumInfo,
    stats: *mut IndexBulkDeleteResult,
) -> *mut IndexBulkDeleteResult {
    // SAFETY: PostgreSQL passes an open index.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            if (*info).analyze_only {
                return stats;
            }
            let relation = Relation::new((*info).index);
            let stats = match stats.is_null() {
                false => stats,
                // No rows were removed: count what is there.
                true => {
                    // A vacuum that removes rows reads pages twice and keeps them.
                    let store = PgStore::for_counting(relation, (*info).strategy);
                    let mut index = Index::open(&store).or_raise(relation);
                    let slots = index.layout().slots;
                    let done = hnsw::vacuum::count(&mut index).or_raise(relation);
                    let stats = or_new(stats);
                    record(&mut *stats, &done, slots);
                    stats
                }
            };
            relation.vacuum_free_space_map();
            (*stats).num_pages = relation.blocks(Fork::Main);
            stats
        })
    }
}

fn or_new(stats: *mut IndexBulkDeleteResult) -> *mut IndexBulkDeleteResult {
    if stats.is_null() {
        memory::new_zeroed()
    } else {
        stats
    }
}

fn record(stats: &mut IndexBulkDeleteResult, done: &Stats, slots: usize) {
    let pages = |slots_free: u64| (slots_free / slots as u64) as u32;
    stats.num_pages = done.pages;
    stats.estimated_count = false;
    stats.num_index_tuples = done.rows as f64;
    stats.tuples_removed += done.removed as f64;
    stats.pages_newly_deleted += pages(done.freed);
    stats.pages_deleted = pages(done.freed + done.free);
    stats.pages_free = pages(done.free);
}
