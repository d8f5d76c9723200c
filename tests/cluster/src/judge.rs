//! Compares what an index finds with the exact answer.

use anyhow::{Result, ensure};
use postgres::Client;
use testdata::{Metric, Vectors, mean_recall, nearest, sql};

/// Recall is measured over this many nearest neighbours.
const NEIGHBOURS: usize = 10;

/// Vectors, queries and the exact answers.
pub struct Judge {
    base: Vectors,
    queries: Vectors,
    metric: Metric,
    truth: Vec<Vec<i32>>,
}

impl Judge {
    /// Computes the exact answers; the id of a vector is its position.
    pub fn new(base: Vectors, queries: Vectors, metric: Metric) -> Self {
        let truth = nearest(&base, &queries, metric, NEIGHBOURS);
        Self {
            base,
            queries,
            metric,
            truth,
        }
    }

    /// The same vectors and queries judged by another metric.
    #[must_use]
    pub fn by(&self, metric: Metric) -> Self {
        Self::new(self.base.clone(), self.queries.clone(), metric)
    }

    /// The judge of what is left when only some ids remain.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(usize) -> bool) -> Self {
        let ids: Vec<usize> = (0..self.base.len()).filter(|&id| keep(id)).collect();
        let values = ids
            .iter()
            .flat_map(|&id| self.base.row(id))
            .copied()
            .collect();
        let left = Vectors::new(self.base.dim(), values);
        let truth = nearest(&left, &self.queries, self.metric, NEIGHBOURS)
            .into_iter()
            .map(|rows| {
                rows.into_iter()
                    .map(|row| id_of(ids[row.cast_unsigned() as usize]))
            })
            .map(Iterator::collect)
            .collect();
        Self {
            base: left,
            queries: self.queries.clone(),
            metric: self.metric,
            truth,
        }
    }

    /// The vectors.
    pub fn base(&self) -> &Vectors {
        &self.base
    }

    /// The queries.
    pub fn queries(&self) -> &Vectors {
        &self.queries
    }

    /// The distance that decides.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Mean recall@10 of searches through the index of this table.
    pub fn recall(&self, client: &mut Client, table: &str, ef_search: u32) -> Result<f64> {
        client.batch_execute(&format!("SET hnsw.ef_search = {ef_search}"))?;
        use_index(client, table, self.metric, self.queries.row(0))?;
        let search = sql::Search::prepare(client, table, self.metric, NEIGHBOURS)?;
        let found = search.run_all(client, &self.queries)?;
        Ok(mean_recall(&found, &self.truth, NEIGHBOURS))
    }
}

fn id_of(position: usize) -> i32 {
    i32::try_from(position).expect("few rows")
}

/// Makes sure that nearest-neighbour queries of this session go through the index.
pub fn use_index(client: &mut Client, table: &str, metric: Metric, query: &[f32]) -> Result<()> {
    client.batch_execute("SET enable_seqscan = off")?;
    let rows = client.query(
        &format!(
            "EXPLAIN (COSTS OFF) SELECT id FROM {table} ORDER BY v {} '{}' LIMIT {NEIGHBOURS}",
            metric.operator(),
            sql::text(query)
        ),
        &[],
    )?;
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    ensure!(
        plan.iter()
            .any(|line| line.contains(&format!("Index Scan using {table}_v_idx"))),
        "not through the index:\n{}",
        plan.join("\n")
    );
    Ok(())
}
