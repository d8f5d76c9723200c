//! A mixed load on tables of several types, and what must be in them afterwards, whatever happened.
//!
//! Writers insert, update, delete and search, in transactions of which some are rolled back; each has
//! a table of its own and knows what it committed. Where a server dies during a COMMIT, both outcomes
//! are right. One more client vacuums and rebuilds indexes.

use std::collections::HashMap;
use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, ensure};
use postgres::{Client, Error};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::check;

/// Rows that a table has in the beginning.
const START: i32 = 400;
/// Ids are below this, so that rows come and go.
const IDS: i32 = 900;
/// Numbers that a vector is made of.
const NUMBERS: usize = 16;

/// A table of one type, with an index.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The table.
    pub table: &'static str,
    column: &'static str,
    class: &'static str,
    /// Key columns of the index.
    keys: &'static str,
    operator: &'static str,
    value: fn(&[f32]) -> String,
}

/// One table for each way in which vectors are stored, and one with key columns.
pub const TARGETS: [Target; 4] = [
    Target {
        table: "dense",
        column: "vector(16)",
        class: "vector_l2_ops",
        keys: "",
        operator: "<->",
        value: dense,
    },
    Target {
        table: "keyed",
        column: "vector(16)",
        class: "vector_cosine_ops",
        keys: ", (id % 10), (repeat('x', version % 50)), version",
        operator: "<=>",
        value: dense,
    },
    Target {
        table: "bits",
        column: "bit(128)",
        class: "bit_hamming_ops",
        keys: "",
        operator: "<~>",
        value: bits,
    },
    Target {
        table: "sparse",
        column: "sparsevec(1000)",
        class: "sparsevec_l2_ops",
        keys: "",
        operator: "<->",
        value: sparse,
    },
];

fn dense(numbers: &[f32]) -> String {
    format!("{numbers:?}")
}

/// Each number is a run of bits, of which as many are set as it is large.
fn bits(numbers: &[f32]) -> String {
    let run = |v: &f32| {
        (0..8)
            .map(|i| if *v > i as f32 { '1' } else { '0' })
            .collect::<String>()
    };
    numbers.iter().map(run).collect()
}

fn sparse(numbers: &[f32]) -> String {
    let mut text = String::from("{");
    for (i, v) in numbers.iter().enumerate().filter(|(_, v)| **v > 2.0) {
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, "{comma}{}:{v}", 60 * i + 1);
    }
    text + "}/1000"
}

impl Target {
    /// Fails unless a search from some row gives others in order; with key columns, those that meet
    /// a condition.
    pub fn search(&self, client: &mut Client) -> Result<(), Error> {
        let Target {
            table, operator, ..
        } = self;
        let condition = match self.keys {
            "" => "true",
            _ => "id % 10 = 3 AND version >= 0",
        };
        let rows = client.query(
            &format!(
                "WITH q AS MATERIALIZED (SELECT v FROM {table} LIMIT 1) \
                 SELECT v {operator} (SELECT v FROM q), {condition} FROM {table} WHERE {condition} \
                 ORDER BY v {operator} (SELECT v FROM q) LIMIT 20"
            ),
            &[],
        )?;
        let distances: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
        assert!(
            distances.is_sorted(),
            "{table}: not in order: {distances:?}"
        );
        assert!(rows.iter().all(|row| row.get(1)), "{table}: {rows:?}");
        Ok(())
    }

    /// The statement that creates an index.
    fn create_index(&self, how: &str, name: &str) -> String {
        let Target {
            table, class, keys, ..
        } = self;
        format!(
            "CREATE INDEX {how} {name} ON {table} USING hnsw (v {class}{keys}) WITH (ef_construction = 32)"
        )
    }
}

/// Versions that a row may have; `None` for no row.
type Versions = Vec<Option<i32>>;

/// What a table has, as far as its writer knows.
#[derive(Debug)]
pub struct Model {
    target: Target,
    rows: HashMap<i32, Versions>,
    next_version: i32,
    rng: ChaCha8Rng,
}

