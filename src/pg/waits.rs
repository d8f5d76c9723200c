//! Waits between visits to pages, for tests that make operations meet there (`tests/waits`). Only in builds
//! with the feature `waits`.
//!
//! A session whose setting `hnsw.waits` is K takes the advisory lock (K, N) before its Nth change of a page
//! and (K, -N) before its Nth read, and gives it back at once: it waits while another session holds that
//! lock. Visits are counted from the client's message on. `hnsw.level` is the level of new nodes, so that
//! graphs are not random.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::{self, TimestampTz};
use std::cell::Cell;

static WAITS: GucSetting<i32> = GucSetting::<i32>::new(0);
static LEVEL: GucSetting<i32> = GucSetting::<i32>::new(0);

thread_local! {
    /// When the client's message came; reads and changes since.
    static VISITS: Cell<(TimestampTz, i32, i32)> = const { Cell::new((0, 0, 0)) };
}

/// Defines the settings.
pub fn define() {
    let (context, flags) = (|| GucContext::Userset, GucFlags::default());
    GucRegistry::define_int_guc(
        c"hnsw.waits",
        c"Takes advisory locks of this class before visits to pages, if not 0",
        c"",
        &WAITS,
        0,
        i32::MAX,
        context(),
        flags,
    );
    GucRegistry::define_int_guc(
        c"hnsw.level",
        c"The level of nodes that are inserted, if not -1",
        c"",
        &LEVEL,
        -1,
        30,
        context(),
        flags,
    );
}

/// The level of a new node; none if it is to be drawn.
pub fn level() -> Option<u8> {
    LEVEL.get().try_into().ok()
}

/// Waits before a page is read, if a test wants it. No page may be locked.
pub fn before_read() {
    let (_, reads, _) = visits(1, 0);
    wait(-reads);
}

/// The same before a page is changed or added.
pub fn before_change() {
    let (_, _, changes) = visits(0, 1);
    wait(changes);
}

/// Counts a visit.
fn visits(read: i32, change: i32) -> (TimestampTz, i32, i32) {
    // SAFETY: reads a variable.
    let message = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    let (reads, changes) = match VISITS.get() {
        (since, reads, changes) if since == message => (reads, changes),
        _ => (0, 0),
    };
    let visits = (message, reads + read, changes + change);
    VISITS.set(visits);
    visits
}

fn wait(visit: i32) {
    let class = WAITS.get();
    if class == 0 {
        return;
    }
    // SAFETY: no page is locked. The lock is that of `pg_advisory_lock_shared(class, visit)`.
    unsafe {
        let lock = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.into(),
            locktag_field2: class as u32,
            locktag_field3: visit as u32,
            locktag_field4: 2,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        };
        let mode = pg_sys::ShareLock as i32;
        pg_sys::LockAcquire(&lock, mode, true, false);
        pg_sys::LockRelease(&lock, mode, true);
    }
}
