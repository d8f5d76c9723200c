//! Installations with pg_hnsw under pgvector's name: copies, so that a pgvector that is there
//! stays what it is.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cluster::{Installation, Scratch, Server};
use postgres::Client;

/// A copy of an installation, removed when dropped.
pub struct Copied {
    /// The copy.
    pub installation: Installation,
    _directory: Scratch,
}

impl Copied {
    /// Copies an installation as it is.
    pub fn of(installation: &Installation) -> Result<Self> {
        let directory = Scratch::new()?;
        Ok(Self {
            installation: installation.copy_to(directory.path())?,
            _directory: directory,
        })
    }

    /// Copies an installation; in the copy, the extension `vector` is pg_hnsw, and pgvector's
    /// library is gone.
    pub fn with_alias(installation: &Installation) -> Result<Self> {
        let copied = Self::of(installation)?;
        make(&copied.installation, "install", &["VECTOR_ALIAS=force"])?;
        let library = copied.installation.library_dir().join("vector.so");
        if library.exists() {
            std::fs::remove_file(library)?;
        }
        Ok(copied)
    }

    /// Puts pgvector's files into the copy, as its own `make install` does.
    pub fn add_pgvector(&self, from: &Installation) -> Result<()> {
        let files = std::fs::read_dir(from.extension_dir())?;
        for file in files.collect::<std::io::Result<Vec<_>>>()? {
            let name = file.file_name();
            let is_script = name.to_str().is_some_and(|name| name.starts_with("vector"));
            if is_script {
                std::fs::copy(file.path(), self.installation.extension_dir().join(name))?;
            }
        }
        let library = Path::new("vector.so");
        std::fs::copy(
            from.library_dir().join(library),
            self.installation.library_dir().join(library),
        )?;
        Ok(())
    }
}

/// Runs `make` for an installation that the library is already built for; returns what it prints.
pub fn make(installation: &Installation, target: &str, arguments: &[&str]) -> Result<String> {
    let pg_config = installation.program("pg_config");
    let output = Command::new("make")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .args(["--no-print-directory", target])
        .arg(format!("PG_CONFIG={}", pg_config.display()))
        .args(arguments)
        .output()
        .context("cannot run make")?;
    if !output.status.success() {
        bail!(
            "make {target}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A database with the extension `vector`, which has this library.
pub fn database(server: &Server, name: &str, library: &str) -> Result<Client> {
    let mut client = server.create_database(name)?;
    client.batch_execute("CREATE EXTENSION vector")?;
    assert_library(&mut client, library)?;
    Ok(client)
}

/// Fails unless all functions of the extension `vector` that are in a library are in this one.
pub fn assert_library(client: &mut Client, library: &str) -> Result<()> {
    let query = "
        SELECT DISTINCT probin FROM pg_proc p
            JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
            JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector'
        WHERE prokind = 'f' AND probin IS NOT NULL";
    let libraries: Vec<String> = client
        .query(query, &[])?
        .iter()
        .map(|row| row.get(0))
        .collect();
    if libraries != [library] {
        bail!("the extension vector is in {libraries:?}, not in {library}");
    }
    Ok(())
}
