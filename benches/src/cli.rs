//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Compares pg_hnsw with pgvector in one PostgreSQL server (named by PG_CONFIG), and with
/// libraries that hold everything in memory.
#[derive(Parser)]
pub struct Arguments {
    /// How much to measure.
    #[arg(value_enum, default_value = "quick")]
    pub preset: Preset,
    /// Where the results go: report.json, plots, and cached exact answers.
    #[arg(long, default_value = "target/bench")]
    pub output: PathBuf,
    /// Only data sets whose name contains this; may be given several times.
    #[arg(long)]
    pub only: Vec<String>,
    /// Only these parts; all that the preset has for a data set where none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub part: Vec<Part>,
    /// How often everything is measured, instead of what the preset says.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Begin nothing after so many minutes: 9 for quick, 85 for full where nothing is said.
    #[arg(long)]
    pub minutes: Option<u64>,
    /// Leave out the libraries from PyPI.
    #[arg(long)]
    pub no_libraries: bool,
}

/// The sizes of a run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Small sets: less than ten minutes.
    Quick,
    /// The sizes that are published: less than ninety.
    Full,
}

impl Preset {
    /// After so many minutes nothing new is begun.
    fn minutes(self) -> u64 {
        match self {
            Self::Quick => 9,
            Self::Full => 85,
        }
    }
}

impl Arguments {
    /// The time after which nothing new is begun.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(60 * self.minutes.unwrap_or(self.preset.minutes()))
    }
}

/// What can be measured, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Building the index: time, memory, WAL, recall of the result.
    Build,
    /// Latency at given recalls, one client; recall at default settings; buffers.
    Search,
    /// Rates of several clients at once, with pgbench.
    Clients,
    /// Inserts and updates: rates and WAL.
    Insert,
    /// Vacuum after deletes: time, WAL, recall.
    Vacuum,
    /// After a restart with an empty cache, and with an index larger than shared_buffers.
    Cold,
    /// Searches with conditions on other columns.
    Filter,
    /// How build, search and insert grow with the number of rows, on sets of 128 dimensions.
    Growth,
}
