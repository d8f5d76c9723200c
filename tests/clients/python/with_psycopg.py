import psycopg
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg import register_vector

import common

TYPES = {"v": Vector, "h": HalfVector, "s": SparseVector}


def test(checks):
    database = common.create_database("psycopg")
    db = psycopg.connect(dbname=database, autocommit=True)
    db.execute("CREATE EXTENSION vector")
    register_vector(db)
    db.execute("CREATE TABLE items (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3))")

    def values(id):
        row = common.ROWS[id]
        return [id, *(make(row) for make in TYPES.values()), Bit(common.BITS[id])]

    # One row as text, one in binary, one by COPY in text, and all once more by COPY in binary.
    insert = "INSERT INTO items VALUES ({0}, {0}, {0}, {0}, {0})"
    db.execute(insert.format("%t"), values(1))
    db.execute(insert.format("%b"), values(2))
    with db.cursor().copy("COPY items FROM STDIN") as copy:
        copy.write_row(values(3))
    with db.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector", "halfvec", "sparsevec", "bit"])
        for id in common.ROWS:
            copy.write_row([id + 10, *values(id)[1:]])

    rows = db.execute("SELECT id % 10, b FROM items").fetchall()
    checks.equal("reads b", all(value == common.BITS[id] for id, value in rows), True)
    for binary in (False, True):
        for column, make in TYPES.items():
            rows = db.cursor(binary=binary).execute(f"SELECT id % 10, {column} FROM items").fetchall()
            found = all(value == make(common.ROWS[id]) for id, value in rows) and len(rows) == 6
            checks.equal(f"reads {column}, binary {binary}", found, True)
    with db.cursor().copy("COPY (SELECT v, h, s FROM items WHERE id = 2) TO STDOUT WITH (FORMAT BINARY)") as copy:
        copy.set_types(["vector", "halfvec", "sparsevec"])
        rows = [list(row) for row in copy.rows()]
    checks.equal("COPY out", rows, [[make(common.ROWS[2]) for make in TYPES.values()]])
    db.execute("DELETE FROM items WHERE id > 10")

    # Every operator class of the server that orders by distance.
    expected = {**common.NEAREST, **common.NEAREST_BITS}
    classes = db.execute(
        """SELECT amname, opcname, opcintype::regtype::text, oprname FROM pg_opclass c
           JOIN pg_am a ON a.oid = opcmethod JOIN pg_amop ON amopfamily = opcfamily
           JOIN pg_operator o ON o.oid = amopopr WHERE amname IN ('hnsw', 'ivfflat') AND amoppurpose = 'o' ORDER BY 1, 2"""
    ).fetchall()
    of_hnsw = [name for method, name, *_ in classes if method == "hnsw"]
    checks.equal("operator classes", of_hnsw, sorted(name for _, name in common.INDEXES))
    db.execute("SET enable_seqscan = off")
    for method, name, kind, operator in classes:
        column = kind[0]
        db.execute(f"CREATE INDEX items_index ON items USING {method} ({column} {name})")
        query = TYPES[column](common.QUERY) if column in TYPES else Bit(common.BIT_QUERY)
        # A percent sign is doubled where there are parameters.
        nearest = f"SELECT id FROM items ORDER BY {column} {operator.replace('%', '%%')} %s LIMIT 3"
        plan = str(db.execute(f"EXPLAIN {nearest}", [query]).fetchall())
        checks.equal(f"{method} {name} is used", "Index Scan using items_index" in plan, True)
        for placeholder in ("%t", "%b"):
            rows = db.execute(nearest.replace("%s", placeholder), [query]).fetchall()
            checks.equal(f"{method} {name}, query as {placeholder}", [id for id, in rows], expected[operator])
        db.execute("DROP INDEX items_index")

    for column in ("v", "h"):
        average, total = db.execute(f"SELECT avg({column}), sum({column}) FROM items").fetchone()
        checks.near(f"avg of {column}", average.to_list(), common.AVERAGE)
        checks.near(f"sum of {column}", total.to_list(), common.SUM)
    db.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
    rows = db.execute("SELECT id FROM items WHERE id > 1 ORDER BY v <-> %s LIMIT 5", [Vector(common.QUERY)]).fetchall()
    checks.equal("filter", [id for id, in rows], [3, 2])
    version = db.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()[0]
    checks.equal("version is one to compare", tuple(map(int, version.split("."))) >= (0, 8, 0), True)


common.Checks("psycopg").run(test)
