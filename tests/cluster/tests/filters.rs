//! Conditions on key columns, checked in the index: random queries on columns of all types, while
//! rows come, change and go. Every row returned matches and comes in order, there are as many as
//! were asked for if so many match, and they are near those of the exact answer.

use std::thread;
use std::time::Duration;

use cluster::{Options, Server, Shutdown};
use cluster_tests::keys::columns::{self, Column};
use cluster_tests::keys::{self, Table, Vectors};
use cluster_tests::{another, session};
use postgres::Client;

const ROWS: usize = 4000;
/// Random queries on a new table; fewer follow each change.
const QUERIES: usize = 100;
/// Share of the exact answers' rows that searches return, over all queries.
const RECALL: f64 = 0.95;
const L2: Vectors = vectors("v::vector(16)", "vector_l2_ops", "<->");
const COSINE: Vectors = vectors("v::vector(16)", "vector_cosine_ops", "<=>");
const PRODUCT: Vectors = vectors("v::vector(16)", "vector_ip_ops", "<#>");
const HALVES: Vectors = vectors("v::halfvec(16)", "halfvec_l2_ops", "<->");
const SPARSE: Vectors = vectors("v::sparsevec(16)", "sparsevec_l2_ops", "<->");
const BITS: Vectors = vectors("binary_quantize(v)::bit(16)", "bit_hamming_ops", "<~>");

const fn vectors(value: &'static str, class: &'static str, operator: &'static str) -> Vectors {
    Vectors {
        value,
        class,
        operator,
    }
}

/// A server with the source of rows, and two sessions: one to search the index, one to know better.
struct Fixture {
    client: Client,
    exact: Client,
    server: Server,
}

impl Fixture {
    fn new(rows: usize, seed: u64) -> Self {
        let server = Server::start(&Options::new()).unwrap();
        let mut client = session(&server, "filters").unwrap();
        keys::prepare(&mut client, rows, seed).unwrap();
        Self {
            client,
            exact: another(&server, "filters").unwrap(),
            server,
        }
    }

    fn table(&mut self, kind: &str, vectors: Vectors, columns: &'static [Column]) -> Table {
        Table::create(&mut self.client, "items", kind, vectors, columns, 1).unwrap()
    }

    fn check(&mut self, table: &mut Table, queries: usize, when: &str) {
        let tally = table
            .check(&mut self.client, &mut self.exact, queries)
            .unwrap();
        println!("{when}: recall {:.4}, {tally:?}", tally.recall());
        assert!(tally.queries > 0, "{when}: no answer that is whole");
        assert!(tally.recall() >= RECALL, "{when}: {}", tally.recall());
    }

    /// New sessions, of the server as it is now.
    fn connect(&mut self) {
        self.client = another(&self.server, "filters").unwrap();
        self.exact = another(&self.server, "filters").unwrap();
    }

    fn run(&mut self, statements: &str) {
        self.client.batch_execute(statements).unwrap();
    }

