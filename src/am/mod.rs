//! The access method `hnsw`, one file a callback.
