//! One installed PostgreSQL, found through its `pg_config`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where one PostgreSQL keeps its programs, libraries and extension files.
#[derive(Debug, Clone)]
pub struct Installation {
    bin: PathBuf,
    share: PathBuf,
    library: PathBuf,
    major: u32,
}

impl Installation {
    /// The installation that `PG_CONFIG` names, or the `pg_config` on the search path.
    pub fn from_env() -> Result<Self> {
        let pg_config = std::env::var_os("PG_CONFIG").unwrap_or_else(|| "pg_config".into());
        Self::from_pg_config(Path::new(&pg_config))
    }

    /// The installation that this `pg_config` program describes.
    pub fn from_pg_config(pg_config: &Path) -> Result<Self> {
        Ok(Self {
            bin: ask(pg_config, "--bindir")?.into(),
            share: ask(pg_config, "--sharedir")?.into(),
            library: ask(pg_config, "--pkglibdir")?.into(),
            major: major_version(&ask(pg_config, "--version")?)?,
        })
    }

    /// The full path of one of PostgreSQL's programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The major version: 15, 16, ...
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Whether `CREATE EXTENSION` would find this extension.
    pub fn has_extension(&self, name: &str) -> bool {
        self.extension_dir()
            .join(format!("{name}.control"))
            .exists()
    }

    /// Whether the extension `vector` is pgvector, and not pg_hnsw under that name.
    pub fn has_pgvector(&self) -> bool {
        std::fs::read_to_string(self.extension_dir().join("vector.control"))
            .is_ok_and(|control| control.contains("'$libdir/vector'"))
    }

    /// A copy of the whole installation in an empty directory, which works from there: PostgreSQL
    /// finds its files relative to its programs.
    pub fn copy_to(&self, directory: &Path) -> Result<Self> {
        let root = self
            .bin
            .ancestors()
            .find(|root| self.share.starts_with(root) && self.library.starts_with(root))
            .context("programs and shared files have no common directory")?;
        // Those of a Python wheel find their libraries in a directory `*.libs` two levels up.
        let above = root.parent().and_then(Path::parent).unwrap_or(root);
        for libraries in std::fs::read_dir(above)? {
            let libraries = libraries?.path();
            if libraries.extension().is_some_and(|name| name == "libs") {
                let link = directory.join(libraries.file_name().unwrap_or_default());
                std::os::unix::fs::symlink(libraries, link)?;
            }
        }
        let directory = directory.join("python/postgresql");
        for part in [&self.bin, &self.library, &self.share] {
            let to = directory.join(part.strip_prefix(root)?);
            std::fs::create_dir_all(&to)?;
            let status = Command::new("cp")
                .args(["-rL", "--preserve=mode"])
                .arg(part.join("."))
                .arg(&to)
                .status()?;
            if !status.success() {
                bail!("cannot copy {}", part.display());
            }
        }
        let bin = directory.join(self.bin.strip_prefix(root)?);
        Self::from_pg_config(&bin.join("pg_config"))
    }

    /// The directory of control files and scripts.
    pub fn extension_dir(&self) -> PathBuf {
        self.share.join("extension")
    }

    /// The directory of loadable libraries (`$libdir`).
    pub fn library_dir(&self) -> &Path {
        &self.library
    }
}

fn ask(pg_config: &Path, what: &str) -> Result<String> {
    let output = Command::new(pg_config)
        .arg(what)
        .output()
        .with_context(|| {
            format!(
                "cannot run {} {what}; set PG_CONFIG to the pg_config to use",
                pg_config.display()
            )
        })?;
    if !output.status.success() {
        bail!(
            "{} {what}: {}",
            pg_config.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// `PostgreSQL 15.18 (Debian 15.18-0+deb12u1)` is 15, `PostgreSQL 19beta1` is 19.
fn major_version(version: &str) -> Result<u32> {
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse()
        .with_context(|| format!("no version number in {version:?}"))
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn major_versions() {
        assert_eq!(
            major_version("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)").unwrap(),
            15
        );
        assert_eq!(major_version("PostgreSQL 19beta1").unwrap(), 19);
        assert!(major_version("something else").is_err());
    }
}
