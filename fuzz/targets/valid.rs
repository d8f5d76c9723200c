//! What must hold of every value that is read.

use values::Kind;
use values::element::Element;
use values::sparse::{MAX_ELEMENTS, Sparse, Sparsevec};

/// Fails unless these can be the elements of a dense value.
pub fn dense<E: Element>(values: &[E]) {
    assert!((1..=E::MAX_DIMENSIONS).contains(&values.len()));
    assert!(values.iter().all(|value| value.is_finite()));
}

/// Fails unless this can be a sparse value.
pub fn sparse(value: &Sparse) {
    assert!((1..=Sparsevec::MAX_DIMENSIONS).contains(&value.dimensions));
    assert!(value.elements.len() <= value.dimensions.min(MAX_ELEMENTS));
    assert!(value.elements.is_sorted_by(|a, b| a.0 < b.0));
    for &(index, number) in &value.elements {
        assert!(usize::try_from(index).is_ok_and(|index| index < value.dimensions));
        assert!(number.is_finite() && number != 0.0);
    }
}
