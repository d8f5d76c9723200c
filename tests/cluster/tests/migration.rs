//! The ways from a server with pgvector to pg_hnsw, and back, as `docs/migrating-from-pgvector.md`
//! has them: dump and restore, logical replication, in place.
//!
//! Needs a PostgreSQL with pgvector; without one the tests pass with a message.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster::{Installation, Options, Server};
use cluster_tests::alias::{self, Copied};
use postgres::Client;
use postgres::error::SqlState;

const OURS: &str = "$libdir/pg_hnsw";
const THEIRS: &str = "$libdir/vector";

/// Rows of the table; some columns are null in some of them.
const ROWS: i32 = 400;

/// A table with each type, a view and a function that use them, a domain, a default, a constraint,
/// and an aggregate in a materialised view.
const SCHEMA: &str = "
CREATE DOMAIN embedding AS vector(3) CHECK (vector_norm(VALUE) > 0);
CREATE TABLE items (
    id int PRIMARY KEY,
    v vector(3) DEFAULT '[1,2,3]' CHECK (v <> '[0,0,0]'),
    h halfvec(3),
    s sparsevec(5),
    b bit(6),
    e embedding,
    free vector,
    list vector[]
);
CREATE VIEW distances AS SELECT id, v <-> '[1,1,1]' AS l2, h <=> '[1,1,1]' AS cosine, b <~> B'101010' AS hamming FROM items;
CREATE FUNCTION nearest(vector) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM items ORDER BY 0 + (v <-> $1), id LIMIT 1';
CREATE INDEX ON items (v);
CREATE INDEX ON items (h);
CREATE INDEX ON items (s);";

const DATA: &str = "
INSERT INTO items
SELECT i, v, v, v || ARRAY[0, i % 3]::vector, (i % 64)::bit(6), v, subvector(v, 1, i % 3 + 1), ARRAY[v, v + v]
FROM (SELECT i, ARRAY[i % 13 + 1, i % 17 - 5.5, 1e-3 * i]::vector AS v FROM generate_series(1, $) i) x;
UPDATE items SET v = NULL, h = NULL, s = NULL, b = NULL WHERE id % 50 = 0;
CREATE MATERIALIZED VIEW summary AS SELECT id % 3 AS part, avg(v), sum(ARRAY[id % 5, 1, 2]::halfvec(3)) FROM items GROUP BY 1;
ANALYZE;";

/// Everything that the rows hold, in text and in binary. Distances may differ in their last digits:
/// the two libraries add in different orders.
const CONTENT: &str = "
SELECT md5(string_agg(concat_ws('|', items::text, vector_send(v), halfvec_send(h), sparsevec_send(s), vector_send(e)), ',' ORDER BY id))
    || (SELECT md5(string_agg(concat_ws('|', id, round(l2::numeric, 4), round(cosine::numeric, 4), hamming), ',' ORDER BY id)) FROM distances)
    || (SELECT string_agg(summary::text, ',' ORDER BY part) FROM summary)
    || nearest('[3,2,1]')
FROM items";

/// The columns, operator classes and operators of the indexes.
const INDEXES: [(&str, &str, &str, &str); 21] = [
    ("hnsw", "v", "vector_l2_ops", "<->"),
    ("hnsw", "v", "vector_ip_ops", "<#>"),
    ("hnsw", "v", "vector_cosine_ops", "<=>"),
    ("hnsw", "v", "vector_l1_ops", "<+>"),
    ("hnsw", "h", "halfvec_l2_ops", "<->"),
    ("hnsw", "h", "halfvec_ip_ops", "<#>"),
    ("hnsw", "h", "halfvec_cosine_ops", "<=>"),
    ("hnsw", "h", "halfvec_l1_ops", "<+>"),
    ("hnsw", "s", "sparsevec_l2_ops", "<->"),
    ("hnsw", "s", "sparsevec_ip_ops", "<#>"),
    ("hnsw", "s", "sparsevec_cosine_ops", "<=>"),
    ("hnsw", "s", "sparsevec_l1_ops", "<+>"),
    ("hnsw", "b", "bit_hamming_ops", "<~>"),
    ("hnsw", "b", "bit_jaccard_ops", "<%>"),
    ("ivfflat", "v", "vector_l2_ops", "<->"),
    ("ivfflat", "v", "vector_ip_ops", "<#>"),
    ("ivfflat", "v", "vector_cosine_ops", "<=>"),
    ("ivfflat", "h", "halfvec_l2_ops", "<->"),
    ("ivfflat", "h", "halfvec_ip_ops", "<#>"),
    ("ivfflat", "h", "halfvec_cosine_ops", "<=>"),
    ("ivfflat", "b", "bit_hamming_ops", "<~>"),
];

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

