//! Repeated measurements.

use serde::Serialize;

/// The rounds of one measurement, and their median.
#[derive(Debug, Clone, Serialize)]
pub struct Spread {
    /// The middle round.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Summarises the rounds, of which there is at least one.
    pub fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Self {
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }

    /// `median (min-max)` with this many decimals; the median alone where nothing varies.
    pub fn text(&self, decimals: usize) -> String {
        let median = format!("{:.decimals$}", self.median);
        let (min, max) = (
            format!("{:.decimals$}", self.min),
            format!("{:.decimals$}", self.max),
        );
        if min == max {
            median
        } else {
            format!("{median} ({min}-{max})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn medians() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).text(0), "2 (1-3)");
        assert_eq!(Spread::of(&[4.0, 1.0]).text(1), "2.5 (1.0-4.0)");
        assert_eq!(Spread::of(&[1.01, 1.02]).text(1), "1.0");
    }
}
