//! Memory contexts.

use pgrx::pg_sys::{self, MemoryContext};

/// A memory context for what a few calls leave behind.
pub struct Temporary(MemoryContext);

impl Temporary {
    /// A child of the current context.
    pub fn new() -> Self {
        // SAFETY: the name is static. An error deletes the context with its parent.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"hnsw".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Calls `f` with this as the current context, then frees what it allocated there: the result
    /// must not point to any of it.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: the context is alive. After an error PostgreSQL sets the current context itself.
        unsafe {
            let old = pg_sys::MemoryContextSwitchTo(self.0);
            let result = f();
            pg_sys::MemoryContextSwitchTo(old);
            pg_sys::MemoryContextReset(self.0);
            result
        }
    }

    /// Calls `f` with this as the current context, and keeps what it allocated there.
    pub fn keep<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: the context is alive. After an error PostgreSQL sets the current context itself.
        unsafe {
            let old = pg_sys::MemoryContextSwitchTo(self.0);
            let result = f();
            pg_sys::MemoryContextSwitchTo(old);
            result
        }
    }

    /// Frees the context.
    pub fn delete(self) {
        // SAFETY: it is not the current context and nothing uses it any more.
        unsafe { pg_sys::MemoryContextDelete(self.0) }
    }
}

/// A memory context that lives longer than the current one.
#[derive(Clone, Copy)]
pub struct Context(MemoryContext);

impl Context {
    /// The current context.
    pub fn current() -> Self {
        // SAFETY: there always is one.
        Self(unsafe { pg_sys::CurrentMemoryContext })
    }

    /// That of a query that is being executed.
    ///
    /// # Safety
    /// `state` is the query's.
    pub unsafe fn of_query(state: *const pg_sys::EState) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { (*state).es_query_cxt })
    }

    /// Calls `f` with this as the current context.
    ///
    /// # Safety
    /// The context still exists.
    pub unsafe fn run<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: the caller's promise. After an error PostgreSQL sets the current context itself.
        unsafe {
            let old = pg_sys::MemoryContextSwitchTo(self.0);
            let result = f();
            pg_sys::MemoryContextSwitchTo(old);
            result
        }
    }
}

/// A zeroed node or struct in the current memory context.
pub fn new_zeroed<T>() -> *mut T {
    // SAFETY: allocation either succeeds or raises an error.
    unsafe { pg_sys::palloc0(size_of::<T>()).cast() }
}

/// Moves a value under the care of the current memory context, which drops it when it is reset.
/// Its destructor must not call PostgreSQL.
pub fn drop_with_context<T>(value: T) -> *mut T {
    pgrx::PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(value)
}
