//! `pg_stat_progress_create_index` during a build.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use cluster::{Options, Server};
use cluster_tests::{another, session};
use testdata::{Synth, sql};

const ROWS: i64 = 4000;
const DIM: usize = 128;
const LOADING: &str = "building index: loading tuples";

/// The table is read at the pace of a function that sleeps, so that there is something to see however
/// fast the machine is, and with little memory, so that few rows are kept for the centre.
#[test]
fn shows_phases_and_tuples() {
    let server = Server::start(&Options::new().set("maintenance_work_mem", "1MB")).unwrap();
    let mut client = session(&server, "progress").unwrap();
    let rows = Synth::new(DIM, 81).base(usize::try_from(ROWS).unwrap());
    sql::create_table(&mut client, "items", &rows).unwrap();
    client
        .batch_execute(&format!(
            "CREATE FUNCTION slowly(v vector) RETURNS vector({DIM}) LANGUAGE plpgsql IMMUTABLE
             AS 'BEGIN PERFORM pg_sleep(0.001); RETURN v; END'"
        ))
        .unwrap();
    let mut watch = another(&server, "progress").unwrap();
    let statement =
        format!("CREATE INDEX ON items USING hnsw ((slowly(v)::vector({DIM})) vector_l2_ops)");
    let builder = thread::spawn(move || client.batch_execute(&statement).unwrap());
    let mut phases = BTreeSet::new();
    let mut done = Vec::new();
    while !builder.is_finished() {
        let query = "SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index";
        if let Some(row) = watch.query_opt(query, &[]).unwrap() {
            let phase = row.get::<_, String>(0);
            if phase == LOADING && row.get::<_, i64>(2) > 0 {
                assert_eq!(row.get::<_, i64>(2), ROWS, "total");
                done.push(row.get::<_, i64>(1));
            }
            phases.insert(phase);
        }
        thread::sleep(Duration::from_millis(1));
    }
    builder.join().unwrap();
    println!("phases: {phases:?}");
    assert!(phases.contains(LOADING), "{phases:?}");
    assert!(done.is_sorted(), "tuples done go back: {done:?}");
    let distinct: BTreeSet<i64> = done.iter().copied().collect();
    assert!(distinct.len() > 5, "tuples done hardly move: {distinct:?}");
    assert!(
        distinct
            .last()
            .is_some_and(|&last| last <= ROWS && last > ROWS / 2),
        "{distinct:?}"
    );
}
