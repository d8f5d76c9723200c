//! The vectors that are searched, with the exact answers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use testdata::{Embeddings, Metric, Synth, Vectors, nearest};

/// So many true neighbours of every query are known.
const NEIGHBOURS: usize = 100;
/// New vectors lie between the first ones of these.
const NEAR: usize = 10;
const SEED: u64 = 1;
/// Memory for the links of a row, generously.
const LINKS: usize = 2000;
/// The least ample memory, in kilobytes: PostgreSQL's default.
const SMALLEST: usize = 64 * 1024;

/// Where the vectors of a set come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Real text embeddings, where the files are.
    Embeddings,
    /// The generator's.
    Clustered {
        /// The number of dimensions.
        dim: usize,
    },
}

/// A data set that is not loaded yet.
pub struct Specification {
    /// Its name, also in file names.
    pub name: &'static str,
    /// Where the vectors come from.
    pub source: Source,
    /// Their number.
    pub rows: usize,
    /// The number of queries.
    pub queries: usize,
    /// The distance.
    pub metric: Metric,
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
    /// The exact neighbours of every query, nearest first.
    pub truth: Vec<Vec<i32>>,
    cache: PathBuf,
    key: u64,
}

impl Specification {
    /// Loads or generates the vectors and finds the exact answers, which are cached on disk;
    /// `None` where the files are missing.
    pub fn load(&self, cache: &Path) -> Result<Option<Dataset>> {
        let Some((base, queries)) = self.vectors()? else {
            return Ok(None);
        };
        // The cache is keyed by the vectors, so that a changed generator is noticed.
        let key = checksum(&base) ^ checksum(&queries).rotate_left(1);
        let mut dataset = Dataset {
            name: self.name,
            base,
            queries,
            metric: self.metric,
            truth: Vec::new(),
            cache: cache.to_owned(),
            key,
        };
        dataset.truth = dataset.cached_truth()?;
        Ok(Some(dataset))
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
    pub fn more(&self, count: usize) -> Vectors {
        let mut seen = HashSet::new();
        let pairs = (0..NEAR).flat_map(|a| (0..a).map(move |b| (a, b)));
        let values = pairs
            .flat_map(|(a, b)| self.truth.iter().map(move |near| (near[a], near[b])))
            .filter(|&(left, right)| seen.insert((left.min(right), left.max(right))))
            .take(count)
            .flat_map(|(left, right)| self.midpoint(left, right));
        Vectors::new(self.base.dim(), values.collect())
    }

    fn midpoint(&self, left: i32, right: i32) -> Vec<f32> {
        let row = |id: i32| self.base.row(id.cast_unsigned() as usize);
        row(left)
            .iter()
            .zip(row(right))
            .map(|(a, b)| f32::midpoint(*a, *b))
            .collect()
    }

    /// A `maintenance_work_mem` that holds the graph of either extension with room to spare, but
    /// is in proportion: pgvector's workers share memory that is reserved, and filled with zeros,
    /// at that size.
    pub fn ample_memory(&self) -> String {
        let row = self.base.dim() * size_of::<f32>() + LINKS;
        format!("{}kB", (self.base.len() * row / 1024 * 3 / 2).max(SMALLEST))
    }

    /// A file of the cache that belongs to these vectors.
    pub fn cache_file(&self, what: &str) -> PathBuf {
        self.cache
            .join(format!("{}-{:016x}.{what}", self.name, self.key))
    }

    fn cached_truth(&self) -> Result<Vec<Vec<i32>>> {
        let file = self.cache_file("truth.json");
        if let Ok(bytes) = std::fs::read(&file) {
            return Ok(serde_json::from_slice(&bytes)?);
        }
        println!("{}: finding the exact answers", self.name);
        let truth = nearest(&self.base, &self.queries, self.metric, NEIGHBOURS);
        std::fs::create_dir_all(&self.cache)?;
        std::fs::write(&file, serde_json::to_vec(&truth)?)?;
        Ok(truth)
    }
}

fn checksum(vectors: &Vectors) -> u64 {
    let mix = |state: u64, value: &f32| {
        (state ^ u64::from(value.to_bits()))
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(5)
    };
    vectors.values().iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
