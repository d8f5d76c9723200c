//! What is in the WAL: replayed pages are those of the primary, on standbys, cascading standbys and after
//! recovery to any point; and a standby is promoted, or searched, in the middle.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::load::{self, Counts, Model, TARGETS};
use cluster_tests::{another, check, session};
use postgres::Client;

const SEED: u64 = 5;
const DURATION: Duration = Duration::from_secs(4);

fn models(client: &mut Client) -> Vec<Model> {
    let create = |&target| Model::create(client, target, SEED).unwrap();
    TARGETS.iter().map(create).collect()
}

fn clients(server: &Server) -> Vec<Client> {
    let connect = |_| another(server, "load").unwrap();
    (0..=TARGETS.len()).map(connect).collect()
}

/// Fails unless each index is as it should be, beside its table.
fn indexes_are_sound(server: &Server) {
    let mut client = another(server, "load").unwrap();
    for target in TARGETS {
        check::without_problems(&mut client, &format!("{}_v_idx", target.table)).unwrap();
    }
}

/// PostgreSQL compares each page that it has replayed with the image that the primary logged.
#[test]
fn replayed_pages_are_the_same() {
    // Standbys may fall behind by more than a few checkpoints.
    let kept = Options::new().set("wal_keep_size", "2GB");
    let checked = kept.clone().set("wal_consistency_checking", "generic");
    let primary = Server::start(&checked).unwrap();
    let mut client = session(&primary, "load").unwrap();
    let mut models = models(&mut client);
    // Queries outlast the records of vacuum that would end them.
    let patient = kept.set("max_standby_streaming_delay", "-1");
    let standby = primary.standby(&patient).unwrap();
    let cascading = standby.standby(&patient).unwrap();
    let counts = Counts::default();
    let searches = load::run(&mut models, SEED, clients(&primary), &counts, || {
        // Vacuum's records are replayed between these, and while they run.
        let mut reader = another(&standby, "load").unwrap();
        reader.batch_execute("SET enable_seqscan = off").unwrap();
        let ends = Instant::now() + DURATION;
        let mut searches = 0;
        while Instant::now() < ends {
            for target in TARGETS {
                target.search(&mut reader).unwrap();
                searches += 1;
                check::without_problems(&mut reader, &format!("{}_v_idx", target.table)).unwrap();
            }
        }
        searches
    });
    assert!(searches > 0);
    println!("{counts:?}, {searches} searches on the standby");
    standby.catch_up_with(&primary).unwrap();
    cascading.catch_up_with(&primary).unwrap();
    for server in [&primary, &standby, &cascading] {
        let log = server.log();
        assert!(!log.contains("inconsistent page found"), "{log}");
        indexes_are_sound(server);
        let mut client = another(server, "load").unwrap();
        for model in &mut models {
            model.settle(&mut client).unwrap();
        }
    }
}

#[test]
fn promoted_in_the_middle() {
    let primary = Server::start(&Options::new()).unwrap();
    let mut client = session(&primary, "load").unwrap();
    let mut models = models(&mut client);
    let standby = primary.standby(&Options::new()).unwrap();
    let counts = Counts::default();
    load::run(&mut models, SEED + 1, clients(&primary), &counts, || {
        sleep(DURATION / 2);
        let mut client = another(&standby, "load").unwrap();
        // A statement that waits for it has a snapshot that may be in the way of what is replayed.
        let promote = "SELECT pg_promote(wait => false)";
        client.batch_execute(promote).unwrap();
        let recovers = "SELECT pg_is_in_recovery()";
        while client.query_one(recovers, &[]).unwrap().get(0) {
            sleep(Duration::from_millis(10));
        }
    });
    indexes_are_sound(&standby);
    let mut client = another(&standby, "load").unwrap();
    for target in TARGETS {
        client
            .batch_execute(&format!("VACUUM {}", target.table))
            .unwrap();
    }
    indexes_are_sound(&standby);
    assert_eq!(standby.crash_reports(), [""; 0]);
}

