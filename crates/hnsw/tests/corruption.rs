//! Pages that hold anything at all: every operation ends, with a result or an error, after a
//! bounded number of page visits.

mod common;

use common::damage::{sample, sample_of, survive};
use common::keyed::keyed;
use common::*;
use hnsw::memory::MemoryStore;
use hnsw::page::{BODY_SIZE, Body};
use hnsw::{Error, Index, Metric, Storage, check};
use proptest::prelude::*;

/// Words that stand for much: none, all, NaN, infinity, a small id, a large float, a negative one.
const WORDS: [u32; 7] = [
    0,
    u32::MAX,
    0x7FC0_0000,
    0x7F80_0000,
    3,
    0x7F7F_FFFF,
    0xBF80_0000,
];

/// Damages words of a page one at a time: all up to `head`, then one in `step`; how often some
/// operation noticed and how often none did.
fn damage(original: &[Body], block: usize, head: usize, step: usize) -> (usize, usize) {
    let mut counts = (0, 0);
    let words = (0..head / 4).chain((head / 4..BODY_SIZE / 4).step_by(step));
    for (n, word) in words.enumerate() {
        let at = 4 * word;
        let mut tries: Vec<[u8; 4]> = Vec::new();
        let old: [u8; 4] = original[block].bytes()[at..at + 4]
            .try_into()
            .expect("four bytes");
        if at < head {
            tries.extend(WORDS.map(u32::to_ne_bytes));
            // Fields of one or two bytes.
            for i in 0..4 {
                tries.extend([0, 0xFF, old[i] ^ 1, old[i].wrapping_add(1)].map(|v| {
                    let mut new = old;
                    new[i] = v;
                    new
                }));
            }
        } else {
            tries.push(WORDS[n % WORDS.len()].to_ne_bytes());
            tries.push([old[0] ^ 1, old[1], old[2] ^ 0x40, old[3]]);
        }
        for new in tries.into_iter().filter(|new| *new != old) {
            let mut pages = original.to_vec();
            pages[block].bytes_mut()[at..at + 4].copy_from_slice(&new);
            match survive(&pages, format!("block {block}, offset {at}: {new:?}")) {
                0 => counts.1 += 1,
                _ => counts.0 += 1,
            }
        }
    }
    counts
}

/// Fields of the metapage, the centre and of a few pages of nodes and lists.
fn damage_all_kinds(dims: usize, metric: Metric, storage: Storage, every: usize) {
    damage_all(sample(dims, metric, storage), every);
}

fn damage_all(original: Vec<Body>, every: usize) {
    assert_eq!(survive(&original, "nothing"), 0);
    let mut counts = (0, 0);
    for block in 0..original.len() {
        let kind = original[block].header().kind;
        let (head, step) = match kind {
            1 => (40, 300),
            2 => (8, 400),
            4 => (16, 500),
            _ => (48, 5),
        };
        let rare = kind >= 3 && block % every != original.len() % every;
        let first_of_kind = original.iter().position(|p| p.header().kind == kind) == Some(block);
        if !rare || first_of_kind {
            let (noticed, lived_with) = damage(&original, block, head, step);
            counts = (counts.0 + noticed, counts.1 + lived_with);
        }
    }
    assert!(counts.0 > 200 && counts.1 > 200, "{counts:?}");
}

#[test]
fn any_field_of_an_index_with_key_columns() {
    for (dims, metric, every) in [(8, Metric::L2, 1), (2100, Metric::L1, 20)] {
        let params = keyed(params(dims, 3, metric, Storage::Float32));
        damage_all(sample_of(params), every);
    }
}

#[test]
fn l2() {
    damage_all_kinds(8, Metric::L2, Storage::Int8, 1);
}

#[test]
fn inner_product() {
    damage_all_kinds(24, Metric::InnerProduct, Storage::Float16, 1);
}

#[test]
fn cosine() {
    damage_all_kinds(24, Metric::Cosine, Storage::Float32, 1);
}

#[test]
fn l1() {
    damage_all_kinds(8, Metric::L1, Storage::Float32, 1);
}

#[test]
fn hamming() {
    damage_all_kinds(3, Metric::Hamming, Storage::Auto, 1);
}

#[test]
fn jaccard() {
    damage_all_kinds(30, Metric::Jaccard, Storage::Auto, 1);
}

#[test]
fn sparse() {
    damage_all_kinds(30, Metric::SparseCosine, Storage::Auto, 1);
}

/// Elements in slots apart.
#[test]
fn sparse_in_many_slots() {
    damage_all_kinds(1300, Metric::SparseL2, Storage::Auto, 9);
}

#[test]
fn split_records() {
    damage_all_kinds(2100, Metric::L2, Storage::Float32, 20);
}

