//! The table of documents: load, index, search.

use anyhow::{Result, ensure};
use pgvector::Vector;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::Type;
use postgres::{Client, Statement};

use crate::corpus::Document;
use crate::embedding::DIM;

/// How many neighbours a search returns.
pub const NEIGHBOURS: usize = 10;

/// Creates the table and loads documents with their embeddings; ids follow their order.
pub fn load(client: &mut Client, documents: &[Document], embeddings: &[Vec<f32>]) -> Result<()> {
    client.batch_execute(&format!(
        "CREATE TABLE docs (id int PRIMARY KEY, kind text, name text, description text, \
         embedding vector({DIM}))"
    ))?;
    let vector = client.prepare("SELECT $1::vector")?.params()[0].clone();
    let sink = client.copy_in("COPY docs FROM STDIN BINARY")?;
    let types = [Type::INT4, Type::TEXT, Type::TEXT, Type::TEXT, vector];
    let mut writer = BinaryCopyInWriter::new(sink, &types);
    for (id, (document, embedding)) in (0i32..).zip(documents.iter().zip(embeddings)) {
        let embedding = Vector::from(embedding.clone());
        let Document {
            kind,
            name,
            description,
            ..
        } = document;
        writer.write(&[&id, kind, name, description, &embedding])?;
    }
    writer.finish()?;
    Ok(client.batch_execute("ANALYZE docs")?)
}

/// Builds the index.
pub fn create_index(client: &mut Client) -> Result<()> {
    Ok(client.batch_execute(CREATE_INDEX)?)
}

/// What [`create_index`] executes.
pub const CREATE_INDEX: &str =
    "CREATE INDEX docs_embedding_idx ON docs USING hnsw (embedding vector_cosine_ops)";

/// The size of the index, as PostgreSQL words it.
pub fn index_size(client: &mut Client) -> Result<String> {
    let query = "SELECT pg_size_pretty(pg_relation_size('docs_embedding_idx'))";
    Ok(client.query_one(query, &[])?.get(0))
}

/// A document that a search found.
pub struct Hit {
    /// Its id.
    pub id: i32,
    /// Its distance from the query.
    pub distance: f64,
}

/// A prepared search for the nearest documents.
pub struct Search(Statement);

impl Search {
    /// Prepares the search; whether it uses the index is the planner's choice.
    pub fn prepare(client: &mut Client) -> Result<Self> {
        Ok(Self(client.prepare(&format!(
            "SELECT id, embedding <=> $1 FROM docs ORDER BY embedding <=> $1 LIMIT {NEIGHBOURS}"
        ))?))
    }

    /// The nearest documents, nearest first.
    pub fn run(&self, client: &mut Client, embedding: &[f32]) -> Result<Vec<Hit>> {
        let rows = client.query(&self.0, &[&Vector::from(embedding.to_vec())])?;
        Ok(rows
            .iter()
            .map(|row| Hit {
                id: row.get(0),
                distance: row.get(1),
            })
            .collect())
    }
}

/// The query that [`explain`] explains; `id` is a document whose neighbours are wanted.
pub fn example(id: i32) -> String {
    format!(
        "SELECT kind, name, description FROM docs\n  ORDER BY embedding <=> (SELECT embedding FROM \
         docs WHERE id = {id})\n  LIMIT {NEIGHBOURS}"
    )
}

/// The plan of the [`example`], executed; it must go through the index by the planner's choice.
pub fn explain(client: &mut Client, id: i32) -> Result<String> {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, SUMMARY OFF) {}", example(id));
    let lines: Vec<String> = client
        .query(&explain, &[])?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let plan = lines.join("\n");
    ensure!(
        plan.contains("Index Scan using docs_embedding_idx"),
        "not the index:\n{plan}"
    );
    Ok(plan)
}
