//! Key columns: values beside the vector that conditions are about.
//!
//! Every row has a *key*, bytes that only the access method reads, in which all conditions are checked.
//! Every node has a *sketch*, one 16-bit [`Code`] for each column, which says whether its rows may
//! match at all. It stands in the node's record, with every lane that leads to the node, so that a
//! hop knows which neighbours may match without reading them, and in the map ([`crate::map`]),
//! where few matching nodes are found without the graph.
//!
//! Codes keep the order of numbers ([`Bounds`]); of other values they are hashes, or sets of bits.
//! A code may stand for many values: it can say "maybe", or "no".

use crate::beam::first_lanes;
use crate::page::{Body, CONTENT_SIZE, HEADER_SIZE, PageKind};
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use distance::Kernels;
use std::mem::size_of;
use std::ops::RangeInclusive;

/// Key columns at most.
pub const MAX_COLUMNS: usize = 8;

/// What a sketch says of one column of a node's rows.
pub type Code = u16;

/// No rows.
pub const NOTHING: Code = 0;
/// NULL.
pub const NULL: Code = 1;
/// The least code of a value.
const LEAST: Code = 2;
/// The greatest.
const GREATEST: Code = 0xFFFE;
/// Rows with different codes, or numbers without bounds.
pub const ANY: Code = 0xFFFF;

/// Segments between the least and the greatest number that were known when the bounds were made.
const SEGMENTS: usize = 64;
/// Codes of a segment.
const STEPS: usize = 768;
/// The first code of a segment; below it, as above the last, are numbers beyond the bounds.
const FIRST: usize = 8192;
/// The first code above them.
const ABOVE: usize = FIRST + SEGMENTS * STEPS;
/// Codes for each doubling of the distance from the bounds.
const PER_DOUBLING: f64 = 32.0;

const _: () = assert!(ABOVE + FIRST == 1 << 16);

/// Key columns of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyParams {
    /// How many, 0 to [`MAX_COLUMNS`].
    pub columns: u8,
    /// Bytes of a row's key.
    pub width: u16,
}

impl KeyParams {
    /// Whether both are in their ranges and go together.
    pub(crate) fn are_valid(self) -> bool {
        (self.columns == 0) == (self.width == 0)
            && usize::from(self.columns) <= MAX_COLUMNS
            && usize::from(self.width) <= MAX_WIDTH
    }
}

/// Bytes of a key at most: a row must fit into a record beside the most lanes.
pub const MAX_WIDTH: usize = 640;

/// A row that is to be added.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Where it is in the table.
    pub tid: crate::Tid,
    /// Its key; empty without key columns.
    pub key: &'a [u8],
    /// What sketches are made from, one for each key column.
    pub values: &'a [KeyValue],
}

impl From<crate::Tid> for Row<'_> {
    fn from(tid: crate::Tid) -> Self {
        Row {
            tid,
            key: &[],
            values: &[],
        }
    }
}

/// A value as a sketch sees it: NULL, a number, or a code that needs no bounds. In eight bytes, as
/// builds keep one for each row and column: a float64 whose NaNs stand for what is no number.
///
/// Values that an operator of equality holds for are the same here. The order is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(transparent)]
pub struct KeyValue(u64);

impl KeyValue {
    const TAG: u64 = 0x7FF8_0000_0000_0000;

    /// NULL.
    pub const NULL: KeyValue = KeyValue(Self::TAG | NULL as u64);

    /// A number; what is not a number is greater than all others.
    pub fn number(x: f64) -> Self {
        // There is one zero.
        KeyValue(if x.is_nan() { f64::INFINITY } else { x + 0.0 }.to_bits())
    }

    /// The hash of a value that has no order, or none that a number could keep.
    pub fn hash(hash: u32) -> Self {
        let folded = (hash >> 16 ^ hash) as u16;
        KeyValue(Self::TAG | u64::from(folded.clamp(LEAST, GREATEST)))
    }

    /// A set of which each hash sets a bit.
    pub fn set(hashes: impl IntoIterator<Item = u32>) -> Self {
        let bits = hashes.into_iter().fold(NULL, |set, hash| set | bit(hash));
        KeyValue(Self::TAG | u64::from(bits))
    }

    fn as_number(self) -> Option<f64> {
        Some(f64::from_bits(self.0)).filter(|x| !x.is_nan())
    }

    fn as_code(self) -> Code {
        self.0 as Code
    }
}

/// Bits that elements of a set have.
const ELEMENT_BITS: u32 = 15;

