//! An index that is inspected together with its table: who may, under which locks and as whom.

use super::error::{raise, raise_with_hint};
use super::relation::{Relation, accepts_writes};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Oid, Snapshot};
use std::ffi::c_int;

/// The lock on both: others may read, insert and vacuum.
const LOCK: i32 = pg_sys::AccessShareLock as i32;

/// An index and its table, open. Without a destructor: after an error PostgreSQL puts back what it
/// changed.
pub struct Inspection {
    /// The table.
    pub table: Relation,
    /// The index.
    pub index: Relation,
    /// Sees what was committed before this was made.
    pub snapshot: Snapshot,
    user: Oid,
    context: c_int,
    settings: c_int,
}

impl Inspection {
    /// Opens an index. Raises an error if it is none, if it cannot be inspected now, or if the user may not
    /// read the table. From here on functions in the index's expressions run with the rights of the
    /// table's owner, restricted, as they do when the index is built.
    pub fn begin(oid: Oid) -> Self {
        // SAFETY: relations are looked up by OID and locked before they are used; the pointers are to
        // locals.
        unsafe {
            let table = pg_sys::IndexGetRelation(oid, true);
            if table == Oid::INVALID {
                let code = PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE;
                raise(code, format!("relation with OID {oid} is not an index"));
            }
            require_select(table);
            let table = pg_sys::table_open(table, LOCK);
            let index = pg_sys::index_open(oid, LOCK);
            let (mut user, mut context) = (Oid::INVALID, 0);
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let restricted = context | pg_sys::SECURITY_RESTRICTED_OPERATION as c_int;
            pg_sys::SetUserIdAndSecContext((*(*table).rd_rel).relowner, restricted);
            let settings = pg_sys::NewGUCNestLevel();
            restrict_search_path(user, (*(*table).rd_rel).relowner);
            let (table, index) = (Relation::new(table), Relation::new(index));
            require_sound_state(index);
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetTransactionSnapshot());
            if index.is_newer_than(snapshot) {
                raise_with_hint(
                    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
                    format!("index \"{}\" is newer than the transaction", index.name()),
                    "Check it in a new transaction.",
                );
            }
            Self {
                table,
                index,
                snapshot,
                user,
                context,
                settings,
            }
        }
    }

    /// Closes both; the user is again who it was.
    pub fn end(self) {
        // SAFETY: all was made by `begin`.
        unsafe {
            pg_sys::UnregisterSnapshot(self.snapshot);
            pg_sys::AtEOXact_GUC(false, self.settings);
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            pg_sys::index_close(self.index.as_ptr(), LOCK);
            pg_sys::table_close(self.table.as_ptr(), LOCK);
        }
    }
}

/// Functions of the index's expressions run with the owner's rights: what they name without a schema must
/// not be the user's, until the settings are put back.
#[cfg(any(feature = "pg17", feature = "pg18"))]
fn restrict_search_path(_: Oid, _: Oid) {
    // SAFETY: within a nest level of settings.
    unsafe { pg_sys::RestrictSearchPath() }
}

/// Functions of the index's expressions run with the owner's rights: what they name without a schema must
/// not be the user's, until the settings are put back. Who has the owner's rights keeps the path: these
/// versions build indexes with it.
#[cfg(any(feature = "pg15", feature = "pg16"))]
fn restrict_search_path(user: Oid, owner: Oid) {
    // SAFETY: a look-up by OID; within a nest level of settings; the strings are constants.
    unsafe {
        if pg_sys::has_privs_of_role(user, owner) {
            return;
        }
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            c"pg_catalog, pg_temp".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// Raises an error unless the user may read all rows of a table.
fn require_select(table: Oid) {
    // SAFETY: look-ups by OID.
    unsafe {
        let user = pg_sys::GetUserId();
        let allowed = pg_sys::pg_class_aclcheck(table, user, pg_sys::ACL_SELECT as pg_sys::AclMode);
        if allowed != pg_sys::AclResult::ACLCHECK_OK {
            let name = pg_sys::get_rel_name(table);
            pg_sys::aclcheck_error(allowed, pg_sys::ObjectType::OBJECT_TABLE, name);
        }
        let rows = pg_sys::check_enable_rls(table, Oid::INVALID, true);
        if rows == pg_sys::CheckEnableRlsResult::RLS_ENABLED as c_int {
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "index of a table with row-level security can be checked only by who sees all rows",
            );
        }
    }
}

fn require_sound_state(index: Relation) {
    let refuse = |what: &str| {
        raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("cannot check index \"{}\": {what}", index.name()),
        )
    };
    if index.is_partitioned() {
        refuse("it is partitioned; check the indexes of the partitions");
    }
    if index.is_foreign_temporary() {
        refuse("it is a temporary index of another session");
    }
    if !index.is_valid() {
        refuse("it is not valid");
    }
    if index.is_unlogged() && !accepts_writes() {
        refuse("it is unlogged, and the server is in recovery");
    }
}
