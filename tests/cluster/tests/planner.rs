//! The plan that the planner chooses is near the best that there is, for tables of many sizes, with
//! conditions that many or few rows meet, near the query or far from it.
//!
//! Plans are compared by the pages that they touch. `PG_HNSW_PLANNER_ROWS=200000` adds larger tables, and
//! `PG_HNSW_PLANNER_REPORT` names a file that gets what each plan did, with times.

use cluster::{Options, Server};
use cluster_tests::plans::{self, Run};
use cluster_tests::{longer, session};
use postgres::Client;
use std::io::Write;
use testdata::{Synth, sql};

/// Rows and dimensions of the tables; vectors of 768 dimensions are kept out of line.
const TABLES: [(usize, usize); 6] = [
    (1_000, 128),
    (1_000, 768),
    (10_000, 128),
    (10_000, 768),
    (50_000, 384),
    (200_000, 128),
];
/// Matching rows in ten thousand.
const SHARES: [usize; 6] = [10_000, 5_000, 1_000, 100, 10, 1];
const LIMITS: [usize; 4] = [1, 10, 100, 1_000];
/// Part of the rows that the chosen plan must find.
const ENOUGH: f64 = 0.95;

/// A query, and what its plans did.
struct Cell {
    name: String,
    chosen: Run,
    others: Vec<Run>,
}

impl Cell {
    /// How many times as much the chosen plan takes as the best of those that find all rows.
    fn off_by(&self, of: impl Fn(&Run) -> f64) -> f64 {
        let rows = self.others.iter().map(|run| run.rows).fold(0.0, f64::max);
        if self.chosen.rows < ENOUGH * rows {
            return f64::INFINITY;
        }
        let complete = self.others.iter().filter(|run| run.rows >= rows);
        let best = complete.map(&of).fold(of(&self.chosen), f64::min);
        of(&self.chosen) / best
    }

    fn report(&self, to: &mut impl Write) -> std::io::Result<()> {
        let (buffers, millis) = (
            self.off_by(|run| run.buffers),
            self.off_by(|run| run.millis),
        );
        writeln!(to, "{}\t{buffers:.2}\t{millis:.2}", self.name)?;
        for run in std::iter::once(&self.chosen).chain(&self.others) {
            let Run {
                plan,
                cost,
                buffers,
                millis,
                rows,
            } = run;
            writeln!(to, "\t{cost:.0}\t{buffers:.0}\t{millis:.3}\t{rows}\t{plan}")?;
        }
        Ok(())
    }
}

#[test]
fn chosen_plans_are_near_the_best() {
    let server = Server::start(&Options::new()).unwrap();
    let most = longer::setting("PG_HNSW_PLANNER_ROWS", 10_000);
    let mut cells = Vec::new();
    for (rows, dims) in TABLES.into_iter().filter(|(rows, _)| *rows <= most) {
        let name = format!("{rows} x {dims}");
        let mut client = session(&server, &format!("planner_{rows}_{dims}")).unwrap();
        sql::create_table(&mut client, "source", &Synth::new(dims, 5).base(rows)).unwrap();
        client.batch_execute(ITEMS).unwrap();
        client
            .batch_execute("VACUUM (FREEZE, ANALYZE) items")
            .unwrap();
        for (index, columns) in [("outside", ""), ("inside", ", free, near")] {
            let create =
                format!("CREATE INDEX {index} ON items USING hnsw (v vector_l2_ops{columns})");
            client.batch_execute(&create).unwrap();
            filters(&mut client, &format!("{name}, {index}"), &mut cells);
            client
                .batch_execute(
                    "CREATE INDEX free ON items (free); CREATE INDEX near ON items (near)",
                )
                .unwrap();
            filters(&mut client, &format!("{name}, {index}, btree"), &mut cells);
            client.batch_execute("DROP INDEX free, near").unwrap();
            if columns.is_empty() {
                ranges(&mut client, &name, &mut cells);
            }
            client
                .batch_execute(&format!("DROP INDEX {index}"))
                .unwrap();
        }
    }
    let inside = judge("inside", &cells, |name| name.contains("inside"));
    let outside = judge("outside", &cells, |name| name.contains("outside, "));
    let ranges = judge("ranges", &cells, |name| name.contains("range"));
    // Nothing tells the planner that what matches lies together, near the query or far from it.
    assert!(inside.0 >= 0.95 && inside.1 >= 0.99, "inside: {inside:?}");
    assert!(
        outside.0 >= 0.9 && outside.1 >= 0.95,
        "outside: {outside:?}"
    );
    assert!(ranges.0 >= 0.9 && ranges.1 >= 0.98, "ranges: {ranges:?}");
}

