//! The SQL types: input and output, casts, operators, aggregates.
