//! Operations on an index, with writes that are refused: no row is lost, none comes back.

#![no_main]

#[path = "../../crates/hnsw/tests/common/mod.rs"]
mod common;

use common::keyed::keyed;
use common::model::{Model, Op};
use common::{METRICS, STORAGES, create, params};
use libfuzzer_sys::fuzz_target;

/// More only take longer.
const MOST_OPERATIONS: usize = 40;

/// Dimensions, m, metric, storage and whether there are key columns; then the operations.
type Input = (u8, u8, u8, u8, bool, Vec<(u8, u8, u8)>);

fuzz_target!(|input: Input| {
    let (dims, m, metric, storage, has_keys, operations) = input;
    let operations: Vec<Op> = operations
        .into_iter()
        .take(MOST_OPERATIONS)
        .map(operation)
        .collect();
    let params = params(
        usize::from(dims) % 40 + 2,
        u16::from(m) % 16 + 2,
        METRICS[usize::from(metric) % METRICS.len()],
        STORAGES[usize::from(storage) % STORAGES.len()],
    );
    let store = create(if has_keys { keyed(params) } else { params });
    Model::new(&store).run(&operations);
});

fn operation((kind, a, b): (u8, u8, u8)) -> Op {
    let at = u16::from_le_bytes([a, b]);
    match kind % 9 {
        0 => Op::Insert(a % 40),
        1 => Op::Repeat(a.into(), b % 30),
        2 => Op::Delete(a % 4 + 2, b),
        3 => Op::DeleteAll,
        4 => Op::Vacuum,
        5 => Op::Search(at),
        6 => Op::Mark(at),
        7 => Op::Forget,
        _ => Op::Refuse(a),
    }
}
