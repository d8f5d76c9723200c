//! Estimates from edge codes: without bias, and with the error that theory gives them.
//!
//! Theory (Gao and Long, arXiv 2405.12497): the estimate of <q-u, r> misses by a part of |r| times
//! what of q-u is orthogonal to r, with a standard deviation of sqrt(1/c^2 - 1) / sqrt(D-1), where c
//! is the cosine of the angle between r and its signs, about sqrt(2/pi): about 0.755 / sqrt(D-1).
//! With a code of the first Dc of D coordinates, D-1 becomes Dc-1 and the part of r that has no code
//! adds to the angle, so that the factor becomes sqrt(pi/2 - Dc/D).

mod common;

use common::*;
use hnsw::code::EdgeCode;
use hnsw::index::empty_meta;
use hnsw::transform::Transform;
use hnsw::{Layout, Metric, Storage};

struct Setup {
    metric: Metric,
    layout: Layout,
    transform: Transform,
}

impl Setup {
    fn new(dims: usize, metric: Metric, seed: u64) -> Self {
        let layout = Layout::new(params(dims, 16, metric, Storage::Float32));
        let transform = Transform::new(&layout, &empty_meta(&layout, seed), Vec::new());
        Self {
            metric,
            layout,
            transform,
        }
    }

    fn edge(&self, u: &[f32], v: &[f32]) -> EdgeCode {
        EdgeCode::new(
            distance::kernels(),
            self.metric,
            u,
            v,
            self.layout.code_dims,
        )
    }

    fn distance(&self, q: &[f32], v: &[f32]) -> f64 {
        let pairs = q.iter().zip(v).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        match self.metric {
            Metric::InnerProduct => -pairs.map(|(a, b)| a * b).sum::<f64>(),
            _ => pairs.map(|(a, b)| (a - b) * (a - b)).sum(),
        }
    }

    /// The estimate by the code's definition, in f64: no tables.
    fn estimate(&self, q: &[f32], u: &[f32], edge: &EdgeCode) -> f64 {
        let dot: f64 = (0..self.layout.code_dims)
            .map(|i| match edge.bits[i / 8] & (1 << (i % 8)) {
                0 => -f64::from(q[i]),
                _ => f64::from(q[i]),
            })
            .sum();
        let rescale = f64::from(distance::bf16_to_f32(edge.f_rescale));
        self.distance(q, u) + f64::from(edge.f_add) + rescale * dot
    }

    /// The estimate as a search computes it.
    fn fast_estimate(&self, q: &[f32], u: &[f32], edge: &EdgeCode) -> f64 {
        let (l, k) = (&self.layout, distance::kernels());
        let n = l.code_dims;
        let mut tables = vec![0; n * 4];
        let (delta, bias) = (k.tables)(&q[..n], &mut tables);
        let mut codes = vec![0; distance::fastscan::codes_len(32, n)];
        distance::fastscan::set_lane(&mut codes, 32, n, 3, &edge.bits[..n / 8]);
        let mut sums = vec![0; 32];
        (k.fastscan)(&codes, &tables, &mut sums);
        let mut out = [0.0];
        let base = self.distance(q, u) as f32;
        (k.estimate)(
            &sums[3..4],
            &[edge.f_add],
            &[edge.f_rescale],
            delta,
            bias,
            base,
            &mut out,
        );
        f64::from(out[0])
    }
}

/// u, v and q as data has them: near one another, with coordinates of very different sizes before
/// the rotation.
fn triple(setup: &Setup, rng: &mut Rng) -> [Vec<f32>; 3] {
    let dims = setup.layout.params.dims as usize;
    let sizes: Vec<f32> = (0..dims).map(|i| 1.0 / (1.0 + i as f32 / 8.0)).collect();
    let mut x = |spread: f32, from: Option<&Vec<f32>>| -> Vec<f32> {
        let value = |i: usize| from.map_or(0.0, |f| f[i]) + spread * sizes[i] * rng.normal();
        (0..dims).map(value).collect()
    };
    let u = x(1.0, None);
    let v = x(0.7, Some(&u));
    let q = x(0.5, Some(&u));
    [u, v, q].map(|x| setup.transform.apply(&x).y)
}

/// Errors in units of their theoretical standard deviation.
fn errors(dims: usize, metric: Metric, fast: bool, count: usize) -> Vec<f64> {
    let mut rng = Rng::new(dims as u64);
    // The theory averages over rotations.
    let setups: Vec<Setup> = (0..40)
        .map(|seed| Setup::new(dims, metric, 1000 * seed))
        .collect();
    (0..count)
        .map(|i| {
            let setup = &setups[i % setups.len()];
            let [u, v, q] = triple(setup, &mut rng);
            let edge = setup.edge(&u, &v);
            let estimate = match fast {
                true => setup.fast_estimate(&q, &u, &edge),
                false => setup.estimate(&q, &u, &edge),
            };
            let (qu, r): (Vec<f64>, Vec<f64>) = (0..u.len())
                .map(|i| {
                    (
                        f64::from(q[i]) - f64::from(u[i]),
                        f64::from(v[i]) - f64::from(u[i]),
                    )
                })
                .unzip();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let orthogonal = dot(&qu, &qu) - dot(&qu, &r).powi(2) / dot(&r, &r);
            let (padded, code) = (setup.layout.padded as f64, setup.layout.code_dims as f64);
            let spread = (std::f64::consts::FRAC_PI_2 - code / padded).sqrt() / (code - 1.0).sqrt();
            let factor = if metric == Metric::InnerProduct {
                1.0
            } else {
                2.0
            };
            let sigma = factor * (orthogonal * dot(&r, &r)).sqrt() * spread;
            (estimate - setup.distance(&q, &v)) / sigma
        })
        .collect()
}

