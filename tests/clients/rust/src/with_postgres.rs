use pgvector::{Bit, HalfVector, SparseVector, Vector};
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls, Row};
use std::io::Write;

use super::*;

fn ids(rows: &[Row]) -> Vec<i32> {
    rows.iter().map(|row| row.get(0)).collect()
}

pub fn test(checks: &mut Checks) -> Outcome {
    create_database("rust_postgres")?;
    let mut client = Client::connect(&url("rust_postgres")?, NoTls)?;
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector")?;
    client.batch_execute(TABLE)?;
    for index in indexes() {
        client.batch_execute(&index)?;
    }
    // A row by parameters, which are binary; one by COPY in binary, one by COPY in text.
    let row = |i: usize| {
        (
            i as i32 + 1,
            vector(ROWS[i]),
            halves(ROWS[i]),
            sparse(ROWS[i]),
            bits(BITS[i]),
        )
    };
    let (id, v, h, s, b) = row(0);
    client.execute(
        "INSERT INTO items VALUES ($1, $2, $3, $4, $5)",
        &[&id, &v, &h, &s, &b],
    )?;
    let types: Vec<Type> = client
        .prepare("SELECT * FROM items")?
        .columns()
        .iter()
        .map(|column| column.type_().clone())
        .collect();
    let writer = client.copy_in("COPY items FROM STDIN WITH (FORMAT BINARY)")?;
    let mut writer = BinaryCopyInWriter::new(writer, &types);
    let (id, v, h, s, b) = row(1);
    writer.write(&[&id as &(dyn ToSql + Sync), &v, &h, &s, &b])?;
    writer.finish()?;
    let mut writer = client.copy_in("COPY items FROM STDIN")?;
    writeln!(writer, "3\t[1,1,2]\t[1,1,2]\t{{1:1,2:1,3:2}}/3\t111")?;
    writer.finish()?;

    client.batch_execute("SET enable_seqscan = off")?;
    for (i, found) in client
        .query("SELECT * FROM items ORDER BY id", &[])?
        .iter()
        .enumerate()
    {
        let found: (i32, Vector, HalfVector, SparseVector, Bit) = (
            found.get(0),
            found.get(1),
            found.get(2),
            found.get(3),
            found.get(4),
        );
        checks.equal(&format!("reads row {}", i + 1), found, row(i));
    }
    let (v, h, s) = (vector(QUERY), halves(QUERY), sparse(QUERY));
    let queries: [(&str, &(dyn ToSql + Sync)); 3] = [("v", &v), ("h", &h), ("s", &s)];
    for (column, query) in queries {
        for (operator, _, nearest) in NEAREST {
            let text = format!("SELECT id FROM items ORDER BY {column} {operator} $1 LIMIT 3");
            let found = ids(&client.query(&text, &[query])?);
            checks.equal(&format!("{column} {operator}"), found, nearest.to_vec());
        }
    }
    for (operator, nearest) in NEAREST_BITS {
        let text = format!("SELECT id FROM items ORDER BY b {operator} $1");
        let found = ids(&client.query(&text, &[&bits(BIT_QUERY)])?);
        checks.equal(&format!("b {operator}"), found, nearest.to_vec());
    }
    let sums = client.query_one("SELECT avg(v), sum(h) FROM items", &[])?;
    checks.equal("avg", sums.get(0), vector(AVERAGE));
    checks.equal("sum", sums.get(1), halves(SUM));
    let filtered = "SELECT id FROM items WHERE id > 1 ORDER BY v <-> $1 LIMIT 5";
    checks.equal("filter", ids(&client.query(filtered, &[&v])?), vec![3, 2]);
    Ok(())
}
