//! The files of a database, to see what a failed command left behind.

use std::collections::BTreeSet;

use anyhow::Result;
use postgres::Client;

/// Names of the relation files of the current database and of all temporary files. A checkpoint
/// goes first: PostgreSQL keeps the empty file of a dropped relation until then.
pub fn files(client: &mut Client) -> Result<BTreeSet<String>> {
    client.batch_execute("CHECKPOINT")?;
    let query = "SELECT f.name FROM pg_database d, \
                 LATERAL pg_ls_dir('base/' || d.oid) AS f(name) \
                 WHERE d.datname = current_database() AND f.name ~ '^t?[0-9_]+(\\.[0-9]+)?$' \
                 UNION ALL SELECT 'temporary file ' || name FROM pg_ls_tmpdir()";
    Ok(client
        .query(query, &[])?
        .iter()
        .map(|row| row.get(0))
        .collect())
}

/// Indexes of a table, valid or not.
pub fn indexes(client: &mut Client, table: &str) -> Result<i64> {
    let query = "SELECT count(*) FROM pg_index WHERE indrelid = $1::text::regclass";
    Ok(client.query_one(query, &[&table])?.get(0))
}
