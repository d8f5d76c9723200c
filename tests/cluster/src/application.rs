//! The database of an application on pgvector: every type in every place where a value can be.

use cluster::Installation;
use postgres::Client;

/// Rows of the table; some columns are null in some of them.
const ROWS: i32 = 400;

/// A table with each type, a view and a function that use them, a domain, a default, a constraint,
/// and an aggregate in a materialised view.
pub const SCHEMA: &str = "
CREATE DOMAIN embedding AS vector(3) CHECK (vector_norm(VALUE) > 0);
CREATE TABLE items (
    id int PRIMARY KEY,
    v vector(3) DEFAULT '[1,2,3]' CHECK (v <> '[0,0,0]'),
    h halfvec(3),
    s sparsevec(5),
    b bit(6),
    e embedding,
    free vector,
    list vector[]
);
CREATE VIEW distances AS SELECT id, v <-> '[1,1,1]' AS l2, h <=> '[1,1,1]' AS cosine, b <~> B'101010' AS hamming FROM items;
CREATE FUNCTION nearest(vector) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM items ORDER BY 0 + (v <-> $1), id LIMIT 1';
CREATE MATERIALIZED VIEW summary AS SELECT id % 3 AS part, avg(v), sum(ARRAY[id % 5, 1, 2]::halfvec(3)) FROM items GROUP BY 1 WITH NO DATA;
CREATE INDEX ON items (v);
CREATE INDEX ON items (h);
CREATE INDEX ON items (s);";

const DATA: &str = "
INSERT INTO items
SELECT i, v, v, v || ARRAY[0, i % 3]::vector, (i % 64)::bit(6), v, subvector(v, 1, i % 3 + 1), ARRAY[v, v + v]
FROM (SELECT i, ARRAY[i % 13 + 1, i % 17 - 5.5, 1e-3 * i]::vector AS v FROM generate_series(1, $) i) x;
UPDATE items SET v = NULL, h = NULL, s = NULL, b = NULL WHERE id % 50 = 0;
REFRESH MATERIALIZED VIEW summary;
ANALYZE;";

/// Everything that the rows hold, in text and in binary. Distances may differ in their last digits:
/// the two libraries add in different orders.
pub const CONTENT: &str = "
SELECT md5(string_agg(concat_ws('|', items::text, vector_send(v), halfvec_send(h), sparsevec_send(s), vector_send(e)), ',' ORDER BY id))
    || (SELECT md5(string_agg(concat_ws('|', id, round(l2::numeric, 4), round(cosine::numeric, 4), hamming), ',' ORDER BY id)) FROM distances)
    || (SELECT string_agg(summary::text, ',' ORDER BY part) FROM summary)
    || nearest('[3,2,1]')
FROM items";

/// Access methods, columns, operator classes and operators of the indexes.
const INDEXES: [(&str, &str, &str, &str); 21] = [
    ("hnsw", "v", "vector_l2_ops", "<->"),
    ("hnsw", "v", "vector_ip_ops", "<#>"),
    ("hnsw", "v", "vector_cosine_ops", "<=>"),
    ("hnsw", "v", "vector_l1_ops", "<+>"),
    ("hnsw", "h", "halfvec_l2_ops", "<->"),
    ("hnsw", "h", "halfvec_ip_ops", "<#>"),
    ("hnsw", "h", "halfvec_cosine_ops", "<=>"),
    ("hnsw", "h", "halfvec_l1_ops", "<+>"),
    ("hnsw", "s", "sparsevec_l2_ops", "<->"),
    ("hnsw", "s", "sparsevec_ip_ops", "<#>"),
    ("hnsw", "s", "sparsevec_cosine_ops", "<=>"),
    ("hnsw", "s", "sparsevec_l1_ops", "<+>"),
    ("hnsw", "b", "bit_hamming_ops", "<~>"),
    ("hnsw", "b", "bit_jaccard_ops", "<%>"),
    ("ivfflat", "v", "vector_l2_ops", "<->"),
    ("ivfflat", "v", "vector_ip_ops", "<#>"),
    ("ivfflat", "v", "vector_cosine_ops", "<=>"),
    ("ivfflat", "h", "halfvec_l2_ops", "<->"),
    ("ivfflat", "h", "halfvec_ip_ops", "<#>"),
    ("ivfflat", "h", "halfvec_cosine_ops", "<=>"),
    ("ivfflat", "b", "bit_hamming_ops", "<~>"),
];

