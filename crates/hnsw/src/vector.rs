//! What a vector is: numbers, bits or elements, as the metric of an index says.
//!
//! Inside, a vector is a row of 32-bit *words*: the float32 coordinates of a dense vector, a bit
//! string filled up with zeros, or index and value of each element of a sparse vector. What computes
//! distances and codes looks into words; what finds, links and moves nodes passes them on.

use crate::code::EdgeCode;
use crate::layout::{LaneCode, Layout, Metric, Storage};
use crate::transform::{self, Stored, Transform};
use distance::Kernels;
use distance::sparse::{self, Columns};

/// A vector as it comes.
#[derive(Clone, Copy, Debug)]
pub enum Vector<'a> {
    /// All coordinates.
    Dense(&'a [f32]),
    /// A bit string.
    Bits(Bits<'a>),
    /// Those coordinates that are not zero.
    Sparse(Sparse<'a>),
}

/// A bit string; what fills up the last byte is zero.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    /// How many bits.
    pub length: usize,
    /// The bits.
    pub bytes: &'a [u8],
}

/// A sparse vector.
#[derive(Clone, Copy, Debug)]
pub struct Sparse<'a> {
    /// How many dimensions.
    pub dims: usize,
    /// The coordinates that are not zero by ascending index from 0, at most
    /// [`crate::layout::MAX_ELEMENTS`].
    pub elements: Columns<'a>,
}

/// A vector in stored coordinates, and what is known of it.
pub(crate) struct Point {
    pub words: Vec<u32>,
    /// Euclidean norm of a dense vector as it came; else 0.
    pub norm: f32,
    /// Bound of the rounding error of `words`, in the metric's norm.
    pub slack: f32,
}

impl<'a> From<&'a [f32]> for Vector<'a> {
    fn from(x: &'a [f32]) -> Self {
        Vector::Dense(x)
    }
}

impl<'a> From<&'a Vec<f32>> for Vector<'a> {
    fn from(x: &'a Vec<f32>) -> Self {
        Vector::Dense(x)
    }
}

impl Vector<'_> {
    /// Its dimensions.
    pub fn dims(self) -> usize {
        match self {
            Vector::Dense(x) => x.len(),
            Vector::Bits(bits) => bits.length,
            Vector::Sparse(sparse) => sparse.dims,
        }
    }

    /// Its words.
    pub(crate) fn words(self) -> Vec<u32> {
        let mut words = Vec::new();
        self.append_to(&mut words);
        words
    }

    /// Appends its words.
    pub(crate) fn append_to(self, words: &mut Vec<u32>) {
        match self {
            Vector::Dense(x) => words.extend_from_slice(bytemuck::cast_slice(x)),
            Vector::Bits(bits) => {
                let start = words.len();
                words.resize(start + bits.length.next_multiple_of(Bits::UNIT) / 32, 0);
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words[start..]);
                bytes[..bits.bytes.len()].copy_from_slice(bits.bytes);
            }
            Vector::Sparse(Sparse { elements, .. }) => {
                let elements = elements.indices.iter().zip(elements.values);
                words.extend(elements.flat_map(|(i, v)| [i.cast_unsigned(), v.to_bits()]));
            }
        }
    }
}

impl Bits<'_> {
    /// Bit strings are filled up to a multiple of so many bits.
    pub(crate) const UNIT: usize = 64;
}

/// The words of a dense vector.
#[inline]
pub(crate) fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

/// The words of a sparse vector.
#[inline]
pub(crate) fn elements(words: &[u32]) -> &[[u32; 2]] {
    words.as_chunks().0
}

impl Transform {
    /// The stored coordinates of a vector, from its words.
    pub(crate) fn point(&self, words: Vec<u32>) -> Point {
        match self.metric().only_storage() {
            None => {
                let rotated = self.apply(floats(&words));
                Point {
                    words: bytemuck::cast_vec(rotated.y),
                    norm: rotated.norm,
                    slack: rotated.slack,
                }
            }
            Some(_) => Point {
                words,
                norm: 0.0,
                slack: 0.0,
            },
        }
    }
}

impl Layout {
    /// Hash of a vector as it came, from its words.
    pub(crate) fn hash(&self, words: &[u32]) -> u32 {
        let [hash] = self.hashes([transform::HASH_START], words);
        (hash >> 16) as u32
    }

    /// Hashes of a vector as it came, one for each start.
    pub(crate) fn hashes<const N: usize>(&self, starts: [u64; N], words: &[u32]) -> [u64; N] {
        match self.params.metric.only_storage() {
            None => transform::hashes(starts, transform::equal_words(floats(words))),
            Some(_) => transform::hashes(starts, words.iter().copied()),
        }
    }

