//! Every process dies at once, in the middle of inserts or of a vacuum; after recovery the index
//! must be sound.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cluster::{Options, Server};
use cluster_tests::{another, check, session};
use postgres::Client;
use testdata::sql::{self, Insert};
use testdata::{Metric, Synth, Vectors};

const DIM: usize = 64;
const START_ROWS: usize = 2000;
const CLIENTS: usize = 4;
/// Ids of a round's inserts: each client counts up in a range of its own.
const IDS_PER_CLIENT: usize = 10_000;
const QUERIES: usize = 50;

/// Inserts rows one by one until the server is gone; returns the id after the last one that was
/// acknowledged.
fn insert_until_crash(mut client: Client, first_id: usize, rows: &Vectors) -> usize {
    let insert = Insert::prepare(&mut client, "items").unwrap();
    for (id, row) in (first_id..).zip(rows.rows()) {
        if insert
            .run(&mut client, i32::try_from(id).unwrap(), row)
            .is_err()
        {
            return id;
        }
    }
    panic!("the inserts ended before the crash");
}

fn count_between(client: &mut Client, first: usize, end: usize) -> i64 {
    let query = format!("SELECT count(*) FROM items WHERE id >= {first} AND id < {end}");
    client.query_one(&query, &[]).unwrap().get(0)
}

#[test]
fn in_the_middle_of_inserts() {
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 11);
    let queries = synth.queries(QUERIES);
    let mut client = session(&server, "inserts").unwrap();
    sql::create_table(&mut client, "items", &synth.base(START_ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    for (round, millis) in [300, 700, 1100].into_iter().enumerate() {
        // The first round recovers from WAL with full-page images, the others partly without.
        client.batch_execute("CHECKPOINT").unwrap();
        let clients: Vec<(Client, usize, Vectors)> = (0..CLIENTS)
            .map(|at| {
                let first = START_ROWS + (round * CLIENTS + at) * IDS_PER_CLIENT;
                let rows = synth.base_from(first, IDS_PER_CLIENT);
                (another(&server, "inserts").unwrap(), first, rows)
            })
            .collect();
        let acknowledged: Vec<(usize, usize)> = thread::scope(|scope| {
            let inserters: Vec<_> = clients
                .into_iter()
                .map(|(client, first, rows)| {
                    scope.spawn(move || (first, insert_until_crash(client, first, &rows)))
                })
                .collect();
            thread::sleep(Duration::from_millis(millis));
            server.crash().unwrap();
            inserters
                .into_iter()
                .map(|inserter| inserter.join().unwrap())
                .collect()
        });
        server.start_again().unwrap();
        client = another(&server, "inserts").unwrap();
        for (first, end) in acknowledged {
            assert!(end > first, "no insert before the crash");
            let there = count_between(&mut client, first, end);
            assert_eq!(usize::try_from(there).unwrap(), end - first);
        }
        check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    }
    client.batch_execute("VACUUM items").unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
}

#[test]
fn in_the_middle_of_vacuum() {
    const ROWS: usize = 8000;
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 12);
    let queries = synth.queries(QUERIES);
    let mut client = session(&server, "vacuum").unwrap();
    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    let mut interrupted = 0;
    for (round, millis) in [0, 15, 60, 150, 400].into_iter().enumerate() {
        client
            .batch_execute(&format!(
                "DELETE FROM items WHERE id % 10 = {round}; CHECKPOINT"
            ))
            .unwrap();
        let vacuumed = crash_during_vacuum(&mut server, Duration::from_millis(millis));
        interrupted += usize::from(!vacuumed);
        server.start_again().unwrap();
        client = another(&server, "vacuum").unwrap();
        check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    }
    assert!(interrupted > 0, "every vacuum ended before the crash");
    client.batch_execute("VACUUM items").unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    sql::copy(
        &mut client,
        "items",
        100_000,
        &synth.base_from(ROWS, ROWS / 2),
    )
    .unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
}

/// Crashes the server some time after a vacuum has reached the index; returns whether the vacuum
/// had ended by then.
fn crash_during_vacuum(server: &mut Server, delay: Duration) -> bool {
    let mut vacuum = another(server, "vacuum").unwrap();
    let mut watch = another(server, "vacuum").unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let vacuuming = scope.spawn(|| {
            let done = vacuum.batch_execute("VACUUM items").is_ok();
            ended.store(true, Ordering::SeqCst);
            done
        });
        let phase = "SELECT count(*) FROM pg_stat_progress_vacuum \
                     WHERE phase = 'vacuuming indexes'";
        while !ended.load(Ordering::SeqCst)
            && watch.query_one(phase, &[]).unwrap().get::<_, i64>(0) == 0
        {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(delay);
        server.crash().unwrap();
        vacuuming.join().unwrap()
    })
}
