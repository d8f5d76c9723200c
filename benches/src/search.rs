//! Recall and latency over a sweep of `hnsw.ef_search`.

use std::time::Instant;

use anyhow::{Context, Result};
use pgvector::Vector;
use postgres::Client;
use serde::Serialize;
use serde_json::Value;
use testdata::sql::Search;
use testdata::{mean_recall, sql};

use crate::dataset::{Dataset, NEIGHBOURS};
use crate::side::{Side, TABLE, order};
use crate::spread::Spread;

const SWEEP: [u32; 16] = [
    4, 6, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 1000,
];
/// The sweep of a side ends when it finds this much.
const PLENTY: f64 = 0.995;
/// Recalls at which latencies are compared.
pub const RECALLS: [f64; 3] = [0.90, 0.95, 0.99];
/// Buffers are counted at the smallest `ef_search` that reaches this recall.
pub const BUFFERS_AT: f64 = 0.95;
const BUFFER_QUERIES: usize = 50;
/// Searching takes little time next to building, and is disturbed more easily.
const ROUNDS_PER_ROUND: usize = 2;

/// What was measured.
#[derive(Serialize)]
pub struct Searches {
    /// Time of a query that does nothing but take a vector, in milliseconds.
    pub round_trip_ms: Spread,
    /// One point for every `ef_search`.
    pub sweep: Vec<Point>,
    /// Latency at given recalls.
    pub at_recall: Vec<AtRecall>,
    /// Buffers a query touched, index and table together.
    pub buffers: Option<Buffers>,
}

/// One `ef_search`.
#[derive(Serialize)]
pub struct Point {
    /// The setting.
    pub ef_search: u32,
    /// Mean recall@10.
    pub recall: f64,
    /// Mean latency of a query, client included.
    pub millis: Spread,
}

/// The latency at a recall.
#[derive(Serialize)]
pub struct AtRecall {
    /// The recall.
    pub recall: f64,
    /// The latency, interpolated between the two measured points around the recall; `None` when
    /// the sweep did not reach it.
    pub millis: Option<Spread>,
    /// Whether already the first point of the sweep lay above the recall: the latency is then
    /// that point's, and the true one is lower.
    pub below_sweep: bool,
}

/// Buffers touched by a query.
#[derive(Serialize)]
pub struct Buffers {
    /// The setting.
    pub ef_search: u32,
    /// Mean number of shared buffers hit or read.
    pub per_query: f64,
}

/// The rounds of a point, before they are summarised.
struct Rounds {
    ef_search: u32,
    recall: f64,
    millis: Vec<f64>,
}

/// Sweeps all sides, alternating at every point.
pub fn measure(sides: &mut [Side], dataset: &Dataset, rounds: usize) -> Result<Vec<Searches>> {
    let mut curves: Vec<Vec<Rounds>> = sides.iter().map(|_| Vec::new()).collect();
    let mut round_trips = vec![Vec::new(); sides.len()];
    for side in sides.iter_mut() {
        warm_up(side, dataset)?;
    }
    for round in 0..rounds * ROUNDS_PER_ROUND {
        for (step, ef_search) in SWEEP.into_iter().enumerate() {
            for at in order(sides, round) {
                let enough = step > 0
                    && curves[at]
                        .get(step - 1)
                        .is_none_or(|point| point.recall >= PLENTY);
                if enough {
                    continue;
                }
                let (recall, millis) = run(&mut sides[at].client, dataset, ef_search)?;
                if round == 0 {
                    curves[at].push(Rounds {
                        ef_search,
                        recall,
                        millis: Vec::new(),
                    });
                }
                if let Some(point) = curves[at].get_mut(step) {
                    point.millis.push(millis);
                }
            }
        }
        for at in order(sides, round) {
            round_trips[at].push(round_trip(&mut sides[at].client, dataset)?);
        }
    }
    sides
        .iter_mut()
        .zip(curves)
        .zip(round_trips)
        .map(|((side, curve), round_trip)| summary(side, dataset, &curve, &round_trip))
        .collect()
}

/// Reads index and table into the buffers, and lets the planner settle on a plan.
fn warm_up(side: &mut Side, dataset: &Dataset) -> Result<()> {
    side.client.batch_execute(&format!(
        "SET enable_seqscan = off; SET hnsw.ef_search = {}",
        SWEEP[SWEEP.len() / 2]
    ))?;
    Search::prepare(&mut side.client, TABLE, dataset.metric, NEIGHBOURS)?
        .run_all(&mut side.client, &dataset.queries)?;
    Ok(())
}

/// Mean recall and mean latency of all queries at one setting.
fn run(client: &mut Client, dataset: &Dataset, ef_search: u32) -> Result<(f64, f64)> {
    client.batch_execute(&format!("SET hnsw.ef_search = {ef_search}"))?;
    let search = Search::prepare(client, TABLE, dataset.metric, NEIGHBOURS)?;
    let started = Instant::now();
    let found = search.run_all(client, &dataset.queries)?;
    let millis = mean_millis(started, dataset);
    Ok((mean_recall(&found, &dataset.truth, NEIGHBOURS), millis))
}

