//! One of the extensions that are compared, with its database, table and session.

use std::mem::replace;

use anyhow::{Context, Result, ensure};
use cluster::Server;
use postgres::Client;
use testdata::sql;

use crate::dataset::Dataset;
use crate::probe;

/// The table that both sides have in their databases: `id int, v`.
pub const TABLE: &str = "items";
/// Its index.
pub const INDEX: &str = "items_v_idx";
/// The queries, as a table of the same form.
pub const QUERIES: &str = "queries";
/// The name of the extension under test.
pub const OURS: &str = "pg_hnsw";
/// The name of the extension it is compared with.
pub const PEER: &str = "pgvector";
/// What pgvector's index takes at most of type `vector`.
const LONGEST_VECTOR: usize = 2000;
/// The numbers of neighbours that are asked for.
pub const COUNTS: [usize; 2] = [10, 100];
/// Plans do not depend on how often a statement ran or on what it would cost to scan the table.
const SESSION: &str = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; \
     SET synchronous_commit = off";

/// An extension with a loaded table.
pub struct Side {
    /// What the results call it.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// Its database.
    pub database: String,
    /// A session in it.
    pub client: Client,
    /// The type of the indexed column, without dimensions.
    pub column: &'static str,
    /// The operator.
    pub operator: &'static str,
    /// The operator class.
    class: String,
}

/// The sides that the server's installation has: pg_hnsw always, pgvector where it is installed.
pub fn available(server: &Server) -> Result<Vec<&'static str>> {
    let installation = server.installation();
    ensure!(
        installation.has_extension(&sql::extension()),
        "pg_hnsw is not installed"
    );
    if installation.has_pgvector() {
        return Ok(vec![OURS, PEER]);
    }
    println!("This PostgreSQL has no pgvector: pg_hnsw is measured without it.");
    Ok(vec![OURS])
}

impl Side {
    /// Creates a database with the extension and loads the data set into a table.
    pub fn load(server: &Server, name: &'static str, dataset: &Dataset) -> Result<Self> {
        let extension = if name == PEER {
            "vector".to_owned()
        } else {
            sql::extension()
        };
        let database = format!("{name}_{}", dataset.name);
        let mut client = server.create_database(&database)?;
        client.batch_execute(&format!("CREATE EXTENSION {extension}"))?;
        let version = client
            .query_one(
                "SELECT extversion FROM pg_extension WHERE extname = $1",
                &[&extension],
            )?
            .get(0);
        let half = name == PEER && dataset.base.dim() > LONGEST_VECTOR;
        let class = dataset.metric.operator_class();
        let mut side = Self {
            name,
            version,
            database,
            client,
            column: if half { "halfvec" } else { "vector" },
            operator: dataset.metric.operator(),
            class: if half {
                class.replace("vector_", "halfvec_")
            } else {
                class.to_owned()
            },
        };
        side.fill(dataset)
            .with_context(|| format!("cannot load {} into {name}", dataset.name))?;
        side.start_session()?;
        Ok(side)
    }

    fn fill(&mut self, dataset: &Dataset) -> Result<()> {
        self.create_table(TABLE, &dataset.base)?;
        self.create_table(QUERIES, &dataset.queries)?;
        self.client.batch_execute(&format!(
            "ALTER TABLE {TABLE} SET (parallel_workers = 1);
             CREATE UNIQUE INDEX ON {QUERIES} (id)"
        ))?;
        for k in COUNTS {
            self.client.batch_execute(&probe::function(self, k))?;
        }
        Ok(())
    }

    /// A table of vectors in the column's type; ids start at 0.
    pub fn create_table(&mut self, table: &str, vectors: &testdata::Vectors) -> Result<()> {
        sql::create_table(&mut self.client, table, vectors)?;
        if self.column != "vector" {
            self.client.batch_execute(&format!(
                "ALTER TABLE {table} ALTER COLUMN v TYPE {}({})",
                self.column,
                vectors.dim()
            ))?;
        }
        Ok(self
            .client
            .batch_execute(&format!("VACUUM (FREEZE, ANALYZE) {table}"))?)
    }

