//! How costs grow with the number of rows: the exponent of a power of it.

use crate::build;
use crate::insert::RATE_LABEL;
use crate::report::DatasetReport;
use crate::search::{OPERATING_POINT, latency_label};
use crate::sheet::{Metric, Sheet};

/// A cost that is followed over the sizes.
pub struct Cost {
    /// What it is, in a picture.
    pub title: &'static str,
    /// The line that has it.
    pub label: String,
    /// Whether the line has a rate, the inverse of the cost.
    rate: bool,
}

/// The costs that are followed.
pub fn costs() -> [Cost; 3] {
    [
        Cost {
            title: "build, s",
            label: build::time_label(),
            rate: false,
        },
        Cost {
            title: "search, ms at recall@10 0.95",
            label: latency_label(10, OPERATING_POINT),
            rate: false,
        },
        Cost {
            title: "insert, s a row",
            label: RATE_LABEL.to_owned(),
            rate: true,
        },
    ]
}

/// Rows and cost of every set of the series that has a figure.
pub fn points(datasets: &[DatasetReport], cost: &Cost, arm: &str) -> Vec<(f64, f64)> {
    let series = datasets.iter().filter(|dataset| dataset.growth);
    series
        .filter_map(|dataset| {
            let value = dataset.median(&cost.label, arm)?;
            #[expect(clippy::cast_precision_loss, reason = "rows are few")]
            let rows = dataset.rows as f64;
            Some((rows, if cost.rate { value.recip() } else { value }))
        })
        .collect()
}

/// The exponents of all costs and arms; `None` where too few sizes were measured.
pub fn exponents(datasets: &[DatasetReport]) -> Option<Sheet> {
    let largest = datasets.iter().rfind(|dataset| dataset.growth)?;
    let mut sheet = Sheet::default();
    for cost in costs() {
        let metric = Metric::plain(format!("exponent of {}", cost.title), 2);
        for arm in &largest.arms {
            if let Some(exponent) = exponent(&points(datasets, &cost, &arm.name)) {
                sheet.record(&metric, &arm.name, exponent);
            }
        }
    }
    (!sheet.lines().is_empty()).then_some(sheet)
}

/// The slope of a straight line through the logarithms, by least squares.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let logs = points.iter().map(|(x, y)| (x.ln(), y.ln()));
    #[expect(clippy::cast_precision_loss, reason = "points are few")]
    let count = points.len() as f64;
    let (sum_x, sum_y) = logs
        .clone()
        .fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in logs {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x).powi(2);
    }
    (below > 0.0).then_some(above / below)
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn exponents_of_powers() {
        let points: Vec<_> = [1.0f64, 3.0, 10.0, 50.0]
            .map(|x| (x, 7.0 * x.powf(1.2)))
            .to_vec();
        assert!((exponent(&points).unwrap() - 1.2).abs() < 1e-9);
        assert!(exponent(&points[..2]).is_none());
        assert!(exponent(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]).is_none());
    }
}
