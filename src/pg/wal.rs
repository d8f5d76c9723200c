//! Changes of one page with a WAL record that PostgreSQL calls generic, and replays itself.
//!
//! `GenericXLogFinish` copies the page twice and compares it with what it was byte by byte, several
//! times what the change itself takes. Here the record is written from the ranges that differ. Its data is
//! what `generic_redo` takes in all versions: for each range the offset in the page and the length, two
//! bytes each, and the new bytes. Replay then fills what is between `pd_lower` and `pd_upper` with
//! zeros.

use super::ffi;
use pgrx::pg_sys::{self, Buffer, Page, PageHeaderData, PageXLogRecPtr};

/// What is logged of a change.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    /// Nothing: the relation needs no WAL.
    Nothing,
    /// The whole page but its hole.
    Image,
    /// What differs from the page as it was.
    Delta(&'a Delta),
}

/// The new bytes of a page where it changed.
#[derive(Default)]
pub struct Delta(Vec<u8>);

impl Delta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range that begins at `offset`.
    pub fn push(&mut self, offset: usize, bytes: &[u8]) {
        for number in [offset, bytes.len()] {
            self.0.extend_from_slice(&(number as u16).to_ne_bytes());
        }
        self.0.extend_from_slice(bytes);
    }
}

/// Changes a page as `apply` says, and logs it.
///
/// # Safety
/// The buffer is pinned and locked exclusively. `apply` leaves a page that has nothing in its hole, changes
/// what the record says, and can neither fail nor allocate.
pub unsafe fn change(buffer: Buffer, record: Record, apply: impl FnOnce(Page)) {
    // SAFETY: the caller's promise. Whatever fails between the first change and the record's end
    // is a PANIC, as in all of PostgreSQL: nothing unwinds from here.
    unsafe {
        let page = pg_sys::BufferGetPage(buffer);
        pg_sys::CritSectionCount += 1;
        apply(page);
        ffi::MarkBufferDirty(buffer);
        if !matches!(record, Record::Nothing) {
            ffi::XLogBeginInsert();
        }
        match record {
            Record::Nothing => {}
            Record::Image => {
                let flags = pg_sys::REGBUF_FORCE_IMAGE | pg_sys::REGBUF_STANDARD;
                ffi::XLogRegisterBuffer(0, buffer, flags as u8);
                finish(page);
            }
            Record::Delta(Delta(bytes)) => {
                ffi::XLogRegisterBuffer(0, buffer, pg_sys::REGBUF_STANDARD as u8);
                ffi::XLogRegisterBufData(0, bytes.as_ptr().cast(), bytes.len() as u32);
                finish(page);
            }
        }
        pg_sys::CritSectionCount -= 1;
    }
}

/// Writes the record of what was registered, and notes in the page where it is.
///
/// # Safety
/// A record was begun for the page.
unsafe fn finish(page: Page) {
    // SAFETY: the caller's promise; a page begins with its header.
    unsafe {
        let lsn = ffi::XLogInsert(pg_sys::RmgrIds::RM_GENERIC_ID as u8, 0);
        (*page.cast::<PageHeaderData>()).pd_lsn = PageXLogRecPtr {
            xlogid: (lsn >> 32) as u32,
            xrecoff: lsn as u32,
        };
    }
}
