//! The types that an index can have beside vectors of usual length: each at its limit, and recall
//! against pgvector's. Queries are rows; a row found counts if it is as near as the exact ones.

use cluster::{Options, Server};
use cluster_tests::session;
use postgres::Client;
use postgres::error::SqlState;
use testdata::{Synth, sql};

/// The part of the `k` nearest rows that scans find, by `operator` on the expression `value` of
/// the table `items`, for the rows whose ids `queries` are; null if rows are out of order.
const RECALL: &str = "
CREATE FUNCTION recall(value text, operator text, k int, queries int[]) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
    query int;
    found float8[];
    exact float8[];
    hits int := 0;
    rows int := 0;
    nearest text := format('SELECT array_agg(d) FROM (SELECT %1$s %2$s (SELECT %1$s FROM items WHERE id = $1) AS d '
        'FROM items ORDER BY %1$s %2$s (SELECT %1$s FROM items WHERE id = $1) LIMIT $2) s', value, operator);
BEGIN
    FOREACH query IN ARRAY queries LOOP
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_indexscan = off;
        EXECUTE nearest INTO exact USING query, k;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_indexscan = on;
        EXECUTE nearest INTO found USING query, k;
        IF found <> (SELECT array_agg(d ORDER BY d) FROM unnest(found) d) THEN
            RETURN NULL;
        END IF;
        rows := rows + cardinality(exact);
        hits := hits + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)]);
    END LOOP;
    RETURN hits::float8 / rows;
END
$$";

fn recall(client: &mut Client, value: &str, operator: &str, k: i32, queries: &[i32]) -> f64 {
    let query = "SELECT recall($1, $2, $3, $4)";
    let row = client.query_one(query, &[&value, &operator, &k, &queries]);
    let recall: Option<f64> = row.unwrap().get(0);
    recall.expect("rows are in order")
}

/// A type at its limit.
struct Longest {
    /// The type of the column.
    name: &'static str,
    /// A value for the number `i`.
    value: &'static str,
    /// Operator classes and their operators.
    classes: &'static [(&'static str, &'static str)],
    /// A type of one dimension more, if there is one.
    beyond: Option<&'static str>,
}

const NUMBERS: &str =
    "(SELECT array_agg(sin(i * 20000 + j) ORDER BY j) FROM generate_series(1, 16000) j)";
const LONGEST: [Longest; 4] = [
    Longest {
        name: "vector(16000)",
        value: NUMBERS,
        classes: &[
            ("vector_l2_ops", "<->"),
            ("vector_ip_ops", "<#>"),
            ("vector_cosine_ops", "<=>"),
            ("vector_l1_ops", "<+>"),
        ],
        beyond: None,
    },
    Longest {
        name: "halfvec(16000)",
        value: NUMBERS,
        classes: &[
            ("halfvec_l2_ops", "<->"),
            ("halfvec_ip_ops", "<#>"),
            ("halfvec_cosine_ops", "<=>"),
            ("halfvec_l1_ops", "<+>"),
        ],
        beyond: None,
    },
    Longest {
        name: "bit(64000)",
        value: "(SELECT string_agg((hashint8(i::int8 * 100000 + j) & 1)::text, '' ORDER BY j) \
                FROM generate_series(1, 64000) j)",
        classes: &[("bit_hamming_ops", "<~>"), ("bit_jaccard_ops", "<%>")],
        beyond: Some("bit(64001)"),
    },
    Longest {
        name: "sparsevec(1000000000)",
        value: "(SELECT '{' || string_agg((j * 60000 + i) || ':' || sin(i * 20000 + j), ',') || '}/1000000000' \
                FROM generate_series(1, 16000) j)",
        classes: &[
            ("sparsevec_l2_ops", "<->"),
            ("sparsevec_ip_ops", "<#>"),
            ("sparsevec_cosine_ops", "<=>"),
            ("sparsevec_l1_ops", "<+>"),
        ],
        beyond: None,
    },
];

