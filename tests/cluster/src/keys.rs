//! Tables whose index has key columns, of every type that such a column can have, and random
//! queries: what a search through the index returns is compared with the exact answer.
//!
//! - [`columns`]: the columns.
//! - [`conditions`]: random conditions.

pub mod columns;
pub mod conditions;

use std::cmp::min;
use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use postgres::Client;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use testdata::{Synth, sql};

use columns::Column;
use conditions::{Condition, Conditioner, pick};

/// Dimensions of the vectors.
pub const DIM: usize = 16;
const QUERIES: usize = 20;
/// Rows that have one vector at most, and so one node.
const TWINS: usize = 40;

/// What the tables are made from: vectors, queries, a hash and the types.
pub fn prepare(client: &mut Client, rows: usize, seed: u64) -> Result<()> {
    let synth = Synth::new(DIM, seed);
    sql::create_table(client, "source", &synth.base(rows))?;
    sql::create_table(client, "queries", &synth.queries(QUERIES))?;
    Ok(client.batch_execute(
        "CREATE FUNCTION h(n int, salt int) RETURNS int IMMUTABLE LANGUAGE sql
             AS 'SELECT (hashint8extended(n, salt) & 2147483647)::int';
         CREATE TYPE mood AS ENUM ('awful', 'bad', 'fair', 'good', 'great', 'unheard of');
         CREATE DOMAIN score AS int4 CHECK (VALUE >= 0);
         DO $$ BEGIN
             CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         EXCEPTION WHEN feature_not_supported THEN
             -- A server without ICU has no collations that take different texts for equal.
             CREATE COLLATION nocase FROM \"C\";
         END $$",
    )?)
}

/// What a table's vectors are.
#[derive(Debug, Clone, Copy)]
pub struct Vectors {
    /// What a vector `v` becomes.
    pub value: &'static str,
    /// Operator class.
    pub class: &'static str,
    /// Operator.
    pub operator: &'static str,
}

impl Vectors {
    fn type_name(&self) -> &'static str {
        self.value.rsplit("::").next().unwrap_or_default()
    }
}

/// A table with an index on the vector `v` and on key columns.
pub struct Table {
    name: &'static str,
    vectors: Vectors,
    columns: &'static [Column],
    /// Condition of a partial index; empty for none.
    predicate: &'static str,
    queries: Vec<String>,
    /// Whether it has no rows that are dead.
    clean: bool,
    rng: ChaCha8Rng,
}

/// How constants get into a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As they are: the planner sees them.
    Constant,
    /// From a subquery: they are known when the scan starts.
    Subquery,
    /// As parameters of a prepared statement with a generic plan.
    Parameter,
}

/// A search.
#[derive(Debug)]
struct Query {
    conditions: Vec<Condition>,
    /// Which of the queries' vectors.
    vector: usize,
    style: Style,
    limit: usize,
    ef_search: usize,
    mode: &'static str,
}

const STYLES: [Style; 3] = [Style::Constant, Style::Subquery, Style::Parameter];
const LIMITS: [usize; 6] = [1, 2, 10, 40, 100, 1000];
const EF_SEARCH: [usize; 4] = [10, 40, 40, 100];
const MODES: [&str; 4] = ["strict_order", "strict_order", "relaxed_order", "off"];

/// How many of the rows that the exact answers have were found, by queries all of whose conditions
/// the index checks, and which left out none as too late.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Queries.
    pub queries: usize,
    /// Rows found that are as near as the exact ones.
    pub found: usize,
    /// Rows of the exact answers.
    pub wanted: usize,
}

impl Tally {
    /// The share that was found.
    #[expect(clippy::cast_precision_loss, reason = "few rows")]
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.wanted.max(1) as f64
    }
}

/// A row that matches, and its distance.
type Hit = (i32, f64);

/// What a search returned, and how many nodes it left out that it found too late.
struct Answer {
    hits: Vec<Hit>,
    late: usize,
}

