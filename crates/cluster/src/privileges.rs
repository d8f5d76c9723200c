//! Which user the server runs as, and where that user can work.
//!
//! PostgreSQL refuses to run as root. Root therefore starts it as `postgres`, or as `nobody`
//! where there is no such user; anyone else starts it as themselves.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

/// The user whose rights the server gets; `None` is the user who runs this program.
#[derive(Debug, Clone)]
pub(crate) struct ServerUser(Option<User>);

impl ServerUser {
    pub(crate) fn choose() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self(Some(user)));
            }
        }
        bail!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    }

    /// A command that runs with the server's rights, in a directory the server's user can enter.
    pub(crate) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env_remove("PGDATA");
        if let Some(user) = &self.0 {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Gives a file or directory to the server's user.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        if let Some(user) = &self.0 {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .with_context(|| format!("cannot give {} to {}", path.display(), user.name))?;
        }
        Ok(())
    }

    /// A new directory that belongs to the server's user and whose path that user can walk.
    pub(crate) fn directory(&self) -> Result<TempDir> {
        let directory = tempfile::Builder::new()
            .prefix("pg_hnsw.")
            .tempdir_in(self.parent())?;
        self.give(directory.path())?;
        Ok(directory)
    }

    fn parent(&self) -> PathBuf {
        let usual = std::env::temp_dir();
        if self.0.is_none() || everyone_may_enter(&usual) {
            usual
        } else {
            "/tmp".into()
        }
    }
}

/// Whether users other than the owner may walk down to this directory.
fn everyone_may_enter(path: &Path) -> bool {
    path.ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .all(|part| {
            part.metadata()
                .is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
        })
}
