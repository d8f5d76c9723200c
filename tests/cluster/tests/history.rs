//! Searches see what their snapshot must see, whatever goes on beside them.
//!
//! Writers insert, update and delete rows of known vectors, commit and roll back, while a vacuum
//! runs over and over. They note when each change began and when it was acknowledged. Others list
//! the whole table through the index: a version of a row that was there for as long as the search
//! took must be listed, one that was gone before it began must not, and one that came or went
//! meanwhile may be. In a transaction with one snapshot every search lists the same.
//!
//! `PG_HNSW_SECONDS` makes it longer, `PG_HNSW_SEED` another one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::longer::setting;
use cluster_tests::{another, session};
use postgres::error::SqlState;
use postgres::{Client, Error};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 8;
const WRITERS: usize = 3;
/// Rows that each writer has for itself.
const KEYS: usize = 100;
/// Versions that are so many apart have one vector, whatever the row.
const SHARED: u32 = 4;
const SECONDS: usize = 8;
/// Searches of a transaction.
const SEARCHES: usize = 3;

/// Lists the table; a vector is missing at the end.
const LIST: &str = "SELECT id, version FROM items ORDER BY v <->";

/// A version of a row, or none.
type State = Option<u32>;
/// What the index lists: the version of each row.
type Listing = BTreeMap<usize, u32>;

/// A change of a row: it was asked for at `began`, and acknowledged at `ended`.
#[derive(Debug, Clone, Copy)]
struct Change {
    to: State,
    began: u64,
    ended: u64,
}

/// What the connections share.
struct Scene {
    server: Server,
    /// Of each row, in order of time. The first is its absence.
    histories: Vec<Mutex<Vec<Change>>>,
    clock: AtomicU64,
    stop: AtomicBool,
    seed: u64,
    searches: AtomicUsize,
    certain: AtomicUsize,
    refused: AtomicUsize,
}

