//! Vectors that a build does without until it writes pages, in a temporary file.
//!
//! The graph is built with int8 copies. Wider vectors are written as workers encode them, and read again in
//! the order of the pages, one block of the graph after the other.

use crate::pg::temp_file::TempFile;
use hnsw::build::{Aside, Vectors};
use std::ops::Range;

/// What was set aside.
#[derive(Default)]
pub struct Store {
    file: Option<TempFile>,
    /// By block of the graph: where its vectors are in the file.
    places: Vec<Range<usize>>,
    /// Blocks that were read last.
    recent: Vectors,
}

impl Store {
    /// Keeps the vectors of a block.
    pub fn keep(&mut self, aside: Aside) {
        if aside.vectors.is_empty() {
            return;
        }
        let file = self.file.get_or_insert_with(TempFile::new);
        let start = file.append(&aside.vectors);
        if self.places.len() <= aside.block {
            self.places.resize(aside.block + 1, 0..0);
        }
        self.places[aside.block] = start..start + aside.vectors.len();
    }

    /// The vectors of these blocks. Those before them are not asked for again.
    pub fn of(&mut self, blocks: Range<usize>) -> Vectors {
        self.recent.forget_before(blocks.start);
        for block in blocks {
            if let (Some(file), Some(place)) = (&self.file, self.places.get(block))
                && !self.recent.contains(block)
            {
                let vectors = file.read(place.start, place.len());
                self.recent.insert(block, vectors);
            }
        }
        self.recent.clone()
    }

    /// Deletes the file.
    pub fn close(self) {
        if let Some(file) = self.file {
            file.close();
        }
    }
}
