//! Values of key columns: as bytes of a fixed size, as numbers and as hashes.
//!
//! A value takes one byte that says what follows ([`State`]), and as many as its column has for
//! all values. A value that is longer leaves a hash there, and only the table has it. Values of
//! variable length have a checksum: PostgreSQL's operators trust what is in them.

use super::zone;
use hnsw::keys::KeyValue;
use hnsw::transform::splitmix64;
use pgrx::pg_sys::{self, Datum, FmgrInfo, Oid};
use pgrx::varlena::{vardata_any, varsize_any_exhdr};
use std::slice;

/// Bytes for values of variable length, with their checksum and a header of one byte.
const TEXT_WIDTH: usize = 44;
const NUMERIC_WIDTH: usize = 20;
const NETWORK_WIDTH: usize = 24;
const ARRAY_WIDTH: usize = 52;
/// Bytes of a checksum.
const SUM: usize = 4;
/// Bytes of a hash.
const HASH: usize = 4;

/// What the bytes of a value are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Null = 0,
    Whole = 1,
    /// Only its hash.
    Hash = 2,
}

/// How sketches see the values of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number(Scale),
    Hash,
    /// An array, as the set of its elements.
    Set,
}

/// A line of numbers: values of types on one line can be compared with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Plain,
    /// Microseconds from 2000 on, without a time zone.
    Local,
    /// The same with one.
    Zoned,
    Daytime,
    Uuid,
}

/// A column of an index behind the first.
pub struct KeyColumn {
    /// Type that the operator class is for.
    input: Oid,
    length: i16,
    by_value: bool,
    collation: Oid,
    kind: Kind,
    /// Hashes values, or elements of arrays, if their type can be hashed.
    hash: Option<*mut FmgrInfo>,
    /// Bytes of a value, without the one that says what they are.
    width: usize,
}

/// A value from an index.
pub enum Stored {
    /// NULL.
    Null,
    /// The value, which lives as long as the buffer that it was read into.
    Whole(Datum),
    /// Too long a value, by its hash.
    Hash(u32),
    /// Damaged.
    Unknown,
}

/// Aligned room for a value by reference.
pub type Scratch = [u64; 8];

const _: () = assert!(size_of::<Scratch>() > TEXT_WIDTH && size_of::<Scratch>() > ARRAY_WIDTH);

impl KeyColumn {
    /// The columns of an index behind the first.
    pub fn all(index: super::relation::Relation) -> Vec<KeyColumn> {
        (1..index.columns()).map(|i| Self::new(index, i)).collect()
    }

    fn new(index: super::relation::Relation, i: usize) -> KeyColumn {
        let (type_oid, _) = index.column(i);
        let (mut length, mut by_value) = (0, false);
        // SAFETY: the relation is an open index, whose arrays have an entry for each column; the
        // pointers are to locals.
        let (input, collation) = unsafe {
            pg_sys::get_typlenbyval(type_oid, &mut length, &mut by_value);
            let index = index.as_ptr();
            (
                *(*index).rd_opcintype.add(i),
                *(*index).rd_indcollation.add(i),
            )
        };
        let kind = kind(input);
        // SAFETY: look-ups by OID; entries of the type cache stay for the life of the session.
        let hash = unsafe {
            // Operators are those of the class's type: a column's own may be another, equal in other cases.
            let hashed = match input {
                pg_sys::ANYARRAYOID => pg_sys::get_element_type(pg_sys::getBaseType(type_oid)),
                pg_sys::ANYENUMOID => pg_sys::getBaseType(type_oid),
                _ => input,
            };
            let entry = pg_sys::lookup_type_cache(hashed, pg_sys::TYPECACHE_HASH_PROC_FINFO as i32);
            let function = &raw mut (*entry).hash_proc_finfo;
            ((*function).fn_oid != Oid::INVALID).then_some(function)
        };
        KeyColumn {
            input,
            length,
            by_value,
            collation,
            kind,
            hash,
            width: width(length, input),
        }
    }

    /// Bytes of a key of an index.
    pub fn key_width(index: super::relation::Relation) -> usize {
        let column = |i| {
            // SAFETY: a look-up by OID; the relation is an open index, whose array has an entry for
            // each column.
            let (length, input) = unsafe {
                let input = *(*index.as_ptr()).rd_opcintype.add(i);
                (pg_sys::get_typlen(index.column(i).0), input)
            };
            1 + width(length, input)
        };
        (1..index.columns()).map(column).sum()
    }

    /// Bytes of a value.
    pub fn width(&self) -> usize {
        1 + self.width
    }

