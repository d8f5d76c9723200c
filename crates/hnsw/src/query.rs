//! A query prepared for scoring records, and the bounds of what its scores can be off by.

use crate::index::Index;
use crate::layout::{LaneCode, Metric, Storage};
use crate::record::{Record, RecordHeader};
use crate::scorer::Scorer;
use crate::store::PageStore;
use crate::vector::{Vector, floats};
use std::cell::OnceCell;

/// More lanes than any layout has.
const MAX_LANES: usize = 256;

/// A vector prepared for scoring records of one index.
pub struct Query {
    scorer: Scorer,
    /// The vector in stored coordinates.
    pub y: Vec<u32>,
    norm: f32,
    slack: f32,
    code: LaneCode,
    code_dims: usize,
    /// Made when the first code is scored: a visit to all nodes that match scores none.
    tables: OnceCell<Tables>,
    /// Bits set in the part of the query that codes have, for Jaccard distance.
    ones: u64,
}

/// What sums over codes are looked up in, and how estimates follow from them.
struct Tables {
    bytes: Vec<u8>,
    delta: f32,
    bias: f32,
}

/// What the operator's value for a row can be at least and at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Never above the operator's value.
    pub lower: f64,
    /// Never below it.
    pub upper: f64,
}

impl Query {
    /// Prepares `x` for `index`. Distances are L2 squared, the negative inner product, L2 squared of
    /// normalised vectors for cosine, L1, Hamming or Jaccard: smaller is nearer.
    pub fn new<'a, S: PageStore>(index: &Index<S>, x: impl Into<Vector<'a>>) -> Self {
        let point = index.transform.point(x.into().words());
        Self::from_stored(index, point.words, point.norm, point.slack)
    }

    /// A query for rows in whatever order.
    pub fn of_any_order<S: PageStore>(index: &Index<S>) -> Self {
        Self::from_stored(index, vec![0; index.layout.words()], 0.0, 0.0)
    }

    /// As [`Self::new`], from a vector in stored coordinates.
    pub(crate) fn from_stored<S: PageStore>(
        index: &Index<S>,
        y: Vec<u32>,
        norm: f32,
        slack: f32,
    ) -> Self {
        let l = &index.layout;
        let ones = match l.params.metric {
            Metric::Jaccard => y[..l.code_dims / 32]
                .iter()
                .map(|word| u64::from(word.count_ones()))
                .sum(),
            _ => 0,
        };
        Self {
            scorer: index.scorer(),
            y,
            norm,
            slack,
            code: l.lane_code,
            code_dims: l.code_dims,
            tables: OnceCell::new(),
            ones,
        }
    }

    fn make_tables(&self) -> Tables {
        let n = self.code_dims;
        let mut bytes = vec![0; n * 4];
        let (delta, bias) = (self.scorer.kernels.tables)(&floats(&self.y)[..n], &mut bytes);
        Tables { bytes, delta, bias }
    }

    /// Distance of a stored vector.
    #[inline]
    pub fn own(&self, bytes: &[u8], scale: f32) -> f64 {
        self.scorer.distance(&self.y, bytes, scale)
    }

    /// The sum over a part of a stored vector that begins at coordinate `start`; the distance of a
    /// bit string or a sparse vector, which are one part.
    #[inline]
    pub(crate) fn own_part(&self, bytes: &[u8], start: usize, scale: f32) -> f64 {
        self.scorer.sum(&self.y, bytes, start, scale)
    }

    /// The distance that follows from the sum over all parts.
    #[inline]
    pub(crate) fn own_from_sum(&self, sum: f64, scale: f32) -> f64 {
        self.scorer.after_sum(sum, scale)
    }

    /// Whether codes of edges are of less than half of the coordinates, so that many nodes look
    /// nearer than they are.
    pub(crate) fn codes_are_parts(&self) -> bool {
        self.code == LaneCode::Edge && 2 * self.code_dims < self.y.len()
    }

    /// Whether the distance is no sum over parts of the vector.
    #[inline]
    pub(crate) fn needs_whole(&self) -> bool {
        self.scorer.storage == Storage::Sparse
    }

    /// Estimated distances of a record's neighbours, from the record's own distance and the codes
    /// of its lanes; nothing without codes. Bit strings no longer than a code are known exactly.
    #[inline]
    pub(crate) fn estimate(&self, record: &Record, own: f32, out: &mut Vec<f32>) {
        out.clear();
        let degree = usize::from(record.header().degree);
        match self.code {
            LaneCode::None => {}
            LaneCode::Edge => {
                let mut sums = [0; MAX_LANES];
                let lanes = record.f_add().len();
                let tables = self.tables.get_or_init(|| self.make_tables());
                (self.scorer.kernels.fastscan)(record.codes(), &tables.bytes, &mut sums[..lanes]);
                out.resize(degree, 0.0);
                (self.scorer.kernels.estimate)(
                    &sums[..degree],
                    &record.f_add()[..degree],
                    &record.f_rescale()[..degree],
                    tables.delta,
                    tables.bias,
                    own,
                    out,
                );
            }
            LaneCode::Bits => {
                let q = &bytemuck::cast_slice(&self.y)[..self.code_dims / 8];
                let codes = &record.codes()[..degree * q.len()];
                match self.scorer.metric {
                    Metric::Jaccard => {
                        let mut counts = [(0, 0); MAX_LANES];
                        (self.scorer.kernels.jaccard_lanes)(codes, q, &mut counts[..degree]);
                        let in_q = self.ones;
                        out.extend(counts[..degree].iter().map(|&(common, in_code)| {
                            let parts = (common.into(), in_code.into(), in_q);
                            distance::jaccard(parts) as f32
                        }));
                    }
                    _ => {
                        let mut counts = [0; MAX_LANES];
                        (self.scorer.kernels.hamming_lanes)(codes, q, &mut counts[..degree]);
                        let whole = 32 * self.y.len();
                        let scale = whole as f32 / self.code_dims as f32;
                        out.extend(counts[..degree].iter().map(|&n| scale * f32::from(n)));
                    }
                }
            }
        }
    }

    /// Bounds of the operator's value for a row whose stored vector is `own` away.
    ///
    /// They allow for the error of what is stored, for rounding in the rotation of both vectors,
    /// and for rounding of the sums, here and in the operator.
    pub fn bounds(&self, own: f64, header: &RecordHeader) -> Bounds {
        const UNKNOWN: Bounds = Bounds {
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
        };
        let sum_error = (self.y.len() as f64 / 8.0 + 32.0) * 6.0e-8;
        let err = f64::from(header.err) + f64::from(self.slack);
        let (lower, upper) = match self.scorer.metric {
            Metric::InnerProduct => {
                let (q, x) = (f64::from(self.norm), f64::from(header.norm));
                // Sums of products of up to this size cannot overflow on the way.
                if q * x > f64::from(f32::MAX) / 2.0 {
                    return UNKNOWN;
                }
                let off = q * f64::from(header.err)
                    + x * f64::from(self.slack)
                    + 2.0 * sum_error * q * x
                    + f64::from(f32::MIN_POSITIVE);
                (own - off, own + off)
            }
            Metric::L1 => {
                let off = err + 2.0 * sum_error * own;
                (own - off, own + off)
            }
            Metric::SparseL2 => (own.sqrt(), own.sqrt()),
            Metric::Hamming
            | Metric::Jaccard
            | Metric::SparseInnerProduct
            | Metric::SparseCosine
            | Metric::SparseL1 => (own, own),
            Metric::L2 | Metric::Cosine => {
                // Squares of distances below this vanish in f32.
                const UNDERFLOW: f64 = 1e-17;
                let d = own.sqrt();
                let off = err + 2.0 * sum_error * d + UNDERFLOW;
                let (low, high) = ((d - off).max(0.0), d + off);
                match self.scorer.metric {
                    Metric::L2 => (low, high),
                    _ => {
                        let off = 4.0 * sum_error + self.cosine_underflow(header);
                        match off < 1.0 {
                            true => (low * low / 2.0 - off, high * high / 2.0 + off),
                            false => return UNKNOWN,
                        }
                    }
                }
            }
        };
        if lower.is_finite() && upper.is_finite() {
            Bounds { lower, upper }
        } else {
            UNKNOWN
        }
    }

    /// What the cosine operator can be off by where its f32 sums of squares and products have
    /// few bits left; 1 or more where they vanish or overflow.
    fn cosine_underflow(&self, header: &RecordHeader) -> f64 {
        let (q, x) = (f64::from(self.norm), f64::from(header.norm));
        if q.max(x).powi(2) > f64::from(f32::MAX) / 2.0 {
            return 1.0;
        }
        let least = f64::from(f32::from_bits(1));
        let relative = (1.0 / q + 1.0 / x).powi(2) * least * self.y.len() as f64;
        if relative < 0.1 { 2.0 * relative } else { 1.0 }
    }
}