/// The bit of an element in a set. The lowest one is set in all sets, so that none is [`NOTHING`].
fn bit(hash: u32) -> Code {
    2 << ((hash.wrapping_mul(0x9E37_79B1) >> 16) % ELEMENT_BITS)
}

/// The share of sets of so many elements that have the bit of a value which they do not hold.
pub fn false_positives(elements: f64) -> f64 {
    1.0 - (1.0 - 1.0 / f64::from(ELEMENT_BITS)).powf(elements)
}

/// The codes of a node's rows, one for each key column; zeros behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sketch(pub [Code; MAX_COLUMNS]);

impl Sketch {
    /// The sketch of rows of which some have one and some the other.
    pub fn merged(self, other: Sketch) -> Sketch {
        let merge = |(a, b): (Code, Code)| if a == b { a } else { ANY };
        let mut codes = self.0;
        codes
            .iter_mut()
            .zip(other.0)
            .for_each(|(a, b)| *a = merge((*a, b)));
        Sketch(codes)
    }
}

/// How numbers of each column become codes: as their place among quantiles of the numbers that the
/// index began with.
///
/// Between two quantiles the place is linear. Beyond them it is logarithmic: what grows for ever, as time
/// does, has codes that get coarser only as the distance from the bounds doubles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds(Vec<[f64; SEGMENTS + 1]>);

/// Starts the page of the bounds, behind the page header.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BoundsHeader {
    /// 1 once the bounds are known.
    known: u32,
    padding: u32,
}

const BOUNDS_SIZE: usize = 8 * (SEGMENTS + 1);
const _: () = assert!(size_of::<BoundsHeader>() + MAX_COLUMNS * BOUNDS_SIZE <= CONTENT_SIZE);

impl Bounds {
    /// Bounds from the values of rows, all columns of a row next to each other; a column that has
    /// no numbers gets bounds that nothing uses.
    pub fn new(columns: usize, rows: &[KeyValue]) -> Self {
        let bounds = (0..columns).map(|column| {
            let values = rows.iter().skip(column).step_by(columns);
            let mut numbers: Vec<f64> = values
                .filter_map(|v| v.as_number())
                .filter(|x| x.is_finite())
                .collect();
            numbers.sort_by(f64::total_cmp);
            let last = numbers.len().saturating_sub(1);
            std::array::from_fn(|i| numbers.get(i * last / SEGMENTS).copied().unwrap_or(0.0))
        });
        Self(bounds.collect())
    }

    /// Whether there are any.
    pub fn are_known(&self) -> bool {
        !self.0.is_empty()
    }

    /// Writes them into an initialised page.
    pub(crate) fn write(&self, body: &mut Body) {
        let header = BoundsHeader {
            known: u32::from(self.are_known()),
            padding: 0,
        };
        let bytes = &mut body.bytes_mut()[HEADER_SIZE..];
        let (head, rest) = bytes.split_at_mut(size_of::<BoundsHeader>());
        head.copy_from_slice(bytemuck::bytes_of(&header));
        let all: &[u8] = bytemuck::cast_slice(self.0.as_flattened());
        rest[..all.len()].copy_from_slice(all);
    }

    /// Reads them from a page.
    pub(crate) fn read(body: &Body, block: u32, columns: usize) -> Result<Self> {
        body.expect(PageKind::Bounds, block)?;
        let (head, rest) = body.bytes()[HEADER_SIZE..].split_at(size_of::<BoundsHeader>());
        let header: &BoundsHeader = bytemuck::from_bytes(head);
        if header.known == 0 {
            return Ok(Self::default());
        }
        let all: &[f64] = bytemuck::cast_slice(&rest[..columns * BOUNDS_SIZE]);
        if all.iter().any(|x| !x.is_finite()) {
            return Err(Error::corrupted(
                block,
                "bounds of key columns are not finite",
            ));
        }
        Ok(Self(all.as_chunks().0.to_vec()))
    }

    /// The code of a column's value.
    pub fn code(&self, column: usize, value: KeyValue) -> Code {
        match (value.as_number(), self.0.get(column)) {
            (None, _) => value.as_code(),
            (Some(_), None) => ANY,
            (Some(x), Some(bounds)) => place(bounds, x),
        }
    }

    /// The sketch of one row.
    pub fn sketch(&self, values: &[KeyValue]) -> Sketch {
        let mut sketch = Sketch::default();
        for (column, &value) in values.iter().enumerate().take(MAX_COLUMNS) {
            sketch.0[column] = self.code(column, value);
        }
        sketch
    }
}

