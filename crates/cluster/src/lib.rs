//! Throwaway PostgreSQL servers for tests, the demo and benchmarks.
//!
//! A [`Server`] lives in a directory of its own, listens on a Unix socket only, and is gone
//! with its directory when the value is dropped, when a test panics and when the process that
//! started it is killed. Started by root, it runs as an unprivileged user, because PostgreSQL
//! refuses root.
//!
//! - [`installation`]: where the programs of one PostgreSQL are.
//! - [`options`]: what goes into `postgresql.conf`.
//! - [`server`]: start, stop, crash, restart, connect.
//! - [`standby`]: a streaming replica of a server, and a backup that runs by itself.
//! - [`upgrade`]: a server goes to another major version with `pg_upgrade`.
//! - [`scratch`]: directories beside servers.

mod guardian;
pub mod installation;
pub mod options;
mod privileges;
mod process;
pub mod scratch;
pub mod server;
pub mod standby;
pub mod upgrade;

pub use installation::Installation;
pub use options::Options;
pub use scratch::Scratch;
pub use server::{Server, Shutdown};
