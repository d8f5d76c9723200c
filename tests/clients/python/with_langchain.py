import warnings

warnings.filterwarnings("ignore")

from langchain_core.documents import Document  # noqa: E402
from langchain_core.embeddings import Embeddings  # noqa: E402
from langchain_postgres import PGEngine, PGVector, PGVectorStore  # noqa: E402
from langchain_postgres.v2.indexes import DistanceStrategy, HNSWIndex, HNSWQueryOptions, IVFFlatIndex  # noqa: E402

import common

# What each word is embedded as.
WORDS = {"ones": common.ROWS[1], "long": common.ROWS[2], "last": common.ROWS[3]}
ID = {word: id for id, word in enumerate(WORDS, 1)}


class Stub(Embeddings):
    def embed_documents(self, texts):
        return [[float(x) for x in WORDS[text]] for text in texts]

    def embed_query(self, text):
        return [float(x) for x in common.QUERY]


def test(checks):
    database = common.create_database("langchain")
    documents = [Document(page_content=word, metadata={"id": id}) for word, id in ID.items()]

    # The older interface: one table for all collections, no index of its own.
    store = PGVector(
        embeddings=Stub(), collection_name="words", connection=common.url("postgresql+psycopg", database), use_jsonb=True
    )
    store.add_documents(documents, ids=[str(id) for id in ID.values()])
    found = store.similarity_search_with_score("", k=3)
    checks.equal("PGVector", [document.metadata["id"] for document, _ in found], common.NEAREST["<=>"])
    found = store.similarity_search("", k=3, filter={"id": {"$gt": 1}})
    checks.equal("PGVector with a filter", [document.metadata["id"] for document in found], [2, 3])
    store.delete(["1"])
    checks.equal("PGVector after a delete", len(store.similarity_search("", k=3)), 2)

    # The newer one: a table a store, with an index.
    engine = PGEngine.from_connection_string(common.url("postgresql+psycopg", database))
    for strategy, operator in (
        (DistanceStrategy.COSINE_DISTANCE, "<=>"),
        (DistanceStrategy.EUCLIDEAN, "<->"),
        (DistanceStrategy.INNER_PRODUCT, "<#>"),
    ):
        for index in (HNSWIndex, IVFFlatIndex):
            name = f"{index.__name__}_{strategy.name}".lower()
            engine.init_vectorstore_table(table_name=name, vector_size=3)
            store = PGVectorStore.create_sync(
                engine,
                Stub(),
                name,
                distance_strategy=strategy,
                index_query_options=HNSWQueryOptions(ef_search=100),
            )
            store.add_documents(documents)
            store.apply_vector_index(index(distance_strategy=strategy))
            found = [ID[document.page_content] for document in store.similarity_search("", k=3)]
            checks.equal(f"PGVectorStore, {name}", found, common.NEAREST[operator])
            store.reindex()
            checks.equal(f"PGVectorStore, {name}, is valid", store.is_valid_index(), True)


common.Checks("LangChain").run(test)
