//! How long an index takes to build, what that costs, and how good the result is.

use std::time::Instant;

use anyhow::Result;
use cluster::Server;
use testdata::mean_recall;

use crate::dataset::Dataset;
use crate::memory::Watch;
use crate::peer::Peer;
use crate::searcher::Searcher;
use crate::sheet::{Metric, Sheet};
use crate::side::{INDEX, Side, TABLE, order};
use crate::wal;

/// One way to build.
#[derive(Clone, Copy)]
struct Variation {
    /// `maintenance_work_mem`; ample, where none is given.
    memory: Option<&'static str>,
    threads: usize,
    logged: bool,
}

/// The usual way; libraries build like this, and with one thread.
const AMPLE: Variation = Variation {
    memory: None,
    threads: 2,
    logged: true,
};
const NEIGHBOURS: usize = 10;
/// The default of `hnsw.ef_search`, for the recall of what was built.
const EF_SEARCH: u32 = 40;
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// The label of the time that counts most.
pub fn time_label() -> String {
    AMPLE.time_label()
}

impl Variation {
    /// The other ways, with this as scarce memory.
    fn others(scarce: &'static str) -> [Self; 3] {
        let logged = false;
        let memory = Some(scarce);
        let threads = 1;
        [
            Self { logged, ..AMPLE },
            Self { memory, ..AMPLE },
            Self { threads, ..AMPLE },
        ]
    }

    /// Whether the libraries have something like it.
    fn suits_libraries(self) -> bool {
        self.logged && self.memory.is_none()
    }

    fn label(self) -> String {
        let memory = match self.memory {
            Some(memory) => memory,
            None if self.logged => "ample memory",
            None => "unlogged",
        };
        let plural = if self.threads == 1 { "" } else { "s" };
        format!("{memory}, {} thread{plural}", self.threads)
    }

    fn time_label(self) -> String {
        format!("build, {}, s", self.label())
    }
}

