//! SIMD kernels for vector distances, chosen at run time. Knows nothing of PostgreSQL.
