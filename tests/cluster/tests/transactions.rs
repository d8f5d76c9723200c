//! Prepared transactions, over a crash too, and a subscriber of logical replication.

use std::thread;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::{another, session};
use postgres::Client;

const LIST: &str = "SELECT id FROM items WHERE v <-> '[3,3]' <= 'infinity'";

const TABLE: &str = "
CREATE TABLE items (id int PRIMARY KEY, v vector(2));
CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops);
INSERT INTO items SELECT i, ARRAY[i, i % 7] FROM generate_series(1, 200) i;";

/// The rows that the index lists; fails unless they are those of the table.
fn listed(client: &mut Client) -> Vec<i32> {
    let mut list = |scan: &str| -> Vec<i32> {
        client
            .batch_execute(&format!(
                "SET enable_seqscan = {}; SET enable_indexscan = {scan}",
                if scan == "on" { "off" } else { "on" }
            ))
            .unwrap();
        let plan: String = client.query(&format!("EXPLAIN {LIST}"), &[]).unwrap()[0].get(0);
        assert_eq!(
            plan.starts_with("Index Scan using items_v_idx"),
            scan == "on",
            "{plan}"
        );
        let rows = client.query(LIST, &[]).unwrap();
        let mut ids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        ids.sort_unstable();
        ids
    };
    let found = list("on");
    assert_eq!(found, list("off"));
    found
}

/// What one of the prepared transactions does to rows of its own.
fn change(first: i32) -> String {
    format!(
        "INSERT INTO items SELECT i, ARRAY[i, 1] FROM generate_series({0} + 1000, {0} + 1009) i;
         UPDATE items SET v = v + '[1,1]' WHERE id BETWEEN {0} AND {0} + 4;
         DELETE FROM items WHERE id BETWEEN {0} + 5 AND {0} + 9",
        first
    )
}

#[test]
fn prepared() {
    let options = Options::new().set("max_prepared_transactions", "10");
    let mut server = Server::start(&options).unwrap();
    let mut client = session(&server, "prepared").unwrap();
    client.batch_execute(TABLE).unwrap();
    for (name, first) in [("a", 1), ("b", 21), ("c", 41), ("d", 61)] {
        let change = change(first);
        client
            .batch_execute(&format!("BEGIN; {change}; PREPARE TRANSACTION '{name}'"))
            .unwrap();
    }
    assert_eq!(listed(&mut client).len(), 200);
    client.batch_execute("VACUUM items").unwrap();
    client.batch_execute("COMMIT PREPARED 'a'").unwrap();
    client.batch_execute("ROLLBACK PREPARED 'b'").unwrap();
    assert_eq!(listed(&mut client).len(), 205);
    drop(client);

    server.crash().unwrap();
    server.start_again().unwrap();
    let mut client = another(&server, "prepared").unwrap();
    assert_eq!(listed(&mut client).len(), 205);
    // Others insert beside what is prepared, and a vacuum leaves it alone.
    client
        .batch_execute("INSERT INTO items SELECT i, ARRAY[i, 1] FROM generate_series(2001, 2050) i")
        .unwrap();
    client.batch_execute("VACUUM items").unwrap();
    client.batch_execute("COMMIT PREPARED 'c'").unwrap();
    client.batch_execute("ROLLBACK PREPARED 'd'").unwrap();
    assert_eq!(listed(&mut client).len(), 260);
    client.batch_execute("VACUUM items").unwrap();
    let rows = listed(&mut client);
    assert!(rows.contains(&1041) && !rows.contains(&1061), "{rows:?}");
}

#[test]
fn of_a_publisher() {
    let options = Options::new().set("wal_level", "logical");
    let [publisher, subscriber] = [0, 1].map(|_| Server::start(&options).unwrap());
    let mut from = session(&publisher, "from").unwrap();
    let mut to = session(&subscriber, "to").unwrap();
    from.batch_execute(TABLE).unwrap();
    from.batch_execute("CREATE PUBLICATION items FOR TABLE items")
        .unwrap();
    to.batch_execute(TABLE.split("INSERT").next().unwrap())
        .unwrap();
    to.batch_execute(&format!(
        "CREATE SUBSCRIPTION items CONNECTION 'host={} port={} user=postgres dbname=from'
         PUBLICATION items WITH (binary = true, streaming = true)",
        publisher.host().display(),
        publisher.port()
    ))
    .unwrap();
    wait_for(&mut to, &mut from);
    for step in [
        &change(1),
        // Taken back in part, and as a whole.
        "BEGIN; INSERT INTO items VALUES (3000, '[3,3]'); SAVEPOINT a; DELETE FROM items; ROLLBACK TO a; COMMIT",
        "BEGIN; INSERT INTO items VALUES (3001, '[3,3]'); ROLLBACK",
        "TRUNCATE items; INSERT INTO items SELECT i, ARRAY[i, i] FROM generate_series(1, 500) i",
        "UPDATE items SET id = id + 10000 WHERE id % 3 = 0",
        "VACUUM items",
    ] {
        from.batch_execute(step).unwrap();
        wait_for(&mut to, &mut from);
        to.batch_execute("VACUUM items").unwrap();
        assert_eq!(listed(&mut to), listed(&mut from), "{step}");
    }
    to.batch_execute("DROP SUBSCRIPTION items").unwrap();
}

/// Waits until two databases hold the same rows.
fn wait_for(client: &mut Client, expected: &mut Client) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let rows = |client: &mut Client| -> String {
        let rows = "SELECT coalesce(string_agg(items::text, ' ' ORDER BY id), '') FROM items";
        client.query_one(rows, &[]).unwrap().get(0)
    };
    let wanted = rows(expected);
    while rows(client) != wanted {
        assert!(Instant::now() < deadline, "not replicated");
        thread::sleep(Duration::from_millis(20));
    }
}
