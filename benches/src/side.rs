//! One of the extensions that are compared, with its database, table and index.

use anyhow::{Context, Result, ensure};
use cluster::Server;
use postgres::Client;
use testdata::sql;

use crate::dataset::Dataset;

/// The table that both sides have in their databases.
pub const TABLE: &str = "items";
const PEER: &str = "vector";

/// An extension with a loaded table.
pub struct Side {
    /// What the results call it.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// A session in its database.
    pub client: Client,
}

/// The sides that the server's installation has: pg_hnsw always, pgvector where it is installed.
pub fn available(server: &Server) -> Result<Vec<&'static str>> {
    let installation = server.installation();
    ensure!(
        installation.has_extension(&sql::extension()),
        "pg_hnsw is not installed"
    );
    if installation.has_extension(PEER) {
        return Ok(vec!["pg_hnsw", "pgvector"]);
    }
    println!("This PostgreSQL has no pgvector: pg_hnsw is measured alone.");
    Ok(vec!["pg_hnsw"])
}

impl Side {
    /// Creates a database with the extension and loads the data set into a table.
    pub fn load(server: &Server, name: &'static str, dataset: &Dataset) -> Result<Self> {
        let extension = if name == "pgvector" {
            PEER.to_owned()
        } else {
            sql::extension()
        };
        let mut client = server.create_database(&format!("{name} {}", dataset.name))?;
        client.batch_execute(&format!("CREATE EXTENSION {extension}"))?;
        let version = client
            .query_one(
                "SELECT extversion FROM pg_extension WHERE extname = $1",
                &[&extension],
            )?
            .get(0);
        sql::create_table(&mut client, TABLE, &dataset.base)
            .with_context(|| format!("cannot load {} into {name}", dataset.name))?;
        client.batch_execute(&format!("ALTER TABLE {TABLE} SET (parallel_workers = 1)"))?;
        client.batch_execute(&format!("VACUUM (FREEZE, ANALYZE) {TABLE}"))?;
        Ok(Self {
            name,
            version,
            client,
        })
    }
}

/// The indices of the sides in the order of a round: who begins alternates.
pub fn order(sides: &[Side], round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sides.len()).collect();
    order.rotate_left(round % sides.len());
    order
}
