//! pg_hnsw: vector types and the `hnsw` index access method for PostgreSQL.
//!
//! - `types`: the SQL types, their operators, casts and aggregates.
//! - `am`: the access method, one file a callback.
//! - `pg`: what touches PostgreSQL's pages, WAL, locks, tables and plans.
//!
//! The algorithms of the index are in the crate `hnsw`, the kernels in `distance`; neither knows
//! of PostgreSQL.

mod am;
mod pg;
mod types;

pgrx::pg_module_magic!();

/// Runs when a backend loads the library.
#[allow(unsafe_code, reason = "exports the symbol")]
#[unsafe(no_mangle)]
extern "C-unwind" fn _PG_init() {
    // SAFETY: PostgreSQL calls this once, on its only thread.
    unsafe {
        pgrx::pg_sys::panic::pgrx_extern_c_guard(|| {
            pg::heap::keep_reserve();
            pg::error::hide_backtraces();
            pg::catalog::refuse_other_library();
            #[cfg(feature = "waits")]
            pg::waits::define();
            am::settings::define();
            am::options::define();
            am::ivfflat::define();
            am::range::define();
            pg::limit::define();
            pg::junk::define(am::is_ours);
            #[cfg(feature = "pg18")]
            am::report::explain::define();
        })
    }
}
