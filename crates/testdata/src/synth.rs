//! Clustered vectors that are as hard to search as text embeddings, the same on every machine.
//!
//! One vector is
//!
//! ```text
//! x = R (mu + topic + u1 cluster + u2 concept + s (L z + sigma e))
//! ```
//!
//! A cluster has a place of its own within its topic; concepts are shared between clusters, so
//! that clusters overlap and the neighbours of a query lie in several of them. `L` is a loading
//! of low rank, partly the cluster's own and partly its topic's: it bounds the local intrinsic
//! dimension. `s` makes dense and sparse places. Topics, clusters and concepts are Gaussian with
//! a power-law spectrum, and `R` is a fixed rotation, so that no axis is special.
//!
//! Row `i` depends on the seed and on `i` only: the first rows of a larger set are the smaller
//! set. Queries come from the same mixture, moved out a little.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::Vectors;

const TOPICS: usize = 100;
const CLUSTERS: usize = 3000;
const CONCEPTS: usize = 3000;
/// Local intrinsic dimension of a cluster.
const RANK: usize = 28;
/// How fast the variance falls along the principal axes.
const SPECTRUM: f32 = 0.62;
/// How fast it falls along the axes of a cluster.
const LOCAL_SPECTRUM: f32 = 0.5;
const COMMON_OFFSET: f32 = 0.5;
const CLUSTER_SPREAD: f32 = 0.8;
const CONCEPT_SPREAD: f32 = 0.95;
const LOCAL_SPREAD: f32 = 1.1;
/// Noise over all dimensions.
const NOISE: f32 = 0.35;
/// Spread of the logarithm of `s`.
const DENSITY_SPREAD: f32 = 0.45;
/// Part of a cluster's loading that it shares with its topic.
const SHARED_LOADING: f32 = 0.8;
/// Exponents of the Zipf distributions of clusters (and topics) and of concepts.
const CLUSTER_ZIPF: f64 = 0.8;
const CONCEPT_ZIPF: f64 = 1.2;
/// How much further out queries lie.
const QUERY_SHIFT: f32 = 1.15;
/// Every topic prefers concepts of its own: where its list of concepts begins.
const CONCEPT_STRIDE: usize = 7919;
/// Rounds of sign flips, Hadamard transforms and permutations that make a rotation.
const ROTATION_ROUNDS: usize = 3;

/// Streams of random numbers that must not meet.
#[derive(Clone, Copy)]
enum Stream {
    Model = 0,
    Loading = 1,
    Base = 2,
    Query = 3,
}

/// A distribution of clustered vectors.
pub struct Synth {
    dim: usize,
    seed: u64,
    clusters: Vec<Cluster>,
    concepts: Vec<Vec<f32>>,
    cluster_weights: Vec<f64>,
    concept_weights: Vec<f64>,
    rotation: Rotation,
}

struct Cluster {
    topic: usize,
    centre: Vec<f32>,
    loading: Vec<f32>,
}

