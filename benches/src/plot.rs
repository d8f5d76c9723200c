//! Recall against queries per second, as a picture.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::report::{DatasetReport, SideReport};

const SIZE: (u32, u32) = (900, 600);
const COLORS: [RGBColor; 2] = [RGBColor(0, 90, 200), RGBColor(210, 90, 0)];
/// The plot starts here: lower recalls are of no use.
const LOWEST_RECALL: f64 = 0.7;
const POINT: u32 = 4;

/// Draws one line for every side; further up and to the right is better.
pub fn draw(results: &DatasetReport, path: &Path) -> Result<()> {
    let drawing = SVGBackend::new(path, SIZE).into_drawing_area();
    draw_on(&drawing, results).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

type Failure = Box<dyn std::error::Error>;

fn draw_on(
    drawing: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    results: &DatasetReport,
) -> Result<(), Failure> {
    let curves: Vec<Vec<(f64, f64)>> = results.sides.iter().map(curve).collect();
    let points = curves.iter().flatten();
    let rates = points.clone().map(|point| point.1);
    let (slowest, fastest) = (
        rates.clone().fold(f64::MAX, f64::min),
        rates.fold(1.0, f64::max),
    );
    let lowest = points
        .map(|point| point.0)
        .fold(1.0, f64::min)
        .max(LOWEST_RECALL);
    drawing.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(drawing)
        .caption(&results.name, ("sans-serif", 22))
        .margin(15)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(
            lowest..1.0,
            (slowest.min(fastest) * 0.8..fastest * 1.2).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("recall@10")
        .y_desc("queries per second, one client")
        .x_label_formatter(&|recall| format!("{recall:.2}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    for ((side, curve), color) in results.sides.iter().zip(curves).zip(COLORS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(
                curve.iter().copied(),
                color.stroke_width(2),
            ))?
            .label(format!("{} {}", side.name, side.version))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], *color));
        chart.draw_series(
            curve
                .iter()
                .map(|&at| Circle::new(at, POINT, color.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    drawing.present()?;
    Ok(())
}

fn curve(side: &SideReport) -> Vec<(f64, f64)> {
    let points = side
        .search
        .sweep
        .iter()
        .filter(|point| point.recall >= LOWEST_RECALL);
    points
        .map(|point| (point.recall, 1e3 / point.millis.median))
        .collect()
}
