//! The results: as JSON for programs, as a table for people.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use cluster::Server;
use serde::Serialize;

use crate::build::Build;
use crate::dataset::Dataset;
use crate::insert::Inserts;
use crate::search::{AtRecall, Searches};
use crate::spread::Spread;

/// Settings that a result depends on.
const SETTINGS: [&str; 6] = [
    "server_version",
    "shared_buffers",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "fsync",
    "synchronous_commit",
];
const LABEL: usize = 34;
const COLUMN: usize = 30;
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Everything that a run measured.
#[derive(Serialize)]
pub struct Report {
    settings: Vec<(String, String)>,
    processor: String,
    rounds: usize,
    /// One entry for every data set.
    pub datasets: Vec<DatasetReport>,
}

/// The results of one data set.
#[derive(Serialize)]
pub struct DatasetReport {
    /// Its name.
    pub name: String,
    rows: usize,
    dimensions: usize,
    queries: usize,
    operator: String,
    /// One entry for every extension.
    pub sides: Vec<SideReport>,
}

/// The results of one extension.
#[derive(Serialize)]
pub struct SideReport {
    /// Which one.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Building the index.
    pub build: Build,
    /// Searching.
    pub search: Searches,
    /// Inserting.
    pub insert: Inserts,
}

impl Report {
    /// An empty report with the server's settings.
    pub fn new(server: &Server, rounds: usize) -> Result<Self> {
        let mut client = server.connect("postgres")?;
        let mut settings = Vec::new();
        for name in SETTINGS {
            let value = client
                .query_one("SELECT current_setting($1)", &[&name])?
                .get(0);
            settings.push((name.to_owned(), value));
        }
        Ok(Self {
            settings,
            processor: processor(),
            rounds,
            datasets: Vec::new(),
        })
    }

    /// Writes the report as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)?)?)
    }
}

fn processor() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
    format!(
        "{cpus} x {}",
        model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
    )
}

impl DatasetReport {
    /// The results of all sides.
    pub fn new(dataset: &Dataset, sides: Vec<SideReport>) -> Self {
        Self {
            name: dataset.name.to_owned(),
            rows: dataset.base.len(),
            dimensions: dataset.base.dim(),
            queries: dataset.queries.len(),
            operator: dataset.metric.operator().to_owned(),
            sides,
        }
    }

    /// The results as a table, one column for each side, and how many times better the first is
    /// than the second.
    pub fn table(&self) -> String {
        let mut table = format!(
            "{}: {} x {}, {}, {} queries; median (smallest to largest round)\n",
            self.name, self.rows, self.dimensions, self.operator, self.queries
        );
        let names = self
            .sides
            .iter()
            .map(|side| format!("{} {}", side.name, side.version));
        line(&mut table, "", &names.collect::<Vec<_>>(), "ratio");
        self.spread(&mut table, "build, s", 2, false, |side| &side.build.seconds);
        self.number(&mut table, "index, MB", |side| {
            megabytes(side.build.index_bytes)
        });
        self.number(&mut table, "table, MB", |side| {
            megabytes(side.build.table_bytes)
        });
        for (at, recall) in crate::search::RECALLS.iter().enumerate() {
            self.latency(&mut table, &format!("ms a query at recall {recall:.2}"), at);
        }
        self.spread(
            &mut table,
            "ms a query that does nothing",
            3,
            false,
            |side| &side.search.round_trip_ms,
        );
        self.buffers(&mut table);
        self.spread(&mut table, "inserts/s, one transaction", 0, true, |side| {
            &side.insert.per_second_one_transaction
        });
        self.spread(&mut table, "inserts/s, autocommit", 0, true, |side| {
            &side.insert.per_second_autocommit
        });
        self.spread(&mut table, "WAL bytes an insert", 0, false, |side| {
            &side.insert.wal_bytes
        });
        table
    }

    fn spread(
        &self,
        table: &mut String,
        label: &str,
        decimals: usize,
        more_is_better: bool,
        of: impl Fn(&SideReport) -> &Spread,
    ) {
        let cells: Vec<String> = self
            .sides
            .iter()
            .map(|side| of(side).text(decimals))
            .collect();
        let medians: Vec<Option<f64>> = self
            .sides
            .iter()
            .map(|side| Some(of(side).median))
            .collect();
        line(table, label, &cells, &ratio(&medians, more_is_better));
    }

    fn number(&self, table: &mut String, label: &str, of: impl Fn(&SideReport) -> f64) {
        let cells: Vec<String> = self
            .sides
            .iter()
            .map(|side| format!("{:.1}", of(side)))
            .collect();
        let values: Vec<Option<f64>> = self.sides.iter().map(|side| Some(of(side))).collect();
        line(table, label, &cells, &ratio(&values, false));
    }

    fn latency(&self, table: &mut String, label: &str, at: usize) {
        let points: Vec<&AtRecall> = self
            .sides
            .iter()
            .map(|side| &side.search.at_recall[at])
            .collect();
        let cells: Vec<String> = points.iter().map(|point| latency_text(point)).collect();
        let medians: Vec<Option<f64>> = points
            .iter()
            .map(|point| point.millis.as_ref().map(|millis| millis.median))
            .collect();
        line(table, label, &cells, &ratio(&medians, false));
    }

    fn buffers(&self, table: &mut String) {
        let buffers = self.sides.iter().map(|side| side.search.buffers.as_ref());
        let cells: Vec<String> = buffers
            .clone()
            .map(|buffers| {
                buffers.map_or("not reached".to_owned(), |buffers| {
                    format!("{:.0} (ef_search {})", buffers.per_query, buffers.ef_search)
                })
            })
            .collect();
        let values: Vec<Option<f64>> = buffers
            .map(|buffers| buffers.map(|buffers| buffers.per_query))
            .collect();
        let label = format!(
            "buffers a query from recall {:.2}",
            crate::search::BUFFERS_AT
        );
        line(table, &label, &cells, &ratio(&values, false));
    }
}

fn line(table: &mut String, label: &str, cells: &[String], ratio: &str) {
    let cells = cells.iter().fold(String::new(), |mut line, cell| {
        let _ = write!(line, " {cell:>COLUMN$}");
        line
    });
    let _ = writeln!(table, "  {label:<LABEL$}{cells} {ratio:>8}");
}

fn latency_text(point: &AtRecall) -> String {
    let Some(millis) = &point.millis else {
        return "not reached".to_owned();
    };
    let sign = if point.below_sweep { "<= " } else { "" };
    format!("{sign}{}", millis.text(3))
}

/// How many times better the first side is than the second.
fn ratio(values: &[Option<f64>], more_is_better: bool) -> String {
    match values {
        [Some(ours), Some(theirs)] if more_is_better => format!("{:.2}", ours / theirs),
        [Some(ours), Some(theirs)] => format!("{:.2}", theirs / ours),
        _ => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn megabytes(bytes: i64) -> f64 {
    bytes as f64 / MEGABYTE
}
