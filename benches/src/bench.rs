//! `make bench`: pg_hnsw and pgvector side by side in one PostgreSQL server, and libraries that
//! hold the same vectors in memory.
//!
//! Every measurement alternates between the arms, so that whatever else the machine does disturbs
//! all alike. Each is repeated in rounds; results are medians with the smallest and largest round
//! beside them.
//!
//! - [`cli`], [`plan`]: what is measured on which data set.
//! - [`dataset`]: the vectors and the exact answers.
//! - [`side`], [`peer`]: the arms, in the server and in processes of their own; [`searcher`] is
//!   what they have in common, [`probe`] the clock in the server, [`libraries`] the installation.
//! - [`build`], [`search`], [`pgbench`], [`insert`], [`update`], [`vacuum`], [`cold`], [`filter`]: what is
//!   measured; [`memory`], [`buffers`], [`wal`], [`curve`], [`growth`] help.
//! - [`sheet`], [`spread`]: results as lines; [`report`], [`table`], [`plot`], [`machine`]: as
//!   JSON, as tables and as pictures.

mod buffers;
mod build;
mod cli;
mod cold;
mod curve;
mod dataset;
mod filter;
mod growth;
mod insert;
mod libraries;
mod machine;
mod memory;
mod peer;
mod pgbench;
mod plan;
mod plot;
mod probe;
mod report;
mod run;
mod search;
mod searcher;
mod sheet;
mod side;
mod spread;
mod table;
mod update;
mod vacuum;
mod wal;

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;

use cli::Arguments;
use run::Run;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds != Some(0), "at least one round is needed");
    let started = Instant::now();
    let jobs = plan::jobs(&arguments);
    ensure!(!jobs.is_empty(), "no data set has what was asked for");
    let mut run = Run::prepare(&arguments)?;
    for job in &jobs {
        run.job(job)?;
    }
    run.finish()?;
    println!(
        "\nreport.json and plots are in {}; {:.1} minutes",
        arguments.output.display(),
        started.elapsed().as_secs_f64() / 60.0
    );
    Ok(())
}
