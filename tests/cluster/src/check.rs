//! Whether an index is sound.

use anyhow::{Result, ensure};
use postgres::Client;
use testdata::sql::{DistanceSearch, Hit};
use testdata::{Metric, Vectors};

use crate::use_index;

/// Neighbours of a query that are compared with the exact answer.
const NEIGHBOURS: usize = 10;
const EF_SEARCH: u32 = 100;
/// An approximate index may miss a row at a moderate `ef_search`, but not this many ...
const MISSED_AT_MODERATE_EF: f64 = 0.02;
/// ... nor more than this share at a large one.
const LARGE_EF_SEARCH: u32 = 1000;
const MISSED_AT_LARGE_EF: f64 = 0.001;
/// Share of the exact answer's rows that searches must return.
const RECALL: f64 = 0.95;
/// In a table of more rows than this, only so many are searched for by their own vector.
const MANY_ROWS: i64 = 10_000;
/// A row may be this far from itself by cosine distance.
const ROUNDING: f64 = 1e-6;

/// Checks the index of a table: but for one in a thousand, every row is found by its own vector (by
/// Euclidean or cosine distance: a row need not be the nearest to itself by inner product), and all
/// are in a scan to the end; searches return each row
/// once, in order of distance, and the same distances as a sequential scan, but for the few rows
/// that an approximate index may miss; and `hnsw_check` finds no problem.
pub fn sound(client: &mut Client, table: &str, metric: Metric, queries: &Vectors) -> Result<()> {
    use_index(client, table, metric, queries.row(0))?;
    every_row_is_found(client, table, metric)?;
    searches_are_exact_enough(client, table, metric, queries)?;
    without_problems(client, &format!("{table}_v_idx"))
}

/// Fails if `hnsw_check` finds a problem, beside the rows of the table too.
pub fn without_problems(client: &mut Client, index: &str) -> Result<()> {
    let found = problems(client, index)?;
    ensure!(found.is_empty(), "{index}: {found:#?}");
    Ok(())
}

/// What `hnsw_check` finds, beside the rows of the table too.
pub fn problems(client: &mut Client, index: &str) -> Result<Vec<String>, postgres::Error> {
    let check = "SELECT p::text FROM hnsw_check($1::text::regclass, true) p";
    let rows = client.query(check, &[&index])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Searches for every row by its own vector; in a large table, for some of the rows.
fn every_row_is_found(client: &mut Client, table: &str, metric: Metric) -> Result<()> {
    let rows: i64 = client
        .query_one(&format!("SELECT count(*) FROM {table}"), &[])?
        .get(0);
    let every = rows / MANY_ROWS + 1;
    let some = format!("a.id % {every} = 0");
    let missed = missed_rows(client, table, metric, EF_SEARCH, &some)?;
    #[expect(clippy::cast_precision_loss, reason = "few rows")]
    let share = missed.len() as f64 / (rows / every).max(1) as f64;
    ensure!(
        share <= MISSED_AT_MODERATE_EF,
        "{} of {} rows not found at ef_search {EF_SEARCH}",
        missed.len(),
        rows / every
    );
    if !missed.is_empty() {
        let only = format!("a.id = ANY ('{{{}}}')", join(&missed));
        let lost = missed_rows(client, table, metric, LARGE_EF_SEARCH, &only)?;
        #[expect(clippy::cast_precision_loss, reason = "few rows")]
        let share = lost.len() as f64 / (rows / every) as f64;
        ensure!(
            share <= MISSED_AT_LARGE_EF,
            "of {} rows not found at ef_search {LARGE_EF_SEARCH}: {lost:?}",
            rows / every
        );
        for id in lost {
            a_scan_to_the_end_returns(client, table, metric, id)?;
        }
    }
    Ok(())
}

/// Whatever a search misses, a scan that goes on to the end has: every node can be reached.
fn a_scan_to_the_end_returns(
    client: &mut Client,
    table: &str,
    metric: Metric,
    id: i32,
) -> Result<()> {
    let operator = metric.operator();
    client.batch_execute("SET hnsw.scan_mem_multiplier = 1000")?;
    let rows = client.query(
        &format!(
            "SELECT id FROM {table} WHERE v {operator} \
             (SELECT v FROM {table} WHERE id = {id} LIMIT 1) <= 'infinity'"
        ),
        &[],
    )?;
    let index = client.query_one("SELECT hnsw_last_scan()->>'index'", &[])?;
    let index: Option<String> = index.get(0);
    ensure!(index == Some(format!("{table}_v_idx")), "not by the index");
    client.batch_execute("RESET hnsw.scan_mem_multiplier")?;
    let found = rows.iter().any(|row| row.get::<_, i32>(0) == id);
    ensure!(found, "row {id} is not in a scan to the end");
    Ok(())
}

/// Rows, among those that a condition selects, that a search by their own vector does not find.
fn missed_rows(
    client: &mut Client,
    table: &str,
    metric: Metric,
    ef_search: u32,
    condition: &str,
) -> Result<Vec<i32>> {
    client.batch_execute(&format!("SET hnsw.ef_search = {ef_search}"))?;
    let operator = metric.operator();
    let rows = client.query(
        &format!(
            "SELECT a.id FROM {table} a LEFT JOIN LATERAL \
             (SELECT b.v FROM {table} b ORDER BY b.v {operator} a.v LIMIT 1) AS nearest ON true \
             WHERE {condition} AND a.v IS NOT NULL AND \
             (nearest.v IS NULL OR (nearest.v {operator} a.v) > (a.v {operator} a.v) + {ROUNDING})"
        ),
        &[],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn join(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn searches_are_exact_enough(
    client: &mut Client,
    table: &str,
    metric: Metric,
    queries: &Vectors,
) -> Result<()> {
    client.batch_execute(&format!("SET hnsw.ef_search = {EF_SEARCH}"))?;
    let found = answers(client, table, metric, queries)?;
    client.batch_execute("SET enable_indexscan = off; SET enable_seqscan = on")?;
    let exact = answers(client, table, metric, queries)?;
    client.batch_execute("SET enable_indexscan = on; SET enable_seqscan = off")?;
    let (mut same, mut wanted) = (0, 0);
    for (found, exact) in found.iter().zip(&exact) {
        well_formed(found)?;
        ensure!(
            found.len() == exact.len(),
            "{} rows instead of {}",
            found.len(),
            exact.len()
        );
        for (found, exact) in found.iter().zip(exact) {
            ensure!(
                found.distance >= exact.distance,
                "nearer than exact: {found:?}, {exact:?}"
            );
        }
        let farthest = exact.last().map_or(0.0, |hit| hit.distance);
        same += found.iter().filter(|hit| hit.distance <= farthest).count();
        wanted += exact.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "few rows")]
    let recall = same as f64 / wanted as f64;
    ensure!(wanted == 0 || recall >= RECALL, "recall {recall}");
    Ok(())
}

fn answers(
    client: &mut Client,
    table: &str,
    metric: Metric,
    queries: &Vectors,
) -> Result<Vec<Vec<Hit>>> {
    let search = DistanceSearch::prepare(client, table, metric, NEIGHBOURS)?;
    queries
        .rows()
        .map(|query| Ok(search.run(client, query)?))
        .collect()
}

/// Rows come once each and in order of distance.
pub fn well_formed(hits: &[Hit]) -> Result<()> {
    ensure!(
        hits.is_sorted_by(|a, b| a.distance <= b.distance),
        "not in order: {hits:?}"
    );
    let mut ids: Vec<i32> = hits.iter().map(|hit| hit.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ensure!(ids.len() == hits.len(), "a row came twice: {hits:?}");
    Ok(())
}
