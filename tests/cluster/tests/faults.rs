//! Statements that are cut off: by a timeout from one millisecond up, by a request at a random
//! moment, by the end of their process, by a limit of memory. The process goes on or ends as it
//! should; it keeps no lock, pin, file, thread or memory; and the index is as good as before.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::processes::private_kb;
use cluster_tests::{another, check, leftovers, session};
use postgres::error::SqlState;
use postgres::{Client, Error};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testdata::{Metric, Synth, Vectors, sql};

const DATABASE: &str = "faults";
/// From the end of a statement to that of its threads.
const PATIENCE: Duration = Duration::from_secs(10);
const DIM: usize = 32;
const ROWS: usize = 4000;
/// Timeouts, in milliseconds.
const TIMEOUTS: [u32; 10] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];
/// Requests to a process of each kind.
const REQUESTS: usize = 12;
/// What a process may grow by over all of this.
const GROWTH_KB: i64 = 16 << 10;
/// Memory beyond what a process has, in kB, from too little for anything on.
const MEMORY: [u64; 8] = [0, 64, 256, 512, 1024, 2048, 4096, 16_384];

/// What is cut off. All leave the table with the rows that it had, or with none of their own.
const STATEMENTS: [(&str, &str); 6] = [
    (
        "build",
        "CREATE INDEX other ON items USING hnsw (v vector_cosine_ops)",
    ),
    (
        "insert",
        "INSERT INTO items SELECT id + 100000, v + l2_normalize(v) FROM items LIMIT 1000",
    ),
    ("update", "UPDATE items SET v = v + v - v WHERE id % 5 = 1"),
    ("vacuum", "VACUUM (INDEX_CLEANUP ON) items"),
    (
        "scan",
        "SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM items LIMIT 1)) x",
    ),
    (
        "check",
        "SELECT count(*) FROM hnsw_check('items_v_idx', true)",
    ),
];

struct Scene {
    server: Server,
    watch: Client,
    queries: Vectors,
    /// Before there was a table.
    files: BTreeSet<String>,
    /// Whether the server can tell which pages are pinned.
    pins: bool,
}

fn scene() -> Scene {
    let server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 55);
    let mut watch = session(&server, DATABASE).unwrap();
    let pins = watch
        .batch_execute("CREATE EXTENSION pg_buffercache")
        .is_ok();
    let files = leftovers::files(&mut watch).unwrap();
    sql::create_table(&mut watch, "items", &synth.base(ROWS)).unwrap();
    sql::create_index(&mut watch, "items", Metric::L2, "").unwrap();
    watch.batch_execute("VACUUM items").unwrap();
    Scene {
        server,
        watch,
        queries: synth.queries(20),
        files,
        pins,
    }
}

impl Scene {
    fn connect(&self) -> (Client, i32) {
        let mut client = another(&self.server, DATABASE).unwrap();
        client
            .batch_execute(
                "SET enable_seqscan = off; SET hnsw.max_scan_tuples = 2147483647;
                 SET maintenance_work_mem = '1MB'",
            )
            .unwrap();
        let pid = client
            .query_one("SELECT pg_backend_pid()", &[])
            .unwrap()
            .get(0);
        (client, pid)
    }

    /// Nothing of a statement that ended is left in its process.
    fn assert_nothing_is_left(&mut self, pid: i32, what: &str) {
        let locks = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype <> 'virtualxid'";
        let locks: i64 = self.watch.query_one(locks, &[&pid]).unwrap().get(0);
        assert_eq!(locks, 0, "{what}: locks");
        // A thread stops at its next row.
        let deadline = Instant::now() + PATIENCE;
        while threads(pid) > 1 {
            assert!(Instant::now() < deadline, "{what}: threads");
            thread::sleep(Duration::from_millis(1));
        }
        if self.pins {
            let pins = "SELECT count(*) FROM pg_buffercache b JOIN pg_class c ON b.relfilenode = c.relfilenode
                        WHERE pinning_backends > 0 AND c.relname LIKE 'items%'";
            let pins: i64 = self.watch.query_one(pins, &[]).unwrap().get(0);
            assert_eq!(pins, 0, "{what}: pins");
        }
    }

    /// The index and the table are as they were, and no process crashed.
    fn assert_sound(&mut self) {
        let watch = &mut self.watch;
        watch
            .batch_execute("DELETE FROM items WHERE id >= 100000")
            .unwrap();
        watch.batch_execute("VACUUM items").unwrap();
        assert_eq!(leftovers::indexes(watch, "items").unwrap(), 1);
        let temporary = "SELECT count(*) FROM pg_ls_tmpdir()";
        assert_eq!(watch.query_one(temporary, &[]).unwrap().get::<_, i64>(0), 0);
        check::sound(watch, "items", Metric::L2, &self.queries).unwrap();
        // What was built in vain is gone, and what is there can be dropped.
        watch.batch_execute("DROP TABLE items").unwrap();
        assert_eq!(leftovers::files(watch).unwrap(), self.files);
        assert_eq!(self.server.crash_reports(), [""; 0]);
        assert!(
            !self.server.log().contains("leak"),
            "leaks in the server's log"
        );
    }
}

