//! Counts in a file: what they were measured with, and what has grown since.

use crate::workloads::WORKLOADS;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::process::Command;

/// How much a count may grow, in percent.
const TOLERANCE: u64 = 5;

/// What counts depend on beside the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// `x86_64`, `aarch64`.
    pub architecture: String,
    /// The set of kernels that runs under valgrind.
    pub kernels: String,
    /// `rustc --version`.
    pub compiler: String,
    /// `valgrind --version`.
    pub valgrind: String,
    /// How the counted program is compiled.
    pub profile: String,
}

/// Instructions of one unit of each workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What they were counted with.
    pub environment: Environment,
    /// By name of the workload.
    pub counts: BTreeMap<String, u64>,
}

/// What a comparison comes to.
pub struct Verdict {
    /// For the user.
    pub text: String,
    /// Whether the comparison fails.
    pub failed: bool,
}

impl Environment {
    /// Where this runs, if `kernels` are those that valgrind shows.
    pub fn new(kernels: String) -> Result<Self> {
        Ok(Self {
            architecture: std::env::consts::ARCH.to_string(),
            kernels,
            compiler: version("rustc")?,
            valgrind: version("valgrind")?,
            profile: "release (fat LTO, 1 codegen unit)".to_string(),
        })
    }

    /// Whether the same code would come to the same counts but for compiler and valgrind.
    pub fn comparable(&self, other: &Self) -> bool {
        self.architecture == other.architecture && self.kernels == other.kernels
    }
}

impl Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{}, {} kernels, {}, {}, {}",
            self.architecture, self.kernels, self.compiler, self.valgrind, self.profile
        )
    }
}

impl Baseline {
    /// The content of a file.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the content of a file.
    pub fn from_json(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }

    /// The counts for people, beside those of `before`.
    pub fn table(&self, before: Option<&Self>) -> String {
        let mut text = format!(
            "{:16} {:12} {:>12} {:>12} {:>7}\n",
            "workload", "unit", "baseline", "now", "ratio"
        );
        for w in WORKLOADS {
            let Some(&now) = self.counts.get(w.name) else {
                continue;
            };
            let old = before.and_then(|b| b.counts.get(w.name));
            let (old, ratio) = match old {
                Some(&old) => (old.to_string(), format!("{:.3}", now as f64 / old as f64)),
                None => ("-".to_string(), "-".to_string()),
            };
            let line = format!("{:16} {:12} {old:>12} {now:>12} {ratio:>7}", w.name, w.unit);
            text += &(line + "\n");
        }
        text
    }

    /// Whether what is counted here, of the workloads whose names contain `part`, is in order beside
    /// `before`. Another compiler or valgrind excuses growth unless the comparison is `strict`.
    pub fn verdict(&self, before: &Self, part: &str, strict: bool) -> Verdict {
        let mut text = String::new();
        let (mut grown, mut unknown) = (0, 0);
        for (name, &now) in &self.counts {
            let change = match before.counts.get(name) {
                None => {
                    unknown += 1;
                    "is not in benches/instructions.json"
                }
                Some(old) if now * 100 > old * (100 + TOLERANCE) => {
                    grown += 1;
                    "takes more than 5 % more instructions"
                }
                Some(old) if now * (100 + TOLERANCE) < old * 100 => {
                    "takes less: renew the file, so that it stays so"
                }
                Some(_) => continue,
            };
            let _ = writeln!(text, "{name} {change}");
        }
        let names = before.counts.keys().filter(|n| n.contains(part));
        for name in names.filter(|n| !self.counts.contains_key(*n)) {
            unknown += 1;
            let _ = writeln!(text, "{name} is not counted any more");
        }
        let other_tools = self.environment != before.environment;
        let excused = other_tools && !strict;
        if grown > 0 && other_tools {
            let _ = writeln!(text, "The file's counts are of {}", before.environment);
            let _ = writeln!(text, "those beside them of     {}", self.environment);
        }
        if grown > 0 && excused {
            text += "With other tools counts differ; this is no failure unless CI is set.\n";
        }
        let failed = unknown > 0 || grown > 0 && !excused;
        if failed {
            text += "What has grown for good reason is accepted by renewing the file:\n";
            text += "    make instructions BASELINE=write\n";
        }
        Verdict { text, failed }
    }
}

/// The first line of what a program says of its version.
fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("{program} does not start"))?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Environment};

    fn baseline(compiler: &str, counts: &[(&str, u64)]) -> Baseline {
        Baseline {
            environment: Environment {
                architecture: "x86_64".into(),
                kernels: "avx2".into(),
                compiler: compiler.into(),
                valgrind: "3".into(),
                profile: "release".into(),
            },
            counts: counts.iter().map(|&(n, c)| (n.to_string(), c)).collect(),
        }
    }

    fn failed(now: &Baseline, before: &Baseline, part: &str, strict: bool) -> bool {
        now.verdict(before, part, strict).failed
    }

    #[test]
    fn growth_beyond_the_tolerance_fails() {
        let before = baseline("1", &[("a", 100), ("b", 1000)]);
        assert!(!failed(&before, &before, "", true));
        let within = baseline("1", &[("a", 105), ("b", 500)]);
        assert!(!failed(&within, &before, "", true));
        let beyond = baseline("1", &[("a", 106), ("b", 1000)]);
        assert!(failed(&beyond, &before, "", false));
        let verdict = beyond.verdict(&before, "", false);
        assert!(verdict.text.contains("BASELINE=write"), "{}", verdict.text);
    }

    #[test]
    fn other_tools_excuse_growth_only() {
        let before = baseline("1", &[("a", 100)]);
        let grown = baseline("2", &[("a", 200)]);
        assert!(!failed(&grown, &before, "", false));
        assert!(failed(&grown, &before, "", true));
        assert!(failed(&baseline("2", &[("b", 1)]), &before, "", false));
    }

    #[test]
    fn the_file_and_the_program_have_the_same_workloads() {
        let before = baseline("1", &[("a", 100), ("b", 100)]);
        let fewer = baseline("1", &[("a", 100)]);
        assert!(failed(&fewer, &before, "", false));
        assert!(!failed(&fewer, &before, "a", false));
        assert!(failed(&before, &fewer, "", false));
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let before = baseline("1", &[("a", 100)]);
        let text = before.to_json().expect("json");
        assert_eq!(Baseline::from_json(&text).expect("json"), before);
    }
}
