//! Unlogged and temporary tables, tablespaces.

use cluster::{Options, Server};
use cluster_tests::{another, check, session};
use postgres::Client;
use testdata::{Metric, Synth, sql};

const DIM: usize = 32;
const ROWS: usize = 2000;

fn count(client: &mut Client) -> i64 {
    client
        .query_one("SELECT count(*) FROM items", &[])
        .unwrap()
        .get(0)
}

#[test]
fn an_unlogged_table_is_empty_after_a_crash_and_usable() {
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 71);
    let queries = synth.queries(20);
    let mut client = session(&server, "unlogged").unwrap();
    client
        .batch_execute(&format!(
            "CREATE UNLOGGED TABLE items (id int, v vector({DIM}))"
        ))
        .unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    sql::copy(&mut client, "items", 10_000, &synth.base_from(ROWS, ROWS)).unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();

    drop(client);
    server.restart().unwrap();
    let mut client = another(&server, "unlogged").unwrap();
    assert_eq!(count(&mut client), 2 * i64::try_from(ROWS).unwrap());
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();

    client.batch_execute("CHECKPOINT").unwrap();
    server.crash().unwrap();
    server.start_again().unwrap();
    let mut client = another(&server, "unlogged").unwrap();
    assert_eq!(count(&mut client), 0);
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    client
        .batch_execute("DELETE FROM items WHERE id % 5 = 0")
        .unwrap();
    client.batch_execute("VACUUM items").unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
}

/// What makes it empty is there as soon as it is.
#[test]
fn an_unlogged_index_made_just_before_a_crash() {
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 74);
    let mut client = session(&server, "unlogged").unwrap();
    client.batch_execute("CHECKPOINT").unwrap();
    client
        .batch_execute(&format!(
            "CREATE UNLOGGED TABLE items (id int, v vector({DIM}))"
        ))
        .unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    drop(client);
    server.crash().unwrap();
    server.start_again().unwrap();
    let mut client = another(&server, "unlogged").unwrap();
    assert_eq!(count(&mut client), 0);
    check::without_problems(&mut client, "items_v_idx").unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    check::sound(&mut client, "items", Metric::L2, &synth.queries(20)).unwrap();
}

#[test]
fn a_temporary_table() {
    let server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 72);
    let queries = synth.queries(20);
    let mut client = session(&server, "temporary").unwrap();
    client
        .batch_execute(&format!(
            "CREATE TEMP TABLE items (id int, v vector({DIM}))"
        ))
        .unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::Cosine, "").unwrap();
    sql::copy(&mut client, "items", 10_000, &synth.base_from(ROWS, ROWS)).unwrap();
    client
        .batch_execute("DELETE FROM items WHERE id % 5 = 0")
        .unwrap();
    client.batch_execute("VACUUM items").unwrap();
    check::sound(&mut client, "items", Metric::Cosine, &queries).unwrap();
    client.batch_execute("TRUNCATE items").unwrap();
    sql::copy(&mut client, "items", 0, &synth.base(ROWS)).unwrap();
    check::sound(&mut client, "items", Metric::Cosine, &queries).unwrap();
}

#[test]
fn a_tablespace() {
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(DIM, 73);
    let queries = synth.queries(20);
    let space = server.create_directory("space").unwrap();
    let mut client = session(&server, "elsewhere").unwrap();
    let create = format!("CREATE TABLESPACE elsewhere LOCATION '{}'", space.display());
    client.batch_execute(&create).unwrap();
    sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "TABLESPACE elsewhere").unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    let place = "SELECT pg_relation_filepath('items_v_idx')";
    let path: String = client.query_one(place, &[]).unwrap().get(0);
    assert!(path.starts_with("pg_tblspc/"), "{path}");

    for to in ["pg_default", "elsewhere"] {
        client
            .batch_execute(&format!("ALTER INDEX items_v_idx SET TABLESPACE {to}"))
            .unwrap();
        check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    }
    sql::copy(&mut client, "items", 10_000, &synth.base_from(ROWS, 500)).unwrap();
    drop(client);
    server.crash().unwrap();
    server.start_again().unwrap();
    let mut client = another(&server, "elsewhere").unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
}