/// Where a number is among bounds: does not fall where the number rises.
fn place(bounds: &[f64; SEGMENTS + 1], x: f64) -> Code {
    let (least, greatest) = (bounds[0], bounds[SEGMENTS]);
    let span = match greatest - least {
        span if span > 0.0 && span.is_finite() => span,
        _ => 1.0,
    };
    let beyond = |by: f64| {
        let steps = (1.0 + by / span).log2() * PER_DOUBLING;
        steps.clamp(0.0, (FIRST - 3) as f64) as usize
    };
    let code = if x < least {
        FIRST - 1 - beyond(least - x)
    } else if x > greatest {
        ABOVE + beyond(x - greatest)
    } else {
        let segment = bounds[1..SEGMENTS].partition_point(|&b| b <= x);
        let (from, to) = (bounds[segment], bounds[segment + 1]);
        let part = if to > from {
            (x - from) / (to - from)
        } else {
            0.0
        };
        FIRST + segment * STEPS + (part.clamp(0.0, 1.0) * (STEPS - 1) as f64) as usize
    };
    (code as Code).clamp(LEAST, GREATEST)
}

/// A set of codes, one bit for each that there is.
#[derive(Clone, PartialEq)]
pub struct CodeSet(Box<[u64; 1 << 10]>);

impl CodeSet {
    fn contains(&self, code: Code) -> bool {
        self.0[usize::from(code) / 64] >> (code % 64) & 1 == 1
    }

    fn codes(&self) -> impl Iterator<Item = Code> {
        (0..=Code::MAX).filter(|&code| self.contains(code))
    }
}

impl FromIterator<Code> for CodeSet {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        let mut bits = Box::new([0; 1 << 10]);
        for code in codes {
            bits[usize::from(code) / 64] |= 1 << (code % 64);
        }
        CodeSet(bits)
    }
}

impl std::fmt::Debug for CodeSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.codes()).finish()
    }
}

/// Ranges are asked one after the other, which is faster than a set while they are few.
const FEW_RANGES: usize = 4;

/// A condition on the codes of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// In one of these ranges, which are few.
    In(Vec<RangeInclusive<Code>>),
    /// One of these.
    Among(CodeSet),
    /// All of these bits.
    Holds(Code),
    /// One of these bits.
    Meets(Code),
}

impl Test {
    /// Numbers from `from` to `to`.
    pub fn between(bounds: &Bounds, column: usize, from: f64, to: f64) -> Self {
        Test::In(vec![Self::codes(bounds, column, from, to)])
    }

    /// Codes of numbers from `from` to `to`.
    fn codes(bounds: &Bounds, column: usize, from: f64, to: f64) -> RangeInclusive<Code> {
        let code = |x| match bounds.code(column, KeyValue::number(x)) {
            ANY => None,
            code => Some(code),
        };
        // Infinity is a value as well as the end of a range.
        let least = code(from).filter(|_| from > f64::NEG_INFINITY);
        let greatest = code(to).filter(|_| to < f64::INFINITY);
        least.unwrap_or(LEAST)..=greatest.unwrap_or(GREATEST)
    }

    /// Values that may equal one of these.
    pub fn equal(bounds: &Bounds, column: usize, values: &[KeyValue]) -> Self {
        let mut codes: Vec<Code> = values.iter().map(|&v| bounds.code(column, v)).collect();
        codes.sort_unstable();
        codes.dedup();
        match codes.last() {
            Some(&ANY) => Test::In(vec![LEAST..=GREATEST]),
            _ if codes.len() > FEW_RANGES => Test::Among(codes.into_iter().collect()),
            _ => Test::In(codes.into_iter().map(|code| code..=code).collect()),
        }
    }

    /// Numbers in one of these ranges, each of a least and a greatest number; `None` if these are none.
    pub fn within(bounds: &Bounds, column: usize, ranges: &[(KeyValue, KeyValue)]) -> Option<Self> {
        let range = |(least, greatest): &(KeyValue, KeyValue)| {
            let (from, to) = (least.as_number()?, greatest.as_number()?);
            Some(Self::codes(bounds, column, from, to))
        };
        let mut ranges: Vec<_> = ranges.iter().map(range).collect::<Option<_>>()?;
        ranges.sort_unstable_by_key(|range| *range.start());
        ranges.dedup_by(|next, last| {
            let meets = next.start() <= last.end();
            if meets {
                *last = *last.start()..=*last.end().max(next.end());
            }
            meets
        });
        Some(match ranges.len() > FEW_RANGES {
            true => Test::Among(ranges.into_iter().flatten().collect()),
            false => Test::In(ranges),
        })
    }

