//! Options of an index: `WITH (m = ..., ef_construction = ..., storage = ...)`.

use crate::pg::relation::Relation;
use hnsw::Storage;
use pgrx::pg_sys::{self, Datum};
use std::mem::offset_of;
use std::sync::OnceLock;

const DEFAULT_M: i32 = 16;
const DEFAULT_EF_CONSTRUCTION: i32 = 64;

/// The options, as PostgreSQL keeps them with the open index.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Options {
    length: i32,
    m: i32,
    ef_construction: i32,
    storage: i32,
}

static KIND: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

/// A list that PostgreSQL reads but never writes.
struct Values<const N: usize>([pg_sys::relopt_enum_elt_def; N]);

// SAFETY: the pointers are to static text.
unsafe impl<const N: usize> Sync for Values<N> {}

const fn value(name: &'static std::ffi::CStr, value: Storage) -> pg_sys::relopt_enum_elt_def {
    pg_sys::relopt_enum_elt_def {
        string_val: name.as_ptr(),
        symbol_val: value as i32,
    }
}

static STORAGES: Values<5> = Values([
    value(c"auto", Storage::Auto),
    value(c"float32", Storage::Float32),
    value(c"float16", Storage::Float16),
    value(c"int8", Storage::Int8),
    pg_sys::relopt_enum_elt_def {
        string_val: std::ptr::null(),
        symbol_val: 0,
    },
]);

/// Defines the options.
pub fn define() {
    // SAFETY: called once, when the library is loaded; all texts are static.
    unsafe {
        let kind = pg_sys::add_reloption_kind();
        pg_sys::add_int_reloption(
            kind,
            c"m".as_ptr(),
            c"Max number of connections".as_ptr(),
            DEFAULT_M,
            2,
            100,
            pg_sys::AccessExclusiveLock as i32,
        );
        pg_sys::add_int_reloption(
            kind,
            c"ef_construction".as_ptr(),
            c"Size of the dynamic candidate list for construction".as_ptr(),
            DEFAULT_EF_CONSTRUCTION,
            4,
            1000,
            pg_sys::ShareUpdateExclusiveLock as i32,
        );
        pg_sys::add_enum_reloption(
            kind,
            c"storage".as_ptr(),
            c"How the index keeps vectors".as_ptr(),
            STORAGES.0.as_ptr().cast_mut(),
            Storage::Auto as i32,
            c"Valid values are \"auto\", \"float32\", \"float16\" and \"int8\".".as_ptr(),
            pg_sys::AccessExclusiveLock as i32,
        );
        KIND.get_or_init(|| kind);
    }
}

/// Where an option goes.
pub(super) fn element(
    name: &'static std::ffi::CStr,
    kind: pg_sys::relopt_type::Type,
    offset: usize,
) -> pg_sys::relopt_parse_elt {
    #![allow(clippy::needless_update, reason = "PostgreSQL 18 has one more field")]
    pg_sys::relopt_parse_elt {
        optname: name.as_ptr(),
        opttype: kind,
        offset: offset as i32,
        ..Default::default()
    }
}

pub unsafe extern "C-unwind" fn amoptions(options: Datum, validate: bool) -> *mut pg_sys::bytea {
    use pg_sys::relopt_type::{RELOPT_TYPE_ENUM, RELOPT_TYPE_INT};
    // SAFETY: PostgreSQL passes valid options; the table describes `Options`.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| {
            let table = [
                element(c"m", RELOPT_TYPE_INT, offset_of!(Options, m)),
                element(
                    c"ef_construction",
                    RELOPT_TYPE_INT,
                    offset_of!(Options, ef_construction),
                ),
                element(c"storage", RELOPT_TYPE_ENUM, offset_of!(Options, storage)),
            ];
            pg_sys::build_reloptions(
                options,
                validate,
                KIND.get().copied().unwrap_or_default(),
                size_of::<Options>(),
                table.as_ptr(),
                table.len() as i32,
            )
            .cast()
        })
    }
}

impl Options {
    const DEFAULT: Self = Options {
        length: 0,
        m: DEFAULT_M,
        ef_construction: DEFAULT_EF_CONSTRUCTION,
        storage: Storage::Auto as i32,
    };

    /// Those of an index.
    pub fn of(index: Relation) -> Self {
        index.options().unwrap_or(Self::DEFAULT)
    }

    /// Sets all to their defaults; PostgreSQL's own header stays.
    pub fn reset(&mut self) {
        *self = Options {
            length: self.length,
            ..Self::DEFAULT
        };
    }

    /// Half the neighbours that a node has on each level at most.
    pub fn m(&self) -> u16 {
        self.m as u16
    }

    /// Candidates in the beam of an insert.
    pub fn ef_construction(&self) -> usize {
        self.ef_construction as usize
    }

    /// How records keep their vector.
    pub fn storage(&self) -> Storage {
        [Storage::Float32, Storage::Float16, Storage::Int8]
            .into_iter()
            .find(|&s| s as i32 == self.storage)
            .unwrap_or(Storage::Auto)
    }
}
