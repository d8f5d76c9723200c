//! Measures builds and searches over the in-memory store on vectors from .npy files (float16).
//!
//! `measure base.npy queries.npy truth.npy cosine|l2|ip|l1 [m] [ef_construction] [storage] [mode]`; mode is
//! `build`, `insert` or `filter`: searches with conditions on key columns. The truth file holds 100 exact neighbours a query.

use half::f16;
use hnsw::build::{Aside, Batch, Builder, HeapArena, Vectors};
use hnsw::keys::{Filter, KeyParams, KeyValue, Row, Test};
use hnsw::memory::MemoryStore;
use hnsw::page::Body;
use hnsw::query::Query;
use hnsw::scan::{Resume, Scan, Settings};
use hnsw::{Index, Metric, Params, Storage, Tid};
use std::sync::Mutex;
use std::time::Instant;

/// Key columns of the mode `filter`, numbers from 0 to 9,999: one that has nothing to do with the
/// vector, and the vector's place in the order of [`REGIONS`].
const KEYS: KeyParams = KeyParams {
    columns: 2,
    width: 16,
};
/// What is nearest to one of so many rows is a region.
const REGIONS: usize = 100;
/// Labels are below this.
const LABELS: usize = 10_000;

fn npy(path: &str) -> (Vec<u8>, usize, usize) {
    let bytes = std::fs::read(path).expect("readable file");
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).to_string();
    let shape = text
        .split('(')
        .nth(1)
        .and_then(|s| s.split(')').next())
        .expect("shape");
    let mut dims = shape
        .split(',')
        .filter_map(|s| s.trim().parse::<usize>().ok());
    let (n, d) = (dims.next().expect("rows"), dims.next().expect("columns"));
    (bytes[10 + header..].to_vec(), n, d)
}

