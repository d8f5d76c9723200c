//! The SQL types: input and output, casts, operators, aggregates.
//!
//! One concept a file, written once for all types that have it: a [`Kind`](kind::Kind) is a type's
//! name and limits, an [`Element`](element::Element) what a dense type stores, a
//! [`Value`](value::Value) an argument. `sparse` is what only `sparsevec` has, `bits` are the
//! functions of `bit` and `fusion` those for ranked lists; `bindings` gives all others their C
//! symbols, and `indexed` is what the access method uses.
//! What text and binary input mean is in `crates/values`; here they get their memory and raise
//! their errors.
//! `function` is the callback boundary and `varlena` turns datums into slices; other modules that
//! need PostgreSQL's memory or functions say so in their first lines, the rest is safe code.

mod aggregate;
mod arithmetic;
mod array;
mod bindings;
mod bits;
mod convert;
mod decimal;
mod dense;
mod distance;
mod element;
mod error;
mod function;
mod fusion;
mod indexed;
mod kind;
mod sparse;
mod text;
mod typmod;
mod value;
mod varlena;
mod wire;

pub use indexed::IndexedType;
pub use varlena::Detoasted;
