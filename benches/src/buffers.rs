//! Buffers that a query touches, from its plan.

use anyhow::{Context, Result};
use postgres::Client;
use serde_json::Value;
use testdata::sql;

use crate::dataset::Dataset;
use crate::side::Side;

/// So many queries are explained.
const QUERIES: usize = 50;

/// What `EXPLAIN (ANALYZE, BUFFERS)` counts.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// Shared buffers found in memory.
    pub hit: f64,
    /// Shared buffers read.
    pub read: f64,
    /// Time of execution.
    pub millis: f64,
}

/// Buffers of index and table together that a query touches at the current settings.
pub fn per_query(side: &mut Side, dataset: &Dataset, k: usize) -> Result<f64> {
    let mut total = 0.0;
    let mut count = 0.0;
    for query in dataset.queries.rows().take(QUERIES) {
        let query = side.query(&format!("'{}'", sql::text(query)), k);
        let plan = explain(&mut side.client, &query)?;
        total += plan.hit + plan.read;
        count += 1.0;
    }
    Ok(total / count)
}

/// Runs a query and returns what it touched.
pub fn explain(client: &mut Client, query: &str) -> Result<Plan> {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}");
    let messages = client.simple_query(&explain)?;
    let text = messages.iter().find_map(|message| match message {
        postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    parse(text.context("no plan")?)
}

fn parse(plan: &str) -> Result<Plan> {
    let plan: Value = serde_json::from_str(plan)?;
    let number = |value: &Value, name: &str| value[name].as_f64().with_context(|| name.to_owned());
    Ok(Plan {
        hit: number(&plan[0]["Plan"], "Shared Hit Blocks")?,
        read: number(&plan[0]["Plan"], "Shared Read Blocks")?,
        millis: number(&plan[0], "Execution Time")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Plan, parse};

    #[test]
    fn a_plan() {
        let text = r#"[{"Plan": {"Shared Hit Blocks": 5, "Shared Read Blocks": 2},
            "Execution Time": 1.5}]"#;
        let (hit, read, millis) = (5.0, 2.0, 1.5);
        assert_eq!(parse(text).unwrap(), Plan { hit, read, millis });
    }
}
