//! `make bench`: pg_hnsw and pgvector side by side in one PostgreSQL server.
//!
//! Both run in the same server, each in databases of its own, and every measurement alternates
//! between them, so that whatever else the machine does disturbs both alike. Each is repeated
//! in rounds; results are medians with the smallest and largest round beside them.
//!
//! - [`dataset`]: the vectors and the exact answers.
//! - [`side`]: one of the two extensions with its table and index.
//! - [`build`], [`search`], [`insert`]: what is measured.
//! - [`report`], [`plot`]: the results as a table, as JSON and as a picture.

mod build;
mod dataset;
mod insert;
mod plot;
mod report;
mod search;
mod side;
mod spread;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use cluster::{Options, Server};

use dataset::Dataset;
use report::{DatasetReport, Report, SideReport};
use side::Side;

/// Compares pg_hnsw with pgvector in one PostgreSQL server (named by PG_CONFIG).
#[derive(Parser)]
struct Arguments {
    /// How much to measure.
    #[arg(value_enum, default_value = "quick")]
    preset: Preset,
    /// Where the results go: report.json, a plot for each data set, and cached exact answers.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
    /// Only data sets whose name contains this; may be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// The sizes of a run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// Small sets: a few minutes.
    Quick,
    /// The sizes that are published.
    Full,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 0, "at least one round is needed");
    std::fs::create_dir_all(&arguments.output)?;
    let options = server_options(arguments.preset);
    let server = Server::start(&options)?;
    let sides = side::available(&server)?;
    let mut report = Report::new(&server, arguments.rounds)?;
    for specification in dataset::specifications(arguments.preset == Preset::Full) {
        let wanted = |name: &String| specification.name.contains(name.as_str());
        if !arguments.only.is_empty() && !arguments.only.iter().any(wanted) {
            continue;
        }
        let Some(dataset) = specification.load(&arguments.output.join("cache"))? else {
            println!("\n{}: the data is not there, skipped", specification.name);
            continue;
        };
        let results = measure(&server, &sides, &dataset, arguments.rounds)?;
        println!("\n{}", results.table());
        plot::draw(
            &results,
            &arguments.output.join(format!("{}.svg", dataset.name)),
        )?;
        report.datasets.push(results);
        report.write(&arguments.output.join("report.json"))?;
    }
    println!(
        "report.json and plots are in {}",
        arguments.output.display()
    );
    Ok(())
}

/// Everything in memory, two processes or threads to build, and no disk in the way: the code is
/// measured, not the disk. Checkpoints would add full-page images to the WAL of some inserts.
fn server_options(preset: Preset) -> Options {
    let (buffers, maintenance) = match preset {
        Preset::Quick => ("1GB", "1GB"),
        Preset::Full => ("4GB", "4GB"),
    };
    Options::new()
        .set("shared_buffers", buffers)
        .set("maintenance_work_mem", maintenance)
        .set("max_parallel_maintenance_workers", "1")
        .set("min_parallel_table_scan_size", "0")
        .set("max_wal_size", "64GB")
        .set("checkpoint_timeout", "1d")
        .set("jit", "off")
}

fn measure(
    server: &Server,
    sides: &[&'static str],
    dataset: &Dataset,
    rounds: usize,
) -> Result<DatasetReport> {
    println!(
        "\n{}: loading {} x {}",
        dataset.name,
        dataset.base.len(),
        dataset.base.dim()
    );
    let mut sides: Vec<Side> = sides
        .iter()
        .map(|name| Side::load(server, name, dataset))
        .collect::<Result<_>>()?;
    println!("{}: building", dataset.name);
    let builds = build::measure(&mut sides, dataset, rounds)?;
    println!("{}: searching", dataset.name);
    let searches = search::measure(&mut sides, dataset, rounds)?;
    println!("{}: inserting", dataset.name);
    let inserts = insert::measure(&mut sides, dataset, rounds)?;
    let results = sides.iter().zip(builds).zip(searches).zip(inserts);
    let sides = results
        .map(|(((side, build), search), insert)| SideReport {
            name: side.name.to_owned(),
            version: side.version.clone(),
            build,
            search,
            insert,
        })
        .collect();
    Ok(DatasetReport::new(dataset, sides))
}
