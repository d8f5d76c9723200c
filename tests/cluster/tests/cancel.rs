//! A cancelled build stops at once and leaves nothing behind.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::{another, check, leftovers, session};
use postgres::error::SqlState;
use postgres::{Client, Error};
use testdata::{Metric, Synth, Vectors, sql};

const ROWS: usize = 20_000;
const DIM: usize = 128;
/// From the request to the error.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far into the build the requests come.
const DELAYS: [u64; 4] = [20, 100, 250, 500];

struct Scene {
    server: Server,
    client: Client,
    queries: Vectors,
}

fn scene() -> Scene {
    let server = Server::start(&Options::new().set("maintenance_work_mem", "256MB")).unwrap();
    let synth = Synth::new(DIM, 41);
    let mut client = session(&server, "cancelled").unwrap();
    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    client.batch_execute("VACUUM items").unwrap();
    Scene {
        server,
        client,
        queries: synth.queries(20),
    }
}

impl Scene {
    /// Nothing of the index is left, no process died, and the build works when it is let.
    fn assert_nothing_is_left(&mut self, interrupt: impl Fn(&mut Self, u64)) {
        let before = leftovers::files(&mut self.client).unwrap();
        for delay in DELAYS {
            interrupt(self, delay);
            assert_eq!(leftovers::indexes(&mut self.client, "items").unwrap(), 0);
            assert_eq!(
                leftovers::files(&mut self.client).unwrap(),
                before,
                "after {delay} ms"
            );
        }
        assert_eq!(self.server.crash_reports(), [""; 0]);
        sql::create_index(&mut self.client, "items", Metric::L2, "").unwrap();
        check::sound(&mut self.client, "items", Metric::L2, &self.queries).unwrap();
    }

    /// Starts a build in another session, does something to that session while it builds, and
    /// returns how the build ended and how long after.
    fn interrupted_build(&mut self, delay: u64, function: &str) -> (Error, Duration) {
        let mut builder = another(&self.server, "cancelled").unwrap();
        let pid: i32 = builder
            .query_one("SELECT pg_backend_pid()", &[])
            .unwrap()
            .get(0);
        let (started, starting) = mpsc::channel();
        let builder = thread::spawn(move || {
            started.send(()).unwrap();
            let build = "CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops)";
            let error = builder.batch_execute(build).unwrap_err();
            (error, Instant::now())
        });
        starting.recv().unwrap();
        self.wait_for_build(pid);
        thread::sleep(Duration::from_millis(delay));
        let asked = Instant::now();
        self.client
            .execute(&format!("SELECT {function}({pid})"), &[])
            .unwrap();
        let (error, ended) = builder.join().unwrap();
        self.wait_for_end(pid);
        (error, ended.saturating_duration_since(asked))
    }

    fn wait_for_build(&mut self, pid: i32) {
        let query = "SELECT count(*) FROM pg_stat_progress_create_index WHERE pid = $1";
        while self
            .client
            .query_one(query, &[&pid])
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait_for_end(&mut self, pid: i32) {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'";
        while self
            .client
            .query_one(query, &[&pid])
            .unwrap()
            .get::<_, i64>(0)
            != 0
        {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn by_statement_timeout() {
    scene().assert_nothing_is_left(|scene, delay| {
        let mut builder = another(&scene.server, "cancelled").unwrap();
        builder
            .batch_execute(&format!("SET statement_timeout = {delay}"))
            .unwrap();
        let started = Instant::now();
        let error = sql::create_index(&mut builder, "items", Metric::L2, "").unwrap_err();
        let error = error.downcast::<Error>().unwrap();
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    });
}

#[test]
fn by_request() {
    scene().assert_nothing_is_left(|scene, delay| {
        let (error, took) = scene.interrupted_build(delay, "pg_cancel_backend");
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
        assert!(took < PATIENCE, "{took:?}");
    });
}

#[test]
fn by_termination_of_the_backend() {
    scene().assert_nothing_is_left(|scene, delay| {
        let (error, took) = scene.interrupted_build(delay, "pg_terminate_backend");
        let code = error.code();
        assert!(
            code.is_none() || code == Some(&SqlState::ADMIN_SHUTDOWN),
            "{error:?}"
        );
        assert!(took < PATIENCE, "{took:?}");
    });
}
