//! Recall on real embeddings, at equal settings, is at least pgvector's less 0.005.
//!
//! Needs a server with pgvector, and the embeddings (see `testdata::embeddings`); without either
//! the test passes with a message.

use cluster::{Options, Server};
use cluster_tests::Judge;
use postgres::Client;
use testdata::{Embeddings, Metric, sql};

const ROWS: usize = 20_000;
const QUERIES: usize = 1000;
const TOLERANCE: f64 = 0.005;
const METRICS: [Metric; 3] = [Metric::Cosine, Metric::L2, Metric::InnerProduct];

/// A database with the extension and the embeddings; the peer must be pgvector itself and not an
/// alias of ours.
fn load(server: &Server, database: &str, extension: &str, judge: &Judge) -> Client {
    let mut client = server.create_database(database).unwrap();
    client
        .batch_execute(&format!("CREATE EXTENSION {extension}"))
        .unwrap();
    let query = "SELECT probin FROM pg_proc WHERE proname = 'hnswhandler'";
    let library: String = client.query_one(query, &[]).unwrap().get(0);
    assert_eq!(library, format!("$libdir/{extension}"));
    sql::create_table(&mut client, "items", judge.base()).unwrap();
    client
}

#[test]
fn recall_is_at_least_pgvectors() {
    let Some(embeddings) = Embeddings::load(ROWS, QUERIES).unwrap() else {
        println!("skipped: no embeddings");
        return;
    };
    let server = Server::start(&Options::new().set("maintenance_work_mem", "512MB")).unwrap();
    if !server.installation().has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let judge = Judge::new(embeddings.base, embeddings.queries, Metric::Cosine);
    let mut ours = load(&server, "ours", &sql::extension(), &judge);
    let mut peers = load(&server, "theirs", "vector", &judge);
    for metric in METRICS {
        let judge = judge.by(metric);
        for client in [&mut ours, &mut peers] {
            client
                .batch_execute("DROP INDEX IF EXISTS items_v_idx")
                .unwrap();
            sql::create_index(client, "items", metric, "").unwrap();
        }
        for ef_search in [40, 100] {
            let own = judge.recall(&mut ours, "items", ef_search).unwrap();
            let peer = judge.recall(&mut peers, "items", ef_search).unwrap();
            println!("{metric:?}, ef_search {ef_search}: {own:.4}, pgvector {peer:.4}");
            assert!(
                own >= peer - TOLERANCE,
                "{metric:?}, {ef_search}: {own} < {peer}"
            );
        }
    }
}
