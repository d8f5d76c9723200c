//! Vacuum after a part of the rows was deleted, each on a fresh copy of the database.

use std::time::Instant;

use anyhow::Result;
use cluster::Server;
use testdata::mean_recall;

use crate::dataset::Dataset;
use crate::sheet::{Metric, Sheet};
use crate::side::{Side, TABLE, order};
use crate::wal;

/// Percent of the rows.
const DELETED: [usize; 3] = [1, 20, 50];
const NEIGHBOURS: usize = 10;
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Deletes and vacuums, alternating.
pub fn measure(
    server: &Server,
    sides: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
) -> Result<Sheet> {
    let mut sheet = Sheet::default();
    for percent in DELETED {
        let truth = living(&dataset.truth, percent);
        for round in 0..rounds {
            for at in order(sides.len(), round) {
                let mut copy = sides[at].copy(server)?;
                vacuum(&mut sheet, &mut copy, dataset, percent, &truth)?;
                copy.discard(server)?;
            }
        }
    }
    Ok(sheet)
}

fn vacuum(
    sheet: &mut Sheet,
    copy: &mut Side,
    dataset: &Dataset,
    percent: usize,
    truth: &[Vec<i32>],
) -> Result<()> {
    let whole = dataset.queries.len();
    let found = copy.search_range(NEIGHBOURS, 0, whole)?;
    let recall = mean_recall(&found.ids, &dataset.truth, NEIGHBOURS);
    let metric = Metric::plain("recall@10 at default settings before", 4);
    sheet.record(&metric, copy.name, recall);
    copy.client
        .batch_execute(&format!("DELETE FROM {TABLE} WHERE id % 100 < {percent}"))?;
    copy.set_memory(&dataset.ample_memory())?;
    let before = wal::position(&mut copy.client)?;
    let started = Instant::now();
    // Not left out where few pages have dead rows.
    copy.client
        .batch_execute(&format!("VACUUM (INDEX_CLEANUP on) {TABLE}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let written = (wal::position(&mut copy.client)? - before) / MEGABYTE;
    let metric = Metric::less(format!("vacuum after {percent} % deleted, s"), 2);
    sheet.record(&metric, copy.name, seconds);
    let metric = Metric::less(format!("WAL of it, {percent} % deleted, MB"), 1);
    sheet.record(&metric, copy.name, written);
    let found = copy.search_range(NEIGHBOURS, 0, whole)?;
    let recall = mean_recall(&found.ids, truth, NEIGHBOURS);
    let metric = Metric::plain(format!("recall@10 after it, {percent} % deleted"), 4);
    sheet.record(&metric, copy.name, recall);
    Ok(())
}

/// The true neighbours that are left. Of the hundred that are known, ten are left for certain in
/// practice when half of the rows went.
fn living(truth: &[Vec<i32>], percent: usize) -> Vec<Vec<i32>> {
    let lives = |id: &&i32| id.cast_unsigned() as usize % 100 >= percent;
    truth
        .iter()
        .map(|near| {
            near.iter()
                .filter(lives)
                .take(NEIGHBOURS)
                .copied()
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::living;

    #[test]
    fn deleted_rows_are_no_neighbours() {
        let truth = vec![vec![119, 120, 5, 99, 250]];
        assert_eq!(living(&truth, 20), [[120, 99, 250]]);
        assert_eq!(living(&truth, 0), truth);
    }
}
