//! Worker threads of a backend.
//!
//! They compute, and touch nothing of PostgreSQL: no function, no shared buffer, no memory
//! context. They block all signals, so that PostgreSQL's handlers run on its own thread only. That
//! thread, the leader, waits by polling, so that a cancelled query ends at once. When the leader ends without
//! unwinding (FATAL), the process exits while they may still run; what they touch must stay mapped.

use super::error::raise;
use super::interrupts;
use pgrx::PgSqlErrorCode;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long the leader sleeps before it looks for interrupts.
const POLL: Duration = Duration::from_millis(2);

/// Starts a pool. Its threads end when it is dropped.
pub fn pool(threads: usize) -> ThreadPool {
    // SAFETY: the masks are locals; the old one is put back before anything can go wrong.
    let built = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
        let built = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("hnsw build {i}"))
            .build();
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        built
    };
    match built {
        Ok(pool) => pool,
        Err(error) => raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_RESOURCES,
            format!("could not start threads for the index build: {error}"),
        ),
    }
}

/// Work that a pool does.
pub struct Task<T>(Arc<Shared<T>>);

struct Shared<T> {
    result: Mutex<Option<std::thread::Result<T>>>,
    done: Condvar,
}

impl<T> Task<T> {
    /// Gives work to the pool of `scope`.
    pub fn spawn<'s>(scope: &Scope<'s>, f: impl FnOnce() -> T + Send + 's) -> Self
    where
        T: Send + 's,
    {
        let shared = Arc::new(Shared {
            result: Mutex::new(None),
            done: Condvar::new(),
        });
        let task = Task(shared.clone());
        scope.spawn(move |_| {
            let result = catch_unwind(AssertUnwindSafe(f));
            *shared.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            shared.done.notify_all();
        });
        task
    }

    /// Whether [`Self::wait`] would return at once.
    pub fn is_done(&self) -> bool {
        self.0
            .result
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Waits for the result. Raises an error if the query is cancelled, or if the work panicked.
    pub fn wait(self) -> T {
        self.wait_and(|| {})
    }

    /// As [`Self::wait`], and does something now and then.
    pub fn wait_and(self, mut meanwhile: impl FnMut()) -> T {
        loop {
            interrupts::check();
            meanwhile();
            let result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut result, _) = self
                .0
                .done
                .wait_timeout_while(result, POLL, |r| r.is_none())
                .unwrap_or_else(PoisonError::into_inner);
            match result.take() {
                Some(Ok(value)) => return value,
                Some(Err(panic)) => {
                    drop(result);
                    raise_panic(panic.as_ref())
                }
                None => {}
            }
        }
    }
}

fn raise_panic(panic: &(dyn Any + Send)) -> ! {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown panic");
    raise(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("a thread of the index build failed: {text}"),
    )
}
