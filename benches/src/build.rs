//! How long an index takes to build, and how large it is.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use testdata::sql;

use crate::dataset::Dataset;
use crate::side::{Side, TABLE, order};
use crate::spread::Spread;

/// What was measured.
#[derive(Serialize)]
pub struct Build {
    /// Time of `CREATE INDEX`.
    pub seconds: Spread,
    /// Size of the index's main fork.
    pub index_bytes: i64,
    /// Size of the table with its TOAST table, for comparison.
    pub table_bytes: i64,
}

/// Builds every side's index once a round; the last one stays.
pub fn measure(sides: &mut [Side], dataset: &Dataset, rounds: usize) -> Result<Vec<Build>> {
    let mut seconds = vec![Vec::new(); sides.len()];
    for round in 0..rounds {
        for side in sides.iter_mut() {
            side.client
                .batch_execute(&format!("DROP INDEX IF EXISTS {TABLE}_v_idx"))?;
        }
        // Not between the builds: inserts into an index that is older than the last checkpoint
        // would log full pages, and only one side's would be.
        sides[0].client.batch_execute("CHECKPOINT")?;
        for at in order(sides, round) {
            let client = &mut sides[at].client;
            let started = Instant::now();
            sql::create_index(client, TABLE, dataset.metric, "")?;
            seconds[at].push(started.elapsed().as_secs_f64());
        }
    }
    let size = format!("SELECT pg_relation_size('{TABLE}_v_idx'), pg_table_size('{TABLE}')");
    sides
        .iter_mut()
        .zip(seconds)
        .map(|(side, seconds)| {
            let row = side.client.query_one(&size, &[])?;
            let seconds = Spread::of(&seconds);
            Ok(Build {
                seconds,
                index_bytes: row.get(0),
                table_bytes: row.get(1),
            })
        })
        .collect()
}
