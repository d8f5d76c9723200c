//! The HNSW algorithms and the record format, generic over a page store. Knows nothing of PostgreSQL.
