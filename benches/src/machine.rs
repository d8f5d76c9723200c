//! What the figures depend on besides the code.

use anyhow::Result;
use cluster::Server;
use serde::Serialize;

/// Settings that a result depends on.
const SETTINGS: [&str; 7] = [
    "server_version",
    "shared_buffers",
    "fsync",
    "wal_level",
    "full_page_writes",
    "wal_compression",
    "jit",
];

/// The machine and the server.
#[derive(Serialize)]
pub struct Machine {
    processor: String,
    memory_gib: f64,
    kernel: String,
    settings: Vec<(String, String)>,
}

impl Machine {
    /// Asks both.
    pub fn describe(server: &Server) -> Result<Self> {
        let mut client = server.connect("postgres")?;
        let mut settings = Vec::new();
        for name in SETTINGS {
            let value = client
                .query_one("SELECT current_setting($1)", &[&name])?
                .get(0);
            settings.push((name.to_owned(), value));
        }
        Ok(Self {
            processor: processor(),
            memory_gib: memory_gib(),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            settings,
        })
    }

    /// One line for people.
    pub fn text(&self) -> String {
        let version = self.settings.first().map_or("", |(_, value)| value);
        format!(
            "{}, {:.0} GiB, Linux {}, PostgreSQL {version}",
            self.processor, self.memory_gib, self.kernel
        )
    }
}

fn processor() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name");
    format!(
        "{cpus} x {}",
        model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
    )
}

fn memory_gib() -> f64 {
    let total = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kilobytes = total.split(' ').next().and_then(|n| n.parse().ok());
    kilobytes.unwrap_or(0.0) / 1024.0 / 1024.0
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
