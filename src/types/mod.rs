//! The SQL types: input and output, casts, operators, aggregates.
//!
//! One concept a file, generic over the [`Element`](element::Element) that a type stores;
//! `vector` binds them all to the SQL functions of the type `vector`.
//! `function` is the callback boundary and `varlena` turns datums into slices; other modules that
//! need PostgreSQL's memory or functions say so in their first lines, the rest is safe code.

mod aggregate;
mod arithmetic;
mod array;
mod dense;
mod distance;
mod element;
mod error;
mod function;
mod number;
mod text;
mod typmod;
mod varlena;
mod vector;
mod wire;

#[allow(
    unused_imports,
    reason = "the access method's way in to indexed values"
)]
pub use dense::{Dense, Vector};
