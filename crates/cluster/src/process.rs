//! The server's processes: finding children and ending them without warning.

use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long processes that were sent SIGKILL may take to disappear.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// Sends a signal to a child of this process.
pub(crate) fn signal(child: &Child, signal: Signal) -> Result<()> {
    kill(pid_of(child), signal).with_context(|| format!("cannot send {signal} to the server"))
}

/// Kills the postmaster and all its children at once, as a power cut would, and waits until
/// they are gone. The postmaster is stopped first, so that it cannot start another child, or
/// begin recovery, between the kills.
pub(crate) fn kill_tree(postmaster: &mut Child) -> Result<()> {
    signal(postmaster, Signal::SIGSTOP)?;
    // It may be about to start one when the signal is sent.
    let is_still = |process: &Stat| matches!(process.state, 'T' | 'Z');
    wait_until(&[pid_of(postmaster)], is_still)?;
    let children = children_of(postmaster.id())?;
    for child in &children {
        // It may have ended by itself since it was listed.
        let _ = kill(*child, Signal::SIGKILL);
    }
    signal(postmaster, Signal::SIGKILL)?;
    postmaster.wait()?;
    // A process that ended but was not reaped yet (`Z`) holds no memory and no files any more, once its threads have.
    wait_until(&children, |process| {
        process.state == 'Z' && process.threads <= 1
    })
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn children_of(parent: u32) -> Result<Vec<Pid>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if stat(pid).is_some_and(|process| process.parent == parent) {
            children.push(Pid::from_raw(pid));
        }
    }
    Ok(children)
}

/// Waits until each process is in some state, or gone.
fn wait_until(processes: &[Pid], there: impl Fn(&Stat) -> bool) -> Result<()> {
    let deadline = Instant::now() + KILL_PATIENCE;
    for process in processes {
        while stat(process.as_raw()).is_some_and(|process| !there(&process)) {
            if Instant::now() > deadline {
                bail!("process {process} does not obey a signal for {KILL_PATIENCE:?}");
            }
            sleep(Duration::from_millis(2));
        }
    }
    Ok(())
}

/// What the kernel says of a process.
struct Stat {
    state: char,
    parent: u32,
    threads: u32,
}

/// From the fields after the process's parenthesised name.
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        threads: fields.nth(15)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{children_of, kill_tree};
    use std::process::Command;

    #[test]
    fn a_killed_tree_is_gone() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 600 & sleep 600"])
            .spawn()
            .unwrap();
        while children_of(shell.id()).unwrap().len() < 2 {
            std::thread::yield_now();
        }
        let children = children_of(shell.id()).unwrap();
        kill_tree(&mut shell).unwrap();
        for child in children {
            assert!(super::stat(child.as_raw()).is_none_or(|process| process.state == 'Z'));
        }
    }
}
