//! Days of work in half an hour: every row is replaced ten times while others search, and the index
//! stays as good and as small as it was, in processes that do not grow.
//!
//! `make soak` runs it; `PG_HNSW_SECONDS` and `PG_HNSW_ROWS` make it another size. It prints what it
//! measured as a table, a line for each part of the time. Nothing is asserted of speed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::longer::setting;
use cluster_tests::processes::private_kb;
use cluster_tests::{another, check, session, use_index};
use postgres::Client;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use testdata::sql::{self, Search};
use testdata::{Metric, Synth, Vectors, mean_recall};

const DIM: usize = 64;
const ROWS: usize = 20_000;
const SECONDS: usize = 1800;
/// How often each row is replaced.
const TURNS: usize = 10;
/// Of readers between two searches.
const REST: Duration = Duration::from_millis(10);
/// Connections that replace rows, and that search.
const WRITERS: usize = 4;
const READERS: usize = 4;
/// Rows that a transaction replaces.
const BATCH: usize = 10;
/// Lines of the report.
const PARTS: u32 = 30;
const QUERIES: usize = 100;
const NEIGHBOURS: usize = 10;
/// How much recall at the default `hnsw.ef_search` may fall.
const RECALL_LOST: f64 = 0.02;
/// Size of the index at the end, in sizes of a new one.
const GROWTH: f64 = 1.3;
/// What a process may grow by in the second half.
const MEMORY_KB: i64 = 8 << 10;
/// Nobody waits so long for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the connections share.
struct Soak {
    server: Server,
    synth: Synth,
    queries: Vectors,
    rows: usize,
    seconds: usize,
    stop: AtomicBool,
    replaced: AtomicUsize,
    /// Times of searches since they were last asked for, in microseconds.
    times: Mutex<Vec<u64>>,
    longest_wait: AtomicU64,
}

/// What was measured at one time.
struct Sample {
    replaced: usize,
    recall: f64,
    searches: usize,
    median: u64,
    late: u64,
    size: i64,
    memory: i64,
}

impl Soak {
    fn connect(&self) -> Client {
        another(&self.server, "soak").unwrap()
    }

