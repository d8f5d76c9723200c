//! 1-bit codes of edges: RaBitQ (Gao and Long, arXiv 2405.12497) centred on the node.
//!
//! For a node u, a neighbour v and a query q, all rotated, let r = v - u, s the signs of r's first
//! Dc coordinates and r' those coordinates. Because the rotation is random, <q-u, r> is estimated
//! without bias by `|r|^2 / <r', s> * <q'-u', s>`, and so
//!
//! ```text
//! |q-v|^2 = |q-u|^2 + |r|^2 - 2 <q-u, r>
//!         ~ |q-u|^2 + f_add + f_rescale <q', s>
//! f_rescale = -2 |r|^2 / <r', s>,   f_add = |r|^2 - f_rescale <u', s>
//! ```
//!
//! For the negative inner product, whose nodes are not centred on anything else:
//!
//! ```text
//! -<q,v> = -<q,u> - <u,r> - <q-u, r> ~ -<q,u> + f_add + f_rescale <q', s>
//! f_rescale = -|r|^2 / <r', s>,   f_add = -<u,r> - f_rescale <u', s>
//! ```
//!
//! Estimates are exact at q = v. `f_rescale` is kept as a bfloat16; `f_add` is computed with the
//! rounded value, so that the rounding scales only the correction and does not shift it.

use crate::keys::Sketch;
use crate::layout::Metric;
use distance::Kernels;

/// Bytes of the longest code.
pub const MAX_CODE_BYTES: usize = 128;

/// What a lane keeps of the edge from its node to a neighbour. In an index of bit strings, `bits` are
/// the neighbour's own and the factors are zero.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeCode {
    /// Added to the distance between query and node.
    pub f_add: f32,
    /// Factor of the product of query and signs, as bfloat16.
    pub f_rescale: u16,
    /// One bit a coordinate, least significant first; 1 for r >= 0.
    pub bits: [u8; MAX_CODE_BYTES],
    /// What the neighbour's key columns hold.
    pub sketch: Sketch,
}

impl Default for EdgeCode {
    fn default() -> Self {
        Self {
            f_add: 0.0,
            f_rescale: 0,
            bits: [0; MAX_CODE_BYTES],
            sketch: Sketch::default(),
        }
    }
}

impl EdgeCode {
    /// The same to a neighbour with this sketch.
    pub fn with(self, sketch: Sketch) -> Self {
        Self { sketch, ..self }
    }

    /// Codes the edge from `u` to `v`, both in stored coordinates, by the first `code_dims`.
    pub fn new(kernels: &Kernels, metric: Metric, u: &[f32], v: &[f32], code_dims: usize) -> Self {
        let square = Self::square(kernels, metric, u);
        Self::with_square(kernels, metric, (u, square), v, code_dims)
    }

    /// What [`Self::with_square`] takes with `u`: under the inner product `<u, u>`.
    pub fn square(kernels: &Kernels, metric: Metric, u: &[f32]) -> f32 {
        match metric {
            Metric::InnerProduct => (kernels.inner_product)(u, u),
            _ => 0.0,
        }
    }

    /// [`Self::new`] for one of several edges from `u`.
    pub fn with_square(
        kernels: &Kernels,
        metric: Metric,
        (u, square): (&[f32], f32),
        v: &[f32],
        code_dims: usize,
    ) -> Self {
        let mut edge = Self::default();
        let sums = (kernels.edge_code)(u, v, code_dims, &mut edge.bits[..code_dims / 8]);
        let factor = match metric {
            Metric::InnerProduct => {
                edge.f_add = square - (kernels.inner_product)(u, v);
                -1.0
            }
            _ => {
                edge.f_add = sums.l2;
                -2.0
            }
        };
        let rescale = factor * sums.l2 / sums.abs_sum;
        if sums.abs_sum > 0.0 && rescale.is_finite() {
            edge.f_rescale = distance::bf16_round(rescale);
            edge.f_add -= distance::bf16_to_f32(edge.f_rescale) * sums.dot_u;
        }
        edge
    }
}