    /// Fails unless a query goes through the index, with this condition, and returns what it does
    /// without: where few rows match, the search is exact.
    fn same(&mut self, query: &str, condition: &str) {
        let rows = |client: &mut Client, query: &str| -> Vec<String> {
            let rows = client.query(query, &[]).unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        self.run("SET enable_seqscan = off; SET hnsw.ef_search = 100");
        let exactly = "SET enable_indexscan = off; SET enable_bitmapscan = off";
        self.exact.batch_execute(exactly).unwrap();
        let plan = rows(&mut self.client, &format!("EXPLAIN (COSTS OFF) {query}")).join("\n");
        assert!(plan.contains("Index Scan using items_keys"), "{plan}");
        assert!(plan.contains(condition), "{plan}");
        let exact = rows(&mut self.exact, query);
        assert!(!exact.is_empty(), "no rows: {query}");
        assert_eq!(rows(&mut self.client, query), exact, "{query}");
    }

    /// A table all its life: the index is made when it has `built` rows, the others come later.
    fn live(&mut self, vectors: Vectors, columns: &'static [Column], built: usize, queries: usize) {
        let mut table = self.table("", vectors, columns);
        table.insert(&mut self.client, 0..built).unwrap();
        table.index(&mut self.client, "").unwrap();
        table.insert(&mut self.client, built..ROWS).unwrap();
        self.check(&mut table, queries, "at first");
        for round in 1..=4 {
            table.churn(&mut self.client, round).unwrap();
            self.check(&mut table, queries / 4, "after changes");
        }
        self.run("VACUUM items");
        self.run("REINDEX INDEX items_keys");
        self.check(&mut table, queries / 2, "built anew");
    }
}

#[test]
fn numbers_in_an_index_made_before_the_rows() {
    Fixture::new(ROWS, 91).live(L2, columns::NUMBERS, 0, QUERIES);
}

#[test]
fn texts_in_an_index_made_from_half_of_the_rows() {
    Fixture::new(ROWS, 92).live(COSINE, columns::TEXTS, ROWS / 2, QUERIES);
}

#[test]
fn times_and_arrays_in_an_index_made_from_all_rows() {
    Fixture::new(ROWS, 93).live(PRODUCT, columns::TIMES, ROWS, QUERIES);
}

/// What a time without a zone is beside one with a zone depends on the session.
#[test]
fn times_in_several_time_zones() {
    let mut fixture = Fixture::new(ROWS, 99);
    let mut table = fixture.table("", L2, columns::TIMES);
    table.insert(&mut fixture.client, 0..ROWS / 2).unwrap();
    table.index(&mut fixture.client, "").unwrap();
    table.insert(&mut fixture.client, ROWS / 2..ROWS).unwrap();
    for zone in ["Europe/Berlin", "America/Sao_Paulo", "Pacific/Kiritimati"] {
        let set = format!("SET timezone = '{zone}'");
        fixture.run(&set);
        fixture.exact.batch_execute(&set).unwrap();
        fixture.check(&mut table, QUERIES, zone);
    }
}

#[test]
fn other_types_of_vectors() {
    let mut fixture = Fixture::new(3000, 94);
    for vectors in [HALVES, SPARSE, BITS] {
        let mut table = fixture.table("", vectors, columns::FEW_COLUMNS);
        table.insert(&mut fixture.client, 0..2000).unwrap();
        table.index(&mut fixture.client, "").unwrap();
        table.insert(&mut fixture.client, 2000..3000).unwrap();
        table.churn(&mut fixture.client, 2).unwrap();
        fixture.check(&mut table, QUERIES / 4, vectors.class);
        fixture.run("DROP TABLE items");
    }
}

#[test]
fn partial_indexes_and_unlogged_tables() {
    let mut fixture = Fixture::new(3000, 95);
    for kind in ["", "UNLOGGED"] {
        let mut table = fixture.table(kind, L2, columns::FEW_COLUMNS);
        table.insert(&mut fixture.client, 0..2000).unwrap();
        table.index(&mut fixture.client, "id % 3 > 0").unwrap();
        table.insert(&mut fixture.client, 2000..3000).unwrap();
        table.churn(&mut fixture.client, 2).unwrap();
        fixture.check(&mut table, QUERIES / 4, kind);
        fixture.run("DROP TABLE items");
    }
}

#[test]
fn joins() {
    let mut fixture = Fixture::new(3000, 96);
    let mut table = fixture.table("", L2, columns::FEW_COLUMNS);
    table.insert(&mut fixture.client, 0..3000).unwrap();
    table.index(&mut fixture.client, "").unwrap();
    fixture.run(
        "CREATE TABLE wanted AS
             SELECT q.id, q.v, nullif(q.id * 7 % 60, 14) AS i4, 'word ' || q.id % 25 AS t, ARRAY[q.id % 9] AS ia
             FROM queries q;
         ANALYZE",
    );
    for (condition, shown) in [
        ("t.i4 = w.i4", "(i4 = w.i4)"),
        ("t.i4 = w.i4 AND t.t = w.t", "(t = w.t)"),
        (
            "t.i4 >= w.i4 AND t.i4 <= w.i4 + 1 AND t.ia && w.ia",
            "(ia && w.ia)",
        ),
        ("t.t = w.t AND t.ia @> (w.ia || 3)", "@> (w.ia || 3)"),
        ("t.i4 IS NULL AND t.t = w.t", "(i4 IS NULL)"),
    ] {
        let query = format!(
            "SELECT w.id || ': ' || coalesce(string_agg(hit.d::text, ' ' ORDER BY hit.d), 'none') FROM wanted w
             LEFT JOIN LATERAL (SELECT t.v <-> w.v AS d FROM items t WHERE v IS NOT NULL AND {condition}
                                ORDER BY t.v <-> w.v LIMIT 7) AS hit ON true
             GROUP BY w.id ORDER BY w.id"
        );
        fixture.same(&query, shown);
    }
}

#[test]
fn expressions_as_key_columns() {
    let mut fixture = Fixture::new(3000, 97);
    let table = fixture.table("", L2, columns::FEW_COLUMNS);
    table.insert(&mut fixture.client, 0..2000).unwrap();
    fixture.run(
        "CREATE INDEX items_keys ON items USING hnsw
             (v vector_l2_ops, (i4 % 10), upper(t), (ia || i4), (i4 / 2.0), (t IS NULL))",
    );
    table.insert(&mut fixture.client, 2000..3000).unwrap();
    fixture.run("UPDATE items SET t = upper(t) WHERE id % 5 = 0; DELETE FROM items WHERE id % 7 = 0; ANALYZE");
    for (condition, shown) in [
        ("i4 % 10 = 3 AND upper(t) = 'WORD 7'", "((i4 % 10) = 3)"),
        (
            "upper(t) >= 'WORD 7' AND upper(t) <= 'WORD 8'",
            "(upper(t) >= 'WORD 7'::text)",
        ),
        ("ia || i4 @> '{3,4,5}'", "@> '{3,4,5}'"),
        ("i4 / 2.0 > 23.4 AND upper(t) < 'WORD 3'", "> 23.4"),
        ("i4 / 2.0 = 7.5", "= 7.5"),
        ("upper(t) IS NULL AND i4 % 10 IS NULL", "(upper(t) IS NULL)"),
    ] {
        for query in 0..5 {
            let vector = format!("(SELECT v FROM queries WHERE id = {query})");
            let query = format!(
                "SELECT (v <-> {vector})::text FROM items WHERE v IS NOT NULL AND {condition} ORDER BY v <-> {vector} LIMIT 50"
            );
            fixture.same(&query, shown);
        }
    }
}

/// Processes of the primary die in the middle of changes; the standby takes its place.
#[test]
fn after_a_crash_and_on_a_standby() {
    let mut fixture = Fixture::new(3000, 98);
    let standby = fixture.server.standby(&Options::new()).unwrap();
    let mut table = fixture.table("", L2, columns::FEW_COLUMNS);
    table.insert(&mut fixture.client, 0..1000).unwrap();
    table.index(&mut fixture.client, "").unwrap();
    table.insert(&mut fixture.client, 1000..3000).unwrap();
    fixture.run("CHECKPOINT");
    table.churn(&mut fixture.client, 2).unwrap();

    let mut writer = another(&fixture.server, "filters").unwrap();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut round = 0;
            let change = |round: i32| {
                format!(
                    "INSERT INTO items SELECT {round}, id, v, h({round}, 1) % 50, 'word ' || h({round}, 2) % 20, ARRAY[{round} % 9]
                     FROM source WHERE id = {round} - 10000;
                     DELETE FROM items WHERE id = {round} - 10000;
                     UPDATE items SET i4 = i4 + 1 WHERE id = {round} - 9000"
                )
            };
            while writer.batch_execute(&change(10_000 + round)).is_ok() {
                round += 1;
            }
            round
        });
        thread::sleep(Duration::from_millis(700));
        fixture.server.crash().unwrap();
        assert!(writing.join().unwrap() > 0, "no change before the crash");
    });
    fixture.server.start_again().unwrap();
    fixture.connect();
    fixture.check(&mut table, QUERIES / 4, "after the crash");
    table.churn(&mut fixture.client, 4).unwrap();
    fixture.check(&mut table, QUERIES / 4, "after a vacuum");

    standby.catch_up_with(&fixture.server).unwrap();
    fixture.server.stop(Shutdown::Fast).unwrap();
    fixture.server = standby;
    fixture.connect();
    fixture.check(&mut table, QUERIES / 4, "on the standby");
    fixture.run("SELECT pg_promote()");
    table.churn(&mut fixture.client, 6).unwrap();
    fixture.check(
        &mut table,
        QUERIES / 4,
        "on the standby that took its place",
    );
}