/// Built, searched, inserted into and vacuumed. There are few rows, so that all must be found, in
/// the order of a sequential scan.
#[test]
fn longest_values() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "longest").unwrap();
    client.batch_execute(RECALL).unwrap();
    client.batch_execute("SET hnsw.ef_search = 100").unwrap();
    for Longest {
        name,
        value,
        classes,
        beyond,
    } in LONGEST
    {
        let insert = |first: i32, last: i32| {
            format!(
                "INSERT INTO items SELECT i, {value}::{name} FROM generate_series({first}, {last}) i"
            )
        };
        for (class, operator) in classes {
            let mut run = |statements: &str| client.batch_execute(statements).unwrap();
            run(&format!(
                "CREATE TABLE items (id int, v {name}); {}",
                insert(1, 20)
            ));
            run(&format!("CREATE INDEX ON items USING hnsw (v {class})"));
            for statements in [
                String::new(),
                insert(21, 30),
                "DELETE FROM items WHERE id % 3 = 0".into(),
                "VACUUM items".into(),
                insert(31, 40),
            ] {
                client.batch_execute(&statements).unwrap();
                let found = recall(&mut client, "v", operator, 40, &[1, 2, 17]);
                assert_eq!(found, 1.0, "{class} after {statements}");
            }
            client.batch_execute("DROP TABLE items").unwrap();
        }
        if let Some(beyond) = beyond {
            let (class, _) = classes[0];
            let create = format!(
                "CREATE TABLE longer (v {beyond}); CREATE INDEX ON longer USING hnsw (v {class})"
            );
            let error = client.batch_execute(&create).unwrap_err();
            assert_eq!(
                error.code(),
                Some(&SqlState::PROGRAM_LIMIT_EXCEEDED),
                "{error:?}"
            );
        }
    }
}

/// Recall at equal settings is at least pgvector's less this.
const TOLERANCE: f64 = 0.01;
const DIM: usize = 256;
const ROWS: usize = 4000;

#[test]
fn recall_is_at_least_pgvectors() {
    /// Expressions, operator classes and operators.
    const INDEXES: [(&str, &str, &str); 4] = [
        ("binary_quantize(v)::bit(256)", "bit_hamming_ops", "<~>"),
        ("binary_quantize(v)::bit(256)", "bit_jaccard_ops", "<%>"),
        ("v::sparsevec(256)", "sparsevec_l2_ops", "<->"),
        ("v::sparsevec(256)", "sparsevec_cosine_ops", "<=>"),
    ];
    let server = Server::start(&Options::new()).unwrap();
    if !server.installation().has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let base = Synth::new(DIM, 61).base(ROWS);
    let queries: Vec<i32> = (0..ROWS as i32).step_by(20).collect();
    let mut clients =
        [("ours", sql::extension()), ("theirs", "vector".into())].map(|(name, extension)| {
            let mut client = server.create_database(name).unwrap();
            client
                .batch_execute(&format!("CREATE EXTENSION {extension}"))
                .unwrap();
            client.batch_execute(RECALL).unwrap();
            sql::create_table(&mut client, "items", &base).unwrap();
            client
        });
    for (value, class, operator) in INDEXES {
        for ef_search in [40, 100] {
            let [own, peer] = clients.each_mut().map(|client| {
                let create = format!(
                    "DROP INDEX IF EXISTS items_index; \
                     CREATE INDEX items_index ON items USING hnsw (({value}) {class}); \
                     SET hnsw.ef_search = {ef_search}"
                );
                client.batch_execute(&create).unwrap();
                recall(client, &format!("({value})"), operator, 10, &queries)
            });
            println!("{class}, ef_search {ef_search}: {own:.4}, pgvector {peer:.4}");
            assert!(
                own >= peer - TOLERANCE,
                "{class}, {ef_search}: {own} < {peer}"
            );
        }
    }
}
