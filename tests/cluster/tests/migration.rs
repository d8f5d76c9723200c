//! The ways from a server with pgvector to pg_hnsw, and back, as `docs/migrating-from-pgvector.md`
//! has them: dump and restore, logical replication, in place.
//!
//! Needs a PostgreSQL with pgvector; without one the tests pass with a message.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster::{Installation, Options, Server};
use cluster_tests::alias::{self, Copied};
use cluster_tests::application::{self, Application, content};
use cluster_tests::programs::{restore, run};
use postgres::Client;
use postgres::error::SqlState;

const OURS: &str = "$libdir/pg_hnsw";
const THEIRS: &str = "$libdir/vector";

/// The original installation with pgvector, and a copy of it where the extension `vector` is ours.
fn installations() -> Option<(Installation, Copied)> {
    let original = Installation::from_env().unwrap();
    if !original.has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return None;
    }
    let copied = Copied::with_alias(&original).unwrap();
    Some((original, copied))
}

/// The application's database on a server with pgvector.
fn fill(server: &Server, application: &Application) -> Client {
    let mut client = server.create_database("app").unwrap();
    application.create(&mut client);
    alias::assert_library(&mut client, THEIRS).unwrap();
    client
}

/// Dumps a database to a file that everybody may read.
fn dump(server: &Server, path: &Path, arguments: &[&str]) {
    std::fs::write(path, run(server, "pg_dump", "app", arguments)).unwrap();
}

#[test]
fn dump_and_restore() {
    let Some((original, copied)) = installations() else {
        return;
    };
    let ours = &copied.installation;
    let application = Application::new(ours, "vector");
    let peer = Server::start_with(&original, &Options::new()).unwrap();
    let server = Server::start_with(ours, &Options::new()).unwrap();
    let before = content(&mut fill(&peer, &application));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump");

    // Every statement counts: psql and pg_restore stop at the first that fails.
    server.create_database("plain").unwrap();
    dump(&peer, &file, &[]);
    restore(&server, "plain", &file);
    server.create_database("custom").unwrap();
    dump(&peer, &file, &["-Fc"]);
    run(
        &server,
        "pg_restore",
        "custom",
        &["--exit-on-error", file.to_str().unwrap()],
    );
    for database in ["plain", "custom"] {
        let mut client = server.connect(database).unwrap();
        alias::assert_library(&mut client, OURS).unwrap();
        assert_eq!(content(&mut client), before);
        application.indexes_answer(&mut client);
    }

    // The same dump goes back.
    let mut client = server.connect("plain").unwrap();
    client
        .batch_execute("ALTER DATABASE plain RENAME TO app")
        .unwrap_err();
    drop(client);
    server
        .connect("postgres")
        .unwrap()
        .batch_execute("ALTER DATABASE plain RENAME TO app")
        .unwrap();
    dump(&server, &file, &[]);
    peer.create_database("back").unwrap();
    restore(&peer, "back", &file);
    let mut client = peer.connect("back").unwrap();
    alias::assert_library(&mut client, THEIRS).unwrap();
    assert_eq!(content(&mut client), before);
    application.indexes_answer(&mut client);
}

/// Waits until two databases hold the same rows.
fn wait_for(client: &mut Client, expected: &mut Client) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let rows = "SELECT coalesce(string_agg(items::text, ',' ORDER BY id), '') FROM items";
    let wanted: String = expected.query_one(rows, &[]).unwrap().get(0);
    loop {
        let found: String = client.query_one(rows, &[]).unwrap().get(0);
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "not replicated: {found}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn logical_replication() {
    let Some((original, copied)) = installations() else {
        return;
    };
    let ours = &copied.installation;
    let application = Application::new(ours, "vector");
    let options = Options::new().set("wal_level", "logical");
    let peer = Server::start_with(&original, &options).unwrap();
    let server = Server::start_with(ours, &options).unwrap();
    let mut publisher = fill(&peer, &application);
    publisher
        .batch_execute("CREATE PUBLICATION items FOR TABLE items")
        .unwrap();

    let directory = tempfile::tempdir().unwrap();
    for (database, binary) in [("in_text", false), ("in_binary", true)] {
        let mut subscriber = server.create_database(database).unwrap();
        let file = directory.path().join(database);
        dump(&peer, &file, &["--schema-only", "--no-publications"]);
        restore(&server, database, &file);
        alias::assert_library(&mut subscriber, OURS).unwrap();
        subscriber
            .batch_execute(&format!(
                "CREATE SUBSCRIPTION {database} CONNECTION 'host={} port={} user=postgres dbname=app'
                 PUBLICATION items WITH (binary = {binary})",
                peer.host().display(),
                peer.port()
            ))
            .unwrap();
        wait_for(&mut subscriber, &mut publisher);
        // Changes while both run.
        publisher
            .batch_execute(
                "DELETE FROM items WHERE id % 7 = 3;
                 UPDATE items SET v = v + '[1,1,1]', s = '{2:1.5}/5', b = ~b WHERE id % 5 = 1;
                 INSERT INTO items SELECT max(id) + 1, '[9,8,7]', '[9,8,7]', '{1:9}/5', B'111000', '[9,8,7]' FROM items",
            )
            .unwrap();
        wait_for(&mut subscriber, &mut publisher);
        publisher
            .batch_execute("REFRESH MATERIALIZED VIEW summary")
            .unwrap();
        subscriber
            .batch_execute("REFRESH MATERIALIZED VIEW summary")
            .unwrap();
        assert_eq!(content(&mut subscriber), content(&mut publisher));
        application.indexes_answer(&mut subscriber);
        subscriber
            .batch_execute(&format!("DROP SUBSCRIPTION {database}"))
            .unwrap();
    }
}

