//! Inserts into a table with the index: rates and WAL. All work is done on a copy of the database.

use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use cluster::Server;
use pgvector::Vector;
use postgres::Client;
use testdata::Vectors;

use crate::dataset::Dataset;
use crate::sheet::{Metric, Sheet};
use crate::side::{Side, TABLE, order};
use crate::{update, wal};

/// Rows of one batch.
const BATCH: usize = 100;
/// Clients that insert at once.
const CLIENTS: usize = 2;
/// Every round needs rows for each of these: single, batched, by two clients, after a checkpoint.
const KINDS: usize = 4;
/// The table in which rows wait to be inserted in batches.
const FRESH: &str = "fresh";

/// The label of the rate that counts most.
pub const RATE_LABEL: &str = "inserts/s, single rows";

/// Inserts new rows into a copy of every side's table, alternating, `count` of each kind.
pub fn measure(
    server: &Server,
    sides: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
    count: usize,
) -> Result<Sheet> {
    let fresh = dataset.more(KINDS * rounds * count);
    let mut sheet = Sheet::default();
    let mut copies = copies(server, sides, &fresh)?;
    // Else the kernel writes the copies while the first one is measured.
    nix::unistd::sync();
    // Before the first checkpoint: no full pages are logged.
    for round in 0..rounds {
        for at in order(copies.len(), round) {
            let copy = &mut copies[at];
            single(&mut sheet, copy, &part(&fresh, 3 * round, count))?;
            batched(&mut sheet, copy, (3 * round + 1) * count, count)?;
            together(
                server,
                &mut sheet,
                copy,
                &part(&fresh, 3 * round + 2, count),
            )?;
        }
    }
    update::measure(&mut sheet, &mut copies, dataset, rounds, count)?;
    for round in 0..rounds {
        // Now the first change of every page logs it as a whole.
        server.connect("postgres")?.batch_execute("CHECKPOINT")?;
        for at in order(copies.len(), round) {
            let rows = part(&fresh, 3 * rounds + round, count);
            after_checkpoint(&mut sheet, &mut copies[at], &rows)?;
        }
    }
    for copy in copies {
        copy.discard(server)?;
    }
    Ok(sheet)
}

fn copies(server: &Server, sides: &mut [Side], fresh: &Vectors) -> Result<Vec<Side>> {
    // Else inserts that are measured would write what was changed before, to have its buffers.
    server.connect("postgres")?.batch_execute("CHECKPOINT")?;
    let mut copies = Vec::new();
    for side in sides {
        let mut copy = side.copy(server)?;
        copy.create_table(FRESH, fresh)?;
        copy.read_near(FRESH)?;
        copies.push(copy);
    }
    Ok(copies)
}

fn part(fresh: &Vectors, at: usize, count: usize) -> Vec<Vector> {
    let rows = fresh.part(at * count, count);
    rows.rows().map(|row| Vector::from(row.to_vec())).collect()
}

fn single(sheet: &mut Sheet, copy: &mut Side, rows: &[Vector]) -> Result<()> {
    let before = wal::position(&mut copy.client)?;
    let rate = per_second(&mut copy.client, rows)?;
    let written = wal::position(&mut copy.client)? - before;
    sheet.record(&Metric::more(RATE_LABEL, 0), copy.name, rate);
    let metric = Metric::less("WAL bytes a row, steady state", 0);
    sheet.record(&metric, copy.name, written / number(rows.len()));
    Ok(())
}

fn batched(sheet: &mut Sheet, copy: &mut Side, first: usize, count: usize) -> Result<()> {
    let started = Instant::now();
    for low in (first..first + count).step_by(BATCH) {
        let high = (low + BATCH).min(first + count);
        copy.client.batch_execute(&format!(
            "INSERT INTO {TABLE} (v) SELECT v FROM {FRESH} WHERE id >= {low} AND id < {high}"
        ))?;
    }
    let rate = number(count) / started.elapsed().as_secs_f64();
    let metric = Metric::more("inserts/s, batches of 100", 0);
    sheet.record(&metric, copy.name, rate);
    Ok(())
}

fn together(server: &Server, sheet: &mut Sheet, copy: &mut Side, rows: &[Vector]) -> Result<()> {
    let shares = rows.chunks(rows.len().div_ceil(CLIENTS));
    let work: Vec<(Client, &[Vector])> = shares
        .map(|share| Ok((copy.session(server)?, share)))
        .collect::<Result<_>>()?;
    let started = Instant::now();
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = work
            .into_iter()
            .map(|(mut client, share)| scope.spawn(move || per_second(&mut client, share)))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok(())
    })?;
    let rate = number(rows.len()) / started.elapsed().as_secs_f64();
    let metric = Metric::more("inserts/s, single rows, 2 clients", 0);
    sheet.record(&metric, copy.name, rate);
    Ok(())
}

fn after_checkpoint(sheet: &mut Sheet, copy: &mut Side, rows: &[Vector]) -> Result<()> {
    let before = wal::position(&mut copy.client)?;
    per_second(&mut copy.client, rows)?;
    let written = wal::position(&mut copy.client)? - before;
    let metric = Metric::less("WAL bytes a row, after a checkpoint", 0);
    sheet.record(&metric, copy.name, written / number(rows.len()));
    Ok(())
}

/// A prepared `INSERT` of one row in a transaction of its own, again and again.
fn per_second(client: &mut Client, rows: &[Vector]) -> Result<f64> {
    let statement = client.prepare(&format!("INSERT INTO {TABLE} (v) VALUES ($1::vector)"))?;
    let started = Instant::now();
    for row in rows {
        client.execute(&statement, &[row])?;
    }
    Ok(number(rows.len()) / started.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "rows are few")]
fn number(count: usize) -> f64 {
    count as f64
}
