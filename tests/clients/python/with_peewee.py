from peewee import SQL, Model, PostgresqlDatabase, fn
from pgvector import SparseVector
from pgvector.peewee import FixedBitField, HalfVectorField, SparseVectorField, VectorField

import common

METHODS = {"<->": "l2_distance", "<#>": "max_inner_product", "<=>": "cosine_distance", "<+>": "l1_distance"}
BIT_METHODS = {"<~>": "hamming_distance", "<%>": "jaccard_distance"}
db = PostgresqlDatabase("peewee", host=common.HOST, port=common.PORT, user=common.USER)


class Item(Model):
    v = VectorField(dimensions=3)
    h = HalfVectorField(dimensions=3)
    s = SparseVectorField(dimensions=3)
    b = FixedBitField(max_length=3)

    class Meta:
        database = db
        table_name = "items"


for column, name in common.INDEXES:
    Item.add_index(SQL(f"CREATE INDEX by_{name} ON items USING hnsw ({column} {name})"))


def test(checks):
    common.create_database("peewee")
    db.connect()
    db.execute_sql("CREATE EXTENSION IF NOT EXISTS vector")
    db.create_tables([Item])
    for id, row in common.ROWS.items():
        Item.create(id=id, v=row, h=row, s=SparseVector(row), b=common.BITS[id], force_insert=True)
    db.execute_sql("SET enable_seqscan = off")
    for id, row in common.ROWS.items():
        item = Item.get_by_id(id)
        found = list(item.v), list(item.h), item.s, item.b
        checks.equal(f"reads row {id}", found, (row, row, SparseVector(row), common.BITS[id]))
    for column in ("v", "h", "s"):
        query = SparseVector(common.QUERY) if column == "s" else common.QUERY
        for operator, expected in common.NEAREST.items():
            distance = getattr(getattr(Item, column), METHODS[operator])(query)
            found = Item.select(Item.id).order_by(distance).limit(3)
            checks.equal(f"{column} {operator}", [item.id for item in found], expected)
    for operator, expected in common.NEAREST_BITS.items():
        distance = getattr(Item.b, BIT_METHODS[operator])(common.BIT_QUERY)
        checks.equal(f"b {operator}", [item.id for item in Item.select().order_by(distance)], expected)
    checks.near("avg", list(Item.select(fn.avg(Item.v).coerce(True)).scalar()), common.AVERAGE)
    checks.near("sum", list(Item.select(fn.sum(Item.h).coerce(True)).scalar()), common.SUM)
    near = Item.select().where(Item.v.l2_distance(common.QUERY) < 1.5).order_by(Item.v.l2_distance(common.QUERY))
    checks.equal("filter by distance", [item.id for item in near], [1, 3])


common.Checks("Peewee").run(test)