    /// A vector as a record keeps it.
    pub(crate) fn encode(&self, kernels: &Kernels, point: &Point) -> Stored {
        match self.params.storage {
            Storage::Bits | Storage::Sparse => Stored {
                bytes: bytemuck::cast_slice(&point.words).to_vec(),
                scale: 1.0,
                err: 0.0,
            },
            _ => Stored::encode(kernels, self, floats(&point.words), point.slack),
        }
    }

    /// Appends the words of a stored vector.
    pub(crate) fn decode(&self, kernels: &Kernels, bytes: &[u8], scale: f32, to: &mut Vec<u32>) {
        let start = to.len();
        match self.params.storage {
            Storage::Bits | Storage::Sparse => {
                to.resize(start + bytes.len() / 4, 0);
                bytemuck::cast_slice_mut(&mut to[start..]).copy_from_slice(bytes);
            }
            storage => {
                to.resize(start + self.padded, 0);
                let out = bytemuck::cast_slice_mut(&mut to[start..]);
                transform::decode(kernels, storage, bytes, scale, out);
            }
        }
    }

    /// Whether words are those of a vector: numbers, bits within the dimensions, or elements in order. Where the
    /// largest numbers overflowed, the error `err` has no bound and a coordinate may be no number.
    pub(crate) fn is_sound(&self, words: &[u32], err: f32) -> bool {
        let is_number = |word: &u32| !f32::from_bits(*word).is_nan();
        let dims = self.params.dims;
        match self.params.storage {
            Storage::Bits => {
                let bytes: &[u8] = bytemuck::cast_slice(words);
                let (whole, rest) = (dims as usize / 8, dims % 8);
                let partial = rest == 0 || bytes[whole] & (0xff >> rest) == 0;
                let behind = whole + usize::from(rest > 0);
                partial && bytes[behind..].iter().all(|&b| b == 0)
            }
            Storage::Sparse => {
                let elements = elements(words);
                elements.is_sorted_by(|a, b| a[0] < b[0])
                    && elements.iter().all(|[i, v]| *i < dims && is_number(v))
            }
            _ => !err.is_finite() || words.iter().all(is_number),
        }
    }

    /// Graph distance of two vectors in stored coordinates.
    #[inline]
    pub(crate) fn between(&self, kernels: &Kernels, a: &[u32], b: &[u32]) -> f32 {
        let metric = self.params.metric;
        match metric {
            Metric::L1 => (kernels.l1)(floats(a), floats(b)),
            Metric::InnerProduct => -(kernels.inner_product)(floats(a), floats(b)),
            Metric::L2 | Metric::Cosine => (kernels.l2_squared)(floats(a), floats(b)),
            Metric::Hamming | Metric::Jaccard => {
                let bytes = |words| bytemuck::cast_slice::<u32, u8>(words);
                bit_distance(kernels, metric, bytes(a), bytes(b)) as f32
            }
            _ => sparse_distance(metric, elements(a), elements(b)) as f32,
        }
    }

    /// What a lane keeps of the edge between two vectors in stored coordinates.
    pub(crate) fn edge(&self, kernels: &Kernels, from: &[u32], to: &[u32]) -> EdgeCode {
        match self.lane_code {
            LaneCode::None => EdgeCode::default(),
            LaneCode::Edge => {
                let (from, to) = (floats(from), floats(to));
                EdgeCode::new(kernels, self.params.metric, from, to, self.code_dims)
            }
            LaneCode::Bits => {
                let mut edge = EdgeCode::default();
                let size = self.code_dims / 8;
                edge.bits[..size].copy_from_slice(&bytemuck::cast_slice(to)[..size]);
                edge
            }
        }
    }
}

/// Distance of two bit strings: that of the operator.
#[inline]
pub(crate) fn bit_distance(kernels: &Kernels, metric: Metric, a: &[u8], b: &[u8]) -> f64 {
    match metric {
        Metric::Jaccard => distance::jaccard((kernels.jaccard_parts)(a, b)),
        _ => (kernels.hamming)(a, b) as f64,
    }
}

/// Distance of two sparse vectors: that of the operator, or its square under L2.
#[inline]
pub(crate) fn sparse_distance(metric: Metric, a: &[[u32; 2]], b: &[[u32; 2]]) -> f64 {
    match metric {
        Metric::SparseInnerProduct => -f64::from(sparse::inner_product(a, b)),
        Metric::SparseL1 => f64::from(sparse::l1(a, b)),
        Metric::SparseCosine => distance::cosine(sparse::cosine_parts(a, b)),
        _ => f64::from(sparse::l2_squared(a, b)),
    }
}
