//! The process's own memory, and what happens when there is no more.
//!
//! Rust ends a process that runs out of memory as a crash does, and PostgreSQL then restarts all
//! sessions. Here only the session ends (FATAL, `out_of_memory`): transaction, locks and pins go as
//! they do when a backend is terminated. Memory that PostgreSQL allocates is not concerned; there an
//! ERROR says so.

use pgrx::{PgSqlErrorCode, pg_sys};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// Kept back, so that there is memory to end the session with.
const RESERVE: Layout = match Layout::from_size_align(256 << 10, 4096) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};
/// How long a worker thread waits for the leader to end the process; then the process aborts.
const RETRIES: u32 = 1000;
const RETRY: Duration = Duration::from_millis(10);

/// The allocator of the library.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

static KEPT: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static ENDING: AtomicBool = AtomicBool::new(false);
/// Bytes that a worker thread waits for; 0 if none does.
static WANTED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" {
    // The bindings lack these.
    fn errstart(level: c_int, domain: *const c_char) -> bool;
    fn errcode(code: c_int) -> c_int;
    fn errmsg(format: *const c_char, ...) -> c_int;
    fn errdetail(format: *const c_char, ...) -> c_int;
    fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
}

// SAFETY: all requests go to the system's allocator as they came, and so do its answers.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        or_exhausted(layout.size(), || unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        or_exhausted(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; a failed request leaves the old memory as it was.
        or_exhausted(size, || unsafe { System.realloc(start, layout, size) })
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) }
    }
}

/// Keeps memory back. Called when the library is loaded.
pub fn keep_reserve() {
    // SAFETY: the layout is not empty.
    KEPT.store(unsafe { System.alloc(RESERVE) }, Ordering::Relaxed);
}

/// Ends the session if a worker thread has no memory to go on with.
#[inline]
pub fn check() {
    let wanted = WANTED.load(Ordering::Relaxed);
    if wanted != 0 {
        end_session(wanted);
    }
}

#[inline]
fn or_exhausted(size: usize, request: impl Fn() -> *mut u8) -> *mut u8 {
    let start = request();
    if start.is_null() {
        exhausted(size, request)
    } else {
        start
    }
}

/// There is no memory. The leader ends the session; a worker thread, which may not call PostgreSQL,
/// waits for that.
#[cold]
fn exhausted(size: usize, request: impl Fn() -> *mut u8) -> *mut u8 {
    // SAFETY: asks who is running.
    if unsafe { libc::getpid() == libc::gettid() } {
        end_session(size);
        return null_mut();
    }
    WANTED.store(size, Ordering::Relaxed);
    for _ in 0..RETRIES {
        std::thread::sleep(RETRY);
        let start = request();
        if !start.is_null() {
            return start;
        }
    }
    null_mut()
}

/// Does not return, unless it was called while it is at work.
#[cold]
fn end_session(size: usize) {
    if ENDING.swap(true, Ordering::Relaxed) {
        return;
    }
    let kept = KEPT.swap(null_mut(), Ordering::Relaxed);
    // SAFETY: the reserve was allocated with this layout. The texts are static and fit what follows
    // them. FATAL runs PostgreSQL's own clean-up and exits: nothing unwinds through the caller, and
    // none of its values is used again.
    unsafe {
        if !kept.is_null() {
            System.dealloc(kept, RESERVE);
        }
        if errstart(pg_sys::FATAL as c_int, std::ptr::null()) {
            errcode(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int);
            errmsg(c"out of memory".as_ptr());
            errdetail(c"pg_hnsw failed on request of size %zu.".as_ptr(), size);
            errfinish(c"heap.rs".as_ptr(), 0, c"end_session".as_ptr());
        }
    }
}
