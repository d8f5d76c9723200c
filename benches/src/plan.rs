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
    /// How often an index is built with ample memory; other builds are repeated as often where
    /// there are any.
    pub builds: usize,
    /// Whether builds with one thread, with 64 MB and of unlogged tables are measured.
    pub every_build: bool,
    /// Whether the libraries take part.
    pub libraries: bool,
    /// Whether the data set belongs to the series of growing ones.
    pub growth: bool,
}

const ROUNDS: usize = 3;
const EVERY_PART: [Part; 6] = [
    Part::Build,
    Part::Search,
    Part::Clients,
    Part::Insert,
    Part::Vacuum,
    Part::Cold,
];
const MOST_PARTS: [Part; 4] = [Part::Build, Part::Search, Part::Clients, Part::Insert];
const GROWTH_PARTS: [Part; 3] = [Part::Build, Part::Search, Part::Insert];

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
    let own = !(job.growth && job.parts == GROWTH_PARTS);
    job.parts.retain(|part| {
        (own && wanted.contains(part)) || (growth && job.growth && GROWTH_PARTS.contains(part))
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
            parts: MOST_PARTS.to_vec(),
            rounds: ROUNDS,
            builds: ROUNDS,
            every_build: false,
            libraries: true,
            growth: false,
        }
    }

    fn everything(mut self) -> Self {
        self.parts = EVERY_PART.to_vec();
        self.every_build = true;
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
        job.libraries = false;
        job.parts(&GROWTH_PARTS).growing()
    }
}

fn quick() -> Vec<Job> {
    let clustered = |dim| Source::Clustered { dim };
    let short = [Part::Build, Part::Search, Part::Insert];
    vec![
        Job::new("embeddings-384", Source::Embeddings, 10_000, 200).everything(),
        Job::step("clustered-128-2k", 2_000, 200),
        Job::step("clustered-128-5k", 5_000, 200),
        Job::step("clustered-128-10k", 10_000, 200),
        Job::new("clustered-128-20k", clustered(128), 20_000, 200).growing(),
        Job::new("clustered-768", clustered(768), 5_000, 200).parts(&short),
        Job::new("clustered-1536", clustered(1536), 3_000, 200).parts(&short),
        Job::new("clustered-3072", clustered(3072), 2_000, 200).parts(&short),
    ]
}

fn full() -> Vec<Job> {
    let clustered = |dim| Source::Clustered { dim };
    vec![
        Job::new("embeddings-384", Source::Embeddings, 100_000, 1000).everything(),
        Job::step("clustered-128-10k", 10_000, 500),
        Job::step("clustered-128-30k", 30_000, 500),
        Job::new("clustered-128-100k", clustered(128), 100_000, 500).growing(),
        Job::step("clustered-128-300k", 300_000, 500).builds(1),
        Job::new("clustered-128-1m", clustered(128), 1_000_000, 500)
            .growing()
            .builds(1),
        Job::new("clustered-768", clustered(768), 200_000, 500).builds(1),
        Job::new("clustered-1536", clustered(1536), 100_000, 500).builds(1),
        Job::new("clustered-3072", clustered(3072), 50_000, 500).builds(1),
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
            [("embeddings-384", vec![Part::Vacuum])]
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
