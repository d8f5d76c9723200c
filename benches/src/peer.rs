//! A graph library in a process of its own, as the measure of what memory alone allows.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testdata::{Metric, Vectors};

use crate::dataset::Dataset;
use crate::libraries::{PEERS, python};
use crate::searcher::{Found, Searcher};

/// The defaults of both extensions.
const M: u32 = 16;
/// The defaults of both extensions.
const EF_CONSTRUCTION: u32 = 64;

/// The data set as files of raw numbers.
pub struct Files {
    base: PathBuf,
    queries: PathBuf,
}

impl Files {
    /// Writes them into the cache.
    pub fn write(dataset: &Dataset) -> Result<Self> {
        let files = Self {
            base: dataset.cache_file("base.f32"),
            queries: dataset.cache_file("queries.f32"),
        };
        write_raw(&files.base, &dataset.base)?;
        write_raw(&files.queries, &dataset.queries)?;
        Ok(files)
    }
}

impl Drop for Files {
    /// The processes have mapped or read them; on disk they would only take space.
    fn drop(&mut self) {
        for file in [&self.base, &self.queries] {
            let _ = fs::remove_file(file);
        }
    }
}

fn write_raw(path: &Path, vectors: &Vectors) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for value in vectors.values() {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// What building took.
pub struct Built {
    /// Time.
    pub seconds: f64,
    /// Memory that the index takes.
    pub bytes: f64,
}

/// A library with a data set, in a process of its own.
pub struct Peer {
    /// What the results call it.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    found: PathBuf,
}

impl Peer {
    /// Starts the library's process and hands it the data set.
    pub fn start(
        directory: &Path,
        name: &'static str,
        dataset: &Dataset,
        files: &Files,
    ) -> Result<Self> {
        let mut process = Command::new(python(directory))
            .arg(directory.join(PEERS))
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("no pipe")?);
        let mut peer = Self {
            name,
            version: String::new(),
            process,
            requests,
            answers,
            found: dataset.cache_file(name),
        };
        let metric = match dataset.metric {
            Metric::L2 => "l2",
            Metric::InnerProduct => "ip",
            Metric::Cosine => "cosine",
        };
        let answer = peer.ask(&json!({
            "do": "load", "base": files.base, "queries": files.queries,
            "dim": dataset.base.dim(), "metric": metric,
        }))?;
        peer.version = answer["version"].as_str().unwrap_or_default().to_owned();
        Ok(peer)
    }

    /// Whether it still answers; one that failed once is left alone.
    pub fn works(&self) -> bool {
        self.requests.is_some()
    }

    /// Builds the index anew.
    pub fn build(&mut self, threads: usize) -> Result<Built> {
        let answer = self.ask(&json!({
            "do": "build", "m": M, "ef_construction": EF_CONSTRUCTION, "threads": threads,
        }))?;
        Ok(Built {
            seconds: number(&answer, "seconds")?,
            bytes: number(&answer, "bytes")?,
        })
    }

    /// Sends a request and waits for the answer; after a failure the process is done with.
    fn ask(&mut self, request: &Value) -> Result<Value> {
        let answer = self.try_ask(request);
        if let Err(problem) = &answer {
            println!("{} failed: {problem:#}", self.name);
            self.requests = None;
        }
        answer
    }

    fn try_ask(&mut self, request: &Value) -> Result<Value> {
        let pipe = self.requests.as_mut().context("the pipe is closed")?;
        writeln!(pipe, "{request}").with_context(|| format!("{} is gone", self.name))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value =
            serde_json::from_str(&line).with_context(|| format!("{} died", self.name))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{}: {error}", self.name);
        }
        Ok(answer)
    }
}

impl Searcher for Peer {
    fn name(&self) -> &str {
        self.name
    }

    fn works(&self) -> bool {
        Peer::works(self)
    }

    fn smallest(&self, k: usize) -> u32 {
        // faiss searches with less than it is asked to return; the others do not.
        if self.name == "faiss" {
            1
        } else {
            u32::try_from(k).unwrap_or(u32::MAX)
        }
    }

    fn search(&mut self, _: &Dataset, k: usize, ef: u32) -> Result<Found> {
        let answer = self.ask(&json!({"do": "search", "k": k, "ef": ef, "out": self.found}))?;
        let bytes = fs::read(&self.found)?;
        Ok(Found {
            ids: ids(&bytes, k),
            millis: number(&answer, "millis")?,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input ends the process.
        self.requests = None;
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.found);
    }
}

fn ids(bytes: &[u8], k: usize) -> Vec<Vec<i32>> {
    let (ids, _) = bytes.as_chunks::<4>();
    let ids: Vec<i32> = ids.iter().map(|id| i32::from_le_bytes(*id)).collect();
    ids.chunks(k).map(<[i32]>::to_vec).collect()
}

fn number(answer: &Value, name: &str) -> Result<f64> {
    answer[name].as_f64().with_context(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn ids_of_two_queries() {
        let bytes: Vec<u8> = [1i32, -1, 3, 4].map(i32::to_le_bytes).concat();
        assert_eq!(ids(&bytes, 2), [[1, -1], [3, 4]]);
    }
}
