//! What touches PostgreSQL's pages, WAL, locks, tables and plans: buffers, relations, interrupts, memory.
//!
//! | module | subject |
//! |---|---|
//! | [`arena`] | memory of a build: `maintenance_work_mem`, then a mapped temporary file |
//! | [`buffer`] | pages in shared buffers: pinning, locking, the header of a page |
//! | [`catalog`] | operator families as the catalogues describe them |
//! | [`error`] | errors of an index as PostgreSQL reports them |
//! | [`fetch`] | rows of the table behind an index |
//! | [`ffi`] | functions that the bindings lack, or guard without need |
//! | [`heap`] | the process's own memory, and the end of it |
//! | [`inspect`] | an index that is inspected together with its table |
//! | [`interrupts`] | cancellation |
//! | [`junk`] | distances that nobody reads |
//! | [`key`] | values of key columns: as bytes, numbers and hashes |
//! | `left_out` | conditions that the planner does not give an index in some versions |
//! | [`limit`] | how many rows a query takes from an index scan |
//! | [`memory`] | memory contexts |
//! | [`planner`] | what the planner knows of an index; conditions derived for one |
//! | [`progress`] | `pg_stat_progress_create_index` |
//! | [`random`] | random numbers |
//! | `recent` | where pages were in shared buffers |
//! | [`relation`] | tables and indexes: properties, locks, scans |
//! | [`result`] | the rows that a function returns |
//! | [`row`] | values of composite types |
//! | [`store`] | the page store of an index |
//! | [`temp_file`] | temporary files |
//! | [`threads`] | worker threads of a backend |
//! | `waits` | waits between visits to pages, in a build for tests |
//! | `wal` | WAL records of changes to a page |
//! | `zone` | times with a time zone beside times without one |
//!
//! Errors that PostgreSQL raises unwind as panics. PostgreSQL releases pins and locks itself then:
//! nothing here does so in a destructor.
#![allow(unsafe_code, reason = "the boundary to PostgreSQL")]

pub mod arena;
pub mod buffer;
pub mod catalog;
pub mod error;
pub mod fetch;
mod ffi;
pub mod heap;
pub mod inspect;
pub mod interrupts;
pub mod junk;
pub mod key;
mod left_out;
pub mod limit;
pub mod memory;
pub mod planner;
pub mod progress;
pub mod random;
mod recent;
pub mod relation;
pub mod result;
pub mod row;
pub mod store;
pub mod temp_file;
pub mod threads;
#[cfg(feature = "waits")]
pub mod waits;
mod wal;
mod zone;
