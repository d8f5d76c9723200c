//! pg_hnsw as the extension `vector`: installing and removing it, its place beside pgvector and
//! beside `pg_hnsw`, the access method `ivfflat`.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};

use cluster::{Installation, Options, Server};
use cluster_tests::alias::{self, Copied};
use postgres::error::SqlState;
use postgres::{Client, NoTls};

const LIBRARY: &str = "$libdir/pg_hnsw";

/// Names and contents of the files of the extension `vector`.
fn files(installation: &Installation) -> BTreeSet<(String, String)> {
    fs::read_dir(installation.extension_dir())
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), file.path()))
        .filter(|(name, _)| name.starts_with("vector"))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect()
}

/// An installation without pgvector and alias.
fn bare() -> Copied {
    let copied = Copied::of(&Installation::from_env().unwrap()).unwrap();
    for (name, _) in files(&copied.installation) {
        fs::remove_file(copied.installation.extension_dir().join(name)).unwrap();
    }
    copied
}

#[test]
fn is_installed_and_removed() {
    let copied = bare();
    let installation = &copied.installation;
    alias::make(installation, "install", &["VECTOR_ALIAS=no"]).unwrap();
    assert!(files(installation).is_empty());
    alias::make(installation, "install", &[]).unwrap();
    let installed = files(installation);
    assert!(
        installed
            .iter()
            .any(|(name, text)| name == "vector.control" && text.contains("'0.8.6'")),
        "{installed:?}"
    );
    // Again, over itself.
    let said = alias::make(installation, "install", &[]).unwrap();
    assert!(!said.contains("VECTOR_ALIAS"), "{said}");
    assert_eq!(files(installation), installed);
    assert!(alias::make(installation, "install", &["VECTOR_ALIAS=perhaps"]).is_err());
    alias::make(installation, "uninstall", &[]).unwrap();
    assert!(files(installation).is_empty());
    assert!(!installation.has_extension("pg_hnsw"));
}

#[test]
fn pgvector_is_left_alone() {
    let original = Installation::from_env().unwrap();
    if !original.has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let copied = Copied::of(&original).unwrap();
    let installation = &copied.installation;
    let theirs = files(installation);
    let said = alias::make(installation, "install", &[]).unwrap();
    assert!(said.contains("VECTOR_ALIAS=force"), "{said}");
    assert_eq!(files(installation), theirs);
    assert!(installation.has_extension("pg_hnsw"));

    alias::make(installation, "install", &["VECTOR_ALIAS=force"]).unwrap();
    assert!(!installation.has_pgvector());
    alias::make(installation, "uninstall", &[]).unwrap();
    // What is left was there before, and only what had to make way is missing.
    let left = files(installation);
    assert!(left.is_subset(&theirs));
    let lost: Vec<_> = theirs.difference(&left).map(|(name, _)| name).collect();
    assert!(
        lost.iter()
            .all(|name| ["vector.control", "vector--0.8.6.sql"].contains(&name.as_str())),
        "{lost:?}"
    );
    assert!(installation.library_dir().join("vector.so").exists());
}

#[track_caller]
fn refused(result: Result<(), postgres::Error>, code: &SqlState, message: &str) {
    let error = result.expect_err(message);
    let error = error.as_db_error().expect("an error of the server");
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.message(), message);
}

#[test]
fn one_name_in_a_database() {
    let copied = Copied::with_alias(&Installation::from_env().unwrap()).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    refused(
        server
            .connect("postgres")
            .unwrap()
            .batch_execute("CREATE EXTENSION vector VERSION '0.7.4'"),
        &SqlState::INVALID_PARAMETER_VALUE,
        r#"extension "vector" has no installation script nor update path for version "0.7.4""#,
    );
    let message = r#"extensions "pg_hnsw" and "vector" cannot be in one database"#;
    for (first, second) in [("pg_hnsw", "vector"), ("vector", "pg_hnsw")] {
        let mut client = server.create_database(first).unwrap();
        let create = |name: &str| format!("CREATE EXTENSION {name}");
        client.batch_execute(&create(first)).unwrap();
        // In a schema of its own nothing would collide before the access method.
        client.batch_execute("CREATE SCHEMA s").unwrap();
        for schema in ["", " SCHEMA s"] {
            let result = client.batch_execute(&(create(second) + schema));
            refused(result, &SqlState::DUPLICATE_OBJECT, message);
        }
        client
            .batch_execute(&format!("DROP EXTENSION {first}"))
            .unwrap();
        client.batch_execute(&create(second)).unwrap();
    }
}

#[test]
fn beside_pgvector() {
    let server = Server::start(&Options::new()).unwrap();
    if !server.installation().has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let mut client = alias::database(&server, "theirs", "$libdir/vector").unwrap();
    // The session has loaded pgvector's library, whose settings have the same names.
    client.batch_execute("SELECT '[1]'::vector").unwrap();
    refused(
        client.batch_execute("CREATE EXTENSION pg_hnsw"),
        &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "cannot load pg_hnsw into a session that has loaded pgvector",
    );
    let mut client = server.connect("theirs").unwrap();
    // A setting that no library has defined yet is no library.
    client.batch_execute("SET hnsw.ef_search = 50").unwrap();
    refused(
        client.batch_execute("CREATE EXTENSION pg_hnsw"),
        &SqlState::DUPLICATE_OBJECT,
        r#"extensions "pg_hnsw" and "vector" cannot be in one database"#,
    );
}

