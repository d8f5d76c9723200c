//! A mixed load, and the server or one of its processes dies in the middle, again and again. Afterwards
//! every committed row is there and is found, no other is, and `hnsw_check` finds no problem.
//!
//! `PG_HNSW_CRASHES` is the number of cycles; `PG_HNSW_SEED` makes another load.

use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster::{Options, Server, Shutdown};
use cluster_tests::load::{self, Counts, Model, TARGETS};
use cluster_tests::longer::setting;
use cluster_tests::{another, session};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CYCLES: usize = 20;
/// How long a load runs at most.
const LONGEST: Duration = Duration::from_millis(900);
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the server in some way, and starts it again.
fn kill_something(server: &mut Server, rng: &mut impl Rng) -> &'static str {
    let kind = ["the whole server", "immediate shutdown", "a backend"][rng.random_range(0..3)];
    match kind {
        "the whole server" => server.crash().unwrap(),
        "immediate shutdown" => server.stop(Shutdown::Immediate).unwrap(),
        _ => {
            let before = postmaster_resets(server);
            kill_backend(server, rng);
            // The postmaster ends all others and recovers by itself.
            let started = Instant::now();
            while postmaster_resets(server) == before || another(server, "load").is_err() {
                assert!(started.elapsed() < PATIENCE, "no recovery");
                sleep(Duration::from_millis(10));
            }
            return kind;
        }
    }
    server.start_again().unwrap();
    kind
}

/// How often the server has recovered from the death of a process.
fn postmaster_resets(server: &Server) -> usize {
    server
        .log()
        .matches("all server processes terminated; reinitializing")
        .count()
}

fn kill_backend(server: &Server, rng: &mut impl Rng) {
    let mut client = another(server, "load").unwrap();
    let query = "SELECT pid FROM pg_stat_activity \
                 WHERE datname = 'load' AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid";
    let rows = client.query(query, &[]).unwrap();
    let pid: i32 = rows[rng.random_range(0..rows.len())].get(0);
    server.kill_process(pid).unwrap();
}

#[test]
fn under_a_mixed_load() {
    let cycles = setting("PG_HNSW_CRASHES", CYCLES);
    let seed = setting("PG_HNSW_SEED", 1) as u64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "load").unwrap();
    let mut models: Vec<Model> = TARGETS
        .iter()
        .map(|&target| Model::create(&mut client, target, seed).unwrap())
        .collect();
    drop(client);
    let counts = Counts::default();
    for cycle in 0..cycles {
        let delay = rng.random_range(Duration::ZERO..LONGEST);
        let connect = |_| another(&server, "load").unwrap();
        let clients = (0..=models.len()).map(connect).collect();
        let kind = load::run(&mut models, rng.random(), clients, &counts, || {
            sleep(delay);
            kill_something(&mut server, &mut rng)
        });
        let mut client = another(&server, "load").unwrap();
        for model in &mut models {
            let verified = model.verify(&mut client);
            verified.unwrap_or_else(|e| panic!("cycle {cycle}, {kind}: {e:#}"));
        }
    }
    println!("{cycles} cycles: {counts:?}");
    let done = [&counts.commits, &counts.maintenance].map(|count| count.load(Ordering::Relaxed));
    assert!(done.iter().all(|&done| done > cycles), "{done:?}");
    // None died but those that were killed.
    let mut crashes = server.crash_reports();
    crashes.retain(|line| !line.contains("signal 9"));
    assert_eq!(crashes, [""; 0]);
}
