//! What can go wrong in an index, as values.

use std::fmt;

/// Result of an operation on an index.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation on an index that could not be finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A page holds something that no correct writer leaves there. The index must be rebuilt.
    Corrupted {
        /// The block that was read.
        block: u32,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The index has as many pages as its node ids can address.
    Full,
    /// The format on the pages is of a later version than this library knows.
    Version(u16),
    /// The page store could not do what was asked; the text is the store's.
    Store(String),
    /// The caller asked for the work to stop.
    Stopped,
}

impl Error {
    pub(crate) fn corrupted(block: u32, what: &'static str) -> Self {
        Error::Corrupted { block, what }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Corrupted { block, what } => write!(f, "block {block} is corrupted: {what}"),
            Error::Full => write!(f, "index has reached its maximum size"),
            Error::Version(v) => write!(f, "index has format version {v}"),
            Error::Store(s) => f.write_str(s),
            Error::Stopped => write!(f, "stopped"),
        }
    }
}

impl std::error::Error for Error {}
