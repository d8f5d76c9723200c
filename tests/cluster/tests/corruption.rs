//! Damaged index files: every search, insert, vacuum and check gives an answer or says that the index is
//! corrupted. No process dies, and nothing hangs.
//!
//! Many small tables of each shape get the same index; the server stops; every index file is
//! damaged differently; the server starts and all of them are used. The damage is random but the
//! same every time. `PG_HNSW_SEED` makes other damage, `PG_HNSW_DAMAGES` more of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use cluster::{Options, Server, Shutdown};
use cluster_tests::damage::Damage;
use cluster_tests::longer::setting;
use cluster_tests::{check, session};
use postgres::{Client, Error};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use testdata::sql::{self, DistanceSearch, Insert};
use testdata::{Metric, Synth, Vectors};

/// How many indexes of each shape are damaged.
const DAMAGES: usize = 250;
/// `data_corrupted` is PostgreSQL's own verdict on a page header or a file that ends too early.
const INDEX_CORRUPTED: &str = "XX002";
const DATA_CORRUPTED: &str = "XX001";
/// A statement on a table this small that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const SEARCHES: usize = 4;
/// How many failures are worth showing.
const SHOWN: usize = 15;

/// A kind of index: what its pages look like depends on these.
struct Shape {
    name: &'static str,
    rows: usize,
    dim: usize,
    options: &'static str,
}

#[test]
fn several_records_a_page() {
    survive(&Shape {
        name: "small",
        rows: 200,
        dim: 16,
        options: "m = 4, ef_construction = 16",
    });
}

#[test]
fn one_record_a_page() {
    survive(&Shape {
        name: "large",
        rows: 40,
        dim: 800,
        options: "m = 4, ef_construction = 16",
    });
}

#[test]
fn records_over_several_pages() {
    survive(&Shape {
        name: "split",
        rows: 15,
        dim: 2000,
        options: "m = 30, ef_construction = 60",
    });
}

fn survive(shape: &Shape) {
    let count = setting("PG_HNSW_DAMAGES", DAMAGES);
    let synth = Synth::new(shape.dim, 91);
    let (rows, more) = (
        synth.base(shape.rows),
        synth.base_from(shape.rows, SEARCHES),
    );
    let mut server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, shape.name).unwrap();
    let paths = create_tables(&mut client, &server, shape, &rows, count);
    drop(client);
    server.stop(Shutdown::Fast).unwrap();
    let damages = damage_all(&paths);
    server.start_again().unwrap();

    let mut failures = Vec::new();
    let mut reported = 0;
    for (at, damage) in damages.iter().enumerate() {
        match use_table(&server, shape, &format!("t{at}"), &more) {
            Ok(corrupted) => reported += usize::from(corrupted),
            Err(failure) => failures.push(format!("{damage:?}: {failure:#}")),
        }
    }
    println!(
        "{}: {reported} of {count} damaged indexes reported",
        shape.name
    );
    let crashes = server.crash_reports();
    assert!(
        failures.is_empty() && crashes.is_empty(),
        "{} failures, {} crashes:\n{}\n{}",
        failures.len(),
        crashes.len(),
        failures
            .iter()
            .take(SHOWN)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n"),
        crashes.join("\n")
    );
    assert!(reported > 0, "not one damaged index was noticed");
}

/// Creates tables `t0`, `t1`, ... with equal rows and indexes; returns the indexes' files.
fn create_tables(
    client: &mut Client,
    server: &Server,
    shape: &Shape,
    rows: &Vectors,
    count: usize,
) -> Vec<PathBuf> {
    sql::create_table(client, "source", rows).unwrap();
    (0..count)
        .map(|at| {
            let table = format!("t{at}");
            client
                .batch_execute(&format!("CREATE TABLE {table} (LIKE source)"))
                .unwrap();
            client
                .batch_execute(&format!("INSERT INTO {table} SELECT * FROM source"))
                .unwrap();
            let with = format!("WITH ({})", shape.options);
            sql::create_index(client, &table, Metric::L2, &with).unwrap();
            let path = format!("SELECT pg_relation_filepath('{table}_v_idx')");
            server
                .data_dir()
                .join(client.query_one(&path, &[]).unwrap().get::<_, String>(0))
        })
        .collect()
}

fn damage_all(paths: &[PathBuf]) -> Vec<Damage> {
    let mut rng = ChaCha8Rng::seed_from_u64(setting("PG_HNSW_SEED", 1) as u64);
    paths
        .iter()
        .map(|path| {
            let damage = Damage::random(&mut rng, &std::fs::read(path).unwrap());
            damage.inflict(path).unwrap();
            damage
        })
        .collect()
}

/// Searches, inserts, deletes, vacuums, checks; returns whether anything reported corruption. A rebuilt
/// index must be sound whatever happened before.
fn use_table(server: &Server, shape: &Shape, table: &str, more: &Vectors) -> Result<bool> {
    let mut client = server.connect(shape.name)?;
    client.batch_execute(&format!(
        "SET statement_timeout = {}; SET enable_seqscan = off",
        PATIENCE.as_millis()
    ))?;
    let mut corrupted = false;
    let started = Instant::now();
    for (id, row) in (1000..).zip(more.rows()) {
        corrupted |= tolerate(search(&mut client, table, row))?;
        corrupted |= tolerate(insert(&mut client, table, id, row))?;
    }
    let delete = format!("DELETE FROM {table} WHERE id % 3 = 0");
    corrupted |= tolerate(client.batch_execute(&delete))?;
    corrupted |= tolerate(client.batch_execute(&format!("VACUUM {table}")))?;
    corrupted |= tolerate(search(&mut client, table, more.row(0)))?;
    let index = format!("{table}_v_idx");
    let mut problems = Vec::new();
    let found = check::problems(&mut client, &index).map(|found| problems = found);
    corrupted |= tolerate(found)? || !problems.is_empty();
    anyhow::ensure!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
    client.batch_execute(&format!("REINDEX INDEX {table}_v_idx"))?;
    check::sound(&mut client, table, Metric::L2, more)?;
    Ok(corrupted)
}

/// More rows than `ef_search`, so that the search goes on after its first batch.
fn search(client: &mut Client, table: &str, query: &[f32]) -> Result<(), Error> {
    let search = DistanceSearch::prepare(client, table, Metric::L2, 100);
    let search = search.map_err(|error| error.downcast::<Error>().expect("a server's error"))?;
    search.run(client, query).map(drop)
}

fn insert(client: &mut Client, table: &str, id: i32, row: &[f32]) -> Result<(), Error> {
    let insert = Insert::prepare(client, table);
    let insert = insert.map_err(|error| error.downcast::<Error>().expect("a server's error"))?;
    insert.run(client, id, row)
}

/// Whether a statement reported corruption; any other error is one, except that a damaged version
/// number may be taken for an index of another version.
fn tolerate(result: Result<(), Error>) -> Result<bool> {
    let Err(error) = result else {
        return Ok(false);
    };
    match error.code().map(postgres::error::SqlState::code) {
        Some(INDEX_CORRUPTED | DATA_CORRUPTED) => Ok(true),
        Some(_)
            if error
                .as_db_error()
                .is_some_and(|error| error.message().contains("format version")) =>
        {
            Ok(true)
        }
        _ => Err(error.into()),
    }
}
