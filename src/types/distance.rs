//! Distances between dense values of the same length. Sums are in the element type's kernels.

use super::dense::Dense;
use super::element::Element;
use super::error;

/// The distance kernels of an element type.
pub trait Kernels: Element {
    /// The sum of squared differences.
    fn l2_squared(a: &[Self], b: &[Self]) -> f32;
    /// The sum of products.
    fn inner_product(a: &[Self], b: &[Self]) -> f32;
    /// The sum of absolute differences.
    fn l1(a: &[Self], b: &[Self]) -> f32;
    /// The inner products of `a` and `b`, of `a` and `a`, of `b` and `b`.
    fn cosine_parts(a: &[Self], b: &[Self]) -> (f32, f32, f32);
}

impl Kernels for f32 {
    #[inline]
    fn l2_squared(a: &[Self], b: &[Self]) -> f32 {
        ::distance::l2_squared(a, b)
    }

    #[inline]
    fn inner_product(a: &[Self], b: &[Self]) -> f32 {
        ::distance::inner_product(a, b)
    }

    #[inline]
    fn l1(a: &[Self], b: &[Self]) -> f32 {
        ::distance::l1(a, b)
    }

    #[inline]
    fn cosine_parts(a: &[Self], b: &[Self]) -> (f32, f32, f32) {
        ::distance::cosine_parts(a, b)
    }
}

/// Raises an error unless both values have the same length.
#[inline]
pub fn check_same_dimensions<E: Element>(a: Dense<E>, b: Dense<E>) {
    if a.dimensions() != b.dimensions() {
        error::different_dimensions::<E>(a.dimensions(), b.dimensions());
    }
}

/// Squared Euclidean distance.
#[inline]
pub fn l2_squared<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    check_same_dimensions(a, b);
    f64::from(E::l2_squared(a.values, b.values))
}

/// Euclidean distance.
#[inline]
pub fn l2<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    l2_squared(a, b).sqrt()
}

/// Inner product.
#[inline]
pub fn inner_product<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    check_same_dimensions(a, b);
    f64::from(E::inner_product(a.values, b.values))
}

/// Taxicab distance.
#[inline]
pub fn l1<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    check_same_dimensions(a, b);
    f64::from(E::l1(a.values, b.values))
}

/// One minus the cosine of the angle; NaN if a value is zero.
#[inline]
pub fn cosine<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    check_same_dimensions(a, b);
    let (dot, aa, bb) = E::cosine_parts(a.values, b.values);
    let similarity = f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt();
    1.0 - similarity.clamp(-1.0, 1.0)
}

/// The angle between two values of length 1, as a part of a half turn.
#[inline]
pub fn spherical<E: Kernels>(a: Dense<E>, b: Dense<E>) -> f64 {
    inner_product(a, b).clamp(-1.0, 1.0).acos() / std::f64::consts::PI
}

/// Euclidean length.
pub fn norm<E: Element>(value: Dense<E>) -> f64 {
    let square = |element: &E| f64::from(element.to_f32()).powi(2);
    value.values.iter().map(square).sum::<f64>().sqrt()
}
