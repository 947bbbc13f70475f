//! Values, documents and filters at random, small enough to meet each other often.

use proptest::prelude::*;

use super::super::{Object, Value};

/// Any value, few levels deep.
pub(super) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..4).prop_map(|fields| Value::Object(unique(fields))),
        ]
    })
}

/// A document without `_id`.
pub(super) fn document() -> impl Strategy<Value = Object> {
    prop::collection::vec((name(), value()), 0..4).prop_map(unique)
}

/// A name of a field.
pub(super) fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "0", "1"]).prop_map(str::to_owned)
}

/// One to three names.
pub(super) fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("."))
}

/// Numbers that are nearly equal, small ones, texts with NUL, and every other type.
pub(super) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => (-3_i64..4).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        1 => (i64::MAX - 2000..=i64::MAX).prop_map(Value::Int),
        1 => (-4_i64..4).prop_map(|by| Value::Int((1 << 53) + by)),
        2 => (-6_i32..7).prop_map(|half| Value::Float(f64::from(half) / 2.0)),
        1 => any::<f64>().prop_map(Value::Float),
        1 => prop::sample::select(vec![
            f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 9_007_199_254_740_992.0, 9_223_372_036_854_775_808.0,
            -9_223_372_036_854_775_808.0, 9_223_372_036_854_774_784.0,
        ]).prop_map(Value::Float),
        3 => "[ab\u{0}\u{1}ÿ]{0,3}".prop_map(Value::String),
        1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Value::Binary),
        1 => any::<i64>().prop_map(Value::Date),
        1 => (-2_i64..3).prop_map(Value::Date),
    ]
}

fn unique(fields: Vec<(String, Value)>) -> Object {
    let mut object = Object::new();
    for (name, value) in fields {
        object.insert(name, value);
    }
    object
}
