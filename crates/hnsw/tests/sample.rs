//! Estimates from a few nodes against counts of all rows.

mod common;

use common::*;
use hnsw::Storage;
use hnsw::query::Query;

const N: usize = 3000;
/// Nodes of a sample.
const COUNT: u32 = 300;

#[test]
fn shares_within_a_distance() {
    for metric in METRICS {
        let data = clustered(N, 16, 8);
        let store = build(params(16, 8, metric, Storage::Auto), &data, 1);
        let index = open(&store);
        let q = &data[11];
        let query = Query::new(&index, Value::of(&index, q).vector());
        let mut distances: Vec<f64> = data.iter().map(|x| operator(metric, x, q)).collect();
        distances.sort_by(f64::total_cmp);
        for share in [0.1, 0.5, 0.9] {
            let radius = distances[(share * N as f64) as usize];
            let estimate = index.share_within(&query, radius, COUNT).unwrap();
            // Distances of bits are few: as many rows may have this one.
            let exact = distances.iter().filter(|&&d| d <= radius).count() as f64 / N as f64;
            let off = (estimate.unwrap() - exact).abs();
            // Four standard deviations of a sample of this size.
            assert!(off <= 0.12, "{metric:?} {share}: off by {off}");
        }
        let none = index.share_within(&query, -1e9, COUNT).unwrap();
        assert_eq!(none, Some(0.0), "{metric:?}");
        let all = index.share_within(&query, f64::INFINITY, COUNT).unwrap();
        assert!(all > Some(0.9) && all < Some(1.0), "{metric:?}");
    }
}

#[test]
fn a_file_that_was_cut_off() {
    let mut params = params(16, 8, hnsw::Metric::L2, Storage::Auto);
    params.keys = hnsw::keys::KeyParams {
        columns: 1,
        width: 5,
    };
    let store = create(params);
    let index = open(&store);
    let query = Query::new(&index, Value::new(hnsw::Metric::L2, &[1.0; 16]).vector());
    store.set_pages(Vec::new());
    assert_eq!(index.share_within(&query, 1.0, COUNT).unwrap(), None);
}

#[test]
fn an_empty_index_has_no_share() {
    let store = create(params(16, 8, hnsw::Metric::L2, Storage::Auto));
    let index = open(&store);
    let query = Query::new(&index, Value::new(hnsw::Metric::L2, &[1.0; 16]).vector());
    assert_eq!(index.share_within(&query, 1.0, COUNT).unwrap(), None);
}
