//! Copies of a running server: a streaming replica, and a backup that runs by itself.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{Options, Server};

/// How long a standby may take to replay what the primary wrote.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(120);

impl Server {
    /// A hot standby of this server, made with `pg_basebackup` and already streaming.
    pub fn standby(&self, options: &Options) -> Result<Self> {
        let mut standby = self.base_backup(&["-R"])?;
        standby.append_conf(options)?;
        standby.start_again()?;
        Ok(standby)
    }

    /// A server of its own, started from a backup that `pg_basebackup` made and verified.
    pub fn backup(&self) -> Result<Self> {
        let mut backup = self.base_backup(&[])?;
        let data = backup.data_dir();
        backup.run("pg_verifybackup", |command| command.arg("-q").arg(&data))?;
        backup.start_again()?;
        Ok(backup)
    }

    /// A backup that is not started.
    pub fn stopped_backup(&self) -> Result<Self> {
        self.base_backup(&[])
    }

    /// Starts a backup that recovers as the options say, and waits until it takes writes.
    pub fn recover(&mut self, options: &Options) -> Result<()> {
        self.append_conf(options)?;
        std::fs::write(self.data_dir().join("recovery.signal"), "")?;
        self.start_again()?;
        let mut client = self.connect("postgres")?;
        let deadline = Instant::now() + CATCH_UP_PATIENCE;
        while client.query_one("SELECT pg_is_in_recovery()", &[])?.get(0) {
            if Instant::now() > deadline {
                bail!("recovery did not end within {CATCH_UP_PATIENCE:?}");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn base_backup(&self, arguments: &[&str]) -> Result<Self> {
        let backup = Self::prepare(self.installation())?;
        let data = backup.data_dir();
        backup.run("pg_basebackup", |command| {
            command
                .arg("-D")
                .arg(&data)
                .arg("-h")
                .arg(self.host())
                .args(["-p", &self.port().to_string(), "-U", "postgres"])
                .args(["-X", "stream", "-c", "fast", "--no-sync"])
                .args(arguments)
        })?;
        Ok(backup)
    }

    /// Waits until this standby has replayed everything that the primary has written so far.
    pub fn catch_up_with(&self, primary: &Self) -> Result<()> {
        let target: String = primary
            .connect("postgres")?
            .query_one("SELECT pg_current_wal_lsn()::text", &[])?
            .get(0);
        let mut client = self.connect("postgres")?;
        let deadline = Instant::now() + CATCH_UP_PATIENCE;
        let query = format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{target}', false)");
        while !client.query_one(&query, &[])?.get::<_, bool>(0) {
            if Instant::now() > deadline {
                bail!("the standby did not reach {target} within {CATCH_UP_PATIENCE:?}");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
