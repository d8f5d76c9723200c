//! Searches with a condition on another column: with that column in the index, with the filter
//! outside of it, and exact through a btree index.
//!
//! Three labels a row, numbers from 0 to 9,999: `free` has nothing to do with the vector; `near` is
//! the row's place in the order of regions of space, so that a range of it lies together. A condition on
//! `near` asks for a range around the query's own place, or for one far from it.

use anyhow::Result;
use cluster::Server;
use rayon::prelude::*;
use testdata::Metric as Distance;

use crate::buffers;
use crate::dataset::Dataset;
use crate::sheet::{Metric, Sheet};
use crate::side::{INDEX, OURS, QUERIES, Side, TABLE, order};

const NEIGHBOURS: usize = 10;
/// So many queries: at small shares pgvector takes a tenth of a second for one.
const ASKED: usize = 100;
/// So many are explained.
const EXPLAINED: usize = 20;
/// Labels are below this.
const LABELS: usize = 10_000;
/// Places whose nearest rows are a region.
const REGIONS: usize = 100;
/// In ten thousandths of the rows.
const SHARES: [usize; 5] = [5_000, 1_000, 100, 10, 1];

/// A condition on a label.
struct Condition {
    name: String,
    /// For each query: the labels that match, of which column.
    ranges: Vec<(usize, usize)>,
    column: &'static str,
    /// The same in SQL, of a row `i` and a query `q`.
    sql: String,
    truth: Vec<Vec<i32>>,
}