impl Table {
    /// Creates an empty table, with columns `id` and `n`: values are made from `n`, which
    /// changes when a row is updated.
    pub fn create(
        client: &mut Client,
        name: &'static str,
        kind: &str,
        vectors: Vectors,
        columns: &'static [Column],
        seed: u64,
    ) -> Result<Self> {
        let definitions: String = columns
            .iter()
            .map(|c| format!(", {}", c.definition))
            .collect();
        let ty = vectors.type_name();
        client.batch_execute(&format!(
            "CREATE {kind} TABLE {name} (id int, n int, v {ty}{definitions})"
        ))?;
        let queries = format!("SELECT ({})::text FROM queries ORDER BY id", vectors.value);
        let queries = client.query(&queries, &[])?;
        Ok(Self {
            name,
            vectors,
            columns,
            predicate: "",
            queries: queries.iter().map(|row| row.get(0)).collect(),
            clean: true,
            rng: ChaCha8Rng::seed_from_u64(seed),
        })
    }

    /// Creates the index `<table>_keys`; a predicate makes it partial.
    pub fn index(&mut self, client: &mut Client, predicate: &'static str) -> Result<()> {
        let Self { name, columns, .. } = self;
        let keys: Vec<&str> = columns.iter().map(Column::name).collect();
        let partial = match predicate {
            "" => String::new(),
            _ => format!("WHERE {predicate}"),
        };
        self.predicate = predicate;
        let (class, keys) = (self.vectors.class, keys.join(", "));
        Ok(client.batch_execute(&format!(
            "CREATE INDEX {name}_keys ON {name} USING hnsw (v {class}, {keys}) {partial}"
        ))?)
    }

    /// Inserts rows with these ids. A third share few vectors; of each column a tenth is NULL.
    pub fn insert(&self, client: &mut Client, ids: std::ops::Range<usize>) -> Result<()> {
        let (name, vector) = (self.name, self.vector());
        let keys: String = self.keys().map(|(_, value)| format!(", {value}")).collect();
        Ok(client.batch_execute(&format!(
            "INSERT INTO {name} SELECT id, id, {vector}{keys}
             FROM (SELECT id, id AS n FROM source WHERE id >= {} AND id < {}) AS new;
             ANALYZE {name}",
            ids.start, ids.end
        ))?)
    }

    /// The vector of row `n`.
    fn vector(&self) -> String {
        format!(
            "CASE WHEN n % 40 <> 7 THEN (SELECT {} FROM source s WHERE s.id = CASE WHEN n % 3 = 0 THEN n % 60 ELSE n END) END",
            self.vectors.value
        )
    }

    /// Columns with their values for row `n`.
    fn keys(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.columns.iter().zip(100..).map(|(column, salt)| {
            let value = column.value;
            let value = format!("CASE WHEN h(n, {salt}) % 10 > 0 THEN {value} END");
            (column.name(), value)
        })
    }

    /// Changes rows in every way there is, some in transactions that are rolled back, and vacuums.
    /// `round` tells one call from others.
    pub fn churn(&mut self, client: &mut Client, round: usize) -> Result<()> {
        self.clean = false;
        let (name, vector) = (self.name, self.vector());
        let keys: Vec<String> = self.keys().map(|(n, v)| format!("{n} = {v}")).collect();
        let keys = keys.join(", ");
        let rows =
            |salt: usize, part: usize| format!("h(id, {}) % {part} = 0", 1000 * round + salt);
        let renumber =
            format!("UPDATE {name} SET n = h(id, {round}) % (SELECT count(*) FROM source)::int");
        client.batch_execute(&format!(
            "{renumber} WHERE {changed};
             UPDATE {name} SET {keys} WHERE {changed} AND id % 3 < 2;
             UPDATE {name} SET v = {vector} WHERE {changed} AND id % 3 > 0;
             DELETE FROM {name} WHERE {deleted}",
            changed = rows(1, 5),
            deleted = rows(2, 8),
        ))?;
        client.batch_execute(&format!(
            "BEGIN; DELETE FROM {name} WHERE {some}; UPDATE {name} SET {keys}, v = {vector} WHERE NOT {some}; ROLLBACK;
             BEGIN; SAVEPOINT s; {renumber} WHERE {some}; UPDATE {name} SET {keys} WHERE {some}; ROLLBACK TO s; COMMIT",
            some = rows(3, 10),
        ))?;
        let vacuum = if round.is_multiple_of(2) {
            "VACUUM"
        } else {
            ""
        };
        Ok(client.batch_execute(&format!("{vacuum} ANALYZE {name}"))?)
    }

