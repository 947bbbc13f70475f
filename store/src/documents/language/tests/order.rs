//! The order of values, and keys that have it.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::super::{Value, key};
use super::random;

/// Each is below the next; what stands together is equal.
const LADDER: &[&[&str]] = &[
    &["null"],
    &[r#"{"$numberDouble":"NaN"}"#],
    &[r#"{"$numberDouble":"-Infinity"}"#],
    &["-9223372036854775808", "-9223372036854775808.0"],
    &["-9223372036854775807"],
    &["-1", "-1.0"],
    &["-0.5"],
    &["0", "0.0", "-0.0"],
    &["5e-324"],
    &["1", "1.0"],
    &["9007199254740991"],
    &["9007199254740992", "9007199254740992.0"],
    &["9007199254740993"],
    &["9007199254740994", "9007199254740994.0"],
    &["9223372036854774784", "9223372036854774784.0"],
    &["9223372036854775807"],
    &["9223372036854775808.0"],
    &[r#"{"$numberDouble":"Infinity"}"#],
    &[r#""""#],
    &[r#""\u0000""#],
    &[r#""A""#],
    &[r#""a""#],
    &[r#""a\u0000""#],
    &[r#""a\u0001""#],
    &[r#""aa""#],
    &[r#""é""#],
    &["{}"],
    // The type of the value counts before the name of the field.
    &[r#"{"b":1}"#, r#"{"b":1.0}"#],
    &[r#"{"b":1,"a":1}"#],
    &[r#"{"b":2}"#],
    &[r#"{"a":""}"#],
    &[r#"{"a":{"b":null}}"#],
    &["[]"],
    &["[null]"],
    &["[1]", "[1.0]"],
    &["[1,null]"],
    &["[2]"],
    &["[[]]"],
    &[r#"{"$binary":{"base64":"","subType":"00"}}"#],
    // The shorter one first.
    &[r#"{"$binary":{"base64":"/w==","subType":"00"}}"#],
    &[r#"{"$binary":{"base64":"AAA=","subType":"00"}}"#],
    &["false"],
    &["true"],
    &[r#"{"$date":{"$numberLong":"-9223372036854775808"}}"#],
    &[r#"{"$date":{"$numberLong":"-1"}}"#],
    &[r#"{"$date":"1970-01-01T00:00:00.000Z"}"#],
    &[r#"{"$date":{"$numberLong":"9223372036854775807"}}"#],
];

#[test]
fn the_ladder_stands() {
    for (low, one) in steps() {
        for (high, two) in steps() {
            let expected = low.cmp(&high);
            assert_eq!(one.compare(&two), expected, "{one:?} and {two:?}");
            assert_eq!(key(&one).cmp(&key(&two)), expected, "the keys of {one:?} and {two:?}");
        }
    }
}

fn steps() -> impl Iterator<Item = (usize, Value)> {
    let rungs = LADDER.iter().enumerate();
    rungs.flat_map(|(at, rung)| rung.iter().map(move |json| (at, Value::parse(json).unwrap())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_compare_as_values_do(one in random::value(), two in random::value()) {
        let (low, high) = (key(&one), key(&two));
        prop_assert_eq!(low.cmp(&high), one.compare(&two));
        // No key begins another, so that what follows it does not count.
        prop_assert_eq!(high.starts_with(&low), low == high);
        prop_assert_ne!(low.first(), Some(&0xff));
    }

    #[test]
    fn keys_compare_field_by_field(one in pair(), two in pair()) {
        let joined = |pair: &(Value, Value)| [key(&pair.0), key(&pair.1)].concat();
        let expected = one.0.compare(&two.0).then_with(|| one.1.compare(&two.1));
        prop_assert_eq!(joined(&one).cmp(&joined(&two)), expected);
        let inverted = |value: &Value| key(value).iter().map(|byte| !byte).collect::<Vec<_>>();
        prop_assert_eq!(inverted(&one.0).cmp(&inverted(&two.0)), one.0.compare(&two.0).reverse());
    }

    #[test]
    fn the_order_is_one(one in random::value(), two in random::value(), three in random::value()) {
        prop_assert_eq!(one.compare(&one), Ordering::Equal);
        prop_assert_eq!(one.compare(&two), two.compare(&one).reverse());
        if one.compare(&two).is_le() && two.compare(&three).is_le() {
            prop_assert!(one.compare(&three).is_le());
        }
    }
}

fn pair() -> impl Strategy<Value = (Value, Value)> {
    (random::scalar(), random::value())
}
