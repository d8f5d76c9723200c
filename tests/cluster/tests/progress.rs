//! `pg_stat_progress_create_index` during a build.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use cluster::{Options, Server};
use cluster_tests::{another, session};
use testdata::{Metric, Synth, sql};

const ROWS: i64 = 20_000;
const DIM: usize = 128;

#[test]
fn shows_phases_and_tuples() {
    let server = Server::start(&Options::new().set("maintenance_work_mem", "256MB")).unwrap();
    let mut client = session(&server, "progress").unwrap();
    let rows = Synth::new(DIM, 81).base(usize::try_from(ROWS).unwrap());
    sql::create_table(&mut client, "items", &rows).unwrap();
    let mut watch = another(&server, "progress").unwrap();
    let builder =
        thread::spawn(move || sql::create_index(&mut client, "items", Metric::L2, "").unwrap());
    let mut phases = BTreeSet::new();
    let mut done = Vec::new();
    while !builder.is_finished() {
        let query = "SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index";
        if let Some(row) = watch.query_opt(query, &[]).unwrap() {
            phases.insert(row.get::<_, String>(0));
            if row.get::<_, i64>(2) > 0 {
                assert_eq!(row.get::<_, i64>(2), ROWS, "total");
                done.push(row.get::<_, i64>(1));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    builder.join().unwrap();
    println!("phases: {phases:?}");
    assert!(
        phases
            .iter()
            .any(|phase| phase.starts_with("building index: ")),
        "{phases:?}"
    );
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
