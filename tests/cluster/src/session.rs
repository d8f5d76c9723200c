//! Databases with the extension in them, and sessions that cannot hang a test.

use anyhow::Result;
use cluster::Server;
use postgres::Client;
use testdata::sql;

/// No statement of a test takes this long, unless something hangs.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '300s'";

/// Creates a database with the extension and connects to it.
pub fn session(server: &Server, database: &str) -> Result<Client> {
    let mut client = server.create_database(database)?;
    sql::create_extension(&mut client)?;
    client.batch_execute(STATEMENT_TIMEOUT)?;
    Ok(client)
}

/// Another session of a database that [`session`] created.
pub fn another(server: &Server, database: &str) -> Result<Client> {
    let mut client = server.connect(database)?;
    client.batch_execute(STATEMENT_TIMEOUT)?;
    Ok(client)
}
