//! Damaged index files: every search, insert, vacuum and check gives an answer or says that the index is
//! corrupted. No process dies, nothing hangs, no memory runs full. Where neither an error nor
//! `hnsw_check` says that anything is wrong, answers are right.
//!
//! For each kind of index there is a database of small tables that all are equal. It is copied; the index files of the
//! copy, which nobody has read yet, are damaged, each differently; all are used; the copy is dropped. The
//! damage is random but the same every time. `PG_HNSW_SEED` makes other damage, `PG_HNSW_DAMAGES`
//! more of it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cluster::{Server, Shutdown};
use cluster_tests::damage::{self, Damage};
use cluster_tests::longer::setting;
use cluster_tests::processes::private_kb;
use cluster_tests::{another, check, session};
use postgres::{Client, Error, SimpleQueryMessage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// How many indexes of each kind are damaged.
const DAMAGES: usize = 40;
/// Tables of a database at most.
const TABLES: usize = 200;
/// `data_corrupted` is PostgreSQL's own verdict on a page header or a file that ends too early.
const INDEX_CORRUPTED: &str = "XX002";
const DATA_CORRUPTED: &str = "XX001";
/// A statement on a table this small that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a session may take of its own; one without damage has about ten.
const MEMORY_KB: i64 = 100 << 10;
/// After each so many damages the index is rebuilt, and must be sound.
const REBUILT: usize = 20;
/// How many failures are worth showing.
const SHOWN: usize = 15;

/// A kind of index: what its pages look like depends on these.
struct Shape {
    name: &'static str,
    rows: usize,
    numbers: usize,
    /// The column's type, and what an array of numbers `n` becomes.
    column: &'static str,
    value: &'static str,
    class: &'static str,
    operator: &'static str,
    /// Key columns.
    keys: &'static str,
    with: &'static str,
}

/// Fields of the metapage that say the same as the catalogue: dimensions, key columns, their bytes. With such values,
/// all else on the page may still fit.
const KNOWN: [(u64, &[u8]); 6] = [
    (24 + 16, &[7, 0, 0, 0]),
    (24 + 16, &[14, 0]),
    (24 + 44, &[0, 0, 0, 0]),
    (24 + 44, &[1, 0]),
    (24 + 44, &[3, 0]),
    (24 + 46, &[14, 0]),
];

const fn dense(name: &'static str, class: &'static str, operator: &'static str) -> Shape {
    Shape {
        name,
        rows: 120,
        numbers: 16,
        column: "vector(16)",
        value: "n::vector",
        class,
        operator,
        keys: "",
        with: "m = 4, ef_construction = 16",
    }
}

const KEYS: &str = ", tag, name, price, tags, moment, mood";

#[test]
fn several_records_a_page() {
    survive(&dense("l2", "vector_l2_ops", "<->"));
}

#[test]
fn cosine() {
    survive(&dense("cosine", "vector_cosine_ops", "<=>"));
}

#[test]
fn without_codes() {
    survive(&dense("l1", "vector_l1_ops", "<+>"));
}

#[test]
fn one_record_a_page() {
    survive(&Shape {
        rows: 40,
        numbers: 800,
        column: "vector(800)",
        ..dense("large", "vector_cosine_ops", "<=>")
    });
}

#[test]
fn records_over_several_pages() {
    survive(&Shape {
        rows: 40,
        numbers: 2000,
        column: "vector(2000)",
        with: "m = 30, ef_construction = 60, storage = float32",
        ..dense("split", "vector_l2_ops", "<->")
    });
}

#[test]
fn halfvec() {
    survive(&Shape {
        column: "halfvec(16)",
        value: "n::halfvec",
        ..dense("halfvec", "halfvec_ip_ops", "<#>")
    });
}

#[test]
fn bit() {
    survive(&Shape {
        numbers: 64,
        column: "bit(64)",
        value: "binary_quantize(n::vector)::bit(64)",
        ..dense("bit", "bit_hamming_ops", "<~>")
    });
}

#[test]
fn sparsevec() {
    survive(&Shape {
        column: "sparsevec(16)",
        value: "n::vector::sparsevec",
        ..dense("sparsevec", "sparsevec_cosine_ops", "<=>")
    });
}

#[test]
fn elements_in_many_slots() {
    survive(&Shape {
        rows: 40,
        numbers: 1200,
        column: "sparsevec(1200)",
        value: "n::vector::sparsevec",
        ..dense("elements", "sparsevec_l2_ops", "<->")
    });
}

#[test]
fn key_columns() {
    survive(&Shape {
        keys: KEYS,
        ..dense("keys", "vector_l2_ops", "<->")
    });
}

#[test]
fn key_columns_one_record_a_page() {
    survive(&Shape {
        rows: 40,
        numbers: 1000,
        column: "halfvec(1000)",
        value: "n::halfvec",
        keys: KEYS,
        ..dense("large_keys", "halfvec_cosine_ops", "<=>")
    });
}

#[test]
fn key_columns_of_bits() {
    survive(&Shape {
        numbers: 64,
        column: "bit(64)",
        value: "binary_quantize(n::vector)::bit(64)",
        keys: ", tag, tags",
        ..dense("bit_keys", "bit_jaccard_ops", "<%>")
    });
}

/// PostgreSQL's operators raise errors about values of enums that are none: the index asks the table.
#[test]
fn values_of_an_enum_that_are_none() {
    let mut server = Server::start(&damage::options()).unwrap();
    let mut client = session(&server, "enums").unwrap();
    client
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('bad', 'fair', 'good');
             CREATE TABLE items AS SELECT i AS id, ARRAY[i, 0]::vector(2) AS v,
                 (ARRAY['bad', 'fair', 'good'])[i % 3 + 1]::mood AS mood FROM generate_series(1, 30) i;
             CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops, mood)",
        )
        .unwrap();
    let fair =
        "SELECT pg_relation_filepath('items_v_idx'), oid FROM pg_enum WHERE enumlabel = 'fair'";
    let row = client.query_one(fair, &[]).unwrap();
    let (path, fair): (String, u32) = (row.get(0), row.get(1));
    drop(client);
    server.stop(Shutdown::Fast).unwrap();
    let path = server.data_dir().join(path);
    let mut content = std::fs::read(&path).unwrap();
    let fair = fair.to_ne_bytes();
    let places: Vec<usize> = (0..content.len() - 4)
        .filter(|&at| content[at..at + 4] == fair)
        .collect();
    assert_eq!(places.len(), 10);
    for at in places {
        content[at..at + 4].fill(0xff);
    }
    std::fs::write(path, content).unwrap();
    server.start_again().unwrap();
    let mut client = another(&server, "enums").unwrap();
    client.batch_execute("SET enable_seqscan = off").unwrap();
    for (condition, count) in [
        ("mood >= 'fair'", 20),
        ("mood = 'fair'", 10),
        ("mood IN ('bad', 'fair')", 20),
    ] {
        let rows = simple(
            &mut client,
            &format!("SELECT id FROM items WHERE {condition} ORDER BY v <-> '[1,1]'"),
        );
        assert_eq!(rows.unwrap().len(), count, "{condition}");
    }
    let problems = check::problems(&mut client, "items_v_idx").unwrap();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("has another key than in the table")),
        "{problems:#?}"
    );
}

