//! The handler: what the access method can do, and its callbacks.

use super::{build, cost, insert, options, scan, vacuum, validate};
use crate::pg::{catalog, memory};
use pgrx::pg_sys::{self, Datum, IndexAmRoutine, NodeTag};

/// Exports a C function for version-1 calls, which takes its call or nothing.
macro_rules! export {
    ($name:ident, $info:ident, |$call:ident| $body:expr) => {
        #[unsafe(no_mangle)]
        extern "C-unwind" fn $info() -> &'static pgrx::pg_sys::Pg_finfo_record {
            static VERSION_1: pgrx::pg_sys::Pg_finfo_record =
                pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        #[unsafe(no_mangle)]
        unsafe extern "C-unwind" fn $name(
            $call: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            // SAFETY: called by PostgreSQL, on its only thread.
            unsafe { pgrx::pg_sys::panic::pgrx_extern_c_guard(|| $body) }
        }
    };
    ($name:ident, $info:ident, $body:expr) => {
        $crate::am::handler::export!($name, $info, |_call| $body);
    };
}

pub(super) use export;

export!(hnswhandler, pg_finfo_hnswhandler, returned(describe()));

// Operator classes of pgvector name a function that describes the type. Those of pg_hnsw have one
// as well, so that the catalogues of the two are the same and one can take the place of the other;
// nothing calls it.
export!(
    pg_hnsw_type_support,
    pg_finfo_pg_hnsw_type_support,
    Datum::null()
);

// Called by the extension's script before it creates anything.
export!(pg_hnsw_alone, pg_finfo_pg_hnsw_alone, {
    catalog::refuse_other_extension();
    Datum::null()
});

/// A description of an access method, as its handler returns it.
pub(super) fn returned(description: IndexAmRoutine) -> Datum {
    let routine = memory::new_zeroed::<IndexAmRoutine>();
    // SAFETY: just allocated, of this size.
    unsafe { *routine = description }
    Datum::from(routine)
}

pub(super) fn describe() -> IndexAmRoutine {
    IndexAmRoutine {
        type_: NodeTag::T_IndexAmRoutine,
        amstrategies: 0,
        amsupport: super::support::TYPE_INFO,
        amcanorderbyop: true,
        amcanmulticol: true,
        amsearcharray: true,
        amsearchnulls: true,
        // A query need not restrict the first column: it only orders by it.
        amoptionalkey: true,
        amparallelvacuumoptions: pg_sys::VACUUM_OPTION_PARALLEL_BULKDEL as u8,
        ambuild: Some(build::ambuild),
        ambuildempty: Some(build::ambuildempty),
        ambuildphasename: Some(build::ambuildphasename),
        aminsert: Some(insert::aminsert),
        ambulkdelete: Some(vacuum::ambulkdelete),
        amvacuumcleanup: Some(vacuum::amvacuumcleanup),
        amcostestimate: Some(cost::amcostestimate),
        amoptions: Some(options::amoptions),
        amproperty: Some(validate::amproperty),
        amvalidate: Some(validate::amvalidate),
        ambeginscan: Some(scan::ambeginscan),
        amrescan: Some(scan::amrescan),
        amgettuple: Some(scan::amgettuple),
        amendscan: Some(scan::amendscan),
        ..Default::default()
    }
}
