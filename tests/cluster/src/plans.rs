//! Runs every plan that there is for a query, and compares the one that the planner chooses.

use anyhow::{Context, Result};
use postgres::{Client, SimpleQueryMessage};
use serde_json::Value;

/// What a plan did.
#[derive(Clone, Debug)]
pub struct Run {
    /// The nodes of the plan, with their indexes.
    pub plan: String,
    /// What the planner thought that it costs.
    pub cost: f64,
    /// Pages of index, table and TOAST that it touched, found in memory or not.
    pub buffers: f64,
    /// Time of its execution.
    pub millis: f64,
    /// Rows that it returned.
    pub rows: f64,
}

/// The plans that are not chosen by themselves: settings, and whether the order is hidden from the index.
const FORCED: [(&str, bool); 4] = [
    (
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off",
        false,
    ),
    (
        "SET enable_indexscan = off; SET enable_bitmapscan = off",
        true,
    ),
    (
        "SET enable_seqscan = off; SET enable_bitmapscan = off",
        true,
    ),
    ("SET enable_seqscan = off; SET enable_indexscan = off", true),
];

/// Runs a query as the planner wants, then by each plan that there is; `order` is what it orders by.
pub fn all(
    client: &mut Client,
    select: &str,
    order: &str,
    limit: usize,
) -> Result<(Run, Vec<Run>)> {
    let query = |order: &str| format!("{select} ORDER BY {order} LIMIT {limit}");
    // What is read for the first time is in memory afterwards.
    explain(client, &query(order))?;
    let chosen = explain(client, &query(order))?;
    let mut others = Vec::new();
    for (settings, hidden) in FORCED {
        client.batch_execute(settings)?;
        let order = match hidden {
            true => format!("({order}) + 0"),
            false => order.to_owned(),
        };
        others.push(explain(client, &query(&order))?);
        client.batch_execute("RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_indexscan; RESET enable_sort")?;
    }
    Ok((chosen, others))
}

/// Runs a query; what it did.
fn explain(client: &mut Client, query: &str) -> Result<Run> {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {query}");
    let messages = client.simple_query(&explain)?;
    let text = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: Value = serde_json::from_str(text.context("no plan")?)?;
    let top = &plan[0]["Plan"];
    let number = |value: &Value, name: &str| value[name].as_f64().with_context(|| name.to_owned());
    Ok(Run {
        plan: nodes(top),
        cost: number(top, "Total Cost")?,
        buffers: number(top, "Shared Hit Blocks")? + number(top, "Shared Read Blocks")?,
        millis: number(&plan[0], "Execution Time")?,
        rows: number(top, "Actual Rows")?,
    })
}

/// Names of a plan's nodes, from the top.
fn nodes(plan: &Value) -> String {
    let mut name = plan["Node Type"].as_str().unwrap_or_default().to_owned();
    if let Some(index) = plan["Index Name"].as_str() {
        name = format!("{name} {index}");
    }
    let below = plan["Plans"].as_array().into_iter().flatten();
    below.fold(name, |name, plan| format!("{name} < {}", nodes(plan)))
}