/// A column of [`damaged_keys`] behind `id`, and where its bytes begin in a key: one that says what follows (0 NULL, 1 the
/// value, 2 a hash of it), then that.
const COLUMNS: [(&str, usize); 4] = [("flag", 5), ("small", 7), ("tag", 10), ("name", NAME)];
/// Of text: a checksum, the length, the bytes.
const NAME: usize = 15;

/// A row of [`damaged_keys`], by its number: most have a value in each column.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Values,
    Nulls,
    /// A name that is too long for a key.
    Hash,
}

impl Kind {
    fn of(id: usize) -> Self {
        match id % 5 {
            3 => Self::Nulls,
            4 => Self::Hash,
            _ => Self::Values,
        }
    }
}

/// What can be done to one byte of a key, by the kind of row, the column, the byte of the key and what it becomes, if that
/// is not any other; and whether the index can tell, so that the row is found none the less.
fn damages() -> Vec<(Kind, usize, usize, Option<u8>, bool)> {
    let mut damages = Vec::new();
    for (column, (_, start)) in COLUMNS.iter().enumerate() {
        for state in [0, 2, 3, 255] {
            damages.push((Kind::Values, column, *start, Some(state), true));
        }
        // With nothing but zeros behind it, it may be a value, and of text a hash.
        damages.push((Kind::Nulls, column, *start, Some(1), *start == NAME));
        damages.push((Kind::Nulls, column, *start, Some(2), *start != NAME));
        for state in [3, 255] {
            damages.push((Kind::Nulls, column, *start, Some(state), true));
        }
        damages.push((Kind::Nulls, column, start + 1, None, true));
        // Only values of variable length have a checksum.
        let other = (column == 0).then_some(0);
        damages.push((Kind::Values, column, start + 1, other, *start == NAME));
    }
    for at in [NAME + 4, NAME + 5, NAME + 6, NAME + 8] {
        damages.push((Kind::Values, 3, at, None, true));
    }
    damages.extend([0, 1, 2, 255].map(|length| (Kind::Values, 3, NAME + 5, Some(length), true)));
    damages.extend([0, 1, 3, 255].map(|state| (Kind::Hash, 3, NAME, Some(state), true)));
    damages.push((Kind::Hash, 3, NAME + 1, None, false));
    damages.push((Kind::Hash, 3, NAME + 5, None, true));
    damages
}

