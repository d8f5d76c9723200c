//! Key columns for tests: a number, sometimes NULL, and a set, both by the row's TID.

use super::*;
use hnsw::keys::{Filter, KeyParams, KeyValue, Row, Test};

pub const KEYS: KeyParams = KeyParams {
    columns: 2,
    width: 8,
};

/// The same parameters with key columns.
pub fn keyed(params: Params) -> Params {
    Params {
        keys: KEYS,
        ..params
    }
}

/// A row's number, and the elements of its set as bits.
fn values(tid: Tid) -> (Option<u32>, u32) {
    let hash = splitmix64(u64::from(tid.block) << 16 | u64::from(tid.offset));
    let number = (!hash.is_multiple_of(11)).then_some((hash >> 8) as u32 % 100);
    let element = |at: u32| 1 << ((hash >> at) % 6);
    (number, element(20) | element(30))
}

fn elements(set: u32) -> impl Iterator<Item = u32> {
    (0..32).filter(move |bit| set & 1 << bit != 0)
}

/// A row's key and what sketches are made from; nothing without key columns.
pub struct Keyed {
    tid: Tid,
    key: Vec<u8>,
    values: Vec<KeyValue>,
}

impl Keyed {
    pub fn new(params: Params, tid: Tid) -> Self {
        if params.keys.columns == 0 {
            let (key, values) = (Vec::new(), Vec::new());
            return Self { tid, key, values };
        }
        let (number, set) = values(tid);
        let key = [number.unwrap_or(u32::MAX), set].map(u32::to_ne_bytes);
        let key = key.as_flattened().to_vec();
        let values = key_values(&key);
        Self { tid, key, values }
    }

    pub fn row(&self) -> Row<'_> {
        Row {
            tid: self.tid,
            key: &self.key,
            values: &self.values,
        }
    }
}

fn words(key: &[u8]) -> (Option<u32>, u32) {
    let word = |i: usize| u32::from_ne_bytes(key[4 * i..][..4].try_into().expect("four bytes"));
    (Some(word(0)).filter(|&n| n != u32::MAX), word(1))
}

/// What sketches are made from, of a key.
pub fn key_values(key: &[u8]) -> Vec<KeyValue> {
    let (number, set) = words(key);
    let number = number.map_or(KeyValue::NULL, |n| KeyValue::number(n.into()));
    vec![number, KeyValue::set(elements(set))]
}

/// A condition on the columns.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    Null,
    Between(u32, u32),
    Either(u32, u32),
    /// The set has one of these.
    Meets(u32),
    /// The set has all of these.
    Holds(u32),
    /// Both a range and an element.
    Both(u32, u32, u32),
    /// The same, where sketches tell only if the numbers are below 50.
    Vague(u32, u32, u32),
}

impl Condition {
    /// Some condition.
    pub fn any(rng: &mut Rng) -> Self {
        let (a, b) = (rng.below(100) as u32, rng.below(100) as u32);
        let set = 1 << rng.below(6) | 1 << rng.below(6);
        match rng.below(7) {
            0 => Condition::Null,
            1 => Condition::Between(a.min(b), a.max(b)),
            2 => Condition::Between(a, a),
            3 => Condition::Either(a, b),
            4 => Condition::Meets(set),
            5 => Condition::Holds(set),
            _ => Condition::Both(a / 2, a / 2 + b, set),
        }
    }

    pub fn matches(self, tid: Tid) -> bool {
        self.holds(values(tid))
    }

    fn holds(self, (number, set): (Option<u32>, u32)) -> bool {
        match self {
            Condition::Null => number.is_none(),
            Condition::Between(a, b) => number.is_some_and(|n| (a..=b).contains(&n)),
            Condition::Either(a, b) => number.is_some_and(|n| n == a || n == b),
            Condition::Meets(bits) => set & bits != 0,
            Condition::Holds(bits) => set & bits == bits,
            Condition::Both(a, b, bits) | Condition::Vague(a, b, bits) => {
                number.is_some_and(|n| (a..=b).contains(&n)) && set & bits != 0
            }
        }
    }

    pub fn filter(self, index: &Index<MemoryStore>) -> Filter {
        let bounds = index.bounds();
        let between = |a: u32, b: u32| (0, Test::between(bounds, 0, a.into(), b.into()));
        let set = |bits| KeyValue::set(elements(bits));
        let tests = match self {
            Condition::Null => vec![(0, Test::null())],
            Condition::Between(a, b) => vec![between(a, b)],
            Condition::Either(a, b) => {
                let numbers = [a, b].map(|n| KeyValue::number(n.into()));
                vec![(0, Test::equal(bounds, 0, &numbers))]
            }
            Condition::Meets(bits) => vec![(1, Test::meets(set(bits)))],
            Condition::Holds(bits) => vec![(1, Test::holds(set(bits)))],
            Condition::Both(a, b, bits) => vec![between(a, b), (1, Test::meets(set(bits)))],
            Condition::Vague(_, b, _) if b < 50 => vec![between(0, 49)],
            Condition::Vague(..) => vec![between(50, 99)],
        };
        let rows = Box::new(move |key: &[u8]| self.holds(words(key)));
        Filter::new(tests, rows)
    }
}

/// The first `limit` rows that meet a condition.
pub fn filtered(
    index: &mut Index<MemoryStore>,
    q: &[f32],
    settings: Settings,
    condition: Condition,
    limit: usize,
) -> hnsw::Result<Vec<hnsw::scan::Row>> {
    let mut scan = scan(index, q, settings).with_filter(condition.filter(index));
    let mut rows = Vec::new();
    while rows.len() < limit
        && let Some(row) = scan.next(index)?
    {
        rows.push(row);
    }
    Ok(rows)
}
