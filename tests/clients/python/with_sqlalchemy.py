from pgvector import SparseVector
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR, avg
from sqlalchemy import Index, MetaData, Table, create_engine, func, select, text
from sqlalchemy.orm import Session, declarative_base, mapped_column
from sqlalchemy.types import Integer

import common

Base = declarative_base()
METHODS = {"<->": "l2_distance", "<#>": "max_inner_product", "<=>": "cosine_distance", "<+>": "l1_distance"}
BIT_METHODS = {"<~>": "hamming_distance", "<%>": "jaccard_distance"}


class Item(Base):
    __tablename__ = "items"
    id = mapped_column(Integer, primary_key=True)
    v = mapped_column(VECTOR(3))
    h = mapped_column(HALFVEC(3))
    s = mapped_column(SPARSEVEC(3))
    b = mapped_column(BIT(3))


def test(checks):
    database = common.create_database("sqlalchemy")
    engine = create_engine(common.url("postgresql+psycopg", database))
    with Session(engine) as session:
        session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        session.commit()
    Base.metadata.create_all(engine)
    for column, name in common.INDEXES:
        index = Index(
            f"by_{name}",
            getattr(Item, column),
            postgresql_using="hnsw",
            postgresql_with={"m": 16, "ef_construction": 64},
            postgresql_ops={column: name},
        )
        index.create(engine)
    Index("with_keys", Item.v, Item.id, postgresql_using="hnsw", postgresql_ops={"v": "vector_l2_ops"}).create(engine)
    Index("lists", Item.v, postgresql_using="ivfflat", postgresql_with={"lists": 100}, postgresql_ops={"v": "vector_l2_ops"}).create(engine)

    with Session(engine) as session:
        for id, row in common.ROWS.items():
            session.add(Item(id=id, v=row, h=row, s=SparseVector(row), b=common.BITS[id]))
        session.commit()
        session.execute(text("SET enable_seqscan = off"))
        for id, row in common.ROWS.items():
            item = session.get(Item, id)
            found = list(item.v), list(item.h), item.s, item.b
            checks.equal(f"reads row {id}", found, (row, row, SparseVector(row), common.BITS[id]))
        for column in ("v", "h", "s"):
            query = SparseVector(common.QUERY) if column == "s" else common.QUERY
            for operator, expected in common.NEAREST.items():
                distance = getattr(getattr(Item, column), METHODS[operator])(query)
                found = session.scalars(select(Item.id).order_by(distance).limit(3)).all()
                checks.equal(f"{column} {operator}", list(found), expected)
        for operator, expected in common.NEAREST_BITS.items():
            distance = getattr(Item.b, BIT_METHODS[operator])(common.BIT_QUERY)
            checks.equal(f"b {operator}", list(session.scalars(select(Item.id).order_by(distance)).all()), expected)
        checks.near("avg", list(session.scalars(select(avg(Item.v))).first()), common.AVERAGE)
        checks.near("sum", list(session.scalars(select(func.sum(Item.h, type_=HALFVEC(3)))).first()), common.SUM)
        near = Item.v.l2_distance(common.QUERY)
        checks.equal("filter by distance", list(session.scalars(select(Item.id).filter(near < 1.5).order_by(near)).all()), [1, 3])
        checks.equal("distances", [round(x, 4) for x in session.scalars(select(near).order_by(near))], [0, 1, 2.4495])
        session.execute(text("TRUNCATE items"))
        session.commit()
    reflected = Table("items", MetaData(), autoload_with=engine)
    checks.equal("reflection", [type(reflected.c[c].type) for c in "vhs"], [VECTOR, HALFVEC, SPARSEVEC])


common.Checks("SQLAlchemy").run(test)
