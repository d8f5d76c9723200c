//! Key columns: what an index keeps of their values, and the conditions of a scan on them.

use crate::pg::error::raise;
use crate::pg::key::{self, KeyColumn, Stored};
use crate::pg::memory::Temporary;
use crate::pg::planner::{Asked, KeyCondition};
use crate::pg::relation::Relation;
use hnsw::keys::{Bounds, Filter, KeyParams, KeyValue, MAX_COLUMNS, Test};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, Datum, FmgrInfo, Oid, ScanKeyData};

/// Operators of a class for a key column: comparisons as btree numbers them, or of arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Strategy {
    Less = 1,
    LessEqual = 2,
    Equal = 3,
    GreaterEqual = 4,
    Greater = 5,
    Overlaps = 6,
    Contains = 7,
}

impl Strategy {
    /// The strategy with a number.
    pub fn from_number(number: u16) -> Option<Self> {
        use Strategy::*;
        [
            Less,
            LessEqual,
            Equal,
            GreaterEqual,
            Greater,
            Overlaps,
            Contains,
        ]
        .into_iter()
        .find(|&strategy| strategy as u16 == number)
    }
}

/// The key columns of an index.
pub struct Keys {
    columns: Vec<KeyColumn>,
}

/// A row's key, and what sketches are made from.
#[derive(Default)]
pub struct EncodedKey {
    pub key: Vec<u8>,
    pub values: Vec<KeyValue>,
}

impl EncodedKey {
    /// The row at `tid`.
    pub fn row(&self, tid: hnsw::Tid) -> hnsw::keys::Row<'_> {
        hnsw::keys::Row {
            tid,
            key: &self.key,
            values: &self.values,
        }
    }
}

impl Keys {
    /// Those of an index.
    pub fn of(index: Relation) -> Self {
        Self {
            columns: KeyColumn::all(index),
        }
    }

    /// How many there are and how many bytes they take. Raises an error if an index cannot have so many.
    pub fn params(&self) -> KeyParams {
        if self.columns.len() > MAX_COLUMNS {
            raise(
                PgSqlErrorCode::ERRCODE_TOO_MANY_COLUMNS,
                format!("hnsw index cannot have more than {MAX_COLUMNS} columns beside the vector"),
            )
        }
        KeyParams {
            columns: self.columns.len() as u8,
            width: self.columns.iter().map(KeyColumn::width).sum::<usize>() as u16,
        }
    }

    /// The key of a row.
    ///
    /// # Safety
    /// `values` are those of the index's columns. The current memory context is one that is reset
    /// soon.
    pub unsafe fn encode(&self, values: &[Option<Datum>]) -> EncodedKey {
        let mut encoded = EncodedKey::default();
        for (column, &value) in self.columns.iter().zip(&values[1..]) {
            // SAFETY: the caller's promise.
            let value = unsafe { column.encode(value, &mut encoded.key) };
            encoded.values.push(value);
        }
        encoded
    }

    /// What sketches see of a key that the index has.
    pub fn values(&self, key: &[u8]) -> Vec<KeyValue> {
        let mut offset = 0;
        let value = |column: &KeyColumn| {
            let bytes = &key[offset..];
            offset += column.width();
            let mut room = key::Scratch::default();
            match column.decode(bytes, &mut room) {
                // SAFETY: a value of the column, as long as `room` lives.
                Stored::Whole(value) => unsafe { column.sketched(value, Oid::INVALID) },
                Stored::Hash(hash) => Some(KeyValue::hash(hash)),
                Stored::Null | Stored::Unknown => None,
            }
            .unwrap_or(KeyValue::NULL)
        };
        self.columns.iter().map(value).collect()
    }

