//! Why some bytes are no value of a type: class and text of each error, in one place.

use crate::Kind;

/// A value, or why there is none.
pub type Result<T> = std::result::Result<T, Error>;

/// Why some bytes are no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of error it is.
    pub class: Class,
    /// The message.
    pub message: String,
    /// More about it.
    pub detail: Option<&'static str>,
}

/// Kinds of errors: the SQLSTATEs that PostgreSQL has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `invalid_text_representation`
    InvalidText,
    /// `numeric_value_out_of_range`
    OutOfRange,
    /// `data_exception`
    Data,
    /// `program_limit_exceeded`
    Limit,
    /// `protocol_violation`
    Protocol,
}

impl Error {
    #[cold]
    fn new(class: Class, message: String) -> Self {
        Self {
            class,
            message,
            detail: None,
        }
    }

    #[cold]
    fn data(message: String) -> Self {
        Self::new(Class::Data, message)
    }

    /// The text is no value of the type.
    pub fn invalid_syntax<K: Kind>(text: &[u8], detail: Option<&'static str>) -> Self {
        let text = String::from_utf8_lossy(text);
        let message = format!("invalid input syntax for type {}: \"{text}\"", K::NAME);
        Self {
            detail,
            ..Self::new(Class::InvalidText, message)
        }
    }

    /// A number, as the text has it, is outside of the range of the type.
    pub fn number_out_of_range<K: Kind>(number: &[u8]) -> Self {
        let number = String::from_utf8_lossy(number);
        let message = format!("\"{number}\" is out of range for type {}", K::NAME);
        Self::new(Class::OutOfRange, message)
    }

    /// A value without elements.
    pub fn no_dimensions<K: Kind>() -> Self {
        Self::data(format!("{} must have at least 1 dimension", K::NAME))
    }

    /// A value with more elements than the type allows.
    pub fn too_many_dimensions<K: Kind>() -> Self {
        let (name, limit) = (K::NAME, K::MAX_DIMENSIONS);
        Self::new(
            Class::Limit,
            format!("{name} cannot have more than {limit} dimensions"),
        )
    }

    /// The value does not fit the type modifier, or the state of an aggregate.
    pub fn unexpected_dimensions(expected: i64, actual: i64) -> Self {
        Self::data(format!("expected {expected} dimensions, not {actual}"))
    }

    /// An element is not a number.
    pub fn nan_not_allowed<K: Kind>() -> Self {
        Self::data(format!("NaN not allowed in {}", K::NAME))
    }

    /// An element is infinite.
    pub fn infinity_not_allowed<K: Kind>() -> Self {
        Self::data(format!("infinite value not allowed in {}", K::NAME))
    }

    /// The binary value ends before its last element. The text is PostgreSQL's.
    pub fn too_short() -> Self {
        let message = "insufficient data left in message".to_owned();
        Self::new(Class::Protocol, message)
    }

    /// The reserved field of the binary format is not zero.
    pub fn unused_not_zero(unused: i64) -> Self {
        Self::data(format!("expected unused to be 0, not {unused}"))
    }

    /// A sparse value with more elements than the type allows.
    pub fn too_many_elements<K: Kind>(limit: usize) -> Self {
        let name = K::NAME;
        Self::new(
            Class::Limit,
            format!("{name} cannot have more than {limit} non-zero elements"),
        )
    }

    /// A sparse value with more elements than dimensions.
    pub fn more_elements_than_dimensions<K: Kind>() -> Self {
        let name = K::NAME;
        Self::new(
            Class::Limit,
            format!("{name} cannot have more elements than dimensions"),
        )
    }

    /// A number of elements below zero.
    pub fn negative_elements<K: Kind>() -> Self {
        Self::data(format!(
            "{} cannot have negative number of elements",
            K::NAME
        ))
    }

    /// An element outside of the dimensions.
    pub fn index_out_of_bounds<K: Kind>() -> Self {
        Self::data(format!("{} index out of bounds", K::NAME))
    }

    /// Elements of a binary value in wrong order.
    pub fn indices_not_ascending<K: Kind>() -> Self {
        Self::data(format!("{} indices must be in ascending order", K::NAME))
    }

    /// Two elements with the same index.
    pub fn duplicate_indices<K: Kind>() -> Self {
        Self::data(format!("{} indices must not contain duplicates", K::NAME))
    }

    /// A binary value that stores a zero.
    pub fn zero_stored<K: Kind>() -> Self {
        let name = K::NAME;
        Self::data(format!(
            "binary representation of {name} cannot contain zero values"
        ))
    }
}