/// One byte of the keys of many rows: whatever it is, no row is returned that does not meet a condition, and where
/// the index can tell, none is missed. `hnsw_check` names each.
#[test]
fn damaged_keys() {
    let mut server = Server::start(&damage::options()).unwrap();
    let mut client = session(&server, "keys").unwrap();
    let damages = damages();
    let rows = 5 * damages.len();
    client
        .batch_execute(&format!(
            "CREATE TABLE items (id int, v vector(2), flag bool, small int2, tag int, name text);
             INSERT INTO items SELECT i, ARRAY[i, 0]::vector FROM generate_series(1, {rows}) i WHERE i % 5 = 3;
             INSERT INTO items SELECT i, ARRAY[i, 0]::vector, true, i, i * 1000,
                 repeat('long ', CASE i % 5 WHEN 4 THEN 12 ELSE 0 END) || 'name ' || i
             FROM generate_series(1, {rows}) i WHERE i % 5 <> 3;
             CREATE INDEX items_v_idx ON items USING hnsw (v vector_l2_ops, id, flag, small, tag, name)"
        ))
        .unwrap();
    let path = "SELECT pg_relation_filepath('items_v_idx')";
    let path: String = client.query_one(path, &[]).unwrap().get(0);
    let places = "SELECT ctid::text FROM items ORDER BY id";
    let places: Vec<String> = client
        .query(places, &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    drop(client);
    server.stop(Shutdown::Fast).unwrap();
    let path = server.data_dir().join(path);
    let mut content = std::fs::read(&path).unwrap();
    let mut ids: Vec<usize> = (1..=rows).rev().collect();
    let mut damaged = Vec::new();
    for (kind, column, at, byte, seen) in damages {
        let of_kind = ids.iter().rposition(|&id| Kind::of(id) == kind).unwrap();
        let id = ids.remove(of_kind);
        let key = key_of(&content, id, &places[id - 1]);
        let byte = byte.unwrap_or(content[key + at] ^ 0x10);
        assert_ne!(content[key + at], byte, "{id} {at}");
        content[key + at] = byte;
        damaged.push((
            id,
            COLUMNS[column].0,
            format!("byte {at} of {id}: {byte}"),
            seen,
        ));
    }
    std::fs::write(path, content).unwrap();
    server.start_again().unwrap();

    let mut client = another(&server, "keys").unwrap();
    let mut ids_of = |condition: &str, index: bool| -> Vec<usize> {
        let scans = format!(
            "SET enable_seqscan = {}; SET enable_indexscan = {index}",
            !index
        );
        client.batch_execute(&scans).unwrap();
        let query = format!("SELECT id FROM items WHERE {condition} ORDER BY v <-> '[1,1]'");
        let found = simple(&mut client, &query).unwrap_or_else(|e| panic!("{condition}: {e:?}"));
        found.iter().map(|row| row[0].parse().unwrap()).collect()
    };
    let mut missed = 0;
    for (id, column, what, seen) in &damaged {
        let value = match (*column, Kind::of(*id)) {
            (_, Kind::Nulls) => format!("{column} IS NULL"),
            ("name", Kind::Hash) => format!("name = '{}name {id}'", "long ".repeat(12)),
            ("name", _) => format!("name = 'name {id}'"),
            ("tag", _) => format!("tag = {}", 1000 * id),
            ("small", _) => format!("small = {id}"),
            _ => "flag".into(),
        };
        let exact = ids_of(&value, false);
        let found = ids_of(&value, true);
        assert!(
            found.iter().all(|id| exact.contains(id)),
            "{what}: {value}: {found:?}"
        );
        assert!(exact.contains(id), "{what}: {value}: {exact:?}");
        let is_found = found.contains(id);
        assert!(is_found || !seen, "{what}: {value}");
        missed += usize::from(!is_found);
    }
    assert_eq!(missed, damaged.iter().filter(|damaged| !damaged.3).count());
    let problems = check::problems(&mut client, "items_v_idx").unwrap();
    for (id, _, what, _) in &damaged {
        let row = format!("row {} has another key than in the table", places[id - 1]);
        assert!(
            problems.iter().any(|p| p.contains(&row)),
            "{what}: {problems:#?}"
        );
    }
}

/// Where the key of a row of [`damaged_keys`] begins, behind its place in the table.
fn key_of(content: &[u8], id: usize, place: &str) -> usize {
    let (block, offset) = place.trim_matches(['(', ')']).split_once(',').unwrap();
    let mut row = block.parse::<u32>().unwrap().to_ne_bytes().to_vec();
    row.extend(offset.parse::<u16>().unwrap().to_ne_bytes());
    row.push(1);
    row.extend(u32::try_from(id).unwrap().to_ne_bytes());
    let mut places = content
        .windows(row.len())
        .enumerate()
        .filter(|w| w.1 == row);
    let (at, _) = places.next().expect("the row is in the index");
    assert!(places.next().is_none(), "{id} is not the only one");
    at + 6
}

/// Conditions; with key columns their answers are exact.
const CONDITIONS: [&str; 6] = [
    "tag BETWEEN 2 AND 4",
    "tag = 3 AND name = 'name 3'",
    "price > 2.5 AND moment < '2026-01-05'",
    "tags && '{t1,t2}'",
    "tag IS NULL",
    "mood >= 'fair'",
];

/// What a damaged index was noticed by.
#[derive(Debug, Default)]
struct Counts {
    errors: usize,
    check_alone: usize,
    nothing: usize,
}

fn survive(shape: &Shape) {
    let count = setting("PG_HNSW_DAMAGES", DAMAGES);
    let mut rng = ChaCha8Rng::seed_from_u64(setting("PG_HNSW_SEED", 1) as u64);
    // What was damaged is dropped before anything is to be written.
    let options = damage::options()
        .set("checkpoint_timeout", "1d")
        .set("max_wal_size", "20GB")
        .set("bgwriter_lru_maxpages", "0");
    let server = Server::start(&options).unwrap();
    let tables = count.min(TABLES);
    let scene = Scene::create(&server, shape, tables).unwrap();
    let (mut counts, mut failures, mut memory) = (Counts::default(), Vec::new(), 0);
    for round in 0..count.div_ceil(tables) {
        let mut client = scene.copy().unwrap();
        let known = if round == 0 { &KNOWN[..] } else { &[] };
        let damages = scene.damage_all(&mut client, known, &mut rng);
        for (table, damage) in damages.iter().enumerate() {
            let rebuild = (round * tables + table).is_multiple_of(REBUILT);
            let used = scene.use_table(&mut client, &format!("t{table}"), rebuild);
            match used {
                Ok(Noticed::Error) => counts.errors += 1,
                Ok(Noticed::Check) => counts.check_alone += 1,
                Ok(Noticed::Nothing) => counts.nothing += 1,
                Err(failure) => {
                    let failure = format!("round {round}, t{table}, {damage:?}: {failure:#}");
                    // A long run says it at once.
                    eprintln!("{}: {failure}", shape.name);
                    failures.push(failure);
                    // The session may be gone.
                    client = scene.connect().unwrap();
                }
            }
        }
        memory = memory.max(own_memory(&mut client));
        drop(client);
        scene.drop_copy().unwrap();
        assert!(failures.len() < SHOWN, "{}", failures.join("\n"));
    }
    let crashes = server.crash_reports();
    assert!(
        failures.is_empty() && crashes.is_empty(),
        "{}\n{}",
        failures.join("\n"),
        crashes.join("\n")
    );
    println!("{}: {counts:?}, memory {memory} kB", shape.name);
    assert!(memory < MEMORY_KB, "{memory} kB");
    assert!(
        counts.errors > 0 && counts.check_alone > 0,
        "not one damaged index was noticed: {counts:?}"
    );
}

fn own_memory(client: &mut Client) -> i64 {
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).unwrap();
    private_kb(pid.get(0))
}

