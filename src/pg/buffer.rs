//! Pages in shared buffers: pinning, locking, the header of a page.
//!
//! The body of a page is all that stands behind the page header. What is zero at its end is the
//! page's hole (`pd_lower` to `pd_upper`), which WAL leaves out of full-page images.

use super::ffi;
use super::recent::Recent;
use super::relation::{Fork, Relation};
use super::wal::{self, Delta, Record};
use hnsw::page::{BODY_SIZE, Body, HEADER_SIZE as BODY_HEADER};
use pgrx::pg_sys::{self, Buffer, BufferAccessStrategy, Page, PageHeaderData};
use std::mem::offset_of;
use std::ops::Range;

pub(super) const HEADER_SIZE: usize = offset_of!(PageHeaderData, pd_linp);
const _: () = assert!(HEADER_SIZE + BODY_SIZE == pg_sys::BLCKSZ as usize);
const _: () = assert!(HEADER_SIZE.is_multiple_of(align_of::<Body>()));
// What says where the hole is stands together.
const _: () =
    assert!(offset_of!(PageHeaderData, pd_special) == offset_of!(PageHeaderData, pd_lower) + 4);

/// Asks for a new block at the end.
const NEW: pg_sys::BlockNumber = pg_sys::InvalidBlockNumber;

/// How to lock a buffer.
#[derive(Clone, Copy)]
pub enum Lock {
    /// To read.
    Share = pg_sys::BUFFER_LOCK_SHARE as isize,
    /// To write.
    Exclusive = pg_sys::BUFFER_LOCK_EXCLUSIVE as isize,
}

/// Adds blocks with these bodies at the end, without WAL; returns the number of the first. No
/// other backend may do so at the same time.
pub fn append_unlogged(relation: Relation, fork: Fork, bodies: &[Body]) -> u32 {
    let mut first = None;
    let mut bodies = bodies.iter();
    while bodies.len() > 0 {
        let buffers = pin_new(relation, fork, bodies.len());
        for (buffer, body) in buffers.into_iter().zip(&mut bodies) {
            // SAFETY: the buffer is pinned.
            unsafe { ffi::LockBuffer(buffer, Lock::Exclusive as i32) };
            let buffer = Locked(buffer);
            first.get_or_insert_with(|| buffer.block());
            buffer.fill_unlogged(body);
            buffer.release();
        }
    }
    first.unwrap_or_default()
}

/// Pins new blocks at the end: one at least, so many at most.
#[cfg(feature = "pg15")]
fn pin_new(relation: Relation, fork: Fork, _: usize) -> Vec<Buffer> {
    let (fork, mode) = (fork as _, pg_sys::ReadBufferMode::RBM_NORMAL);
    // SAFETY: the relation is open.
    vec![unsafe {
        pg_sys::ReadBufferExtended(relation.as_ptr(), fork, NEW, mode, std::ptr::null_mut())
    }]
}

/// Pins new blocks at the end: one at least, so many at most. The file grows by all of them at
/// once, which spares writing zeros.
#[cfg(not(feature = "pg15"))]
fn pin_new(relation: Relation, fork: Fork, most: usize) -> Vec<Buffer> {
    let mut buffers = vec![pg_sys::InvalidBuffer as Buffer; most];
    let mut count = 0;
    // SAFETY: the relation is open, and there is room for as many buffers as are asked for.
    unsafe {
        pg_sys::ExtendBufferedRelBy(
            pg_sys::BufferManagerRelation {
                rel: relation.as_ptr(),
                ..Default::default()
            },
            fork as _,
            std::ptr::null_mut(),
            0,
            most as u32,
            buffers.as_mut_ptr(),
            &mut count,
        );
    }
    buffers.truncate(count as usize);
    buffers
}

/// A pinned and locked buffer. Without a destructor: after an error PostgreSQL releases it.
#[must_use]
pub struct Locked(Buffer);

impl Locked {
    /// Pins and locks a block of the main fork, which must exist; `strategy` says which buffer it may take if it is
    /// in none.
    #[inline]
    pub fn read(
        relation: Relation,
        recent: &Recent,
        block: u32,
        lock: Lock,
        strategy: BufferAccessStrategy,
    ) -> Self {
        let buffer = recent.pin(block).unwrap_or_else(|| {
            // SAFETY: the relation is open, and the strategy none or one that still is.
            let buffer = unsafe {
                pg_sys::ReadBufferExtended(
                    relation.as_ptr(),
                    pg_sys::ForkNumber::MAIN_FORKNUM,
                    block,
                    pg_sys::ReadBufferMode::RBM_NORMAL,
                    strategy,
                )
            };
            recent.note(block, buffer);
            buffer
        });
        // SAFETY: the buffer is pinned.
        unsafe { ffi::LockBuffer(buffer, lock as i32) };
        Self(buffer)
    }

    /// Adds a block at the end, pinned and locked. No other backend may do so at the same time.
    pub fn extend(relation: Relation, fork: Fork) -> Self {
        // SAFETY: the relation is open.
        Self(unsafe {
            pg_sys::ReadBufferExtended(
                relation.as_ptr(),
                fork as pg_sys::ForkNumber::Type,
                NEW,
                pg_sys::ReadBufferMode::RBM_ZERO_AND_LOCK,
                std::ptr::null_mut(),
            )
        })
    }

