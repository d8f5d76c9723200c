//! The parts of a search against naive models.

mod common;

use common::Rng;
use hnsw::beam::Beam;
use hnsw::search::Visited;
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Clone, Debug)]
enum Step {
    /// An offer at a distance of few values, so that there are ties.
    Offer(u8),
    Next,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => (0u8..40).prop_map(Step::Offer), 1 => Just(Step::Next)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against all offers in a plain list: which are kept, in which order they are taken, what
    /// falls out.
    #[test]
    fn beam(
        capacity in 1usize..20,
        steps in proptest::collection::vec(step(), 0..150),
    ) {
        let mut beam = Beam::new(capacity);
        // Distance, id, expanded.
        let mut model: Vec<(f32, u32, bool)> = Vec::new();
        for (id, step) in (0u32..).zip(&steps) {
            match step {
                Step::Offer(distance) => {
                    let distance = f32::from(*distance) / 4.0;
                    let full = model.len() >= capacity;
                    let bound = if full { model[capacity - 1].0 } else { f32::INFINITY };
                    assert_eq!(beam.bound(), bound);
                    if distance < bound {
                        let out = beam.offer(distance, id);
                        let at = model.partition_point(|c| c.0 < distance);
                        model.insert(at, (distance, id, false));
                        let expected = if model.len() > capacity { model.pop() } else { None };
                        assert_eq!(out.map(|c| (c.distance, c.id)), expected.map(|e| (e.0, e.1)));
                    }
                }
                Step::Next => {
                    let expected = model.iter_mut().find(|c| !c.2).map(|c| {
                        c.2 = true;
                        c.1
                    });
                    assert_eq!(beam.pop(), expected);
                }
            }
            assert_eq!(beam.ids(), model.iter().map(|c| c.1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn visited(ids in proptest::collection::vec(0u32..5000, 0..2000), expected in 0usize..100) {
        let mut visited = Visited::new(expected);
        let mut model = HashSet::new();
        for &id in &ids {
            assert_eq!(visited.contains(id), model.contains(&id));
            assert_eq!(visited.insert(id), model.insert(id));
            assert!(visited.contains(id));
        }
        assert_eq!((visited.len(), visited.is_empty()), (model.len(), model.is_empty()));
        assert!(visited.size() >= 4 * model.len());
        (0..5000).for_each(|id| assert_eq!(visited.contains(id), model.contains(&id)));
        visited.clear();
        assert!(visited.is_empty() && ids.iter().all(|&id| !visited.contains(id)));
    }
}

/// Ids that are far apart, or that a bad hash would put into one place.
#[test]
fn visited_of_extreme_ids() {
    for stride in [1u32, 1 << 7, 1 << 16, 1 << 20] {
        let mut visited = Visited::new(4);
        for i in 0..2000u32 {
            assert!(visited.insert(i.wrapping_mul(stride) ^ (i >> 12)) || stride > 1 << 12);
        }
        assert!(visited.contains(0) && !visited.contains(u32::MAX - 1));
        assert!(visited.insert(u32::MAX - 1) && !visited.insert(u32::MAX - 1));
    }
    // The id of no node is never new, so that a damaged lane is passed over.
    let mut visited = Visited::new(4);
    assert!(!visited.insert(hnsw::record::NONE));
}

/// A beam starts with nodes of unknown distance, before all others.
#[test]
fn a_beam_starts_with_its_entries() {
    let mut beam = Beam::new(3);
    beam.offer(1.0, 5);
    assert_eq!(beam.pop(), Some(5));
    beam.start(7);
    beam.start(8);
    let first: HashSet<_> = [beam.pop(), beam.pop()].into();
    assert_eq!(first, HashSet::from([Some(7), Some(8)]));
    assert_eq!(beam.pop(), None);
    beam.clear();
    assert_eq!((beam.pop(), beam.bound()), (None, f32::INFINITY));
}

/// Levels are as rare as the factor says.
#[test]
fn levels() {
    let mut rng = Rng::new(1);
    let n = 100_000;
    for factor in [4.0, 32.0, 200.0] {
        let levels: Vec<u8> = (0..n)
            .map(|_| hnsw::insert::random_level(rng.uniform(), factor))
            .collect();
        let above = |level: u8| levels.iter().filter(|&&l| l >= level).count() as f64;
        for level in 1..=2 {
            let expected = f64::from(n) / factor.powi(level.into());
            let off = (above(level) - expected).abs();
            assert!(off < 5.0 * expected.sqrt() + 1.0, "{factor} {level}: {off}");
        }
    }
    assert_eq!(hnsw::insert::random_level(1.0, 32.0), 0);
    let highest = hnsw::insert::random_level(f64::MIN_POSITIVE, 4.0);
    assert!(highest <= hnsw::record::MAX_LEVEL);
}
