//! Searches that have to read: after a restart with nothing cached, and in a server whose
//! buffers are smaller than the index.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use cluster::{Options, Server};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::buffers::explain;
use crate::dataset::Dataset;
use crate::search::{OPERATING_POINT, operating_points};
use crate::sheet::{Metric, Sheet};
use crate::side::{INDEX, Side, order};

const NEIGHBOURS: usize = 10;
/// So many queries are the first ones.
const FIRST: usize = 100;
/// The smaller index is so many times larger than the small buffers.
const TIMES: i64 = 8;
/// PostgreSQL's page.
const PAGE_KILOBYTES: i64 = 8;
/// The server does not start with fewer pages than this.
const FEWEST_PAGES: i64 = 512;

/// Measures at the operating point of each side. The server is restarted with other buffers and
/// is as it was afterwards.
pub fn measure(
    server: &mut Server,
    options: &Options,
    sides: &mut [Side],
    dataset: &Dataset,
    rounds: usize,
) -> Result<Sheet> {
    let mut sheet = Sheet::default();
    let settings = operating_points(sides, dataset)?;
    for round in 0..rounds {
        for at in order(sides.len(), round) {
            let Some(ef) = settings[at] else { continue };
            restart(server, sides, Cache::Drop)?;
            first_queries(&mut sheet, &mut sides[at], ef)?;
        }
    }
    let small = small_buffers(sides)?;
    server.append_conf(&Options::new().set("shared_buffers", &small))?;
    restart(server, sides, Cache::Keep)?;
    // What was dropped above has to be in the kernel's cache again.
    operating_points(sides, dataset)?;
    for round in 0..rounds {
        for at in order(sides.len(), round) {
            let Some(ef) = settings[at] else { continue };
            with_small_buffers(&mut sheet, &mut sides[at], dataset, ef)?;
        }
    }
    server.append_conf(options)?;
    restart(server, sides, Cache::Keep)?;
    Ok(sheet)
}

#[derive(PartialEq)]
enum Cache {
    Keep,
    Drop,
}

fn restart(server: &mut Server, sides: &mut [Side], cache: Cache) -> Result<()> {
    server.stop(cluster::Shutdown::Fast)?;
    if cache == Cache::Drop {
        forget(&server.data_dir())?;
    }
    server.start_again()?;
    sides.iter_mut().try_for_each(|side| side.reconnect(server))
}

/// Asks the kernel to drop what it has cached of these files, which needs no privilege and
/// leaves the rest of the machine alone.
fn forget(directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget(&entry.path())?;
        } else if entry.file_type()?.is_file() {
            let file = File::open(entry.path())?;
            // Only clean pages are dropped.
            file.sync_all()?;
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        }
    }
    Ok(())
}

fn first_queries(sheet: &mut Sheet, side: &mut Side, ef: u32) -> Result<()> {
    side.set_ef(ef)?;
    let plan = explain(&mut side.client, &calls(FIRST))?;
    let metric = Metric::less(
        format!("cold: ms of the first {FIRST} queries, recall@10 {OPERATING_POINT:.2}"),
        0,
    );
    sheet.record(&metric, side.name, plan.millis);
    let metric = Metric::less(format!("cold: pages read by the first {FIRST} queries"), 0);
    sheet.record(&metric, side.name, plan.read);
    Ok(())
}

fn with_small_buffers(
    sheet: &mut Sheet,
    side: &mut Side,
    dataset: &Dataset,
    ef: u32,
) -> Result<()> {
    side.set_ef(ef)?;
    let count = dataset.queries.len();
    let found = side.search_range(NEIGHBOURS, 0, count)?;
    let metric = Metric::less("small shared_buffers: ms in the server", 3);
    sheet.record(&metric, side.name, found.millis);
    let plan = explain(&mut side.client, &calls(count))?;
    let metric = Metric::less("small shared_buffers: pages read a query", 1);
    #[expect(clippy::cast_precision_loss, reason = "queries are few")]
    sheet.record(&metric, side.name, plan.read / count as f64);
    Ok(())
}

fn calls(count: usize) -> String {
    format!("SELECT count(*) FROM bench_search_{NEIGHBOURS}(0, {count})")
}

/// An eighth of the smaller index, the same for all sides.
fn small_buffers(sides: &mut [Side]) -> Result<String> {
    let query = format!("SELECT pg_relation_size('{INDEX}')");
    let mut smallest = i64::MAX;
    for side in sides {
        smallest = smallest.min(side.client.query_one(&query, &[])?.get(0));
    }
    let pages = smallest / (PAGE_KILOBYTES * 1024) / TIMES;
    Ok(format!("{}kB", pages.max(FEWEST_PAGES) * PAGE_KILOBYTES))
}
