//! The vectors that are searched, with the exact answers.

use std::path::Path;

use anyhow::Result;
use testdata::{Embeddings, Metric, Synth, Vectors, nearest};

/// Recall is measured over this many nearest neighbours.
pub const NEIGHBOURS: usize = 10;
const SEED: u64 = 1;

/// Where the vectors of a set come from.
#[derive(Clone, Copy)]
enum Source {
    Embeddings,
    Clustered { dim: usize },
}

/// A data set that is not loaded yet.
pub struct Specification {
    /// Its name, also in file names.
    pub name: &'static str,
    source: Source,
    rows: usize,
    queries: usize,
    metric: Metric,
}

/// A data set with the answers.
pub struct Dataset {
    /// Its name.
    pub name: &'static str,
    /// The vectors that are searched.
    pub base: Vectors,
    /// The queries.
    pub queries: Vectors,
    /// The distance.
    pub metric: Metric,
    /// The exact neighbours of every query.
    pub truth: Vec<Vec<i32>>,
}

/// All data sets of a preset.
pub fn specifications(full: bool) -> Vec<Specification> {
    let queries = if full { 1000 } else { 200 };
    let set = |name, source, rows, metric| Specification {
        name,
        source,
        rows,
        queries,
        metric,
    };
    let rows = |published: usize, quick: usize| if full { published } else { quick };
    vec![
        set(
            "embeddings-384",
            Source::Embeddings,
            rows(100_000, 20_000),
            Metric::Cosine,
        ),
        set(
            "clustered-128",
            Source::Clustered { dim: 128 },
            rows(100_000, 20_000),
            Metric::L2,
        ),
        set(
            "clustered-1536",
            Source::Clustered { dim: 1536 },
            rows(50_000, 5_000),
            Metric::Cosine,
        ),
    ]
}

impl Specification {
    /// Loads or generates the vectors and finds the exact answers, which are cached on disk;
    /// `None` where the files are missing.
    pub fn load(&self, cache: &Path) -> Result<Option<Dataset>> {
        let Some((base, queries)) = self.vectors()? else {
            return Ok(None);
        };
        let truth = cached_truth(cache, self, &base, &queries)?;
        Ok(Some(Dataset {
            name: self.name,
            base,
            queries,
            metric: self.metric,
            truth,
        }))
    }

    fn vectors(&self) -> Result<Option<(Vectors, Vectors)>> {
        Ok(match self.source {
            Source::Embeddings => Embeddings::load(self.rows, self.queries)?
                .map(|embeddings| (embeddings.base, embeddings.queries)),
            Source::Clustered { dim } => {
                let synth = Synth::new(dim, SEED);
                Some((synth.base(self.rows), synth.queries(self.queries)))
            }
        })
    }
}

impl Dataset {
    /// New vectors from among the old ones: midpoints of two neighbours of a query. They are as
    /// many as asked for, all different, and lie where the data lies.
    pub fn more(&self, count: usize) -> Vec<Vec<f32>> {
        let pairs = (0..NEIGHBOURS).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs
            .flat_map(|(a, b)| {
                self.truth
                    .iter()
                    .map(move |near| self.midpoint(near[a], near[b]))
            })
            .take(count)
            .collect()
    }

    fn midpoint(&self, left: i32, right: i32) -> Vec<f32> {
        let row = |id: i32| self.base.row(id.cast_unsigned() as usize);
        row(left)
            .iter()
            .zip(row(right))
            .map(|(a, b)| f32::midpoint(*a, *b))
            .collect()
    }
}

/// The cache is keyed by the vectors themselves, so that a changed generator is noticed.
fn cached_truth(
    cache: &Path,
    specification: &Specification,
    base: &Vectors,
    queries: &Vectors,
) -> Result<Vec<Vec<i32>>> {
    let key = checksum(base) ^ checksum(queries).rotate_left(1);
    let file = cache.join(format!(
        "{}-{}-{key:016x}.json",
        specification.name,
        base.len()
    ));
    if let Ok(bytes) = std::fs::read(&file) {
        return Ok(serde_json::from_slice(&bytes)?);
    }
    println!("\n{}: finding the exact answers", specification.name);
    let truth = nearest(base, queries, specification.metric, NEIGHBOURS);
    std::fs::create_dir_all(cache)?;
    std::fs::write(&file, serde_json::to_vec(&truth)?)?;
    Ok(truth)
}

fn checksum(vectors: &Vectors) -> u64 {
    let mix = |state: u64, value: &f32| {
        (state ^ u64::from(value.to_bits()))
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(5)
    };
    vectors.values().iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
