//! Distances from a vector in stored coordinates to vectors as records keep them.

use crate::layout::{Layout, Metric, Storage};
use crate::vector::{bit_distance, elements, floats, sparse_distance};
use distance::Kernels;

/// How the vectors of one index are scored.
#[derive(Clone, Copy)]
pub(crate) struct Scorer {
    pub kernels: &'static Kernels,
    pub storage: Storage,
    pub metric: Metric,
}

impl Scorer {
    /// That of an index with this layout.
    pub fn new(layout: &Layout, kernels: &'static Kernels) -> Self {
        let (storage, metric) = (layout.params.storage, layout.params.metric);
        Self {
            kernels,
            storage,
            metric,
        }
    }

    /// Distance of the words `y` from a stored vector.
    #[inline]
    pub fn distance(&self, y: &[u32], bytes: &[u8], scale: f32) -> f64 {
        self.after_sum(self.sum(y, bytes, 0, scale), scale)
    }

    /// The sum over a part of a stored vector that begins at coordinate `start`; the distance of a
    /// bit string or a sparse vector, which are one part. Once a visit: the call alone would be a
    /// hundredth of a search.
    #[inline(always)]
    pub fn sum(&self, y: &[u32], bytes: &[u8], start: usize, scale: f32) -> f64 {
        let k = self.kernels;
        match self.storage {
            Storage::Bits => {
                return bit_distance(k, self.metric, bytemuck::cast_slice(y), bytes);
            }
            Storage::Sparse => {
                let distance = |x| sparse_distance(self.metric, elements(y), elements(x));
                return match bytemuck::try_cast_slice(bytes) {
                    Ok(x) => distance(x),
                    Err(_) => distance(&bytemuck::pod_collect_to_vec(bytes)),
                };
            }
            _ => {}
        }
        let y = &floats(y)[start..start + 8 * bytes.len() / self.storage.width()];
        let sum = match self.storage {
            Storage::Float32 => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product)(y, x),
                    Metric::L1 => (k.l1)(y, x),
                    _ => (k.l2_squared)(y, x),
                }
            }
            Storage::Float16 => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product_f16)(y, x),
                    Metric::L1 => (k.l1_f16)(y, x, scale),
                    _ => (k.l2_squared_f16)(y, x, scale),
                }
            }
            _ => {
                let x = bytemuck::cast_slice(bytes);
                match self.metric {
                    Metric::InnerProduct => (k.inner_product_i8)(y, x),
                    Metric::L1 => (k.l1_i8)(y, x, scale),
                    _ => (k.l2_squared_i8)(y, x, scale),
                }
            }
        };
        f64::from(sum)
    }

    /// The distance that follows from the sum over all parts.
    #[inline]
    pub fn after_sum(&self, sum: f64, scale: f32) -> f64 {
        let own = match self.metric {
            Metric::InnerProduct => -sum * f64::from(scale),
            _ => sum,
        };
        if own.is_nan() { f64::INFINITY } else { own }
    }
}
