//! Tables of every indexed type with the same rows, searched in SQL alone: for tests that take a
//! whole server somewhere else.

use anyhow::{Result, ensure};
use postgres::Client;
use testdata::{Synth, sql};

use crate::check;

/// Dimensions of the vectors.
pub const DIM: usize = 24;
const ROWS: usize = 3000;
const QUERIES: usize = 50;
const NEIGHBOURS: usize = 10;
/// Share of the exact answer's rows that searches at `hnsw.ef_search = 100` must return.
const RECALL: f64 = 0.95;

/// A column of some type and its index.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The table; the index is `<table>_v_idx`.
    pub table: &'static str,
    /// What a vector `v` becomes.
    value: &'static str,
    /// Access method and operator class.
    index: (&'static str, &'static str),
    operator: &'static str,
    /// Further columns of the index, and the condition on them of a query `q`.
    keys: Option<(&'static str, &'static str)>,
}

const fn kind(
    table: &'static str,
    value: &'static str,
    index: (&'static str, &'static str),
    operator: &'static str,
) -> Kind {
    Kind {
        table,
        value,
        index,
        operator,
        keys: None,
    }
}

/// One with key columns, and conditions that 6 to 20 % of its rows meet.
pub const FILTERED: Kind = Kind {
    keys: Some((
        ", tag, name",
        "WHERE t.tag >= q.id % 8 AND t.name = 'n' || q.id % 5",
    )),
    ..kind(
        "filtered",
        "v::vector(24)",
        ("hnsw", "vector_l2_ops"),
        "<->",
    )
};

/// What an index can be made for.
#[rustfmt::skip]
pub const KINDS: [Kind; 10] = [
    kind("vectors", "v::vector(24)", ("hnsw", "vector_l2_ops"), "<->"),
    kind("angles", "v::vector(24)", ("hnsw", "vector_cosine_ops"), "<=>"),
    kind("products", "v::vector(24)", ("hnsw", "vector_ip_ops"), "<#>"),
    kind("halves", "v::halfvec(24)", ("hnsw", "halfvec_l2_ops"), "<->"),
    kind("half_angles", "v::halfvec(24)", ("hnsw", "halfvec_cosine_ops"), "<=>"),
    kind("bits", "binary_quantize(v)::bit(24)", ("hnsw", "bit_hamming_ops"), "<~>"),
    kind("bit_sets", "binary_quantize(v)::bit(24)", ("hnsw", "bit_jaccard_ops"), "<%>"),
    kind("sparse", "v::sparsevec(24)", ("hnsw", "sparsevec_l2_ops"), "<->"),
    kind("sparse_angles", "v::sparsevec(24)", ("hnsw", "sparsevec_cosine_ops"), "<=>"),
    FILTERED,
];

/// What can be made only under the name of pgvector.
pub const ALIASED: Kind = kind(
    "lists",
    "v::vector(24)",
    ("ivfflat", "vector_l2_ops"),
    "<->",
);

/// A row that a search found: the query, the row, their distance.
pub type Hit = (i32, i32, f64);

/// Makes the rows and the queries, for [`Kind::create`].
pub fn source(client: &mut Client, seed: u64) -> Result<()> {
    let synth = Synth::new(DIM, seed);
    sql::create_table(client, "source", &synth.base(ROWS))?;
    sql::create_table(client, "queries", &synth.queries(QUERIES))
}

impl Kind {
    /// Makes the table, with an index built over half of the rows; others are inserted, some
    /// deleted.
    pub fn create(&self, client: &mut Client) -> Result<()> {
        let (table, columns, (method, class)) = (self.table, self.columns(), self.index);
        let (keys, _) = self.keys.unwrap_or_default();
        client.batch_execute(&format!(
            "CREATE TABLE {table} AS SELECT {columns} FROM source WHERE id % 2 = 0;
             CREATE INDEX {table}_v_idx ON {table} USING {method} (v {class}{keys})"
        ))?;
        self.insert(client, "id % 4 = 1")?;
        self.delete(client, "id % 7 = 3")
    }

    /// Adds those rows of the source that a condition selects.
    pub fn insert(&self, client: &mut Client, condition: &str) -> Result<()> {
        let (table, columns) = (self.table, self.columns());
        Ok(client.batch_execute(&format!(
            "INSERT INTO {table} SELECT {columns} FROM source WHERE {condition}"
        ))?)
    }

    fn columns(&self) -> String {
        let value = self.value;
        format!("id, {value} AS v, id % 10 AS tag, 'n' || id / 10 % 5 AS name")
    }

    /// Deletes rows that a condition selects, and vacuums.
    pub fn delete(&self, client: &mut Client, condition: &str) -> Result<()> {
        let table = self.table;
        client.batch_execute(&format!("DELETE FROM {table} WHERE {condition}"))?;
        Ok(client.batch_execute(&format!("VACUUM {table}"))?)
    }

    /// What the index answers to the queries.
    pub fn answers(&self, client: &mut Client) -> Result<Vec<Hit>> {
        client.batch_execute("SET enable_seqscan = off; SET hnsw.ef_search = 100")?;
        let query = self.query();
        let plan = client.query(&format!("EXPLAIN (COSTS OFF) {query}"), &[])?;
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let has = |what: &str| plan.iter().any(|line| line.contains(what));
        let index = format!("Index Scan using {}_v_idx", self.table);
        ensure!(has(&index), "{plan:#?}");
        ensure!(
            self.keys.is_none() || has("Index Cond: ((tag >= "),
            "{plan:#?}"
        );
        hits(client, &query)
    }

    /// Fails unless the index answers nearly as a sequential scan does, each row once and in order.
    pub fn check(&self, client: &mut Client) -> Result<()> {
        let found = self.answers(client)?;
        client.batch_execute("SET enable_seqscan = on; SET enable_indexscan = off")?;
        let exact = hits(client, &self.query())?;
        client.batch_execute("SET enable_indexscan = on")?;
        ensure!(
            found.len() == exact.len(),
            "{}: rows are missing",
            self.table
        );
        let mut good = 0;
        for (found, exact) in found.chunks(NEIGHBOURS).zip(exact.chunks(NEIGHBOURS)) {
            let farthest = exact.last().map_or(0.0, |hit| hit.2);
            good += found.iter().filter(|hit| hit.2 <= farthest).count();
            ensure!(
                found.is_sorted_by(|a, b| a.2 <= b.2),
                "{}: not in order: {found:?}",
                self.table
            );
            let mut ids: Vec<i32> = found.iter().map(|hit| hit.1).collect();
            ids.sort_unstable();
            ids.dedup();
            ensure!(ids.len() == found.len(), "{}: a row came twice", self.table);
        }
        #[expect(clippy::cast_precision_loss, reason = "few rows")]
        let recall = good as f64 / exact.len() as f64;
        ensure!(recall >= RECALL, "{}: recall {recall}", self.table);
        check::without_problems(client, &format!("{}_v_idx", self.table))
    }

    fn query(&self) -> String {
        let (table, value, operator) = (self.table, self.value, self.operator);
        let (_, condition) = self.keys.unwrap_or_default();
        format!(
            "SELECT q.id, hit.id, hit.distance
             FROM (SELECT id, {value} AS v FROM queries ORDER BY id OFFSET 0) q
             CROSS JOIN LATERAL (SELECT t.id, t.v {operator} q.v AS distance FROM {table} t {condition}
                                 ORDER BY t.v {operator} q.v LIMIT {NEIGHBOURS}) hit"
        )
    }
}

fn hits(client: &mut Client, query: &str) -> Result<Vec<Hit>> {
    let rows = client.query(query, &[])?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}
