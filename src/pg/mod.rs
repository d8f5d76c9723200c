//! The only home of raw PostgreSQL calls: buffers, WAL, relations, interrupts, memory.
