//! A standby answers like its primary, and can take its place.

use cluster::{Options, Server, Shutdown};
use cluster_tests::{another, check, session, use_index};
use postgres::Client;
use testdata::sql::{self, Search};
use testdata::{Metric, Synth, Vectors};

const DIM: usize = 96;
const ROWS: usize = 5000;
const NEIGHBOURS: usize = 20;

fn answers(client: &mut Client, queries: &Vectors) -> Vec<Vec<i32>> {
    use_index(client, "items", Metric::Cosine, queries.row(0)).unwrap();
    let search = Search::prepare(client, "items", Metric::Cosine, NEIGHBOURS).unwrap();
    search.run_all(client, queries).unwrap()
}

#[test]
fn answers_like_the_primary() {
    let mut primary = Server::start(&Options::new()).unwrap();
    let standby = primary.standby(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 21);
    let queries = synth.queries(50);
    let mut client = session(&primary, "replicated").unwrap();
    let compare = |client: &mut Client, when: &str| {
        standby.catch_up_with(&primary).unwrap();
        let mut reader = another(&standby, "replicated").unwrap();
        assert_eq!(
            answers(&mut reader, &queries),
            answers(client, &queries),
            "{when}"
        );
    };

    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::Cosine, "").unwrap();
    compare(&mut client, "after build");

    let more = synth.base_from(ROWS, ROWS / 2);
    sql::copy(&mut client, "items", i32::try_from(ROWS).unwrap(), &more).unwrap();
    compare(&mut client, "after inserts");

    client
        .batch_execute("DELETE FROM items WHERE id % 3 = 0")
        .unwrap();
    client.batch_execute("VACUUM items").unwrap();
    compare(&mut client, "after vacuum");

    sql::copy(
        &mut client,
        "items",
        100_000,
        &synth.base_from(100_000, ROWS / 4),
    )
    .unwrap();
    compare(&mut client, "after slots were used again");

    drop(client);
    primary.stop(Shutdown::Fast).unwrap();
    let mut client = another(&standby, "replicated").unwrap();
    client.batch_execute("SELECT pg_promote()").unwrap();
    sql::copy(
        &mut client,
        "items",
        200_000,
        &synth.base_from(200_000, 500),
    )
    .unwrap();
    check::sound(&mut client, "items", Metric::Cosine, &queries).unwrap();
}

/// Rows that the primary marks as dead to all are still there for an older snapshot of a standby.
#[test]
fn marks_hide_nothing_from_older_snapshots() {
    let primary = Server::start(&Options::new()).unwrap();
    let patient = Options::new().set("max_standby_streaming_delay", "-1");
    let standby = primary.standby(&patient).unwrap();
    let mut client = session(&primary, "replicated").unwrap();
    let synth = Synth::new(DIM, 22);
    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    // Pages with room are not pruned, which the standby could not replay beside the snapshot.
    let roomy = "ALTER TABLE items SET (fillfactor = 50)";
    client.batch_execute(roomy).unwrap();
    client.batch_execute("VACUUM FULL items").unwrap();
    sql::create_index(&mut client, "items", Metric::Cosine, "").unwrap();
    standby.catch_up_with(&primary).unwrap();
    let search = "SELECT id FROM items ORDER BY v <=> (SELECT v FROM items WHERE id = 1) LIMIT 500";
    let ids = |client: &mut Client| -> Vec<i32> {
        let rows = client.query(search, &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let compared = |client: &mut Client| -> i32 {
        let rows = "SELECT (hnsw_last_scan()->>'compared')::int WHERE hnsw_last_scan()->>'index' = 'items_v_idx'";
        client.query_one(rows, &[]).unwrap().get(0)
    };
    let mut reader = another(&standby, "replicated").unwrap();
    for client in [&mut client, &mut reader] {
        client.batch_execute("SET enable_seqscan = off").unwrap();
    }
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .unwrap();
    let before = ids(&mut reader);
    assert_eq!(before.len(), 500);
    client
        .batch_execute("DELETE FROM items WHERE id % 3 = 0")
        .unwrap();
    ids(&mut client);
    let with_dead = compared(&mut client);
    ids(&mut client);
    let marked = with_dead - compared(&mut client);
    assert!(marked > 100, "{marked} rows of {with_dead} marked");
    standby.catch_up_with(&primary).unwrap();
    assert_eq!(ids(&mut reader), before);
    reader.batch_execute("COMMIT").unwrap();
    let left: Vec<i32> = ids(&mut reader);
    assert!(left.len() == 500 && left.iter().all(|id| id % 3 != 0));
}

/// On a standby there is nothing of an unlogged index but the fork that makes an empty one.
#[test]
fn an_unlogged_index_is_empty_after_promotion() {
    let primary = Server::start(&Options::new()).unwrap();
    let standby = primary.standby(&Options::new()).unwrap();
    let mut client = session(&primary, "replicated").unwrap();
    let synth = Synth::new(DIM, 23);
    client
        .batch_execute(&format!(
            "CREATE UNLOGGED TABLE items (id int, v vector({DIM}))"
        ))
        .unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(500)).unwrap();
    sql::create_index(&mut client, "items", Metric::Cosine, "").unwrap();
    standby.catch_up_with(&primary).unwrap();
    let mut client = another(&standby, "replicated").unwrap();
    let error = check::problems(&mut client, "items_v_idx").unwrap_err();
    let message = error.as_db_error().unwrap().message();
    assert!(message.contains("items_v_idx"), "{message}");
    client.batch_execute("SELECT pg_promote()").unwrap();
    check::without_problems(&mut client, "items_v_idx").unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(500)).unwrap();
    check::sound(&mut client, "items", Metric::Cosine, &synth.queries(20)).unwrap();
}
