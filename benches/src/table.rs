//! The results as tables for people, in Markdown.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::libraries::NOT_AVAILABLE;
use crate::report::{Arm, DatasetReport, PartReport};
use crate::sheet::Sheet;

/// What a data set is, and who could not take part.
pub fn title(results: &DatasetReport) -> String {
    let arms = results.arms.iter();
    let missing: Vec<&str> = arms
        .filter(|arm| arm.version == NOT_AVAILABLE)
        .map(|arm| arm.name.as_str())
        .collect();
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("; {NOT_AVAILABLE}: {}", missing.join(", "))
    };
    format!(
        "{}: {} x {}, {}, {} queries{missing}",
        results.name, results.rows, results.dimensions, results.operator, results.queries
    )
}

/// The lines of one part, with the ratio of every arm to the first: above 1 the first is ahead.
pub fn part(part: &PartReport, arms: &[Arm]) -> String {
    sheet(&part.lines, arms)
}

/// Lines as a table. Arms that have nothing in it get no column.
pub fn sheet(sheet: &Sheet, arms: &[Arm]) -> String {
    let present = |arm: &&Arm| {
        let mut lines = sheet.lines().iter();
        lines.any(|line| !line.text(&arm.name).is_empty())
    };
    let arms: Vec<&Arm> = arms.iter().filter(present).collect();
    let Some((first, others)) = arms.split_first() else {
        return String::new();
    };
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    let mut header = vec![String::new(), heading(first)];
    for arm in others {
        header.extend([heading(arm), "ratio".to_owned()]);
    }
    table.set_header(header);
    for line in sheet.lines() {
        let mut row = vec![line.label.clone(), line.text(&first.name)];
        for arm in others {
            let ratio = line.ratio(&first.name, &arm.name);
            let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            row.extend([line.text(&arm.name), ratio]);
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn heading(arm: &Arm) -> String {
    format!("{} {}", arm.name, arm.version).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::sheet;
    use crate::report::Arm;
    use crate::sheet::{Metric, Sheet};

    #[test]
    fn columns_of_those_who_took_part() {
        let arm = |name: &str| Arm {
            name: name.to_owned(),
            version: "1".to_owned(),
        };
        let mut lines = Sheet::default();
        lines.record(&Metric::less("time", 1), "a", 1.0);
        lines.record(&Metric::less("time", 1), "b", 2.5);
        let text = sheet(&lines, &[arm("a"), arm("b"), arm("c")]);
        let last: Vec<&str> = text.lines().last().unwrap().split('|').collect();
        let cells: Vec<&str> = last.iter().map(|cell| cell.trim()).collect();
        assert_eq!(cells, ["", "time", "1.0", "2.5", "2.50", ""]);
        assert!(!text.contains("c 1"));
    }
}