/// Recovery ends between any two records.
#[test]
fn recovered_to_some_point() {
    let mut primary = Server::start(&Options::new()).unwrap();
    let archive = primary.create_directory("archive").unwrap();
    let copy = format!("cp %p {}/%f", archive.display());
    let archiving = Options::new()
        .set("archive_mode", "on")
        .set("archive_command", &copy);
    primary.append_conf(&archiving).unwrap();
    primary.restart().unwrap();
    let mut client = session(&primary, "load").unwrap();
    let mut models = models(&mut client);
    let backups: Vec<Server> = (0..3).map(|_| primary.stopped_backup().unwrap()).collect();
    let points = load::run(
        &mut models,
        SEED + 2,
        clients(&primary),
        &Counts::default(),
        || {
            let mut watch = another(&primary, "load").unwrap();
            let point = |_| {
                sleep(DURATION / 4);
                let now = "SELECT pg_current_wal_insert_lsn()::text";
                watch.query_one(now, &[]).unwrap().get::<_, String>(0)
            };
            let points: Vec<String> = (0..backups.len()).map(point).collect();
            sleep(DURATION / 4);
            points
        },
    );
    client
        .batch_execute("SELECT pg_switch_wal(); CHECKPOINT")
        .unwrap();
    for (mut backup, point) in backups.into_iter().zip(points) {
        let restore = format!("cp {}/%f %p", archive.display());
        let options = Options::new()
            .set("restore_command", &restore)
            .set("recovery_target_lsn", &point)
            .set("recovery_target_action", "promote")
            .set("archive_mode", "off");
        backup.recover(&options).unwrap();
        indexes_are_sound(&backup);
        let mut client = another(&backup, "load").unwrap();
        for target in TARGETS {
            client
                .batch_execute(&format!("VACUUM {}", target.table))
                .unwrap();
        }
        indexes_are_sound(&backup);
    }
}

/// With the least WAL, what a transaction makes is written to disk at its end, or logged then.
#[test]
fn least_wal() {
    let least = Options::new()
        .set("wal_level", "minimal")
        .set("max_wal_senders", "0");
    for threshold in ["0", "1GB"] {
        let settings = least.clone().set("wal_skip_threshold", threshold);
        let mut server = Server::start(&settings).unwrap();
        let mut client = session(&server, "least").unwrap();
        client
            .batch_execute(
                "CREATE FUNCTION rows(int, int) RETURNS TABLE(id int, v vector) LANGUAGE sql AS \
                 'SELECT i, ARRAY[i, i % 7, i % 11]::vector FROM generate_series($1, $2) i';
                 BEGIN;
                 CREATE TABLE items (id int, v vector(3));
                 INSERT INTO items SELECT * FROM rows(1, 1000);
                 CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops);
                 INSERT INTO items SELECT * FROM rows(1001, 1100);
                 SAVEPOINT s;
                 TRUNCATE items;
                 INSERT INTO items SELECT * FROM rows(1, 50);
                 ROLLBACK TO s;
                 INSERT INTO items SELECT * FROM rows(1101, 1200);
                 COMMIT",
            )
            .unwrap();
        let changes = [
            "INSERT INTO items SELECT * FROM rows(1201, 1300)",
            "BEGIN; TRUNCATE items; INSERT INTO items SELECT * FROM rows(1, 1300); COMMIT; \
             UPDATE items SET v = v + '[1,1,1]' WHERE id % 2 = 0",
            "REINDEX INDEX items_v_idx; DELETE FROM items WHERE id > 1200; VACUUM items",
        ];
        for (change, rows) in changes.into_iter().zip([1300_i64, 1300, 1200]) {
            for statement in change.split("; ") {
                client.batch_execute(statement).unwrap();
            }
            drop(client);
            server.crash().unwrap();
            server.start_again().unwrap();
            client = another(&server, "least").unwrap();
            check::without_problems(&mut client, "items_v_idx").unwrap();
            let count = "SELECT count(*) FROM items";
            let count: i64 = client.query_one(count, &[]).unwrap().get(0);
            assert_eq!(count, rows, "{change}");
        }
    }
}
