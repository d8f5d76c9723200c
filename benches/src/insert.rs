//! Single-row inserts into a table with the index: rate and WAL.

use std::time::Instant;

use anyhow::Result;
use pgvector::Vector;
use postgres::Client;
use serde::Serialize;

use crate::dataset::Dataset;
use crate::side::{Side, TABLE, order};
use crate::spread::Spread;

/// Rows of one measurement.
const ROWS: usize = 500;

/// What was measured, with a prepared `INSERT` of one row.
#[derive(Serialize)]
pub struct Inserts {
    /// All in one transaction.
    pub per_second_one_transaction: Spread,
    /// A transaction each, `synchronous_commit = off`.
    pub per_second_autocommit: Spread,
    /// WAL of a row in one transaction, the table's own part included, without full-page images.
    pub wal_bytes: Spread,
}

/// Inserts new rows into every side's table, alternating.
pub fn measure(sides: &mut [Side], dataset: &Dataset, rounds: usize) -> Result<Vec<Inserts>> {
    let vectors = dataset.more(2 * rounds * ROWS);
    let mut together = vec![Vec::new(); sides.len()];
    let mut single = vec![Vec::new(); sides.len()];
    let mut wal = vec![Vec::new(); sides.len()];
    for side in sides.iter_mut() {
        side.client.batch_execute("SET synchronous_commit = off")?;
    }
    for (round, vectors) in vectors.chunks(2 * ROWS).enumerate() {
        let (first, second) = vectors.split_at(vectors.len() / 2);
        for at in order(sides, round) {
            let client = &mut sides[at].client;
            let before = wal_position(client)?;
            client.batch_execute("BEGIN")?;
            together[at].push(per_second(client, first)?);
            client.batch_execute("COMMIT")?;
            wal[at].push((wal_position(client)? - before) / count(first.len()));
            single[at].push(per_second(client, second)?);
        }
    }
    let summary = together.iter().zip(&single).zip(&wal);
    Ok(summary
        .map(|((together, single), wal)| Inserts {
            per_second_one_transaction: Spread::of(together),
            per_second_autocommit: Spread::of(single),
            wal_bytes: Spread::of(wal),
        })
        .collect())
}

fn per_second(client: &mut Client, vectors: &[Vec<f32>]) -> Result<f64> {
    let statement = client.prepare(&format!("INSERT INTO {TABLE} (v) VALUES ($1)"))?;
    let vectors: Vec<Vector> = vectors.iter().cloned().map(Vector::from).collect();
    let started = Instant::now();
    for vector in &vectors {
        client.execute(&statement, &[vector])?;
    }
    Ok(count(vectors.len()) / started.elapsed().as_secs_f64())
}

fn wal_position(client: &mut Client) -> Result<f64> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
    Ok(client.query_one(query, &[])?.get(0))
}

#[expect(clippy::cast_precision_loss, reason = "rows are few")]
fn count(n: usize) -> f64 {
    n as f64
}
