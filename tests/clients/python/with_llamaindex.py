import warnings

warnings.filterwarnings("ignore")

from llama_index.core.schema import TextNode  # noqa: E402
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, VectorStoreQuery  # noqa: E402
from llama_index.vector_stores.postgres import PGVectorStore  # noqa: E402

import common


def test(checks):
    database = common.create_database("llamaindex")
    # Nodes come with their embeddings: no model is asked.
    nodes = [
        TextNode(text=f"row {id}", id_=str(id), embedding=row, metadata={"row": id}) for id, row in common.ROWS.items()
    ]
    for half in (False, True):
        type = "halfvec" if half else "vector"
        store = PGVectorStore(
            connection_string=common.url("postgresql+psycopg2", database),
            async_connection_string=common.url("postgresql+asyncpg", database),
            table_name=f"{type}_nodes",
            embed_dim=3,
            use_halfvec=half,
            use_jsonb=True,
            hnsw_kwargs={
                "hnsw_m": 16,
                "hnsw_ef_construction": 64,
                "hnsw_ef_search": 100,
                "hnsw_dist_method": f"{type}_cosine_ops",
            },
        )
        store.add(nodes)
        query = VectorStoreQuery(query_embedding=common.QUERY, similarity_top_k=3)
        found = store.query(query)
        checks.equal(f"{type}: nearest", [int(id) for id in found.ids], common.NEAREST["<=>"])
        checks.near(f"{type}: similarities", found.similarities, [1, 7 / (3 * 17) ** 0.5, 4 / 18**0.5])
        filters = MetadataFilters(filters=[MetadataFilter(key="row", value=1, operator=">")])
        query = VectorStoreQuery(query_embedding=common.QUERY, similarity_top_k=3, filters=filters)
        checks.equal(f"{type}: filter", [int(id) for id in store.query(query).ids], [2, 3])
        store.delete_nodes(["2"])
        checks.equal(f"{type}: after a delete", [int(id) for id in store.query(query).ids], [3])


common.Checks("LlamaIndex").run(test)
