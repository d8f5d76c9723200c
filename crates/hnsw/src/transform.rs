//! From a vector as it came to the one that is stored: normalise (cosine), centre, rotate.
//!
//! The rotation is four rounds of random sign flips and fast Hadamard transforms (Ailon and
//! Chazelle's idea; the variant for lengths that are no power of two follows RaBitQ's library: the
//! transform alternates between the first and the last T coordinates, T the largest power of two
//! that fits, and each round ends with sums and differences of the halves). It is orthogonal, so
//! Euclidean geometry does not change, and it makes coordinates look Gaussian, which is
//! what 1-bit codes and int8 need. L1 is not invariant under it: its vectors are stored as they are.

use crate::layout::{Layout, Metric, Storage};
use crate::page::Meta;
use crate::vector::Vector;
use distance::Kernels;

/// Unit roundoff of f32.
const UNIT: f32 = 6.0e-8;

/// The map from vectors to stored coordinates of one index.
#[derive(Clone, Debug)]
pub struct Transform {
    metric: Metric,
    dims: usize,
    padded: usize,
    /// Coordinates of the centre in the original space; empty if it is the origin.
    centre: Vec<f32>,
    /// Four rounds of sign bits.
    signs: Vec<u64>,
}

/// A vector in stored coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotated {
    /// The coordinates.
    pub y: Vec<f32>,
    /// Norm of the vector as it came.
    pub norm: f32,
    /// Bound of the rounding error of `y`, in the metric's norm.
    pub slack: f32,
}

/// A vector as a record keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Coordinates in the index's storage.
    pub bytes: Vec<u8>,
    /// Factor of the coordinates.
    pub scale: f32,
    /// Bound of the distance to the true vector, in the metric's norm.
    pub err: f32,
}

impl Transform {
    /// The transform of an index; `centre` is empty or has one value a dimension.
    pub fn new(layout: &Layout, meta: &Meta, centre: Vec<f32>) -> Self {
        let words = layout.padded.div_ceil(64) * 4;
        let signs = match layout.params.metric.rotated() {
            false => Vec::new(),
            true => (0..words as u64)
                .map(|i| splitmix64(meta.seed.wrapping_add(i)))
                .collect(),
        };
        Self {
            metric: layout.params.metric,
            dims: layout.params.dims as usize,
            padded: layout.padded,
            centre,
            signs,
        }
    }

    /// The metric of the index.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether a vector goes into the index: under cosine distance, those of length zero do not.
    pub fn indexable<'a>(&self, x: impl Into<Vector<'a>>) -> bool {
        match x.into() {
            Vector::Dense(x) => self.metric != Metric::Cosine || x.iter().any(|&v| v != 0.0),
            Vector::Bits(_) => true,
            Vector::Sparse(x) => {
                self.metric != Metric::SparseCosine || !x.elements.values.is_empty()
            }
        }
    }

    /// Centres and rotates `x`.
    pub fn apply(&self, x: &[f32]) -> Rotated {
        let norm = norm_f64(x);
        let mut y = self.prepare(x, norm);
        let norm = norm as f32;
        let mut slack = 0.0;
        if self.metric.rotated() {
            let size = norm_f32(&y);
            for (y, c) in y.iter_mut().zip(&self.centre) {
                *y -= c;
            }
            slack = self.rotation_error() * norm_f32(&y) + 4.0 * UNIT * size;
            self.rotate(&mut y);
        }
        Rotated { y, norm, slack }
    }

    /// `x` scaled as the metric wants it, in the space where the centre is.
    pub fn unrotated(&self, x: &[f32]) -> Vec<f32> {
        let mut y = self.prepare(x, norm_f64(x));
        y.truncate(self.dims);
        y
    }

    /// Bound of the relative error of a rotation: one rounding a butterfly stage, doubled.
    fn rotation_error(&self) -> f32 {
        let stages = 4.0 * (self.padded.ilog2() as f32 + 3.0);
        2.0 * UNIT * stages
    }

    fn prepare(&self, x: &[f32], norm: f64) -> Vec<f32> {
        assert_eq!(x.len(), self.dims);
        let mut y = Vec::with_capacity(self.padded);
        if self.metric == Metric::Cosine && norm as f32 > 0.0 {
            // In f64: the quotient of two f32 may overflow where the result does not.
            let inverse = 1.0 / norm;
            y.extend(x.iter().map(|&v| (f64::from(v) * inverse) as f32));
        } else {
            y.extend_from_slice(x);
        }
        y.resize(self.padded, 0.0);
        y
    }

    fn rotate(&self, y: &mut [f32]) {
        let kernels = distance::kernels();
        let words = self.padded.div_ceil(64);
        let size = 1 << self.padded.ilog2();
        let half = self.padded / 2;
        let scale = 1.0 / (size as f32).sqrt();
        for (round, signs) in self.signs.chunks_exact(words).enumerate() {
            (kernels.flip_signs)(y, signs);
            let start = if round % 2 == 0 {
                0
            } else {
                self.padded - size
            };
            let part = &mut y[start..start + size];
            (kernels.hadamard)(part);
            part.iter_mut().for_each(|v| *v *= scale);
            if size < self.padded {
                let (low, high) = y.split_at_mut(half);
                for (a, b) in low.iter_mut().zip(high) {
                    let (sum, difference) = (*a + *b, *a - *b);
                    *a = sum * std::f32::consts::FRAC_1_SQRT_2;
                    *b = difference * std::f32::consts::FRAC_1_SQRT_2;
                }
            }
        }
    }
}