/// The operators of `citext` are not those of the index's class, which is that of `text`; and the column can become one
/// of `text` without a new index.
#[test]
fn a_text_that_ignores_case() {
    let mut fixture = Fixture::new(10, 100);
    let available = "SELECT FROM pg_available_extensions WHERE name = 'citext'";
    if fixture.client.query(available, &[]).unwrap().is_empty() {
        println!("skipped: this PostgreSQL has no citext");
        return;
    }
    fixture.run(
        "CREATE EXTENSION citext;
         CREATE TABLE items (id int, v vector(2), name citext);
         INSERT INTO items SELECT i, ARRAY[i, 1]::vector, CASE i % 2 WHEN 0 THEN 'Name' ELSE 'nAME' END || i % 50
             FROM generate_series(1, 3000) i;
         CREATE INDEX items_keys ON items USING hnsw (v vector_l2_ops, name)",
    );
    let query = |condition: &str| {
        format!("SELECT id::text FROM items WHERE {condition} ORDER BY v <-> '[1000.2,1]' LIMIT 70")
    };
    let plan = |fixture: &mut Fixture, condition: &str| -> String {
        let explain = format!("EXPLAIN (COSTS OFF) {}", query(condition));
        let rows = fixture.client.query(&explain, &[]).unwrap();
        rows.iter()
            .map(|row| row.get::<_, String>(0) + "\n")
            .collect()
    };
    let ids = |client: &mut Client, condition: &str| -> Vec<String> {
        let rows = client.query(&query(condition), &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    fixture.run("SET enable_seqscan = off");
    fixture
        .exact
        .batch_execute("SET enable_indexscan = off")
        .unwrap();
    let ignores_case = "name = 'NAME7'";
    assert!(plan(&mut fixture, ignores_case).contains("Filter: (name = 'NAME7'::citext)"));
    let found = ids(&mut fixture.client, ignores_case);
    assert_eq!(found.len(), 60);
    assert_eq!(found, ids(&mut fixture.exact, ignores_case));
    for _ in 0..2 {
        fixture.same(&query("name::text = 'nAME7'"), "nAME7");
        fixture.run("ALTER TABLE items ALTER name TYPE text");
        fixture.same(
            &query("name = 'Name8'"),
            "Index Cond: (name = 'Name8'::text)",
        );
    }
    let damage = fixture
        .client
        .query("SELECT * FROM hnsw_check('items_keys', true)", &[]);
    assert_eq!(damage.unwrap().len(), 0);
}
