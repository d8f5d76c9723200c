//! Distances between values with the same number of dimensions.

use std::borrow::Cow;

use ::distance::kernels;
use bytemuck::cast_slice;
use half::f16;

use super::dense::Dense;
use super::element::Element;
use super::error;
use super::value::Value;

/// A value that has distances from others. Sums are accumulated in single precision; both values
/// have the same number of dimensions.
pub trait Measured<'a>: Value<'a> {
    /// The sum of squared differences.
    fn l2_squared(self, other: Self) -> f32;
    /// The sum of products.
    fn inner_product(self, other: Self) -> f32;
    /// The sum of absolute differences.
    fn l1(self, other: Self) -> f32;
    /// The inner products of `self` and `other`, of `self` and `self`, of `other` and `other`.
    fn cosine_parts(self, other: Self) -> (f32, f32, f32);
    /// The numbers that are stored.
    fn numbers(self) -> Cow<'a, [f32]>;
}

macro_rules! measured {
    ($element:ty, $l2_squared:ident, $inner_product:ident, $l1:ident, $cosine_parts:ident) => {
        impl<'a> Measured<'a> for Dense<'a, $element> {
            #[inline]
            fn l2_squared(self, other: Self) -> f32 {
                (kernels().$l2_squared)(cast_slice(self.values), cast_slice(other.values))
            }

            #[inline]
            fn inner_product(self, other: Self) -> f32 {
                (kernels().$inner_product)(cast_slice(self.values), cast_slice(other.values))
            }

            #[inline]
            fn l1(self, other: Self) -> f32 {
                (kernels().$l1)(cast_slice(self.values), cast_slice(other.values))
            }

            #[inline]
            fn cosine_parts(self, other: Self) -> (f32, f32, f32) {
                (kernels().$cosine_parts)(cast_slice(self.values), cast_slice(other.values))
            }

            fn numbers(self) -> Cow<'a, [f32]> {
                <$element>::widen_all(self.values)
            }
        }
    };
}

measured!(f32, l2_squared, inner_product, l1, cosine_parts);
measured!(
    f16,
    l2_squared_halves,
    inner_product_halves,
    l1_halves,
    cosine_parts_halves
);

/// Raises an error unless both values have the same number of dimensions.
#[inline]
pub fn check_same_dimensions<'a, V: Value<'a>>(a: V, b: V) {
    if a.dimensions() != b.dimensions() {
        error::different_dimensions::<V::Kind>(a.dimensions(), b.dimensions());
    }
}

/// Squared Euclidean distance.
#[inline]
pub fn l2_squared<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    check_same_dimensions(a, b);
    f64::from(a.l2_squared(b))
}

/// Euclidean distance.
#[inline]
pub fn l2<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    l2_squared(a, b).sqrt()
}

/// Inner product.
#[inline]
pub fn inner_product<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    check_same_dimensions(a, b);
    f64::from(a.inner_product(b))
}

/// Taxicab distance.
#[inline]
pub fn l1<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    check_same_dimensions(a, b);
    f64::from(a.l1(b))
}

/// One minus the cosine of the angle; not a number if a value is zero.
#[inline]
pub fn cosine<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    check_same_dimensions(a, b);
    ::distance::cosine(a.cosine_parts(b))
}

/// The angle between two values of length 1, as a part of a half turn.
#[inline]
pub fn spherical<'a, V: Measured<'a>>(a: V, b: V) -> f64 {
    inner_product(a, b).clamp(-1.0, 1.0).acos() / std::f64::consts::PI
}

/// Euclidean length.
pub fn norm<'a, V: Measured<'a>>(value: V) -> f64 {
    let add = |sum, number: &f32| sum + f64::from(*number).powi(2);
    value.numbers().iter().fold(0.0, add).sqrt()
}
