//! Recall and latency over a sweep of `ef_search`.

use serde::Serialize;

use crate::spread::Spread;

/// One setting, with the rounds of its latency.
#[derive(Debug, Clone)]
pub struct Point {
    /// The beam.
    pub ef: u32,
    /// Mean recall.
    pub recall: f64,
    /// Mean latency of a query in each round, in milliseconds.
    pub millis: Vec<f64>,
}

/// What a sweep says about a recall.
#[derive(Debug, PartialEq)]
pub enum At {
    /// The latency in each round, between the points around the recall.
    Between(Vec<f64>),
    /// Already the first point lies above: its latency; the true one is lower.
    Below(Vec<f64>),
    /// No point came so far; the best recall.
    Never(f64),
}

/// The points of one arm in order of `ef`.
#[derive(Debug, Default)]
pub struct Curve {
    points: Vec<Point>,
}

impl Curve {
    /// Adds a round of a setting.
    pub fn record(&mut self, ef: u32, recall: f64, millis: f64) {
        match self.points.iter_mut().find(|point| point.ef == ef) {
            Some(point) => point.millis.push(millis),
            None => self.points.push(Point {
                ef,
                recall,
                millis: vec![millis],
            }),
        }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether a smaller setting found at least this much, so that this one is not needed.
    pub fn enough_before(&self, ef: u32, recall: f64) -> bool {
        let mut smaller = self.points.iter().filter(|point| point.ef < ef);
        smaller.any(|point| point.recall >= recall)
    }

    /// The latency at a recall.
    pub fn at(&self, recall: f64) -> At {
        let Some(reached) = self.points.iter().position(|p| p.recall >= recall) else {
            let best = self.points.iter().map(|point| point.recall);
            return At::Never(best.fold(0.0, f64::max));
        };
        let above = &self.points[reached];
        let Some(below) = reached.checked_sub(1).map(|at| &self.points[at]) else {
            return At::Below(above.millis.clone());
        };
        let share = (recall - below.recall) / (above.recall - below.recall);
        let rounds = below.millis.iter().zip(&above.millis);
        At::Between(
            rounds
                .map(|(low, high)| low + share * (high - low))
                .collect(),
        )
    }

    /// The smallest setting that reaches a recall.
    pub fn setting(&self, recall: f64) -> Option<u32> {
        let mut points = self.points.iter();
        points.find(|p| p.recall >= recall).map(|p| p.ef)
    }

    /// The points, summarised.
    pub fn summary(&self) -> Vec<Summary> {
        let points = self.points.iter();
        points
            .map(|point| Summary {
                ef_search: point.ef,
                recall: point.recall,
                millis: Spread::of(&point.millis),
            })
            .collect()
    }
}

/// One setting, as the report has it.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The setting.
    pub ef_search: u32,
    /// Mean recall.
    pub recall: f64,
    /// Mean latency of a query.
    pub millis: Spread,
}

#[cfg(test)]
mod tests {
    use super::{At, Curve};

    fn curve() -> Curve {
        let mut curve = Curve::default();
        for shift in [0.0, 1.0] {
            curve.record(10, 0.92, 1.0 + shift);
            curve.record(20, 0.96, 2.0 + shift);
        }
        curve
    }

    #[test]
    fn between_two_points() {
        let At::Between(rounds) = curve().at(0.94) else {
            panic!("between");
        };
        assert!((rounds[0] - 1.5).abs() < 1e-9 && (rounds[1] - 2.5).abs() < 1e-9);
    }

    #[test]
    fn outside_of_the_sweep() {
        assert_eq!(curve().at(0.90), At::Below(vec![1.0, 2.0]));
        assert_eq!(curve().at(0.99), At::Never(0.96));
    }

    #[test]
    fn settings() {
        assert_eq!(curve().setting(0.95), Some(20));
        assert_eq!(curve().setting(0.99), None);
        assert!(curve().enough_before(30, 0.95));
        assert!(!curve().enough_before(20, 0.95));
    }
}
