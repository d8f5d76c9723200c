//! Results as lines: what was measured, with the rounds of every arm.
//!
//! An arm is what is compared: one of the extensions or libraries, by its name. Whatever measures
//! something records its rounds here, one by one; a line appears with its first record.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::spread::Spread;

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The smaller: times, sizes.
    Less,
    /// The larger: rates.
    More,
    /// Values that are not compared as a ratio, such as recalls.
    Neither,
}

/// What a line is about.
#[derive(Debug, Clone)]
pub struct Metric {
    label: Cow<'static, str>,
    better: Better,
    decimals: usize,
}

impl Metric {
    /// Less is better.
    pub fn less(label: impl Into<Cow<'static, str>>, decimals: usize) -> Self {
        Self::new(label.into(), Better::Less, decimals)
    }

    /// More is better.
    pub fn more(label: impl Into<Cow<'static, str>>, decimals: usize) -> Self {
        Self::new(label.into(), Better::More, decimals)
    }

    /// No ratio is of interest.
    pub fn plain(label: impl Into<Cow<'static, str>>, decimals: usize) -> Self {
        Self::new(label.into(), Better::Neither, decimals)
    }

    fn new(label: Cow<'static, str>, better: Better, decimals: usize) -> Self {
        Self {
            label,
            better,
            decimals,
        }
    }
}

/// Lines in the order in which they were first recorded.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Sheet {
    lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What was measured.
    pub label: String,
    /// What the ratio takes for better.
    pub better: Better,
    #[serde(skip)]
    decimals: usize,
    cells: BTreeMap<String, Cell>,
}

/// What one arm did.
#[derive(Debug, Default, Serialize)]
struct Cell {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    spread: Option<Spread>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rounds: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Sheet {
    /// Adds a round.
    pub fn record(&mut self, metric: &Metric, arm: &str, value: f64) {
        let cell = self.cell(metric, arm);
        cell.rounds.push(value);
        cell.spread = Some(Spread::of(&cell.rounds));
    }

    /// Says why there is no value, or something about it.
    pub fn note(&mut self, metric: &Metric, arm: &str, note: impl Into<String>) {
        self.cell(metric, arm).note = Some(note.into());
    }

    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The middle round of a line.
    pub fn median(&self, label: &str, arm: &str) -> Option<f64> {
        let line = self.lines.iter().find(|line| line.label == label)?;
        line.median(arm)
    }

    fn cell(&mut self, metric: &Metric, arm: &str) -> &mut Cell {
        let at = self.lines.iter().position(|l| l.label == metric.label);
        let at = at.unwrap_or_else(|| {
            self.lines.push(Line {
                label: metric.label.to_string(),
                better: metric.better,
                decimals: metric.decimals,
                cells: BTreeMap::new(),
            });
            self.lines.len() - 1
        });
        self.lines[at].cells.entry(arm.to_owned()).or_default()
    }
}

impl Line {
    /// The middle round of an arm.
    pub fn median(&self, arm: &str) -> Option<f64> {
        Some(self.cells.get(arm)?.spread.as_ref()?.median)
    }

    /// The cell of an arm as text; empty where nothing is known.
    pub fn text(&self, arm: &str) -> String {
        let Some(cell) = self.cells.get(arm) else {
            return String::new();
        };
        let value = cell.spread.as_ref().map(|s| s.text(self.decimals));
        match (value, &cell.note) {
            (Some(value), Some(note)) => format!("{value} {note}"),
            (Some(value), None) => value,
            (None, note) => note.clone().unwrap_or_default(),
        }
    }

    /// How many times better `arm` is than `peer`: above 1 it is ahead.
    pub fn ratio(&self, arm: &str, peer: &str) -> Option<f64> {
        let (ours, theirs) = (self.median(arm)?, self.median(peer)?);
        let ratio = match self.better {
            Better::Less => theirs / ours,
            Better::More => ours / theirs,
            Better::Neither => return None,
        };
        ratio.is_finite().then_some(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::{Metric, Sheet};

    #[test]
    fn lines_in_order_with_ratios() {
        let (time, rate) = (Metric::less("time", 1), Metric::more("rate", 0));
        let mut sheet = Sheet::default();
        for (ours, theirs) in [(1.0, 4.0), (2.0, 4.0), (3.0, 5.0)] {
            sheet.record(&time, "a", ours);
            sheet.record(&time, "b", theirs);
        }
        sheet.record(&rate, "a", 30.0);
        sheet.record(&rate, "b", 10.0);
        let [time, rate] = sheet.lines() else {
            panic!("two lines");
        };
        assert_eq!(time.text("a"), "2.0 (1.0-3.0)");
        assert_eq!(time.ratio("a", "b"), Some(2.0));
        assert_eq!(rate.ratio("a", "b"), Some(3.0));
        assert_eq!(sheet.median("rate", "b"), Some(10.0));
    }

    #[test]
    fn what_is_missing_says_why() {
        let recall = Metric::plain("recall", 2);
        let mut sheet = Sheet::default();
        sheet.note(&recall, "a", "not reached");
        sheet.record(&recall, "b", 0.5);
        let line = &sheet.lines()[0];
        assert_eq!(line.text("a"), "not reached");
        assert_eq!(line.text("c"), "");
        assert_eq!(line.ratio("b", "a"), None);
        let json = serde_json::to_value(&sheet).unwrap();
        assert_eq!(json[0]["cells"]["a"]["note"], "not reached");
        assert_eq!(json[0]["cells"]["b"]["median"], 0.5);
    }
}
