//! What a vector is: numbers or bits, as the storage of an index says.
//!
//! Decoded, a vector is a row of 32-bit *words*: float32 coordinates, or bits. Only this module
//! and [`crate::query`] look into words; what finds, links and moves nodes passes them on.

use crate::code::EdgeCode;
use crate::layout::{LaneCode, Layout, Metric, Storage};
use crate::transform::{self, Stored, Transform};
use distance::Kernels;

/// A vector as it comes.
#[derive(Clone, Copy, Debug)]
pub enum Vector<'a> {
    /// All coordinates.
    Dense(&'a [f32]),
    /// A bit string.
    Bits(Bits<'a>),
}

/// A bit string; what fills up the last byte is zero.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    /// How many bits.
    pub length: usize,
    /// The bits.
    pub bytes: &'a [u8],
}

/// A vector in stored coordinates, and what is known of it.
pub(crate) struct Point {
    pub words: Vec<u32>,
    /// Euclidean norm of the vector as it came; 0 of bits.
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

impl<'a> From<Bits<'a>> for Vector<'a> {
    fn from(bits: Bits<'a>) -> Self {
        Vector::Bits(bits)
    }
}

impl<'a> Vector<'a> {
    /// Its dimensions.
    pub fn dims(self) -> usize {
        match self {
            Vector::Dense(x) => x.len(),
            Vector::Bits(bits) => bits.length,
        }
    }

    /// Hash of what it holds; -0 and 0 count as equal, as they are to the type's `=`.
    pub fn hash(self) -> u32 {
        match self {
            Vector::Dense(x) => transform::hash(x),
            Vector::Bits(bits) => {
                let words = bits.bytes.chunks(4).map(|chunk| {
                    let mut word = [0; 4];
                    word[..chunk.len()].copy_from_slice(chunk);
                    u32::from_ne_bytes(word)
                });
                transform::hash_words(words)
            }
        }
    }

    /// Appends it as words, from which [`Layout::vector`] makes it again.
    pub(crate) fn append_to(self, words: &mut Vec<u32>) {
        match self {
            Vector::Dense(x) => words.extend_from_slice(bytemuck::cast_slice(x)),
            Vector::Bits(bits) => {
                let start = words.len();
                words.resize(start + bits.length.next_multiple_of(Bits::UNIT) / 32, 0);
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words[start..]);
                bytes[..bits.bytes.len()].copy_from_slice(bits.bytes);
            }
        }
    }
}

impl Bits<'_> {
    /// Bit strings are filled up to a multiple of so many bits.
    pub(crate) const UNIT: usize = 64;
}

/// Words of a dense vector as what they are.
#[inline]
pub(crate) fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

impl Transform {
    /// The stored coordinates of a vector.
    pub(crate) fn point(&self, x: Vector) -> Point {
        match x {
            Vector::Dense(x) => {
                let rotated = self.apply(x);
                Point {
                    words: bytemuck::cast_vec(rotated.y),
                    norm: rotated.norm,
                    slack: rotated.slack,
                }
            }
            Vector::Bits(_) => {
                let mut words = Vec::new();
                x.append_to(&mut words);
                Point {
                    words,
                    norm: 0.0,
                    slack: 0.0,
                }
            }
        }
    }
}

impl Layout {
    /// Words of a vector as [`Vector::append_to`] writes them.
    pub(crate) fn vector_words(&self) -> usize {
        match self.params.storage {
            Storage::Bits => self.padded / 32,
            _ => self.params.dims as usize,
        }
    }

    /// Words of a vector in stored coordinates.
    pub(crate) fn point_words(&self) -> usize {
        match self.params.storage {
            Storage::Bits => self.padded / 32,
            _ => self.padded,
        }
    }

    /// The vector that words stand for.
    pub(crate) fn vector<'a>(&self, words: &'a [u32]) -> Vector<'a> {
        let length = self.params.dims as usize;
        match self.params.storage {
            Storage::Bits => Vector::Bits(Bits {
                length,
                bytes: &bytemuck::cast_slice(words)[..length.div_ceil(8)],
            }),
            _ => Vector::Dense(floats(words)),
        }
    }

    /// A vector as a record keeps it.
    pub(crate) fn encode(&self, kernels: &Kernels, point: &Point) -> Stored {
        match self.params.storage {
            Storage::Bits => Stored {
                bytes: bytemuck::cast_slice(&point.words).to_vec(),
                scale: 1.0,
                err: 0.0,
            },
            _ => Stored::encode(kernels, self, floats(&point.words), point.slack),
        }
    }

    /// Appends a stored vector, decoded.
    pub(crate) fn decode(&self, kernels: &Kernels, bytes: &[u8], scale: f32, to: &mut Vec<u32>) {
        let start = to.len();
        match self.params.storage {
            Storage::Bits => {
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

    /// Whether no coordinate of a vector is NaN.
    pub(crate) fn is_number(&self, words: &[u32]) -> bool {
        self.params.metric.of_bits() || floats(words).iter().all(|v| !v.is_nan())
    }

    /// Graph distance of two vectors in stored coordinates.
    #[inline]
    pub(crate) fn between(&self, kernels: &Kernels, a: &[u32], b: &[u32]) -> f32 {
        let bytes = |words| bytemuck::cast_slice::<u32, u8>(words);
        match self.params.metric {
            Metric::L1 => (kernels.l1)(floats(a), floats(b)),
            Metric::InnerProduct => -(kernels.inner_product)(floats(a), floats(b)),
            Metric::L2 | Metric::Cosine => (kernels.l2_squared)(floats(a), floats(b)),
            Metric::Hamming => (kernels.hamming)(bytes(a), bytes(b)) as f32,
            Metric::Jaccard => {
                distance::jaccard((kernels.jaccard_parts)(bytes(a), bytes(b))) as f32
            }
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
