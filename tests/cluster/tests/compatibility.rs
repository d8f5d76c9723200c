//! What pgvector and pg_hnsw under its name answer to the same statements: rows, errors with their
//! SQLSTATE, notices and plans. What differs is in `expected/compatibility.txt`, and nothing else.
//!
//! Needs a PostgreSQL with pgvector; without one the test passes with a message.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use cluster::{Installation, Options, Server};
use cluster_tests::alias::{self, Copied};
use postgres::{Client, NoTls, SimpleQueryMessage};

/// Statements, each ended by a semicolon at the end of a line; lines of comments begin with `--`.
const STATEMENTS: &str = include_str!("../compatibility.sql");
const EXPECTED: &str = include_str!("../expected/compatibility.txt");

type Notices = Arc<Mutex<Vec<String>>>;

fn session(server: &Server, library: &str) -> (Client, Notices) {
    drop(alias::database(server, "compatibility", library).unwrap());
    let notices = Notices::default();
    let heard = Arc::clone(&notices);
    let client = server
        .config("compatibility")
        .notice_callback(move |notice| {
            // How many rows fit into memory depends on the levels that are drawn.
            let message = notice.message().split(" after ").next().unwrap_or_default();
            let line = format!("{} {}: {message}", notice.severity(), notice.code().code());
            heard.lock().unwrap().push(line);
        })
        .connect(NoTls)
        .unwrap();
    (client, notices)
}

/// Starts what pg_hnsw adds to `EXPLAIN (ANALYZE)` from PostgreSQL 18 on, with numbers that vary;
/// `tests/sql/hnsw_explain.sql` has these lines.
const OF_A_SCAN: &str = "HNSW ";

/// What a statement does, as text.
fn outcome(client: &mut Client, notices: &Notices, statement: &str) -> Vec<String> {
    notices.lock().unwrap().clear();
    let result = client.simple_query(statement);
    let mut lines = std::mem::take(&mut *notices.lock().unwrap());
    match result {
        Ok(messages) => lines.extend(messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL"));
                Some(values.collect::<Vec<_>>().join("|"))
                    .filter(|line| !line.trim_start().starts_with(OF_A_SCAN))
            }
            _ => None,
        })),
        Err(error) => {
            let Some(error) = error.as_db_error() else {
                panic!("{statement}: {error}");
            };
            lines.push(format!(
                "{} {}: {}",
                error.severity(),
                error.code().code(),
                error.message()
            ));
            lines.extend(error.detail().map(|detail| format!("DETAIL: {detail}")));
            lines.extend(error.hint().map(|hint| format!("HINT: {hint}")));
        }
    }
    if lines.is_empty() {
        lines.push("done".into());
    }
    lines
}

fn statements() -> Vec<String> {
    let text: Vec<&str> = STATEMENTS
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect();
    text.join("\n")
        .split_inclusive(";\n")
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[test]
fn statements_do_the_same() {
    let original = Installation::from_env().unwrap();
    if !original.has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let copied = Copied::with_alias(&original).unwrap();
    let peer = Server::start_with(&original, &Options::new()).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    let mut theirs = session(&peer, "$libdir/vector");
    let mut ours = session(&server, "$libdir/pg_hnsw");
    let statements = statements();
    assert!(
        statements.len() > 200,
        "only {} statements",
        statements.len()
    );
    let mut found = String::new();
    let mut same = 0;
    for statement in &statements {
        let their_lines = outcome(&mut theirs.0, &theirs.1, statement);
        let our_lines = outcome(&mut ours.0, &ours.1, statement);
        if their_lines == our_lines {
            same += 1;
            continue;
        }
        writeln!(found, "> {}", statement.replace('\n', "\n> ")).unwrap();
        for line in their_lines {
            writeln!(found, "- {line}").unwrap();
        }
        for line in our_lines {
            writeln!(found, "+ {line}").unwrap();
        }
    }
    println!("{same} of {} statements do the same", statements.len());
    let expected: String = EXPECTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    assert!(
        found == expected,
        "differences from pgvector (- it, + we) are other than expected. Found:\n{found}"
    );
}
