//! A query prepared for scoring records, and the bounds of what its scores can be off by.

use crate::index::Index;
use crate::layout::{Metric, Storage};
use crate::record::{Record, RecordHeader};
use crate::store::PageStore;
use distance::Kernels;

/// A vector prepared for scoring records of one index.
pub struct Query {
    kernels: &'static Kernels,
    storage: Storage,
    metric: Metric,
    /// The vector in stored coordinates.
    pub y: Vec<f32>,
    norm: f32,
    slack: f32,
    code_dims: usize,
    tables: Vec<u8>,
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
    /// normalised vectors for cosine, or L1: smaller is nearer.
    pub fn new<S: PageStore>(index: &Index<S>, x: &[f32]) -> Self {
        let rotated = index.transform.apply(x);
        Self::from_rotated(index, rotated.y, rotated.norm, rotated.slack)
    }

    /// The same from a vector in stored coordinates.
    pub fn from_rotated<S: PageStore>(
        index: &Index<S>,
        y: Vec<f32>,
        norm: f32,
        slack: f32,
    ) -> Self {
        let l = &index.layout;
        let mut tables = vec![0; l.code_dims * 4];
        let (delta, bias) = match l.code_dims {
            0 => (0.0, 0.0),
            n => distance::fastscan::build_tables(&y[..n], n, &mut tables),
        };
        Self {
            kernels: index.kernels,
            storage: l.params.storage,
            metric: l.params.metric,
            y,
            norm,
            slack,
            code_dims: l.code_dims,
            tables,
            delta,
            bias,
        }
    }

    /// Distance of a stored vector.
    #[inline]
    pub fn own(&self, bytes: &[u8], scale: f32) -> f32 {
        self.own_from_sum(self.own_part(bytes, 0, scale), scale)
    }

    /// The sum over a part of a stored vector that begins at coordinate `start`.
    #[inline]
    pub(crate) fn own_part(&self, bytes: &[u8], start: usize, scale: f32) -> f32 {
        let k = self.kernels;
        let y = &self.y[start..start + bytes.len() / self.storage.width()];
        match self.storage {
            Storage::Float32 => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product)(y, x),
                    Metric::L1 => (k.l1)(y, x),
                    Metric::L2 | Metric::Cosine => (k.l2_squared)(y, x),
                }
            }
            Storage::Float16 => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product_f16)(y, x),
                    Metric::L1 => (k.l1_f16)(y, x, scale),
                    Metric::L2 | Metric::Cosine => (k.l2_squared_f16)(y, x, scale),
                }
            }
            Storage::Int8 | Storage::Auto => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product_i8)(y, x),
                    Metric::L1 => (k.l1_i8)(y, x, scale),
                    Metric::L2 | Metric::Cosine => (k.l2_squared_i8)(y, x, scale),
                }
            }
        }
    }

    /// The distance that follows from the sum over all parts.
    #[inline]
    pub(crate) fn own_from_sum(&self, sum: f32, scale: f32) -> f32 {
        let own = match self.metric {
            Metric::InnerProduct => -sum * scale,
            _ => sum,
        };
        if own.is_nan() { f32::INFINITY } else { own }
    }

    /// FastScan over the codes of a record's lanes in use.
    #[inline]
    pub(crate) fn scan_codes(&self, record: &Record, sums: &mut [u16]) {
        if self.code_dims > 0 {
            (self.kernels.fastscan)(record.codes(), &self.tables, sums);
        }
    }

    /// Estimated distances of a record's neighbours, from the record's own distance and the sums
    /// of [`Self::scan_codes`].
    #[inline]
    pub(crate) fn estimate(&self, record: &Record, own: f32, sums: &[u16], out: &mut Vec<f32>) {
        out.clear();
        if self.code_dims == 0 {
            return;
        }
        let degree = usize::from(record.header().degree);
        out.resize(degree, 0.0);
        (self.kernels.estimate)(
            &sums[..degree],
            &record.f_add()[..degree],
            &record.f_rescale()[..degree],
            self.delta,
            self.bias,
            own,
            out,
        );
    }

    /// Bounds of the operator's value for a row whose stored vector is `own` away.
    ///
    /// They allow for the error of what is stored, for rounding in the rotation of both vectors,
    /// and for rounding of the sums, here and in the operator.
    pub fn bounds(&self, own: f32, header: &RecordHeader) -> Bounds {
        const UNKNOWN: Bounds = Bounds {
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
        };
        let sum_error = (self.y.len() as f64 / 8.0 + 32.0) * 6.0e-8;
        let err = f64::from(header.err) + f64::from(self.slack);
        let own = f64::from(own);
        let (lower, upper) = match self.metric {
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
            Metric::L2 | Metric::Cosine => {
                // Squares of distances below this vanish in f32.
                const UNDERFLOW: f64 = 1e-17;
                let d = own.sqrt();
                let off = err + 2.0 * sum_error * d + UNDERFLOW;
                let (low, high) = ((d - off).max(0.0), d + off);
                match self.metric {
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
