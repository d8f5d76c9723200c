//! Updates of a column that has nothing to do with the vector: HOT, which leaves every index
//! alone, and not, which enters the row into all of them again.

use std::time::Instant;

use anyhow::Result;
use postgres::Client;

use crate::dataset::Dataset;
use crate::sheet::{Metric, Sheet};
use crate::side::{Side, TABLE, order};
use crate::wal;

/// A table whose pages have room for new versions of their rows.
const ROOMY: &str = "roomy";
/// Its rows.
const ROWS: usize = 1500;

/// Updates single rows by a key, alternating, in the copies that inserts were measured on.
pub fn measure(
    sheet: &mut Sheet,
    copies: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
    count: usize,
) -> Result<()> {
    for copy in copies.iter_mut() {
        prepare(copy, dataset)?;
    }
    // Every round has rows of its own.
    let count = count.min(ROWS.min(dataset.base.len()) / rounds);
    for round in 0..rounds {
        let first = i32::try_from(round * count)?;
        for at in order(copies.len(), round) {
            let copy = &mut copies[at];
            run(sheet, copy, ROOMY, "HOT", first, count)?;
            run(sheet, copy, TABLE, "not HOT", first, count)?;
        }
    }
    Ok(())
}

/// An index on the changed column of the large table keeps its updates from being HOT.
fn prepare(copy: &mut Side, dataset: &Dataset) -> Result<()> {
    copy.create_table(ROOMY, &dataset.base.first(ROWS))?;
    let client = &mut copy.client;
    client.batch_execute(&format!("ALTER TABLE {ROOMY} SET (fillfactor = 40)"))?;
    client.batch_execute(&format!("VACUUM FULL {ROOMY}"))?;
    copy.index_table(ROOMY)?;
    copy.client.batch_execute(&format!(
        "ALTER TABLE {ROOMY} ADD COLUMN note int DEFAULT 0;
         ALTER TABLE {TABLE} ADD COLUMN note int DEFAULT 0;
         CREATE INDEX ON {ROOMY} (id);
         CREATE INDEX ON {TABLE} (id);
         CREATE INDEX ON {TABLE} (note)"
    ))?;
    copy.read_near(&format!("(SELECT v FROM {TABLE} WHERE id < {ROWS})"))
}

fn run(
    sheet: &mut Sheet,
    copy: &mut Side,
    table: &str,
    kind: &str,
    first: i32,
    count: usize,
) -> Result<()> {
    let before = wal::position(&mut copy.client)?;
    let rate = per_second(&mut copy.client, table, first, count)?;
    let written = wal::position(&mut copy.client)? - before;
    let metric = Metric::more(format!("updates/s of another column, {kind}"), 0);
    sheet.record(&metric, copy.name, rate);
    let metric = Metric::less(format!("WAL bytes an update, {kind}"), 0);
    #[expect(clippy::cast_precision_loss, reason = "rows are few")]
    sheet.record(&metric, copy.name, written / count as f64);
    Ok(())
}

fn per_second(client: &mut Client, table: &str, first: i32, count: usize) -> Result<f64> {
    let update = format!("UPDATE {table} SET note = note + 1 WHERE id = $1");
    let statement = client.prepare(&update)?;
    let started = Instant::now();
    for id in (first..).take(count) {
        client.execute(&statement, &[&id])?;
    }
    #[expect(clippy::cast_precision_loss, reason = "rows are few")]
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