/// How a side is asked.
struct Arm {
    what: &'static str,
    /// Statements before it, of our side and of the other.
    settings: [&'static str; 2],
}

/// Compares the ways, alternating between the sides.
pub fn measure(
    server: &Server,
    sides: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
) -> Result<Sheet> {
    let mut sheet = Sheet::default();
    let labels = Labels::of(dataset);
    let conditions = labels.conditions(dataset);
    let mut copies = Vec::new();
    for side in sides.iter_mut() {
        let mut copy = side.copy(server)?;
        copy.set_memory(&dataset.ample_memory())?;
        prepare(&mut copy, &labels, &conditions)?;
        copies.push(copy);
    }
    let strict = "SET hnsw.iterative_scan = strict_order";
    let relaxed = "SET hnsw.iterative_scan = relaxed_order";
    // The index of the vector alone is there already.
    let outside = Arm {
        what: "filter outside the index (pgvector: relaxed order)",
        settings: [strict, relaxed],
    };
    no_filter(
        &mut sheet,
        &mut copies,
        dataset,
        rounds,
        "index of the vector alone",
    )?;
    ask(
        &mut sheet,
        &mut copies,
        dataset,
        &conditions,
        rounds,
        &outside,
    )?;
    for copy in &mut copies {
        if copy.name == OURS {
            copy.client.batch_execute(&format!(
                "DROP INDEX {INDEX}; CREATE INDEX {INDEX} ON {TABLE} USING hnsw (v {}, free, near)",
                copy.class()
            ))?;
        }
    }
    let inside = Arm {
        what: "filter in the index (pgvector: outside, strict order)",
        settings: [strict, strict],
    };
    no_filter(
        &mut sheet,
        &mut copies,
        dataset,
        rounds,
        "index with key columns",
    )?;
    ask(
        &mut sheet,
        &mut copies,
        dataset,
        &conditions,
        rounds,
        &inside,
    )?;
    for copy in &mut copies {
        copy.client.batch_execute(&format!(
            "DROP INDEX {INDEX};
             CREATE INDEX ON {TABLE} (free); CREATE INDEX ON {TABLE} (near)"
        ))?;
    }
    let exact = Arm {
        what: "exact, through a btree index",
        settings: ["", ""],
    };
    ask(
        &mut sheet,
        &mut copies,
        dataset,
        &conditions,
        rounds,
        &exact,
    )?;
    for copy in copies {
        copy.discard(server)?;
    }
    Ok(sheet)
}

fn no_filter(
    sheet: &mut Sheet,
    copies: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
    what: &str,
) -> Result<()> {
    for round in 0..rounds {
        for at in order(copies.len(), round) {
            let copy = &mut copies[at];
            let found = copy.search_range(NEIGHBOURS, 0, ASKED)?;
            let metric = Metric::less(format!("no filter, {what}: ms"), 3);
            sheet.record(&metric, copy.name, found.millis);
            let recall = recall(&found.ids, &dataset.truth);
            let metric = Metric::plain(format!("no filter, {what}: recall@10"), 4);
            sheet.record(&metric, copy.name, recall);
        }
    }
    Ok(())
}

fn ask(
    sheet: &mut Sheet,
    copies: &mut [Side],
    dataset: &Dataset,
    conditions: &[Condition],
    rounds: usize,
    arm: &Arm,
) -> Result<()> {
    for copy in copies.iter_mut() {
        copy.client
            .batch_execute(arm.settings[usize::from(copy.name != OURS)])?;
    }
    for (number, condition) in conditions.iter().enumerate() {
        let label = |of: &str| format!("{}, {}: {of}", condition.name, arm.what);
        for round in 0..rounds {
            for at in order(copies.len(), round) {
                let copy = &mut copies[at];
                let call = format!("SELECT ids, micros FROM bench_filter_{number}()");
                let rows = copy.client.query(&call, &[])?;
                let ids: Vec<Vec<i32>> = rows.iter().map(|row| row.get(0)).collect();
                let micros: f64 = rows.iter().map(|row| row.get::<_, f64>(1)).sum();
                let count = ids.iter().map(Vec::len).sum::<usize>();
                let wanted: usize = condition
                    .truth
                    .iter()
                    .map(|t| t.len().min(NEIGHBOURS))
                    .sum();
                #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
                let (millis, share) = (
                    micros / 1e3 / ids.len() as f64,
                    count as f64 / wanted.max(1) as f64,
                );
                sheet.record(&Metric::less(label("ms"), 3), copy.name, millis);
                let found = recall(&ids, &condition.truth);
                sheet.record(&Metric::plain(label("recall@10"), 4), copy.name, found);
                sheet.record(
                    &Metric::plain(label("rows of those wanted"), 3),
                    copy.name,
                    share,
                );
            }
        }
        for copy in copies.iter_mut() {
            let touched = touched(copy, dataset, condition)?;
            sheet.record(&Metric::less(label("buffers"), 0), copy.name, touched);
        }
    }
    Ok(())
}

/// Buffers that a query touches.
fn touched(copy: &mut Side, dataset: &Dataset, condition: &Condition) -> Result<f64> {
    let mut total = 0.0;
    let queries = dataset.queries.rows().zip(&condition.ranges);
    for (query, (from, to)) in queries.take(EXPLAINED) {
        let vector = testdata::sql::text(query);
        let plan = buffers::explain(
            &mut copy.client,
            &format!(
                "SELECT id FROM {TABLE} WHERE {column} >= {from} AND {column} < {to}
                 ORDER BY v {operator} '{vector}' LIMIT {NEIGHBOURS}",
                column = condition.column,
                operator = copy.operator,
            ),
        )?;
        total += plan.hit + plan.read;
    }
    #[expect(clippy::cast_precision_loss, reason = "queries are few")]
    let count = EXPLAINED as f64;
    Ok(total / count)
}

/// The share of the true nearest, of which there may be fewer than asked for, that were found.
fn recall(found: &[Vec<i32>], truth: &[Vec<i32>]) -> f64 {
    let pairs = found.iter().zip(truth);
    let (hits, wanted) = pairs.fold((0, 0), |(hits, wanted), (found, truth)| {
        let near = &truth[..truth.len().min(NEIGHBOURS)];
        let hit = near.iter().filter(|id| found.contains(id)).count();
        (hits + hit, wanted + near.len())
    });
    #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
    let share = f64::from(hits as u32) / wanted.max(1) as f64;
    share
}

/// Gives the table its labels and makes a function of each condition.
fn prepare(copy: &mut Side, labels: &Labels, conditions: &[Condition]) -> Result<()> {
    let copied = labels.free.iter().zip(&labels.near).enumerate();
    let rows: String = copied
        .map(|(id, (free, near))| format!("{id}\t{free}\t{near}\n"))
        .collect();
    copy.client
        .batch_execute("CREATE TABLE labels (id int, free int, near int)")?;
    let mut sink = copy.client.copy_in("COPY labels FROM STDIN")?;
    std::io::Write::write_all(&mut sink, rows.as_bytes())?;
    sink.finish()?;
    copy.client.batch_execute(&format!(
        "CREATE TABLE labelled AS
             SELECT i.id, i.v, l.free, l.near FROM {TABLE} i JOIN labels l USING (id) ORDER BY id;
         DROP TABLE {TABLE}, labels;
         ALTER TABLE labelled RENAME TO {TABLE};
         ALTER TABLE {TABLE} SET (parallel_workers = 1)"
    ))?;
    copy.client
        .batch_execute(&format!("VACUUM (FREEZE, ANALYZE) {TABLE}"))?;
    copy.create_index()?;
    copy.client.batch_execute(&format!(
        "ALTER TABLE {QUERIES} ADD near int; CREATE TABLE places (id int, near int)"
    ))?;
    let rows: String = labels
        .places
        .iter()
        .enumerate()
        .map(|(id, place)| format!("{id}\t{place}\n"))
        .collect();
    let mut sink = copy.client.copy_in("COPY places FROM STDIN")?;
    std::io::Write::write_all(&mut sink, rows.as_bytes())?;
    sink.finish()?;
    copy.client.batch_execute(&format!(
        "UPDATE {QUERIES} q SET near = p.near FROM places p WHERE p.id = q.id"
    ))?;
    for (number, condition) in conditions.iter().enumerate() {
        copy.client.batch_execute(&format!(
            "CREATE FUNCTION bench_filter_{number}()
             RETURNS TABLE (ids int[], micros float8) LANGUAGE plpgsql AS $$
             DECLARE
                 q record;
                 target {column};
                 started timestamptz;
             BEGIN
                 FOR q IN SELECT * FROM {QUERIES} WHERE id < {ASKED} ORDER BY id LOOP
                     target := subvector(q.v, 1, vector_dims(q.v));
                     started := clock_timestamp();
                     ids := ARRAY(SELECT i.id FROM {TABLE} i WHERE {condition}
                                  ORDER BY i.v {operator} target LIMIT {NEIGHBOURS});
                     micros := 1e6 * extract(epoch FROM clock_timestamp() - started);
                     RETURN NEXT;
                 END LOOP;
             END $$",
            column = copy.column,
            operator = copy.operator,
            condition = condition.sql,
        ))?;
    }
    Ok(())
}

/// The labels of rows, and the places of queries.
struct Labels {
    free: Vec<usize>,
    near: Vec<usize>,
    places: Vec<usize>,
}

impl Labels {
    fn of(dataset: &Dataset) -> Self {
        let rows = dataset.base.len();
        // A permutation, so that all labels are as frequent: the factor is prime to most sizes.
        let free = (0..rows)
            .map(|row| row.wrapping_mul(7_919) % rows * LABELS / rows)
            .collect();
        let region = |row: &[f32]| region(dataset, row);
        let regions: Vec<usize> = (0..rows)
            .into_par_iter()
            .map(|row| region(dataset.base.row(row)))
            .collect();
        let mut sorted: Vec<usize> = (0..rows).collect();
        sorted.sort_by_key(|&row| (regions[row], row));
        let mut near = vec![0; rows];
        let mut ends = vec![(usize::MAX, 0); REGIONS];
        for (place, &row) in sorted.iter().enumerate() {
            near[row] = place * LABELS / rows;
            let (first, last) = &mut ends[regions[row]];
            (*first, *last) = ((*first).min(near[row]), near[row]);
        }
        let middle = |query: &[f32]| {
            let (first, last) = ends[region(query)];
            usize::midpoint(first.min(last), last)
        };
        Self {
            free,
            near,
            places: dataset.queries.rows().take(ASKED).map(middle).collect(),
        }
    }