fn check_errors(dims: usize, metric: Metric, fast: bool, count: usize) {
    let mut errors = errors(dims, metric, fast, count);
    let n = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / n;
    let square = errors.iter().map(|e| e * e).sum::<f64>() / n;
    let name = format!("{dims} {metric:?} fast {fast}: mean {mean}, mean square {square}");
    assert!(mean.abs() < 3.0 * (square / n).sqrt(), "biased: {name}");
    // The estimates are as good as theory says, and not better, which would mean a wrong theory.
    assert!((0.6..1.4).contains(&square), "{name}");
    errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let at = |share: f64| errors[(share * (n - 1.0)) as usize].abs();
    assert!(
        at(0.9) < 2.0 && at(0.999) < 4.5,
        "{name}: {} {}",
        at(0.9),
        at(0.999)
    );
    assert!(at(1.0) < 8.0, "{name}: worst {}", at(1.0));
}

const DIMS: [usize; 6] = [32, 128, 384, 1024, 1536, 3072];

#[test]
fn l2_estimates() {
    for dims in DIMS {
        check_errors(dims, Metric::L2, false, 1500);
    }
}

#[test]
fn inner_product_estimates() {
    for dims in DIMS {
        check_errors(dims, Metric::InnerProduct, false, 1500);
    }
}

/// Tables of bytes add an error of their own, small beside that of the code.
#[test]
fn estimates_from_tables() {
    for dims in DIMS {
        for metric in [Metric::L2, Metric::InnerProduct] {
            check_errors(dims, metric, true, 600);
        }
    }
}

/// Long vectors are coded by their first 1,024 coordinates; the spread of their errors is what
/// [`check_errors`] expects of that many.
#[test]
fn codes_of_long_vectors_are_cut_off() {
    assert_eq!(Setup::new(1536, Metric::L2, 0).layout.code_dims, 1024);
    assert_eq!(Setup::new(3072, Metric::L2, 0).layout.code_dims, 1024);
    assert_eq!(Setup::new(1000, Metric::L2, 0).layout.code_dims, 1024);
}

/// With a whole code the estimate at q = v has no error but that of bfloat16.
#[test]
fn exact_at_the_neighbour() {
    for dims in [32, 128, 384, 1024] {
        let setup = Setup::new(dims, Metric::L2, 7);
        let mut rng = Rng::new(1);
        for _ in 0..50 {
            let [u, v, _] = triple(&setup, &mut rng);
            let estimate = setup.estimate(&v, &u, &setup.edge(&u, &v));
            let size = setup.distance(&u, &v);
            assert!(estimate.abs() < 0.01 * size, "{dims}: {estimate} of {size}");

            let setup = Setup {
                metric: Metric::InnerProduct,
                ..Setup::new(dims, Metric::L2, 7)
            };
            let estimate = setup.estimate(&v, &u, &setup.edge(&u, &v));
            let product = setup.distance(&v, &v);
            assert!(
                (estimate - product).abs() < 0.01 * size,
                "{dims}: {estimate} {product}"
            );
        }
    }
}

/// Equal vectors have no direction from one to the other.
#[test]
fn duplicates_have_finite_estimates() {
    for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine] {
        for dims in [1, 16, 100, 3072] {
            let setup = Setup::new(dims, metric, 3);
            let [u, _, q] = triple(&setup, &mut Rng::new(4));
            let edge = setup.edge(&u, &u);
            let zeros = vec![0.0; u.len()];
            for (q, u, edge) in [(&q, &u, edge), (&q, &zeros, setup.edge(&zeros, &zeros))] {
                let estimate = setup.estimate(q, u, &edge);
                let expected = setup.distance(q, u);
                let near = 1e-4 * (1.0 + expected.abs());
                assert!(
                    (estimate - expected).abs() < near,
                    "{metric:?}: {estimate} {expected}"
                );
                let fast = setup.fast_estimate(q, u, &edge);
                assert!(
                    (fast - expected).abs() < near,
                    "{metric:?}: {fast} {expected}"
                );
            }
        }
    }
}

/// Residuals so small or large that factors overflow leave estimates that are numbers.
#[test]
fn extreme_residuals() {
    let setup = Setup::new(64, Metric::L2, 3);
    for scale in [1e-38f32, 1e-30, 1e-20, 1e10, 1e18] {
        let mut rng = Rng::new(5);
        let u: Vec<f32> = rng.normals(64).iter().map(|x| x * scale).collect();
        let v: Vec<f32> = rng.normals(64).iter().map(|x| x * scale).collect();
        let edge = setup.edge(&u, &v);
        assert!(distance::bf16_to_f32(edge.f_rescale).is_finite() && edge.f_add.is_finite());
        assert!(setup.estimate(&v, &u, &edge).is_finite());
    }
}