fn vectors(path: &str) -> (Vec<f32>, usize, usize) {
    let (bytes, n, d) = npy(path);
    let values = bytes
        .chunks_exact(2)
        .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32());
    (values.collect(), n, d)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (base, n, d) = vectors(&args[1]);
    let (queries, nq, _) = vectors(&args[2]);
    let (truth, _, k) = npy(&args[3]);
    let truth: Vec<i32> = truth
        .chunks_exact(4)
        .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let metric = match args[4].as_str() {
        "l2" => Metric::L2,
        "ip" => Metric::InnerProduct,
        "l1" => Metric::L1,
        _ => Metric::Cosine,
    };
    let number = |i: usize, or: usize| args.get(i).and_then(|s| s.parse().ok()).unwrap_or(or);
    let storage = match args.get(7).map(String::as_str) {
        Some("float32") => Storage::Float32,
        Some("float16") => Storage::Float16,
        Some("int8") => Storage::Int8,
        _ => Storage::Auto,
    };
    let efc = number(6, 64);
    let filter = args.get(8).is_some_and(|s| s == "filter");
    let labels = filter.then(|| Labels::new(metric, &base, n, d));
    let params = Params {
        dims: d as u32,
        m: number(5, 16) as u16,
        metric,
        storage,
        keys: if filter { KEYS } else { KeyParams::default() },
    };
    let store = MemoryStore::new();
    let start = Instant::now();
    let tid = |i: usize| Tid {
        block: i as u32,
        offset: 1,
    };
    if args.get(8).is_some_and(|s| s == "insert") {
        Index::create(&store, params, 42).expect("create");
        let mut index = Index::open(&store).expect("open");
        let mut state = 1u64;
        for i in 0..n {
            state = hnsw::transform::splitmix64(state);
            let level = hnsw::insert::random_level(
                ((state >> 11) as f64 + 1.0) / (1u64 << 53) as f64,
                index.layout().level_factor(),
            );
            let x = &base[i * d..(i + 1) * d];
            if index.needs_centre() {
                index.establish_centre(x).expect("centre");
            }
            index.insert(x, tid(i), level, efc).expect("insert");
        }
        println!(
            "insert {:.2} s, {:.1} page reads a row",
            start.elapsed().as_secs_f64(),
            index_reads(&index) as f64 / n as f64
        );
    } else {
        let mut centre = vec![0.0; d];
        let builder: Builder<HeapArena> = Builder::new(params, efc, 42, Vec::new());
        for x in base.chunks_exact(d).take(10_000) {
            let y = builder.transform().unrotated(x);
            centre
                .iter_mut()
                .zip(y)
                .for_each(|(c, y)| *c += y / 10_000f32.min(n as f32));
        }
        let builder: Builder<HeapArena> = Builder::new(params, efc, 42, centre);
        let aside = Mutex::new(Vectors::default());
        rayon::in_place_scope(|s| {
            for start in (0..n).step_by(256) {
                let mut batch = Batch::new(builder.layout());
                for i in start..n.min(start + 256) {
                    let x = &base[i * d..(i + 1) * d];
                    match &labels {
                        None => builder.push(&mut batch, x, tid(i)),
                        Some(labels) => {
                            let numbers = &labels.numbers[i];
                            let row = Row {
                                tid: tid(i),
                                key: bytemuck::cast_slice(numbers),
                                values: &numbers.map(KeyValue::number),
                            };
                            builder.push(&mut batch, x, row);
                        }
                    }
                }
                let job = builder.prepare(&HeapArena, batch).expect("memory");
                let (builder, aside) = (&builder, &aside);
                s.spawn(move |_| {
                    let Aside { block, vectors } = builder.run(job).expect("build");
                    let mut aside = aside.lock().expect("unpoisoned");
                    aside.insert(block, vectors);
                });
            }
        });
        println!("graph {:.2} s", start.elapsed().as_secs_f64());
        let plan = builder.finish().expect("plan");
        println!("plan {:.2} s", start.elapsed().as_secs_f64());
        if args.get(8).is_some_and(|s| s == "plan") {
            return;
        }
        use rayon::prelude::*;
        let aside = aside.into_inner().expect("unpoisoned");
        let pages: Vec<Body> = (0..plan.blocks() as u32)
            .into_par_iter()
            .map(|b| {
                let mut body = Body::ZERO;
                plan.encode(b, &aside, &mut body);
                body
            })
            .collect();
        println!(
            "pages {} {:.2} s",
            pages.len(),
            start.elapsed().as_secs_f64()
        );
        store.set_pages(pages);
    }
    let mut index = Index::open(&store).expect("open");
    let report = hnsw::check::check(&index).expect("check");
    println!(
        "nodes {} problems {} first {:?} no in-edge {} unreachable {:?}",
        report.counts.nodes,
        report.problems.len(),
        report.problems.first(),
        report.counts.without_in_edge,
        report.counts.unreachable
    );
    println!("layout {:?}", index.layout().params);
    if let Some(labels) = &labels {
        return filtered(&mut index, &base, &queries[..200 * d], labels);
    }
    let (mut lost, asked) = (0, 10_000.min(n));
    for i in 0..asked {
        let query = Query::new(&index, &base[i * d..(i + 1) * d]);
        let settings = Settings {
            ef: 100,
            resume: Resume::Off,
            max_visits: 20_000,
            memory: 0,
            skip_dead: true,
        };
        let mut scan = Scan::new(query, settings);
        let mut found = false;
        while let Some(row) = scan.next(&mut index).expect("scan") {
            found |= row.tid.block as usize == i;
        }
        lost += usize::from(!found);
    }
    println!("of the first {asked} vectors {lost} are not found with their own");
    for ef in [10, 20, 40, 80, 100, 160, 320] {
        let (mut hits, mut rows) = (0, 0);
        let reads = store.reads();
        let start = Instant::now();
        for q in 0..nq {
            let query = Query::new(&index, &queries[q * d..(q + 1) * d]);
            let settings = Settings {
                ef,
                resume: Resume::Strict,
                max_visits: 20_000,
                memory: 4 << 20,
                skip_dead: true,
            };
            let mut scan = Scan::new(query, settings);
            let exact = &truth[q * k..q * k + 10];
            for _ in 0..10 {
                if let Some(row) = scan.next(&mut index).expect("scan") {
                    rows += 1;
                    hits += usize::from(exact.contains(&(row.tid.block as i32)));
                }
            }
        }
        let us = start.elapsed().as_secs_f64() * 1e6 / nq as f64;
        println!(
            "ef {ef:4} recall {:.4} rows {rows} reads {:.1} us {us:.1}",
            hits as f64 / (10 * nq) as f64,
            (store.reads() - reads) as f64 / nq as f64
        );
    }
}

/// The numbers of all rows, and where regions lie.
struct Labels {
    numbers: Vec<[f64; 2]>,
    /// The middle of each region's places.
    middles: Vec<usize>,
}

impl Labels {
    fn new(metric: Metric, base: &[f32], n: usize, d: usize) -> Self {
        use rayon::prelude::*;
        let regions: Vec<usize> = base
            .par_chunks_exact(d)
            .map(|x| region(metric, base, x, d))
            .collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| (regions[i], i));
        let mut numbers = vec![[0.0; 2]; n];
        for (place, &i) in order.iter().enumerate() {
            let free = hnsw::transform::splitmix64(i as u64) % LABELS as u64;
            numbers[i] = [free as f64, (place * LABELS / n) as f64];
        }
        let middle = |region| {
            let from = order.partition_point(|&i| regions[i] < region);
            let to = order.partition_point(|&i| regions[i] <= region);
            (from + to) / 2 * LABELS / n
        };
        let middles = (0..REGIONS).map(middle).collect();
        Self { numbers, middles }
    }
}

