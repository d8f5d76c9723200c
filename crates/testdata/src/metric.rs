//! The distances that the tests and benchmarks search by.

/// A distance, with the names it has in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Negative inner product.
    InnerProduct,
    /// Cosine distance.
    Cosine,
}

impl Metric {
    /// The SQL operator.
    pub fn operator(self) -> &'static str {
        match self {
            Self::L2 => "<->",
            Self::InnerProduct => "<#>",
            Self::Cosine => "<=>",
        }
    }

    /// The operator class of an index on a `vector` column.
    pub fn operator_class(self) -> &'static str {
        match self {
            Self::L2 => "vector_l2_ops",
            Self::InnerProduct => "vector_ip_ops",
            Self::Cosine => "vector_cosine_ops",
        }
    }

    /// The distance in double precision, as the operator defines it.
    pub fn distance(self, left: &[f32], right: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(&x, &y)| f64::from(x) * f64::from(y))
                .sum()
        };
        match self {
            Self::L2 => left
                .iter()
                .zip(right)
                .map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2))
                .sum::<f64>()
                .sqrt(),
            Self::InnerProduct => -dot(left, right),
            Self::Cosine => 1.0 - dot(left, right) / (dot(left, left) * dot(right, right)).sqrt(),
        }
    }
}