    /// The number of the block.
    pub fn block(&self) -> u32 {
        // SAFETY: the buffer is pinned.
        unsafe { pg_sys::BufferGetBlockNumber(self.0) }
    }

    #[inline]
    fn page(&self) -> Page {
        // SAFETY: the buffer is pinned.
        unsafe { pg_sys::BufferGetPage(self.0) }
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> &Body {
        // SAFETY: the buffer stays pinned and locked as long as `self` is borrowed, so that nobody
        // writes to its body; buffers are aligned to 8 bytes at least.
        unsafe { &*body_of(self.page()) }
    }

    fn header(&self) -> &PageHeaderData {
        // SAFETY: the buffer is pinned and locked; a page begins with its header.
        unsafe { &*self.page().cast() }
    }

    /// Whether the page was never initialised.
    fn is_new(&self) -> bool {
        self.header().pd_upper == 0
    }

    /// What is wrong with the page header, which says where the body's hole is.
    pub fn header_problem(&self) -> Option<&'static str> {
        let header = self.header();
        let end = pg_sys::BLCKSZ as u16;
        if self.is_new() {
            None
        } else if header.pd_upper != end || header.pd_special != end {
            Some("page has line pointers or special space")
        } else if usize::from(header.pd_lower) < HEADER_SIZE + all_data(self.body()) {
            Some("page has data in its hole")
        } else {
            None
        }
    }

    /// Fills a new page without WAL.
    fn fill_unlogged(&self, body: &Body) {
        // SAFETY: the buffer is locked exclusively, and `body` is not in it.
        unsafe {
            let page = self.page();
            pg_sys::PageInit(page, pg_sys::BLCKSZ as usize, 0);
            *body_of(page) = *body;
            (*page.cast::<PageHeaderData>()).pd_lower = (HEADER_SIZE + all_data(body)) as u16;
            pg_sys::MarkBufferDirty(self.0);
        }
    }

    /// Changes the page with one WAL record, or leaves it as it was if `f` fails. Nothing is logged
    /// if nothing changes. The buffer must be locked exclusively. `f` changes only `part` of the body, and sees
    /// only that and its header, if the page was initialised.
    pub fn change<R>(
        &self,
        relation: Relation,
        part: Range<usize>,
        f: impl FnOnce(&mut Body) -> hnsw::Result<R>,
    ) -> hnsw::Result<R> {
        let new = self.is_new();
        let part = if new { 0..BODY_SIZE } else { part };
        let mut body = Body::ZERO;
        if !new {
            for seen in [0..BODY_HEADER, part.clone()] {
                body.bytes_mut()[seen.clone()].copy_from_slice(&self.body().bytes()[seen]);
            }
        }
        let result = f(&mut body)?;
        let before = self.body();
        let data = end_of_data(before, part.end..BODY_SIZE)
            .or_else(|| end_of_data(&body, part.clone()))
            .or_else(|| end_of_data(before, 0..part.start))
            .unwrap_or_default();
        let end = pg_sys::BLCKSZ as u16;
        let hole = [(HEADER_SIZE + data) as u16, end, end];
        let mut delta = Delta::default();
        if !new {
            for range in body.differences(before, part.start..part.end.min(data)) {
                delta.push(HEADER_SIZE + range.start, &body.bytes()[range]);
            }
            let header = self.header();
            // Replay trusts these: they become right, whatever they were.
            if hole != [header.pd_lower, header.pd_upper, header.pd_special] {
                let start = offset_of!(PageHeaderData, pd_lower);
                delta.push(start, bytemuck::bytes_of(&hole));
            }
            if delta.is_empty() {
                return Ok(result);
            }
        }
        let record = match relation.needs_wal() {
            false => Record::Nothing,
            true if new => Record::Image,
            true => Record::Delta(&delta),
        };
        // SAFETY: the buffer is pinned and locked exclusively; a page is header and body, and what is
        // in its hole is zero: behind `data` there is nothing else.
        unsafe {
            wal::change(self.0, record, |page| {
                if new {
                    pg_sys::PageInit(page, pg_sys::BLCKSZ as usize, 0);
                }
                let bytes = (*body_of(page)).bytes_mut();
                bytes[part.clone()].copy_from_slice(&body.bytes()[part]);
                let header = &mut *page.cast::<PageHeaderData>();
                [header.pd_lower, header.pd_upper, header.pd_special] = hole;
            });
        }
        Ok(result)
    }

    /// Unlocks and unpins the buffer.
    #[inline]
    pub fn release(self) {
        // SAFETY: the buffer is pinned and locked.
        unsafe { ffi::UnlockReleaseBuffer(self.0) }
    }
}

/// # Safety
/// `page` points to a page.
#[inline]
unsafe fn body_of(page: Page) -> *mut Body {
    // SAFETY: a page is header and body.
    unsafe { page.cast::<u8>().add(HEADER_SIZE).cast() }
}

/// Where in a body the last word ends that is not zero.
fn all_data(body: &Body) -> usize {
    end_of_data(body, 0..BODY_SIZE).unwrap_or_default()
}

/// Where in a part of a body the last word ends that is not zero, if there is one. Parts begin and end with words
/// of eight bytes.
fn end_of_data(body: &Body, part: Range<usize>) -> Option<usize> {
    let words: &[u64] = bytemuck::cast_slice(&body.bytes()[part.clone()]);
    let last = words.iter().rposition(|&word| word != 0)?;
    Some(part.start + 8 * (last + 1))
}
