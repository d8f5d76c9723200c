//! Latency at given recalls with one client, recall at default settings, buffers.

use anyhow::Result;
use testdata::mean_recall;

use crate::buffers;
use crate::curve::{At, Curve};
use crate::dataset::Dataset;
use crate::peer::Peer;
use crate::report::CurveReport;
use crate::searcher::Searcher;
use crate::sheet::{Metric, Sheet};
use crate::side::{Side, order};

/// A sweep for one number of neighbours.
struct Sweep {
    k: usize,
    settings: &'static [u32],
    recalls: &'static [f64],
}

/// Up to 1,000, the largest that pgvector takes.
const SWEEPS: [Sweep; 2] = [
    Sweep {
        k: 10,
        settings: &[
            4, 6, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 1000,
        ],
        recalls: &[0.90, 0.95, 0.99],
    },
    Sweep {
        k: 100,
        settings: &[40, 56, 80, 100, 120, 160, 224, 320, 448, 640, 1000],
        recalls: &[0.95],
    },
];
/// A sweep ends when it is so much above the last recall that matters.
const MARGIN: f64 = 0.003;
/// Other measurements are made at the smallest setting that reaches this recall.
pub const OPERATING_POINT: f64 = 0.95;

/// The label of a latency.
pub fn latency_label(k: usize, recall: f64) -> String {
    format!("ms in the server, recall@{k} {recall:.2}")
}

/// Sweeps all arms, alternating at every point.
pub fn measure(
    sides: &mut [Side],
    peers: &mut [Peer],
    dataset: &Dataset,
    rounds: usize,
) -> Result<(Sheet, Vec<CurveReport>)> {
    let mut sheet = Sheet::default();
    let mut reports = Vec::new();
    for side in sides.iter_mut() {
        side.search(dataset, 10, 40)?;
    }
    for sweep in &SWEEPS {
        let curves = run(sides, peers, dataset, sweep, rounds)?;
        for (arm, curve) in names(sides, peers).iter().zip(&curves) {
            latencies(&mut sheet, arm, curve, sweep);
            reports.push(CurveReport {
                arm: arm.clone(),
                k: sweep.k,
                points: curve.summary(),
            });
        }
        if sweep.k == SWEEPS[0].k {
            around_the_point(&mut sheet, sides, dataset, &curves, rounds)?;
        }
    }
    defaults(&mut sheet, sides, dataset, rounds)?;
    Ok((sheet, reports))
}

/// The setting of each side that reaches the operating point, from one short sweep.
pub fn operating_points(sides: &mut [Side], dataset: &Dataset) -> Result<Vec<Option<u32>>> {
    let sweep = Sweep {
        recalls: &[OPERATING_POINT],
        ..SWEEPS[0]
    };
    let curves = run(sides, &mut [], dataset, &sweep, 1)?;
    Ok(curves
        .iter()
        .map(|curve| curve.setting(OPERATING_POINT))
        .collect())
}

fn names(sides: &[Side], peers: &[Peer]) -> Vec<String> {
    let sides = sides.iter().map(|side| side.name.to_owned());
    sides
        .chain(peers.iter().map(|peer| peer.name.to_owned()))
        .collect()
}

fn run(
    sides: &mut [Side],
    peers: &mut [Peer],
    dataset: &Dataset,
    sweep: &Sweep,
    rounds: usize,
) -> Result<Vec<Curve>> {
    let sides = sides.iter_mut().map(|side| side as &mut dyn Searcher);
    let peers = peers.iter_mut().map(|peer| peer as &mut dyn Searcher);
    let mut arms: Vec<&mut dyn Searcher> = sides.chain(peers).collect();
    let mut curves: Vec<Curve> = arms.iter().map(|_| Curve::default()).collect();
    let enough = sweep.recalls.iter().fold(0.0, |a: f64, b| a.max(*b)) + MARGIN;
    for round in 0..rounds {
        for &ef in sweep.settings {
            for at in order(arms.len(), round) {
                let arm = &arms[at];
                let useless = ef < arm.smallest(sweep.k) || curves[at].enough_before(ef, enough);
                if useless || !arm.works() {
                    continue;
                }
                let found = match arms[at].search(dataset, sweep.k, ef) {
                    Err(_) if !arms[at].works() => continue,
                    found => found?,
                };
                let recall = mean_recall(&found.ids, &dataset.truth, sweep.k);
                curves[at].record(ef, recall, found.millis);
            }
        }
    }
    Ok(curves)
}

fn latencies(sheet: &mut Sheet, arm: &str, curve: &Curve, sweep: &Sweep) {
    for &recall in sweep.recalls {
        let metric = Metric::less(latency_label(sweep.k, recall), 3);
        match curve.at(recall) {
            At::Between(rounds) => rounds.iter().for_each(|&ms| sheet.record(&metric, arm, ms)),
            At::Below(rounds) => {
                rounds.iter().for_each(|&ms| sheet.record(&metric, arm, ms));
                sheet.note(&metric, arm, "or less");
            }
            At::Never(_) if curve.is_empty() => sheet.note(&metric, arm, "failed"),
            At::Never(best) => sheet.note(&metric, arm, format!("not reached, at most {best:.3}")),
        }
    }
}

/// What belongs to the smallest measured setting that reaches the operating point: the latency
/// with the client's share, and buffers.
fn around_the_point(
    sheet: &mut Sheet,
    sides: &mut [Side],
    dataset: &Dataset,
    curves: &[Curve],
    rounds: usize,
) -> Result<()> {
    let settings: Vec<_> = curves.iter().map(|c| c.setting(OPERATING_POINT)).collect();
    let k = SWEEPS[0].k;
    let ef_metric = Metric::plain(format!("ef_search from recall@10 {OPERATING_POINT:.2}"), 0);
    let server = Metric::less("ms at that ef_search, in the server", 3);
    let client = Metric::less("ms at that ef_search, as a client sees it", 3);
    let empty = Metric::plain("ms of a client's query that does nothing", 3);
    let touched = Metric::less("buffers a query at that ef_search", 0);
    for round in 0..rounds {
        for at in order(sides.len(), round) {
            let side = &mut sides[at];
            let Some(ef) = settings[at] else {
                sheet.note(&ef_metric, side.name, "not reached");
                continue;
            };
            sheet.record(&ef_metric, side.name, f64::from(ef));
            let found = side.search(dataset, k, ef)?;
            sheet.record(&server, side.name, found.millis);
            sheet.record(&client, side.name, side.client_millis(dataset, k)?);
            sheet.record(&empty, side.name, side.empty_millis(dataset)?);
            sheet.record(&touched, side.name, buffers::per_query(side, dataset, k)?);
        }
    }
    Ok(())
}

fn defaults(sheet: &mut Sheet, sides: &mut [Side], dataset: &Dataset, rounds: usize) -> Result<()> {
    let k = SWEEPS[0].k;
    for round in 0..rounds {
        for at in order(sides.len(), round) {
            let side = &mut sides[at];
            side.reset_ef()?;
            let found = side.search_range(k, 0, dataset.queries.len())?;
            let recall = mean_recall(&found.ids, &dataset.truth, k);
            let metric = Metric::plain("recall@10 at default settings", 4);
            sheet.record(&metric, side.name, recall);
            let metric = Metric::less("ms in the server at default settings", 3);
            sheet.record(&metric, side.name, found.millis);
        }
    }
    Ok(())
}
