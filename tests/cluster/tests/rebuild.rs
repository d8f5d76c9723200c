//! `CREATE INDEX CONCURRENTLY` and `REINDEX CONCURRENTLY` while rows come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cluster::{Options, Server};
use cluster_tests::{another, check, session};
use postgres::Client;
use testdata::sql::{self, Insert};
use testdata::{Metric, Synth};

const DIM: usize = 64;
const ROWS: usize = 6000;
const IDS_PER_CLIENT: usize = 100_000;
/// Without a rest, inserts into a table whose index is not ready yet would outrun the build.
const REST: Duration = Duration::from_millis(5);

/// Client `number` of all; none writes an id that another has written.
fn write(mut client: Client, synth: &Synth, number: usize, stop: &AtomicBool) {
    let insert = Insert::prepare(&mut client, "items").unwrap();
    let first = ROWS + number * IDS_PER_CLIENT;
    for id in first.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let row = synth.base_from(id, 1);
        insert
            .run(&mut client, i32::try_from(id).unwrap(), row.row(0))
            .unwrap();
        if id % 4 == 0 {
            let gone = (id - first) / 4 * 6 + number;
            client
                .execute(&format!("DELETE FROM items WHERE id = {gone}"), &[])
                .unwrap();
        }
        thread::sleep(REST);
    }
}

#[test]
fn concurrently() {
    let server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 61);
    let queries = synth.queries(50);
    let mut client = session(&server, "rebuilt").unwrap();
    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    client.batch_execute("CREATE INDEX ON items (id)").unwrap();
    let create = "CREATE INDEX CONCURRENTLY items_v_idx ON items USING hnsw (v vector_l2_ops)";
    for (round, statement) in [create, "REINDEX INDEX CONCURRENTLY items_v_idx"]
        .iter()
        .enumerate()
    {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for number in 0..3 {
                let writer = another(&server, "rebuilt").unwrap();
                let (synth, stop) = (&synth, &stop);
                scope.spawn(move || write(writer, synth, 3 * round + number, stop));
            }
            let built = client.batch_execute(statement);
            stop.store(true, Ordering::Relaxed);
            built.unwrap();
        });
        let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
        assert_eq!(client.query_one(invalid, &[]).unwrap().get::<_, i64>(0), 0);
        check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    }
    assert_eq!(server.crash_reports(), [""; 0]);
}