/// A connection, and the notices that it gets.
fn listen(server: &Server, database: &str) -> (Client, Arc<Mutex<Vec<String>>>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notices);
    let client = server
        .config(database)
        .notice_callback(move |notice| {
            let line = format!("{}: {}", notice.severity(), notice.message());
            heard.lock().unwrap().push(line);
        })
        .connect(NoTls)
        .unwrap();
    (client, notices)
}

fn ids(client: &mut Client, query: &str) -> Vec<i32> {
    let rows = client.query(query, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn ivfflat_is_hnsw() {
    let copied = Copied::with_alias(&Installation::from_env().unwrap()).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    alias::database(&server, "alias", LIBRARY).unwrap();
    let (mut client, notices) = listen(&server, "alias");
    client
        .batch_execute(
            "CREATE TABLE items (id int, v vector(3), h halfvec(3));
             INSERT INTO items SELECT i, v, v FROM (
                 SELECT i, ARRAY[i, i % 7 + 1, i % 11 + 1]::vector(3) AS v FROM generate_series(1, 500) i) x;
             ANALYZE items;
             SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 600",
        )
        .unwrap();
    let invalid = "SELECT opcname::text FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
                   WHERE amname IN ('hnsw', 'ivfflat') AND NOT amvalidate(c.oid)";
    assert!(client.query(invalid, &[]).unwrap().is_empty());

    for (column, class, operator) in [
        // The default operator class.
        ("v", "", "<->"),
        ("v", "vector_l2_ops", "<->"),
        ("v", "vector_ip_ops", "<#>"),
        ("v", "vector_cosine_ops", "<=>"),
        ("h", "halfvec_l2_ops", "<->"),
        ("h", "halfvec_ip_ops", "<#>"),
        ("h", "halfvec_cosine_ops", "<=>"),
    ] {
        notices.lock().unwrap().clear();
        client
            .batch_execute(&format!(
                "CREATE INDEX i ON items USING ivfflat ({column} {class}) WITH (lists = 10)"
            ))
            .unwrap();
        assert_eq!(
            *notices.lock().unwrap(),
            [r#"NOTICE: index "i" is built as an HNSW index, lists and probes have no effect"#]
        );
        let nearest =
            format!("SELECT id FROM items ORDER BY {column} {operator} '[3,1,2]', id LIMIT 7");
        // Ties are broken outside the index: take more rows from it, then sort.
        let found = format!(
            "SELECT id FROM (SELECT id, {column} {operator} '[3,1,2]' AS d FROM items
             ORDER BY {column} {operator} '[3,1,2]' LIMIT 100) x ORDER BY d, id LIMIT 7"
        );
        let plan: Vec<String> = client
            .query(&format!("EXPLAIN (COSTS OFF) {found}"), &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(
            plan.iter()
                .any(|line| line.contains("Index Scan using i on items")),
            "{plan:#?}"
        );
        let answer = ids(&mut client, &found);
        client
            .batch_execute("INSERT INTO items SELECT id + 1000, v, h FROM items WHERE id < 4")
            .unwrap();
        client
            .batch_execute("DELETE FROM items WHERE id > 1000")
            .unwrap();
        client.batch_execute("VACUUM items").unwrap();
        client.batch_execute("REINDEX INDEX i").unwrap();
        assert_eq!(ids(&mut client, &found), answer);
        client
            .batch_execute("DROP INDEX i; SET enable_seqscan = on; SET enable_sort = on")
            .unwrap();
        assert_eq!(ids(&mut client, &nearest), answer, "{column} {class}");
        client
            .batch_execute("SET enable_seqscan = off; SET enable_sort = off")
            .unwrap();
    }
}

#[test]
fn ivfflat_options_and_settings() {
    let copied = Copied::with_alias(&Installation::from_env().unwrap()).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    let mut client = alias::database(&server, "alias", LIBRARY).unwrap();
    client
        .batch_execute(
            "CREATE TABLE items (v vector(3)); CREATE INDEX i ON items USING ivfflat (v)",
        )
        .unwrap();
    for (statement, refusal) in [
        ("ALTER INDEX i SET (lists = 1)", ""),
        ("ALTER INDEX i SET (lists = 32768)", ""),
        ("ALTER INDEX i RESET (lists)", ""),
        (
            "ALTER INDEX i SET (lists = 0)",
            r#"value 0 out of bounds for option "lists""#,
        ),
        (
            "ALTER INDEX i SET (lists = 32769)",
            r#"value 32769 out of bounds for option "lists""#,
        ),
        (
            "ALTER INDEX i SET (m = 16)",
            r#"unrecognized parameter "m""#,
        ),
        ("SET ivfflat.probes = 1", ""),
        ("SET ivfflat.probes = 32768", ""),
        (
            "SET ivfflat.probes = 0",
            r#"0 is outside the valid range for parameter "ivfflat.probes" (1 .. 32768)"#,
        ),
        ("SET ivfflat.iterative_scan = off", ""),
        ("SET ivfflat.iterative_scan = relaxed_order", ""),
        (
            "SET ivfflat.iterative_scan = strict_order",
            r#"invalid value for parameter "ivfflat.iterative_scan": "strict_order""#,
        ),
        ("SET ivfflat.max_probes = 32768", ""),
        (
            "SET ivfflat.max_probes = 32769",
            r#"32769 is outside the valid range for parameter "ivfflat.max_probes" (1 .. 32768)"#,
        ),
        (
            "SET ivfflat.other = 1",
            r#"invalid configuration parameter name "ivfflat.other""#,
        ),
    ] {
        match client.batch_execute(statement) {
            Ok(()) => assert_eq!(refusal, "", "{statement}"),
            Err(error) => {
                let error = error.as_db_error().expect(statement);
                assert_eq!(error.message(), refusal, "{statement}");
            }
        }
    }
}