/// How damage was noticed.
enum Noticed {
    Error,
    Check,
    Nothing,
}

/// A server with a database whose copies are damaged.
struct Scene<'a> {
    server: &'a Server,
    shape: &'a Shape,
    tables: usize,
    /// Distances of the rows that each condition has.
    answers: Vec<Vec<String>>,
}

const COPY: &str = "copy";

impl<'a> Scene<'a> {
    fn create(server: &'a Server, shape: &'a Shape, tables: usize) -> Result<Self> {
        let mut client = session(server, shape.name)?;
        client.batch_execute(
            "CREATE TYPE mood AS ENUM ('bad', 'fair', 'good');
             CREATE FUNCTION numbers(i int, count int) RETURNS real[] IMMUTABLE LANGUAGE sql AS
                 'SELECT array_agg(((i * (k * 7 + 3) + k * k) % 101 - 50)::real) FROM generate_series(1, count) k';
             CREATE TABLE rows (id int, tag int, name text, price numeric, tags text[], moment timestamptz, mood mood)",
        )?;
        client.batch_execute(&format!(
            "ALTER TABLE rows ADD v {column};
             INSERT INTO rows
             SELECT i, nullif(i % 7, 6), repeat('long ', i % 2 * 12) || 'name ' || i % 5, i % 40 / 10.0,
                 ARRAY['t' || i % 4, 't' || i % 9], '2026-01-01'::timestamptz + i * interval '1 h',
                 (ARRAY['bad', 'fair', 'good'])[i % 3 + 1]::mood, {value}
             FROM generate_series(1, {count}) i,
                 -- A quarter are equal: a node with a list of rows.
                 numbers(CASE WHEN i % 4 = 0 THEN 4 ELSE i END, {numbers}) n",
            column = shape.column,
            value = shape.value,
            count = shape.rows,
            numbers = shape.numbers,
        ))?;
        for table in 0..tables {
            let index = format!(
                "CREATE INDEX t{table}_v_idx ON t{table} USING hnsw (v {}{}) WITH ({})",
                shape.class, shape.keys, shape.with
            );
            client.batch_execute(&format!(
                "CREATE TABLE t{table} (LIKE rows);
                 INSERT INTO t{table} SELECT * FROM rows WHERE id % 5 > 0;
                 {index};
                 INSERT INTO t{table} SELECT * FROM rows WHERE id % 5 = 0;
                 DELETE FROM t{table} WHERE id % 8 = 5"
            ))?;
            client.batch_execute(&format!("VACUUM t{table}"))?;
            client.batch_execute(&format!("DELETE FROM t{table} WHERE id % 16 = 1"))?;
        }
        client.batch_execute("ANALYZE t0")?;
        let mut scene = Self {
            server,
            shape,
            tables,
            answers: Vec::new(),
        };
        client.batch_execute("SET enable_indexscan = off")?;
        for condition in CONDITIONS {
            let rows = simple(&mut client, &scene.query("t0", condition, 1000))?;
            ensure!(!rows.is_empty(), "no row has {condition}");
            scene.answers.push(distances(&rows));
        }
        Ok(scene)
    }

