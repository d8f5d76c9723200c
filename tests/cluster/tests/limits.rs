//! Builds and inserts with little memory, little temporary space and a full disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use cluster::{Options, Server};
use cluster_tests::{Judge, another, check, leftovers, session};
use postgres::Error;
use postgres::error::SqlState;
use testdata::sql::{self, Insert};
use testdata::{Metric, Synth};

const ROWS: usize = 10_000;
const DIM: usize = 128;
const EF_SEARCH: u32 = 100;
const ENOUGH: f64 = 0.95;

fn judge() -> Judge {
    let synth = Synth::new(DIM, 51);
    Judge::new(synth.base(ROWS), synth.queries(100), Metric::L2)
}

#[test]
fn little_maintenance_work_mem() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "memory").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    for memory in ["64MB", "1MB"] {
        client
            .batch_execute(&format!("SET maintenance_work_mem = '{memory}'"))
            .unwrap();
        client
            .batch_execute("DROP INDEX IF EXISTS items_v_idx")
            .unwrap();
        sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
        let recall = judge.recall(&mut client, "items", EF_SEARCH).unwrap();
        println!("built in {memory}: recall {recall:.4}");
        assert!(recall >= ENOUGH, "built in {memory}: recall {recall}");
    }
}

/// A build that needs temporary files beyond the limit says so and leaves nothing behind.
#[test]
fn temp_file_limit() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "temporary").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    client.batch_execute("VACUUM items").unwrap();
    let before = leftovers::files(&mut client).unwrap();
    client
        .batch_execute("SET maintenance_work_mem = '1MB'; SET temp_file_limit = 64")
        .unwrap();
    let error = sql::create_index(&mut client, "items", judge.metric(), "").unwrap_err();
    let error = error.downcast::<Error>().unwrap();
    let code = Some(&SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert_eq!(error.code(), code, "{error:?}");
    assert_eq!(leftovers::indexes(&mut client, "items").unwrap(), 0);
    assert_eq!(leftovers::files(&mut client).unwrap(), before);
    client.batch_execute("RESET temp_file_limit").unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    check::sound(&mut client, "items", judge.metric(), judge.queries()).unwrap();
}

/// What does not fit into memory is where `temp_tablespaces` says.
#[test]
fn temp_tablespaces() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "spaces").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    client
        .batch_execute("SET allow_in_place_tablespaces = on; SET log_temp_files = 0")
        .unwrap();
    client
        .batch_execute("CREATE TABLESPACE scratch LOCATION ''")
        .unwrap();
    client
        .batch_execute("SET temp_tablespaces = scratch; SET maintenance_work_mem = '1MB'")
        .unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    let log = server.log();
    let files = log
        .lines()
        .filter(|line| line.contains("temporary file: path"));
    let files: Vec<&str> = files.collect();
    assert!(!files.is_empty());
    let elsewhere = files.iter().filter(|line| !line.contains("\"pg_tblspc/"));
    assert_eq!(elsewhere.count(), 0, "{files:?}");
}

/// A vacuum that finds no dead rows leaves what is cached: it reads an index larger than `shared_buffers` through a
/// few of them.
#[test]
fn cache_stays_while_rows_are_counted() {
    let settings = Options::new().set("shared_buffers", "4MB");
    let server = Server::start(&settings.set("autovacuum", "off")).unwrap();
    let (mut client, judge) = (session(&server, "cache").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    client
        .batch_execute(
            "CREATE TABLE cached AS SELECT i, repeat('x', 1000) FROM generate_series(1, 700) i",
        )
        .unwrap();
    client.batch_execute("VACUUM cached").unwrap();
    client.batch_execute("VACUUM items").unwrap();
    let explain = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) SELECT count(*) FROM cached";
    let mut reads = || {
        let lines = client.query(explain, &[]).unwrap();
        let lines = lines.iter().map(|line| line.get::<_, String>(0));
        lines
            .take_while(|line| !line.starts_with("Planning"))
            .find(|line| line.contains("read="))
    };
    println!("at first: {:?}", reads());
    assert_eq!(reads(), None);
    another(&server, "cache")
        .unwrap()
        .batch_execute("VACUUM items")
        .unwrap();
    assert_eq!(reads(), None);
}

/// A small file system in memory, unmounted when dropped. Only root may make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, megabytes: u32) -> Option<Self> {
        let options = format!("size={megabytes}m,mode=777");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .stderr(std::process::Stdio::null())
            .status();
        status
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn full_disk() {
    let server = Server::start(&Options::new()).unwrap();
    let mount = server.create_directory("small").unwrap();
    let Some(_disk) = SmallDisk::mount(&mount, 5) else {
        println!("skipped: cannot mount a small file system");
        return;
    };
    let space = server.create_directory("small/space").unwrap();
    // What an administrator deletes once the disk is full.
    let ballast = mount.join("ballast");
    std::fs::write(&ballast, [1; 256 << 10]).unwrap();
    let (mut client, judge) = (session(&server, "full").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    let create = format!("CREATE TABLESPACE small LOCATION '{}'", space.display());
    client.batch_execute(&create).unwrap();

    let error = sql::create_index(&mut client, "items", judge.metric(), "TABLESPACE small");
    let error = error.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error.code(), Some(&SqlState::DISK_FULL), "{error:?}");
    assert_eq!(leftovers::indexes(&mut client, "items").unwrap(), 0);
    client.batch_execute("CHECKPOINT").unwrap();
    assert_eq!(files_under(&space), Vec::<PathBuf>::new());

    // An index that fits at first; then inserts fill the disk.
    sql::create_table(&mut client, "few", &judge.base().first(1000)).unwrap();
    sql::create_index(&mut client, "few", judge.metric(), "TABLESPACE small").unwrap();
    let insert = Insert::prepare(&mut client, "few").unwrap();
    let filling = (1000..).zip(judge.base().rows().skip(1000).cycle());
    let full = filling
        .take(100_000)
        .find_map(|(id, row)| insert.run(&mut client, id, row).err());
    let error = full.expect("the disk should be full");
    assert_eq!(error.code(), Some(&SqlState::DISK_FULL), "{error:?}");
    check::sound(&mut client, "few", judge.metric(), judge.queries()).unwrap();
    client
        .batch_execute("DELETE FROM few WHERE id >= 1000 OR id % 7 = 3")
        .unwrap();
    // A vacuum finds no room for the map of free space.
    let error = client
        .batch_execute("VACUUM (INDEX_CLEANUP ON) few")
        .unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DISK_FULL), "{error:?}");
    check::sound(&mut client, "few", judge.metric(), judge.queries()).unwrap();
    std::fs::remove_file(&ballast).unwrap();
    client.batch_execute("VACUUM few").unwrap();
    sql::copy(&mut client, "few", 1000, &judge.base().part(1000, 1100)).unwrap();
    check::sound(&mut client, "few", judge.metric(), judge.queries()).unwrap();
    assert_eq!(server.crash_reports(), [""; 0]);
    client.batch_execute("DROP TABLE few; CHECKPOINT").unwrap();
    client.batch_execute("DROP TABLESPACE small").unwrap();
}

/// Relation files of any length under a tablespace's directory.
fn files_under(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files
}
