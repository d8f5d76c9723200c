import asyncio

import asyncpg
from pgvector import HalfVector, SparseVector, Vector
from pgvector.asyncpg import register_vector

import common


async def flow(checks):
    database = common.create_database("asyncpg")
    db = await asyncpg.connect(host=common.HOST, port=common.PORT, user=common.USER, database=database)
    await db.execute("CREATE EXTENSION vector")
    await db.execute("CREATE TABLE items (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))")
    await db.execute("INSERT INTO items VALUES (1, '[1,1,1]', '[1,1,1]', '{1:1,2:1,3:1}/3', B'000')")
    await register_vector(db)

    def values(id):
        row = common.ROWS[id]
        return id, Vector(row), HalfVector(row), SparseVector(row), asyncpg.BitString(common.BITS[id])

    await db.execute("INSERT INTO items VALUES ($1, $2, $3, $4, $5)", *values(2))
    await db.copy_records_to_table("items", records=[values(3)])
    for column, make in (("v", Vector), ("h", HalfVector), ("s", SparseVector)):
        rows = await db.fetch(f"SELECT id, {column} FROM items ORDER BY id")
        checks.equal(f"reads {column}", [tuple(row) for row in rows], [(id, make(row)) for id, row in common.ROWS.items()])
        type = {"v": "vector", "h": "halfvec", "s": "sparsevec"}[column]
        for operator, expected in common.NEAREST.items():
            await db.execute(f"CREATE INDEX items_index ON items USING hnsw ({column} {type}_{common.CLASSES[operator]})")
            await db.execute("SET enable_seqscan = off")
            nearest = f"SELECT id FROM items ORDER BY {column} {operator} $1 LIMIT 3"
            rows = await db.fetch(nearest, make(common.QUERY))
            checks.equal(f"{column} {operator}", [row["id"] for row in rows], expected)
            await db.execute("DROP INDEX items_index")
            await db.execute("RESET enable_seqscan")
    for operator, expected in common.NEAREST_BITS.items():
        nearest = f"SELECT id FROM items ORDER BY b {operator} $1"
        rows = await db.fetch(nearest, asyncpg.BitString(common.BIT_QUERY))
        checks.equal(f"b {operator}", [row["id"] for row in rows], expected)
    average, total = await db.fetchrow("SELECT avg(v), sum(h) FROM items")
    checks.near("avg", average.to_list(), common.AVERAGE)
    checks.near("sum", total.to_list(), common.SUM)
    await db.execute("CREATE INDEX ON items USING hnsw (v vector_cosine_ops)")
    rows = await db.fetch("SELECT id FROM items WHERE id = ANY($2) ORDER BY v <=> $1 LIMIT 2", Vector(common.QUERY), [2, 3])
    checks.equal("filter", [row["id"] for row in rows], [2, 3])
    await db.close()


common.Checks("asyncpg").run(lambda checks: asyncio.run(flow(checks)))
