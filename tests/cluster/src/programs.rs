//! PostgreSQL's programs, run against a server of a test.

use std::path::Path;
use std::process::{Command, Stdio};

use cluster::Server;

/// Runs one of PostgreSQL's programs against a database; returns what it prints.
pub fn run(server: &Server, program: &str, database: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(server.installation().program(program))
        .args(["-h".as_ref(), server.host().as_os_str()])
        .args(["-p", &server.port().to_string(), "-U", "postgres", "-d"])
        .arg(database)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !problems.contains("ERROR"),
        "{program}: {problems}"
    );
    output.stdout
}

/// Runs a file of SQL against a database; every statement counts.
pub fn restore(server: &Server, database: &str, file: &Path) {
    let file = file.to_str().unwrap();
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file];
    run(server, "psql", database, &arguments);
}
