//! Vectors for tests and benchmarks.