    /// Whether sketches keep the order of its values.
    pub fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Number(_))
    }

    /// Whether its conditions are on sets.
    pub fn is_set(&self) -> bool {
        self.kind == Kind::Set
    }

    /// Whether sketches see NULL in no value. They do in an empty set, and in all that cannot be hashed.
    pub fn tells_null(&self) -> bool {
        match self.kind {
            Kind::Number(_) => true,
            Kind::Hash => self.hash.is_some(),
            Kind::Set => false,
        }
    }

    /// Whether a type is the one that the operator class is for.
    pub fn is_input(&self, type_oid: Oid) -> bool {
        type_oid == self.input
    }

    /// Whether a value may be too long for a key.
    pub fn may_be_hashed(&self) -> bool {
        self.length == -1
    }

    /// Whether values are passed as they are, so that operators on them allocate nothing.
    pub fn is_by_value(&self) -> bool {
        self.by_value
    }

    /// Appends a value, and returns what sketches see of it.
    ///
    /// # Safety
    /// `value` is one of the column.
    pub unsafe fn encode(&self, value: Option<Datum>, to: &mut Vec<u8>) -> KeyValue {
        let end = to.len() + self.width();
        let Some(value) = value else {
            to.push(State::Null as u8);
            to.resize(end, 0);
            return KeyValue::NULL;
        };
        // SAFETY: the caller's promise; `bytes_of` and `detoasted` keep what they return alive for
        // the life of the current memory context.
        unsafe {
            let value = self.detoasted(value);
            let bytes = self.bytes_of(&value);
            match bytes.len() <= self.width {
                true => {
                    to.push(State::Whole as u8);
                    to.extend_from_slice(&bytes);
                }
                false => {
                    to.push(State::Hash as u8);
                    to.extend_from_slice(&self.hash(value).to_ne_bytes());
                }
            }
            to.resize(end, 0);
            self.sketched(value, self.input).unwrap_or(KeyValue::NULL)
        }
    }

    /// Uncompressed and not out of line.
    ///
    /// # Safety
    /// As for [`Self::encode`].
    unsafe fn detoasted(&self, value: Datum) -> Datum {
        match self.length {
            // SAFETY: the caller's promise.
            -1 => unsafe { Datum::from(pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr())) },
            _ => value,
        }
    }

    /// The bytes that stand for a detoasted value; of variable length with a checksum and a header of
    /// one byte, unless they are too many anyway.
    ///
    /// # Safety
    /// As for [`Self::encode`].
    unsafe fn bytes_of(&self, value: &Datum) -> Vec<u8> {
        // SAFETY: the caller's promise.
        unsafe {
            match self.length {
                -1 => {
                    let start: *const pg_sys::varlena = value.cast_mut_ptr();
                    let size = varsize_any_exhdr(start);
                    let payload = slice::from_raw_parts(vardata_any(start).cast::<u8>(), size);
                    let mut bytes = vec![0; SUM + 1 + size];
                    let (sum, value) = bytes.split_at_mut(SUM);
                    value[1..].copy_from_slice(payload);
                    if size < TEXT_WIDTH.max(ARRAY_WIDTH) {
                        let length = value.len() as i32;
                        pgrx::varlena::set_varsize_short(value.as_mut_ptr().cast(), length);
                        sum.copy_from_slice(&checksum(value).to_ne_bytes());
                    }
                    bytes
                }
                length if self.by_value => {
                    let all = (value.value() as u64).to_le_bytes();
                    all[..length as usize].to_vec()
                }
                length => {
                    slice::from_raw_parts(value.cast_mut_ptr::<u8>(), length as usize).to_vec()
                }
            }
        }
    }

    /// A value from the bytes that stand for it.
    pub fn decode(&self, bytes: &[u8], scratch: &mut Scratch) -> Stored {
        let (state, bytes) = (bytes[0], &bytes[1..self.width()]);
        // Nothing stands behind what a state has use for, unless a byte is damaged.
        let ends = |end: usize| bytes[end..].iter().all(|&byte| byte == 0);
        if state == State::Null as u8 && ends(0) {
            return Stored::Null;
        }
        if state == State::Hash as u8 && self.may_be_hashed() && ends(HASH) {
            let mut hash = [0; HASH];
            hash.copy_from_slice(&bytes[..HASH]);
            return Stored::Hash(u32::from_ne_bytes(hash));
        }
        if state != State::Whole as u8 {
            return Stored::Unknown;
        }
        if self.by_value {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            let value = Datum::from(u64::from_le_bytes(all));
            // Operators raise errors about what is none.
            return match self.input == pg_sys::ANYENUMOID && !is_label(value) {
                true => Stored::Unknown,
                false => Stored::Whole(value),
            };
        }
        let room: &mut [u8] = bytemuck::cast_slice_mut(scratch);
        if self.length == -1 {
            let (sum, value) = bytes.split_at(SUM);
            let size = short_size(value[0]).filter(|&size| size <= value.len());
            let whole = size.map(|size| &value[..size]);
            match whole.filter(|value| checksum(value).to_ne_bytes() == *sum) {
                Some(value) => room[..value.len()].copy_from_slice(value),
                None => return Stored::Unknown,
            }
        } else {
            room[..bytes.len()].copy_from_slice(bytes);
        }
        Stored::Whole(Datum::from(room.as_ptr()))
    }

    /// Whether sketches tell values that an operator's argument of type `subtype` may be equal to from
    /// others: by their order if [`Self::is_number`], else by a hash.
    pub fn tells(&self, subtype: Oid) -> bool {
        let same = subtype == Oid::INVALID || subtype == self.input;
        match (self.kind, kind(subtype)) {
            (Kind::Number(_), _) if same => true,
            (Kind::Number(own), Kind::Number(other)) => {
                let is_time = |scale| matches!(scale, Scale::Local | Scale::Zoned);
                own == other || is_time(own) && is_time(other)
            }
            (Kind::Number(_), _) => false,
            // SAFETY: a look-up by OID.
            (Kind::Hash, _) if !same => unsafe {
                self.hash.is_some() && pg_sys::IsBinaryCoercible(subtype, self.input)
            },
            (Kind::Hash | Kind::Set, _) => self.hash.is_some(),
        }
    }

    /// What sketches see of a value of type `of`, or of the column's if that is not valid; `None` if they
    /// cannot tell.
    ///
    /// # Safety
    /// `value` is of that type, which [`Self::tells`] says yes to, and is none that is compared in a time zone.
    pub unsafe fn sketched(&self, value: Datum, of: Oid) -> Option<KeyValue> {
        let of = if of == Oid::INVALID { self.input } else { of };
        // SAFETY: the caller's promise.
        unsafe {
            match self.kind {
                Kind::Number(_) => Some(KeyValue::number(number(value, of))),
                Kind::Hash => self.hash.map(|_| KeyValue::hash(self.hash(value))),
                Kind::Set => self.hash.map(|function| {
                    let elements = elements(value);
                    let hash = |value| self.call_hash(function, value);
                    KeyValue::set(elements.into_iter().flatten().map(hash))
                }),
            }
        }
    }

    /// The least and the greatest value, as sketches see them, that may equal an operator's argument of
    /// type `subtype`; `None` if they cannot tell.
    ///
    /// # Safety
    /// `value` is of that type, or of the column's if it is not valid.
    pub unsafe fn range(&self, value: Datum, subtype: Oid) -> Option<(KeyValue, KeyValue)> {
        if !self.tells(subtype) {
            return None;
        }
        let time = |time: i64| {
            // SAFETY: a time is passed as it is.
            KeyValue::number(unsafe { number(Datum::from(time), pg_sys::TIMESTAMPTZOID) })
        };
        match (self.kind, kind(subtype)) {
            (Kind::Number(Scale::Zoned), Kind::Number(Scale::Local)) => {
                // SAFETY: the caller's promise.
                let value = time(unsafe { zone::with_zone(value, subtype) });
                Some((value, value))
            }
            (Kind::Number(Scale::Local), Kind::Number(Scale::Zoned)) => {
                let (least, greatest) = zone::without_zone(value.value() as i64);
                Some((time(least), time(greatest)))
            }
            _ => {
                // SAFETY: the caller's promise.
                let value = unsafe { self.sketched(value, subtype) };
                value.map(|value| (value, value))
            }
        }
    }

    /// A hash that equal values share; zero if there is none.
    ///
    /// # Safety
    /// `value` is one of the column.
    pub unsafe fn hash(&self, value: Datum) -> u32 {
        match self.hash {
            // SAFETY: the caller's promise.
            Some(function) if self.kind != Kind::Set => unsafe { self.call_hash(function, value) },
            _ => 0,
        }
    }

    /// # Safety
    /// `value` is of the type of `function`.
    unsafe fn call_hash(&self, function: *mut FmgrInfo, value: Datum) -> u32 {
        // SAFETY: the caller's promise. Types without a collation do not look at it.
        unsafe { pg_sys::FunctionCall1Coll(function, self.collation, value).value() as u32 }
    }
}

