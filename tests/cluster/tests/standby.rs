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
