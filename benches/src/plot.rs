//! Pictures: recall against queries per second, and costs against the number of rows.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::growth::{self, Cost};
use crate::report::{Arm, DatasetReport};

const SIZE: (u32, u32) = (900, 560);
/// A picture of the series of growing sets has one panel a cost.
const WIDE: (u32, u32) = (1350, 480);
const COLORS: [(&str, RGBColor); 5] = [
    ("pg_hnsw", RGBColor(0, 90, 200)),
    ("pgvector", RGBColor(210, 90, 0)),
    ("hnswlib", RGBColor(30, 140, 60)),
    ("usearch", RGBColor(140, 60, 170)),
    ("faiss", RGBColor(120, 120, 120)),
];
/// The plot starts here: lower recalls are of no use.
const LOWEST_RECALL: f64 = 0.8;
const POINT: u32 = 4;
/// Space above the highest and below the lowest point, as a factor.
const ROOM: f64 = 1.25;
/// The column of names at the right of a picture, and the distance of its lines.
const LEGEND: u32 = 170;
const LINE: i32 = 24;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn std::error::Error>;

/// A line of points with its name.
struct Series {
    name: String,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// One line for every arm, for recall among so many; further up and to the right is better.
/// Draws nothing where nothing was searched.
pub fn recall(results: &DatasetReport, k: usize, path: &Path) -> Result<()> {
    let series = curves(results, k);
    if series.iter().all(|series| series.points.is_empty()) {
        return Ok(());
    }
    drawing(path, SIZE, &series, |area| {
        let title = format!(
            "{}: {} x {}",
            results.name, results.rows, results.dimensions
        );
        recall_chart(area, &title, k, &series)
    })
}

/// One panel for every cost that was measured on growing sets.
pub fn costs(datasets: &[DatasetReport], path: &Path) -> Result<()> {
    let Some(largest) = datasets.iter().rfind(|dataset| dataset.growth) else {
        return Ok(());
    };
    let arms = &largest.arms;
    let panels = growth::costs().map(|cost| (lines(datasets, &cost, arms), cost));
    drawing(path, WIDE, &panels[0].0, |area| {
        let parts = area.split_evenly((1, panels.len()));
        for (part, (series, cost)) in parts.iter().zip(&panels) {
            cost_chart(part, cost, series)?;
        }
        Ok(())
    })
}

/// A picture with the names of these series at its right; the rest is drawn by `draw`.
fn drawing(
    path: &Path,
    size: (u32, u32),
    series: &[Series],
    draw: impl FnOnce(&Area) -> Result<(), Failure>,
) -> Result<()> {
    let area = SVGBackend::new(path, size).into_drawing_area();
    let drawn = || -> Result<(), Failure> {
        area.fill(&WHITE)?;
        let (charts, names) = area.split_horizontally(size.0 - LEGEND);
        legend(&names, series)?;
        draw(&charts)?;
        Ok(area.present()?)
    };
    drawn().map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

fn legend(area: &Area, series: &[Series]) -> Result<(), Failure> {
    for (series, line) in series.iter().zip(3..) {
        let y = line * LINE;
        let stroke = series.color.stroke_width(2);
        area.draw(&PathElement::new([(5, y), (27, y)], stroke))?;
        area.draw(&Circle::new((16, y), POINT, series.color.filled()))?;
        let name = Text::new(series.name.clone(), (34, y - 7), ("sans-serif", 15));
        area.draw(&name)?;
    }
    Ok(())
}

fn curves(results: &DatasetReport, k: usize) -> Vec<Series> {
    let arms = results.arms.iter();
    arms.map(|arm| {
        let mut curves = results.curves.iter();
        let curve = curves.find(|curve| curve.k == k && curve.arm == arm.name);
        let points = curve.map_or(&[][..], |curve| &curve.points);
        let points = points.iter().filter(|point| point.recall >= LOWEST_RECALL);
        series(
            arm,
            points
                .map(|point| (point.recall, 1e3 / point.millis.median))
                .collect(),
        )
    })
    .filter(|series| !series.points.is_empty())
    .collect()
}

fn lines(datasets: &[DatasetReport], cost: &Cost, arms: &[Arm]) -> Vec<Series> {
    let arms = arms.iter();
    arms.map(|arm| series(arm, growth::points(datasets, cost, &arm.name)))
        .filter(|series| series.points.len() > 1)
        .collect()
}

fn series(arm: &Arm, points: Vec<(f64, f64)>) -> Series {
    let color = COLORS.iter().find(|(name, _)| *name == arm.name);
    Series {
        name: format!("{} {}", arm.name, arm.version),
        color: color.map_or(BLACK, |(_, color)| *color),
        points,
    }
}

fn recall_chart(area: &Area, title: &str, k: usize, series: &[Series]) -> Result<(), Failure> {
    let recalls = span(series, |point| point.0);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 22))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(75)
        .build_cartesian_2d(recalls.start..1.0, roomy(span(series, |p| p.1)).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(format!("recall@{k}"))
        .y_desc("queries per second, one client")
        .label_style(("sans-serif", 15))
        .x_label_formatter(&|recall| format!("{recall:.2}"))
        .y_label_formatter(&|rate| round(*rate, short))
        .light_line_style(WHITE)
        .draw()?;
    draw_series(&mut chart, series)
}

fn cost_chart(area: &Area, cost: &Cost, series: &[Series]) -> Result<(), Failure> {
    if series.is_empty() {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(area)
        .caption(cost.title, ("sans-serif", 20))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(75)
        .build_cartesian_2d(
            roomy(span(series, |p| p.0)).log_scale(),
            roomy(span(series, |p| p.1)).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("rows")
        .label_style(("sans-serif", 15))
        .x_label_formatter(&|rows| round(*rows, thousands))
        .y_label_formatter(&|value| round(*value, short))
        .light_line_style(WHITE)
        .draw()?;
    draw_series(&mut chart, series)
}

type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

fn draw_series<'a, X, Y>(chart: &mut Chart<'a, '_, X, Y>, series: &[Series]) -> Result<(), Failure>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for series in series {
        let color = series.color;
        let points = series.points.iter().copied();
        chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        let dots = series.points.iter();
        chart.draw_series(dots.map(|&at| Circle::new(at, POINT, color.filled())))?;
    }
    Ok(())
}

fn span(series: &[Series], of: impl Fn(&(f64, f64)) -> f64) -> std::ops::Range<f64> {
    let values = series.iter().flat_map(|series| &series.points).map(of);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    low..high
}

fn roomy(span: std::ops::Range<f64>) -> std::ops::Range<f64> {
    span.start / ROOM..span.end * ROOM
}

/// Only values that begin with 1, 2 or 5 are written: on a logarithmic axis the others are too
/// near to each other.
fn round(value: f64, write: impl Fn(f64) -> String) -> String {
    let digits = format!("{value:e}");
    if digits.starts_with(['1', '2', '5']) {
        write(value)
    } else {
        String::new()
    }
}

/// `20k`, `1M`.
fn thousands(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e3 {
        format!("{}k", value / 1e3)
    } else {
        format!("{value}")
    }
}

/// Without the digits that a logarithmic axis does not need.
fn short(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.5}").trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{round, short, thousands};

    #[test]
    fn labels() {
        assert_eq!(thousands(30_000.0), "30k");
        assert_eq!(thousands(1_000_000.0), "1M");
        assert_eq!(short(0.0002), "0.0002");
        assert_eq!(short(20.0), "20");
        assert_eq!(round(500.0, short), "500");
        assert_eq!(round(0.03, short), "");
    }
}