/// What a load did.
#[derive(Debug, Default)]
pub struct Counts {
    /// Transactions that were committed.
    pub commits: AtomicUsize,
    /// Vacuums and rebuilt indexes.
    pub maintenance: AtomicUsize,
}

impl Model {
    /// Creates the table and its index.
    pub fn create(client: &mut Client, target: Target, seed: u64) -> Result<Self> {
        let Target { table, column, .. } = target;
        client.batch_execute(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, version int, v {column})"
        ))?;
        let mut model = Self {
            target,
            rows: HashMap::new(),
            next_version: 1,
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        let mut transaction = client.transaction()?;
        for id in 0..START {
            model.put(&mut transaction, id, 0)?;
            model.rows.insert(id, vec![Some(0)]);
        }
        transaction.commit()?;
        client.batch_execute(&target.create_index("", &format!("{table}_v_idx")))?;
        Ok(model)
    }

    fn text(&self, id: i32, version: i32) -> String {
        let seed = u64::from(id.cast_unsigned()) << 32 | u64::from(version.cast_unsigned());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Some rows of a table are equal.
        if id % 10 == 0 {
            rng = ChaCha8Rng::seed_from_u64(u64::from(rng.random_range(0..5u8)));
        }
        let numbers: Vec<f32> = (0..NUMBERS).map(|_| rng.random_range(0.0..8.0)).collect();
        (self.target.value)(&numbers)
    }

    fn put(
        &self,
        client: &mut impl postgres::GenericClient,
        id: i32,
        version: i32,
    ) -> Result<(), Error> {
        let Target { table, column, .. } = self.target;
        let statement = format!(
            "INSERT INTO {table} VALUES ($1, $2, $3::text::{column}) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, v = excluded.v"
        );
        let text = self.text(id, version);
        client
            .execute(&statement, &[&id, &version, &text])
            .map(drop)
    }

    /// Writes and searches until `stop` or an error; the error is of a server that died.
    fn write(
        &mut self,
        client: &mut Client,
        stop: &AtomicBool,
        counts: &Counts,
    ) -> Result<(), Error> {
        while !stop.load(Ordering::Relaxed) {
            if self.rng.random_range(0..4) == 0 {
                self.target.search(client)?;
                continue;
            }
            self.transaction(client)?;
            counts.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn transaction(&mut self, client: &mut Client) -> Result<(), Error> {
        let table = self.target.table;
        let mut transaction = client.transaction()?;
        let mut changes: HashMap<i32, Option<i32>> = HashMap::new();
        for _ in 0..self.rng.random_range(1..8) {
            let id = self.rng.random_range(0..IDS);
            let version = self.next_version;
            self.next_version += 1;
            let rolled_back = self.rng.random_range(0..6) == 0;
            let mut savepoint = transaction.transaction()?;
            let change = match self.rng.random_range(0..3) {
                0 => {
                    savepoint.execute(&format!("DELETE FROM {table} WHERE id = $1"), &[&id])?;
                    None
                }
                _ => {
                    self.put(&mut savepoint, id, version)?;
                    Some(version)
                }
            };
            match rolled_back {
                true => savepoint.rollback()?,
                false => {
                    savepoint.commit()?;
                    changes.insert(id, change);
                }
            }
        }
        if self.rng.random_range(0..6) == 0 {
            return transaction.rollback();
        }
        let committed = transaction.commit();
        for (id, change) in changes {
            let versions = self.rows.entry(id).or_insert_with(|| vec![None]);
            if committed.is_ok() {
                versions.clear();
            }
            versions.push(change);
        }
        committed
    }

    /// Fails unless the table has what was committed, and nothing else, and each index the table's
    /// rows; what is uncertain is settled by what is there.
    pub fn verify(&mut self, client: &mut Client) -> Result<()> {
        let table = self.target.table;
        self.settle(client)?;
        self.without_problems(client)?;
        client.batch_execute(&format!("VACUUM {table}"))?;
        self.without_problems(client)?;
        self.index_has_all(client)?;
        self.drop_leftovers(client)
    }

    /// What a statement with CONCURRENTLY leaves behind when it dies is maintained with every change:
    /// all but the last two such indexes are dropped.
    fn drop_leftovers(&self, client: &mut Client) -> Result<()> {
        let table = self.target.table;
        let leftovers = format!(
            "SELECT indexrelid::regclass::text FROM pg_index \
             WHERE indrelid = '{table}'::regclass AND NOT indisvalid ORDER BY indexrelid DESC OFFSET 2"
        );
        for row in client.query(&leftovers, &[])? {
            let name: String = row.get(0);
            client.batch_execute(&format!("DROP INDEX {name}"))?;
        }
        Ok(())
    }

    /// Compares the table's rows with what was committed.
    pub fn settle(&mut self, client: &mut Client) -> Result<()> {
        let table = self.target.table;
        let all = format!("SELECT id, version, v::text FROM {table}");
        client.batch_execute("SET enable_indexscan = off; SET enable_seqscan = on")?;
        let mut there: HashMap<i32, (i32, String)> = HashMap::new();
        for row in client.query(&all, &[])? {
            let before = there.insert(row.get(0), (row.get(1), row.get(2)));
            ensure!(before.is_none(), "{table}: a row twice: {row:?}");
        }
        client.batch_execute("RESET enable_indexscan; RESET enable_seqscan")?;
        for id in there.keys() {
            self.rows.entry(*id).or_insert_with(|| vec![None]);
        }
        for (id, versions) in &mut self.rows {
            let version = there.get(id).map(|row| row.0);
            ensure!(
                versions.contains(&version),
                "{table}: row {id} has version {version:?}, not one of {versions:?}"
            );
            *versions = vec![version];
        }
        Ok(())
    }

    fn without_problems(&self, client: &mut Client) -> Result<()> {
        let table = self.target.table;
        let query = format!(
            "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid \
             JOIN pg_am a ON a.oid = relam AND amname = 'hnsw' \
             WHERE indrelid = '{table}'::regclass AND indisvalid"
        );
        let indexes: Vec<String> = client
            .query(&query, &[])?
            .iter()
            .map(|r| r.get(0))
            .collect();
        ensure!(!indexes.is_empty(), "{table}: no index");
        for index in indexes {
            check::without_problems(client, &index)?;
        }
        Ok(())
    }

    /// A scan to the end has every row once, and a search for a row's own vector finds it; searches
    /// with conditions on key columns have all rows that meet them.
    fn index_has_all(&self, client: &mut Client) -> Result<()> {
        let Target {
            table,
            column,
            operator,
            ..
        } = self.target;
        client.batch_execute(
            "SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 200; \
             SET hnsw.scan_mem_multiplier = 1000",
        )?;
        let query = self.text(1, 1);
        let all = format!("WHERE v {operator} '{query}'::{column} <= 'infinity'");
        let scan = format!("SELECT id FROM {table} {all}");
        let plan = client.query(&format!("EXPLAIN (COSTS OFF) {scan}"), &[])?;
        let plan: String = plan[0].get(0);
        ensure!(plan.starts_with("Index Scan"), "{plan}");
        let mut found: Vec<i32> = client.query(&scan, &[])?.iter().map(|r| r.get(0)).collect();
        found.sort_unstable();
        let here = |(id, versions): (&i32, &Versions)| versions[0].is_some().then_some(*id);
        let mut wanted: Vec<i32> = self.rows.iter().filter_map(here).collect();
        wanted.sort_unstable();
        ensure!(
            found == wanted,
            "{table}: a scan to the end has {found:?} instead of {wanted:?}"
        );
        let lost = client.query(
            &format!(
                "SELECT a.id FROM {table} a LEFT JOIN LATERAL \
                 (SELECT b.v {operator} a.v AS d FROM {table} b ORDER BY b.v {operator} a.v LIMIT 1) n ON true \
                 WHERE n.d IS NULL OR n.d > 0"
            ),
            &[],
        )?;
        ensure!(
            lost.is_empty(),
            "{table}: not found by their own vectors: {lost:?}"
        );
        if !self.target.keys.is_empty() {
            self.filters_have_all(client, &query)?;
        }
        client.batch_execute("RESET ALL; SET statement_timeout = '300s'")?;
        Ok(())
    }

    /// So few rows meet a condition that all of them are compared.
    fn filters_have_all(&self, client: &mut Client, query: &str) -> Result<()> {
        let Target {
            table,
            column,
            operator,
            ..
        } = self.target;
        for tag in 0..10 {
            let scan = format!(
                "SELECT id FROM {table} WHERE id % 10 = {tag} ORDER BY v {operator} '{query}'::{column}"
            );
            let plan = client.query(&format!("EXPLAIN (COSTS OFF) {scan}"), &[])?;
            let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
            let condition = format!("((id % 10) = {tag})");
            let by_index = plan
                .iter()
                .any(|l| l.contains("Index Cond") && l.contains(&condition));
            ensure!(by_index, "{plan:#?}");
            let mut found: Vec<i32> = client.query(&scan, &[])?.iter().map(|r| r.get(0)).collect();
            found.sort_unstable();
            let here = |(id, versions): (&i32, &Versions)| {
                (versions[0].is_some() && id % 10 == tag).then_some(*id)
            };
            let mut wanted: Vec<i32> = self.rows.iter().filter_map(here).collect();
            wanted.sort_unstable();
            ensure!(
                found == wanted,
                "{table}: the rows with {tag} are {found:?} instead of {wanted:?}"
            );
        }
        Ok(())
    }
}

/// Vacuums, and builds indexes anew beside the writers, until `stop` or an error.
fn maintain(
    client: &mut Client,
    rng: &mut impl Rng,
    stop: &AtomicBool,
    counts: &Counts,
) -> Result<(), Error> {
    while !stop.load(Ordering::Relaxed) {
        let target = TARGETS[rng.random_range(0..TARGETS.len())];
        let table = target.table;
        let statements = match rng.random_range(0..8) {
            0 => vec![format!("REINDEX INDEX CONCURRENTLY {table}_v_idx")],
            1 => vec![
                format!("DROP INDEX IF EXISTS {table}_more"),
                target.create_index("CONCURRENTLY", &format!("{table}_more")),
            ],
            2 => vec!["CHECKPOINT".into()],
            _ => vec![format!("VACUUM {table}")],
        };
        for statement in statements {
            client.batch_execute(&statement)?;
        }
        counts.maintenance.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Runs the load while `during` does; ends when that returns or the server dies. `clients` are as many
/// as there are models, and one for maintenance.
pub fn run<R>(
    models: &mut [Model],
    seed: u64,
    mut clients: Vec<Client>,
    counts: &Counts,
    during: impl FnOnce() -> R,
) -> R {
    assert_eq!(clients.len(), models.len() + 1);
    let stop = AtomicBool::new(false);
    let mut maintainer = clients.remove(0);
    thread::scope(|scope| {
        let stop = &stop;
        for (model, mut client) in models.iter_mut().zip(clients) {
            scope.spawn(move || ended(model.write(&mut client, stop, counts)));
        }
        scope.spawn(move || {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            ended(maintain(&mut maintainer, &mut rng, stop, counts));
        });
        // The load ends if it panics, too.
        let result = panic::catch_unwind(AssertUnwindSafe(during));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|payload| panic::resume_unwind(payload))
    })
}

/// A server that dies is no failure; what a statement says while it lives is.
fn ended(result: Result<(), Error>) {
    if let Err(error) = result {
        let code = error.code().map(|code| code.code().to_owned());
        // Cut off, without a word or with one: shutdown, crash of another process.
        let dies = matches!(code.as_deref(), Some("57P01" | "57P02" | "57P03"));
        let cut =
            std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>());
        assert!(dies || cut || error.is_closed(), "{error:?}");
    }
}