    /// Whether sketches tell which nodes may have rows that meet a condition of a query: whether it
    /// becomes a test.
    pub fn tell(&self, condition: &KeyCondition) -> bool {
        let column = &self.columns[condition.column];
        match condition.what {
            Asked::IsNull => true,
            Asked::IsNotNull => column.tells_null(),
            Asked::Operator {
                strategy,
                subtype,
                is_list,
            } => {
                column.tells(subtype)
                    && match Strategy::from_number(strategy) {
                        Some(Strategy::Equal) => !column.is_set(),
                        Some(Strategy::Overlaps | Strategy::Contains) => column.is_set(),
                        Some(_) => column.is_number() && !is_list,
                        None => false,
                    }
            }
            Asked::Other => false,
        }
    }

    /// Whether conditions on a column, counted from 0, are on sets.
    pub fn is_set(&self, column: usize) -> bool {
        self.columns[column].is_set()
    }

    /// The filter of a scan, if it has conditions on key columns. What it needs is allocated in `memory`.
    ///
    /// # Safety
    /// `conditions` are the keys of a scan of the index; they and `memory` live as long as the filter.
    pub unsafe fn filter(
        self,
        conditions: &mut [ScanKeyData],
        bounds: &Bounds,
        memory: &Temporary,
    ) -> Option<Filter> {
        let mut tests = Vec::new();
        let mut parsed = Vec::new();
        for condition in conditions.iter_mut().filter(|c| c.sk_attno > 1) {
            let column = usize::from(condition.sk_attno.cast_unsigned()) - 2;
            // SAFETY: the caller's promise.
            let (parsed_one, test) =
                memory.keep(|| unsafe { self.condition(condition, column, bounds) });
            tests.extend(test.map(|test| (column, test)));
            parsed.push(parsed_one);
        }
        if parsed.is_empty() {
            return None;
        }
        let scratch = memory.keep(Temporary::new);
        let rows = Box::new(move |key: &[u8]| {
            let mut conditions = parsed.iter();
            conditions.all(|condition| condition.may_meet(key, &self, &scratch))
        });
        Some(Filter::new(tests, rows))
    }

    /// A condition, and what it means for sketches if it means anything.
    ///
    /// # Safety
    /// As for [`Self::filter`]; the current memory context lives as long as the filter.
    unsafe fn condition(
        &self,
        from: &mut ScanKeyData,
        column: usize,
        bounds: &Bounds,
    ) -> (Condition, Option<Test>) {
        let described = &self.columns[column];
        let flag = |flag: u32| from.sk_flags as u32 & flag != 0;
        let offset = self.columns[..column].iter().map(KeyColumn::width).sum();
        let condition = |what| Condition {
            column,
            offset,
            what,
        };
        if flag(pg_sys::SK_SEARCHNULL) {
            return (condition(What::IsNull), Some(Test::null()));
        }
        if flag(pg_sys::SK_SEARCHNOTNULL) {
            let test = described.tells_null().then(Test::not_null);
            return (condition(What::IsNotNull), test);
        }
        let is_array = flag(pg_sys::SK_SEARCHARRAY);
        let mut arguments: Vec<Datum> = match (flag(pg_sys::SK_ISNULL), is_array) {
            (true, _) => Vec::new(),
            // SAFETY: the caller's promise.
            (false, true) => unsafe { key::elements(from.sk_argument) }
                .into_iter()
                .flatten()
                .collect(),
            (false, false) => vec![from.sk_argument],
        };
        let strategy = Strategy::from_number(from.sk_strategy);
        // SAFETY: the arguments are of this type: the operator's right one.
        let range = |value: &Datum| unsafe { described.range(*value, from.sk_subtype) };
        let mut ranges: Option<Vec<_>> = arguments.iter().map(range).collect();
        let is_equality = strategy == Some(Strategy::Equal) && !described.is_set();
        let is_exact = |ranges: &Vec<_>| ranges.iter().all(|(least, greatest)| least == greatest);
        let mut values = None;
        if is_equality && let Some(ranges) = ranges.as_mut().filter(|ranges| is_exact(ranges)) {
            let mut both: Vec<_> = ranges.iter().copied().zip(arguments).collect();
            both.sort_unstable_by_key(|&((value, _), _)| value);
            (*ranges, arguments) = both.into_iter().unzip();
            values = Some(ranges.iter().map(|&(value, _)| value).collect::<Vec<_>>());
        }
        let test = ranges.and_then(|ranges| match (strategy?, ranges.as_slice()) {
            (_, []) => Some(Test::In(Vec::new())),
            (_, ranges) if is_equality => match &values {
                Some(values) => Some(Test::equal(bounds, column, values)),
                None => Test::within(bounds, column, ranges),
            },
            (Strategy::Overlaps, &[(value, _)]) => Some(Test::meets(value)),
            (Strategy::Contains, &[(value, _)]) => Some(Test::holds(value)),
            (Strategy::Less | Strategy::LessEqual, &[(_, greatest)]) => {
                Test::up_to(bounds, column, greatest)
            }
            (Strategy::Greater | Strategy::GreaterEqual, &[(least, _)]) => {
                Test::from(bounds, column, least)
            }
            _ => None,
        });
        let same = from.sk_subtype == Oid::INVALID || described.is_input(from.sk_subtype);
        // SAFETY: as above.
        let hash = |&value: &Datum| unsafe { described.hash(value) };
        let hashes = (is_equality && same && described.may_be_hashed()).then(|| {
            let mut hashes: Vec<u32> = arguments.iter().map(hash).collect();
            hashes.sort_unstable();
            hashes
        });
        let operator = What::Operator {
            function: &raw mut from.sk_func,
            collation: from.sk_collation,
            values: values.filter(|values| values.len() > FEW),
            arguments,
            hashes,
        };
        (condition(operator), test)
    }
}

