//! Entries: what an index keeps.

use super::super::{Path, Value, entries, key};
use super::object;

fn values(json: &str) -> Vec<Value> {
    match Value::parse(json).unwrap() {
        Value::Array(values) => values,
        other => panic!("{other:?} is no list"),
    }
}

#[test]
fn one_field() {
    // A document, a path, the values of its entries in their order, whether it is multikey.
    let table = [
        (r#"{"a":1}"#, "a", "[1]", false),
        ("{}", "a", "[null]", false),
        (r#"{"a":{"b":2}}"#, "a.b", "[2]", false),
        (r#"{"a":{"b":2}}"#, "a", r#"[{"b":2}]"#, false),
        (r#"{"a":1}"#, "a.b", "[null]", false),
        (r#"{"a":[3,1,1.0,"x",[2]]}"#, "a", r#"[1,3,"x",[2]]"#, true),
        (r#"{"a":[{"b":2},{"b":[1,3]},{}]}"#, "a.b", "[null,1,2,3]", true),
        (r#"{"a":[1,2]}"#, "a.b", "[null]", true),
        (r#"{"a":[]}"#, "a.b", "[null]", true),
        (r#"{"a":[5,6]}"#, "a.1", "[6]", true),
        (r#"{"a":[[5,6]]}"#, "a.0", "[5,6]", true),
    ];
    for (document, path, expected, is_multikey) in table {
        let found = entries(&object(document), &[Path::parse(path).unwrap()]).unwrap();
        let expected: Vec<Vec<u8>> = values(expected).iter().map(key).collect();
        assert_eq!((found.keys, found.is_multikey), (expected, is_multikey), "{path} of {document}");
    }
    let empty = entries(&object(r#"{"a":[]}"#), &[Path::parse("a").unwrap()]).unwrap();
    assert!(empty.is_multikey && empty.keys.len() == 1 && empty.keys[0] < key(&Value::Null));
}

#[test]
fn several_fields() {
    let fields: Vec<Path> = ["a", "b"].iter().map(|path| Path::parse(path).unwrap()).collect();
    let found = entries(&object(r#"{"a":[2,1],"b":"x"}"#), &fields).unwrap();
    let joined = |a, b: &str| [key(&Value::Int(a)), key(&Value::String(b.to_owned()))].concat();
    assert_eq!(found.keys, [joined(1, "x"), joined(2, "x")]);
    let parallel = entries(&object(r#"{"a":[1],"b":[2]}"#), &fields).unwrap_err();
    assert_eq!(parallel.message, "an index cannot have `a` and `b` when both are arrays");
}

#[test]
fn not_too_many() {
    let list = |count: usize| {
        format!(r#"{{"a":[{}]}}"#, (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","))
    };
    let field = [Path::parse("a").unwrap()];
    assert_eq!(entries(&object(&list(1000)), &field).unwrap().keys.len(), 1000);
    assert!(entries(&object(&list(1001)), &field).unwrap_err().message.contains("1001 different values"));
}
