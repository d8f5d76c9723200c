//! An index of another format version is refused, whatever is done with it; the hint has the
//! statement that helps, and that statement works.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use cluster::{Server, Shutdown};
use cluster_tests::damage::{BLOCK, options};
use cluster_tests::{another, session};
use postgres::error::{DbError, SqlState};

/// Where a page has its version: behind PostgreSQL's header and the magic number.
const VERSION_AT: u64 = 24 + 4;
/// A version after all that this library knows, and what no version can be.
const LATER: u16 = 200;
const NONE: u16 = 0;

const STATEMENTS: [&str; 4] = [
    "SELECT id FROM items ORDER BY v <-> '[1,2]' LIMIT 5",
    "INSERT INTO items VALUES (1000, '[3,4]')",
    "VACUUM items",
    "SELECT id FROM items ORDER BY v <-> '[3,4]' LIMIT 5",
];

#[test]
fn of_another_version_is_refused() {
    let mut server = Server::start(&options()).unwrap();
    let mut client = session(&server, "format").unwrap();
    client
        .batch_execute(
            "CREATE SCHEMA \"The Shop\"; SET search_path = \"The Shop\", public;
             CREATE TABLE items (id int, v vector(2));
             INSERT INTO items SELECT i, ARRAY[i, i] FROM generate_series(1, 100) i;
             CREATE INDEX \"by meaning\" ON items USING hnsw (v vector_l2_ops)",
        )
        .unwrap();
    let path = "SELECT pg_relation_filepath('\"by meaning\"'), pg_relation_size('\"by meaning\"')";
    for (version, code) in [
        (LATER, SqlState::FEATURE_NOT_SUPPORTED),
        (NONE, SqlState::INDEX_CORRUPTED),
    ] {
        // The metapage; then all others, which an old library may have left.
        for first in [0, 1] {
            let row = client.query_one(path, &[]).unwrap();
            let (path, size): (String, i64) = (row.get(0), row.get(1));
            drop(client);
            server.stop(Shutdown::Fast).unwrap();
            let path = server.data_dir().join(path);
            let file = OpenOptions::new().write(true).open(path).unwrap();
            for block in first..u64::try_from(size).unwrap() / BLOCK {
                let bytes = version.to_ne_bytes();
                file.write_all_at(&bytes, block * BLOCK + VERSION_AT)
                    .unwrap();
                if first == 0 {
                    break;
                }
            }
            server.start_again().unwrap();
            client = another(&server, "format").unwrap();
            client
                .batch_execute(
                    "SET search_path = \"The Shop\", public; SET enable_seqscan = off;
                     DELETE FROM items WHERE id % 10 = 0",
                )
                .unwrap();
            for statement in STATEMENTS {
                let error = client.batch_execute(statement).unwrap_err();
                assert_eq!(error.code(), Some(&code), "{statement}: {error:?}");
                let hint = error.as_db_error().and_then(DbError::hint);
                let expected = "Rebuild it: REINDEX INDEX \"The Shop\".\"by meaning\";";
                assert_eq!(hint, Some(expected), "{statement}");
            }
            client
                .batch_execute("REINDEX INDEX \"The Shop\".\"by meaning\"")
                .unwrap();
            for statement in STATEMENTS {
                client.batch_execute(statement).unwrap();
            }
            client.batch_execute("DELETE FROM items WHERE id = 1000; INSERT INTO items SELECT i, ARRAY[i, i] FROM generate_series(10, 100, 10) i").unwrap();
        }
    }
    assert_eq!(server.crash_reports(), [""; 0]);
}