    /// Runs random queries and checks what they return; `exact` and `client` are sessions of the
    /// same database.
    pub fn check(
        &mut self,
        client: &mut Client,
        exact: &mut Client,
        queries: usize,
    ) -> Result<Tally> {
        exact.batch_execute("SET enable_indexscan = off")?;
        client
            .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")?;
        let conditioner = Conditioner::new(exact, self.name, self.columns)?;
        let (mut tally, mut problems) = (Tally::default(), Vec::new());
        for _ in 0..queries {
            let query = Query {
                conditions: conditioner.some(&mut self.rng),
                vector: pick(&mut self.rng, &(0..self.queries.len()).collect::<Vec<_>>()),
                style: pick(&mut self.rng, &STYLES),
                limit: pick(&mut self.rng, &LIMITS),
                ef_search: pick(&mut self.rng, &EF_SEARCH),
                mode: pick(&mut self.rng, &MODES),
            };
            if let Err(problem) = self.compare(client, exact, &query, &mut tally) {
                let conditions: Vec<&str> = query.conditions.iter().map(|c| &*c.text).collect();
                let (conditions, mode, ef) =
                    (conditions.join(" AND "), query.mode, query.ef_search);
                println!(
                    "{}: {conditions}; {mode}, ef_search {ef}",
                    problem.root_cause()
                );
                problems.push(problem);
            }
        }
        let count = problems.len();
        match problems.pop() {
            None => Ok(tally),
            Some(last) => Err(last.context(format!("{count} of {queries} queries; the last:"))),
        }
    }

    /// Asks the index and compares with the exact answer.
    fn compare(
        &self,
        client: &mut Client,
        exact: &mut Client,
        query: &Query,
        tally: &mut Tally,
    ) -> Result<()> {
        let all = self.statement(query, Style::Constant);
        let truth = hits(exact, &all)?;
        let context = || format!("{all};\n{query:#?}; {} rows match", truth.len());
        let answer = self.answer(client, query).with_context(context)?;
        let Some(answer) = answer else {
            ensure!(truth.is_empty(), "planned as impossible: {}", context());
            return Ok(());
        };
        self.judge(query, &answer, &truth, tally)
            .with_context(context)
    }

    /// What the index answers; `None` if the planner knows that no row can match.
    fn answer(&self, client: &mut Client, query: &Query) -> Result<Option<Answer>> {
        let Query {
            conditions,
            style,
            limit,
            ef_search,
            mode,
            ..
        } = query;
        client.batch_execute(&format!(
            "SET hnsw.ef_search = {ef_search}; SET hnsw.iterative_scan = {mode}"
        ))?;
        let mut statement = format!("{} LIMIT {limit}", self.statement(query, *style));
        if *style == Style::Parameter {
            let constants = || conditions.iter().flat_map(|c| &c.constants);
            let list = |of: fn(&(String, String)) -> &str| {
                let all: Vec<&str> = constants().map(of).collect();
                match all.is_empty() {
                    true => String::new(),
                    false => format!("({})", all.join(", ")),
                }
            };
            let (types, values) = (list(|(ty, _)| ty), list(|(_, value)| value));
            client.batch_execute("DEALLOCATE ALL")?;
            client.batch_execute(&format!("PREPARE q{types} AS {statement}"))?;
            statement = format!("EXECUTE q{values}");
        }
        let plan = client.query(&format!("EXPLAIN (COSTS OFF) {statement}"), &[])?;
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let has = |text: &str| {
            plan.iter()
                .any(|line| line.trim_start_matches([' ', '-', '>']).starts_with(text))
        };
        if has("One-Time Filter: false") {
            return Ok(None);
        }
        let scan = format!("Index Scan using {}_keys", self.name);
        let inside = conditions.iter().any(|c| c.indexed);
        let outside = conditions.iter().any(|c| !c.indexed);
        ensure!(
            has(&scan) && (!inside || has("Index Cond:")) && (outside || !has("Filter:")),
            "not checked in the index:\n{}",
            plan.join("\n")
        );
        let hits = hits(client, &statement)?;
        let late = "SELECT (hnsw_last_scan()->>'late')::int8";
        let late: i64 = client.query_one(late, &[])?.get(0);
        let late = usize::try_from(late)?;
        Ok(Some(Answer { hits, late }))
    }

