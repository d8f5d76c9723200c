//! Random conditions on key columns.

use postgres::Client;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::columns::{Column, Conditions};

/// Values of a column that conditions are made from, beside those that were thought of.
const PROBES: i64 = 60;
/// Conditions that no index checks.
const OUTSIDE: [&str; 3] = ["id % 3 > 0", "h(id, 9) % 5 = 0", "n > id - 100"];
const COMPARISONS: [&str; 7] = ["=", "=", "=", "<", "<=", ">=", ">"];

/// A condition, with `§` where its constants go.
#[derive(Debug)]
pub struct Condition {
    /// The condition.
    pub text: String,
    /// Types and values of the constants, in SQL.
    pub constants: Vec<(String, String)>,
    /// Whether the index checks it.
    pub indexed: bool,
}

/// Makes conditions on the columns of a table.
pub struct Conditioner {
    columns: &'static [Column],
    /// Constants of each column, by type.
    pools: Vec<Vec<(&'static str, Vec<String>)>>,
}

impl Conditioner {
    /// With constants that are thought of, and some that occur in the table.
    pub fn new(
        client: &mut Client,
        table: &str,
        columns: &'static [Column],
    ) -> Result<Self, postgres::Error> {
        let mut pools = Vec::new();
        for column in columns {
            let name = column.name();
            let values = format!(
                "SELECT quote_literal(x) FROM (SELECT DISTINCT {name}::text COLLATE \"C\" AS x FROM {table}
                     WHERE {name} IS NOT NULL) AS d
                 ORDER BY hashtext(x) LIMIT {PROBES}"
            );
            let values = client.query(&values, &[])?;
            let mut occurring: Vec<String> = values.iter().map(|row| row.get(0)).collect();
            let pool = column.constants.iter().map(|(ty, constants)| {
                let mut pool: Vec<String> = constants.iter().map(|x| format!("'{x}'")).collect();
                pool.append(&mut occurring);
                (*ty, pool)
            });
            pools.push(pool.collect());
        }
        Ok(Self { columns, pools })
    }

    /// One to three conditions, now and then with one that the index cannot check.
    pub fn some(&self, rng: &mut ChaCha8Rng) -> Vec<Condition> {
        let count = pick(rng, &[1, 1, 1, 2, 2, 3]);
        let mut conditions: Vec<Condition> = (0..count).map(|_| self.one(rng)).collect();
        if rng.random_ratio(1, 6) {
            conditions.push(Condition {
                text: pick(rng, &OUTSIDE).to_owned(),
                constants: Vec::new(),
                indexed: false,
            });
        }
        conditions
    }

    fn one(&self, rng: &mut ChaCha8Rng) -> Condition {
        let at = rng.random_range(0..self.columns.len());
        let (column, pools) = (&self.columns[at], &self.pools[at]);
        // Mostly of the column's own type.
        let (ty, pool) = &pools[rng
            .random_range(0..2 * pools.len())
            .saturating_sub(pools.len())];
        let name = column.name();
        let kind = rng.random_range(0..16);
        let comparison = pick(rng, &COMPARISONS);
        let count = pick(rng, &[0, 1, 2, 3, 4, 5, 15, 50]);
        let values: Vec<String> = (0..count.max(2)).map(|_| value(rng, ty, pool)).collect();
        let array = format!("ARRAY[{}]::{ty}[]", values[..count].join(", "));
        let single = vec![(ty.to_string(), values[0].clone())];
        let (text, constants) = match (kind, column.conditions) {
            (0, _) => (format!("{name} IS NULL"), Vec::new()),
            (1, _) => (format!("{name} IS NOT NULL"), Vec::new()),
            (_, Conditions::Array) => (format!("{name} {} §", pick(rng, &["&&", "@>"])), single),
            (2..5, _) => (
                format!("{name} BETWEEN § AND §"),
                values[..2]
                    .iter()
                    .map(|v| (ty.to_string(), v.clone()))
                    .collect(),
            ),
            (5..7, _) => (
                format!("{name} IN ({})", vec!["§"; values.len()].join(", ")),
                values.iter().map(|v| (ty.to_string(), v.clone())).collect(),
            ),
            (7..9, _) => (
                format!("{name} = ANY (§)"),
                vec![(format!("{ty}[]"), array)],
            ),
            (9, _) => (
                format!("{name} {comparison} ANY (§)"),
                vec![(format!("{ty}[]"), array)],
            ),
            _ => (format!("{name} {comparison} §"), single),
        };
        Condition {
            text,
            constants,
            indexed: true,
        }
    }
}

/// A constant, rarely NULL.
fn value(rng: &mut ChaCha8Rng, ty: &str, pool: &[String]) -> String {
    let value = match rng.random_ratio(1, 25) {
        true => "NULL",
        false => pool.choose(rng).map_or("NULL", String::as_str),
    };
    format!("{value}::{ty}")
}

/// One of several, which are at least one.
pub fn pick<T: Copy>(rng: &mut ChaCha8Rng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}