    fn conditions(&self, dataset: &Dataset) -> Vec<Condition> {
        let distances: Vec<Vec<f64>> = dataset
            .queries
            .rows()
            .take(ASKED)
            .collect::<Vec<_>>()
            .par_iter()
            .map(|query| distances(dataset, query))
            .collect();
        let mut conditions = Vec::new();
        for share in SHARES {
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let percent = share as f64 * 100.0 / LABELS as f64;
            conditions.push(Condition {
                name: format!("{percent} %"),
                ranges: vec![(0, share); self.places.len()],
                column: "free",
                sql: format!("i.free >= 0 AND i.free < {share}"),
                truth: Vec::new(),
            });
            for (name, away) in [("around the query", 0), ("far from the query", LABELS / 2)] {
                let range = |place: &usize| {
                    let from = ((place + away) % LABELS).saturating_sub(share / 2);
                    (from, from + share)
                };
                let from = format!("greatest((q.near + {away}) % {LABELS} - {}, 0)", share / 2);
                conditions.push(Condition {
                    name: format!("{percent} % {name}"),
                    ranges: self.places.iter().map(range).collect(),
                    column: "near",
                    sql: format!("i.near >= {from} AND i.near < {from} + {share}"),
                    truth: Vec::new(),
                });
            }
        }
        for condition in &mut conditions {
            let labels = match condition.column {
                "free" => &self.free,
                _ => &self.near,
            };
            condition.truth = distances
                .iter()
                .zip(&condition.ranges)
                .map(|(distances, &(from, to))| nearest(distances, labels, from..to))
                .collect();
        }
        conditions
    }
}

/// The nearest rows among those whose label is in a range.
fn nearest(distances: &[f64], labels: &[usize], range: std::ops::Range<usize>) -> Vec<i32> {
    let matching = (0..distances.len()).filter(|&row| range.contains(&labels[row]));
    let mut rows: Vec<usize> = matching.collect();
    rows.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    rows.truncate(NEIGHBOURS);
    rows.into_iter()
        .map(|row| i32::try_from(row).expect("row numbers fit"))
        .collect()
}

fn distances(dataset: &Dataset, query: &[f32]) -> Vec<f64> {
    let rows = dataset.base.rows();
    rows.map(|row| dataset.metric.distance(row, query))
        .collect()
}

/// The first of the rows that is nearest.
fn region(dataset: &Dataset, row: &[f32]) -> usize {
    let metric: Distance = dataset.metric;
    let places = dataset.base.rows().take(REGIONS).enumerate();
    let near = places.map(|(place, other)| (metric.distance(other, row), place));
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |n| n.1)
}

#[cfg(test)]
mod tests {
    use super::{nearest, recall};

    #[test]
    fn only_rows_that_match_are_true() {
        let distances = [0.5, 0.1, 0.9, 0.3];
        assert_eq!(nearest(&distances, &[1, 9, 2, 3], 0..3), [0, 2]);
    }

    #[test]
    fn recall_of_few_rows() {
        assert!((recall(&[vec![1, 2], vec![]], &[vec![1], vec![]]) - 1.0).abs() < 1e-9);
    }
}