    /// Compares an answer with all rows that match, nearest first.
    fn judge(
        &self,
        query: &Query,
        answer: &Answer,
        truth: &[Hit],
        tally: &mut Tally,
    ) -> Result<()> {
        let Query {
            conditions,
            limit,
            mode,
            ..
        } = query;
        let found = &answer.hits;
        let distances: HashMap<i32, f64> = truth.iter().copied().collect();
        for (id, distance) in found {
            ensure!(
                distances.get(id) == Some(distance),
                "row {id} at {distance} does not match"
            );
        }
        let ids: HashMap<i32, f64> = found.iter().copied().collect();
        ensure!(ids.len() == found.len(), "a row came twice: {found:?}");
        let in_order = found.is_sorted_by(|a, b| a.1 <= b.1);
        ensure!(in_order, "not in order: {found:?}");

        let outside = conditions.iter().any(|c| !c.indexed);
        let expected = min(*limit, truth.len());
        let least = match *mode {
            // What one beam finds, in which few may match a condition that sketches say nothing of.
            "off" => 0,
            // A search that goes on leaves out what it finds too late, and says how many nodes that is.
            _ => expected.saturating_sub(answer.late * TWINS),
        };
        ensure!(
            (least..=expected).contains(&found.len()),
            "{} rows instead of {least} to {expected}",
            found.len()
        );
        let farthest = truth[..expected]
            .last()
            .map_or(f64::NEG_INFINITY, |hit| hit.1);
        let near = found.iter().filter(|hit| hit.1 <= farthest).count();
        // What was left out as too late says nothing of what a search finds.
        if *mode != "off" && !outside && answer.late == 0 {
            tally.queries += 1;
            tally.found += near;
            tally.wanted += expected;
        }
        Ok(())
    }

    /// The SQL of a query, without its limit.
    fn statement(&self, query: &Query, style: Style) -> String {
        let (name, operator) = (self.name, self.vectors.operator);
        let mut number = 0;
        let mut all: Vec<String> = Vec::new();
        if style == Style::Constant {
            all.push("v IS NOT NULL".into());
        }
        if !self.predicate.is_empty() {
            all.push(self.predicate.into());
        }
        for condition in &query.conditions {
            let mut parts = condition.text.split('§');
            let mut text = parts.next().unwrap_or_default().to_owned();
            for (part, (ty, value)) in parts.zip(&condition.constants) {
                number += 1;
                text += &match style {
                    Style::Constant => value.clone(),
                    Style::Subquery => format!("(SELECT {value})::{ty}"),
                    Style::Parameter => format!("${number}"),
                };
                text += part;
            }
            all.push(text);
        }
        let vector = &self.queries[query.vector];
        let distance = format!("v {operator} '{vector}'::{}", self.vectors.type_name());
        format!(
            "SELECT id, {distance} FROM {name} WHERE {} ORDER BY {distance}",
            all.join(" AND ")
        )
    }
}

fn hits(client: &mut Client, statement: &str) -> Result<Vec<Hit>> {
    let rows = client.query(statement, &[])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
