//! Rust clients of pgvector against the extension `vector` of pg_hnsw: `postgres`, `sqlx`, `diesel`.
//! What is expected is what `tests/clients/python/common.py` says.

mod with_diesel;
mod with_postgres;
mod with_sqlx;

use std::fmt::Debug;
use std::process::{Command, ExitCode};

use half::f16;
use pgvector::{Bit, HalfVector, SparseVector, Vector};

type Test = fn(&mut Checks) -> Outcome;
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Rows 1 to 3.
const ROWS: [[f32; 3]; 3] = [[1.0, 1.0, 1.0], [2.0, 2.0, 3.0], [1.0, 1.0, 2.0]];
const BITS: [[bool; 3]; 3] = [
    [false, false, false],
    [true, false, true],
    [true, true, true],
];
const QUERY: [f32; 3] = [1.0, 1.0, 1.0];
const BIT_QUERY: [bool; 3] = [true, false, true];
/// Operator, name in operator classes, rows by distance from the query.
const NEAREST: [(&str, &str, [i32; 3]); 4] = [
    ("<->", "l2", [1, 3, 2]),
    ("<#>", "ip", [2, 3, 1]),
    ("<=>", "cosine", [1, 2, 3]),
    ("<+>", "l1", [1, 3, 2]),
];
const NEAREST_BITS: [(&str, [i32; 3]); 2] = [("<~>", [2, 3, 1]), ("<%>", [2, 3, 1])];
const AVERAGE: [f32; 3] = [4.0 / 3.0, 4.0 / 3.0, 2.0];
const SUM: [f32; 3] = [4.0, 4.0, 6.0];
const TABLE: &str =
    "CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))";

fn vector(row: [f32; 3]) -> Vector {
    Vector::from(row.to_vec())
}

fn halves(row: [f32; 3]) -> HalfVector {
    HalfVector::from(row.map(f16::from_f32).to_vec())
}

fn sparse(row: [f32; 3]) -> SparseVector {
    SparseVector::from_dense(&row)
}

fn bits(row: [bool; 3]) -> Bit {
    Bit::new(&row)
}

/// `CREATE INDEX` for every distance of every type.
fn indexes() -> Vec<String> {
    let classes = [("v", "vector"), ("h", "halfvec"), ("s", "sparsevec")]
        .into_iter()
        .flat_map(|(column, kind)| {
            NEAREST.map(|(_, name, _)| format!("{column} {kind}_{name}_ops"))
        });
    let of_bits = ["hamming", "jaccard"].map(|name| format!("b bit_{name}_ops"));
    classes
        .chain(of_bits)
        .map(|class| format!("CREATE INDEX ON items USING hnsw ({class})"))
        .collect()
}

/// What a client did, line by line.
struct Checks {
    client: &'static str,
    failed: bool,
}

impl Checks {
    fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        if found == expected {
            println!("ok {}: {what}", self.client);
        } else {
            self.failed = true;
            println!(
                "FAILED {}: {what}: {found:?}, expected {expected:?}",
                self.client
            );
        }
    }
}

/// A database without the extension; clients create it themselves.
fn create_database(name: &str) -> Outcome {
    let create = format!("CREATE DATABASE {name}");
    let status = Command::new("psql")
        .args(["-X", "-q", "-d", "postgres", "-c", &create])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(create.into())
    }
}

/// A URL of a database; the socket's directory is percent-encoded.
fn url(database: &str) -> Result<String, std::env::VarError> {
    let host = std::env::var("PGHOST")?.replace('/', "%2F");
    let (port, user) = (std::env::var("PGPORT")?, std::env::var("PGUSER")?);
    Ok(format!("postgresql://{user}@{host}:{port}/{database}"))
}

fn main() -> ExitCode {
    let clients: [(&str, Test); 3] = [
        ("postgres", with_postgres::test),
        ("sqlx", with_sqlx::test),
        ("diesel", with_diesel::test),
    ];
    let mut failed = false;
    for (client, test) in clients {
        let mut checks = Checks {
            client,
            failed: false,
        };
        if let Err(error) = test(&mut checks) {
            println!("FAILED {client}: ended by an error: {error}");
            checks.failed = true;
        }
        failed |= checks.failed;
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