    fn query(&self, table: &str, condition: &str, limit: usize) -> String {
        let Shape {
            operator,
            value,
            numbers,
            column,
            ..
        } = self.shape;
        // A value that no row has; the planner sees a constant.
        let query = format!(
            "(SELECT ({value})::{column} FROM (SELECT ARRAY{:?}::real[]) x(n))",
            (0..*numbers).map(|i| (i * 13 + 5) % 97).collect::<Vec<_>>()
        );
        format!(
            "SELECT id, v {operator} {query} AS d, {condition} FROM {table} WHERE {condition} \
             ORDER BY v {operator} {query} LIMIT {limit}"
        )
    }

    fn connect(&self) -> Result<Client> {
        let mut client = self.server.connect(COPY)?;
        client.batch_execute(&format!(
            "SET statement_timeout = {}; SET enable_seqscan = off; SET enable_sort = off; \
             SET client_min_messages = error",
            PATIENCE.as_millis()
        ))?;
        Ok(client)
    }

    /// A copy of the database, of which nothing is in memory.
    fn copy(&self) -> Result<Client> {
        let name = self.shape.name;
        self.server.connect("postgres")?.batch_execute(&format!(
            "CREATE DATABASE {COPY} TEMPLATE {name} STRATEGY file_copy"
        ))?;
        self.connect()
    }