/// The vector of a version of a row, as SQL.
fn vector(key: usize, version: u32) -> String {
    let seed = match version % SHARED {
        0 => u64::from(version % (3 * SHARED)),
        _ => (key as u64) << 32 | u64::from(version),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut text = String::from("[");
    for at in 0..DIM {
        let separator = if at == 0 { "" } else { "," };
        let number: f32 = rng.random();
        let _ = write!(text, "{separator}{number}");
    }
    text + "]"
}

impl Scene {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn going(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn connect(&self) -> Client {
        let mut client = another(&self.server, "history").unwrap();
        client
            .batch_execute(
                "SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 10000",
            )
            .unwrap();
        let plan = client
            .query(&format!("EXPLAIN {LIST} '{}'", vector(0, 1)), &[])
            .unwrap();
        let plan: String = plan[0].get(0);
        assert!(plan.starts_with("Index Scan using items_v_idx"), "{plan}");
        client
    }

    fn write(&self, writer: usize, level: &str) {
        let mut client = self.connect();
        let set = format!("SET default_transaction_isolation = '{level}'");
        client.batch_execute(&set).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed + writer as u64);
        let mut version = 0;
        while self.going() {
            let key = writer * KEYS + rng.random_range(0..KEYS);
            version += 1;
            let from = self.histories[key].lock().unwrap().last().unwrap().to;
            let (statement, to) = change(&mut rng, key, from, version);
            let wasted = "UPDATE items SET version = -1, v = '[9,9,9,9,9,9,9,9]' WHERE";
            match rng.random_range(0..6) {
                0 => {
                    let aborted = format!("BEGIN; {statement}; ROLLBACK");
                    tolerate_conflict(client.batch_execute(&aborted), &mut client, self);
                }
                1 => {
                    let partly = format!(
                        "BEGIN; SAVEPOINT a; {wasted} id = {key}; ROLLBACK TO a; {statement}; \
                         SAVEPOINT b; DELETE FROM items WHERE id = {key}; ROLLBACK TO b; COMMIT"
                    );
                    self.commit(&mut client, key, to, &partly);
                }
                _ => self.commit(&mut client, key, to, &statement),
            }
        }
    }

    /// Changes a row, and notes when.
    fn commit(&self, client: &mut Client, key: usize, to: State, statement: &str) {
        let (began, ended) = (self.now(), u64::MAX);
        let change = Change { to, began, ended };
        self.histories[key].lock().unwrap().push(change);
        let done = tolerate_conflict(client.batch_execute(statement), client, self);
        let ended = self.now();
        let mut history = self.histories[key].lock().unwrap();
        if done {
            history.last_mut().unwrap().ended = ended;
        } else {
            history.pop();
        }
    }

    fn search(&self, reader: usize, level: &str) {
        let mut client = self.connect();
        let begin = format!("BEGIN ISOLATION LEVEL {level}");
        let one_snapshot = level != "READ COMMITTED";
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed + 1000 + reader as u64);
        while self.going() {
            client.batch_execute(&begin).unwrap();
            let mut seen: Option<Listing> = None;
            for _ in 0..SEARCHES {
                let began = self.now();
                let Some(listing) = self.list(&mut client, &mut rng) else {
                    break;
                };
                match &seen {
                    Some(seen) if one_snapshot => assert_eq!(seen, &listing, "{level}"),
                    _ => self.judge(level, &listing, began, self.now()),
                }
                seen = Some(listing);
                self.searches.fetch_add(1, Ordering::SeqCst);
            }
            tolerate_conflict(client.batch_execute("COMMIT"), &mut client, self);
        }
    }

    /// All rows that a search through the index returns; `None` after a serialisation failure.
    fn list(&self, client: &mut Client, rng: &mut ChaCha8Rng) -> Option<Listing> {
        let query = vector(rng.random_range(0..WRITERS * KEYS), rng.random_range(1..20));
        let query = format!("{LIST} '{query}'");
        let rows = match client.query(&query, &[]) {
            Ok(rows) => rows,
            Err(error) => {
                tolerate_conflict(Err(error), client, self);
                return None;
            }
        };
        let mut listing = Listing::new();
        for row in &rows {
            let (id, version): (i32, i32) = (row.get(0), row.get(1));
            let twice = listing.insert(usize::try_from(id).unwrap(), version.cast_unsigned());
            assert_eq!(twice, None, "row {id} came twice");
        }
        Some(listing)
    }

    /// Compares what a search returned with what it may have seen between two times.
    fn judge(&self, level: &str, listing: &Listing, began: u64, ended: u64) {
        for (key, history) in self.histories.iter().enumerate() {
            let history = history.lock().unwrap();
            let may_be_seen = |at: usize| {
                let replaced = history.get(at + 1).map_or(u64::MAX, |next| next.ended);
                history[at].began <= ended && replaced >= began
            };
            let possible: Vec<State> = (0..history.len())
                .filter(|at| may_be_seen(*at))
                .map(|at| history[at].to)
                .collect();
            let found = listing.get(&key).copied();
            assert!(
                possible.contains(&found),
                "{level}: row {key} was found as {found:?}, not as one of {possible:?}, between \
                 {began} and {ended}: {:?}",
                &history[history.len().saturating_sub(4)..]
            );
            self.certain
                .fetch_add(usize::from(possible.len() == 1), Ordering::Relaxed);
        }
    }

    fn vacuum(&self) {
        let mut client = self.connect();
        while self.going() {
            client
                .batch_execute("VACUUM (INDEX_CLEANUP ON) items")
                .unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A statement that changes a row, and what the row is then.
fn change(rng: &mut ChaCha8Rng, key: usize, from: State, version: u32) -> (String, State) {
    let vector = vector(key, version);
    match (from, rng.random_range(0..5)) {
        (None, _) => (
            format!("INSERT INTO items VALUES ({key}, {version}, '{vector}')"),
            Some(version),
        ),
        (Some(_), 0 | 1) => (format!("DELETE FROM items WHERE id = {key}"), None),
        // The vector stays: heap-only where the page has room.
        (Some(_), 2) => (
            format!("UPDATE items SET version = {version} WHERE id = {key}"),
            Some(version),
        ),
        (Some(_), _) => (
            format!("UPDATE items SET version = {version}, v = '{vector}' WHERE id = {key}"),
            Some(version),
        ),
    }
}

/// Whether a transaction committed. One that could not be serialised is rolled back.
fn tolerate_conflict(result: Result<(), Error>, client: &mut Client, scene: &Scene) -> bool {
    let Err(error) = result else {
        return true;
    };
    let code = error.code();
    assert_eq!(
        code,
        Some(&SqlState::T_R_SERIALIZATION_FAILURE),
        "{error:?}"
    );
    client.batch_execute("ROLLBACK").unwrap();
    scene.refused.fetch_add(1, Ordering::SeqCst);
    false
}

#[test]
fn of_rows_is_what_searches_see() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "history").unwrap();
    client
        .batch_execute(&format!(
            "CREATE TABLE items (id int, version int, v vector({DIM})) WITH (fillfactor = 70);
             CREATE INDEX items_id_idx ON items (id);
             CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops)"
        ))
        .unwrap();
    let absent = Change {
        to: None,
        began: 0,
        ended: 0,
    };
    let scene = Scene {
        server,
        histories: (0..WRITERS * KEYS)
            .map(|_| Mutex::new(vec![absent]))
            .collect(),
        clock: AtomicU64::new(1),
        stop: AtomicBool::new(false),
        seed: setting("PG_HNSW_SEED", 1) as u64,
        searches: AtomicUsize::new(0),
        certain: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
    };
    let levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];
    let end = Instant::now() + Duration::from_secs(setting("PG_HNSW_SECONDS", SECONDS) as u64);
    thread::scope(|scope| {
        let scene = &scene;
        let mut threads = vec![scope.spawn(|| scene.vacuum())];
        for (number, level) in levels.into_iter().enumerate() {
            threads.push(scope.spawn(move || scene.write(number, level)));
            threads.push(scope.spawn(move || scene.search(number, level)));
        }
        // A thread ends early only when it has found something wrong.
        while Instant::now() < end && !threads.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
        }
        scene.stop.store(true, Ordering::SeqCst);
    });
    let [searches, certain, refused] =
        [&scene.searches, &scene.certain, &scene.refused].map(|count| count.load(Ordering::SeqCst));
    let changes: usize = scene
        .histories
        .iter()
        .map(|history| history.lock().unwrap().len() - 1)
        .sum();
    println!("{changes} changes, {searches} searches, {certain} certain rows, {refused} conflicts");
    assert!(changes > 100 && searches > 100 && certain > 10_000);
    // At rest, nothing is uncertain.
    let mut client = scene.connect();
    let listing = scene
        .list(&mut client, &mut ChaCha8Rng::seed_from_u64(1))
        .unwrap();
    scene.judge("at rest", &listing, scene.now(), scene.now());
    assert_eq!(scene.server.crash_reports(), [""; 0]);
}
