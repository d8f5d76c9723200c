//! The map from vectors to stored coordinates.

mod common;

use common::*;
use hnsw::index::empty_meta;
use hnsw::transform::{Stored, Transform, decode, hash, norm};
use hnsw::{Layout, Metric, Storage};

const DIMS: [usize; 12] = [1, 2, 3, 16, 17, 48, 100, 128, 384, 1000, 1536, 16_000];

fn setup(dims: usize, metric: Metric, seed: u64, centre: Vec<f32>) -> (Layout, Transform) {
    let layout = Layout::new(params(dims, 16, metric, Storage::Float32));
    let transform = Transform::new(&layout, &empty_meta(&layout, seed), centre);
    (layout, transform)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// The documented rotation, in f64 and by its definition.
fn reference(x: &[f32], padded: usize, seed: u64) -> Vec<f64> {
    let mut y: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    y.resize(padded, 0.0);
    let words = padded.div_ceil(64);
    let size = 1usize << padded.ilog2();
    for round in 0..4 {
        for (i, v) in y.iter_mut().enumerate() {
            let counter = seed.wrapping_add((round * words + i / 64) as u64);
            if hnsw::transform::splitmix64(counter) & (1 << (i % 64)) != 0 {
                *v = -*v;
            }
        }
        let start = if round % 2 == 0 { 0 } else { padded - size };
        let part = &mut y[start..start + size];
        let mut half = 1;
        while half < size {
            for block in part.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (a, b) in low.iter_mut().zip(high) {
                    (*a, *b) = (*a + *b, *a - *b);
                }
            }
            half *= 2;
        }
        part.iter_mut().for_each(|v| *v /= (size as f64).sqrt());
        if size < padded {
            let (low, high) = y.split_at_mut(padded / 2);
            for (a, b) in low.iter_mut().zip(high) {
                let root = std::f64::consts::FRAC_1_SQRT_2;
                (*a, *b) = ((*a + *b) * root, (*a - *b) * root);
            }
        }
    }
    y
}

#[test]
fn keeps_distances_and_products() {
    for dims in DIMS {
        let mut rng = Rng::new(1);
        let centre = rng.normals(dims);
        let (_, with_centre) = setup(dims, Metric::L2, 5, centre);
        let (_, transform) = setup(dims, Metric::InnerProduct, 5, Vec::new());
        for _ in 0..5 {
            let (a, b) = (rng.normals(dims), rng.normals(dims));
            let near = |x: f64, y: f64, size: f64| (x - y).abs() <= 1e-5 * size;
            let (ya, yb) = (with_centre.apply(&a).y, with_centre.apply(&b).y);
            assert!(
                near(distance(&ya, &yb), distance(&a, &b), 1.0 + distance(&a, &b)),
                "{dims}"
            );
            let (ya, yb) = (transform.apply(&a).y, transform.apply(&b).y);
            let size = f64::from(norm(&a)) * f64::from(norm(&b));
            assert!(near(dot(&ya, &yb), dot(&a, &b), size), "{dims}");
        }
    }
}

/// What is on disk depends on the rotation: it must not change between versions.
#[test]
fn follows_its_definition_within_its_slack() {
    for dims in DIMS {
        for scale in [1e-6f32, 1.0, 1e6] {
            let x: Vec<f32> = Rng::new(2)
                .normals(dims)
                .iter()
                .map(|v| v * scale)
                .collect();
            let (layout, transform) = setup(dims, Metric::InnerProduct, 77, Vec::new());
            let rotated = transform.apply(&x);
            let expected = reference(&x, layout.padded, 77);
            let off: f64 = rotated
                .y
                .iter()
                .zip(&expected)
                .map(|(a, b)| (f64::from(*a) - b).powi(2))
                .sum();
            let (off, slack) = (off.sqrt(), f64::from(rotated.slack));
            assert!(off <= slack, "{dims}: off by {off}, allowed {slack}");
            assert!(
                slack <= 1e-5 * f64::from(rotated.norm),
                "{dims}: slack {slack} is no use"
            );
        }
    }
}

#[test]
fn centring_is_within_the_slack() {
    for dims in [3, 100, 1536] {
        let mut rng = Rng::new(3);
        let centre: Vec<f32> = rng.normals(dims).iter().map(|v| 1000.0 + v).collect();
        let x: Vec<f32> = rng.normals(dims).iter().map(|v| 1000.0 + v).collect();
        let (layout, transform) = setup(dims, Metric::L2, 9, centre.clone());
        let rotated = transform.apply(&x);
        let difference: Vec<f32> = x.iter().zip(&centre).map(|(x, c)| x - c).collect();
        let expected = reference(&difference, layout.padded, 9);
        let off: f64 = rotated
            .y
            .iter()
            .zip(&expected)
            .map(|(a, b)| (f64::from(*a) - b).powi(2))
            .sum();
        assert!(off.sqrt() <= f64::from(rotated.slack), "{dims}");
    }
}

