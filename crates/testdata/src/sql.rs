//! Tables of vectors, indexes and searches, through a connection.

use anyhow::{Context, Result};
use pgvector::Vector;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::Type;
use postgres::{Client, Statement};

use crate::{Metric, Vectors};

/// The extension under test: `pg_hnsw`, unless `PG_HNSW_EXTENSION` names another one with the
/// same surface, to compare with.
pub fn extension() -> String {
    std::env::var("PG_HNSW_EXTENSION").unwrap_or_else(|_| "pg_hnsw".to_owned())
}

/// Creates the extension under test in the current database.
pub fn create_extension(client: &mut Client) -> Result<()> {
    let name = extension();
    client
        .batch_execute(&format!("CREATE EXTENSION {name}"))
        .with_context(|| format!("cannot create the extension {name}: is it installed?"))
}

/// Creates a table with the columns `id int` and `v vector(n)` and fills it; ids start at 0.
pub fn create_table(client: &mut Client, table: &str, vectors: &Vectors) -> Result<()> {
    client.batch_execute(&format!(
        "CREATE TABLE {table} (id int, v vector({}))",
        vectors.dim()
    ))?;
    copy(client, table, 0, vectors)?;
    Ok(client.batch_execute(&format!("ANALYZE {table}"))?)
}

/// Adds rows with binary `COPY`; their ids start at `first_id`.
pub fn copy(client: &mut Client, table: &str, first_id: i32, vectors: &Vectors) -> Result<()> {
    let vector = client.prepare("SELECT $1::vector")?.params()[0].clone();
    let sink = client.copy_in(&format!("COPY {table} (id, v) FROM STDIN BINARY"))?;
    let mut writer = BinaryCopyInWriter::new(sink, &[Type::INT4, vector]);
    for (id, row) in (first_id..).zip(vectors.rows()) {
        writer.write(&[&id, &Vector::from(row.to_vec())])?;
    }
    writer.finish()?;
    Ok(())
}

/// Creates an index named `<table>_v_idx`, with options such as `WITH (m = 8)`.
pub fn create_index(client: &mut Client, table: &str, metric: Metric, with: &str) -> Result<()> {
    let class = metric.operator_class();
    Ok(client.batch_execute(&format!(
        "CREATE INDEX {table}_v_idx ON {table} USING hnsw (v {class}) {with}"
    ))?)
}

/// A prepared `INSERT` of one row.
pub struct Insert(Statement);

impl Insert {
    /// Prepares an insert into a table that [`create_table`] made.
    pub fn prepare(client: &mut Client, table: &str) -> Result<Self> {
        Ok(Self(client.prepare(&format!(
            "INSERT INTO {table} (id, v) VALUES ($1, $2)"
        ))?))
    }

    /// Inserts a row.
    pub fn run(&self, client: &mut Client, id: i32, row: &[f32]) -> Result<(), postgres::Error> {
        client
            .execute(&self.0, &[&id, &Vector::from(row.to_vec())])
            .map(drop)
    }
}

/// A prepared nearest-neighbour query.
pub struct Search {
    statement: Statement,
}

impl Search {
    /// Prepares `SELECT id ... ORDER BY v <operator> $1 LIMIT k`.
    pub fn prepare(client: &mut Client, table: &str, metric: Metric, k: usize) -> Result<Self> {
        let statement = client.prepare(&format!(
            "SELECT id FROM {table} ORDER BY v {} $1 LIMIT {k}",
            metric.operator()
        ))?;
        Ok(Self { statement })
    }

    /// The ids that one query finds, nearest first.
    pub fn run(&self, client: &mut Client, query: &[f32]) -> Result<Vec<i32>> {
        let rows = client.query(&self.statement, &[&Vector::from(query.to_vec())])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The ids that every query finds.
    pub fn run_all(&self, client: &mut Client, queries: &Vectors) -> Result<Vec<Vec<i32>>> {
        queries
            .rows()
            .map(|query| self.run(client, query))
            .collect()
    }
}

/// A row that a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its id.
    pub id: i32,
    /// Its distance, as the operator returns it.
    pub distance: f64,
}

/// A prepared nearest-neighbour query that returns distances too.
pub struct DistanceSearch(Statement);

impl DistanceSearch {
    /// Prepares the search for `k` rows.
    pub fn prepare(client: &mut Client, table: &str, metric: Metric, k: usize) -> Result<Self> {
        let operator = metric.operator();
        Ok(Self(client.prepare(&format!(
            "SELECT id, v {operator} $1 FROM {table} ORDER BY v {operator} $1 LIMIT {k}"
        ))?))
    }

    /// The rows that one query finds, nearest first.
    pub fn run(&self, client: &mut Client, query: &[f32]) -> Result<Vec<Hit>, postgres::Error> {
        let rows = client.query(&self.0, &[&Vector::from(query.to_vec())])?;
        Ok(rows
            .iter()
            .map(|row| Hit {
                id: row.get(0),
                distance: row.get(1),
            })
            .collect())
    }
}

/// A vector as SQL text: `[1,2.5]`.
pub fn text(vector: &[f32]) -> String {
    let values: Vec<String> = vector.iter().map(f32::to_string).collect();
    format!("[{}]", values.join(","))
}
