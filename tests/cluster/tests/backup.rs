//! `pg_basebackup` of a server while rows are inserted: what starts from it is sound.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use cluster::{Options, Server};
use cluster_tests::kinds::{self, KINDS};
use cluster_tests::{another, check, session};
use testdata::sql::{self, Insert};
use testdata::{Metric, Synth};

const DIM: usize = 64;
const START_ROWS: usize = 3000;
const CLIENTS: usize = 3;
/// Ids of the inserts: each client counts up in a range of its own.
const IDS_PER_CLIENT: usize = 100_000;
/// Rows of each client before the backup begins.
const WARM: usize = 50;

#[test]
fn under_inserts() {
    let server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 61);
    let queries = synth.queries(50);
    let mut client = session(&server, "backed").unwrap();
    sql::create_table(&mut client, "items", &synth.base(START_ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::Cosine, "").unwrap();
    kinds::source(&mut client, 62).unwrap();
    for kind in &KINDS {
        kind.create(&mut client).unwrap();
    }

    let acknowledged: [AtomicUsize; CLIENTS] = std::array::from_fn(|_| AtomicUsize::new(0));
    let counts = || acknowledged.each_ref().map(|n| n.load(Ordering::SeqCst));
    let done = AtomicBool::new(false);
    let (before, backup, after) = thread::scope(|scope| {
        for (at, count) in acknowledged.iter().enumerate() {
            let (server, synth, done) = (&server, &synth, &done);
            scope.spawn(move || {
                let mut client = another(server, "backed").unwrap();
                let insert = Insert::prepare(&mut client, "items").unwrap();
                let first = START_ROWS + at * IDS_PER_CLIENT;
                for id in first.. {
                    let row = synth.base_from(id, 1);
                    insert
                        .run(&mut client, i32::try_from(id).unwrap(), row.row(0))
                        .unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        while counts().iter().any(|&n| n < WARM) {
            thread::yield_now();
        }
        let before = counts();
        let backup = server.backup();
        let after = counts();
        done.store(true, Ordering::SeqCst);
        (before, backup.unwrap(), after)
    });
    assert_ne!(before, after, "no insert during the backup");

    let mut copy = another(&backup, "backed").unwrap();
    for (at, before) in before.into_iter().enumerate() {
        let first = START_ROWS + at * IDS_PER_CLIENT;
        let end = first + IDS_PER_CLIENT;
        let query = format!("SELECT count(*) FROM items WHERE id >= {first} AND id < {end}");
        let there: i64 = copy.query_one(&query, &[]).unwrap().get(0);
        assert!(
            usize::try_from(there).unwrap() >= before,
            "{there} of {before}"
        );
    }
    check::sound(&mut copy, "items", Metric::Cosine, &queries).unwrap();
    for kind in &KINDS {
        // Nothing was changed here while the backup was made.
        assert_eq!(
            kind.answers(&mut copy).unwrap(),
            kind.answers(&mut client).unwrap()
        );
        kind.check(&mut copy).unwrap();
    }
    copy.batch_execute("DELETE FROM items WHERE id % 3 = 0")
        .unwrap();
    copy.batch_execute("VACUUM items").unwrap();
    check::sound(&mut copy, "items", Metric::Cosine, &queries).unwrap();
    check::sound(&mut client, "items", Metric::Cosine, &queries).unwrap();
}