    /// NULL.
    pub fn null() -> Self {
        Test::In(vec![NULL..=NULL])
    }

    /// Numbers and hashes, which are any value but NULL. Sets are not: the empty one has its code.
    pub fn not_null() -> Self {
        Test::In(vec![LEAST..=GREATEST])
    }

    /// Sets that may have an element in common with that of `value`.
    pub fn meets(value: KeyValue) -> Self {
        Test::Meets(value.as_code() & !NULL)
    }

    /// Sets that may hold all elements of that of `value`.
    pub fn holds(value: KeyValue) -> Self {
        Test::Holds(value.as_code())
    }

    /// Numbers up to this one; `None` if it is none.
    pub fn up_to(bounds: &Bounds, column: usize, value: KeyValue) -> Option<Self> {
        let to = value.as_number()?;
        Some(Self::between(bounds, column, f64::NEG_INFINITY, to))
    }

    /// Numbers from this one on; `None` if it is none.
    pub fn from(bounds: &Bounds, column: usize, value: KeyValue) -> Option<Self> {
        let from = value.as_number()?;
        Some(Self::between(bounds, column, from, f64::INFINITY))
    }

    /// Becomes the conjunction with another test, if that is one test.
    fn narrow(&mut self, other: &Test) -> bool {
        let Test::In(others) = other else {
            return false;
        };
        let [range] = others.as_slice() else {
            return false;
        };
        match self {
            Test::In(ranges) => {
                for own in ranges.iter_mut() {
                    *own = *own.start().max(range.start())..=*own.end().min(range.end());
                }
                ranges.retain(|range| !range.is_empty());
            }
            Test::Among(codes) => {
                *codes = codes.codes().filter(|code| range.contains(code)).collect();
            }
            Test::Holds(_) | Test::Meets(_) => return false,
        }
        true
    }

    /// Finds the places of the codes that may match, in their order; `places` is empty.
    pub(crate) fn select(&self, kernels: &Kernels, codes: &[Code], places: &mut Vec<u16>) {
        let mut add = |place: usize| places.push(place as u16);
        match self {
            Test::In(ranges) if !ranges.is_empty() => {
                for range in ranges {
                    (kernels.within)(codes, (*range.start(), *range.end()), ANY, places);
                }
                if ranges.len() > 1 {
                    places.sort_unstable();
                    places.dedup();
                }
            }
            Test::Among(set) => select(codes, |c| set.contains(c) | (c == ANY), add),
            Test::Meets(bits) => select(codes, |c| c & bits != 0, add),
            Test::Holds(bits) => select(codes, |c| c & bits == *bits, add),
            _ => select(codes, |c| self.admits(c), &mut add),
        }
    }

    /// Whether a value with this code may match.
    #[inline]
    pub fn admits(&self, code: Code) -> bool {
        match self {
            _ if code == ANY => true,
            Test::In(ranges) => ranges.iter().any(|range| range.contains(&code)),
            Test::Among(set) => set.contains(code),
            Test::Holds(bits) => code & bits == *bits,
            Test::Meets(bits) => code & bits != 0,
        }
    }
}

/// Most codes of a page do not match: whole chunks at a time, which the compiler turns into
/// vector comparisons.
#[inline]
fn select(codes: &[Code], admits: impl Fn(Code) -> bool, mut f: impl FnMut(usize)) {
    const CHUNK: usize = 64;
    for (chunk, first) in codes.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        if chunk.iter().fold(false, |any, &c| any | admits(c)) {
            let places = chunk.iter().enumerate().filter(|&(_, &c)| admits(c));
            places.for_each(|(i, _)| f(first + i));
        }
    }
}

/// A bit for each code, without branches: the compiler looks at many at once.
#[inline]
fn bits_of(codes: impl Iterator<Item = Code>, admits: impl Fn(Code) -> bool) -> u32 {
    let bit = |(lane, code)| u32::from(admits(code)) << lane;
    codes.enumerate().map(bit).fold(0, |bits, bit| bits | bit)
}

/// The conditions of a scan.
pub struct Filter {
    /// Conditions on sketches, each with its column: what the rows of a matching node pass.
    pub tests: Vec<(usize, Test)>,
    /// Whether a row with this key matches.
    pub rows: RowTest,
}