impl Synth {
    /// The distribution of this dimension and seed.
    pub fn new(dim: usize, seed: u64) -> Self {
        let mut rng = generator(seed, Stream::Model, 0);
        let spectrum = power_law(dim, SPECTRUM, 1.0);
        let mut offset = gaussian(&mut rng, &vec![1.0; dim]);
        let length = norm(&offset);
        offset
            .iter_mut()
            .for_each(|value| *value *= COMMON_OFFSET / length);
        let topics: Vec<Vec<f32>> = (0..TOPICS).map(|_| gaussian(&mut rng, &spectrum)).collect();
        let topic_weights = zipf(TOPICS, CLUSTER_ZIPF);
        let places: Vec<(usize, Vec<f32>)> = (0..CLUSTERS)
            .map(|_| {
                (
                    pick(&topic_weights, &mut rng),
                    gaussian(&mut rng, &spectrum),
                )
            })
            .collect();
        let concepts = (0..CONCEPTS)
            .map(|_| scaled(gaussian(&mut rng, &spectrum), CONCEPT_SPREAD))
            .collect();
        let rotation = Rotation::new(dim, &mut rng);
        let loading = |id: usize| random_loading(seed, id, &spectrum);
        let shared: Vec<Vec<f32>> = (0..TOPICS)
            .into_par_iter()
            .map(|topic| loading(CLUSTERS + topic))
            .collect();
        let clusters = places
            .into_par_iter()
            .enumerate()
            .map(|(id, (topic, place))| Cluster {
                topic,
                centre: sum(
                    &sum(&offset, &topics[topic]),
                    &scaled(place, CLUSTER_SPREAD),
                ),
                loading: mix(&loading(id), &shared[topic]),
            })
            .collect();
        Self {
            dim,
            seed,
            clusters,
            concepts,
            cluster_weights: zipf(CLUSTERS, CLUSTER_ZIPF),
            concept_weights: zipf(CONCEPTS, CONCEPT_ZIPF),
            rotation,
        }
    }

    /// The first `count` vectors.
    pub fn base(&self, count: usize) -> Vectors {
        self.rows(0, count, Stream::Base, 1.0)
    }

    /// `count` vectors from row `first` on: more of the same set.
    pub fn base_from(&self, first: usize, count: usize) -> Vectors {
        self.rows(first, count, Stream::Base, 1.0)
    }

    /// The first `count` queries.
    pub fn queries(&self, count: usize) -> Vectors {
        self.rows(0, count, Stream::Query, QUERY_SHIFT)
    }

    fn rows(&self, first: usize, count: usize, stream: Stream, shift: f32) -> Vectors {
        let mut values = vec![0.0; count * self.dim];
        values
            .par_chunks_mut(self.dim)
            .zip(first..first + count)
            .for_each(|(row, index)| self.fill(row, index, stream, shift));
        Vectors::new(self.dim, values)
    }

    fn fill(&self, row: &mut [f32], index: usize, stream: Stream, shift: f32) {
        let mut rng = generator(self.seed, stream, index);
        let cluster = &self.clusters[pick(&self.cluster_weights, &mut rng)];
        let concept = pick(&self.concept_weights, &mut rng) + cluster.topic * CONCEPT_STRIDE;
        let density = shift * (DENSITY_SPREAD * normal(&mut rng)).exp();
        #[expect(clippy::cast_precision_loss, reason = "dimensions are few")]
        let noise = NOISE / (self.dim as f32).sqrt();
        for value in row.iter_mut() {
            *value = density * noise * normal(&mut rng);
        }
        for axis in cluster.loading.chunks_exact(self.dim) {
            add(row, axis, density * normal(&mut rng));
        }
        add(row, &cluster.centre, 1.0);
        add(row, &self.concepts[concept % CONCEPTS], 1.0);
        self.rotation.apply(row);
    }
}

fn generator(seed: u64, stream: Stream, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (index as u64).rotate_left(20));
    rng.set_stream(stream as u64);
    rng
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    StandardNormal.sample(rng)
}

fn gaussian(rng: &mut ChaCha8Rng, scales: &[f32]) -> Vec<f32> {
    scales.iter().map(|scale| scale * normal(rng)).collect()
}

/// Rank times dimension values: the axes of a cluster, of falling length.
fn random_loading(seed: u64, id: usize, spectrum: &[f32]) -> Vec<f32> {
    let mut rng = generator(seed, Stream::Loading, id);
    power_law(RANK, LOCAL_SPECTRUM, LOCAL_SPREAD)
        .iter()
        .flat_map(|length| {
            let axis = gaussian(&mut rng, spectrum);
            let scale = length / norm(&axis);
            scaled(axis, scale)
        })
        .collect()
}