    /// The settings of every session; the extension's library is loaded with the first vector, so
    /// that its settings are known.
    fn start_session(&mut self) -> Result<()> {
        Ok(self
            .client
            .batch_execute(&format!("{SESSION}; SELECT '[1]'::vector"))?)
    }

    /// Another session in the same database, with the same settings.
    pub fn session(&self, server: &Server) -> Result<Client> {
        let mut client = server.connect(&self.database)?;
        client.batch_execute(&format!("{SESSION}; SELECT '[1]'::vector"))?;
        Ok(client)
    }

    /// Connects again, after the server was restarted.
    pub fn reconnect(&mut self, server: &Server) -> Result<()> {
        self.client = self.session(server)?;
        Ok(())
    }

    /// Sets `maintenance_work_mem`.
    pub fn set_memory(&mut self, memory: &str) -> Result<()> {
        let set = format!("SET maintenance_work_mem = '{memory}'");
        Ok(self.client.batch_execute(&set)?)
    }

    /// Creates the index.
    pub fn create_index(&mut self) -> Result<()> {
        let class = &self.class;
        Ok(self.client.batch_execute(&format!(
            "CREATE INDEX {INDEX} ON {TABLE} USING hnsw (v {class})"
        ))?)
    }

    /// The operator class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Creates the index of another table.
    pub fn index_table(&mut self, table: &str) -> Result<()> {
        let class = &self.class;
        Ok(self
            .client
            .batch_execute(&format!("CREATE INDEX ON {table} USING hnsw (v {class})"))?)
    }

    /// The query with its vector written as `vector`.
    pub fn query(&self, vector: &str, k: usize) -> String {
        format!(
            "SELECT id FROM {TABLE} ORDER BY v {} {vector} LIMIT {k}",
            self.operator
        )
    }

    /// The parameter of a prepared statement, which the client sends as a `vector`.
    pub fn parameter(&self) -> &'static str {
        if self.column == "vector" {
            "$1::vector"
        } else {
            "$1::vector::halfvec"
        }
    }

    /// Sets `hnsw.ef_search`.
    pub fn set_ef(&mut self, ef: u32) -> Result<()> {
        let set = format!("SET hnsw.ef_search = {ef}");
        Ok(self.client.batch_execute(&set)?)
    }

    /// Back to the default.
    pub fn reset_ef(&mut self) -> Result<()> {
        Ok(self.client.batch_execute("RESET hnsw.ef_search")?)
    }

    /// A copy of the database, to be changed. It is written through the WAL, so that changing it
    /// logs no full pages: the copy is newer than the last checkpoint.
    pub fn copy(&mut self, server: &Server) -> Result<Self> {
        let database = format!("{}_copy", self.database);
        replace(&mut self.client, server.connect("postgres")?).close()?;
        self.client.batch_execute(&format!(
            "CREATE DATABASE \"{database}\" TEMPLATE \"{}\" STRATEGY wal_log",
            self.database
        ))?;
        self.reconnect(server)?;
        let mut copy = Self {
            name: self.name,
            version: self.version.clone(),
            client: server.connect(&database)?,
            database,
            column: self.column,
            operator: self.operator,
            class: self.class.clone(),
        };
        copy.start_session()?;
        Ok(copy)
    }

    /// Drops the database.
    pub fn discard(self, server: &Server) -> Result<()> {
        let Self {
            client, database, ..
        } = self;
        client.close()?;
        let drop = format!("DROP DATABASE \"{database}\" WITH (FORCE)");
        Ok(server.connect("postgres")?.batch_execute(&drop)?)
    }
}

/// The indices of `count` arms in the order of a round: who begins alternates.
pub fn order(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.rotate_left(round % count);
    order
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn everyone_begins_once() {
        assert_eq!(order(3, 0), [0, 1, 2]);
        assert_eq!(order(3, 4), [1, 2, 0]);
    }
}
