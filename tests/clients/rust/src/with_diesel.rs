use diesel::dsl::sql;
use diesel::prelude::*;
use pgvector::{Bit, HalfVector, SparseVector, Vector, VectorExpressionMethods};

use super::*;

diesel::table! {
    use diesel::sql_types::*;
    use pgvector::sql_types::{Bit, HalfVector, SparseVector, Vector};

    items (id) {
        id -> Integer,
        v -> Vector,
        h -> HalfVector,
        s -> SparseVector,
        b -> Bit,
    }
}

#[derive(Insertable, Queryable, PartialEq, Debug)]
#[diesel(table_name = items)]
struct Item {
    id: i32,
    v: Vector,
    h: HalfVector,
    s: SparseVector,
    b: Bit,
}

fn item(i: usize) -> Item {
    Item {
        id: i as i32 + 1,
        v: vector(ROWS[i]),
        h: halves(ROWS[i]),
        s: sparse(ROWS[i]),
        b: bits(BITS[i]),
    }
}

/// Compares the rows in order of a distance with those expected.
macro_rules! nearest {
    ($checks:ident, $connection:ident, $column:ident, $method:ident, $query:expr, $operator:literal, $expected:expr) => {
        let found: Vec<i32> = items::table
            .select(items::id)
            .order(items::$column.$method($query))
            .limit(3)
            .load($connection)?;
        let what = concat!(stringify!($column), " ", $operator);
        $checks.equal(what, found, $expected.to_vec());
    };
}

pub fn test(checks: &mut Checks) -> Outcome {
    create_database("rust_diesel")?;
    let connection = &mut PgConnection::establish(&url("rust_diesel")?)?;
    for statement in [
        "CREATE EXTENSION IF NOT EXISTS vector".to_owned(),
        TABLE.to_owned(),
    ]
    .into_iter()
    .chain(indexes())
    {
        diesel::sql_query(statement).execute(connection)?;
    }
    let rows: Vec<Item> = (0..ROWS.len()).map(item).collect();
    diesel::insert_into(items::table)
        .values(&rows)
        .execute(connection)?;
    diesel::sql_query("SET enable_seqscan = off").execute(connection)?;
    let found: Vec<Item> = items::table.order(items::id).load(connection)?;
    checks.equal("reads", found, rows);

    let [l2, ip, cosine, l1] = NEAREST.map(|(_, _, nearest)| nearest);
    let [hamming, jaccard] = NEAREST_BITS.map(|(_, nearest)| nearest);
    nearest!(checks, connection, v, l2_distance, vector(QUERY), "<->", l2);
    nearest!(
        checks,
        connection,
        v,
        max_inner_product,
        vector(QUERY),
        "<#>",
        ip
    );
    nearest!(
        checks,
        connection,
        v,
        cosine_distance,
        vector(QUERY),
        "<=>",
        cosine
    );
    nearest!(checks, connection, v, l1_distance, vector(QUERY), "<+>", l1);
    nearest!(checks, connection, h, l2_distance, halves(QUERY), "<->", l2);
    nearest!(
        checks,
        connection,
        h,
        max_inner_product,
        halves(QUERY),
        "<#>",
        ip
    );
    nearest!(
        checks,
        connection,
        h,
        cosine_distance,
        halves(QUERY),
        "<=>",
        cosine
    );
    nearest!(checks, connection, h, l1_distance, halves(QUERY), "<+>", l1);
    nearest!(checks, connection, s, l2_distance, sparse(QUERY), "<->", l2);
    nearest!(
        checks,
        connection,
        s,
        max_inner_product,
        sparse(QUERY),
        "<#>",
        ip
    );
    nearest!(
        checks,
        connection,
        s,
        cosine_distance,
        sparse(QUERY),
        "<=>",
        cosine
    );
    nearest!(checks, connection, s, l1_distance, sparse(QUERY), "<+>", l1);
    nearest!(
        checks,
        connection,
        b,
        hamming_distance,
        bits(BIT_QUERY),
        "<~>",
        hamming
    );
    nearest!(
        checks,
        connection,
        b,
        jaccard_distance,
        bits(BIT_QUERY),
        "<%>",
        jaccard
    );

    let average: Vector = items::table
        .select(sql::<pgvector::sql_types::Vector>("avg(v)"))
        .first(connection)?;
    checks.equal("avg", average, vector(AVERAGE));
    let sum: HalfVector = items::table
        .select(sql::<pgvector::sql_types::HalfVector>("sum(h)"))
        .first(connection)?;
    checks.equal("sum", sum, halves(SUM));
    let found: Vec<i32> = items::table
        .select(items::id)
        .filter(items::id.gt(1))
        .order(items::v.l2_distance(vector(QUERY)))
        .limit(5)
        .load(connection)?;
    checks.equal("filter", found, vec![3, 2]);
    Ok(())
}
