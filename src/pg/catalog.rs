//! Operator classes and families as the catalogues describe them; what else is in the database.

use super::error::raise_with_hint;
use super::ffi;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

/// Raises an error where pgvector's library is loaded: both define the same settings. Called
/// before ours are defined.
pub fn refuse_other_library() {
    let setting = c"hnsw.ef_search".as_ptr();
    // SAFETY: looks up a setting by name. A placeholder is one that somebody has set, but no
    // library has defined.
    let defined = unsafe {
        !pg_sys::GetConfigOption(setting, true, false).is_null()
            && pg_sys::GetConfigOptionFlags(setting, true) as u32 & pg_sys::GUC_CUSTOM_PLACEHOLDER
                == 0
    };
    if defined {
        raise_with_hint(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "cannot load pg_hnsw into a session that has loaded pgvector".into(),
            "Start a new session.",
        )
    }
}

/// Raises an error where both names of the extension are in the database, or this one and
/// pgvector. Called while an extension is created, which is then in the catalogue.
pub fn refuse_other_extension() {
    // SAFETY: look-ups by name.
    let both = unsafe {
        [c"pg_hnsw", c"vector"]
            .iter()
            .all(|name| pg_sys::get_extension_oid(name.as_ptr(), true) != Oid::INVALID)
    };
    if both {
        raise_with_hint(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            "extensions \"pg_hnsw\" and \"vector\" cannot be in one database".into(),
            "They have the same types, operators and access methods. Drop the one that is there, \
             or use it.",
        )
    }
}

/// An operator class.
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: Oid,
    /// The type that it is for.
    pub input: Oid,
}

/// An operator of a family.
pub struct Operator {
    /// The operator.
    pub oid: Oid,
    /// Its number.
    pub strategy: i16,
    /// Whether it orders, rather than restricts.
    pub orders: bool,
    /// Its arguments.
    pub arguments: [Oid; 2],
}

/// A support function of a family.
pub struct Function {
    /// The function.
    pub oid: Oid,
    /// Its number.
    pub number: u16,
    /// The types that it is for.
    pub types: [Oid; 2],
}

impl Class {
    /// Looks up an operator class.
    pub fn find(oid: Oid) -> Option<Self> {
        // SAFETY: the tuple is valid until it is released.
        unsafe {
            let cache = pg_sys::SysCacheIdentifier::CLAOID as i32;
            let tuple = pg_sys::SearchSysCache1(cache, oid.into());
            if tuple.is_null() {
                return None;
            }
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_opclass>();
            let name = CStr::from_ptr(form.opcname.data.as_ptr())
                .to_string_lossy()
                .into_owned();
            let class = Class {
                name,
                family: form.opcfamily,
                input: form.opcintype,
            };
            pg_sys::ReleaseSysCache(tuple);
            Some(class)
        }
    }

    /// Operators of its family.
    pub fn operators(&self) -> Vec<Operator> {
        operators(self.family)
    }

    /// Support functions of its family.
    pub fn functions(&self) -> Vec<Function> {
        let cache = pg_sys::SysCacheIdentifier::AMPROCNUM;
        members(self.family, cache, |form: &pg_sys::FormData_pg_amproc| {
            Function {
                oid: form.amproc,
                number: form.amprocnum as u16,
                types: [form.amproclefttype, form.amprocrighttype],
            }
        })
    }
}

/// Operators of a family.
pub fn operators(family: Oid) -> Vec<Operator> {
    let cache = pg_sys::SysCacheIdentifier::AMOPSTRATEGY;
    members(family, cache, |form: &pg_sys::FormData_pg_amop| Operator {
        oid: form.amopopr,
        strategy: form.amopstrategy,
        orders: form.amoppurpose as u8 == pg_sys::AMOP_ORDER,
        arguments: [form.amoplefttype, form.amoprighttype],
    })
}

fn members<F, T>(
    family: Oid,
    cache: pg_sys::SysCacheIdentifier::Type,
    read: impl Fn(&F) -> T,
) -> Vec<T> {
    // SAFETY: the tuples of the list are valid until it is released, and of the struct `F`.
    unsafe {
        let zero = pg_sys::Datum::from(0);
        let list = pg_sys::SearchSysCacheList(cache as i32, 1, family.into(), zero, zero);
        let members = (*list).members.as_ptr();
        let tuple = |i| &raw mut (**members.add(i)).tuple;
        let found = (0..(*list).n_members as usize)
            .map(|i| read(&*pg_sys::GETSTRUCT(tuple(i)).cast()))
            .collect();
        pg_sys::ReleaseCatCacheList(list);
        found
    }
}

impl Operator {
    /// Whether its right argument is of a composite type.
    pub fn takes_row(&self) -> bool {
        // SAFETY: a look-up by OID.
        unsafe { pg_sys::type_is_rowtype(self.arguments[1]) }
    }

    /// The type of its result.
    pub fn result(&self) -> Oid {
        // SAFETY: a look-up by OID.
        unsafe { pg_sys::get_op_rettype(self.oid) }
    }

    /// Name and arguments, for messages.
    pub fn describe(&self) -> String {
        // SAFETY: returns a string in the current memory context.
        unsafe { text(pg_sys::format_operator(self.oid)) }
    }
}

impl Function {
    /// Whether it takes these arguments and returns `result`.
    pub fn has_signature(&self, result: Oid, arguments: &[Oid]) -> bool {
        ffi::has_signature(self.oid, result, arguments)
    }

    /// Name and arguments, for messages.
    pub fn describe(&self) -> String {
        // SAFETY: returns a string in the current memory context.
        unsafe { text(pg_sys::format_procedure(self.oid)) }
    }
}

/// # Safety
/// `string` is one of PostgreSQL's.
unsafe fn text(string: *const std::ffi::c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(string) }
        .to_string_lossy()
        .into_owned()
}
