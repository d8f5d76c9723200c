//! The throwaway servers themselves: what the other tests rely on.

use std::path::Path;

use cluster::{Options, Server, Shutdown};

/// A table with one row, committed, for the tests that look whether it is still there.
fn with_a_row(server: &Server) {
    let mut client = server.connect("postgres").unwrap();
    client
        .batch_execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
        .unwrap();
}

fn kept(server: &Server) -> Option<i32> {
    let mut client = server.connect("postgres").unwrap();
    client
        .query_opt("SELECT id FROM kept", &[])
        .unwrap()
        .map(|row| row.get(0))
}

#[test]
fn committed_rows_survive_every_kind_of_stop() {
    let mut server = Server::start(&Options::new()).unwrap();
    with_a_row(&server);
    server.restart().unwrap();
    assert_eq!(kept(&server), Some(7));
    server.stop(Shutdown::Immediate).unwrap();
    server.start_again().unwrap();
    assert_eq!(kept(&server), Some(7));
    server.crash().unwrap();
    server.start_again().unwrap();
    assert_eq!(kept(&server), Some(7));
}

#[test]
fn a_standby_follows() {
    let primary = Server::start(&Options::new()).unwrap();
    let standby = primary.standby(&Options::new()).unwrap();
    with_a_row(&primary);
    standby.catch_up_with(&primary).unwrap();
    assert_eq!(kept(&standby), Some(7));
}

#[test]
fn nothing_stays_behind() {
    let server = Server::start(&Options::new()).unwrap();
    let directory = server.host().to_owned();
    assert!(directory.exists());
    drop(server);
    assert!(!directory.exists());
}

#[test]
fn a_panic_cleans_up_and_saves_the_log() {
    let directory = std::thread::spawn(|| {
        let server = Server::start(&Options::new()).unwrap();
        std::panic::panic_any(server.host().to_owned());
    })
    .join()
    .unwrap_err();
    let directory = directory.downcast::<std::path::PathBuf>().unwrap();
    assert!(!directory.exists());
    let logs = std::env::var_os("PG_HNSW_LOG_DIR").map_or_else(std::env::temp_dir, Into::into);
    let log = logs.join(Path::new(directory.file_name().unwrap()).with_added_extension("log"));
    assert!(log.exists(), "{}", log.display());
    std::fs::remove_file(log).unwrap();
}
