//! Cleans up after a process that died before it could.
//!
//! `Drop` does not run when a process is killed. A small shell therefore waits for the end of a
//! pipe that only the owner of the server holds; when the pipe ends without a word, it stops the
//! server and removes its directory. It has a process group of its own, so that Ctrl-C in a
//! terminal reaches the owner and not the guardian.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// `$1` is the directory to remove, `$2` the data directory of the server to stop.
const SCRIPT: &str = r#"
read -r word && exit 0
pid=$(head -n 1 "$2/postmaster.pid" 2>/dev/null) &&
    [ "$(readlink "/proc/$pid/cwd")" = "$2" ] && kill -s QUIT "$pid"
tries=0
while [ -e "$2/postmaster.pid" ] && [ -d "/proc/$pid" ] && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
rm -rf "$1"
"#;

#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts watching over `directory` and the server in its subdirectory `data`.
    pub(crate) fn start(directory: &Path, data: &Path) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .args([directory, data])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// The owner cleans up itself, or wants everything left as it is.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A guardian that is gone already needs no word.
            let _ = writeln!(pipe, "done");
            drop(pipe);
            let _ = self.shell.wait();
        }
    }
}
