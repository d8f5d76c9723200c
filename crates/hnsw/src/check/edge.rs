//! Whether what a lane keeps follows from the two vectors: computed again, plainly, in double precision.

use crate::code::EdgeCode;
use crate::layout::{LaneCode, Layout, Metric};
use crate::vector::floats;

/// How far a sum of single-precision numbers may be off, of the sum of their magnitudes.
const ROUNDING: f64 = 1e-4;
/// How far `f_rescale` may be off: a step of bfloat16, since a sum that differs may round otherwise.
const STEP: f64 = 1.0 / 128.0;

/// What is wrong with the code of the edge from `from` to `to`, both in stored coordinates.
pub fn problem(layout: &Layout, from: &[u32], to: &[u32], edge: &EdgeCode) -> Option<&'static str> {
    match layout.lane_code {
        LaneCode::None => None,
        LaneCode::Bits => {
            let size = layout.code_dims / 8;
            (edge.bits[..size] != bytemuck::cast_slice(to)[..size]).then_some("code")
        }
        LaneCode::Edge => edge_problem(layout, floats(from), floats(to), edge),
    }
}

fn edge_problem(layout: &Layout, u: &[f32], v: &[f32], edge: &EdgeCode) -> Option<&'static str> {
    let dims = layout.code_dims;
    let (mut l2, mut abs_sum, mut dot_u, mut abs_u) = (0.0, 0.0, 0.0, 0.0);
    for (i, (&u, &v)) in u.iter().zip(v).enumerate() {
        let r = v - u;
        l2 += f64::from(r) * f64::from(r);
        if i >= dims {
            continue;
        }
        let positive = edge.bits[i / 8] & (1 << (i % 8)) != 0;
        // Zero may have either sign.
        if r != 0.0 && positive != (r > 0.0) {
            return Some("code");
        }
        abs_sum += f64::from(r.abs());
        dot_u += if positive {
            f64::from(u)
        } else {
            -f64::from(u)
        };
        abs_u += f64::from(u.abs());
    }
    let product = layout.params.metric == Metric::InnerProduct;
    let (base, size) = match product {
        true => {
            let terms = u.iter().zip(v).map(|(&u, &v)| (f64::from(u), f64::from(v)));
            let add = |(a, b), (u, v): (f64, f64)| (a + u * u - u * v, b + u * u + (u * v).abs());
            terms.fold((0.0, 0.0), add)
        }
        false => (l2, l2),
    };
    let rescale = f64::from(distance::bf16_to_f32(edge.f_rescale));
    let expected = if product { -1.0 } else { -2.0 } * l2 / abs_sum;
    // Where single precision overflows or has no precise bits, factors are what they are.
    let precise = |v: f64| (1e-25..1e37).contains(&v.abs());
    if !precise(l2) || !precise(abs_sum) || !precise(expected) || !precise(size) {
        return None;
    }
    if (rescale - expected).abs() > STEP * expected.abs() {
        return Some("f_rescale");
    }
    let f_add = base - rescale * dot_u;
    let scale = size + rescale.abs() * abs_u;
    let near = (f64::from(edge.f_add) - f_add).abs() <= ROUNDING * scale;
    (!near).then_some("f_add")
}