/// Bytes for a value of a type of this length, for which the operator class is.
fn width(length: i16, input: Oid) -> usize {
    match (length, input) {
        (1.., _) => length as usize,
        (_, pg_sys::NUMERICOID) => NUMERIC_WIDTH,
        (_, pg_sys::INETOID) => NETWORK_WIDTH,
        _ if kind(input) == Kind::Set => ARRAY_WIDTH,
        _ => TEXT_WIDTH,
    }
}

/// Whether a value is one of an enum.
fn is_label(value: Datum) -> bool {
    let cache = pg_sys::SysCacheIdentifier::ENUMOID as i32;
    // SAFETY: a look-up by OID.
    unsafe {
        pg_sys::SearchSysCacheExists(cache, value, Datum::null(), Datum::null(), Datum::null())
    }
}

/// Bytes of a value with a header of one byte, which this is; `None` if it is no such header.
fn short_size(first: u8) -> Option<usize> {
    // SAFETY: reads the byte.
    unsafe {
        let start = (&raw const first).cast();
        pgrx::varlena::varatt_is_1b(start)
            .then(|| pgrx::varlena::varsize_1b(start))
            .filter(|&size| size > 0)
    }
}

/// A number that other bytes hardly share.
fn checksum(bytes: &[u8]) -> u32 {
    let mix = |sum: u64, byte: &u8| splitmix64(sum ^ u64::from(*byte));
    bytes.iter().fold(bytes.len() as u64, mix) as u32
}