fn round_trip(client: &mut Client, dataset: &Dataset) -> Result<f64> {
    let statement = client.prepare("SELECT $1::vector IS NULL")?;
    let started = Instant::now();
    for query in dataset.queries.rows() {
        client.query(&statement, &[&Vector::from(query.to_vec())])?;
    }
    Ok(mean_millis(started, dataset))
}

#[expect(clippy::cast_precision_loss, reason = "queries are few")]
fn mean_millis(started: Instant, dataset: &Dataset) -> f64 {
    started.elapsed().as_secs_f64() * 1e3 / dataset.queries.len() as f64
}

fn summary(
    side: &mut Side,
    dataset: &Dataset,
    curve: &[Rounds],
    round_trip: &[f64],
) -> Result<Searches> {
    let sweep = curve
        .iter()
        .map(|point| Point {
            ef_search: point.ef_search,
            recall: point.recall,
            millis: Spread::of(&point.millis),
        })
        .collect();
    let buffers = match curve.iter().find(|point| point.recall >= BUFFERS_AT) {
        Some(point) => Some(buffers(&mut side.client, dataset, point.ef_search)?),
        None => None,
    };
    Ok(Searches {
        round_trip_ms: Spread::of(round_trip),
        sweep,
        at_recall: RECALLS
            .iter()
            .map(|&recall| at_recall(curve, recall))
            .collect(),
        buffers,
    })
}

fn at_recall(curve: &[Rounds], recall: f64) -> AtRecall {
    let reached = curve.iter().position(|point| point.recall >= recall);
    let millis = reached.map(|at| {
        let above = &curve[at];
        let Some(below) = at.checked_sub(1).map(|at| &curve[at]) else {
            return Spread::of(&above.millis);
        };
        let share = (recall - below.recall) / (above.recall - below.recall);
        let rounds = below.millis.iter().zip(&above.millis);
        Spread::of(
            &rounds
                .map(|(low, high)| low + share * (high - low))
                .collect::<Vec<_>>(),
        )
    });
    AtRecall {
        recall,
        millis,
        below_sweep: reached == Some(0),
    }
}

fn buffers(client: &mut Client, dataset: &Dataset, ef_search: u32) -> Result<Buffers> {
    client.batch_execute(&format!("SET hnsw.ef_search = {ef_search}"))?;
    let mut total = 0;
    let mut queries = 0u32;
    for query in dataset.queries.rows().take(BUFFER_QUERIES) {
        let explain = format!(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM {TABLE} \
             ORDER BY v {} '{}' LIMIT {NEIGHBOURS}",
            dataset.metric.operator(),
            sql::text(query)
        );
        total += touched(&simple_query(client, &explain)?)?;
        queries += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a sum of small counts")]
    let per_query = total as f64 / f64::from(queries);
    Ok(Buffers {
        ef_search,
        per_query,
    })
}

/// The text that a query returns, whatever its type.
fn simple_query(client: &mut Client, query: &str) -> Result<String> {
    let messages = client.simple_query(query)?;
    let text = messages.iter().find_map(|message| match message {
        postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    text.context("no row")
}

fn touched(plan: &str) -> Result<u64> {
    let plan: Value = serde_json::from_str(plan)?;
    let count = |name: &str| {
        plan[0]["Plan"][name]
            .as_u64()
            .with_context(|| name.to_owned())
    };
    Ok(count("Shared Hit Blocks")? + count("Shared Read Blocks")?)
}

#[cfg(test)]
mod tests {
    use super::{Rounds, at_recall, touched};

    fn curve() -> Vec<Rounds> {
        let point = |ef_search, recall, millis: f64| Rounds {
            ef_search,
            recall,
            millis: vec![millis, millis + 1.0],
        };
        vec![point(10, 0.92, 1.0), point(20, 0.96, 2.0)]
    }

    #[test]
    fn between_two_points() {
        let at = at_recall(&curve(), 0.94);
        assert!((at.millis.unwrap().median - 2.0).abs() < 1e-9);
        assert!(!at.below_sweep);
    }

    #[test]
    fn outside_of_the_sweep() {
        let at = at_recall(&curve(), 0.90);
        assert!(at.below_sweep);
        assert!((at.millis.unwrap().min - 1.0).abs() < 1e-9);
        assert!(at_recall(&curve(), 0.99).millis.is_none());
    }

    #[test]
    fn buffers_of_a_plan() {
        let plan = r#"[{"Plan": {"Shared Hit Blocks": 5, "Shared Read Blocks": 2}}]"#;
        assert_eq!(touched(plan).unwrap(), 7);
    }
}
