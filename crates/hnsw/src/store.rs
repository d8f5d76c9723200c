//! Where pages come from.

use crate::page::{BODY_SIZE, Body};
use crate::{Params, Result};
use std::ops::Range;

/// A file of pages that several processes may read and change at once.
///
/// Every call locks at most one page and only for its own duration. A change is atomic and
/// survives a crash as a whole or not at all; changes become durable in the order in which they
/// were made. Closures get a page's body under its lock: they compute and copy, nothing else; only the
/// mark of dead rows and the check of an index ask the table there.
pub trait PageStore {
    /// Whether an index with these parameters can be that of this file, as far as is known from
    /// elsewhere.
    fn fits(&self, _params: &Params) -> bool {
        true
    }

    /// Blocks in the file. Never shrinks while the index exists.
    fn blocks(&self) -> u32;

    /// Shows a block under a shared lock. A block beyond the end is [`crate::Error::Corrupted`].
    fn read<R>(&self, block: u32, f: impl FnOnce(&Body) -> R) -> Result<R>;

    /// Changes a block under an exclusive lock; an error from `f` leaves it as it was.
    fn write<R>(&self, block: u32, f: impl FnOnce(&mut Body) -> Result<R>) -> Result<R> {
        self.write_part(block, 0..BODY_SIZE, f)
    }

    /// As [`Self::write`], where `f` sees only the header of the body and a part of it, of whole words of 8 bytes, and
    /// changes only that part. A page that was never initialised is zero.
    fn write_part<R>(
        &self,
        block: u32,
        part: Range<usize>,
        f: impl FnOnce(&mut Body) -> Result<R>,
    ) -> Result<R>;

    /// Appends adjacent blocks, filled by `f`, which gets each block's number and says whether it
    /// wants another. A crash may leave blocks that were never initialised.
    fn extend(&self, f: impl FnMut(u32, &mut Body) -> bool) -> Result<()>;

    /// The page that this process last inserted into, if any.
    fn target(&self) -> Option<u32>;

    /// Remembers the page for [`Self::target`].
    fn set_target(&self, block: Option<u32>);

    /// A page that may have free slots, from the free space map.
    fn free_page(&self) -> Option<u32>;

    /// Tells the free space map whether a page has free slots. A hint: may be lost.
    fn set_free(&self, block: u32, free: bool);

    /// Waits until every insert has ended that may have read a page before this call.
    fn wait_for_inserts(&self);

    /// Says that `bytes` of the body of a block will be read soon, if the block is in memory.
    fn prefetch(&self, _block: u32, _bytes: Range<usize>) {}

    /// Called between page visits, with no page locked; may not return.
    fn check_interrupts(&self) {}
}