/// The one of the first vectors that is nearest.
fn region(metric: Metric, base: &[f32], x: &[f32], d: usize) -> usize {
    let centres = base.chunks_exact(d).take(REGIONS).enumerate();
    let near = centres.map(|(i, c)| (distance(metric, x, c), i));
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |c| c.1)
}

fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    let kernels = distance::kernels();
    let product = |a: &[f32], b: &[f32]| (kernels.inner_product)(a, b);
    match metric {
        Metric::L2 => product(a, a) + product(b, b) - 2.0 * product(a, b),
        Metric::L1 => a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum(),
        Metric::Cosine => -product(a, b) / (product(a, a) * product(b, b)).sqrt(),
        _ => -product(a, b),
    }
}

/// From and to, for each query.
type Range = Box<dyn Fn(usize) -> (f64, f64) + Sync>;

/// Conditions that so many of [`LABELS`] match: on the first number, and on the second around the place
/// of the query and far from it.
fn conditions(places: &[usize]) -> Vec<(String, usize, Range)> {
    let mut conditions: Vec<(String, usize, Range)> = Vec::new();
    for share in [10_000, 5_000, 2_000, 1_000, 500, 200, 100, 10, 1] {
        let percent = share as f64 / 100.0;
        let to = (share - 1) as f64;
        let free: Range = Box::new(move |_| (0.0, to));
        conditions.push((format!("free {percent:6.2} %"), 0, free));
        for (name, away) in [("near", 0), ("far ", LABELS / 2)] {
            let places = places.to_vec();
            let range: Range = Box::new(move |q| {
                let from = ((places[q] + away) % LABELS).saturating_sub(share / 2);
                (from as f64, (from + share - 1) as f64)
            });
            conditions.push((format!("{name} {percent:6.2} %"), 1, range));
        }
    }
    conditions
}

/// Recall and cost of searches with conditions on one of the numbers.
fn filtered(index: &mut Index<MemoryStore>, base: &[f32], queries: &[f32], labels: &Labels) {
    use rayon::prelude::*;
    let Params { metric, dims, .. } = index.layout().params;
    let (d, numbers) = (dims as usize, &labels.numbers);
    // The middle of the query's region.
    let places: Vec<usize> = queries
        .chunks_exact(d)
        .map(|q| labels.middles[region(metric, base, q, d)])
        .collect();
    for (name, column, range) in &conditions(&places) {
        let truth: Vec<Vec<usize>> = queries
            .par_chunks_exact(d)
            .enumerate()
            .map(|(q, x)| {
                let (from, to) = range(q);
                let matching =
                    (0..numbers.len()).filter(|&i| (from..=to).contains(&numbers[i][*column]));
                let mut all: Vec<(f32, usize)> = matching
                    .map(|i| (distance(metric, x, &base[i * d..(i + 1) * d]), i))
                    .collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0));
                all.iter().take(10).map(|a| a.1).collect()
            })
            .collect();
        for ef in [40, 100] {
            let (mut hits, mut rows, mut wanted, mut visits) = (0, 0, 0, 0);
            let reads = index_reads(index);
            let start = Instant::now();
            for (q, x) in queries.chunks_exact(d).enumerate() {
                let (from, to) = range(q);
                let column = *column;
                let tests = vec![(column, Test::between(index.bounds(), column, from, to))];
                let filter = Filter::new(
                    tests,
                    Box::new(move |key: &[u8]| {
                        let value =
                            f64::from_ne_bytes(key[8 * column..][..8].try_into().expect("8 bytes"));
                        (from..=to).contains(&value)
                    }),
                );
                let settings = Settings {
                    ef,
                    resume: Resume::Strict,
                    max_visits: 20_000,
                    memory: 4 << 20,
                    skip_dead: true,
                };
                let mut scan = Scan::new(Query::new(index, x), settings).with_filter(filter);
                for _ in 0..10 {
                    if let Some(row) = scan.next(index).expect("scan") {
                        rows += 1;
                        hits += usize::from(truth[q].contains(&(row.tid.block as usize)));
                    }
                }
                wanted += truth[q].len();
                visits += scan.report().visits;
            }
            let count = queries.len() / d;
            let us = start.elapsed().as_secs_f64() * 1e6 / count as f64;
            println!(
                "{name} ef {ef:4} recall {:.4} rows {rows}/{wanted} visits {} reads {:.1} us {us:.1}",
                hits as f64 / wanted.max(1) as f64,
                visits / count,
                (index_reads(index) - reads) as f64 / count as f64
            );
        }
    }
}

fn index_reads(index: &Index<MemoryStore>) -> u64 {
    index.store().reads()
}