fn version(client: &mut Client) -> String {
    let query = "SELECT extversion FROM pg_extension WHERE extname = 'vector'";
    client.query_one(query, &[]).unwrap().get(0)
}

#[test]
fn in_place_and_back() {
    let Some((original, copied)) = installations() else {
        return;
    };
    let ours = &copied.installation;
    let application = Application::new(ours, "vector");
    let mut server = Server::start_with(&original, &Options::new()).unwrap();
    let mut client = fill(&server, &application);
    let before = content(&mut client);
    let version_before = version(&mut client);
    assert_ne!(version_before, "0.8.6");
    drop(client);

    // pgvector's library is gone: nothing works until the functions are linked to ours, and
    // nothing is harmed.
    server.move_to(ours).unwrap();
    let mut client = server.connect("app").unwrap();
    let error = client.query(application::CONTENT, &[]).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::UNDEFINED_FILE), "{error}");
    client
        .batch_execute("ALTER EXTENSION vector UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), "0.8.6");
    alias::assert_library(&mut client, OURS).unwrap();
    assert_eq!(content(&mut client), before);
    application.indexes_answer(&mut client);
    let more =
        "INSERT INTO items SELECT id + 1000, v, h, s, b, e, free, list FROM items WHERE id <= 20";
    client.batch_execute(more).unwrap();
    application.indexes_answer(&mut client);
    drop(client);
    let mut client = server.connect("app").unwrap();
    client.batch_execute("VACUUM items").unwrap();
    let after = content(&mut client);
    drop(client);

    // The way back, with pgvector installed over the alias.
    let both = Copied::of(ours).unwrap();
    both.add_pgvector(&original).unwrap();
    server.move_to(&both.installation).unwrap();
    let mut client = server.connect("app").unwrap();
    client
        .batch_execute(
            "ALTER EXTENSION vector UPDATE TO 'pgvector'; ALTER EXTENSION vector UPDATE TO '0.8.0'",
        )
        .unwrap();
    drop(client);
    // Nothing of ours is needed any more.
    server.move_to(&original).unwrap();
    let mut client = server.connect("app").unwrap();
    client
        .batch_execute("ALTER EXTENSION vector UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), version_before);
    alias::assert_library(&mut client, THEIRS).unwrap();
    assert_eq!(content(&mut client), after);
    application.indexes_answer(&mut client);
    client.batch_execute(&more.replace("1000", "2000")).unwrap();
    drop(client);

    // And over again from a server that has the files of both, where the version is the same.
    server.move_to(&both.installation).unwrap();
    let mut client = server.connect("app").unwrap();
    client
        .batch_execute(
            "ALTER EXTENSION vector UPDATE TO 'pg_hnsw'; ALTER EXTENSION vector UPDATE TO '0.8.6'",
        )
        .unwrap();
    alias::assert_library(&mut client, OURS).unwrap();
    application.indexes_answer(&mut client);
}

/// The catalogue that an update leaves is the one that `CREATE EXTENSION` makes.
#[test]
fn links_are_those_of_a_new_extension() {
    let Some((original, copied)) = installations() else {
        return;
    };
    let mut server = Server::start_with(&original, &Options::new()).unwrap();
    drop(alias::database(&server, "old", THEIRS).unwrap());
    server.move_to(&copied.installation).unwrap();
    let links = |client: &mut Client| -> Vec<String> {
        let query = "SELECT format('%s %s %s', oid::regprocedure, probin, prosrc) FROM pg_proc
                     WHERE probin IN ('$libdir/vector', '$libdir/pg_hnsw') ORDER BY 1";
        let rows = client.query(query, &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let mut old = server.connect("old").unwrap();
    old.batch_execute("ALTER EXTENSION vector UPDATE TO 'pg_hnsw'")
        .unwrap();
    let mut new = alias::database(&server, "new", OURS).unwrap();
    let expected = links(&mut new);
    assert!(expected.len() > 100);
    assert_eq!(links(&mut old), expected);
    drop((old, new));

    // Back, both the updated database and the new one are linked as pgvector's own.
    let both = Copied::of(&copied.installation).unwrap();
    both.add_pgvector(&original).unwrap();
    server.move_to(&both.installation).unwrap();
    for database in ["old", "new"] {
        let mut client = server.connect(database).unwrap();
        let start = if database == "old" {
            "ALTER EXTENSION vector UPDATE TO '0.8.6';"
        } else {
            ""
        };
        client
            .batch_execute(&format!(
                "{start} ALTER EXTENSION vector UPDATE TO 'pgvector'"
            ))
            .unwrap();
        let mut fresh = alias::database(&server, &format!("fresh_{database}"), THEIRS).unwrap();
        assert_eq!(links(&mut client), links(&mut fresh));
    }
}
