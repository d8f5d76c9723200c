//! `pg_dump` in every format and `COPY` in both give the same rows and indexes again, under either
//! name of the extension.

use std::io::{Read, Write};

use cluster::{Installation, Options, Server};
use cluster_tests::alias::Copied;
use cluster_tests::application::{Application, SCHEMA, content};
use cluster_tests::kinds::{self, FILTERED};
use cluster_tests::programs::{restore, run};
use postgres::Client;

const EXTENSIONS: [&str; 2] = ["pg_hnsw", "vector"];

/// A server where both names are ours.
fn server() -> (Copied, Server) {
    let copied = Copied::with_alias(&Installation::from_env().unwrap()).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    (copied, server)
}

/// Definitions of the indexes and of the columns.
fn definitions(client: &mut Client) -> Vec<String> {
    let query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                 UNION ALL SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = 'items'::regclass ORDER BY 1";
    let rows = client.query(query, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn dump_and_restore() {
    let (copied, server) = server();
    let directory = tempfile::tempdir().unwrap();
    for extension in EXTENSIONS {
        let application = Application::new(&copied.installation, extension);
        let mut client = server.create_database(extension).unwrap();
        application.create(&mut client);
        kinds::source(&mut client, 91).unwrap();
        FILTERED.create(&mut client).unwrap();
        let before = (content(&mut client), definitions(&mut client));
        for format in ["plain", "custom", "directory", "tar"] {
            let name = format!("{extension}_{format}");
            let path = directory.path().join(&name);
            let file = path.to_str().unwrap();
            run(&server, "pg_dump", extension, &["-F", format, "-f", file]);
            let mut restored = server.create_database(&name).unwrap();
            match format {
                "plain" => restore(&server, &name, &path),
                _ => _ = run(&server, "pg_restore", &name, &["--exit-on-error", file]),
            }
            let after = (content(&mut restored), definitions(&mut restored));
            assert_eq!(after, before, "{name}");
            application.indexes_answer(&mut restored);
            FILTERED.check(&mut restored).unwrap();
        }
    }
}

#[test]
fn copy() {
    let (copied, server) = server();
    for extension in EXTENSIONS {
        let application = Application::new(&copied.installation, extension);
        let mut client = server.create_database(extension).unwrap();
        application.create(&mut client);
        let before = content(&mut client);
        for format in ["text", "csv", "binary"] {
            let mut bytes = Vec::new();
            let mut from = client
                .copy_out(&format!("COPY items TO STDOUT (FORMAT {format})"))
                .unwrap();
            from.read_to_end(&mut bytes).unwrap();
            drop(from);

            let mut copy = server
                .create_database(&format!("{extension}_{format}"))
                .unwrap();
            copy.batch_execute(&format!("CREATE EXTENSION {extension}; {SCHEMA}"))
                .unwrap();
            let mut to = copy
                .copy_in(&format!("COPY items FROM STDIN (FORMAT {format})"))
                .unwrap();
            to.write_all(&bytes).unwrap();
            to.finish().unwrap();
            copy.batch_execute("REFRESH MATERIALIZED VIEW summary")
                .unwrap();
            assert_eq!(content(&mut copy), before, "{extension} {format}");
        }
    }
}
