//! Recall on clustered data, 20,000 x 128: of a built index, of one made by inserts only, and
//! after a vacuum of 30 % of the rows.

use cluster::{Options, Server};
use cluster_tests::{Judge, session};
use postgres::Client;
use testdata::{Metric, Synth, sql};

const ROWS: usize = 20_000;
const DIM: usize = 128;
const QUERIES: usize = 200;
const EF_SEARCH: u32 = 100;
const ENOUGH: f64 = 0.95;

fn judge() -> Judge {
    let synth = Synth::new(DIM, 1);
    Judge::new(synth.base(ROWS), synth.queries(QUERIES), Metric::L2)
}

fn assert_recall(client: &mut Client, judge: &Judge, when: &str) {
    let recall = judge.recall(client, "items", EF_SEARCH).unwrap();
    println!("recall@10 at ef_search {EF_SEARCH} {when}: {recall:.4}");
    assert!(recall >= ENOUGH, "{when}: {recall}");
}

#[test]
fn after_build() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "built").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    assert_recall(&mut client, &judge, "after build");
}

#[test]
fn after_inserts_only() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "inserted").unwrap(), judge());
    sql::create_table(&mut client, "items", &judge.base().first(0)).unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    sql::copy(&mut client, "items", 0, judge.base()).unwrap();
    client.batch_execute("ANALYZE items").unwrap();
    assert_recall(&mut client, &judge, "after inserts only");
}

#[test]
fn after_vacuum_of_30_percent() {
    let server = Server::start(&Options::new()).unwrap();
    let (mut client, judge) = (session(&server, "vacuumed").unwrap(), judge());
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    sql::create_index(&mut client, "items", judge.metric(), "").unwrap();
    client
        .batch_execute("DELETE FROM items WHERE id % 10 IN (1, 4, 8)")
        .unwrap();
    client.batch_execute("VACUUM ANALYZE items").unwrap();
    let left = judge.retain(|id| !matches!(id % 10, 1 | 4 | 8));
    assert_recall(&mut client, &left, "after vacuum of 30 %");
}
