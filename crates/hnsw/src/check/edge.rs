//! Whether what a lane keeps follows from the two vectors: computed again, plainly, in double precision.
//!
//! Inserts make it from the stored vectors, builds from their copies of the vectors, mostly int8. So where that
//! is not what is stored, each coordinate may have been off by a half step of such a copy. Steps
//! are rounded to one by one, so that of sums over coordinates they cancel, but for [`DEVIATIONS`].

use crate::code::EdgeCode;
use crate::layout::{LaneCode, Layout, Metric, Storage};
use crate::vector::floats;

/// How far a sum of single-precision numbers may be off, of the sum of their magnitudes.
const ROUNDING: f64 = 1e-4;
/// How far `f_rescale` may be off: a step of bfloat16, since a sum that differs may round otherwise.
const STEP: f64 = 1.0 / 128.0;
/// How often the root of the sum of the squares of what each term of a sum may be off the sum may
/// be off: with a probability of 1e-13 it is more (Hoeffding's inequality).
const DEVIATIONS: f64 = 8.0;

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

/// How far a coordinate may be off between what a build computes with and what is stored.
fn half_step(layout: &Layout, x: &[f32]) -> f64 {
    let max = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let (int8, float16) = (0.5 / 127.0, 1.0 / 2048.0);
    let steps = match (layout.params.storage, layout.builds_from_int8) {
        (Storage::Int8, _) | (Storage::Float32, false) => 0.0,
        (_, false) => float16,
        (_, true) => int8 + float16,
    };
    f64::from(max) * steps
}

fn edge_problem(layout: &Layout, u: &[f32], v: &[f32], edge: &EdgeCode) -> Option<&'static str> {
    let dims = layout.code_dims;
    let (off_u, off_v) = (half_step(layout, u), half_step(layout, v));
    let off = off_u + off_v;
    let (mut l2, mut abs_sum, mut dot_u, mut abs_u) = (0.0, 0.0, 0.0, 0.0);
    // Coordinates whose sign a step may change.
    let mut close = 0.0;
    for (i, (&u, &v)) in u.iter().zip(v).enumerate() {
        let (u, v) = (f64::from(u), f64::from(v));
        let r = v - u;
        l2 += r * r;
        if i >= dims {
            continue;
        }
        let positive = edge.bits[i / 8] & (1 << (i % 8)) != 0;
        // Zero may have either sign.
        match r.abs() > off {
            true if positive != (r > 0.0) => return Some("code"),
            true => {}
            false => close += 1.0,
        }
        abs_sum += r.abs();
        dot_u += if positive { u } else { -u };
        abs_u += u.abs();
    }
    let all = u.len() as f64;
    let l2_off = DEVIATIONS * 2.0 * off * l2.sqrt() + all * off * off;
    let signs_off = DEVIATIONS * (dims as f64).sqrt() + close;
    let product = layout.params.metric == Metric::InnerProduct;
    let (base, size, base_off) = match product {
        true => {
            let terms = u.iter().zip(v).map(|(&u, &v)| (f64::from(u), f64::from(v)));
            let add = |(a, b, c), (u, v): (f64, f64)| {
                let moved = (off_u * (2.0 * u - v)).powi(2) + (off_v * u).powi(2);
                (a + u * u - u * v, b + u * u + (u * v).abs(), c + moved)
            };
            let (base, size, moved) = terms.fold((0.0, 0.0, 0.0), add);
            (base, size, DEVIATIONS * moved.sqrt() + all * off_u * off)
        }
        false => (l2, l2, l2_off),
    };
    let rescale = f64::from(distance::bf16_to_f32(edge.f_rescale));
    let expected = if product { -1.0 } else { -2.0 } * l2 / abs_sum;
    // Where single precision overflows or has no precise bits, factors are what they are; and
    // where the vectors are so near that a step says as much as their difference.
    let precise = |v: f64| (1e-25..1e37).contains(&v.abs());
    if !precise(l2) || !precise(abs_sum) || !precise(expected) || !precise(size) {
        return None;
    }
    let abs_off = off * signs_off;
    if l2_off > l2 || 2.0 * abs_off > abs_sum {
        return None;
    }
    let rescale_off = STEP + (1.0 + l2_off / l2) / (1.0 - abs_off / abs_sum) - 1.0;
    if (rescale - expected).abs() > rescale_off * expected.abs() {
        return Some("f_rescale");
    }
    let f_add = base - rescale * dot_u;
    let scale = size + rescale.abs() * abs_u;
    let most = ROUNDING * scale + base_off + rescale.abs() * off_u * signs_off;
    let near = (f64::from(edge.f_add) - f_add).abs() <= most;
    (!near).then_some("f_add")
}
