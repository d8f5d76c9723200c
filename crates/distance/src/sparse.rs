//! Distances of sparse vectors, whose elements ascend by index. What is out of order gives some
//! number.

use std::cmp::Ordering;

/// The elements of a sparse vector, by position.
pub trait Elements: Copy {
    /// The index and the value at a position; `None` behind the last.
    fn get(self, position: usize) -> Option<(u32, f32)>;
}

/// Indices and values apart.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Indices.
    pub indices: &'a [i32],
    /// As many values.
    pub values: &'a [f32],
}

impl Elements for Columns<'_> {
    #[inline(always)]
    fn get(self, position: usize) -> Option<(u32, f32)> {
        let index = self.indices.get(position)?;
        Some((index.cast_unsigned(), *self.values.get(position)?))
    }
}

/// An index and the bits of a value for each element.
impl Elements for &[[u32; 2]] {
    #[inline(always)]
    fn get(self, position: usize) -> Option<(u32, f32)> {
        let [index, value] = *<[_]>::get(self, position)?;
        Some((index, f32::from_bits(value)))
    }
}

/// The values of both vectors at every index where either has one.
#[inline]
pub fn pairs(a: impl Elements, b: impl Elements) -> impl Iterator<Item = (u32, f32, f32)> {
    let (mut i, mut j) = (0, 0);
    std::iter::from_fn(move || {
        let (left, right) = match (a.get(i), b.get(j)) {
            (Some(left), Some(right)) => match left.0.cmp(&right.0) {
                Ordering::Less => (Some(left), None),
                Ordering::Greater => (None, Some(right)),
                Ordering::Equal => (Some(left), Some(right)),
            },
            one => one,
        };
        let (index, _) = left.or(right)?;
        i += usize::from(left.is_some());
        j += usize::from(right.is_some());
        let value = |element: Option<(u32, f32)>| element.map_or(0.0, |(_, value)| value);
        Some((index, value(left), value(right)))
    })
}

/// Squared Euclidean distance.
pub fn l2_squared(a: impl Elements, b: impl Elements) -> f32 {
    pairs(a, b).fold(0.0, |sum, (_, a, b)| sum + (a - b) * (a - b))
}

/// Manhattan distance.
pub fn l1(a: impl Elements, b: impl Elements) -> f32 {
    pairs(a, b).fold(0.0, |sum, (_, a, b)| sum + (a - b).abs())
}

/// Inner product.
pub fn inner_product(a: impl Elements, b: impl Elements) -> f32 {
    let (mut sum, mut i, mut j) = (0.0, 0, 0);
    while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
        match left.0.cmp(&right.0) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => {
                sum += left.1 * right.1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    sum
}

/// The inner products of `a` and `b`, of `a` and `a`, of `b` and `b`.
pub fn cosine_parts(a: impl Elements, b: impl Elements) -> (f32, f32, f32) {
    (inner_product(a, b), square(a), square(b))
}

fn square(a: impl Elements) -> f32 {
    let values = (0..).map_while(|position| a.get(position));
    values.fold(0.0, |sum, (_, value)| sum + value * value)
}
