//! A throwaway server: start, stop, crash, restart, connect.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use postgres::{Client, Config, NoTls};
use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::privileges::ServerUser;
use crate::{Installation, Options, process};

/// The port only names the socket file: every server has a directory of its own.
const PORT: u16 = 5432;
/// How long a server may take to accept connections, recovery included.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// How long a fast or immediate shutdown may take.
const STOP_PATIENCE: Duration = Duration::from_secs(120);
/// How many lines of the log a failure shows.
const LOG_TAIL: usize = 40;

/// How to stop a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Disconnect clients, write a checkpoint.
    Fast,
    /// Drop everything; the next start recovers from the WAL.
    Immediate,
}

/// A running (or stopped) throwaway server. Dropping it stops it and removes its directory.
#[derive(Debug)]
pub struct Server {
    installation: Installation,
    user: ServerUser,
    directory: Option<TempDir>,
    root: PathBuf,
    postmaster: Option<Child>,
    guardian: Guardian,
}

impl Server {
    /// Creates a cluster with the installation that `PG_CONFIG` names and starts it.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_with(&Installation::from_env()?, options)
    }

    /// Creates a cluster with this installation and starts it.
    pub fn start_with(installation: &Installation, options: &Options) -> Result<Self> {
        let mut server = Self::prepare(installation)?;
        server.initdb(&[])?;
        server.append_conf(options)?;
        server.start_again()?;
        Ok(server)
    }

    /// An empty place for a server: directory, user, guardian, but no data yet.
    pub(crate) fn prepare(installation: &Installation) -> Result<Self> {
        let user = ServerUser::choose()?;
        let directory = user.directory()?;
        let root = directory.path().to_owned();
        let guardian = Guardian::start(&root, &root.join("data"))?;
        Ok(Self {
            installation: installation.clone(),
            user,
            directory: Some(directory),
            root,
            postmaster: None,
            guardian,
        })
    }

    pub(crate) fn initdb(&self, arguments: &[&str]) -> Result<()> {
        let data = self.data_dir();
        self.run("initdb", |command| {
            command
                .arg("-D")
                .arg(&data)
                .args(["-A", "trust", "-U", "postgres"])
                .args(["-E", "UTF8", "--locale=C", "--no-sync"])
                .args(arguments)
        })
    }

    /// Runs one of PostgreSQL's programs with the server's rights.
    pub(crate) fn run(
        &self,
        program: &str,
        arguments: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<()> {
        let mut command = self
            .user
            .command(&self.installation.program(program), &self.root);
        let output = arguments(&mut command)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        if !output.status.success() {
            bail!(
                "{program}: {}\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// Appends settings to `postgresql.conf`; they count from the next start or reload.
    pub fn append_conf(&self, options: &Options) -> Result<()> {
        let conf = self.data_dir().join("postgresql.conf");
        let mut conf = OpenOptions::new().append(true).open(conf)?;
        Ok(conf.write_all(options.to_conf().as_bytes())?)
    }

    /// Starts a server that was stopped or crashed, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        if self.postmaster.is_some() {
            bail!("the server is running already");
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        self.postmaster = Some(self.spawn(log)?);
        self.wait_until_ready()
    }

    /// The postmaster is a child of this process, not of `pg_ctl`, so that after a kill it can
    /// be waited for: a zombie would keep its `postmaster.pid` valid. Its process group is its
    /// own, so that Ctrl-C in a terminal does not shut it down behind our back.
    /// `PG_HNSW_WRAPPER` is put in front of the server's command (a checker such as valgrind).
    fn spawn(&self, log: File) -> Result<Child> {
        let wrapper = std::env::var("PG_HNSW_WRAPPER").unwrap_or_default();
        let mut words: Vec<PathBuf> = wrapper.split_whitespace().map(PathBuf::from).collect();
        words.push(self.installation.program("postgres"));
        self.user
            .command(&words[0], &self.root)
            .args(&words[1..])
            .arg("-D")
            .arg(self.data_dir())
            .arg("-k")
            .arg(&self.root)
            .args(["-p", &PORT.to_string(), "-c", "listen_addresses="])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("cannot start postgres")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let problem = match self.connect("postgres") {
                Ok(_) => return Ok(()),
                Err(problem) => problem,
            };
            if let Some(status) = self.running_postmaster()?.try_wait()? {
                self.postmaster = None;
                bail!("the server did not start: {status}\n{}", self.log_tail());
            }
            if Instant::now() > deadline {
                bail!(
                    "no answer from the server: {problem:#}\n{}",
                    self.log_tail()
                );
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn running_postmaster(&mut self) -> Result<&mut Child> {
        self.postmaster
            .as_mut()
            .context("the server is not running")
    }

    /// Stops the server and waits until it is gone.
    pub fn stop(&mut self, shutdown: Shutdown) -> Result<()> {
        let signal = match shutdown {
            Shutdown::Fast => Signal::SIGINT,
            Shutdown::Immediate => Signal::SIGQUIT,
        };
        process::signal(self.running_postmaster()?, signal)?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.running_postmaster()?.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!(
                    "the server did not stop within {STOP_PATIENCE:?}\n{}",
                    self.log_tail()
                );
            }
            sleep(Duration::from_millis(5));
        }
        self.postmaster = None;
        Ok(())
    }

    /// Stops the server cleanly and starts it with the programs and libraries of another
    /// installation of the same major version.
    pub fn move_to(&mut self, installation: &Installation) -> Result<()> {
        self.stop(Shutdown::Fast)?;
        self.installation = installation.clone();
        self.start_again()
    }

    /// Kills every process of the server with SIGKILL at once.
    pub fn crash(&mut self) -> Result<()> {
        process::kill_tree(self.running_postmaster()?)?;
        self.postmaster = None;
        Ok(())
    }

    /// Kills one process of the server with SIGKILL.
    pub fn kill_process(&self, pid: i32) -> Result<()> {
        Ok(nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL)?)
    }

    /// Stops the server cleanly and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.stop(Shutdown::Fast)?;
        self.start_again()
    }

    /// Connection settings for a database of this server.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.root)
            .port(PORT)
            .user("postgres")
            .dbname(database);
        config
    }

    /// A connection to a database of this server.
    pub fn connect(&self, database: &str) -> Result<Client> {
        Ok(self.config(database).connect(NoTls)?)
    }

    /// Creates a database and connects to it.
    pub fn create_database(&self, name: &str) -> Result<Client> {
        self.connect("postgres")?
            .batch_execute(&format!("CREATE DATABASE \"{name}\""))?;
        self.connect(name)
    }

    /// A new directory beside the data, owned by the server's user (for a tablespace, say).
    pub fn create_directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        std::fs::create_dir_all(&path)?;
        self.user.give(&path)?;
        Ok(path)
    }

    /// The installation the server runs.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The directory of the server's socket: what libpq takes as host.
    pub fn host(&self) -> &Path {
        &self.root
    }

    /// The port that names the socket.
    pub fn port(&self) -> u16 {
        PORT
    }

    /// The server's log file.
    pub fn log_path(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// Everything the server logged so far.
    pub fn log(&self) -> String {
        std::fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Log lines about server processes that died from a signal or a failed assertion.
    pub fn crash_reports(&self) -> Vec<String> {
        self.log()
            .lines()
            .filter(|line| line.contains("was terminated by signal") || line.contains("TRAP:"))
            .map(str::to_owned)
            .collect()
    }

    /// A shell command that opens a session.
    pub fn psql_command(&self, database: &str) -> String {
        format!(
            "{} -h {} -p {PORT} -U postgres {database}",
            self.installation.program("psql").display(),
            self.root.display()
        )
    }

    /// Leaves the server running and its directory in place; returns how to stop it later.
    pub fn keep(mut self) -> String {
        self.guardian.dismiss();
        let pid = self
            .postmaster
            .take()
            .map_or(0, |postmaster| postmaster.id());
        if let Some(directory) = self.directory.take() {
            let _ = directory.keep();
        }
        format!(
            "kill -s QUIT {pid} && sleep 1 && rm -rf {}",
            self.root.display()
        )
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL)..];
        format!(
            "--- last lines of {} ---\n{}",
            self.log_path().display(),
            tail.join("\n")
        )
    }

    /// Keeps the log of a failed test, which would otherwise go with the directory.
    fn save_log(&self) {
        let directory =
            std::env::var_os("PG_HNSW_LOG_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let name = self.root.file_name().unwrap_or_default();
        let saved = directory.join(name).with_added_extension("log");
        let copied = std::fs::create_dir_all(&directory)
            .and_then(|()| std::fs::copy(self.log_path(), &saved));
        match copied {
            Ok(_) => eprintln!(
                "{}\nserver log saved as {}",
                self.log_tail(),
                saved.display()
            ),
            Err(error) => eprintln!("{}\ncannot save it: {error}", self.log_tail()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() && self.directory.is_some() {
            self.save_log();
        }
        if self.postmaster.is_some() && self.stop(Shutdown::Immediate).is_err() {
            // Nothing is left to report to; make sure that no process stays.
            let _ = self.crash();
        }
        self.guardian.dismiss();
    }
}
