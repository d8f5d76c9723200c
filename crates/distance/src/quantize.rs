//! Scalar quantisation of a vector to int8 codes with one scale.

use crate::kernels;

/// The scale of int8 codes for `x`: `max |x_i| / 127`, 0 for a vector of zeros.
pub fn i8_scale(x: &[f32]) -> f32 {
    (kernels().max_abs)(x) / 127.0
}

/// Encodes `x` as int8 codes in -127..=127, `out_i = round(x_i / scale)`, to nearest even.
///
/// All codes are 0 when `scale` is 0 or so small that its reciprocal overflows.
pub fn encode_i8(x: &[f32], scale: f32, out: &mut [i8]) {
    assert_eq!(x.len(), out.len());
    let inv_scale = 1.0 / scale;
    if inv_scale.is_finite() {
        (kernels().encode_i8)(x, inv_scale, out);
    } else {
        out.fill(0);
    }
}