/// The indexes that both can have.
fn indexes(ours: &Installation) -> Vec<(String, &'static str, &'static str, &'static str)> {
    let script = ours.extension_dir().join("vector--0.8.6.sql");
    let script = std::fs::read_to_string(script).unwrap();
    INDEXES
        .into_iter()
        .filter(|(_, _, class, _)| {
            script
                .split("CREATE OPERATOR CLASS ")
                .any(|text| text.starts_with(class) && text.contains("USING hnsw AS"))
        })
        .map(|(method, column, class, operator)| {
            (format!("{method}_{class}"), column, class, operator)
        })
        .collect()
}

/// The database of an application on pgvector.
fn fill(server: &Server, ours: &Installation) -> Client {
    let mut client = alias::database(server, "app", THEIRS).unwrap();
    client.batch_execute(SCHEMA).unwrap();
    client
        .batch_execute(&DATA.replace('$', &ROWS.to_string()))
        .unwrap();
    for (name, column, class, _) in indexes(ours) {
        let (method, _) = name.split_once('_').unwrap();
        let options = match method {
            "hnsw" => "m = 8, ef_construction = 40",
            _ => "lists = 4",
        };
        client
            .batch_execute(&format!(
                "CREATE INDEX {name} ON items USING {method} ({column} {class}) WITH ({options})"
            ))
            .unwrap();
    }
    client
}

fn content(client: &mut Client) -> String {
    client.query_one(CONTENT, &[]).unwrap().get(0)
}

/// Fails unless every index answers as a sequential scan does.
fn indexes_answer(client: &mut Client, ours: &Installation) {
    client
        .batch_execute("SET hnsw.ef_search = 1000; SET ivfflat.probes = 4; ANALYZE items")
        .unwrap();
    let query = "SELECT probin FROM pg_proc WHERE proname = 'hnswhandler'";
    let library: String = client.query_one(query, &[]).unwrap().get(0);
    let found = indexes(ours);
    assert!(found.len() >= 14, "{found:?}");
    for (name, column, class, operator) in &found {
        let query = match *column {
            "s" => "{1:3,2:2,4:1}/5",
            "b" => "101100",
            _ => "[3,2,1]",
        };
        let distances = format!(
            "SELECT {column} {operator} '{query}' FROM items WHERE {column} IS NOT NULL
             ORDER BY {column} {operator} '{query}' LIMIT 20"
        );
        let mut answers = Vec::new();
        for (scan, other) in [("off", "on"), ("on", "off")] {
            // All other indexes on the column would do as well: hide them.
            client
                .batch_execute(&format!(
                    "BEGIN; SET LOCAL enable_indexscan = {scan}; SET LOCAL enable_seqscan = {other};
                     SET LOCAL enable_sort = {other}; SET LOCAL enable_bitmapscan = off;
                     UPDATE pg_index SET indisvalid = false
                     WHERE indrelid = 'items'::regclass AND indexrelid <> '{name}'::regclass"
                ))
                .unwrap();
            let plan: Vec<String> = client
                .query(&format!("EXPLAIN (COSTS OFF) {distances}"), &[])
                .unwrap()
                .iter()
                .map(|row| row.get(0))
                .collect();
            let index = format!("Index Scan using {name} on items");
            assert_eq!(
                plan.iter().any(|line| line.contains(&index)),
                scan == "on",
                "{name} {class}: {plan:#?}"
            );
            let answer: Vec<f64> = client
                .query(&distances, &[])
                .unwrap()
                .iter()
                .map(|row| row.get(0))
                .collect();
            answers.push(answer);
            client.batch_execute("ROLLBACK").unwrap();
        }
        let [exact, found] = &answers[..] else {
            unreachable!()
        };
        assert_eq!((exact.len(), found.len()), (20, 20));
        // pgvector rounds normalised halves, and returns rows in the order of what it has.
        let tolerance = if library == OURS { 0.0 } else { 0.01 };
        assert!(
            exact
                .iter()
                .zip(found)
                .all(|(a, b)| (a - b).abs() <= tolerance),
            "{name} in {library}: {exact:?}, {found:?}"
        );
    }
}

