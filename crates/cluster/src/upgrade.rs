//! A server goes to another major version with `pg_upgrade`.

use anyhow::Result;

use crate::{Installation, Server, Shutdown};

/// From this version on, `initdb` turns checksums on; `pg_upgrade` wants both servers alike.
const CHECKSUMS_BY_DEFAULT: u32 = 18;

impl Server {
    /// Stops this server; returns one of another installation, of a later major version, which
    /// `pg_upgrade` has given all databases of this one, started.
    pub fn upgrade_to(mut self, installation: &Installation) -> Result<Self> {
        self.stop(Shutdown::Fast)?;
        let mut upgraded = Self::prepare(installation)?;
        let (old, new) = (self.installation().major(), installation.major());
        if old < CHECKSUMS_BY_DEFAULT && new >= CHECKSUMS_BY_DEFAULT {
            upgraded.initdb(&["--no-data-checksums"])?;
        } else {
            upgraded.initdb(&[])?;
        }
        upgraded.run("pg_upgrade", |command| {
            command
                .args(["-U", "postgres", "-b"])
                .arg(self.installation().program(""))
                .arg("-B")
                .arg(installation.program(""))
                .arg("-d")
                .arg(self.data_dir())
                .arg("-D")
                .arg(upgraded.data_dir())
                .arg("-s")
                .arg(upgraded.host())
        })?;
        upgraded.start_again()?;
        Ok(upgraded)
    }
}