/// Threads of a process; none if it is gone.
fn threads(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Whether the connection is gone, maybe before the statement was sent.
fn is_cut(error: &Error) -> bool {
    error.is_closed()
        || error
            .source()
            .is_some_and(<dyn StdError>::is::<std::io::Error>)
}

#[track_caller]
fn assert_cut_off(error: &Error, what: &str) {
    assert_eq!(
        error.code(),
        Some(&SqlState::QUERY_CANCELED),
        "{what}: {error:?}"
    );
}

#[test]
fn by_timeouts() {
    let mut scene = scene();
    let (mut client, pid) = scene.connect();
    let mut cut_off = 0;
    let mut memory = 0;
    for timeout in TIMEOUTS {
        for (name, statement) in STATEMENTS {
            let what = format!("{name} in {timeout} ms");
            client
                .batch_execute(&format!("SET statement_timeout = {timeout}"))
                .unwrap();
            let result = client.batch_execute(statement);
            client
                .batch_execute("SET statement_timeout = 0; DROP INDEX IF EXISTS other")
                .unwrap();
            if let Err(error) = result {
                assert_cut_off(&error, &what);
                cut_off += 1;
            }
            scene.assert_nothing_is_left(pid, &what);
        }
        if memory == 0 {
            memory = private_kb(pid);
        }
    }
    let growth = private_kb(pid) - memory;
    println!(
        "{cut_off} of {} cut off, {growth} kB more",
        TIMEOUTS.len() * STATEMENTS.len()
    );
    assert!(cut_off > TIMEOUTS.len(), "only {cut_off} cut off");
    assert!(growth < GROWTH_KB, "{growth} kB more");
    drop(client);
    scene.assert_sound();
}

#[test]
fn by_requests() {
    let mut scene = scene();
    let mut rng = ChaCha8Rng::seed_from_u64(56);
    for function in ["pg_cancel_backend", "pg_terminate_backend"] {
        let mut cut_off = 0;
        for round in 0..REQUESTS {
            let (what, statement) = STATEMENTS[round % STATEMENTS.len()];
            let what = format!("{what} by {function}");
            let (mut client, pid) = scene.connect();
            let delay = Duration::from_micros(rng.random_range(500..60_000));
            let result = thread::scope(|scope| {
                let running = scope.spawn(|| client.batch_execute(statement));
                thread::sleep(delay);
                let request = format!("SELECT {function}({pid})");
                scene.watch.batch_execute(&request).unwrap();
                running.join().unwrap()
            });
            if let Err(error) = result {
                cut_off += 1;
                match function {
                    "pg_cancel_backend" => assert_cut_off(&error, &what),
                    _ => assert!(
                        is_cut(&error) || error.code() == Some(&SqlState::ADMIN_SHUTDOWN),
                        "{what}: {error:?}"
                    ),
                }
            }
            drop(client);
            scene.wait_for_end(pid);
            scene.assert_nothing_is_left(pid, &what);
            scene
                .watch
                .batch_execute("DROP INDEX IF EXISTS other")
                .unwrap();
        }
        println!("{cut_off} of {REQUESTS} cut off by {function}");
        assert!(cut_off > 0, "none cut off by {function}");
    }
    scene.assert_sound();
}

impl Scene {
    fn wait_for_end(&mut self, pid: i32) {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
        while self
            .watch
            .query_one(query, &[&pid])
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets a process have so much memory more than it has; done by the server, whose user may.
    fn limit_memory(&mut self, pid: i32, more_kb: u64) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmSize:"))
            .unwrap();
        let size: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let limit = (size + more_kb) << 10;
        let command =
            format!("COPY (SELECT) TO PROGRAM 'cat >/dev/null; prlimit --pid {pid} --as={limit}'");
        self.watch.batch_execute(&command).unwrap();
    }
}

/// An error, or the end of this session alone.
#[test]
fn by_the_end_of_memory() {
    let mut scene = scene();
    let mut failed = BTreeSet::new();
    for more in MEMORY {
        for (what, statement) in STATEMENTS {
            let (mut client, pid) = scene.connect();
            // What is needed once is there.
            client
                .batch_execute(
                    "SELECT id FROM items ORDER BY v <-> (SELECT v FROM items LIMIT 1) LIMIT 1",
                )
                .unwrap();
            scene.limit_memory(pid, more);
            if let Err(error) = client.batch_execute(statement) {
                let refused = [SqlState::OUT_OF_MEMORY, SqlState::INSUFFICIENT_RESOURCES];
                assert!(
                    error.is_closed() || error.code().is_some_and(|code| refused.contains(code)),
                    "{what} with {more} kB: {error:?}"
                );
                failed.insert(what);
            }
            drop(client);
            scene.wait_for_end(pid);
            scene.assert_nothing_is_left(pid, what);
            assert_eq!(
                scene.server.crash_reports(),
                [""; 0],
                "{what} with {more} kB"
            );
            scene
                .watch
                .batch_execute("DROP INDEX IF EXISTS other")
                .unwrap();
        }
    }
    println!("failed at least once: {failed:?}");
    assert!(failed.contains("build"), "{failed:?}");
    scene.assert_sound();
}
