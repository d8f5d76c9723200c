//! Tables and indexes: properties, locks, scans.

use super::ffi;
use hnsw::Tid;
use pgrx::pg_sys::{self, Datum, ItemPointer, ItemPointerData, Oid};
use std::ffi::{CStr, c_void};
use std::ops::Range;

/// A fork of a relation that an index has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The index itself.
    Main = pg_sys::ForkNumber::MAIN_FORKNUM as isize,
    /// What an unlogged index is reset to after a crash.
    Init = pg_sys::ForkNumber::INIT_FORKNUM as isize,
}

/// A heavyweight lock on a page, which stands for some operation on the index.
#[derive(Clone, Copy)]
pub enum PageLock {
    /// With others of its kind.
    Share = pg_sys::ShareLock as isize,
    /// Alone.
    Exclusive = pg_sys::ExclusiveLock as isize,
}

/// An open relation.
#[derive(Clone, Copy)]
pub struct Relation(pg_sys::Relation);

impl Relation {
    /// # Safety
    /// The relation is open, and locked, as long as the result is used.
    pub unsafe fn new(relation: pg_sys::Relation) -> Self {
        Self(relation)
    }

    /// The relation for a call of PostgreSQL.
    #[inline]
    pub fn as_ptr(self) -> pg_sys::Relation {
        self.0
    }

    fn form(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: the relation is open.
        unsafe { &*(*self.0).rd_rel }
    }

    /// Its name.
    pub fn name(self) -> String {
        // SAFETY: a name ends with a zero.
        unsafe { CStr::from_ptr(self.form().relname.data.as_ptr()) }
            .to_string_lossy()
            .into_owned()
    }

