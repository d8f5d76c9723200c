//! A set of vectors of one dimension, in one block of memory.

/// Vectors, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dim: usize,
    values: Vec<f32>,
}

impl Vectors {
    /// Takes the values of all vectors; their number must be a multiple of `dim`.
    pub fn new(dim: usize, values: Vec<f32>) -> Self {
        assert!(
            dim > 0 && values.len().is_multiple_of(dim),
            "{} values, {dim} each",
            values.len()
        );
        Self { dim, values }
    }

    /// The number of dimensions.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One vector.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// All vectors in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> + Clone {
        self.values.chunks_exact(self.dim)
    }

    /// All values, vector after vector.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The first `count` vectors (all, where there are fewer).
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        self.part(0, count.min(self.len()))
    }

    /// `count` vectors from the one at `start` on.
    #[must_use]
    pub fn part(&self, start: usize, count: usize) -> Self {
        let values = &self.values[start * self.dim..(start + count) * self.dim];
        Self {
            dim: self.dim,
            values: values.to_vec(),
        }
    }
}
