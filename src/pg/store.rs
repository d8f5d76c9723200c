//! The page store of an index: its main fork in shared buffers, changed through generic WAL.

use super::buffer::{Lock, Locked};
use super::interrupts;
use super::key::KeyColumn;
use super::recent::Recent;
use super::relation::{Fork, PageLock, Relation};
use hnsw::page::{BODY_SIZE, Body, Meta};
use hnsw::store::PageStore;
use hnsw::{Error, Params, Result};
use pgrx::pg_sys::BufferAccessStrategy;
use std::cell::Cell;
use std::ops::Range;

/// The page whose heavyweight lock inserts hold, shared; vacuum waits for them by taking it alone.
pub const INSERT_LOCK: u32 = Meta::BLOCK;

/// Pages of an open index.
pub struct PgStore {
    index: Relation,
    recent: Recent,
    /// Blocks that exist for certain.
    blocks: Cell<u32>,
    in_vacuum: bool,
    /// Which buffers it takes; null for any.
    strategy: BufferAccessStrategy,
}

impl PgStore {
    /// The pages of `index`.
    pub fn new(index: Relation) -> Self {
        Self {
            index,
            recent: Recent::of(index),
            blocks: Cell::new(0),
            in_vacuum: false,
            strategy: std::ptr::null_mut(),
        }
    }

    /// The same for vacuum, which sleeps between pages as its cost limit wants it.
    pub fn for_vacuum(index: Relation) -> Self {
        Self {
            in_vacuum: true,
            ..Self::new(index)
        }
    }

    /// The same for what reads all pages once: with a strategy for that it leaves what is cached alone.
    ///
    /// # Safety
    /// The strategy must stay as long as the store.
    pub unsafe fn for_counting(index: Relation, strategy: BufferAccessStrategy) -> Self {
        Self {
            strategy,
            ..Self::for_vacuum(index)
        }
    }

    /// What is wrong with the header of a page that exists.
    pub fn header_problem(&self, block: u32) -> Option<&'static str> {
        let buffer = self.locked(block, Lock::Share);
        let problem = buffer.header_problem();
        buffer.release();
        problem
    }

    #[inline]
    fn lock(&self, block: u32, lock: Lock) -> Result<Locked> {
        if block >= self.blocks.get() && block >= self.blocks() {
            let what = "block is beyond the end of the index";
            return Err(Error::Corrupted { block, what });
        }
        Ok(self.locked(block, lock))
    }

    #[inline]
    fn locked(&self, block: u32, lock: Lock) -> Locked {
        Locked::read(self.index, &self.recent, block, lock, self.strategy)
    }
}

impl PageStore for PgStore {
    fn fits(&self, params: &Params) -> bool {
        let keys = params.keys;
        let (_, typmod) = self.index.first_column();
        // A column may have lost its number of dimensions without a new index.
        (typmod < 1 || typmod as u32 == params.dims)
            && usize::from(keys.columns) == self.index.columns() - 1
            && usize::from(keys.width) == KeyColumn::key_width(self.index)
    }

    fn blocks(&self) -> u32 {
        self.blocks.set(self.index.blocks(Fork::Main));
        self.blocks.get()
    }

    #[inline]
    fn read<R>(&self, block: u32, f: impl FnOnce(&Body) -> R) -> Result<R> {
        #[cfg(feature = "waits")]
        super::waits::before_read();
        let buffer = self.lock(block, Lock::Share)?;
        let result = f(buffer.body());
        buffer.release();
        Ok(result)
    }

    fn write_part<R>(
        &self,
        block: u32,
        part: Range<usize>,
        f: impl FnOnce(&mut Body) -> Result<R>,
    ) -> Result<R> {
        #[cfg(feature = "waits")]
        super::waits::before_change();
        let buffer = self.lock(block, Lock::Exclusive)?;
        let result = buffer.change(self.index, part, f);
        buffer.release();
        result
    }

    fn extend(&self, mut f: impl FnMut(u32, &mut Body) -> bool) -> Result<()> {
        #[cfg(feature = "waits")]
        super::waits::before_change();
        // The lock keeps the blocks adjacent.
        self.index.lock_extension();
        let mut more = true;
        while more {
            let buffer = Locked::extend(self.index, Fork::Main);
            let block = buffer.block();
            more = buffer.change(self.index, 0..BODY_SIZE, |body| Ok(f(block, body)))?;
            buffer.release();
        }
        self.index.unlock_extension();
        Ok(())
    }

    fn target(&self) -> Option<u32> {
        self.index.target_block()
    }

    fn set_target(&self, block: Option<u32>) {
        self.index.set_target_block(block);
    }

    fn free_page(&self) -> Option<u32> {
        self.index.block_with_space()
    }

    fn set_free(&self, block: u32, free: bool) {
        self.index.record_space(block, free);
    }

    fn wait_for_inserts(&self) {
        self.index.lock_page(INSERT_LOCK, PageLock::Exclusive);
        self.index.unlock_page(INSERT_LOCK, PageLock::Exclusive);
    }

    #[inline]
    fn prefetch(&self, block: u32, bytes: Range<usize>) {
        self.recent.prefetch(block, bytes);
    }

    #[inline]
    fn check_interrupts(&self) {
        if self.in_vacuum {
            interrupts::vacuum_delay();
        } else {
            interrupts::check();
        }
    }
}
