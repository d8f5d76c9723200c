//! Memory of a build: `maintenance_work_mem`, then a mapped temporary file.
//!
//! Beyond `maintenance_work_mem` a build goes on in a temporary file that is mapped into memory, so
//! that the kernel decides what stays there. Its space is written before it is mapped, so that a
//! full disk is an error and not a signal.

use super::error::{debug, raise};
use super::temp_file::TempFile;
use hnsw::build::Arena;
use pgrx::PgSqlErrorCode;
use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

const MEGABYTE: usize = 1 << 20;
/// Allocations begin at cache lines.
const ALIGNMENT: usize = 64;

/// Where a build gets its memory.
pub struct PgArena {
    chunk_size: usize,
    /// Bytes of `maintenance_work_mem` not yet used.
    left: Cell<usize>,
    /// The mapping that allocations come from, and how much of it is used.
    current: RefCell<Option<(Arc<Mapping>, usize)>>,
    file: RefCell<Option<TempFile>>,
}

impl PgArena {
    /// An arena that keeps `memory` bytes in memory.
    pub fn new(memory: usize) -> Self {
        Self {
            chunk_size: (memory / 8).clamp(MEGABYTE, 64 * MEGABYTE),
            left: Cell::new(memory),
            current: RefCell::new(None),
            file: RefCell::default(),
        }
    }

    /// Deletes the temporary file. After an error PostgreSQL does.
    pub fn close(self) {
        if let Some(file) = self.file.into_inner() {
            file.close();
        }
    }

    fn allocate(&self, len: usize) -> Part {
        let size = len.next_multiple_of(ALIGNMENT);
        let mut current = self.current.borrow_mut();
        let (mapping, used) = match current.take() {
            Some((mapping, used)) if mapping.len - used >= size => (mapping, used),
            _ => (
                Arc::new(self.map(size.max(self.chunk_size).next_multiple_of(MEGABYTE))),
                0,
            ),
        };
        *current = Some((mapping.clone(), used + size));
        // SAFETY: `used + size` bytes are within the mapping.
        let start = unsafe { mapping.start.add(used) };
        Part {
            start,
            len,
            _mapping: mapping,
        }
    }

    fn map(&self, size: usize) -> Mapping {
        match self.left.get().checked_sub(size) {
            Some(left) => {
                self.left.set(left);
                Mapping::anonymous(size)
            }
            None => self.map_file(size),
        }
    }

    fn map_file(&self, size: usize) -> Mapping {
        let mut file = self.file.borrow_mut();
        let file = file.get_or_insert_with(|| {
            debug("hnsw graph exceeds maintenance_work_mem, using a temporary file".into());
            TempFile::new()
        });
        let zeros = vec![0u8; MEGABYTE];
        let start = file.append(&zeros);
        for _ in 1..size / MEGABYTE {
            file.append(&zeros);
        }
        Mapping::file(size, file.descriptor(), start)
    }
}

impl Arena for PgArena {
    type Bytes = Bytes;
    type Words = Words;

    fn bytes(&self, len: usize) -> hnsw::Result<Bytes> {
        Ok(Bytes(self.allocate(len)))
    }

    fn words(&self, len: usize) -> hnsw::Result<Words> {
        Ok(Words {
            part: self.allocate(4 * len),
            len,
        })
    }
}

/// A mapping of memory, unmapped when nothing uses it any more.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: nothing is read or written through it, only through its parts.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn anonymous(len: usize) -> Self {
        let mapping = Self::new(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        // SAFETY: advice about the mapping just made; that it may fail does not matter.
        unsafe { libc::madvise(mapping.start.as_ptr().cast(), len, libc::MADV_HUGEPAGE) };
        mapping
    }

    fn file(len: usize, descriptor: i32, offset: usize) -> Self {
        Self::new(len, libc::MAP_SHARED, descriptor, offset)
    }

    fn new(len: usize, flags: i32, descriptor: i32, offset: usize) -> Self {
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                descriptor,
                offset as libc::off_t,
            )
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(address) if start != libc::MAP_FAILED => Self {
                start: address,
                len,
            },
            _ => raise(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY, "out of memory"),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length, and has no parts any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A part of a mapping that belongs to one owner.
struct Part {
    start: NonNull<u8>,
    len: usize,
    _mapping: Arc<Mapping>,
}

// SAFETY: parts do not overlap, so that each has its bytes to itself.
unsafe impl Send for Part {}
// SAFETY: a shared part is only read, or used as atomic words.
unsafe impl Sync for Part {}

/// Bytes of a mapping.
pub struct Bytes(Part);

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the part is mapped and belongs to `self`.
        unsafe { slice::from_raw_parts(self.0.start.as_ptr(), self.0.len) }
    }
}

impl DerefMut for Bytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the part is mapped and belongs to `self`.
        unsafe { slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.len) }
    }
}

/// Words of a mapping.
pub struct Words {
    part: Part,
    len: usize,
}

impl Deref for Words {
    type Target = [AtomicU32];

    #[inline]
    fn deref(&self) -> &[AtomicU32] {
        // SAFETY: the part is mapped, aligned, zeroed at first, and used as atomic words only.
        unsafe { slice::from_raw_parts(self.part.start.as_ptr().cast(), self.len) }
    }
}