    fn drop_copy(&self) -> Result<()> {
        let drop = format!("DROP DATABASE {COPY} WITH (FORCE)");
        Ok(self.server.connect("postgres")?.batch_execute(&drop)?)
    }

    /// Damages all indexes of the copy, the first ones in known ways.
    fn damage_all(
        &self,
        client: &mut Client,
        known: &[(u64, &[u8])],
        rng: &mut ChaCha8Rng,
    ) -> Vec<Damage> {
        let paths = "SELECT pg_relation_filepath('t' || i || '_v_idx') FROM generate_series(0, $1 - 1) i ORDER BY i";
        let tables = i32::try_from(self.tables).unwrap();
        let paths = client.query(paths, &[&tables]).unwrap();
        let mut known = known.iter();
        let damage = |row: &postgres::Row| {
            let path = self.server.data_dir().join(row.get::<_, String>(0));
            let damage = match known.next() {
                Some((at, bytes)) => Damage::Overwrite {
                    at: *at,
                    bytes: bytes.to_vec(),
                },
                None => Damage::random(rng, &std::fs::read(&path).unwrap()),
            };
            damage.inflict(&path).unwrap();
            damage
        };
        paths.iter().map(damage).collect()
    }

    /// Searches, checks, inserts, deletes, vacuums, and searches and checks again.
    fn use_table(&self, client: &mut Client, table: &str, rebuild: bool) -> Result<Noticed> {
        let started = Instant::now();
        let index = format!("{table}_v_idx");
        let (mut error, mut wrong) = (false, Vec::new());
        let mut of = |result: Result<(), Error>| -> Result<()> {
            error |= tolerate(result)?;
            Ok(())
        };
        let all = simple(client, &self.query(table, "true", 1000));
        of(all.map(|rows| wrong.extend(self.wrong(&rows, None))))?;
        for (condition, answer) in CONDITIONS.iter().zip(&self.answers) {
            let found = simple(client, &self.query(table, condition, 1000));
            let exact = condition
                .split(' ')
                .next()
                .is_some_and(|c| self.shape.keys.contains(c));
            let answer = exact.then_some(answer.as_slice());
            let mut rows = Vec::new();
            of(found.map(|found| rows = found))?;
            ensure!(
                rows.iter().all(|row| row[2] == "t"),
                "a row does not match {condition}: {rows:?}"
            );
            wrong.extend(self.wrong(&rows, answer));
        }
        let mut problems = Vec::new();
        of(check::problems(client, &index).map(|found| problems = found))?;
        for statement in [
            // Equal to others, and to none.
            format!("INSERT INTO {table} SELECT * FROM rows WHERE id = 4"),
            format!("INSERT INTO {table} SELECT * FROM rows WHERE id % 16 = 1 LIMIT 2"),
            format!("UPDATE {table} SET tag = 5 WHERE id % 10 = 7"),
            format!("DELETE FROM {table} WHERE id % 3 = 0"),
            format!("VACUUM {table}"),
            self.query(table, CONDITIONS[0], 10),
            self.query(table, "true", 100),
        ] {
            of(client.batch_execute(&statement))?;
        }
        let mut later = Vec::new();
        of(check::problems(client, &index).map(|found| later = found))?;
        ensure!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
        if rebuild {
            client.batch_execute(&format!("REINDEX INDEX {index}"))?;
            check::without_problems(client, &index)?;
        }
        if !error && problems.is_empty() && !wrong.is_empty() {
            bail!("nothing was noticed, but {}", wrong.join("; "));
        }
        Ok(match (error, problems.is_empty() && later.is_empty()) {
            (true, _) => Noticed::Error,
            (false, false) => Noticed::Check,
            (false, true) => Noticed::Nothing,
        })
    }

