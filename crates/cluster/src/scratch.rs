//! Directories for things that servers need beside their data.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::privileges::ServerUser;

/// A new directory that belongs to the user as whom servers run. It is gone when the value is
/// dropped, and when the process that made it is killed.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    guardian: Guardian,
}

impl Scratch {
    /// Makes the directory.
    pub fn new() -> Result<Self> {
        let directory = ServerUser::choose()?.directory()?;
        let guardian = Guardian::start(directory.path(), &directory.path().join("data"))?;
        Ok(Self {
            directory,
            guardian,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.guardian.dismiss();
    }
}
