//! Where pages of indexes were in shared buffers when this backend read them last.
//!
//! To find a page, PostgreSQL looks it up in a hash table that all backends share: several cache
//! misses, under a lock. Searches visit the same pages again and again, and pages seldom move, so
//! that the place of last time is nearly always right. It is only a hint: PostgreSQL compares what
//! is there with what was asked for before it pins the buffer.

use super::buffer::HEADER_SIZE;
use super::relation::Relation;
use pgrx::pg_sys::{self, Buffer};
use std::cell::Cell;
use std::ops::Range;

/// Most pages that a backend remembers; each takes 4 bytes.
const MOST_PAGES: usize = 1 << 18;
/// A pin by such a hint does not count as a use of the buffer, by which PostgreSQL chooses what to
/// evict. So one in this many goes the long way.
const UNHINTED: u32 = 32;

thread_local! {
    static TABLE: Cell<Option<&'static [Cell<Buffer>]>> = const { Cell::new(None) };
    /// Hints given.
    static GIVEN: Cell<u32> = const { Cell::new(0) };
}

/// The remembered pages of one relation.
pub struct Recent {
    relation: Relation,
    /// Buffers by file and block, 0 where nothing is known; shared by all relations.
    table: &'static [Cell<Buffer>],
    /// Where block 0 has its place.
    first: u32,
}

impl Recent {
    /// Those of `relation`.
    pub fn of(relation: Relation) -> Self {
        let table = match TABLE.get() {
            // Pages of a temporary relation are in the session's own memory.
            _ if relation.is_temporary() => &[],
            Some(table) => table,
            None => {
                // SAFETY: set before any backend starts.
                let buffers = unsafe { pg_sys::NBuffers } as usize;
                let size = buffers.next_power_of_two().min(MOST_PAGES);
                let table: &[Cell<Buffer>] = Box::leak(vec![Cell::new(0); size].into());
                TABLE.set(Some(table));
                table
            }
        };
        Self {
            relation,
            table,
            first: relation.file_number().wrapping_mul(0x9E37_79B1),
        }
    }

    #[inline]
    fn place(&self, block: u32) -> Option<&'static Cell<Buffer>> {
        let at = self.first.wrapping_add(block) as usize;
        self.table.get(at & self.table.len().wrapping_sub(1))
    }

    /// Pins a block of the main fork, if it is where it was.
    #[inline]
    pub fn pin(&self, block: u32) -> Option<Buffer> {
        let buffer = self.place(block)?.get();
        if buffer == 0 {
            return None;
        }
        let given = GIVEN.get().wrapping_add(1);
        GIVEN.set(given);
        let pinned = !given.is_multiple_of(UNHINTED) && self.relation.pin_recent(block, buffer);
        pinned.then_some(buffer)
    }

    /// Remembers where a block is.
    #[inline]
    pub fn note(&self, block: u32, buffer: Buffer) {
        if let Some(place) = self.place(block) {
            place.set(buffer);
        }
    }

    /// Fetches a part of a block's body into the processor's cache, if the block is where it was.
    #[inline]
    pub fn prefetch(&self, block: u32, part: Range<usize>) {
        let Some(buffer) = self.place(block).map(Cell::get).filter(|&b| b != 0) else {
            return;
        };
        let at = buffer as usize - 1;
        // SAFETY: buffers and their descriptors are two arrays that stay where they are; only
        // addresses are computed.
        let (descriptor, page) = unsafe {
            let pages = pg_sys::BufferBlocks.cast::<u8>();
            (
                pg_sys::BufferDescriptors.wrapping_add(at).cast::<u8>(),
                pages.wrapping_add(at * pg_sys::BLCKSZ as usize),
            )
        };
        distance::prefetch(descriptor, 1);
        distance::prefetch(page, 1);
        distance::prefetch(page.wrapping_add(HEADER_SIZE + part.start), part.len());
    }
}