/// Headers and lanes of every slot, not of the first on a page alone.
#[test]
fn every_slot() {
    for (dims, metric) in [
        (8, Metric::L2),
        (8, Metric::L1),
        (8, Metric::Jaccard),
        (600, Metric::SparseL1),
    ] {
        let original = sample(dims, metric, Storage::Float32);
        let params = params(dims, 3, metric, Storage::Float32);
        let layout = hnsw::Layout::new(params);
        for block in layout.first_block() as usize..original.len() {
            for slot in 0..layout.slots {
                let start = layout.record_range(slot).start;
                for word in 0..16 {
                    for value in [u32::MAX, 1, 0x0102_0301] {
                        let mut pages = original.clone();
                        let at = start + 4 * word;
                        pages[block].bytes_mut()[at..at + 4].copy_from_slice(&value.to_ne_bytes());
                        survive(&pages, format!("block {block}, slot {slot}, word {word}"));
                    }
                }
            }
        }
    }
}

/// The file ends early, pages are empty, or stand in the place of others.
#[test]
fn whole_pages() {
    for (dims, metric) in [
        (8, Metric::L2),
        (24, Metric::L1),
        (2100, Metric::L2),
        (5, Metric::Hamming),
        (600, Metric::SparseL2),
    ] {
        let original = sample(dims, metric, Storage::Float32);
        for block in 0..original.len() {
            survive(&original[..block], format!("the first {block} blocks"));
            for fill in [0u8, 0xFF] {
                let mut pages = original.clone();
                pages[block].bytes_mut().fill(fill);
                survive(&pages, format!("block {block} all {fill}"));
            }
            let mut pages = original.clone();
            pages[block] = original[(block * 7 + 3) % original.len()];
            survive(&pages, format!("block {block} is another"));
        }
    }
}

/// Lists that lead back to themselves.
#[test]
fn circular_lists_of_rows() {
    for dims in [8, 2100] {
        let params = params(dims, 3, Metric::L2, Storage::Float32);
        let layout = hnsw::Layout::new(params);
        let original = sample(dims, Metric::L2, Storage::Float32);
        let mut lists = 0;
        for block in layout.first_block() as usize..original.len() {
            for slot in 0..layout.slots {
                let start = layout.record_range(slot).start;
                if original[block].header().kind != 3 || original[block].bytes()[start] != 3 {
                    continue;
                }
                let id = layout.id(block as u32, slot).expect("id");
                let mut pages = original.clone();
                pages[block].bytes_mut()[start + 8..start + 12].copy_from_slice(&id.to_ne_bytes());
                survive(&pages, format!("list {id} leads to itself"));
                let store = MemoryStore::new();
                store.set_pages(pages);
                let report = check::check(&open(&store)).expect("check");
                assert!(report.problems.iter().any(|p| p.text.contains("circular")));
                lists += 1;
            }
        }
        assert!(lists > 0);
    }
}

#[test]
fn a_later_version_is_named() {
    let mut pages = sample(8, Metric::L2, Storage::Float32);
    pages[0].bytes_mut()[4..6].copy_from_slice(&2u16.to_ne_bytes());
    let store = MemoryStore::new();
    store.set_pages(pages);
    assert_eq!(Index::open(&store).err(), Some(Error::Version(2)));
}

/// What [`check::check`] is for: damage that operations live with is found.
#[test]
fn check_finds_damage() {
    let original = sample(8, Metric::L2, Storage::Float32);
    let layout = hnsw::Layout::new(params(8, 3, Metric::L2, Storage::Float32));
    let first = layout.first_block() as usize;
    // The first slot is a live node: its first lane, its link and the code of its first lane.
    let start = layout.record_range(0).start;
    assert_eq!(original[first].bytes()[start], 1);
    let lanes = start + 32;
    for (at, value) in [
        (lanes, u32::MAX - 1),
        (lanes, 0),
        (lanes + 4 * layout.lanes, 0x4640_0000),
    ] {
        let mut pages = original.clone();
        pages[first].bytes_mut()[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        let store = MemoryStore::new();
        store.set_pages(pages);
        let report = check::check(&open(&store)).expect("check");
        assert!(!report.problems.is_empty(), "offset {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes(
        kind in 0..METRICS.len(),
        changes in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 1..30),
    ) {
        use std::sync::OnceLock;
        static SAMPLES: OnceLock<Vec<Vec<Body>>> = OnceLock::new();
        let samples = SAMPLES.get_or_init(|| {
            METRICS.iter().map(|&m| sample(12, m, Storage::Float16)).collect()
        });
        let mut pages = samples[kind].clone();
        for (block, at, value) in &changes {
            let block = usize::from(*block) % pages.len();
            // Half of the changes go to where headers and lanes are.
            let at = if value % 2 == 0 { at % 600 } else { at % BODY_SIZE as u16 };
            pages[block].bytes_mut()[usize::from(at)] = value.rotate_left(1);
        }
        survive(&pages, format!("{changes:?}"));
    }
}
