//! Searching with one client: in the server, and as the client sees it.

use std::time::Instant;

use anyhow::Result;
use pgvector::Vector;

use crate::dataset::Dataset;
use crate::searcher::{Found, Searcher};
use crate::side::{QUERIES, Side, TABLE};

/// `hnsw.ef_search` of searches that only read, more than inserts have.
const WIDTH: u32 = 200;

/// A loop over queries in the server: each a cached plan that is executed, from the vector to
/// the last row, as a prepared statement of a client is. The vector is fetched from its table
/// before the clock starts.
pub fn function(side: &Side, k: usize) -> String {
    format!(
            "CREATE FUNCTION bench_search_{k}(low int, high int)
             RETURNS TABLE (ids int[], micros float8) LANGUAGE plpgsql AS $$
             DECLARE
                 query record;
                 target {column};
                 started timestamptz;
             BEGIN
                 FOR query IN SELECT q.id, q.v FROM {QUERIES} q
                              WHERE q.id >= low AND q.id < high ORDER BY q.id LOOP
                     target := subvector(query.v, 1, vector_dims(query.v));
                     started := clock_timestamp();
                     ids := ARRAY(SELECT i.id FROM {TABLE} i ORDER BY i.v {operator} target LIMIT {k});
                     micros := 1e6 * extract(epoch FROM clock_timestamp() - started);
                     RETURN NEXT;
                 END LOOP;
             END $$",
            column = side.column,
            operator = side.operator,
        )
}

impl Side {
    /// The queries `low..high` in the server, at the current settings.
    pub fn search_range(&mut self, k: usize, low: usize, high: usize) -> Result<Found> {
        let call = format!("SELECT ids, micros FROM bench_search_{k}({low}, {high})");
        let rows = self.client.query(&call, &[])?;
        let micros: f64 = rows.iter().map(|row| row.get::<_, f64>(1)).sum();
        #[expect(clippy::cast_precision_loss, reason = "queries are few")]
        let millis = micros / 1e3 / rows.len() as f64;
        Ok(Found {
            ids: rows.iter().map(|row| row.get(0)).collect(),
            millis,
        })
    }

    /// Searches for the vectors of a table, or of what else may stand behind FROM, more widely than an
    /// insert does: then what it takes to insert them is in `shared_buffers`. A database that was
    /// copied is not.
    pub fn read_near(&mut self, rows: &str) -> Result<()> {
        let near = self.query("r.v", 10);
        self.set_ef(WIDTH)?;
        self.client.batch_execute(&format!(
            "SELECT count(n.id) FROM {rows} r, LATERAL ({near}) n"
        ))?;
        self.reset_ef()
    }

    /// The mean latency that a client sees for all queries at the current settings.
    pub fn client_millis(&mut self, dataset: &Dataset, k: usize) -> Result<f64> {
        let query = self.query(self.parameter(), k);
        self.round_trips(dataset, &query)
    }

    /// The mean latency of a query that takes a vector and does nothing.
    pub fn empty_millis(&mut self, dataset: &Dataset) -> Result<f64> {
        let query = format!("SELECT {} IS NULL", self.parameter());
        self.round_trips(dataset, &query)
    }

    fn round_trips(&mut self, dataset: &Dataset, query: &str) -> Result<f64> {
        let statement = self.client.prepare(query)?;
        let vectors = dataset.queries.rows();
        let vectors: Vec<Vector> = vectors.map(|row| Vector::from(row.to_vec())).collect();
        let started = Instant::now();
        for vector in &vectors {
            self.client.query(&statement, &[vector])?;
        }
        #[expect(clippy::cast_precision_loss, reason = "queries are few")]
        let count = vectors.len() as f64;
        Ok(started.elapsed().as_secs_f64() * 1e3 / count)
    }
}

impl Searcher for Side {
    fn name(&self) -> &str {
        self.name
    }

    fn search(&mut self, dataset: &Dataset, k: usize, ef: u32) -> Result<Found> {
        self.set_ef(ef)?;
        self.search_range(k, 0, dataset.queries.len())
    }
}