#[test]
fn spreads_a_single_coordinate() {
    for dims in [64, 100, 384, 1536] {
        let mut x = vec![0.0; dims];
        x[dims / 3] = 1.0;
        let y = setup(dims, Metric::L2, 4, Vec::new()).1.apply(&x).y;
        let largest = y.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest < 6.0 / (dims as f32).sqrt(), "{dims}: {largest}");
    }
}

#[test]
fn depends_on_the_seed_alone() {
    let x = Rng::new(6).normals(100);
    let apply = |seed| setup(100, Metric::L2, seed, Vec::new()).1.apply(&x);
    assert_eq!(apply(1), apply(1));
    assert!(distance(&apply(1).y, &apply(2).y) > 1.0);
}

#[test]
fn taxicab_vectors_stay_as_they_are() {
    let x = Rng::new(6).normals(19);
    let rotated = setup(19, Metric::L1, 1, Vec::new()).1.apply(&x);
    assert_eq!((&rotated.y[..19], rotated.slack), (&x[..], 0.0));
    assert!(rotated.y[19..].iter().all(|&v| v == 0.0));
}

#[test]
fn cosine_scales_to_length_one() {
    let transform = setup(40, Metric::Cosine, 1, Vec::new()).1;
    for scale in [1e-40f32, 1e-20, 1.0, 1e20, 1e37] {
        let x: Vec<f32> = Rng::new(6).normals(40).iter().map(|v| v * scale).collect();
        let length = dot(&transform.apply(&x).y, &transform.apply(&x).y);
        assert!((length - 1.0).abs() < 1e-4, "{scale:e}: {length}");
    }
    assert!(!transform.indexable(&[0.0; 40][..]) && transform.indexable(&[1e-45; 40][..]));
    assert!(
        setup(40, Metric::L2, 1, Vec::new())
            .1
            .indexable(&[0.0; 40][..])
    );
}

/// The bound that comes with a stored vector encloses the true distance to what was rotated.
#[test]
fn error_bound_of_a_stored_vector() {
    let kernels = distance::kernels();
    for metric in DENSE {
        for storage in STORAGES {
            for (dims, scale) in [
                (3, 1.0f32),
                (100, 1e-8),
                (100, 1e8),
                (1536, 1.0),
                (64, 1e-44),
            ] {
                let layout = Layout::new(params(dims, 16, metric, storage));
                let transform = Transform::new(&layout, &empty_meta(&layout, 1), Vec::new());
                let x: Vec<f32> = Rng::new(8)
                    .normals(dims)
                    .iter()
                    .map(|v| v * scale)
                    .collect();
                let rotated = transform.apply(&x);
                let stored = Stored::encode(kernels, &layout, &rotated.y, rotated.slack);
                let mut back = vec![0.0; layout.padded];
                decode(kernels, storage, &stored.bytes, stored.scale, &mut back);
                let differences = rotated
                    .y
                    .iter()
                    .zip(&back)
                    .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
                let off = match metric {
                    Metric::L1 => differences.sum::<f64>(),
                    _ => differences.map(|d| d * d).sum::<f64>().sqrt(),
                };
                let name = format!("{metric:?} {storage:?} {dims} {scale:e}");
                // Below this, queries allow for underflow themselves.
                assert!(
                    off <= f64::from(stored.err) + 1e-30,
                    "{name}: {off} {}",
                    stored.err
                );
                let size = match metric {
                    Metric::Cosine => 1.0,
                    Metric::L1 => f64::from(norm(&x)) * (dims as f64).sqrt(),
                    _ => f64::from(norm(&x)),
                };
                let allowed = match storage {
                    Storage::Float32 => 1e-5,
                    Storage::Float16 => 1e-3,
                    _ => 0.03,
                };
                if scale > 1e-40 {
                    assert!(
                        f64::from(stored.err) <= allowed * size,
                        "{name}: {}",
                        stored.err
                    );
                }
            }
        }
    }
}

#[test]
fn hashes() {
    let x = Rng::new(1).normals(30);
    let mut y = x.clone();
    assert_eq!(hash(1, &x), hash(1, &y));
    y[29] += 1e-6;
    assert_ne!(hash(1, &x), hash(1, &y));
    assert_eq!(hash(1, &[0.0, 1.0]), hash(1, &[-0.0, 1.0]));
    assert_ne!(hash(1, &[0.0, 1.0]), hash(1, &[1.0, 0.0]));
}
