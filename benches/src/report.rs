//! The results, as they go into report.json.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::cli::Part;
use crate::curve::Summary;
use crate::dataset::Dataset;
use crate::machine::Machine;
use crate::sheet::Sheet;

/// Everything that a run measured.
#[derive(Serialize)]
pub struct Report {
    /// The command line.
    pub command: String,
    /// What it ran on.
    pub machine: Machine,
    /// One entry for every data set.
    pub datasets: Vec<DatasetReport>,
    /// How costs grow with the number of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Sheet>,
}

/// The results of one data set.
#[derive(Serialize)]
pub struct DatasetReport {
    /// Its name.
    pub name: String,
    /// The number of vectors.
    pub rows: usize,
    /// Their dimensions.
    pub dimensions: usize,
    /// The number of queries.
    pub queries: usize,
    /// The distance, as an operator.
    pub operator: String,
    /// Whether it belongs to the series of growing sets.
    pub growth: bool,
    /// Who took part; the first is what the others are compared with.
    pub arms: Vec<Arm>,
    /// What was measured.
    pub parts: Vec<PartReport>,
    /// The sweeps.
    pub curves: Vec<CurveReport>,
}

/// Who takes part.
#[derive(Clone, Serialize)]
pub struct Arm {
    /// The name.
    pub name: String,
    /// The version; empty where it is not available.
    pub version: String,
}

/// The lines of one part.
#[derive(Serialize)]
pub struct PartReport {
    /// Which.
    pub part: Part,
    /// How long measuring took, in seconds.
    pub took: f64,
    /// The lines.
    pub lines: Sheet,
}

/// The sweep of one arm.
#[derive(Serialize)]
pub struct CurveReport {
    /// The arm.
    pub arm: String,
    /// The number of neighbours.
    pub k: usize,
    /// One point a setting.
    pub points: Vec<Summary>,
}

impl Report {
    /// Writes the report as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)?)?)
    }
}

impl DatasetReport {
    /// A report without results.
    pub fn new(dataset: &Dataset, growth: bool, arms: Vec<Arm>) -> Self {
        Self {
            name: dataset.name.to_owned(),
            rows: dataset.base.len(),
            dimensions: dataset.base.dim(),
            queries: dataset.queries.len(),
            operator: dataset.metric.operator().to_owned(),
            growth,
            arms,
            parts: Vec::new(),
            curves: Vec::new(),
        }
    }

    /// The middle round of a line of any part.
    pub fn median(&self, label: &str, arm: &str) -> Option<f64> {
        let mut parts = self.parts.iter();
        parts.find_map(|part| part.lines.median(label, arm))
    }
}
