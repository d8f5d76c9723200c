//! Recall and latency: the index against the exact answer of a sequential scan.

use std::time::{Duration, Instant};

use anyhow::Result;
use postgres::Client;

use crate::corpus::Document;
use crate::database::{Hit, NEIGHBOURS, Search};
use crate::embedding::Embedder;

/// How many queries are measured.
pub const QUERIES: usize = 200;
/// Distances closer than this are the same distance: many objects share a description.
const SAME: f64 = 1e-6;

/// What the measurement found.
pub struct Figures {
    /// Share of the exact answer's rows that the index found.
    pub recall: f64,
    /// Median time of a search through the index.
    pub index: Duration,
    /// Median time of a sequential scan.
    pub scan: Duration,
}

/// Compares both ways on queries made of every third word left out of real descriptions.
pub fn measure(
    client: &mut Client,
    embedder: &Embedder,
    documents: &[Document],
) -> Result<Figures> {
    let step = documents.len() / QUERIES;
    let queries: Vec<Vec<f32>> = documents
        .iter()
        .step_by(step.max(1))
        .take(QUERIES)
        .map(|document| embedder.embed(&shortened(&document.text())))
        .collect();
    let (found, index) = run(client, &queries, "")?;
    let (exact, scan) = run(client, &queries, "SET LOCAL enable_indexscan = off")?;
    Ok(Figures {
        recall: recall(&found, &exact),
        index,
        scan,
    })
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().enumerate();
    let kept: Vec<&str> = words
        .filter(|(at, _)| at % 3 != 1)
        .map(|(_, word)| word)
        .collect();
    kept.join(" ")
}

/// The answers and the median time, after one round to warm up.
fn run(client: &mut Client, queries: &[Vec<f32>], set: &str) -> Result<(Vec<Vec<Hit>>, Duration)> {
    client.batch_execute(&format!("BEGIN; {set}"))?;
    let search = Search::prepare(client)?;
    let mut answers = Vec::new();
    let mut times = Vec::new();
    for round in 0..2 {
        for query in queries {
            let started = Instant::now();
            let hits = search.run(client, query)?;
            times.push(started.elapsed());
            if round == 0 {
                answers.push(hits);
            }
        }
        if round == 0 {
            times.clear();
        }
    }
    client.batch_execute("COMMIT")?;
    times.sort_unstable();
    Ok((answers, times[times.len() / 2]))
}

/// A row counts as found when it is as near as the exact answer's last row: which of several
/// equally near rows are returned is no matter of right or wrong.
fn recall(found: &[Vec<Hit>], exact: &[Vec<Hit>]) -> f64 {
    let mut hits = 0;
    let mut wanted = 0;
    for (found, exact) in found.iter().zip(exact) {
        let farthest = exact.last().map_or(0.0, |hit| hit.distance) + SAME;
        hits += found
            .iter()
            .take(NEIGHBOURS)
            .filter(|hit| hit.distance <= farthest)
            .count();
        wanted += exact.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let share = hits as f64 / wanted as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::{Hit, recall, shortened};

    #[test]
    fn equally_near_rows_count() {
        let hits = |distances: &[f64]| -> Vec<Hit> {
            distances
                .iter()
                .map(|&distance| Hit { id: 0, distance })
                .collect()
        };
        assert!((recall(&[hits(&[0.1, 0.2])], &[hits(&[0.1, 0.2])]) - 1.0).abs() < 1e-9);
        assert!((recall(&[hits(&[0.1, 0.3])], &[hits(&[0.1, 0.2])]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn every_third_word_goes() {
        assert_eq!(shortened("a b c d e f"), "a c d f");
    }
}
