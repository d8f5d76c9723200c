//! Searches with conditions on key columns: all rows asked for, near the true nearest, whatever the
//! share of rows that match.

mod common;

use common::keyed::{Condition, filtered, keyed};
use common::*;
use hnsw::memory::MemoryStore;
use hnsw::scan::{End, Resume, Settings};
use hnsw::{Metric, Params, Storage, Tid};
use std::collections::HashSet;

const ROWS: usize = 6000;
const DIMS: usize = 16;

/// Of all rows about 90, 45, 9, 6, 1, 0.6 and 0.01 in a hundred, or none at all.
const CONDITIONS: [Condition; 9] = [
    Condition::Between(0, 99),
    Condition::Between(10, 59),
    Condition::Between(30, 39),
    Condition::Holds(0b1001),
    Condition::Null,
    Condition::Between(7, 7),
    Condition::Either(3, 50),
    Condition::Both(70, 72, 0b100),
    Condition::Between(200, 300),
];

fn data() -> Vec<Vec<f32>> {
    clustered(ROWS, DIMS, 11)
}

/// Recall and number of rows for each condition.
fn recall_of(store: &MemoryStore, params: Params, data: &[Vec<f32>], least: f64) {
    let mut index = open(store);
    connected(&mut index);
    let mut rng = Rng::new(5);
    for condition in CONDITIONS {
        let matching: Vec<usize> = (0..data.len())
            .filter(|&i| condition.matches(tid(i)))
            .collect();
        let (mut hits, mut wanted) = (0, 0);
        for _ in 0..40 {
            let mut q = data[rng.below(data.len())].clone();
            q.iter_mut().for_each(|x| *x += 0.2);
            let rows = filtered(&mut index, &q, settings(40, Resume::Strict), condition, 10);
            let rows: HashSet<Tid> = rows.expect("scan").iter().map(|r| r.tid).collect();
            assert_eq!(rows.len(), matching.len().min(10), "{condition:?}");
            let mut exact: Vec<(f64, usize)> = matching
                .iter()
                .map(|&i| (operator(params.metric, &q, &data[i]), i))
                .collect();
            exact.sort_by(|a, b| a.0.total_cmp(&b.0));
            let Some(&(farthest, _)) = exact.get(rows.len().saturating_sub(1)) else {
                continue;
            };
            wanted += rows.len();
            let near = |t: &&Tid| operator(params.metric, &q, &data[t.block as usize]) <= farthest;
            hits += rows.iter().filter(near).count();
        }
        let recall = hits as f64 / (wanted as f64).max(1.0);
        assert!(
            wanted == 0 || recall >= least,
            "{condition:?}: recall {recall}"
        );
    }
}

#[test]
fn built() {
    for metric in [Metric::L2, Metric::Cosine] {
        let params = keyed(params(DIMS, 16, metric, Storage::Auto));
        let data = data();
        recall_of(&build(params, &data, 2), params, &data, 0.97);
    }
}

/// The bounds of numbers are found on the way.
#[test]
fn inserted_into_an_empty_index() {
    let params = keyed(params(DIMS, 16, Metric::L2, Storage::Auto));
    let data = data();
    let store = create(params);
    insert_rows(&mut open(&store), &data, 0, 64);
    assert!(open(&store).bounds().are_known());
    recall_of(&store, params, &data, 0.97);
}

/// A build from a few rows that are not like those to come does not choose the bounds.
#[test]
fn built_from_few_rows() {
    let params = keyed(params(DIMS, 16, Metric::L2, Storage::Auto));
    let data = data();
    let store = build(params, &data[..20], 1);
    assert!(!open(&store).bounds().are_known());
    insert_rows(&mut open(&store), &data[20..], 20, 64);
    assert!(open(&store).bounds().are_known());
    recall_of(&store, params, &data, 0.97);
}

/// More pages than one of the map describes.
#[test]
fn many_map_pages() {
    let params = keyed(params(3000, 4, Metric::L2, Storage::Int8));
    let data: Vec<Vec<f32>> = clustered(2500, 8, 3)
        .into_iter()
        .map(|x| x.into_iter().cycle().take(3000).collect())
        .collect();
    let store = build(params, &data, 2);
    let layout = open(&store).layout().clone();
    use hnsw::store::PageStore;
    let maps = (0..store.blocks()).filter(|&b| layout.is_map(b)).count();
    assert_eq!(maps, 2);
    recall_of(&store, params, &data, 0.97);
}

/// Rows with one vector and different keys are one node, and are found by their own keys.
#[test]
fn rows_of_one_vector() {
    for inserted in [false, true] {
        let params = keyed(params(DIMS, 16, Metric::L2, Storage::Auto));
        let mut data = clustered(700, DIMS, 4);
        data.extend(vec![data[5].clone(); 900]);
        let store = match inserted {
            true => {
                let store = create(params);
                insert_rows(&mut open(&store), &data, 0, 64);
                store
            }
            false => build(params, &data, 2),
        };
        recall_of(&store, params, &data, 0.97);
        let mut index = open(&store);
        let settings = settings(10, Resume::Strict);
        let q = data[5].clone();
        for condition in [Condition::Between(8, 8), Condition::Null] {
            let rows = filtered(&mut index, &q, settings, condition, 5).expect("scan");
            let twins = (0..data.len()).filter(|&i| data[i] == q && condition.matches(tid(i)));
            let equal = |r: &&hnsw::scan::Row| data[r.tid.block as usize] == q;
            assert_eq!(rows.iter().filter(equal).count(), twins.count().min(5));
        }
    }
}