fn mix(own: &[f32], shared: &[f32]) -> Vec<f32> {
    let (own_part, shared_part) = ((1.0 - SHARED_LOADING).sqrt(), SHARED_LOADING.sqrt());
    own.iter()
        .zip(shared)
        .map(|(own, shared)| own_part * own + shared_part * shared)
        .collect()
}

/// Standard deviations that fall as `i^-exponent`, of variance `total^2` together.
#[expect(clippy::cast_precision_loss, reason = "dimensions are few")]
fn power_law(count: usize, exponent: f32, total: f32) -> Vec<f32> {
    let variances: Vec<f32> = (1..=count).map(|i| (i as f32).powf(-exponent)).collect();
    let sum: f32 = variances.iter().sum();
    variances
        .iter()
        .map(|variance| total * (variance / sum).sqrt())
        .collect()
}

/// Cumulative probabilities of a Zipf distribution.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn zipf(count: usize, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=count).map(|i| (i as f64).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight / total;
            Some(*sum)
        })
        .collect()
}

fn pick(cumulative: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let at: f64 = rng.random();
    cumulative
        .partition_point(|&sum| sum <= at)
        .min(cumulative.len() - 1)
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

fn scaled(mut vector: Vec<f32>, factor: f32) -> Vec<f32> {
    vector.iter_mut().for_each(|value| *value *= factor);
    vector
}

fn sum(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).map(|(a, b)| a + b).collect()
}

fn add(to: &mut [f32], what: &[f32], factor: f32) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor * what;
    }
}

/// A fixed rotation: sign flips, Hadamard transforms of blocks, permutations. The blocks are as
/// long as the largest power of two that divides the dimension, so odd dimensions mix badly.
struct Rotation {
    block: usize,
    rounds: Vec<(Vec<f32>, Vec<usize>)>,
}

impl Rotation {
    fn new(dim: usize, rng: &mut ChaCha8Rng) -> Self {
        let block = 1 << dim.trailing_zeros();
        let rounds = (0..ROTATION_ROUNDS).map(|_| (signs(dim, rng), permutation(dim, rng)));
        Self {
            block,
            rounds: rounds.collect(),
        }
    }

    fn apply(&self, vector: &mut [f32]) {
        for (signs, order) in &self.rounds {
            let mixed: Vec<f32> = order
                .iter()
                .map(|&from| vector[from] * signs[from])
                .collect();
            vector.copy_from_slice(&mixed);
            vector.chunks_exact_mut(self.block).for_each(hadamard);
        }
    }
}

fn signs(dim: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..dim)
        .map(|_| if rng.random() { 1.0 } else { -1.0 })
        .collect()
}

fn permutation(dim: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dim).collect();
    for last in (1..dim).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

/// The orthonormal Hadamard transform of a power-of-two block, in place.
fn hadamard(block: &mut [f32]) {
    let mut half = 1;
    while half < block.len() {
        for pair in block.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    #[expect(clippy::cast_precision_loss, reason = "blocks are short")]
    let scale = (block.len() as f32).sqrt().recip();
    block.iter_mut().for_each(|value| *value *= scale);
}

#[cfg(test)]
mod tests {
    use super::{Rotation, Stream, Synth, generator, norm};

    #[test]
    fn a_smaller_set_is_a_prefix() {
        let synth = Synth::new(32, 1);
        let (small, large) = (synth.base(10), synth.base(50));
        assert_eq!(small, large.first(10));
        assert_eq!(synth.base_from(10, 40).row(0), large.row(10));
        assert_ne!(small, synth.queries(10));
        assert_ne!(small, Synth::new(32, 2).base(10));
    }

    #[test]
    fn a_rotation_keeps_lengths() {
        let rotation = Rotation::new(96, &mut generator(3, Stream::Model, 0));
        let mut vector = vec![0.0; 96];
        vector[5] = 2.0;
        rotation.apply(&mut vector);
        assert!((norm(&vector) - 2.0).abs() < 1e-5);
        assert!(vector.iter().all(|value| value.abs() < 1.0), "{vector:?}");
    }
}
