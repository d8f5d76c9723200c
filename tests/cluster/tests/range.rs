//! Conditions on the distance give the rows that a sequential scan gives, for every operator class,
//! whatever the radius and the form of the condition.

use cluster::{Options, Server};
use cluster_tests::session;
use postgres::Client;
use testdata::{Synth, sql};

const DIM: usize = 32;
const ROWS: usize = 3000;
/// Searches of each operator class.
const SEARCHES: usize = COUNTS.len() * CONDITIONS.len();
/// Share of the exact answers' rows that searches must return.
const RECALL: f64 = 0.93;

/// A value of each type made of a vector `v`, operator classes and their operators.
#[rustfmt::skip]
const CLASSES: [(&str, &str, &str); 14] = [
    ("v::vector(32)", "vector_l2_ops", "<->"),
    ("v::vector(32)", "vector_ip_ops", "<#>"),
    ("v::vector(32)", "vector_cosine_ops", "<=>"),
    ("v::vector(32)", "vector_l1_ops", "<+>"),
    ("v::halfvec(32)", "halfvec_l2_ops", "<->"),
    ("v::halfvec(32)", "halfvec_ip_ops", "<#>"),
    ("v::halfvec(32)", "halfvec_cosine_ops", "<=>"),
    ("v::halfvec(32)", "halfvec_l1_ops", "<+>"),
    ("binary_quantize(v)::bit(32)", "bit_hamming_ops", "<~>"),
    ("binary_quantize(v)::bit(32)", "bit_jaccard_ops", "<%>"),
    ("v::sparsevec(32)", "sparsevec_l2_ops", "<->"),
    ("v::sparsevec(32)", "sparsevec_ip_ops", "<#>"),
    ("v::sparsevec(32)", "sparsevec_cosine_ops", "<=>"),
    ("v::sparsevec(32)", "sparsevec_l1_ops", "<+>"),
];

/// Conditions on the distance of `v` from `$q`: below `$r`.
const CONDITIONS: [&str; 8] = [
    "v OP $q < $r",
    "v OP $q <= $r",
    "$r > $q OP v",
    "NOT v OP $q > $r",
    "v <OP> ROW($q, $r)",
    "v OP $q > $inner AND v OP $q < $r",
    "v OP $q BETWEEN $inner AND $r",
    "v OP $q <= $r AND id % 2 = 0",
];

/// How many rows are to lie within the radius.
const COUNTS: [usize; 7] = [0, 1, 3, 20, 150, 1000, ROWS];

/// Rows of a query: id and distance.
fn rows(client: &mut Client, query: &str) -> Vec<(i32, f64)> {
    let rows = client.query(query, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn conditions_on_the_distance() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "range").unwrap();
    let synth = Synth::new(DIM, 71);
    sql::create_table(&mut client, "source", &synth.base(ROWS)).unwrap();
    sql::create_table(&mut client, "queries", &synth.queries(SEARCHES)).unwrap();
    for (value, class, operator) in CLASSES {
        client
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS items;
                 CREATE TABLE items AS SELECT id, {value} AS v FROM source;
                 CREATE INDEX items_v_idx ON items USING hnsw (v {class});
                 ANALYZE items"
            ))
            .unwrap();
        let mut rows = [(0, 0); COUNTS.len()];
        for number in 0..SEARCHES {
            let (found, exact) = search(&mut client, value, operator, number);
            let rows = &mut rows[number % COUNTS.len()];
            *rows = (rows.0 + found, rows.1 + exact);
        }
        println!("{class}: {rows:?} rows");
        for ((found, exact), count) in rows.into_iter().zip(COUNTS) {
            #[expect(clippy::cast_precision_loss, reason = "few rows")]
            let recall = found as f64 / (exact as f64).max(1.0);
            let missed = if count == 0 {
                exact > 0
            } else {
                recall < RECALL
            };
            assert!(!missed, "{class}, {count} rows: {found} of {exact}");
        }
    }
}

/// One search, checked; how many rows it found, and how many there are.
fn search(client: &mut Client, value: &str, operator: &str, number: usize) -> (usize, usize) {
    let mut from = format!("(SELECT {value} FROM queries WHERE id = {number})");
    if (number / 2).is_multiple_of(2) {
        let text =
            format!("SELECT quote_literal({from}) || '::' || pg_typeof({from}) || '({DIM})'");
        from = client.query_one(&text, &[]).unwrap().get(0);
    }
    let count = COUNTS[number % COUNTS.len()];
    // Between two rows, or exactly that of one.
    let radius: f64 = client
        .query_one(
            &format!(
                "SELECT coalesce(CASE WHEN {number} % 2 = 0 THEN max(d) ELSE avg(d) END, -1e9) FROM
                     (SELECT v {operator} {from} AS d FROM items ORDER BY 1 OFFSET greatest({count} - 1, 0)
                      LIMIT CASE {count} WHEN 0 THEN 0 ELSE 2 END) x"
            ),
            &[],
        )
        .unwrap()
        .get(0);
    let inner = radius - radius.abs() / 3.0;
    let condition = CONDITIONS[number / COUNTS.len() % CONDITIONS.len()]
        .replace("<OP>", &format!("<{operator}>"))
        .replace("OP", operator)
        .replace("$q", &from)
        .replace("$r", &format!("'{radius}'::float8"))
        .replace("$inner", &format!("'{inner}'::float8"));
    let ordered = !number.is_multiple_of(3);
    let order = match ordered {
        true => format!("ORDER BY v {operator} {from}"),
        false => String::new(),
    };
    let limit = [None, Some(5), Some(200)][number / 3 % 3];
    let all = format!("SELECT id, v {operator} {from} FROM items WHERE {condition} {order}");
    let some = limit.map_or(all.clone(), |limit| format!("{all} LIMIT {limit}"));

    client
        .batch_execute("SET enable_seqscan = on; SET enable_indexscan = off")
        .unwrap();
    let exact = rows(client, &all);
    // An ordered scan that goes on leaves out what comes late: not one whose first search is as wide
    // as the range.
    let ef_search = if ordered { count.max(100) } else { 100 };
    client
        .batch_execute(&format!(
            "SET enable_seqscan = off; SET enable_indexscan = on; SET hnsw.ef_search = {ef_search}"
        ))
        .unwrap();
    let plan = client.query(&format!("EXPLAIN {some}"), &[]).unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let condition = format!("Index Cond: (v <{operator}>");
    assert!(
        plan.iter().any(|line| line.contains(&condition)),
        "{some}: {plan:#?}"
    );
    let found = rows(client, &some);

    let wanted = exact.len().min(limit.unwrap_or(usize::MAX));
    let mut ids: Vec<i32> = found.iter().map(|row| row.0).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found.len(), "{some}: a row came twice");
    assert!(found.len() <= wanted, "{some}");
    assert!(
        found.iter().all(|row| exact.contains(row)),
        "{some}: rows beyond the radius"
    );
    assert!(
        !ordered || found.is_sorted_by(|a, b| a.1 <= b.1),
        "{some}: not in order"
    );
    // As near as the exact ones, where there is an order.
    let farthest = exact
        .get(wanted.wrapping_sub(1))
        .map_or(f64::NAN, |row| row.1);
    let good = found.iter().filter(|row| !ordered || row.1 <= farthest);
    (good.count(), wanted)
}
