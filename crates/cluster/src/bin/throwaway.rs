//! Runs a command beside a throwaway server, which is gone afterwards.
//!
//! `throwaway [NAME=VALUE ...] -- COMMAND [ARGUMENT ...]`: settings for `postgresql.conf`, then
//! the command. `PG_CONFIG` names the installation. The command finds the server through
//! `PGHOST`, `PGPORT` and `PGUSER`; its exit status is passed on.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use cluster::{Options, Server};

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::new();
    for setting in arguments.by_ref().take_while(|argument| argument != "--") {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("usage: throwaway [NAME=VALUE ...] -- COMMAND [ARGUMENT ...]");
        };
        options = options.set(name, value);
    }
    let program = arguments.next().context("no command after --")?;
    let server = Server::start(&options)?;
    let status = Command::new(&program)
        .args(arguments)
        .env("PGHOST", server.host())
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", "postgres")
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    let crashes = server.crash_reports();
    if !crashes.is_empty() {
        bail!("a server process died:\n{}", crashes.join("\n"));
    }
    Ok(u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}
