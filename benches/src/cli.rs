//! The command line.

use std::path::PathBuf;

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
    /// How build, search and insert grow with the number of rows, on sets of 128 dimensions.
    Growth,
}
