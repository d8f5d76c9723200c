//! A later version of the extension: what `ALTER EXTENSION ... UPDATE` does from 0.1.0 on. The next
//! version is made up: a script that adds a function and replaces one of the library's.

use std::fs;

use cluster::{Installation, Options, Server};
use cluster_tests::alias::Copied;
use cluster_tests::{another, check, session, use_index};
use postgres::Client;
use testdata::{Metric, Synth, sql};

const NEXT: &str = "0.2.0";
const SCRIPT: &str = "
\\echo Use \"ALTER EXTENSION pg_hnsw UPDATE TO '0.2.0'\" to load this file. \\quit
CREATE FUNCTION is_next() RETURNS boolean IMMUTABLE LANGUAGE sql RETURN true;
CREATE OR REPLACE FUNCTION vector_dims(vector) RETURNS integer
    AS 'MODULE_PATHNAME', 'pg_hnsw_vector_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
";

/// A copy of an installation in which the next version is the default one.
fn with_next(installation: &Installation) -> Copied {
    let copied = Copied::of(installation).unwrap();
    let directory = copied.installation.extension_dir();
    let control = directory.join("pg_hnsw.control");
    let text = fs::read_to_string(&control).unwrap();
    let next = text.replace("'0.1.0'", &format!("'{NEXT}'"));
    assert_ne!(text, next);
    fs::write(control, next).unwrap();
    fs::write(
        directory.join(format!("pg_hnsw--0.1.0--{NEXT}.sql")),
        SCRIPT,
    )
    .unwrap();
    copied
}

fn version(client: &mut Client) -> String {
    let version = "SELECT extversion FROM pg_extension WHERE extname = 'pg_hnsw'";
    client.query_one(version, &[]).unwrap().get(0)
}

#[test]
fn is_reached_from_0_1_0() {
    let mut server = Server::start(&Options::new()).unwrap();
    let synth = Synth::new(16, 3);
    let (rows, queries) = (synth.base(500), synth.queries(10));
    let mut client = session(&server, "app").unwrap();
    sql::create_table(&mut client, "items", &rows).unwrap();
    sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
    client
        .batch_execute("CREATE VIEW dims AS SELECT vector_dims(v) FROM items LIMIT 1")
        .unwrap();
    let node = "SELECT pg_relation_filenode('items_v_idx')::text";
    let node_of = |client: &mut Client| client.query_one(node, &[]).unwrap().get::<_, String>(0);
    let before = node_of(&mut client);
    // There is nothing later yet.
    client
        .batch_execute("ALTER EXTENSION pg_hnsw UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), "0.1.0");
    drop(client);

    let next = with_next(server.installation());
    server.move_to(&next.installation).unwrap();
    let mut client = another(&server, "app").unwrap();
    // The library of the next version serves the catalogue of this one.
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();
    client
        .batch_execute("ALTER EXTENSION pg_hnsw UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), NEXT);
    assert_eq!(node_of(&mut client), before, "the index was rebuilt");
    let row = client
        .query_one("SELECT is_next(), (TABLE dims)", &[])
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, 16));
    sql::copy(&mut client, "items", 500, &synth.base_from(500, 50)).unwrap();
    client.batch_execute("VACUUM items").unwrap();
    use_index(&mut client, "items", Metric::L2, queries.row(0)).unwrap();
    check::sound(&mut client, "items", Metric::L2, &queries).unwrap();

    // A new database gets the next version by the same way.
    let mut other = session(&server, "other").unwrap();
    assert_eq!(version(&mut other), NEXT);
    other
        .batch_execute("DROP EXTENSION pg_hnsw; CREATE EXTENSION pg_hnsw VERSION '0.1.0'")
        .unwrap();
    assert_eq!(version(&mut other), "0.1.0");
    assert!(other.batch_execute("SELECT is_next()").is_err());
    other
        .batch_execute("ALTER EXTENSION pg_hnsw UPDATE TO '0.2.0'; SELECT is_next()")
        .unwrap();
}
