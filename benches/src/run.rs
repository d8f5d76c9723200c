//! One run: a server, data sets one after the other, and the report.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use cluster::{Options, Server};

use crate::cli::{Arguments, Part, Preset};
use crate::dataset::Dataset;
use crate::libraries::{Libraries, NOT_AVAILABLE};
use crate::machine::Machine;
use crate::peer::Peer;
use crate::plan::Job;
use crate::report::{Arm, DatasetReport, PartReport, Report};
use crate::sheet::Sheet;
use crate::side::{self, COUNTS, Side};
use crate::{build, cold, filter, growth, insert, pgbench, plot, search, table, vacuum};

/// Everything that the data sets share.
pub struct Run {
    server: Server,
    options: Options,
    sides: Vec<&'static str>,
    libraries: Libraries,
    output: PathBuf,
    sizes: Sizes,
    deadline: Instant,
    report: Report,
}

/// How long single measurements are.
struct Sizes {
    /// Seconds of one pgbench.
    pgbench: u32,
    /// Rows of one measurement of inserts.
    inserts: usize,
}

/// A data set with its arms.
struct Bench<'a> {
    job: &'a Job,
    dataset: Dataset,
    sides: Vec<Side>,
    peers: Vec<Peer>,
    results: DatasetReport,
}

impl Run {
    /// Starts the server, and installs the libraries where they are wanted.
    pub fn prepare(arguments: &Arguments) -> Result<Self> {
        std::fs::create_dir_all(&arguments.output)?;
        let environment = arguments.output.join("python");
        let libraries = if arguments.no_libraries {
            Libraries::none(&environment)
        } else {
            Libraries::install(&environment)
        };
        let options = server_options(arguments.preset);
        let server = Server::start(&options)?;
        let sides = side::available(&server)?;
        let machine = Machine::describe(&server)?;
        println!("{}", machine.text());
        let report = Report {
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            machine,
            datasets: Vec::new(),
            growth: None,
        };
        let sizes = match arguments.preset {
            Preset::Quick => Sizes {
                pgbench: 1,
                inserts: 200,
            },
            Preset::Full => Sizes {
                pgbench: 4,
                inserts: 500,
            },
        };
        Ok(Self {
            server,
            options,
            sides,
            libraries,
            output: arguments.output.clone(),
            sizes,
            deadline: Instant::now() + arguments.limit(),
            report,
        })
    }

    /// Measures one data set.
    pub fn job(&mut self, job: &Job) -> Result<()> {
        let name = job.specification.name;
        if self.time_is_up(name) {
            return Ok(());
        }
        let Some(dataset) = job.specification.load(&self.output.join("cache"))? else {
            println!("\n{name}: the data is not there, skipped");
            return Ok(());
        };
        let mut bench = self.load(job, dataset)?;
        println!("\n{}", table::title(&bench.results));
        if !job.parts.contains(&Part::Build) {
            build::prepare(&mut bench.sides, &mut bench.peers, &bench.dataset)?;
        }
        for &part in &job.parts {
            if self.time_is_up(&format!("{name}, {part:?}")) {
                continue;
            }
            let started = Instant::now();
            let lines = self.part(&mut bench, part)?;
            let took = started.elapsed().as_secs_f64();
            let part = PartReport { part, took, lines };
            println!("\n{}", table::part(&part, &bench.results.arms));
            bench.results.parts.push(part);
        }
        for k in COUNTS {
            let picture = self.output.join(format!("{name}-recall{k}.svg"));
            plot::recall(&bench.results, k, &picture)?;
        }
        for side in bench.sides {
            side.discard(&self.server)?;
        }
        self.report.datasets.push(bench.results);
        self.report.write(&self.output.join("report.json"))
    }

    /// Says so, if it is.
    fn time_is_up(&self, what: &str) -> bool {
        let up = Instant::now() > self.deadline;
        if up {
            println!("\n{what}: not measured, the time is up; --only and --part select it");
        }
        up
    }

    fn load<'a>(&self, job: &'a Job, dataset: Dataset) -> Result<Bench<'a>> {
        let sides = self.sides.iter();
        let sides: Vec<Side> = sides
            .map(|side| Side::load(&self.server, side, &dataset))
            .collect::<Result<_>>()?;
        // Only building and searching have something to compare with.
        let compared = job.parts.contains(&Part::Build) || job.parts.contains(&Part::Search);
        let peers = if job.libraries && compared {
            self.libraries.start(&dataset)?
        } else {
            Vec::new()
        };
        let arm = |name: &str, version: &str| Arm {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        let arms = sides.iter().map(|side| arm(side.name, &side.version));
        let arms = arms.chain(peers.iter().map(|peer| arm(peer.name, &peer.version)));
        let missing = self.libraries.missing.iter();
        let arms = arms.chain(missing.map(|name| arm(name, NOT_AVAILABLE)));
        Ok(Bench {
            results: DatasetReport::new(&dataset, job.growth, arms.collect()),
            job,
            dataset,
            sides,
            peers,
        })
    }

    fn part(&mut self, bench: &mut Bench, part: Part) -> Result<Sheet> {
        let Bench {
            job,
            dataset,
            sides,
            peers,
            results,
        } = bench;
        let (server, sizes) = (&mut self.server, &self.sizes);
        match part {
            Part::Build => build::measure(server, sides, peers, dataset, job.builds, job.scarce),
            Part::Search => {
                let (lines, curves) = search::measure(sides, peers, dataset, job.rounds)?;
                results.curves = curves;
                Ok(lines)
            }
            Part::Clients => {
                let (rounds, output) = (job.rounds, &self.output);
                pgbench::measure(server, sides, dataset, rounds, sizes.pgbench, output)
            }
            Part::Insert => insert::measure(server, sides, dataset, job.rounds, sizes.inserts),
            Part::Vacuum => vacuum::measure(server, sides, dataset, job.rounds),
            Part::Cold => cold::measure(server, &self.options, sides, dataset, job.rounds),
            Part::Filter => filter::measure(server, sides, dataset, job.rounds),
            Part::Growth => Ok(Sheet::default()),
        }
    }

    /// What can only be said after the last data set.
    pub fn finish(&mut self) -> Result<()> {
        self.report.growth = growth::exponents(&self.report.datasets);
        if let Some(exponents) = &self.report.growth {
            let largest = self.report.datasets.iter().rfind(|dataset| dataset.growth);
            let arms = largest.map_or(&[][..], |dataset| &dataset.arms);
            println!("\ngrowth: cost ~ rows ^ exponent\n");
            println!("{}", table::sheet(exponents, arms));
            plot::costs(&self.report.datasets, &self.output.join("growth.svg"))?;
        }
        self.report.write(&self.output.join("report.json"))
    }
}

/// Everything in memory, two processes or threads to build, and no disk in the way: the code is
/// measured, not the disk. Checkpoints would add full-page images to the WAL of some inserts.
fn server_options(preset: Preset) -> Options {
    let buffers = match preset {
        Preset::Quick => "1GB",
        Preset::Full => "4GB",
    };
    Options::new()
        .set("shared_buffers", buffers)
        .set("max_parallel_maintenance_workers", "1")
        .set("min_parallel_table_scan_size", "0")
        .set("max_wal_size", "64GB")
        .set("checkpoint_timeout", "1d")
        .set("jit", "off")
}
