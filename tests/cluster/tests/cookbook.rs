//! `docs/cookbook.md` tells the truth: each of its statements prints what the page shows below it,
//! whether the indexes are used or not.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster::{Options, Server};
use cluster_tests::{programs, session};
use postgres::Client;

const PAGE: &str = include_str!("../../../docs/cookbook.md");
/// Stands in the output where the statements of a block end.
const END: &str = "--- end of block ---";

/// Statements of the page, and what it says that `psql` prints for them.
struct Block {
    sql: String,
    output: String,
}

/// The blocks of SQL of a page; one of text shows the output of the block before it.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let content = lines.by_ref().take_while(|line| *line != "```");
        let content = content.map(|line| format!("{line}\n")).collect();
        match language {
            "sql" => blocks.push(Block {
                sql: content,
                output: String::new(),
            }),
            "text" => blocks.last_mut().expect("SQL before text").output = content,
            _ => panic!("a block of {language}"),
        }
    }
    blocks
}

/// What `psql` prints for each block, all in one session with these settings.
fn printed(server: &Server, database: &str, settings: &str, blocks: &[Block]) -> Vec<String> {
    let statements = blocks
        .iter()
        .map(|block| format!("{}\\echo '{END}'\n", block.sql));
    let script: String = std::iter::once(settings.to_owned())
        .chain(statements)
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, script).unwrap();
    let name = file.path().to_str().unwrap();
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", name];
    let output = programs::run(server, "psql", database, &arguments);
    let output = String::from_utf8(output).unwrap();
    output.split(END).map(without_padding).collect()
}

/// The lines without spaces at their ends, and without empty ones around them.
fn without_padding(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// Waits until the server has counted a scan of this index.
fn assert_is_used(client: &mut Client, index: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1";
    while client.query_one(scans, &[&index]).unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "{index} is not used");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_page_shows_what_it_prints() {
    let server = Server::start(&Options::new()).unwrap();
    let blocks = blocks(PAGE);
    assert!(blocks.len() > 10, "only {} blocks", blocks.len());
    for (database, settings) in [
        (
            "indexed",
            "SET enable_seqscan = off; SET enable_sort = off;",
        ),
        (
            "exact",
            "SET enable_indexscan = off; SET enable_bitmapscan = off;",
        ),
    ] {
        let mut client = session(&server, database).unwrap();
        let outputs = printed(&server, database, settings, &blocks);
        for (block, printed) in blocks.iter().zip(outputs) {
            let expected = without_padding(&block.output);
            assert!(
                printed == expected,
                "{database}: {}prints\n{printed}\ninstead of\n{expected}",
                block.sql
            );
        }
        if database == "indexed" {
            for index in ["passages_embedding", "passages_terms", "passages_words"] {
                assert_is_used(&mut client, index);
            }
        }
    }
}