    /// Its name with that of its schema, quoted where SQL needs it.
    pub fn qualified_name(self) -> String {
        let form = self.form();
        // SAFETY: look-ups by OID; a name ends with a zero, and so do the results, which are in the
        // current memory context.
        unsafe {
            let schema = pg_sys::get_namespace_name(form.relnamespace);
            let name = pg_sys::quote_qualified_identifier(schema, form.relname.data.as_ptr());
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }

    /// Type and type modifier of the first column.
    pub fn first_column(self) -> (Oid, i32) {
        self.column(0)
    }

    /// Columns of an index.
    pub fn columns(self) -> usize {
        // SAFETY: the relation is an open index.
        unsafe { (*(*self.0).rd_index).indnatts as usize }
    }

    /// Type and type modifier of a column, counted from 0.
    pub fn column(self, i: usize) -> (Oid, i32) {
        let number = i as i16 + 1;
        let (mut type_oid, mut typmod, mut collation) = (Oid::INVALID, -1, Oid::INVALID);
        // SAFETY: the relation is open; the pointers are to locals.
        unsafe {
            let oid = (*self.0).rd_id;
            pg_sys::get_atttypetypmodcoll(oid, number, &mut type_oid, &mut typmod, &mut collation);
        }
        (type_oid, typmod)
    }

    /// A row's values of the columns of an index.
    ///
    /// # Safety
    /// Both arrays have as many entries as the index has columns.
    pub unsafe fn values(self, values: *const Datum, nulls: *const bool) -> Vec<Option<Datum>> {
        // SAFETY: the caller's promise.
        let value = |i| unsafe { (!*nulls.add(i)).then(|| *values.add(i)) };
        (0..self.columns()).map(value).collect()
    }

    /// Options as [`crate::am::options`] parsed them, if any were given.
    pub fn options<T: Copy>(self) -> Option<T> {
        // SAFETY: `amoptions` made the options of a relation of this kind.
        unsafe { (*self.0).rd_options.cast::<T>().as_ref().copied() }
    }

    /// The option `parallel_workers` of a table.
    pub fn parallel_workers(self) -> Option<usize> {
        let kind = self.form().relkind as u8;
        if kind != pg_sys::RELKIND_RELATION && kind != pg_sys::RELKIND_MATVIEW {
            return None;
        }
        let options: pg_sys::StdRdOptions = self.options()?;
        usize::try_from(options.parallel_workers).ok()
    }

    /// Whether changes must be logged.
    pub fn needs_wal(self) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            #[cfg(feature = "pg15")]
            let first = (*self.0).rd_firstRelfilenodeSubid;
            #[cfg(not(feature = "pg15"))]
            let first = (*self.0).rd_firstRelfilelocatorSubid;
            let permanent = self.form().relpersistence as u8 == pg_sys::RELPERSISTENCE_PERMANENT;
            let minimal = pg_sys::wal_level < pg_sys::WalLevel::WAL_LEVEL_REPLICA as i32;
            permanent && !(minimal && ((*self.0).rd_createSubid != 0 || first != 0))
        }
    }

    /// Whether it is an index of a partitioned table, which has no pages.
    pub fn is_partitioned(self) -> bool {
        self.form().relkind as u8 == pg_sys::RELKIND_PARTITIONED_INDEX
    }

    /// Whether it is a temporary relation of another session, whose pages only that one knows.
    pub fn is_foreign_temporary(self) -> bool {
        // SAFETY: the relation is open.
        self.is_temporary() && unsafe { !(*self.0).rd_islocaltemp }
    }

    /// Whether its changes are not logged, so that a standby does not have them.
    pub fn is_unlogged(self) -> bool {
        self.form().relpersistence as u8 == pg_sys::RELPERSISTENCE_UNLOGGED
    }

    /// Whether it is an index that queries may use.
    pub fn is_valid(self) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            (*self.0)
                .rd_index
                .as_ref()
                .is_some_and(|index| index.indisvalid)
        }
    }

    /// Whether a snapshot may see rows that the index does not have, since it was built over chains of
    /// versions that had changed in its columns.
    ///
    /// # Safety
    /// `snapshot` is valid.
    pub unsafe fn is_newer_than(self, snapshot: pg_sys::Snapshot) -> bool {
        // SAFETY: the relation is an open index, and the caller's promise.
        unsafe {
            if !(*(*self.0).rd_index).indcheckxmin {
                return false;
            }
            let tuple = (*(*self.0).rd_indextuple).t_data;
            let frozen = pg_sys::HEAP_XMIN_FROZEN as u16;
            let created = (*tuple).t_choice.t_heap.t_xmin;
            (*tuple).t_infomask & frozen != frozen
                && !pg_sys::TransactionIdPrecedes(created, (*snapshot).xmin)
        }
    }

    /// Whether it is a table of PostgreSQL's own access method.
    pub fn is_heap(self) -> bool {
        self.form().relam == pg_sys::HEAP_TABLE_AM_OID
    }

    /// The function by which the access method of an index gives rows.
    pub fn gives_rows_by(self) -> pg_sys::amgettuple_function {
        // SAFETY: the relation is open; an index has a description of its access method.
        unsafe {
            (*self.0)
                .rd_indam
                .as_ref()
                .and_then(|method| method.amgettuple)
        }
    }

    /// Whether a heap has a line pointer in use at this place: a row, or what vacuum has yet to remove.
    pub fn has_line_pointer(self, tid: Tid) -> bool {
        if tid.block >= self.blocks(Fork::Main) {
            return false;
        }
        // SAFETY: the block exists, and is locked while it is read; line pointers stand between the
        // page header and `pd_lower`.
        unsafe {
            let buffer = pg_sys::ReadBuffer(self.0, tid.block);
            ffi::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            let page = pg_sys::BufferGetPage(buffer).cast::<pg_sys::PageHeaderData>();
            let first = std::mem::offset_of!(pg_sys::PageHeaderData, pd_linp);
            let size = usize::from((*page).pd_lower).saturating_sub(first);
            let count = size / size_of::<pg_sys::ItemIdData>();
            let pointers = (&raw const (*page).pd_linp).cast::<pg_sys::ItemIdData>();
            let used = (1..=count).contains(&usize::from(tid.offset))
                && (*pointers.add(usize::from(tid.offset) - 1)).lp_flags() != pg_sys::LP_UNUSED;
            ffi::UnlockReleaseBuffer(buffer);
            used
        }
    }

    /// Whether no other session can see the relation.
    fn is_local(self) -> bool {
        // SAFETY: the relation is open.
        unsafe { (*self.0).rd_islocaltemp || (*self.0).rd_createSubid != 0 }
    }

    /// Blocks in a fork.
    pub fn blocks(self, fork: Fork) -> u32 {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.0, fork as _) }
    }

    /// The planner's estimate of its rows.
    pub fn estimated_rows(self) -> f64 {
        let (mut pages, mut rows, mut visible) = (0, 0.0, 0.0);
        // SAFETY: the relation is open; the pointers are to locals.
        unsafe {
            pg_sys::estimate_rel_size(
                self.0,
                std::ptr::null_mut(),
                &mut pages,
                &mut rows,
                &mut visible,
            );
        }
        rows
    }

    /// Takes a heavyweight lock on a page.
    pub fn lock_page(self, block: u32, lock: PageLock) {
        // SAFETY: the relation is open.
        unsafe { pg_sys::LockPage(self.0, block, lock as i32) }
    }

    /// Gives it back.
    pub fn unlock_page(self, block: u32, lock: PageLock) {
        // SAFETY: the relation is open.
        unsafe { pg_sys::UnlockPage(self.0, block, lock as i32) }
    }

    /// Keeps other sessions from adding blocks.
    pub fn lock_extension(self) {
        if !self.is_local() {
            // SAFETY: the relation is open.
            unsafe { pg_sys::LockRelationForExtension(self.0, pg_sys::ExclusiveLock as i32) }
        }
    }

    /// Lets other sessions add blocks.
    pub fn unlock_extension(self) {
        if !self.is_local() {
            // SAFETY: the relation is open.
            unsafe { pg_sys::UnlockRelationForExtension(self.0, pg_sys::ExclusiveLock as i32) }
        }
    }

    /// The block that this backend inserted into last, until the relation's file changes.
    pub fn target_block(self) -> Option<u32> {
        // SAFETY: the relation is open.
        let block = unsafe { (*pg_sys::RelationGetSmgr(self.0)).smgr_targblock };
        (block != pg_sys::InvalidBlockNumber).then_some(block)
    }

    /// Sets it.
    pub fn set_target_block(self, block: Option<u32>) {
        // SAFETY: the relation is open.
        unsafe {
            (*pg_sys::RelationGetSmgr(self.0)).smgr_targblock =
                block.unwrap_or(pg_sys::InvalidBlockNumber);
        }
    }

    /// A block that the free space map says has room.
    pub fn block_with_space(self) -> Option<u32> {
        // SAFETY: the relation is open.
        let block = unsafe { pg_sys::GetPageWithFreeSpace(self.0, pg_sys::BLCKSZ as usize / 2) };
        (block != pg_sys::InvalidBlockNumber).then_some(block)
    }

    /// Tells the free space map whether a block has room.
    pub fn record_space(self, block: u32, room: bool) {
        let space = if room { pg_sys::BLCKSZ as usize - 1 } else { 0 };
        // SAFETY: the relation is open.
        unsafe { pg_sys::RecordPageWithFreeSpace(self.0, block, space) }
    }

    /// Lets searches of the free space map find what was recorded.
    pub fn vacuum_free_space_map(self) {
        // SAFETY: the relation is open.
        unsafe { pg_sys::FreeSpaceMapVacuum(self.0) }
    }

    /// Logs pages whole.
    pub fn log_blocks(self, fork: Fork, blocks: Range<u32>) {
        // SAFETY: the relation is open, and its pages have standard headers.
        unsafe { pg_sys::log_newpage_range(self.0, fork as _, blocks.start, blocks.end, true) }
    }

    /// Number of the relation's file.
    pub fn file_number(self) -> u32 {
        // SAFETY: the relation is open.
        unsafe {
            #[cfg(feature = "pg15")]
            let number = (*self.0).rd_node.relNode;
            #[cfg(not(feature = "pg15"))]
            let number = (*self.0).rd_locator.relNumber;
            number.to_u32()
        }
    }

    /// Whether it is a temporary relation.
    pub fn is_temporary(self) -> bool {
        self.form().relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP
    }

    /// Pins a buffer if it holds the block of the main fork; then counts as having found it there.
    /// Not for temporary relations.
    #[inline]
    pub fn pin_recent(self, block: u32, buffer: pg_sys::Buffer) -> bool {
        // SAFETY: the relation is open, the buffer one of the shared ones.
        let pinned = unsafe {
            #[cfg(feature = "pg15")]
            let file = (*self.0).rd_node;
            #[cfg(not(feature = "pg15"))]
            let file = (*self.0).rd_locator;
            pg_sys::ReadRecentBuffer(file, pg_sys::ForkNumber::MAIN_FORKNUM, block, buffer)
        };
        if pinned && let Some(counts) = self.statistics() {
            #[cfg(feature = "pg15")]
            {
                counts.t_blocks_fetched += 1;
                counts.t_blocks_hit += 1;
            }
            #[cfg(not(feature = "pg15"))]
            {
                counts.blocks_fetched += 1;
                counts.blocks_hit += 1;
            }
        }
        pinned
    }

    /// Counts an index scan in the statistics.
    pub fn count_scan(self) {
        if let Some(counts) = self.statistics() {
            #[cfg(feature = "pg15")]
            {
                counts.t_numscans += 1;
            }
            #[cfg(not(feature = "pg15"))]
            {
                counts.numscans += 1;
            }
        }
    }

    /// What the relation counts, if it does.
    fn statistics<'a>(self) -> Option<&'a mut pg_sys::PgStat_TableCounts> {
        // SAFETY: the relation is open; nobody else uses the counters meanwhile.
        unsafe {
            let relation = self.0;
            if (*relation).pgstat_info.is_null() {
                if !(*relation).pgstat_enabled {
                    return None;
                }
                pg_sys::pgstat_assoc_relation(relation);
            }
            #[cfg(feature = "pg15")]
            let counts = &mut (*(*relation).pgstat_info).t_counts;
            #[cfg(not(feature = "pg15"))]
            let counts = &mut (*(*relation).pgstat_info).counts;
            Some(counts)
        }
    }

    /// Whether the operator class of a column, counted from 0, has support function `number`.
    pub fn has_support_function(self, column: usize, number: u16) -> bool {
        // SAFETY: the relation is an open index.
        unsafe { pg_sys::index_getprocid(self.0, column as i16 + 1, number) != Oid::INVALID }
    }

    /// The C function behind support function `number` of the first column, if there is one.
    pub fn support_function(self, number: u16) -> pg_sys::PGFunction {
        // SAFETY: the relation is an open index.
        unsafe {
            match pg_sys::index_getprocid(self.0, 1, number) {
                Oid::INVALID => None,
                _ => (*pg_sys::index_getprocinfo(self.0, 1, number)).fn_addr,
            }
        }
    }

    /// Whether no version of a table's row is visible to any transaction.
    ///
    /// # Safety
    /// `snapshot` is valid.
    pub unsafe fn is_dead_to_all(self, tid: Tid, snapshot: pg_sys::Snapshot) -> bool {
        let mut pointer = pointer_to(tid);
        let mut dead = false;
        // SAFETY: the relation is an open table; the pointers are to locals.
        let visible = unsafe {
            pg_sys::table_index_fetch_tuple_check(self.0, &mut pointer, snapshot, &mut dead)
        };
        dead && !visible
    }

    /// Calls `row` for each row of a table that an index over it is to have, with the values of its
    /// columns; returns how many rows the table has. With a snapshot those are the rows that it
    /// sees, else all that may be visible to somebody.
    ///
    /// # Safety
    /// `info` describes `index`, which is an index on this table; `snapshot` is a registered one.
    pub unsafe fn scan_for_index<F: FnMut(&[Option<Datum>], Tid)>(
        self,
        index: Relation,
        info: *mut pg_sys::IndexInfo,
        snapshot: Option<pg_sys::Snapshot>,
        mut row: F,
    ) -> f64 {
        unsafe extern "C-unwind" fn call<F: FnMut(&[Option<Datum>], Tid)>(
            index: pg_sys::Relation,
            tid: ItemPointer,
            values: *mut Datum,
            nulls: *mut bool,
            _alive: bool,
            state: *mut c_void,
        ) {
            // SAFETY: PostgreSQL passes valid arrays, and the state it was given.
            unsafe {
                pg_sys::panic::pgrx_extern_c_guard(move || {
                    let values = Relation::new(index).values(values, nulls);
                    (*state.cast::<F>())(&values, tid_of(&*tid))
                })
            }
        }
        // SAFETY: the relations are open; `call` gets the closure, which outlives the scan. The scan
        // ends with the call.
        unsafe {
            let scan = snapshot.map_or(std::ptr::null_mut(), |snapshot| {
                let keys = std::ptr::null_mut();
                pg_sys::table_beginscan_strat(self.0, snapshot, 0, keys, true, true)
            });
            pg_sys::table_index_build_scan(
                self.0,
                index.0,
                info,
                true,
                snapshot.is_none(),
                Some(call::<F>),
                (&raw mut row).cast(),
                scan,
            )
        }
    }

    /// Calls `row` for each row of the table of an index that a snapshot sees and the index is to
    /// have, with the values of its columns.
    ///
    /// # Safety
    /// `index` is an index on this table, `snapshot` a registered snapshot.
    pub unsafe fn scan_visible<F: FnMut(&[Option<Datum>], Tid)>(
        self,
        index: Relation,
        snapshot: pg_sys::Snapshot,
        row: F,
    ) {
        // SAFETY: the caller's promise; the description is new.
        unsafe {
            let info = pg_sys::BuildIndexInfo(index.0);
            (*info).ii_Concurrent = true;
            self.scan_for_index(index, info, Some(snapshot), row);
        }
    }
}

/// Whether this server writes WAL: a standby does not.
pub fn accepts_writes() -> bool {
    // SAFETY: reads the state of the server.
    unsafe { !pg_sys::RecoveryInProgress() }
}

/// A row's address from PostgreSQL's.
pub fn tid_of(pointer: &ItemPointerData) -> Tid {
    let block = pointer.ip_blkid;
    Tid {
        block: u32::from(block.bi_hi) << 16 | u32::from(block.bi_lo),
        offset: pointer.ip_posid,
    }
}

/// PostgreSQL's address of a row.
pub fn pointer_to(tid: Tid) -> ItemPointerData {
    ItemPointerData {
        ip_blkid: pg_sys::BlockIdData {
            bi_hi: (tid.block >> 16) as u16,
            bi_lo: tid.block as u16,
        },
        ip_posid: tid.offset,
    }
}