/// A scan to the end: its rows are in order, and none is lost unless the report says so. Returns how many
/// it was late for.
fn drained(
    index: &mut hnsw::Index<MemoryStore>,
    q: &[f32],
    settings: Settings,
    condition: Condition,
    count: usize,
) -> usize {
    let mut scan = scan(index, q, settings).with_filter(condition.filter(index));
    let mut rows = Vec::new();
    while let Some(row) = scan.next(index).expect("scan") {
        assert!(condition.matches(row.tid));
        rows.push(row);
    }
    assert!(rows.is_sorted_by(|a, b| a.lower <= b.lower));
    let unique: HashSet<Tid> = rows.iter().map(|r| r.tid).collect();
    assert_eq!(unique.len(), rows.len(), "{condition:?}");
    let matching = (0..count).filter(|&i| condition.matches(tid(i))).count();
    let late = scan.report().late;
    assert_eq!(rows.len() + late, matching, "{condition:?}");
    late
}

/// Whoever asks for more rows than match gets all, also where sketches say little of which these are.
#[test]
fn all_rows_that_match() {
    let (rows, dims) = (4000, 64);
    for metric in [Metric::L2, Metric::Cosine] {
        let params = keyed(params(dims, 16, metric, Storage::Auto));
        let mut rng = Rng::new(9);
        let data: Vec<Vec<f32>> = (0..rows).map(|_| rng.normals(dims)).collect();
        let store = build(params, &data, 2);
        let mut index = open(&store);
        for number in 0..100 {
            let mut q = data[rng.below(rows)].clone();
            q.iter_mut().for_each(|x| *x += 0.2);
            let few = Condition::Vague(number, number, 0b111);
            let matching = (0..rows).filter(|&i| few.matches(tid(i))).count();
            let ef = settings(matching.max(10) + 1, Resume::Strict);
            let late = drained(&mut index, &q, ef, few, rows);
            assert_eq!(late, 0, "{metric:?} {few:?}");
        }
        let many = settings(40, Resume::Strict);
        drained(&mut index, &data[3], many, Condition::Between(0, 89), rows);
    }
}

/// Where sketches say little of what matches and memory does not allow to visit all that may, a search ends where it is to.
#[test]
fn a_search_for_what_hardly_ever_matches() {
    const VISITS: usize = 300;
    let params = keyed(params(DIMS, 16, Metric::L2, Storage::Auto));
    let data = data();
    let store = build(params, &data, 2);
    let mut index = open(&store);
    let condition = Condition::Vague(200, 200, 0b111);
    let few = Settings {
        max_visits: VISITS,
        memory: 50 << 10,
        ..settings(10, Resume::Strict)
    };
    let mut scan = scan(&index, &data[7], few).with_filter(condition.filter(&index));
    assert_eq!(scan.next(&mut index), Ok(None));
    let report = scan.report();
    assert_eq!(report.end, Some(End::Visits));
    assert!((VISITS..2 * VISITS).contains(&report.visits), "{report:?}");
}

/// What matches lies together on one side, and queries on others: at most all of it is visited, and half as many on the way.
#[test]
fn matches_far_from_the_query() {
    let params = keyed(params(DIMS, 16, Metric::L2, Storage::Auto));
    let rows = 20_000;
    let condition = Condition::Between(0, 24);
    // The rows in order of one coordinate: those that match get the last.
    let mut sorted = clustered(rows, DIMS, 8);
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let matching = (0..rows).filter(|&i| condition.matches(tid(i))).count();
    let (mut first, mut last) = (0, rows - matching);
    let data: Vec<Vec<f32>> = (0..rows)
        .map(|i| {
            let next = if condition.matches(tid(i)) {
                &mut last
            } else {
                &mut first
            };
            *next += 1;
            sorted[*next - 1].clone()
        })
        .collect();
    let store = build(params, &data, 2);
    let mut index = open(&store);
    let (mut hits, mut wanted) = (0, 0);
    let mut far = Vec::new();
    for (i, q) in sorted[..rows - matching].iter().enumerate().step_by(100) {
        let settings = settings(40, Resume::Strict);
        if i < rows / 4 {
            let mut scan = scan(&index, q, settings).with_filter(condition.filter(&index));
            scan.next(&mut index).expect("scan");
            let visits = scan.report().visits;
            far.push(visits);
        }
        let found = filtered(&mut index, q, settings, condition, 10);
        let mut exact: Vec<f64> = sorted[rows - matching..]
            .iter()
            .map(|x| operator(params.metric, q, x))
            .collect();
        exact.sort_by(f64::total_cmp);
        let near = |t: Tid| operator(params.metric, q, &data[t.block as usize]) <= exact[9];
        hits += found.expect("scan").iter().filter(|r| near(r.tid)).count();
        wanted += 10;
    }
    let recall = hits as f64 / wanted as f64;
    far.sort_unstable();
    assert!(far[far.len() - 1] < matching * 3 / 2, "{far:?}");
    assert!(recall >= 0.97, "{recall}");
}
