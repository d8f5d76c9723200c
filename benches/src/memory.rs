//! The peak of what a command in the server holds in memory of its own.
//!
//! Counted are, of the session's process and its parallel workers: anonymous memory, mapped files
//! (temporary ones; what the session had mapped before does not count), and the pages of dynamic
//! shared memory that any of them touched. Not counted are `shared_buffers` and the kernel's
//! cache of files. What dynamic shared memory reserves beyond that is told apart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use procfs::process::{MMapPath, MemoryMap, MemoryPageFlags, PageInfo, Process};

/// Looking takes at most one part in so many of the time of one processor.
const SHARE: u32 = 100;
const INTERVAL: Duration = Duration::from_millis(10);
const KILOBYTE: u64 = 1024;
/// Where dynamic shared memory is.
const SHARED: &str = "/dev/shm/PostgreSQL.";

/// Bytes of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// What is used.
    pub used: u64,
    /// Dynamic shared memory that was reserved, whether it is used or not.
    pub reserved: u64,
}

/// Watches a session until it is asked.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Held>,
}

impl Watch {
    /// Starts watching the server process with this id.
    pub fn start(session: i32) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let leader = Process::new(session)?;
        let before = held(&leader)?;
        let thread = spawn(move || {
            let mut peak = Held::default();
            while !stopped.load(Ordering::Relaxed) {
                let started = Instant::now();
                // A process that ends between two looks is no reason to stop.
                if let Ok(now) = held(&leader) {
                    peak.used = peak.used.max(now.used.saturating_sub(before.used));
                    peak.reserved = peak.reserved.max(now.reserved);
                }
                sleep(INTERVAL.max(started.elapsed() * SHARE));
            }
            peak
        });
        Ok(Self { stop, thread })
    }

    /// Stops watching; the most that was held above what the session held at the start.
    pub fn peak(self) -> Result<Held> {
        self.stop.store(true, Ordering::Relaxed);
        let peak = self.thread.join();
        peak.map_err(|_| anyhow!("the thread that watches memory panicked"))
    }
}

fn held(leader: &Process) -> Result<Held> {
    let mut segments = Segments::default();
    let mut used = own(leader, true)?;
    segments.add(leader);
    for worker in workers(leader)? {
        // Workers map the same library files as the leader.
        used += own(&worker, false).unwrap_or(0);
        segments.add(&worker);
    }
    Ok(Held {
        used: used + segments.touched(),
        reserved: segments.reserved(),
    })
}

fn own(process: &Process, files: bool) -> Result<u64> {
    let status = process.status()?;
    let mapped = if files { status.rssfile } else { None };
    Ok((status.rssanon.unwrap_or(0) + mapped.unwrap_or(0)) * KILOBYTE)
}

/// Dynamic shared memory, each segment once for all who map it.
#[derive(Default)]
struct Segments(BTreeMap<PathBuf, Segment>);

#[derive(Default)]
struct Segment {
    touched: Vec<bool>,
}

impl Segments {
    fn add(&mut self, process: &Process) {
        let Ok(maps) = process.maps() else { return };
        for map in maps {
            if let MMapPath::Path(path) = &map.pathname
                && path.to_string_lossy().starts_with(SHARED)
            {
                let segment = self.0.entry(path.clone()).or_default();
                // A process that has just ended has touched nothing.
                let _ = segment.add(process, &map);
            }
        }
    }

    fn touched(&self) -> u64 {
        let segments = self.0.values();
        let touched = segments
            .flat_map(|s| &s.touched)
            .filter(|touched| **touched);
        touched.count() as u64 * procfs::page_size()
    }

    fn reserved(&self) -> u64 {
        let pages = self.0.values().map(|s| s.touched.len() as u64);
        pages.sum::<u64>() * procfs::page_size()
    }
}

impl Segment {
    fn add(&mut self, process: &Process, map: &MemoryMap) -> Result<()> {
        let size = procfs::page_size();
        let (first, last) = (map.address.0 / size, map.address.1 / size);
        let pages = usize::try_from(first)?..usize::try_from(last)?;
        self.touched
            .resize(self.touched.len().max(pages.len()), false);
        let pages = process.pagemap()?.get_range_info(pages)?;
        for (touched, page) in self.touched.iter_mut().zip(pages) {
            *touched |= match page {
                PageInfo::MemoryPage(flags) => flags.contains(MemoryPageFlags::PRESENT),
                PageInfo::SwapPage(_) => true,
            };
        }
        Ok(())
    }
}

/// The parallel workers of a session: children of the same server, which name it in their title.
fn workers(leader: &Process) -> Result<Vec<Process>> {
    let title = format!("parallel worker for PID {}", leader.pid());
    let postmaster = Process::new(leader.stat()?.ppid)?;
    let children = postmaster.task_main_thread()?.children()?;
    let children = children
        .into_iter()
        .filter_map(|pid| Process::new(pid.cast_signed()).ok());
    Ok(children
        .filter(|child| {
            let words = child.cmdline().unwrap_or_default();
            words.join(" ").contains(&title)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[test]
    fn sees_what_is_held_for_a_while() {
        let own = std::process::id().cast_signed();
        let watch = Watch::start(own).unwrap();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        std::thread::sleep(super::INTERVAL * 50);
        drop(block);
        let peak = watch.peak().unwrap();
        assert!((60 << 20..200 << 20).contains(&peak.used), "{peak:?}");
    }
}
