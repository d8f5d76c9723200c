//! Which data sets a preset has, and what is measured on each.

use testdata::Metric;

use crate::cli::{Arguments, Part, Preset};
use crate::dataset::{Source, Specification};

/// A data set with what to measure on it.
pub struct Job {
    /// The data set.
    pub specification: Specification,
    /// What is measured.
    pub parts: Vec<Part>,
    /// How often searches, inserts and vacuums are measured.
    pub rounds: usize,
    /// How often an index is built with ample memory.
    pub builds: usize,
    /// Scarce memory for a build, where builds with it, with one thread and of unlogged tables
    /// are measured, and how often.
    pub scarce: Option<(&'static str, usize)>,
    /// Whether the libraries take part.
    pub libraries: bool,
    /// Whether the data set belongs to the series of growing ones.
    pub growth: bool,
    /// Whether it is there for that series only.
    step: bool,
}

const ROUNDS: usize = 3;
/// What every data set has.
const USUAL_PARTS: [Part; 3] = [Part::Build, Part::Search, Part::Insert];
/// With several clients at once.
const CLIENTS_TOO: [Part; 4] = [Part::Build, Part::Search, Part::Clients, Part::Insert];
/// And with an empty cache.
const COLD_TOO: [Part; 5] = [
    Part::Build,
    Part::Search,
    Part::Clients,
    Part::Insert,
    Part::Cold,
];

/// What the command line asks for.
pub fn jobs(arguments: &Arguments) -> Vec<Job> {
    let mut jobs = match arguments.preset {
        Preset::Quick => quick(),
        Preset::Full => full(),
    };
    for job in &mut jobs {
        job.libraries &= !arguments.no_libraries;
        if let Some(rounds) = arguments.rounds {
            (job.rounds, job.builds) = (rounds, rounds);
            job.scarce = job.scarce.map(|(memory, _)| (memory, rounds));
        }
        select(job, &arguments.part);
    }
    let only = &arguments.only;
    let named = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part));
    jobs.retain(|job| !job.parts.is_empty() && named(job.specification.name));
    jobs
}

/// Leaves the wanted parts; the growing sets are measured for `growth` only, except where they
/// are sets of their own as well.
fn select(job: &mut Job, wanted: &[Part]) {
    if wanted.is_empty() {
        return;
    }
    let growth = wanted.contains(&Part::Growth);
    let own = !job.step;
    job.parts.retain(|part| {
        (own && wanted.contains(part)) || (growth && job.growth && USUAL_PARTS.contains(part))
    });
    job.growth &= growth;
}

impl Job {
    fn new(name: &'static str, source: Source, rows: usize, queries: usize) -> Self {
        let metric = match source {
            Source::Clustered { dim: 128 } => Metric::L2,
            Source::Clustered { dim: 3072 } => Metric::InnerProduct,
            _ => Metric::Cosine,
        };
        Self {
            specification: Specification {
                name,
                source,
                rows,
                queries,
                metric,
            },
            parts: USUAL_PARTS.to_vec(),
            rounds: ROUNDS,
            builds: ROUNDS,
            scarce: None,
            libraries: true,
            growth: false,
            step: false,
        }
    }

    /// Builds in every way, so often, of which one has scarce memory.
    fn scarce(mut self, memory: &'static str, builds: usize) -> Self {
        self.scarce = Some((memory, builds));
        self
    }

    fn once(mut self) -> Self {
        self.rounds = 1;
        self
    }

    fn alone(mut self) -> Self {
        self.libraries = false;
        self
    }

    fn parts(mut self, parts: &[Part]) -> Self {
        self.parts = parts.to_vec();
        self
    }

    fn growing(mut self) -> Self {
        self.growth = true;
        self
    }

    fn builds(mut self, builds: usize) -> Self {
        self.builds = builds;
        self
    }

    /// A set that only the series of growing ones needs.
    fn step(name: &'static str, rows: usize, queries: usize) -> Self {
        let mut job = Self::new(name, Source::Clustered { dim: 128 }, rows, queries);
        job.step = true;
        job.alone().growing()
    }
}

fn quick() -> Vec<Job> {
    let clustered = |dim| Source::Clustered { dim };
    vec![
        Job::new("embeddings-384", Source::Embeddings, 8_000, 200)
            .parts(&COLD_TOO)
            .scarce("5 MB", ROUNDS),
        Job::new("vacuum-384", Source::Embeddings, 4_000, 200)
            .parts(&[Part::Vacuum])
            .alone(),
        Job::new("filter-384", Source::Embeddings, 8_000, 100)
            .parts(&[Part::Filter])
            .alone(),
        Job::step("clustered-128-2k", 2_000, 200),
        Job::step("clustered-128-5k", 5_000, 200),
        Job::step("clustered-128-10k", 10_000, 200),
        Job::new("clustered-128-20k", clustered(128), 20_000, 200).growing(),
        Job::new("clustered-768", clustered(768), 5_000, 200),
        Job::new("clustered-1536", clustered(1536), 3_000, 200),
        Job::new("clustered-3072", clustered(3072), 2_000, 200),
    ]
}

fn full() -> Vec<Job> {
    let clustered = |dim| Source::Clustered { dim };
    vec![
        Job::new("embeddings-384", Source::Embeddings, 100_000, 1000)
            .parts(&COLD_TOO)
            .scarce("64 MB", 1),
        Job::new("vacuum-384", Source::Embeddings, 30_000, 500)
            .parts(&[Part::Vacuum])
            .alone()
            .once(),
        Job::new("filter-384", Source::Embeddings, 100_000, 100)
            .parts(&[Part::Filter])
            .alone()
            .once(),
        Job::new("filter-128", clustered(128), 200_000, 100)
            .parts(&[Part::Filter])
            .alone()
            .once(),
        Job::new("clustered-1536", clustered(1536), 100_000, 500)
            .parts(&CLIENTS_TOO)
            .builds(1),
        Job::new("clustered-768", clustered(768), 200_000, 500).builds(1),
        Job::new("clustered-3072", clustered(3072), 50_000, 500).builds(1),
        Job::step("clustered-128-10k", 10_000, 500),
        Job::step("clustered-128-30k", 30_000, 500),
        Job::new("clustered-128-100k", clustered(128), 100_000, 500).growing(),
        Job::step("clustered-128-300k", 300_000, 500).builds(1),
        Job::new("clustered-128-1m", clustered(128), 1_000_000, 500)
            .parts(&CLIENTS_TOO)
            .growing()
            .builds(1),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Part, jobs};
    use crate::cli::Arguments;

    fn names(command: &[&str]) -> Vec<(&'static str, Vec<Part>)> {
        let arguments = Arguments::parse_from(std::iter::once(&"bench").chain(command));
        let jobs = jobs(&arguments).into_iter();
        jobs.map(|job| (job.specification.name, job.parts))
            .collect()
    }

    #[test]
    fn parts_select_data_sets() {
        assert_eq!(
            names(&["full", "--part", "vacuum"]),
            [("vacuum-384", vec![Part::Vacuum])]
        );
        let growth = names(&["quick", "--part", "growth"]);
        assert_eq!(growth.len(), 4);
        assert!(
            growth
                .iter()
                .all(|(_, parts)| !parts.contains(&Part::Clients))
        );
        let search = names(&["quick", "--part", "search", "--only", "128"]);
        assert_eq!(search, [("clustered-128-20k", vec![Part::Search])]);
    }
}