/// As many arguments are compared one after the other, rather than looked up.
const FEW: usize = 8;

/// A condition on one column.
struct Condition {
    column: usize,
    /// Where the column begins in a key.
    offset: usize,
    what: What,
}

enum What {
    IsNull,
    IsNotNull,
    /// With one of the arguments.
    Operator {
        function: *mut FmgrInfo,
        collation: Oid,
        arguments: Vec<Datum>,
        /// Of the arguments, in ascending order as these then are, where the operator is equality and
        /// they are many: those that a value may equal are found by it.
        values: Option<Vec<KeyValue>>,
        /// Of the arguments, in ascending order, where the operator is equality.
        hashes: Option<Vec<u32>>,
    },
}

impl Condition {
    /// Whether a row with this key meets it, as far as the key says.
    fn may_meet(&self, key: &[u8], keys: &Keys, scratch: &Temporary) -> bool {
        let column = &keys.columns[self.column];
        let mut room = key::Scratch::default();
        let stored = column.decode(&key[self.offset..], &mut room);
        match (&self.what, stored) {
            (_, Stored::Unknown) => true,
            (What::IsNull, stored) => matches!(stored, Stored::Null),
            (What::IsNotNull, stored) => !matches!(stored, Stored::Null),
            (_, Stored::Null) => false,
            (What::Operator { hashes, .. }, Stored::Hash(hash)) => hashes
                .as_ref()
                .is_none_or(|hashes| hashes.binary_search(&hash).is_ok()),
            (
                What::Operator {
                    function,
                    collation,
                    arguments,
                    values,
                    ..
                },
                Stored::Whole(value),
            ) => {
                let arguments = match values {
                    None => arguments,
                    Some(values) => {
                        // SAFETY: a value of the column.
                        let sketched = || unsafe { column.sketched(value, Oid::INVALID) };
                        let own = scratch.run(sketched).unwrap_or(KeyValue::NULL);
                        let from = values.partition_point(|&v| v < own);
                        let same = values[from..].partition_point(|&v| v == own);
                        &arguments[from..from + same]
                    }
                };
                let holds = |&argument: &Datum| {
                    // SAFETY: the function is of a key that lives as long as the filter, and takes a
                    // value of the column and one of the argument's type.
                    let call = || unsafe {
                        pg_sys::FunctionCall2Coll(*function, *collation, value, argument)
                    };
                    let result = match column.is_by_value() {
                        true => call(),
                        false => scratch.run(call),
                    };
                    result.value() as u8 != 0
                };
                arguments.iter().any(holds)
            }
        }
    }
}
