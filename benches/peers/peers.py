"""Serves one graph library to the benchmark, without a database around it.

    peers.py hnswlib|usearch|faiss

Requests and answers are lines of JSON on standard input and output; vectors and ids go through
files of raw little-endian numbers (float32 and int32, row after row):

    {"do": "load", "base": FILE, "queries": FILE, "dim": N, "metric": "l2"|"ip"|"cosine"}
    {"do": "build", "m": N, "ef_construction": N, "threads": N}  -> {"seconds", "bytes"}
    {"do": "search", "k": N, "ef": N, "out": FILE}               -> {"millis"}

A search runs all queries in one call and one thread, so that no Python is timed.
"""

import ctypes
import gc
import importlib.metadata
import json
import os
import sys
import time

import numpy as np


class Hnswlib:
    package = "hnswlib"

    def build(self, base, metric, m, ef_construction, threads):
        import hnswlib

        self.index = hnswlib.Index(space=metric, dim=base.shape[1])
        self.index.init_index(len(base), M=m, ef_construction=ef_construction)
        self.index.add_items(base, num_threads=threads)

    def search(self, queries, k, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k, num_threads=1)[0]


class Usearch:
    package = "usearch"

    def build(self, base, metric, m, ef_construction, threads):
        from usearch.index import Index

        self.index = Index(
            ndim=base.shape[1],
            metric={"l2": "l2sq", "cosine": "cos"}.get(metric, metric),
            dtype="f32",
            connectivity=m,
            expansion_add=ef_construction,
        )
        self.index.add(np.arange(len(base)), base, threads=threads)

    def search(self, queries, k, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, k, threads=1).keys


class Faiss:
    package = "faiss-cpu"

    def build(self, base, metric, m, ef_construction, threads):
        import faiss

        self.faiss = faiss
        kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        # faiss has no cosine: vectors of length one, and the inner product.
        if metric == "cosine":
            base = base / np.linalg.norm(base, axis=1, keepdims=True)
        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(base.shape[1], m, kind)
        self.index.hnsw.efConstruction = ef_construction
        self.index.add(np.ascontiguousarray(base))

    def search(self, queries, k, ef):
        self.faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, k)[1]


LIBRARIES = {"hnswlib": Hnswlib, "usearch": Usearch, "faiss": Faiss}


def anonymous_bytes():
    """Memory of this process that no file is behind."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


class Server:
    def __init__(self, name):
        self.library = LIBRARIES[name]()
        self.version = importlib.metadata.version(self.library.package)

    def load(self, base, queries, dim, metric):
        self.base = np.memmap(base, dtype="<f4", mode="r").reshape(-1, dim)
        self.queries = np.fromfile(queries, dtype="<f4").reshape(-1, dim)
        self.metric = metric
        # Read from disk here, not while something is timed.
        np.sum(self.base)
        return {"version": self.version}

    def build(self, **options):
        self.library.index = None
        # What the last index left with the allocator would hide some of what this one takes.
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        before = anonymous_bytes()
        started = time.perf_counter()
        self.library.build(self.base, self.metric, **options)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "bytes": max(anonymous_bytes() - before, 0)}

    def search(self, k, ef, out):
        started = time.perf_counter()
        found = self.library.search(self.queries, k, ef)
        seconds = time.perf_counter() - started
        np.asarray(found).astype("<i4").tofile(out)
        return {"millis": seconds * 1000 / len(self.queries)}


def main():
    # What the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    server = Server(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop("do"))(**request)
        except Exception as error:  # whatever a library raises is the driver's to report
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