/// Says whether a row with this key matches; where only the table can say, that it does.
pub type RowTest = Box<dyn FnMut(&[u8]) -> bool>;

impl Filter {
    /// A filter with these conditions on sketches and on rows.
    pub fn new(tests: Vec<(usize, Test)>, rows: RowTest) -> Self {
        let mut merged: Vec<(usize, Test)> = Vec::new();
        for (column, test) in tests {
            let same = merged.iter_mut().filter(|(other, _)| *other == column);
            // Both ends of a range, as they are asked for one by one, let half of all rows pass each.
            if !same.into_iter().any(|(_, other)| other.narrow(&test)) {
                merged.push((column, test));
            }
        }
        Self {
            tests: merged,
            rows,
        }
    }

    /// Which of at most 32 nodes may have matching rows, by their codes, which stand one behind the other: a bit
    /// for each.
    #[inline]
    pub(crate) fn may_match_of(&self, codes: &[Code], columns: usize) -> u32 {
        let mut bits = u32::MAX;
        for (column, test) in &self.tests {
            let codes = codes.chunks_exact(columns).map(|codes| codes[*column]);
            bits &= match test {
                Test::In(ranges) if ranges.len() == 1 => {
                    let (from, to) = (*ranges[0].start(), *ranges[0].end());
                    bits_of(codes, |c| (from <= c) & (c <= to) | (c == ANY))
                }
                _ => bits_of(codes, |c| test.admits(c)),
            };
        }
        let nodes = codes.len() / columns;
        bits & first_lanes(nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(numbers: &[f64]) -> Bounds {
        let values: Vec<KeyValue> = numbers.iter().map(|&x| KeyValue::number(x)).collect();
        Bounds::new(1, &values)
    }

    #[test]
    fn codes_keep_the_order_of_numbers() {
        for known in [
            &[1.0][..],
            &[0.0, 1.0],
            &[1.0, 1.0, 1.0, 2.0, 3.0, 3.0],
            &[-1e300, 0.0, 1e300],
            &(0..1000).map(|i| f64::from(i * i)).collect::<Vec<_>>(),
        ] {
            let bounds = bounds(known);
            let mut numbers: Vec<f64> = (-600..600)
                .flat_map(|e| [2f64.powi(e), -2f64.powi(e), f64::from(e) / 3.0])
                .chain(known.iter().copied())
                .chain([f64::INFINITY, f64::NEG_INFINITY, 0.0, f64::MAX, f64::MIN])
                .collect();
            numbers.sort_by(f64::total_cmp);
            let codes: Vec<Code> = numbers
                .iter()
                .map(|&x| bounds.code(0, KeyValue::number(x)))
                .collect();
            assert!(codes.is_sorted(), "{known:?}");
            assert!(codes.iter().all(|code| (LEAST..=GREATEST).contains(code)));
        }
    }

    #[test]
    fn known_values_have_codes_of_their_own() {
        let known: Vec<f64> = (0..2000).map(|i| f64::from(i % 40)).collect();
        let bounds = bounds(&known);
        let codes: std::collections::HashSet<Code> = (0..40)
            .map(|i| bounds.code(0, KeyValue::number(f64::from(i))))
            .collect();
        assert_eq!(codes.len(), 40);
    }

    #[test]
    fn tests_admit_what_matches() {
        let known: Vec<f64> = (0..1000).map(f64::from).collect();
        let bounds = bounds(&known);
        let code = |x| bounds.code(0, KeyValue::number(x));
        let range = Test::between(&bounds, 0, 100.0, 200.0);
        for x in [100.0, 150.5, 200.0] {
            assert!(range.admits(code(x)));
        }
        for x in [98.0, 202.0, -5.0, 1e9] {
            assert!(!range.admits(code(x)));
        }
        let open = Test::between(&bounds, 0, 100.0, f64::INFINITY);
        assert!(open.admits(code(f64::INFINITY)) && open.admits(ANY) && !open.admits(NULL));
        let unknown = Test::between(&Bounds::default(), 0, 1.0, 2.0);
        assert!(unknown.admits(ANY));
        assert!(Test::null().admits(NULL) && !Test::null().admits(code(0.0)));
        let numbers = [f64::NEG_INFINITY, f64::MIN, 0.0, f64::MAX, f64::INFINITY];
        let hashes = [0, 1, 0xFFFF, u32::MAX].map(KeyValue::hash);
        let values = numbers.map(KeyValue::number).into_iter().chain(hashes);
        for value in values {
            assert!(Test::not_null().admits(bounds.code(0, value)), "{value:?}");
        }
        assert!(Test::not_null().admits(ANY) && !Test::not_null().admits(NULL));

        let within = |ranges: &[(f64, f64)]| {
            let number = |&(from, to): &(f64, f64)| (KeyValue::number(from), KeyValue::number(to));
            let ranges: Vec<_> = ranges.iter().map(number).collect();
            Test::within(&bounds, 0, &ranges)
        };
        let some = [
            (150.0, 200.0),
            (100.0, 110.0),
            (110.0, 160.0),
            (120.0, 130.0),
        ];
        assert_eq!(within(&some), Some(range));
        let many: Vec<_> = (0..9)
            .map(|i| (f64::from(100 * i), f64::from(100 * i + 20)))
            .collect();
        let test = within(&many).unwrap();
        for x in 0..1000 {
            let wanted = x % 100 <= 20 && x < 900;
            assert_eq!(test.admits(code(f64::from(x))), wanted, "{x}");
        }
        assert!(Test::within(&bounds, 0, &[(KeyValue::NULL, KeyValue::NULL)]).is_none());

        let list = |numbers: std::ops::Range<i32>| {
            let values: Vec<KeyValue> = numbers
                .map(|x| KeyValue::number(f64::from(3 * x)))
                .collect();
            Test::equal(&bounds, 0, &values)
        };
        for count in [1, 3, 100, 300] {
            let test = list(0..count);
            for x in 0..1000 {
                let wanted = x % 3 == 0 && x / 3 < count;
                let code = code(f64::from(x));
                let mut places = Vec::new();
                test.select(distance::kernels(), &[code], &mut places);
                let selected = places == [0];
                assert_eq!(
                    (test.admits(code), selected),
                    (wanted, wanted),
                    "{x} of {count}"
                );
            }
            assert!(test.admits(ANY) && !test.admits(NULL));
        }
        let zeros = [KeyValue::number(0.0), KeyValue::number(-0.0)];
        assert_eq!(zeros[0], zeros[1]);
        let unknown = Test::equal(&Bounds::default(), 0, &zeros);
        assert!(unknown.admits(code(5.0)) && !unknown.admits(NULL));

        let set = |hashes: &[u32]| KeyValue::set(hashes.iter().copied());
        assert!(Test::holds(set(&[1, 2])).admits(set(&[1, 2, 3]).as_code()));
        assert!(Test::meets(set(&[1, 7])).admits(set(&[7, 9]).as_code()));
        assert!(!Test::meets(set(&[])).admits(set(&[7, 9]).as_code()));
        assert!(Test::holds(set(&[])).admits(set(&[]).as_code()));
    }

    #[test]
    fn ends_of_a_range_are_one_test() {
        let bounds = bounds(&(0..1000).map(f64::from).collect::<Vec<_>>());
        let from = |x| Test::between(&bounds, 0, x, f64::INFINITY);
        let to = |x| Test::between(&bounds, 0, f64::NEG_INFINITY, x);
        let filter = |tests| Filter::new(tests, Box::new(|_| true)).tests;
        let both = filter(vec![(0, from(10.0)), (1, from(3.0)), (0, to(20.0))]);
        let expected = vec![(0, Test::between(&bounds, 0, 10.0, 20.0)), (1, from(3.0))];
        assert_eq!(both, expected);
        assert_eq!(
            filter(vec![(0, from(20.0)), (0, to(10.0))]),
            [(0, Test::In(vec![]))]
        );
        let list = |from: i32, to: i32| {
            let values: Vec<KeyValue> = (from..to).map(|x| KeyValue::number(x.into())).collect();
            Test::equal(&bounds, 0, &values)
        };
        let narrowed = filter(vec![(0, list(0, 90)), (0, from(10.0)), (0, to(20.0))]);
        assert_eq!(narrowed, [(0, list(10, 21))]);
    }

    #[test]
    fn bounds_survive_their_page() {
        let written = Bounds::new(2, &[KeyValue::number(1.0), KeyValue::hash(7)]);
        let mut body = Body::ZERO;
        body.init(PageKind::Bounds);
        Bounds::default().write(&mut body);
        assert_eq!(Bounds::read(&body, 1, 2), Ok(Bounds::default()));
        written.write(&mut body);
        assert_eq!(Bounds::read(&body, 1, 2), Ok(written));
    }
}