/// `free` has nothing to do with the vector, `near` is the row's place by distance from the first one.
const ITEMS: &str = "CREATE TABLE items AS
    SELECT id, v, id * 7919 % 10000 AS free,
        (rank() OVER (ORDER BY v <-> (SELECT v FROM source WHERE id = 0)) - 1)
        * 10000 / count(*) OVER () AS near
    FROM source ORDER BY id";

/// Shares of cells whose plan touches at most twice, and ten times, as many pages as the best.
fn judge(what: &str, cells: &[Cell], is_one: impl Fn(&str) -> bool) -> (f64, f64) {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| is_one(&cell.name)).collect();
    let share = |of: fn(&Run) -> f64, most: f64| {
        let near = cells.iter().filter(|cell| cell.off_by(of) <= most).count();
        #[expect(clippy::cast_precision_loss, reason = "cells are few")]
        let share = near as f64 / cells.len() as f64;
        share
    };
    let [buffers, millis]: [fn(&Run) -> f64; 2] = [|run| run.buffers, |run| run.millis];
    let count = cells.len();
    let (twice, tenfold) = (share(buffers, 2.0), share(buffers, 10.0));
    println!("{what}: {count} cells, by pages {twice:.3} within 2, {tenfold:.3} within 10;");
    let (twice_as_long, ten_times) = (share(millis, 2.0), share(millis, 10.0));
    println!("    by time {twice_as_long:.3} and {ten_times:.3}");
    (twice, tenfold)
}

fn filters(client: &mut Client, table: &str, cells: &mut Vec<Cell>) {
    for share in SHARES {
        let conditions = [
            ("anywhere", format!("free < {share}")),
            ("around the query", format!("near < {share}")),
            ("far from the query", format!("near >= {}", 10_000 - share)),
        ];
        let conditions = &conditions[..if share == 10_000 { 1 } else { 3 }];
        for (place, condition) in conditions {
            let name = format!("{table}; {share} of 10000 {place}");
            measure(client, &name, condition, cells);
        }
    }
}

/// All rows within a distance, and the nearest of them.
fn ranges(client: &mut Client, table: &str, cells: &mut Vec<Cell>) {
    for share in SHARES {
        let radius: f64 = client
            .query_one(
                &format!("SELECT max(v <-> (SELECT v FROM items WHERE id = 0)) FROM items WHERE near < {share}"),
                &[],
            )
            .unwrap()
            .get(0);
        let condition = format!("v <-> '{}' <= {radius}", query(client));
        measure(
            client,
            &format!("{table}, range; {share} of 10000"),
            &condition,
            cells,
        );
    }
}

/// The row next to the one that places are counted from.
fn query(client: &mut Client) -> String {
    let query = "SELECT v::text FROM items ORDER BY near, id LIMIT 1 OFFSET 1";
    client.query_one(query, &[]).unwrap().get(0)
}

fn measure(client: &mut Client, name: &str, condition: &str, cells: &mut Vec<Cell>) {
    let order = format!("v <-> '{}'", query(client));
    for limit in LIMITS {
        let select = format!("SELECT id FROM items WHERE {condition}");
        let (chosen, others) = plans::all(client, &select, &order, limit).unwrap();
        let name = format!("{name}; limit {limit}");
        let cell = Cell {
            name,
            chosen,
            others,
        };
        if let Ok(path) = std::env::var("PG_HNSW_PLANNER_REPORT") {
            let mut file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(path)
                .unwrap();
            cell.report(&mut file).unwrap();
        }
        cells.push(cell);
    }
}