impl Stored {
    /// Encodes coordinates, whose rounding error is bounded by `slack`, for a layout's storage.
    pub fn encode(kernels: &Kernels, layout: &Layout, y: &[f32], slack: f32) -> Self {
        let storage = layout.params.storage;
        let (bytes, scale) = match storage {
            Storage::Float32 => {
                return Self {
                    bytes: bytemuck::cast_slice(y).to_vec(),
                    scale: 1.0,
                    err: finite_or_infinity(slack),
                };
            }
            Storage::Float16 => {
                let max = (kernels.max_abs)(y);
                let usable = max.is_finite() && (1.0 / max).is_finite();
                let scale = if usable { max } else { 1.0 };
                let mut half = vec![0u16; y.len()];
                (kernels.encode_f16)(y, 1.0 / scale, &mut half);
                (bytemuck::cast_slice(&half).to_vec(), scale)
            }
            // The only other one of dense vectors.
            _ => {
                let scale = distance::quantize::i8_scale(y);
                let mut codes = vec![0i8; y.len()];
                distance::quantize::encode_i8(y, scale, &mut codes);
                (bytemuck::cast_vec(codes), scale)
            }
        };
        let mut decoded = vec![0.0; y.len()];
        decode(kernels, storage, &bytes, scale, &mut decoded);
        // Coordinates are scaled again wherever they are read, with or without rounding.
        let (lost, size) = match layout.params.metric {
            Metric::L1 => (
                sum(y, &decoded, |a, b| (a - b).abs()),
                sum(&decoded, &decoded, |v, _| v.abs()),
            ),
            _ => (
                sum(y, &decoded, |a, b| (a - b) * (a - b)).sqrt(),
                norm_f64(&decoded),
            ),
        };
        let lost = lost * (1.0 + 1e-6) + 2.0 * f64::from(UNIT) * size;
        let err = lost as f32 * (1.0 + 2.0 * UNIT) + slack;
        Self {
            bytes,
            scale,
            err: finite_or_infinity(err),
        }
    }
}

fn finite_or_infinity(err: f32) -> f32 {
    if err.is_finite() { err } else { f32::INFINITY }
}

/// Decodes stored coordinates.
pub fn decode(kernels: &Kernels, storage: Storage, bytes: &[u8], scale: f32, out: &mut [f32]) {
    match storage {
        Storage::Float32 => match bytemuck::try_cast_slice(bytes) {
            Ok(values) => out.copy_from_slice(values),
            Err(_) => bytemuck::cast_slice_mut(out).copy_from_slice(bytes),
        },
        Storage::Float16 => match bytemuck::try_cast_slice(bytes) {
            Ok(values) => (kernels.decode_f16)(values, scale, out),
            Err(_) => {
                let values: Vec<u16> = bytemuck::pod_collect_to_vec(bytes);
                (kernels.decode_f16)(&values, scale, out);
            }
        },
        // The only other one of dense vectors.
        _ => (kernels.decode_i8)(bytemuck::cast_slice(bytes), scale, out),
    }
}

/// Euclidean norm, accumulated in f64.
pub fn norm(x: &[f32]) -> f32 {
    norm_f64(x) as f32
}

fn norm_f64(x: &[f32]) -> f64 {
    sum(x, x, |v, _| v * v).sqrt()
}

/// A sum over pairs in an order that the compiler turns into vectors, the same with all instruction sets.
fn sum(x: &[f32], y: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (x, y) in x.iter().zip(y) {
        for (sum, (&x, &y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += term(x.into(), y.into());
        }
    }
    let rest = x_rest.iter().zip(y_rest);
    let rest: f64 = rest.map(|(&x, &y)| term(x.into(), y.into())).sum();
    sums.iter().sum::<f64>() + rest
}

fn norm_f32(x: &[f32]) -> f32 {
    distance::inner_product(x, x).sqrt()
}

/// Where the hashes of records start.
pub const HASH_START: u64 = 0x9E37_79B9_7F4A_7C15;

/// Hash of a vector's bits; -0 and 0 count as equal, as they are to the type's `=`.
pub fn hash(start: u64, x: &[f32]) -> u64 {
    let [hash] = hashes([start], equal_words(x));
    hash
}

/// Words of a vector that are equal where its coordinates are.
pub(crate) fn equal_words(x: &[f32]) -> impl Iterator<Item = u32> {
    x.iter().map(|&v| if v == 0.0 { 0 } else { v.to_bits() })
}

/// Hashes of a row of words, for several starts side by side: each step of one waits for the step before.
pub(crate) fn hashes<const N: usize>(
    starts: [u64; N],
    words: impl Iterator<Item = u32>,
) -> [u64; N] {
    words.fold(starts, |hashes, word| {
        hashes.map(|h| {
            let h = (h ^ u64::from(word)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
            h ^ h >> 32
        })
    })
}

/// One output of Steele, Lea and Flood's SplitMix64 for a counter.
pub fn splitmix64(counter: u64) -> u64 {
    let mut z = counter
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
