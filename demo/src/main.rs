//! `make demo`: search PostgreSQL's own descriptions by similar wording.
//!
//! Starts a throwaway server, embeds what it says about its functions, operators, types, settings
//! and views, builds an index, answers plain-English questions, and measures recall and latency.
//! Exit status 0 means that the planner used the index and recall@10 was at least 0.95.
//!
//! - [`corpus`]: the texts; [`embedding`]: from text to vector.
//! - [`database`]: the table, the index, the search; [`measure`]: recall and latency.

mod corpus;
mod database;
mod embedding;
mod measure;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use cluster::{Options, Server};
use postgres::Client;
use testdata::sql;

use corpus::Document;
use database::Search;
use embedding::Embedder;

/// The demo fails below this recall.
const ENOUGH: f64 = 0.95;
const DATABASE: &str = "demo";
const QUESTIONS: [&str; 5] = [
    "measure how much disk space a table uses",
    "which sessions are blocking another session that waits for a lock",
    "distance between two points in the plane",
    "cancel the query that another backend is running",
    "split text into pieces using a regular expression",
];
/// How many answers the table shows for a question, and how wide.
const SHOWN: usize = 5;
const NAME_WIDTH: usize = 44;
const DESCRIPTION_WIDTH: usize = 70;

fn main() -> Result<ExitCode> {
    let server = start()?;
    let mut client = server.create_database(DATABASE)?;
    sql::create_extension(&mut client)?;
    let documents = read(&mut client)?;
    let texts: Vec<String> = documents.iter().map(Document::text).collect();
    let embedder = Embedder::learn(texts.iter().map(String::as_str));
    load(&mut client, &documents, &embedder)?;
    index(&mut client)?;
    ask(&mut client, &documents, &embedder)?;
    show_plan(&mut client, &documents)?;
    let enough = compare(&mut client, &documents, &embedder)?;
    finish(server);
    Ok(if enough {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn step(what: &str) {
    println!("\n==> {what}");
}

fn start() -> Result<Server> {
    step("Starting a PostgreSQL server of its own");
    let server = Server::start(&Options::new())?;
    println!(
        "    version {}, in {}",
        server.installation().major(),
        server.host().display()
    );
    Ok(server)
}

fn read(client: &mut Client) -> Result<Vec<Document>> {
    step("Reading what this server says about itself");
    let documents = corpus::read(client)?;
    println!(
        "    {} descriptions of functions, operators, types, ...",
        documents.len()
    );
    Ok(documents)
}

fn load(client: &mut Client, documents: &[Document], embedder: &Embedder) -> Result<()> {
    step("Embedding and loading them");
    let started = Instant::now();
    let embeddings: Vec<Vec<f32>> = documents
        .iter()
        .map(|document| embedder.embed(&document.text()))
        .collect();
    database::load(client, documents, &embeddings)?;
    println!(
        "    {} dimensions each, {:.2} s",
        embedding::DIM,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn index(client: &mut Client) -> Result<()> {
    step("Building the index");
    println!("    {};", database::CREATE_INDEX);
    let started = Instant::now();
    database::create_index(client)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("    {seconds:.2} s, {}", database::index_size(client)?);
    Ok(())
}

fn ask(client: &mut Client, documents: &[Document], embedder: &Embedder) -> Result<()> {
    let search = Search::prepare(client)?;
    for question in QUESTIONS {
        step(&format!("{question:?}"));
        println!(
            "    {:>8}  {:<11} {:<NAME_WIDTH$} description",
            "distance", "kind", "name"
        );
        for hit in search
            .run(client, &embedder.embed(question))?
            .iter()
            .take(SHOWN)
        {
            let document = &documents[usize::try_from(hit.id)?];
            println!(
                "    {:>8.3}  {:<11} {:<NAME_WIDTH$} {}",
                hit.distance,
                document.kind,
                clipped(&document.name, NAME_WIDTH),
                clipped(&document.description, DESCRIPTION_WIDTH)
            );
        }
    }
    Ok(())
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 3).chain("...".chars()).collect()
}

fn show_plan(client: &mut Client, documents: &[Document]) -> Result<()> {
    let id = example_id(documents);
    step("How PostgreSQL answers such a query");
    println!("{};\n", database::example(id));
    println!("{}", database::explain(client, id)?);
    Ok(())
}

/// The document that the example query starts from.
fn example_id(documents: &[Document]) -> i32 {
    let at = documents
        .iter()
        .position(|document| document.name.starts_with("pg_table_size("));
    i32::try_from(at.unwrap_or_default()).expect("few documents")
}

fn compare(client: &mut Client, documents: &[Document], embedder: &Embedder) -> Result<bool> {
    step(&format!(
        "Comparing with the exact answer over {} queries",
        measure::QUERIES
    ));
    let figures = measure::measure(client, embedder, documents)?;
    let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6;
    let (index, scan) = (micros(figures.index), micros(figures.scan));
    println!("    recall@10          {:.4}", figures.recall);
    println!("    index scan         {index:.0} us (median of a query, client included)");
    println!(
        "    sequential scan    {scan:.0} us, {:.1} times as long",
        scan / index
    );
    let enough = figures.recall >= ENOUGH;
    if !enough {
        println!("    FAILED: recall is below {ENOUGH}");
    }
    Ok(enough)
}

/// Leaves the server running when `KEEP` is set; otherwise nothing stays behind.
fn finish(server: Server) {
    if std::env::var_os("KEEP").is_none_or(|value| value.is_empty() || value == "0") {
        println!("\nServer stopped and removed. To look around in it yourself: KEEP=1 make demo");
        return;
    }
    println!(
        "\nThe server keeps running. Connect:\n    {}",
        server.psql_command(DATABASE)
    );
    println!("Stop and remove it:\n    {}", server.keep());
}
