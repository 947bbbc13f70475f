//! Extended JSON, both ways.

use proptest::prelude::*;

use super::super::{Document, Object, Value};
use super::random;

#[test]
fn values_are_read_and_written() {
    // What is read, the value, and how it is written where that is not how it was read.
    let table: &[(&str, Value, Option<&str>)] = &[
        ("null", Value::Null, None),
        ("true", Value::Bool(true), None),
        ("1", Value::Int(1), None),
        ("-9223372036854775808", Value::Int(i64::MIN), None),
        ("9223372036854775807", Value::Int(i64::MAX), None),
        ("9223372036854775808", Value::Float(9_223_372_036_854_775_808.0), Some("9.223372036854776e+18")),
        ("1.0", Value::Float(1.0), None),
        ("-0.0", Value::Float(-0.0), None),
        ("1e2", Value::Float(100.0), Some("100.0")),
        ("0.1", Value::Float(0.1), None),
        (r#""a\u0000\u00e9\n""#, Value::String("a\0é\n".into()), Some(r#""a\u0000é\n""#)),
        (
            r#"[1,[],{}]"#,
            Value::Array(vec![Value::Int(1), Value::Array(vec![]), Value::Object(Object::new())]),
            None,
        ),
        (r#"{"$date":"1970-01-01T00:00:00.001Z"}"#, Value::Date(1), None),
        (
            r#"{"$date":"2020-02-29T01:00:00+01:00"}"#,
            Value::Date(1_582_934_400_000),
            Some(r#"{"$date":"2020-02-29T00:00:00.000Z"}"#),
        ),
        (r#"{"$date":{"$numberLong":"-1"}}"#, Value::Date(-1), None),
        (r#"{"$date":{"$numberLong":"253402300800000"}}"#, Value::Date(253_402_300_800_000), None),
        (r#"{"$date":"9999-12-31T23:59:59.999Z"}"#, Value::Date(253_402_300_799_999), None),
        (r#"{"$date":12}"#, Value::Date(12), Some(r#"{"$date":"1970-01-01T00:00:00.012Z"}"#)),
        (r#"{"$date":{"$numberLong":"9223372036854775807"}}"#, Value::Date(i64::MAX), None),
        (r#"{"$binary":{"base64":"AAH/","subType":"00"}}"#, Value::Binary(vec![0, 1, 255]), None),
        (r#"{"$numberLong":"7"}"#, Value::Int(7), Some("7")),
        (r#"{"$numberInt":"-7"}"#, Value::Int(-7), Some("-7")),
        (r#"{"$numberDouble":"1"}"#, Value::Float(1.0), Some("1.0")),
        (r#"{"$numberDouble":"NaN"}"#, Value::Float(f64::NAN), None),
        (r#"{"$numberDouble":"-Infinity"}"#, Value::Float(f64::NEG_INFINITY), None),
    ];
    for (json, value, written) in table {
        assert_eq!(Value::parse(json).as_ref(), Ok(value), "{json}");
        assert_eq!(value.to_json(), written.unwrap_or(json), "{json}");
    }
}

#[test]
fn what_is_no_value_is_refused() {
    let table: &[(&str, &str)] = &[
        ("", "EOF"),
        ("1 2", "trailing"),
        ("1e999", "out of range"),
        (r#"{"a":1,"a":2}"#, "`a` stands twice"),
        (r#"{"$a":1}"#, "begins with `$`"),
        (r#"{"a":{"b":1,"$date":1}}"#, "begins with `$`"),
        (r#"{"a\u0000":1}"#, "NUL"),
        (r#"{"$date":"yesterday"}"#, "no `$date`"),
        (r#"{"$date":"2020-01-01T00:00:00"}"#, "no `$date`"),
        (r#"{"$date":1,"x":1}"#, "beside `$date`"),
        (r#"{"$binary":{"base64":"AA==","subType":"04"}}"#, "subType"),
        (r#"{"$binary":{"base64":"A","subType":"00"}}"#, "base64"),
        (r#"{"$numberInt":"2147483648"}"#, "no `$numberInt`"),
        (r#"{"$numberDouble":"inf"}"#, "no `$numberDouble`"),
        (r#"{"$oid":"507f1f77bcf86cd799439011"}"#, "not supported"),
        (r#"{"$numberDecimal":"1"}"#, "not supported"),
    ];
    for (json, why) in table {
        let fault = Value::parse(json).unwrap_err();
        assert!(fault.message.contains(why), "{json}: {fault}");
    }
    // Beyond the number of fields from which on names are hashed, too.
    let many: String = (0..40).map(|at| format!(r#""f{at}":0,"#)).collect();
    assert!(
        Object::parse(&format!(r#"{{{many}"f3":1}}"#)).unwrap_err().message.contains("`f3` stands twice")
    );
    assert_eq!(Object::parse(&format!(r#"{{{many}"g":1}}"#)).unwrap().len(), 41);
}

#[test]
fn documents_have_an_id_in_front() {
    let table: &[(&str, Result<&str, &str>)] = &[
        (r#"{"_id":"x","a":1}"#, Ok(r#"{"_id":"x","a":1}"#)),
        (r#"{"a":1,"_id":"x","b":2}"#, Ok(r#"{"_id":"x","a":1,"b":2}"#)),
        (r#"{"a":1}"#, Err("needs an `_id`")),
        (r#"{"_id":1}"#, Err("is a text")),
        (r#"{"_id":""}"#, Err("is empty")),
        (r#"{"_id":"a\u0000"}"#, Err("NUL")),
        ("[]", Err("is an object")),
    ];
    for (json, expected) in table {
        match (Document::parse(json), expected) {
            (Ok(document), Ok(written)) => assert_eq!(document.to_json().unwrap(), *written),
            (Err(fault), Err(why)) => assert!(fault.message.contains(why), "{json}: {fault}"),
            (got, _) => panic!("{json}: {got:?}"),
        }
    }
    let given = Document::new(Object::new(), || Ok("new".to_owned())).unwrap();
    assert_eq!((given.id(), given.to_json().unwrap().as_str()), ("new", r#"{"_id":"new"}"#));
    assert!(Document::parse(&format!(r#"{{"_id":"{}"}}"#, "x".repeat(256))).is_ok());
    assert!(Document::parse(&format!(r#"{{"_id":"{}"}}"#, "x".repeat(257))).is_err());
}

proptest! {
    #[test]
    fn json_comes_back_as_it_went(value in random::value()) {
        let json = value.to_json();
        let back = Value::parse(&json).unwrap();
        // NaN has one form, whatever its bits were.
        prop_assert!(back == value || back.compare(&value).is_eq(), "{json}");
        prop_assert_eq!(back.to_json(), json);
    }
}
