//! A page store in memory, for tests: it can refuse the n-th write or read, and let something else happen
//! before a visit to a page.

use crate::page::{Body, HEADER_SIZE};
use crate::store::PageStore;
use crate::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

/// Pages in a vector. One thread; writes may be made to fail from a countdown on.
#[derive(Default)]
pub struct MemoryStore {
    pages: RefCell<Vec<Body>>,
    free: RefCell<BTreeSet<u32>>,
    target: Cell<Option<u32>>,
    writes_left: Cell<Option<u64>>,
    reads: Cell<u64>,
    most_reads: Cell<Option<u64>>,
    visits_left: Cell<u64>,
    other: RefCell<Option<Other>>,
}

/// What another process does between two visits.
type Other = Box<dyn FnOnce(&MemoryStore)>;

impl MemoryStore {
    /// A store without pages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `count` more changes succeed and refuses those after; `None` lets all succeed.
    pub fn fail_after(&self, count: Option<u64>) {
        self.writes_left.set(count);
    }

    /// Pages read since the store was made.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// Refuses to read once `count` pages have been read since the store was made.
    pub fn limit_reads(&self, count: Option<u64>) {
        self.most_reads.set(count);
    }

    /// Calls `other` before the visit to a page that comes after `visits` more.
    pub fn interrupt(&self, visits: u64, other: impl FnOnce(&Self) + 'static) {
        self.visits_left.set(visits);
        *self.other.borrow_mut() = Some(Box::new(other));
    }

    /// Forgets what was to be called; whether it was not called yet.
    pub fn calm(&self) -> bool {
        self.other.take().is_some()
    }

    fn visit(&self) {
        match self.visits_left.get() {
            0 => {
                let other = self.other.take();
                if let Some(other) = other {
                    other(self);
                }
            }
            n => self.visits_left.set(n - 1),
        }
    }

    /// Overwrites a page unchecked, as corruption would.
    pub fn corrupt(&self, block: u32, f: impl FnOnce(&mut Body)) {
        f(&mut self.pages.borrow_mut()[block as usize]);
    }

    /// Forgets all hints, as a crash does.
    pub fn forget_hints(&self) {
        self.free.borrow_mut().clear();
        self.target.set(None);
    }

    /// Replaces all pages.
    pub fn set_pages(&self, pages: Vec<Body>) {
        *self.pages.borrow_mut() = pages;
    }

    fn take_write(&self) -> Result<()> {
        match self.writes_left.get() {
            Some(0) => Err(Error::Store("write refused".into())),
            Some(n) => {
                self.writes_left.set(Some(n - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn copy_parts<const N: usize>(from: &Body, to: &mut Body, parts: [Range<usize>; N]) {
    for part in parts {
        to.bytes_mut()[part.clone()].copy_from_slice(&from.bytes()[part]);
    }
}

impl PageStore for MemoryStore {
    fn blocks(&self) -> u32 {
        self.pages.borrow().len() as u32
    }

    fn read<R>(&self, block: u32, f: impl FnOnce(&Body) -> R) -> Result<R> {
        self.visit();
        self.reads.set(self.reads.get() + 1);
        if self
            .most_reads
            .get()
            .is_some_and(|most| self.reads.get() > most)
        {
            return Err(Error::Store("read refused".into()));
        }
        let pages = self.pages.borrow();
        let body = pages.get(block as usize);
        Ok(f(body.ok_or(Error::corrupted(
            block,
            "block is beyond the end of the index",
        ))?))
    }

    fn write_part<R>(
        &self,
        block: u32,
        part: Range<usize>,
        f: impl FnOnce(&mut Body) -> Result<R>,
    ) -> Result<R> {
        self.visit();
        let mut pages = self.pages.borrow_mut();
        let body = pages.get_mut(block as usize).ok_or(Error::corrupted(
            block,
            "block is beyond the end of the index",
        ))?;
        let mut copy = Body::ZERO;
        copy_parts(body, &mut copy, [0..HEADER_SIZE, part.clone()]);
        let before = cfg!(debug_assertions).then_some(copy);
        let result = f(&mut copy)?;
        self.take_write()?;
        copy_parts(&copy, body, [part.clone()]);
        if let Some(mut expected) = before {
            copy_parts(&copy, &mut expected, [part]);
            let bytes = (expected.bytes(), copy.bytes());
            assert!(bytes.0 == bytes.1, "more is changed than was said");
        }
        Ok(result)
    }

    fn extend(&self, mut f: impl FnMut(u32, &mut Body) -> bool) -> Result<()> {
        self.visit();
        let mut pages = self.pages.borrow_mut();
        let mut more = true;
        while more {
            let mut body = Body::ZERO;
            if self.take_write().is_err() {
                pages.push(body);
                return Err(Error::Store("write refused".into()));
            }
            more = f(pages.len() as u32, &mut body);
            pages.push(body);
        }
        Ok(())
    }

    fn target(&self) -> Option<u32> {
        self.target.get()
    }

    fn set_target(&self, block: Option<u32>) {
        self.target.set(block);
    }

    fn free_page(&self) -> Option<u32> {
        self.free.borrow().first().copied()
    }

    fn set_free(&self, block: u32, free: bool) {
        match free {
            true => self.free.borrow_mut().insert(block),
            false => self.free.borrow_mut().remove(&block),
        };
    }

    fn wait_for_inserts(&self) {}
}
