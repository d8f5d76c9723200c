//! What can be searched: an extension in the server, or a library in a process of its own.

use anyhow::Result;

use crate::dataset::Dataset;

/// The answers to all queries.
pub struct Found {
    /// The ids that each found, nearest first.
    pub ids: Vec<Vec<i32>>,
    /// Mean time of a query, in milliseconds.
    pub millis: f64,
}

/// An arm of the comparison that has an index of a data set.
pub trait Searcher {
    /// What the results call it.
    fn name(&self) -> &str;

    /// Whether it can be asked. One that is not essential may fail once and never again.
    fn works(&self) -> bool {
        true
    }

    /// The smallest beam for `k` neighbours; a smaller one would be taken for this.
    fn smallest(&self, _k: usize) -> u32 {
        1
    }

    /// Finds `k` neighbours of every query with a beam of `ef`.
    fn search(&mut self, dataset: &Dataset, k: usize, ef: u32) -> Result<Found>;
}
