//! Vacuums that come over an index more than once, in parallel workers, and by themselves.

use cluster::{Options, Server};
use cluster_tests::{another, check, session};
use postgres::Client;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testdata::sql::{self, Insert};
use testdata::{Metric, Synth};

const DIM: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).unwrap().get(0)
}

/// Dead rows that do not fit into memory are removed some at a time.
#[test]
fn more_dead_rows_than_memory_holds() {
    let server = Server::start(&Options::new().set("log_min_messages", "info")).unwrap();
    let mut client = session(&server, "passes").unwrap();
    for statement in [
        "CREATE TABLE items (id int, v vector(2))",
        "INSERT INTO items SELECT i, ARRAY[i % 1000, i / 1000]::vector FROM generate_series(1, 600000) i",
        "CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops) WHERE id % 200 = 0",
        "DELETE FROM items WHERE id > 1000",
        "SET maintenance_work_mem = '1MB'",
        "VACUUM (VERBOSE) items",
    ] {
        client.batch_execute(statement).unwrap();
    }
    let log = server.log();
    let (_, passes) = log
        .split_once("finished vacuuming \"passes.public.items\": index scans: ")
        .unwrap();
    let passes: u32 = passes[..1].parse().unwrap();
    println!("{passes} passes");
    // Later versions need less memory for them.
    if server.installation().major() < 17 {
        assert!(passes > 1);
    }
    let rows = "SELECT reltuples::bigint FROM pg_class WHERE relname = 'items_v_idx'";
    assert_eq!(number(&mut client, rows), 5);
    check::without_problems(&mut client, "items_v_idx").unwrap();
}

/// Workers vacuum an index each, while rows come.
#[test]
fn in_parallel_beside_inserts() {
    let server = Server::start(&Options::new().set("log_min_messages", "info")).unwrap();
    let synth = Synth::new(DIM, 81);
    let mut client = session(&server, "workers").unwrap();
    sql::create_table(&mut client, "items", &synth.base(4000)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    client
        .batch_execute("CREATE INDEX more ON items USING hnsw (v vector_cosine_ops)")
        .unwrap();
    client
        .batch_execute("SET min_parallel_index_scan_size = 0")
        .unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = another(&server, "workers").unwrap();
            let insert = Insert::prepare(&mut writer, "items").unwrap();
            let more = synth.base_from(4000, 2000);
            for (id, row) in (10_000..).zip(more.rows().cycle()) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                insert.run(&mut writer, id, row).unwrap();
            }
        });
        for rest in 0..4 {
            let delete = format!("DELETE FROM items WHERE id % 5 = {rest}");
            client.batch_execute(&delete).unwrap();
            client
                .batch_execute("VACUUM (PARALLEL 2, VERBOSE, INDEX_CLEANUP ON) items")
                .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let log = server.log();
    let launched = log.matches("launched 1 parallel vacuum worker for index vacuuming");
    assert!(launched.count() > 0, "{log}");
    check::without_problems(&mut client, "more").unwrap();
    check::sound(&mut client, "items", Metric::L2, &synth.queries(20)).unwrap();
    assert_eq!(server.crash_reports(), [""; 0]);
}

/// Autovacuum, which gives way to whoever waits for its lock.
#[test]
fn by_themselves() {
    let options = Options::new()
        .set("autovacuum", "on")
        .set("autovacuum_naptime", "1s")
        .set("autovacuum_vacuum_threshold", "50")
        .set("autovacuum_vacuum_scale_factor", "0")
        .set("autovacuum_vacuum_cost_delay", "2ms")
        .set("deadlock_timeout", "10ms");
    let server = Server::start(&options).unwrap();
    let synth = Synth::new(DIM, 82);
    let mut client = session(&server, "auto").unwrap();
    sql::create_table(&mut client, "items", &synth.base(6000)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    let begun = Instant::now();
    let cancelled = |server: &Server| server.log().contains("canceling autovacuum task");
    for round in 0.. {
        let update = format!(
            "UPDATE items SET v = v + v - v WHERE id % 20 = {}",
            round % 20
        );
        client.batch_execute(&update).unwrap();
        client
            .batch_execute("ALTER TABLE items SET (fillfactor = 100)")
            .unwrap();
        thread::sleep(Duration::from_millis(50));
        if cancelled(&server) || begun.elapsed() > PATIENCE {
            break;
        }
    }
    assert!(cancelled(&server), "none was cancelled");
    let done = "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'items'";
    while number(&mut client, done) == 0 {
        assert!(begun.elapsed() < 2 * PATIENCE, "none ended");
        thread::sleep(Duration::from_millis(100));
    }
    check::sound(&mut client, "items", Metric::L2, &synth.queries(20)).unwrap();
    assert_eq!(server.crash_reports(), [""; 0]);
}
