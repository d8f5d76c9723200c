//! The graph libraries from PyPI that can be installed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use crate::dataset::Dataset;
use crate::peer::{Files, Peer};

/// The libraries, by the name of their column and of their package.
const LIBRARIES: [(&str, &str); 3] = [
    ("hnswlib", "hnswlib"),
    ("usearch", "usearch"),
    ("faiss", "faiss-cpu"),
];
const SCRIPT: &str = include_str!("../peers/peers.py");
const REQUIREMENTS: &str = include_str!("../peers/requirements.txt");
/// What stands for the version of a library that cannot be installed.
pub const NOT_AVAILABLE: &str = "not available";
/// Where the script is, in the virtual environment.
pub const PEERS: &str = "peers.py";

/// The libraries that are there.
pub struct Libraries {
    directory: PathBuf,
    names: Vec<&'static str>,
    /// Those that are not.
    pub missing: Vec<&'static str>,
}

impl Libraries {
    /// Installs the pinned versions into a virtual environment in `directory`, unless they are
    /// there already.
    pub fn install(directory: &Path) -> Self {
        let mut libraries = Self::none(directory);
        let numpy = prepare(directory).and_then(|()| libraries.package("numpy"));
        for (name, package) in LIBRARIES {
            let installed = match &numpy {
                Ok(()) => libraries.package(package),
                Err(problem) => Err(anyhow!("{problem:#}")),
            };
            match installed {
                Ok(()) => libraries.names.push(name),
                Err(problem) => {
                    println!("{name} is not available: {problem:#}");
                    libraries.missing.push(name);
                }
            }
        }
        libraries
    }

    /// No library at all.
    pub fn none(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            names: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Starts a process for each library and hands it the data set. One that does not take it
    /// is left out.
    pub fn start(&self, dataset: &Dataset) -> Result<Vec<Peer>> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        let files = Files::write(dataset)?;
        let start = |name| Peer::start(&self.directory, name, dataset, &files);
        let peers = self.names.iter().filter_map(|name| {
            start(name)
                .inspect_err(|problem| println!("{name} is left out: {problem:#}"))
                .ok()
        });
        Ok(peers.collect())
    }

    /// Installs one package in the version of the list; a file remembers that it is there.
    fn package(&self, name: &str) -> Result<()> {
        let pinned = REQUIREMENTS
            .lines()
            .find(|line| line.split("==").next() == Some(name))
            .with_context(|| format!("{name} has no pinned version"))?;
        let done = self.directory.join(format!("{pinned}.installed"));
        if done.exists() {
            return Ok(());
        }
        println!("Fetching {pinned} from PyPI");
        run(Command::new(python(&self.directory))
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", pinned]))?;
        Ok(fs::write(done, "")?)
    }
}

fn prepare(directory: &Path) -> Result<()> {
    if !python(directory).exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
    }
    Ok(fs::write(directory.join(PEERS), SCRIPT)?)
}

/// The interpreter that has the libraries.
pub fn python(directory: &Path) -> PathBuf {
    directory.join("bin/python")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}",
        errors.lines().last().unwrap_or("failed")
    );
    Ok(())
}
