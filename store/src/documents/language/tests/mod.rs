//! Tests of the language: tables of what MongoDB does, and properties of values at random.

mod json;
mod order;

mod filter;
mod ranges;
mod update;

mod pipeline;
mod projection;
mod sort;

mod entries;

mod rules;

mod limits;

mod random;

use super::Object;

/// An object from JSON that is known to be one.
fn object(json: &str) -> Object {
    Object::parse(json).unwrap_or_else(|fault| panic!("{json}: {fault}"))
}
