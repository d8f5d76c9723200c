//! The access method `ivfflat` of pgvector's dumps: an `hnsw` index under another name.
//!
//! Its options and settings are read and checked, and change nothing: there are no lists to probe.

use super::build;
use super::handler::{self, export};
use super::options::{self, Options};
use super::support;
use super::validate::{self, Purpose};
use crate::pg::error::notice;
use crate::pg::relation::Relation;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::pg_sys::{self, Datum, IndexAmRoutine, IndexBuildResult, IndexInfo, Oid};
use std::mem::offset_of;
use std::sync::OnceLock;

/// Lists, and lists to probe, at most.
const MAX_LISTS: i32 = 32_768;

/// The order of the support functions of an operator class, where it goes on from that of `hnsw`.
mod further {
    /// The distance by which pgvector finds centres of lists.
    pub const CENTRE_DISTANCE: u16 = 3;
    /// The norm for that.
    pub const CENTRE_NORM: u16 = 4;
    /// What the type allows.
    pub const TYPE_INFO: u16 = 5;
}

/// Values of `ivfflat.iterative_scan`.
#[derive(Clone, Copy, PostgresGucEnum)]
#[allow(non_camel_case_types, reason = "the names are what users write")]
enum IterativeScan {
    off,
    relaxed_order,
}

static PROBES: GucSetting<i32> = GucSetting::<i32>::new(1);
static ITERATIVE_SCAN: GucSetting<IterativeScan> =
    GucSetting::<IterativeScan>::new(IterativeScan::off);
static MAX_PROBES: GucSetting<i32> = GucSetting::<i32>::new(MAX_LISTS);
static KIND: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

/// The options of an index. What reads those of `hnsw` finds them at the start.
#[repr(C)]
struct ListOptions {
    hnsw: Options,
    lists: i32,
}

/// Defines the option and the settings.
pub fn define() {
    const NO_EFFECT: &std::ffi::CStr = c"Has no effect: the index is an HNSW index.";
    let (context, flags) = (|| GucContext::Userset, GucFlags::default());
    GucRegistry::define_int_guc(
        c"ivfflat.probes",
        c"Sets the number of probes",
        NO_EFFECT,
        &PROBES,
        1,
        MAX_LISTS,
        context(),
        flags,
    );
    GucRegistry::define_enum_guc(
        c"ivfflat.iterative_scan",
        c"Sets the mode for iterative scans",
        NO_EFFECT,
        &ITERATIVE_SCAN,
        context(),
        flags,
    );
    GucRegistry::define_int_guc(
        c"ivfflat.max_probes",
        c"Sets the max number of probes for iterative scans",
        NO_EFFECT,
        &MAX_PROBES,
        1,
        MAX_LISTS,
        context(),
        flags,
    );
    // SAFETY: called once, when the library is loaded; all texts are static.
    unsafe {
        pg_sys::MarkGUCPrefixReserved(c"ivfflat".as_ptr());
        let kind = pg_sys::add_reloption_kind();
        pg_sys::add_int_reloption(
            kind,
            c"lists".as_ptr(),
            c"Number of inverted lists".as_ptr(),
            100,
            1,
            MAX_LISTS,
            pg_sys::AccessExclusiveLock as i32,
        );
        KIND.get_or_init(|| kind);
    }
}

export!(
    ivfflathandler,
    pg_finfo_ivfflathandler,
    handler::returned(describe())
);

fn describe() -> IndexAmRoutine {
    IndexAmRoutine {
        amsupport: further::TYPE_INFO,
        ambuild: Some(ambuild),
        amoptions: Some(amoptions),
        amvalidate: Some(amvalidate),
        amcanmulticol: false,
        amsearcharray: false,
        amsearchnulls: false,
        ..handler::describe()
    }
}

unsafe extern "C-unwind" fn ambuild(
    heap: pg_sys::Relation,
    index: pg_sys::Relation,
    info: *mut IndexInfo,
) -> *mut IndexBuildResult {
    // SAFETY: PostgreSQL passes an open index; what the build needs is passed on as it came.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let name = Relation::new(index).name();
            notice(format!(
                "index \"{name}\" is built as an HNSW index, lists and probes have no effect"
            ));
        });
        build::ambuild(heap, index, info)
    }
}

unsafe extern "C-unwind" fn amoptions(options: Datum, validate: bool) -> *mut pg_sys::bytea {
    // SAFETY: PostgreSQL passes valid options; the table describes `ListOptions`, and what is
    // returned has its size.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let table = [options::element(
                c"lists",
                pg_sys::relopt_type::RELOPT_TYPE_INT,
                offset_of!(ListOptions, lists),
            )];
            let parsed = pg_sys::build_reloptions(
                options,
                validate,
                KIND.get().copied().unwrap_or_default(),
                size_of::<ListOptions>(),
                table.as_ptr(),
                table.len() as i32,
            );
            if let Some(parsed) = parsed.cast::<ListOptions>().as_mut() {
                parsed.hnsw.reset();
            }
            parsed.cast()
        })
    }
}

unsafe extern "C-unwind" fn amvalidate(class: Oid) -> bool {
    let purpose = |number| match number {
        support::DISTANCE | further::CENTRE_DISTANCE => Some(Purpose::Distance),
        support::NORM | further::CENTRE_NORM => Some(Purpose::Norm),
        further::TYPE_INFO => Some(Purpose::TypeInfo),
        _ => None,
    };
    // SAFETY: called by PostgreSQL.
    unsafe { pg_sys::panic::pgrx_extern_c_guard(|| validate::validate(class, "ivfflat", purpose)) }
}