    fn going(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// Replaces rows of its own by new ones: half of them by updates, half by deletes and inserts.
    fn write(&self, writer: usize) {
        let mut client = self.connect();
        let mut rng = ChaCha8Rng::seed_from_u64(writer as u64);
        let own = self.rows / WRITERS;
        let mut next = self.rows * (writer + 1);
        let update = client
            .prepare("UPDATE items SET v = $2::text::vector WHERE id = $1")
            .unwrap();
        let delete = client.prepare("DELETE FROM items WHERE id = $1").unwrap();
        let insert = client
            .prepare("INSERT INTO items VALUES ($1, $2::text::vector)")
            .unwrap();
        // Evenly over the time.
        let batches = own * TURNS / BATCH;
        let pace = Duration::from_secs(self.seconds as u64) / u32::try_from(batches).unwrap();
        let (started, mut done) = (Instant::now(), 0);
        while self.going() {
            let vectors = self.synth.base_from(next, BATCH);
            next += BATCH;
            let mut transaction = client.transaction().unwrap();
            for vector in vectors.rows().map(sql::text) {
                let id = i32::try_from(writer * own + rng.random_range(0..own)).unwrap();
                if rng.random() {
                    transaction.execute(&update, &[&id, &vector]).unwrap();
                } else {
                    transaction.execute(&delete, &[&id]).unwrap();
                    transaction.execute(&insert, &[&id, &vector]).unwrap();
                }
            }
            transaction.commit().unwrap();
            self.replaced.fetch_add(BATCH, Ordering::SeqCst);
            done += 1;
            thread::sleep((pace * done).saturating_sub(started.elapsed()));
        }
    }

    fn read(&self, reader: usize) {
        let mut client = self.connect();
        use_index(&mut client, "items", Metric::L2, self.queries.row(0)).unwrap();
        let search = Search::prepare(&mut client, "items", Metric::L2, NEIGHBOURS).unwrap();
        for query in (reader..QUERIES).cycle() {
            if !self.going() {
                return;
            }
            let started = Instant::now();
            let found = search.run(&mut client, self.queries.row(query)).unwrap();
            let took = u64::try_from(started.elapsed().as_micros()).unwrap();
            assert_eq!(found.len(), NEIGHBOURS);
            self.times.lock().unwrap().push(took);
            thread::sleep(REST);
        }
    }

    /// Looks how long others have been waiting for locks.
    fn watch(&self) {
        let mut client = self.connect();
        let query = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart) * 1000), 0)::int8
                     FROM pg_locks WHERE NOT granted";
        while self.going() {
            let waited: i64 = client.query_one(query, &[]).unwrap().get(0);
            self.longest_wait
                .fetch_max(waited.unsigned_abs(), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn sample(&self, client: &mut Client) -> Sample {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap());
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        let size = "SELECT pg_relation_size('items_v_idx')";
        Sample {
            replaced: self.replaced.load(Ordering::SeqCst),
            recall: self.recall(client),
            searches: times.len(),
            median: at(50),
            late: at(99),
            size: client.query_one(size, &[]).unwrap().get(0),
            memory: backends(client)
                .into_iter()
                .map(private_kb)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Recall of searches at the default setting, against what the same snapshot has.
    fn recall(&self, client: &mut Client) -> f64 {
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .unwrap();
        let mut found = Vec::new();
        for (seq, index) in [("off", "on"), ("on", "off")] {
            client
                .batch_execute(&format!(
                    "SET enable_seqscan = {seq}; SET enable_indexscan = {index}"
                ))
                .unwrap();
            let search = Search::prepare(client, "items", Metric::L2, NEIGHBOURS).unwrap();
            found.push(search.run_all(client, &self.queries).unwrap());
        }
        client.batch_execute("COMMIT; RESET ALL").unwrap();
        mean_recall(&found[0], &found[1], NEIGHBOURS)
    }
}

/// The processes of the connections to the current database.
fn backends(client: &mut Client) -> Vec<i32> {
    let query = "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend'";
    client
        .query(query, &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

fn start() -> Soak {
    let rows = setting("PG_HNSW_ROWS", ROWS);
    let options = Options::new()
        .set("autovacuum", "on")
        .set("autovacuum_naptime", "1s")
        .set("autovacuum_vacuum_cost_delay", "0");
    let soak = Soak {
        server: Server::start(&options).unwrap(),
        synth: Synth::new(DIM, 61),
        queries: Synth::new(DIM, 61).queries(QUERIES),
        rows,
        seconds: setting("PG_HNSW_SECONDS", SECONDS),
        stop: AtomicBool::new(false),
        replaced: AtomicUsize::new(0),
        times: Mutex::default(),
        longest_wait: AtomicU64::new(0),
    };
    let mut client = session(&soak.server, "soak").unwrap();
    sql::create_table(&mut client, "items", &soak.synth.base(rows)).unwrap();
    client
        .batch_execute("CREATE INDEX ON items (id); ALTER TABLE items SET (autovacuum_vacuum_scale_factor = 0.05)")
        .unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    soak
}

#[test]
#[ignore = "takes half an hour: make soak"]
fn leaves_the_index_as_it_was() {
    let soak = start();
    let mut client = soak.connect();
    let part = Duration::from_secs(soak.seconds as u64) / PARTS;
    let started = Instant::now();
    println!(
        "| seconds | rows replaced, of the table | recall | searches | median us | 99 % us | index kB | largest process kB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut samples: Vec<Sample> = Vec::new();
    thread::scope(|scope| {
        let soak = &soak;
        for number in 0..WRITERS {
            scope.spawn(move || soak.write(number));
        }
        for number in 0..READERS {
            scope.spawn(move || soak.read(number));
        }
        scope.spawn(|| soak.watch());
        for at in 0..=PARTS {
            let sample = soak.sample(&mut client);
            #[expect(clippy::cast_precision_loss, reason = "few rows")]
            let turns = sample.replaced as f64 / soak.rows as f64;
            println!(
                "| {} | {turns:.2} | {:.4} | {} | {} | {} | {} | {} |",
                (part * at).as_secs(),
                sample.recall,
                sample.searches,
                sample.median,
                sample.late,
                sample.size >> 10,
                sample.memory
            );
            samples.push(sample);
            if at < PARTS {
                thread::sleep((part * (at + 1)).saturating_sub(started.elapsed()));
            }
        }
        soak.stop.store(true, Ordering::SeqCst);
    });
    finish(&soak, &mut client, &samples);
}

/// Compares the end with the beginning, and the index with a new one.
fn finish(soak: &Soak, client: &mut Client, samples: &[Sample]) {
    let [first, middle, last] = [0, samples.len() / 2, samples.len() - 1].map(|at| &samples[at]);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = client.query_one(deadlocks, &[]).unwrap().get(0);
    let waited = soak.longest_wait.load(Ordering::SeqCst);
    client.batch_execute("REINDEX INDEX items_v_idx").unwrap();
    let fresh = soak.sample(client);
    #[expect(clippy::cast_precision_loss, reason = "sizes in bytes")]
    let growth = last.size as f64 / fresh.size as f64;
    println!(
        "{growth:.3} times the size of a new index ({} kB, recall {:.4}); longest wait for a lock {waited} ms, {deadlocks} deadlocks",
        fresh.size >> 10,
        fresh.recall
    );
    assert_eq!(deadlocks, 0);
    assert!(
        waited < u64::try_from(PATIENCE.as_millis()).unwrap(),
        "{waited} ms"
    );
    assert!(
        last.recall >= first.recall - RECALL_LOST,
        "recall {} to {}",
        first.recall,
        last.recall
    );
    assert!(growth <= GROWTH, "{growth} times the size of a new index");
    assert!(
        last.memory - middle.memory < MEMORY_KB,
        "{} to {} kB",
        middle.memory,
        last.memory
    );
    assert_eq!(soak.server.crash_reports(), [""; 0]);
    check::sound(client, "items", Metric::L2, &soak.queries).unwrap();
}
