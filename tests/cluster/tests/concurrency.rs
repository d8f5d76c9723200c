//! Inserts, deletes, updates, vacuum, searches and checks at the same time from several connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::load::{self, Counts, Model, TARGETS};
use cluster_tests::{another, check, session, use_index};
use postgres::Client;
use testdata::sql::{self, DistanceSearch, Insert};
use testdata::{Metric, Synth, Vectors};

const DIM: usize = 48;
const START_ROWS: usize = 3000;
const DURATION: Duration = Duration::from_secs(6);
/// Between two statements: deletes must not outrun the inserts until nothing is left.
const REST: Duration = Duration::from_millis(10);
const IDS_PER_CLIENT: usize = 100_000;
const QUERIES: usize = 50;

/// What the connections share.
struct Traffic {
    synth: Synth,
    queries: Vectors,
    stop: AtomicBool,
    searches: AtomicUsize,
}

impl Traffic {
    fn going(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Transactions of five rows; every seventh one is rolled back.
    fn insert(&self, mut client: Client, number: usize) {
        let insert = Insert::prepare(&mut client, "items").unwrap();
        let first = START_ROWS + number * IDS_PER_CLIENT;
        for transaction in 0.. {
            if !self.going() {
                return;
            }
            let start = first + 5 * transaction;
            client.batch_execute("BEGIN").unwrap();
            for (id, row) in (start..).zip(self.synth.base_from(start, 5).rows()) {
                insert
                    .run(&mut client, i32::try_from(id).unwrap(), row)
                    .unwrap();
            }
            let end = if transaction % 7 == 6 {
                "ROLLBACK"
            } else {
                "COMMIT"
            };
            client.batch_execute(end).unwrap();
        }
    }

    fn repeat(&self, mut client: Client, statement: &str) {
        while self.going() {
            client.batch_execute(statement).unwrap();
            thread::sleep(REST);
        }
    }

    fn search(&self, mut client: Client) {
        use_index(&mut client, "items", Metric::L2, self.queries.row(0)).unwrap();
        let search = DistanceSearch::prepare(&mut client, "items", Metric::L2, 30).unwrap();
        for query in (0..QUERIES).cycle() {
            if !self.going() {
                return;
            }
            let hits = search.run(&mut client, self.queries.row(query)).unwrap();
            assert!(!hits.is_empty());
            check::well_formed(&hits).unwrap();
            self.searches.fetch_add(1, Ordering::Relaxed);
        }
    }
}

const DELETE: &str = "DELETE FROM items WHERE id IN \
                      (SELECT id FROM items TABLESAMPLE SYSTEM (2) LIMIT 4)";
const UPDATE: &str = "UPDATE items SET v = v + l2_normalize(v) WHERE id IN \
                      (SELECT id FROM items TABLESAMPLE SYSTEM (2) WHERE id % 2 = 0 LIMIT 5)";

#[test]
fn eight_connections() {
    let server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 31);
    let mut client = session(&server, "traffic").unwrap();
    sql::create_table(&mut client, "items", &synth.base(START_ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    let queries = synth.queries(QUERIES);
    let (stop, searches) = (AtomicBool::new(false), AtomicUsize::new(0));
    let traffic = Traffic {
        synth,
        queries,
        stop,
        searches,
    };
    let connection = || another(&server, "traffic").unwrap();
    thread::scope(|scope| {
        let traffic = &traffic;
        for number in 0..3 {
            let client = connection();
            scope.spawn(move || traffic.insert(client, number));
        }
        for statement in [DELETE, UPDATE, "VACUUM items"] {
            let client = connection();
            scope.spawn(move || traffic.repeat(client, statement));
        }
        for _ in 0..2 {
            let client = connection();
            scope.spawn(move || traffic.search(client));
        }
        thread::sleep(DURATION);
        traffic.stop.store(true, Ordering::Relaxed);
    });
    assert!(traffic.searches.load(Ordering::Relaxed) > 0);
    assert_eq!(server.crash_reports(), [""; 0]);
    check::sound(&mut client, "items", Metric::L2, &traffic.queries).unwrap();
    client.batch_execute("VACUUM items").unwrap();
    check::sound(&mut client, "items", Metric::L2, &traffic.queries).unwrap();
}

/// Whether REINDEX CONCURRENTLY has replaced, or dropped, what was an index's name when it was looked up.
fn was_replaced(error: &str) -> bool {
    error.contains("_ccold") || error.contains("could not open relation with OID")
}

/// What changes while it is checked is no problem.
#[test]
fn checks_find_nothing() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "load").unwrap();
    let create = |&target| Model::create(&mut client, target, 32).unwrap();
    let mut models: Vec<Model> = TARGETS.iter().map(create).collect();
    let connection = |_| another(&server, "load").unwrap();
    let clients = (0..=TARGETS.len()).map(connection).collect();
    let counts = Counts::default();
    let checks = load::run(&mut models, 32, clients, &counts, || {
        let mut client = another(&server, "load").unwrap();
        let ends = Instant::now() + DURATION;
        let mut checks = 0;
        while Instant::now() < ends {
            for target in TARGETS {
                let index = format!("{}_v_idx", target.table);
                match check::without_problems(&mut client, &index) {
                    Err(error) if was_replaced(&format!("{error:#}")) => {}
                    checked => {
                        checked.unwrap();
                        checks += 1;
                    }
                }
            }
        }
        checks
    });
    println!("{counts:?}, {checks} checks");
    assert!(checks > 0);
    for mut model in models {
        model.verify(&mut client).unwrap();
    }
}
