//! Temporary files.
//!
//! PostgreSQL makes and deletes them, also after an error, and counts them for `temp_file_limit`.
//! Only the backend's own thread may use them.

use super::error::raise;
use super::interrupts;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys;

/// A file that grows at its end.
pub struct TempFile {
    file: pg_sys::File,
    size: usize,
}

#[allow(clippy::unnecessary_cast, reason = "types differ between versions")]
impl TempFile {
    /// An empty file.
    pub fn new() -> Self {
        // SAFETY: called by the backend's own thread, within a transaction.
        let file = unsafe {
            // Without it, files are not where `temp_tablespaces` says.
            pg_sys::PrepareTempTablespaces();
            pg_sys::OpenTemporaryFile(false)
        };
        Self { file, size: 0 }
    }

    /// Adds bytes; returns where they begin.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        interrupts::check();
        let start = self.size;
        // SAFETY: the file is open, the buffer as long as said.
        let written = unsafe {
            pg_sys::FileWrite(
                self.file,
                bytes.as_ptr().cast_mut().cast(),
                bytes.len() as _,
                start as pg_sys::off_t,
                pg_sys::WaitEventIO::WAIT_EVENT_BUFFILE_WRITE as u32,
            )
        } as isize;
        if written != bytes.len() as isize {
            raise(
                PgSqlErrorCode::ERRCODE_DISK_FULL,
                "could not write to the temporary file of an index build",
            );
        }
        self.size += bytes.len();
        start
    }

    /// So many bytes from `start` on.
    pub fn read(&self, start: usize, len: usize) -> Vec<u8> {
        interrupts::check();
        let mut bytes = vec![0u8; len];
        // SAFETY: the file is open, the buffer as long as said.
        let read = unsafe {
            pg_sys::FileRead(
                self.file,
                bytes.as_mut_ptr().cast(),
                len as _,
                start as pg_sys::off_t,
                pg_sys::WaitEventIO::WAIT_EVENT_BUFFILE_READ as u32,
            )
        } as isize;
        if read != len as isize {
            raise(
                PgSqlErrorCode::ERRCODE_IO_ERROR,
                "could not read from the temporary file of an index build",
            );
        }
        bytes
    }

    /// The file's descriptor, to be used before anything else opens files.
    pub fn descriptor(&self) -> i32 {
        // SAFETY: the file is open.
        unsafe { pg_sys::FileGetRawDesc(self.file) }
    }

    /// Deletes the file.
    pub fn close(self) {
        // SAFETY: the file is open.
        unsafe { pg_sys::FileClose(self.file) }
    }
}
