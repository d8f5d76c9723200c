use pgvector::{Bit, HalfVector, SparseVector, Vector};
use sqlx::{
    AssertSqlSafe, Connection, Encode, Executor, PgConnection, Postgres, Type, query, query_as,
    query_scalar,
};

use super::*;

pub fn test(checks: &mut Checks) -> Outcome {
    create_database("rust_sqlx")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(flow(checks))
}

/// Compares the answers to `ORDER BY` with a query of any type.
async fn nearest<Q>(
    checks: &mut Checks,
    connection: &mut PgConnection,
    column: &str,
    operator: &str,
    to: Q,
    expected: [i32; 3],
) -> Outcome
where
    Q: Type<Postgres> + for<'q> Encode<'q, Postgres> + Send + 'static,
{
    let text = format!("SELECT id FROM items ORDER BY {column} {operator} $1 LIMIT 3");
    let found: Vec<i32> = query_scalar(AssertSqlSafe(text))
        .bind(to)
        .fetch_all(connection)
        .await?;
    checks.equal(&format!("{column} {operator}"), found, expected.to_vec());
    Ok(())
}

async fn flow(checks: &mut Checks) -> Outcome {
    let mut connection = PgConnection::connect(&url("rust_sqlx")?).await?;
    connection
        .execute("CREATE EXTENSION IF NOT EXISTS vector")
        .await?;
    connection.execute(TABLE).await?;
    for index in indexes() {
        connection.execute(AssertSqlSafe(index)).await?;
    }
    let row = |i: usize| {
        (
            i as i32 + 1,
            vector(ROWS[i]),
            halves(ROWS[i]),
            sparse(ROWS[i]),
            bits(BITS[i]),
        )
    };
    for i in 0..ROWS.len() {
        let (id, v, h, s, b) = row(i);
        query("INSERT INTO items VALUES ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(v)
            .bind(h)
            .bind(s)
            .bind(b)
            .execute(&mut connection)
            .await?;
    }
    connection.execute("SET enable_seqscan = off").await?;
    let found: Vec<(i32, Vector, HalfVector, SparseVector, Bit)> =
        query_as("SELECT * FROM items ORDER BY id")
            .fetch_all(&mut connection)
            .await?;
    checks.equal("reads", found, (0..ROWS.len()).map(row).collect());
    for (operator, _, expected) in NEAREST {
        nearest(
            checks,
            &mut connection,
            "v",
            operator,
            vector(QUERY),
            expected,
        )
        .await?;
        nearest(
            checks,
            &mut connection,
            "h",
            operator,
            halves(QUERY),
            expected,
        )
        .await?;
        nearest(
            checks,
            &mut connection,
            "s",
            operator,
            sparse(QUERY),
            expected,
        )
        .await?;
    }
    for (operator, expected) in NEAREST_BITS {
        nearest(
            checks,
            &mut connection,
            "b",
            operator,
            bits(BIT_QUERY),
            expected,
        )
        .await?;
    }
    let (average, sum): (Vector, HalfVector) = query_as("SELECT avg(v), sum(h) FROM items")
        .fetch_one(&mut connection)
        .await?;
    checks.equal("avg", average, vector(AVERAGE));
    checks.equal("sum", sum, halves(SUM));
    let found: Vec<i32> =
        query_scalar("SELECT id FROM items WHERE id > 1 ORDER BY v <-> $1 LIMIT 5")
            .bind(vector(QUERY))
            .fetch_all(&mut connection)
            .await?;
    checks.equal("filter", found, vec![3, 2]);
    Ok(())
}