    /// What is wrong with the rows of a search.
    fn wrong(&self, rows: &[Vec<String>], answer: Option<&[String]>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut ids: Vec<&String> = rows.iter().map(|row| &row[0]).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < rows.len() {
            wrong.push("a row came twice".into());
        }
        let found = distances(rows);
        let number = |d: &String| d.parse::<f64>().unwrap();
        if !found.iter().map(number).is_sorted() {
            wrong.push(format!("rows are not in order: {found:?}"));
        }
        if answer.is_some_and(|answer| answer != found) {
            wrong.push(format!("{found:?} instead of {answer:?}"));
        }
        wrong
    }
}

fn distances(rows: &[Vec<String>]) -> Vec<String> {
    rows.iter().map(|row| row[1].clone()).collect()
}

/// All rows as text; without a statement to prepare.
fn simple(client: &mut Client, query: &str) -> Result<Vec<Vec<String>>, Error> {
    let messages = client.simple_query(query)?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).unwrap_or_default().to_owned())
                .collect(),
        ),
        _ => None,
    });
    Ok(rows.collect())
}

/// Whether a statement reported corruption; any other error is one, except that a damaged version
/// number may be taken for an index of another version.
fn tolerate(result: Result<(), Error>) -> Result<bool> {
    let Err(error) = result else {
        return Ok(false);
    };
    match error.code().map(postgres::error::SqlState::code) {
        Some(INDEX_CORRUPTED | DATA_CORRUPTED) => Ok(true),
        Some(_)
            if error
                .as_db_error()
                .is_some_and(|error| error.message().contains("format version")) =>
        {
            Ok(true)
        }
        _ => Err(error.into()),
    }
}