fn kind(input: Oid) -> Kind {
    match input {
        pg_sys::BOOLOID
        | pg_sys::INT2OID
        | pg_sys::INT4OID
        | pg_sys::INT8OID
        | pg_sys::OIDOID
        | pg_sys::FLOAT4OID
        | pg_sys::FLOAT8OID
        | pg_sys::NUMERICOID => Kind::Number(Scale::Plain),
        pg_sys::DATEOID | pg_sys::TIMESTAMPOID => Kind::Number(Scale::Local),
        pg_sys::TIMESTAMPTZOID => Kind::Number(Scale::Zoned),
        pg_sys::TIMEOID => Kind::Number(Scale::Daytime),
        pg_sys::UUIDOID => Kind::Number(Scale::Uuid),
        pg_sys::ANYARRAYOID => Kind::Set,
        _ => Kind::Hash,
    }
}

/// A number that does not fall where the value rises; equal values have equal ones.
///
/// # Safety
/// `value` is of type `of`, which is one that has numbers.
unsafe fn number(value: Datum, of: Oid) -> f64 {
    let bits = value.value() as u64;
    let or_infinite = |x: i64, least: i64, greatest: i64, unit: f64| match x {
        x if x == least => f64::NEG_INFINITY,
        x if x == greatest => f64::INFINITY,
        x => x as f64 * unit,
    };
    match of {
        pg_sys::BOOLOID => f64::from(u8::from(bits as u8 != 0)),
        pg_sys::INT2OID => f64::from(bits as i16),
        pg_sys::INT4OID => f64::from(bits as i32),
        pg_sys::OIDOID => f64::from(bits as u32),
        pg_sys::FLOAT4OID => f64::from(f32::from_bits(bits as u32)),
        pg_sys::FLOAT8OID => f64::from_bits(bits),
        pg_sys::DATEOID => {
            let day = 86_400e6;
            or_infinite(bits as i32 as i64, i32::MIN.into(), i32::MAX.into(), day)
        }
        pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => {
            or_infinite(bits as i64, i64::MIN, i64::MAX, 1.0)
        }
        // SAFETY: the caller's promise.
        pg_sys::NUMERICOID => unsafe {
            let convert = Some(super::ffi::numeric_float8_no_overflow as _);
            let number = pg_sys::DirectFunctionCall1Coll(convert, Oid::INVALID, value);
            f64::from_bits(number.value() as u64)
        },
        // SAFETY: the caller's promise: sixteen bytes, of which the first say most.
        pg_sys::UUIDOID => unsafe {
            let mut first = [0; 8];
            first.copy_from_slice(slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 8));
            u64::from_be_bytes(first) as f64
        },
        _ => bits as i64 as f64,
    }
}

/// The elements of an array, `None` for those that are NULL.
///
/// # Safety
/// `value` is an array.
pub unsafe fn elements(value: Datum) -> Vec<Option<Datum>> {
    // SAFETY: the caller's promise; the arrays that deconstruct_array makes have `count` entries.
    unsafe {
        let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let of = (*array).elemtype;
        let (mut length, mut by_value, mut align) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(of, &mut length, &mut by_value, &mut align);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            of,
            length.into(),
            by_value,
            align,
            &mut values,
            &mut nulls,
            &mut count,
        );
        (0..count as usize)
            .map(|i| (!*nulls.add(i)).then(|| *values.add(i)))
            .collect()
    }
}