/// An index: its name, and an entry of [`INDEXES`] without the access method.
type Index = (String, &'static str, &'static str, &'static str);

/// The application's database, with one name of the extension.
pub struct Application {
    extension: &'static str,
    indexes: Vec<Index>,
}

impl Application {
    /// An application with the indexes that the extension of this name and installation, which is
    /// pg_hnsw, can have. With pgvector it can have them too.
    pub fn new(ours: &Installation, extension: &'static str) -> Self {
        let version = match extension {
            "vector" => "0.8.6",
            _ => env!("CARGO_PKG_VERSION"),
        };
        let script = format!("{extension}--{version}.sql");
        let script = std::fs::read_to_string(ours.extension_dir().join(script)).unwrap();
        // ivfflat has operator classes of types that no index can be made for.
        let exists = |method: &str, class: &str| {
            let mut classes = script.split("CREATE OPERATOR CLASS ");
            classes.any(|text| text.starts_with(class) && text.contains("USING hnsw AS"))
                && script.contains(&format!("CREATE ACCESS METHOD {method} "))
        };
        let indexes: Vec<Index> = INDEXES
            .into_iter()
            .filter(|(method, _, class, _)| exists(method, class))
            .map(|(method, column, class, operator)| {
                (format!("{method}_{class}"), column, class, operator)
            })
            .collect();
        let expected = if extension == "vector" { 14 } else { 8 };
        assert!(indexes.len() >= expected, "{indexes:?}");
        Self { extension, indexes }
    }

    /// Fills an empty database.
    pub fn create(&self, client: &mut Client) {
        client
            .batch_execute(&format!("CREATE EXTENSION {}", self.extension))
            .unwrap();
        client.batch_execute(SCHEMA).unwrap();
        client
            .batch_execute(&DATA.replace('$', &ROWS.to_string()))
            .unwrap();
        for (name, column, class, _) in &self.indexes {
            let (method, _) = name.split_once('_').unwrap();
            let options = match method {
                "hnsw" => "m = 8, ef_construction = 40",
                _ => "lists = 4",
            };
            client
                .batch_execute(&format!(
                    "CREATE INDEX {name} ON items USING {method} ({column} {class}) WITH ({options})"
                ))
                .unwrap();
        }
    }

    /// Fails unless every index answers as a sequential scan does.
    pub fn indexes_answer(&self, client: &mut Client) {
        client
            .batch_execute("SET hnsw.ef_search = 1000; SET ivfflat.probes = 4; ANALYZE items")
            .unwrap();
        let query = "SELECT probin FROM pg_proc WHERE proname = 'hnswhandler'";
        let library: String = client.query_one(query, &[]).unwrap().get(0);
        for (name, column, class, operator) in &self.indexes {
            let query = match *column {
                "s" => "{1:3,2:2,4:1}/5",
                "b" => "101100",
                _ => "[3,2,1]",
            };
            let distances = format!(
                "SELECT {column} {operator} '{query}' FROM items WHERE {column} IS NOT NULL
                 ORDER BY {column} {operator} '{query}' LIMIT 20"
            );
            let mut answers = Vec::new();
            for (scan, other) in [("off", "on"), ("on", "off")] {
                // All other indexes on the column would do as well: hide them.
                client
                    .batch_execute(&format!(
                        "BEGIN; SET LOCAL enable_indexscan = {scan}; SET LOCAL enable_seqscan = {other};
                         SET LOCAL enable_sort = {other}; SET LOCAL enable_bitmapscan = off;
                         UPDATE pg_index SET indisvalid = false
                         WHERE indrelid = 'items'::regclass AND indexrelid <> '{name}'::regclass"
                    ))
                    .unwrap();
                let plan: Vec<String> = client
                    .query(&format!("EXPLAIN (COSTS OFF) {distances}"), &[])
                    .unwrap()
                    .iter()
                    .map(|row| row.get(0))
                    .collect();
                let index = format!("Index Scan using {name} on items");
                assert_eq!(
                    plan.iter().any(|line| line.contains(&index)),
                    scan == "on",
                    "{name} {class}: {plan:#?}"
                );
                let answer: Vec<f64> = client
                    .query(&distances, &[])
                    .unwrap()
                    .iter()
                    .map(|row| row.get(0))
                    .collect();
                answers.push(answer);
                client.batch_execute("ROLLBACK").unwrap();
            }
            let [exact, found] = &answers[..] else {
                unreachable!()
            };
            assert_eq!((exact.len(), found.len()), (20, 20));
            // pgvector rounds normalised halves, and returns rows in the order of what it has.
            let tolerance = if library == "$libdir/pg_hnsw" {
                0.0
            } else {
                0.01
            };
            assert!(
                exact
                    .iter()
                    .zip(found)
                    .all(|(a, b)| (a - b).abs() <= tolerance),
                "{name} in {library}: {exact:?}, {found:?}"
            );
        }
    }
}

/// Everything that the rows hold, as one text.
pub fn content(client: &mut Client) -> String {
    client.query_one(CONTENT, &[]).unwrap().get(0)
}