/// Runs one of PostgreSQL's programs against a database; returns what it prints.
fn run(server: &Server, program: &str, database: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(server.installation().program(program))
        .args(["-h".as_ref(), server.host().as_os_str()])
        .args(["-p", &server.port().to_string(), "-U", "postgres", "-d"])
        .arg(database)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !problems.contains("ERROR"),
        "{program}: {problems}"
    );
    output.stdout
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
    let peer = Server::start_with(&original, &Options::new()).unwrap();
    let server = Server::start_with(ours, &Options::new()).unwrap();
    let before = content(&mut fill(&peer, ours));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump");
    let file_name = file.to_str().unwrap();

    // Every statement counts: psql and pg_restore stop at the first that fails.
    server.create_database("plain").unwrap();
    dump(&peer, &file, &[]);
    run(
        &server,
        "psql",
        "plain",
        &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file_name],
    );
    server.create_database("custom").unwrap();
    dump(&peer, &file, &["-Fc"]);
    run(
        &server,
        "pg_restore",
        "custom",
        &["--exit-on-error", file_name],
    );
    for database in ["plain", "custom"] {
        let mut client = server.connect(database).unwrap();
        alias::assert_library(&mut client, OURS).unwrap();
        assert_eq!(content(&mut client), before);
        indexes_answer(&mut client, ours);
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
    run(
        &peer,
        "psql",
        "back",
        &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file_name],
    );
    let mut client = peer.connect("back").unwrap();
    alias::assert_library(&mut client, THEIRS).unwrap();
    assert_eq!(content(&mut client), before);
    indexes_answer(&mut client, ours);
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
    let options = Options::new().set("wal_level", "logical");
    let peer = Server::start_with(&original, &options).unwrap();
    let server = Server::start_with(ours, &options).unwrap();
    let mut publisher = fill(&peer, ours);
    publisher
        .batch_execute("CREATE PUBLICATION items FOR TABLE items")
        .unwrap();

    let directory = tempfile::tempdir().unwrap();
    for (database, binary) in [("in_text", false), ("in_binary", true)] {
        let mut subscriber = server.create_database(database).unwrap();
        let file = directory.path().join(database);
        dump(&peer, &file, &["--schema-only", "--no-publications"]);
        run(
            &server,
            "psql",
            database,
            &[
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                file.to_str().unwrap(),
            ],
        );
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
        indexes_answer(&mut subscriber, ours);
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
    let mut server = Server::start_with(&original, &Options::new()).unwrap();
    let mut client = fill(&server, ours);
    let before = content(&mut client);
    let version_before = version(&mut client);
    assert_ne!(version_before, "0.8.6");
    drop(client);

    // pgvector's library is gone: nothing works until the functions are linked to ours, and
    // nothing is harmed.
    server.move_to(ours).unwrap();
    let mut client = server.connect("app").unwrap();
    let error = client.query(CONTENT, &[]).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::UNDEFINED_FILE), "{error}");
    client
        .batch_execute("ALTER EXTENSION vector UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), "0.8.6");
    alias::assert_library(&mut client, OURS).unwrap();
    assert_eq!(content(&mut client), before);
    indexes_answer(&mut client, ours);
    let more =
        "INSERT INTO items SELECT id + 1000, v, h, s, b, e, free, list FROM items WHERE id <= 20";
    client.batch_execute(more).unwrap();
    indexes_answer(&mut client, ours);
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
        .batch_execute("ALTER EXTENSION vector UPDATE TO 'pgvector'; ALTER EXTENSION vector UPDATE")
        .unwrap();
    assert_eq!(version(&mut client), version_before);
    drop(client);
    // Nothing of ours is needed any more.
    server.move_to(&original).unwrap();
    let mut client = server.connect("app").unwrap();
    alias::assert_library(&mut client, THEIRS).unwrap();
    assert_eq!(content(&mut client), after);
    indexes_answer(&mut client, ours);
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
    indexes_answer(&mut client, ours);
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
