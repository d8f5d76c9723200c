//! `pg_upgrade` to a later major version: indexes go along as they are and keep answering.
//!
//! `PG_HNSW_UPGRADES` lists the `pg_config` of several versions, from the oldest to the newest;
//! without it the tests pass with a message.

use std::path::Path;

use cluster::{Installation, Options, Server};
use cluster_tests::alias::Copied;
use cluster_tests::check;
use cluster_tests::kinds::{self, ALIASED, Hit, KINDS, Kind};
use postgres::Client;
use testdata::{Metric, Synth};

/// The databases: one with each name of the extension.
const EXTENSIONS: [&str; 2] = ["pg_hnsw", "vector"];

/// The installations, each a copy in which the extension `vector` is ours.
fn installations() -> Vec<Copied> {
    let configs = std::env::var("PG_HNSW_UPGRADES").unwrap_or_default();
    configs
        .split_whitespace()
        .map(|config| Installation::from_pg_config(Path::new(config)).unwrap())
        .map(|installation| Copied::with_alias(&installation).unwrap())
        .collect()
}

fn kinds_of(extension: &str) -> Vec<Kind> {
    let aliased = (extension == "vector").then_some(ALIASED);
    KINDS.into_iter().chain(aliased).collect()
}

/// The file of an index, and what the index answers.
fn state(client: &mut Client, kind: &Kind) -> (u32, Vec<Hit>) {
    let file = format!("SELECT pg_relation_filenode('{}_v_idx')", kind.table);
    let file = client.query_one(&file, &[]).unwrap().get(0);
    (file, kind.answers(client).unwrap())
}

#[test]
fn indexes_keep_answering() {
    let installations = installations();
    if installations.len() < 2 {
        println!("skipped: PG_HNSW_UPGRADES does not name several versions");
        return;
    }
    for (at, old) in installations.iter().enumerate() {
        for new in &installations[at + 1..] {
            upgrade(&old.installation, &new.installation);
        }
    }
}

fn upgrade(old: &Installation, new: &Installation) {
    println!("from {} to {}", old.major(), new.major());
    let server = Server::start_with(old, &Options::new()).unwrap();
    let before = EXTENSIONS.map(|extension| {
        let mut client = server.create_database(extension).unwrap();
        client
            .batch_execute(&format!("CREATE EXTENSION {extension}"))
            .unwrap();
        kinds::source(&mut client, 81).unwrap();
        let kinds = kinds_of(extension);
        let states = kinds.iter().map(|kind| {
            kind.create(&mut client).unwrap();
            kind.check(&mut client).unwrap();
            state(&mut client, kind)
        });
        states.collect::<Vec<_>>()
    });

    let server = server.upgrade_to(new).unwrap();
    for (extension, before) in EXTENSIONS.into_iter().zip(before) {
        let mut client = server.connect(extension).unwrap();
        for (kind, before) in kinds_of(extension).iter().zip(before) {
            assert_eq!(state(&mut client, kind), before, "{}", kind.table);
            kind.insert(&mut client, "id % 4 = 3").unwrap();
            kind.delete(&mut client, "id % 5 = 2").unwrap();
            kind.check(&mut client).unwrap();
        }
        let queries = Synth::new(kinds::DIM, 81).queries(50);
        check::sound(&mut client, "vectors", Metric::L2, &queries).unwrap();
    }
}
