//! Runs workloads under callgrind and reads its totals.

use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The function within which instructions count, as callgrind matches names.
const COUNTED: &str = "*instructions::workloads::counted*";

/// Instructions of one unit of each of the workloads. As many run at once as there are processors:
/// counts do not depend on what else runs.
pub fn count(names: &[&str]) -> Result<BTreeMap<String, u64>> {
    let next = AtomicUsize::new(0);
    let counts = Mutex::new(BTreeMap::new());
    let work = || -> Result<()> {
        while let Some(&name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let count = count_one(name).with_context(|| format!("workload {name}"))?;
            counts
                .lock()
                .expect("unpoisoned")
                .insert(name.to_string(), count);
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..threads).map(|_| s.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|t| t.join().expect("no panic"))
    })?;
    Ok(counts.into_inner().expect("unpoisoned"))
}

fn count_one(name: &str) -> Result<u64> {
    let output = std::env::temp_dir().join(format!("callgrind-{}-{name}", std::process::id()));
    let options = [
        "--tool=callgrind".to_string(),
        format!("--callgrind-out-file={}", output.display()),
        format!("--toggle-collect={COUNTED}"),
    ];
    let run = valgrind(&options, &["--workload", name]);
    let profile = std::fs::read_to_string(&output);
    let _ = std::fs::remove_file(&output);
    run?;
    let total = total(&profile.context("callgrind's output")?).context("callgrind's total")?;
    ensure!(total > 0, "nothing was counted: no function is {COUNTED}");
    let workload = WORKLOADS.iter().find(|w| w.name == name);
    let units = workload.expect("a workload that ran").count as u64;
    Ok((total + units / 2) / units)
}

/// The kernels that are chosen under valgrind.
pub fn kernels() -> Result<String> {
    valgrind(&["--tool=none".to_string()], &["--kernels"])
}

/// Runs this program under valgrind; returns what it prints.
fn valgrind(options: &[String], args: &[&str]) -> Result<String> {
    // The environment lies on the stack and would move it.
    let run = Command::new("valgrind")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .arg("--quiet")
        .args(options)
        .arg(std::env::current_exe()?)
        .args(args)
        .output()
        .context("valgrind does not start")?;
    ensure!(
        run.status.success(),
        "valgrind: {}: {}",
        run.status,
        String::from_utf8_lossy(&run.stderr)
    );
    Ok(String::from_utf8(run.stdout)?)
}

/// The sum over all of a profile.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|l| l.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn totals_are_read() {
        assert_eq!(
            super::total("events: Ir\nfn=(1) x\n3 4\n\ntotals: 1234\n"),
            Some(1234)
        );
        assert_eq!(super::total("events: Ir\n"), None);
    }
}
