//! The volume of WAL.

use anyhow::Result;
use postgres::Client;

/// Bytes of WAL that the server has written since it was made.
pub fn position(client: &mut Client) -> Result<f64> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
    Ok(client.query_one(query, &[])?.get(0))
}
