//! The handler: what the access method can do, and its callbacks.

use super::{build, cost, insert, options, scan, vacuum, validate};
use crate::pg::memory;
use pgrx::pg_sys::{self, Datum, FunctionCallInfo, IndexAmRoutine, NodeTag};

#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_hnswhandler() -> &'static pg_sys::Pg_finfo_record {
    static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn hnswhandler(_call: FunctionCallInfo) -> Datum {
    // SAFETY: called by PostgreSQL.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let routine = memory::new_zeroed::<IndexAmRoutine>();
            *routine = describe();
            Datum::from(routine)
        })
    }
}

fn describe() -> IndexAmRoutine {
    IndexAmRoutine {
        type_: NodeTag::T_IndexAmRoutine,
        amstrategies: 0,
        amsupport: super::support::TYPE_INFO,
        amcanorderbyop: true,
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