/// Builds every arm's index in the usual way, which stays, and before that in others, with so
/// much as scarce memory and so often, where they are given.
pub fn measure(
    server: &Server,
    sides: &mut [Side],
    peers: &mut [Peer],
    dataset: &Dataset,
    rounds: usize,
    scarce: Option<(&'static str, usize)>,
) -> Result<Sheet> {
    let mut sheet = Sheet::default();
    let others = scarce.into_iter().flat_map(|(memory, rounds)| {
        let others = Variation::others(memory);
        others.map(|variation| (variation, rounds))
    });
    for (variation, rounds) in others.chain([(AMPLE, rounds)]) {
        set_logged(sides, variation.logged)?;
        for round in 0..rounds {
            build_round(server, &mut sheet, sides, peers, dataset, variation, round)?;
        }
    }
    for side in sides {
        sizes(&mut sheet, side)?;
    }
    Ok(sheet)
}

/// Builds the indexes without measuring anything, for the parts that need them.
pub fn prepare(sides: &mut [Side], peers: &mut [Peer], dataset: &Dataset) -> Result<()> {
    for side in sides {
        side.set_memory(&dataset.ample_memory())?;
        side.create_index()?;
    }
    for peer in peers {
        // One that fails says so, and is left alone by the parts that follow.
        let _ = peer.build(AMPLE.threads);
    }
    Ok(())
}

fn set_logged(sides: &mut [Side], logged: bool) -> Result<()> {
    let persistence = if logged { "p" } else { "u" };
    for side in sides {
        let now: String = side
            .client
            .query_one(
                "SELECT relpersistence::text FROM pg_class WHERE oid = $1::text::regclass",
                &[&TABLE],
            )?
            .get(0);
        if now != persistence {
            side.client.batch_execute(&format!(
                "DROP INDEX IF EXISTS {INDEX}; ALTER TABLE {TABLE} SET {}",
                if logged { "LOGGED" } else { "UNLOGGED" }
            ))?;
            let vacuum = format!("VACUUM (FREEZE, ANALYZE) {TABLE}");
            side.client.batch_execute(&vacuum)?;
        }
    }
    Ok(())
}

fn build_round(
    server: &Server,
    sheet: &mut Sheet,
    sides: &mut [Side],
    peers: &mut [Peer],
    dataset: &Dataset,
    variation: Variation,
    round: usize,
) -> Result<()> {
    for side in sides.iter_mut() {
        let drop = format!("DROP INDEX IF EXISTS {INDEX}");
        side.client.batch_execute(&drop)?;
    }
    // Neither between the builds nor during them.
    server.connect("postgres")?.batch_execute("CHECKPOINT")?;
    let libraries = if variation.suits_libraries() {
        peers.len()
    } else {
        0
    };
    for at in order(sides.len() + libraries, round) {
        match sides.get_mut(at) {
            Some(side) => build_side(server, sheet, side, dataset, variation)?,
            None => build_peer(sheet, &mut peers[at - sides.len()], dataset, variation)?,
        }
    }
    Ok(())
}

/// In a session of its own: memory that an earlier build left with the process would hide some
/// of what this one needs.
fn build_side(
    server: &Server,
    sheet: &mut Sheet,
    side: &mut Side,
    dataset: &Dataset,
    variation: Variation,
) -> Result<()> {
    side.reconnect(server)?;
    let workers = variation.threads - 1;
    let set = format!("SET max_parallel_maintenance_workers = {workers}");
    side.client.batch_execute(&set)?;
    let ample = dataset.ample_memory();
    side.set_memory(variation.memory.unwrap_or(&ample))?;
    let session = side.client.query_one("SELECT pg_backend_pid()", &[])?;
    let before = wal::position(&mut side.client)?;
    let watch = Watch::start(session.get(0))?;
    let started = Instant::now();
    side.create_index()?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = watch.peak()?;
    let written = (wal::position(&mut side.client)? - before) / MEGABYTE;
    side.reconnect(server)?;
    record(sheet, side.name, variation, seconds, megabytes(peak.used));
    if peak.reserved > peak.used {
        let note = format!("of {:.0} reserved", megabytes(peak.reserved));
        sheet.note(&memory_metric(variation), side.name, note);
    }
    let metric = Metric::less(format!("WAL of the build, {}, MB", variation.label()), 1);
    sheet.record(&metric, side.name, written);
    record_recall(sheet, side, dataset, variation)
}

fn build_peer(
    sheet: &mut Sheet,
    peer: &mut Peer,
    dataset: &Dataset,
    variation: Variation,
) -> Result<()> {
    let Some(built) = peer.works().then(|| peer.build(variation.threads)) else {
        return Ok(());
    };
    let Ok(built) = built else {
        sheet.note(&time_metric(variation), peer.name, "failed");
        return Ok(());
    };
    record(
        sheet,
        peer.name,
        variation,
        built.seconds,
        built.bytes / MEGABYTE,
    );
    match record_recall(sheet, peer, dataset, variation) {
        Err(_) if !peer.works() => Ok(()),
        recorded => recorded,
    }
}

fn record(sheet: &mut Sheet, arm: &str, variation: Variation, seconds: f64, peak: f64) {
    sheet.record(&time_metric(variation), arm, seconds);
    sheet.record(&memory_metric(variation), arm, peak);
}

fn time_metric(variation: Variation) -> Metric {
    Metric::less(variation.time_label(), 2)
}

fn memory_metric(variation: Variation) -> Metric {
    Metric::less(format!("memory of the build, {}, MB", variation.label()), 0)
}

fn record_recall(
    sheet: &mut Sheet,
    arm: &mut dyn Searcher,
    dataset: &Dataset,
    variation: Variation,
) -> Result<()> {
    let found = arm.search(dataset, NEIGHBOURS, EF_SEARCH)?;
    let recall = mean_recall(&found.ids, &dataset.truth, NEIGHBOURS);
    let label = format!("recall@10 of it at ef_search 40, {}", variation.label());
    let name = arm.name().to_owned();
    sheet.record(&Metric::plain(label, 4), &name, recall);
    Ok(())
}

fn sizes(sheet: &mut Sheet, side: &mut Side) -> Result<()> {
    let query =
        format!("SELECT pg_relation_size('{INDEX}')::float8, pg_table_size('{TABLE}')::float8");
    let row = side.client.query_one(&query, &[])?;
    let (index, table): (f64, f64) = (row.get(0), row.get(1));
    sheet.record(&Metric::less("index, MB", 1), side.name, index / MEGABYTE);
    sheet.record(&Metric::plain("table, MB", 1), side.name, table / MEGABYTE);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}
