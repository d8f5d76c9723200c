//! Rates of several clients at once, with PostgreSQL's own pgbench.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cluster::Server;

use crate::dataset::Dataset;
use crate::search::{self, OPERATING_POINT};
use crate::sheet::{Metric, Sheet};
use crate::side::{QUERIES, Side, order};

const CLIENTS: [usize; 3] = [1, 2, 8];
/// pgbench's own threads: the server needs the processors too.
const THREADS: usize = 2;
const NEIGHBOURS: usize = 10;

/// Measures each number of clients for so many seconds, at the operating point of each side.
pub fn measure(
    server: &Server,
    sides: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
    seconds: u32,
    directory: &Path,
) -> Result<Sheet> {
    let mut sheet = Sheet::default();
    let settings = search::operating_points(sides, dataset)?;
    let there = server.installation().program("pgbench").exists();
    for round in 0..rounds {
        for clients in CLIENTS {
            let metric = Metric::more(
                format!("queries/s, recall@10 {OPERATING_POINT:.2}, pgbench with {clients}"),
                0,
            );
            for at in order(sides.len(), round) {
                let side = &sides[at];
                match settings[at] {
                    _ if !there => sheet.note(&metric, side.name, "no pgbench"),
                    None => sheet.note(&metric, side.name, "not reached"),
                    Some(ef) => {
                        let script = directory.join(format!("{}.pgbench", side.database));
                        std::fs::write(&script, transaction(side, dataset))?;
                        let rate = run(server, side, &script, clients, ef, seconds)?;
                        std::fs::remove_file(&script)?;
                        sheet.record(&metric, side.name, rate);
                    }
                }
            }
        }
    }
    Ok(sheet)
}

/// One of the queries by chance, whose vector is in the server already.
fn transaction(side: &Side, dataset: &Dataset) -> String {
    let vector = format!("(SELECT v FROM {QUERIES} WHERE id = :n)");
    format!(
        "\\set n random(0, {})\n{};\n",
        dataset.queries.len() - 1,
        side.query(&vector, NEIGHBOURS)
    )
}

fn run(
    server: &Server,
    side: &Side,
    script: &Path,
    clients: usize,
    ef: u32,
    seconds: u32,
) -> Result<f64> {
    let options = format!(
        "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c hnsw.ef_search={ef}"
    );
    let output = Command::new(server.installation().program("pgbench"))
        .env("PGOPTIONS", options)
        .arg("-h")
        .arg(server.host())
        .args(["-p", &server.port().to_string(), "-U", "postgres"])
        .args(["-n", "-M", "prepared", "-f"])
        .arg(script)
        .args(["-c", &clients.to_string()])
        .args(["-j", &clients.min(THREADS).to_string()])
        .args(["-T", &seconds.to_string(), &side.database])
        .output()
        .context("cannot run pgbench")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {errors}");
    rate(&String::from_utf8_lossy(&output.stdout))
}

fn rate(output: &str) -> Result<f64> {
    let mut lines = output.lines();
    let rate = lines.find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.context("pgbench printed no rate")
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_of_an_output() {
        let output = "latency average = 0.5 ms\n\
                      tps = 1981.25 (without initial connection time)\n";
        assert!((rate(output).unwrap() - 1981.25).abs() < 1e-9);
        assert!(rate("nothing").is_err());
    }
}
