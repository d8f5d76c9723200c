//! Damaged pages: every operation ends with a result or an error.

#![no_main]

#[path = "../../crates/hnsw/tests/common/mod.rs"]
mod common;

use common::METRICS;
use common::damage::{sample, survive};
use hnsw::page::{BODY_SIZE, Body};
use hnsw::{Metric, Storage};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fuzz_target!(|input: (u8, Vec<(u16, u16, u8)>)| {
    static SAMPLES: OnceLock<Vec<Vec<Body>>> = OnceLock::new();
    let samples = SAMPLES.get_or_init(|| {
        let small = METRICS.map(|metric| sample(12, metric, Storage::Float16));
        let split = sample(2100, Metric::L2, Storage::Float32);
        small.into_iter().chain([split]).collect()
    });
    let (sample, changes) = input;
    let mut pages = samples[usize::from(sample) % samples.len()].clone();
    for (block, at, value) in changes.iter().take(32) {
        let block = usize::from(*block) % pages.len();
        pages[block].bytes_mut()[usize::from(*at) % BODY_SIZE] = *value;
    }
    survive(&pages, "fuzzed pages");
});
