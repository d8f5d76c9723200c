//! Counts the instructions of the main operations under callgrind and compares them with the
//! counts in `benches/instructions.json`: time on a shared machine is noise, counts are not.
//!
//! ```text
//! instructions                    compare; fails if one grew by more than 5 %
//! instructions --write            renew the file
//! instructions --only NAME        compare those whose name contains it
//! instructions --workload NAME    do the work, uncounted; the comparison runs this under valgrind
//! instructions --kernels          name the kernels, which are others under valgrind
//! ```
//!
//! Each workload runs in a process of its own, on one thread, on data that is the same
//! everywhere; only what it does within [`workloads::counted`] counts.

mod baseline;
mod callgrind;
#[path = "../../hnsw/tests/common/mod.rs"]
mod common;
mod workloads;

use anyhow::{Context, Result, bail, ensure};
use baseline::{Baseline, Environment};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use workloads::WORKLOADS;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(""),
        ["--only", part] => compare(part),
        ["--write"] => write(),
        ["--workload", name] => run(name),
        ["--kernels"] => kernels(),
        _ => bail!("arguments: none, --only NAME, --write or --workload NAME"),
    }
}

/// The committed counts.
fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/instructions.json")
}

fn run(name: &str) -> Result<ExitCode> {
    let workload = WORKLOADS.iter().find(|w| w.name == name);
    let workload = workload.with_context(|| format!("no workload is called {name}"))?;
    (workload.run)(workload.count);
    Ok(ExitCode::SUCCESS)
}

fn kernels() -> Result<ExitCode> {
    print!("{}", distance::kernels().name);
    Ok(ExitCode::SUCCESS)
}

/// Counts all workloads whose names contain `part`.
fn measure(environment: Environment, part: &str) -> Result<Baseline> {
    let names = WORKLOADS.iter().map(|w| w.name);
    let chosen: Vec<&str> = names.filter(|n| n.contains(part)).collect();
    ensure!(
        !chosen.is_empty(),
        "no workload has a name that contains {part}"
    );
    Ok(Baseline {
        environment,
        counts: callgrind::count(&chosen)?,
    })
}

fn write() -> Result<ExitCode> {
    let now = measure(Environment::new(callgrind::kernels()?)?, "")?;
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    print!("{}", now.table(Baseline::from_json(&text).ok().as_ref()));
    std::fs::write(path(), now.to_json()?).context("writing benches/instructions.json")?;
    println!("benches/instructions.json is renewed: commit it with what changed the counts.");
    Ok(ExitCode::SUCCESS)
}

fn compare(part: &str) -> Result<ExitCode> {
    let text = std::fs::read_to_string(path()).context("reading benches/instructions.json")?;
    let before = Baseline::from_json(&text).context("benches/instructions.json")?;
    let environment = Environment::new(callgrind::kernels()?)?;
    if !before.environment.comparable(&environment) {
        println!("The counts in benches/instructions.json are of another kind of processor:");
        println!("there {}", before.environment);
        println!("here  {environment}");
        println!("Nothing is compared.");
        return Ok(ExitCode::SUCCESS);
    }
    let now = measure(environment, part)?;
    print!("{}", now.table(Some(&before)));
    let verdict = now.verdict(&before, part, std::env::var_os("CI").is_some());
    print!("{}", verdict.text);
    Ok(ExitCode::from(u8::from(verdict.failed)))
}
