//! Sorts: the order in which documents come.

use super::super::{Direction, Sort};
use super::object;

#[test]
fn documents_come_in_order() {
    // A sort and values of `a` in the order that it gives them.
    let table: &[(&str, &[&str])] = &[
        (
            r#"{"a":1}"#,
            &[
                r#"{"a":[]}"#,
                "{}",
                r#"{"a":-1}"#,
                r#"{"a":[5,0]}"#,
                r#"{"a":1.5}"#,
                r#"{"a":"x"}"#,
                r#"{"a":{}}"#,
                r#"{"a":[[]]}"#,
                r#"{"a":false}"#,
                r#"{"a":{"$date":0}}"#,
            ],
        ),
        (
            r#"{"a":-1}"#,
            &[
                r#"{"a":true}"#,
                r#"{"a":"x"}"#,
                r#"{"a":[5,0]}"#,
                r#"{"a":3}"#,
                r#"{"a":null}"#,
                r#"{"a":[]}"#,
            ],
        ),
        (r#"{"a":1,"b":-1}"#, &[r#"{"a":1,"b":2}"#, r#"{"a":1.0,"b":1}"#, r#"{"a":1}"#, r#"{"a":2,"b":9}"#]),
        (
            r#"[["a",-1],["b",1]]"#,
            &[r#"{"a":"ab","b":1}"#, r#"{"a":"a","b":1}"#, r#"{"a":"a","b":2}"#, r#"{"a":""}"#],
        ),
        (r#"{"a.b":1}"#, &[r#"{"a":1}"#, r#"{"a":[{"b":3},{"b":1}]}"#, r#"{"a":{"b":2}}"#]),
    ];
    for (json, documents) in table {
        let sort = Sort::parse(json).unwrap();
        let keys: Vec<_> = documents.iter().map(|document| sort.key(&object(document))).collect();
        for (at, pair) in keys.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{json}: {} comes before {}", documents[at], documents[at + 1]);
        }
    }
    let equal = Sort::parse(r#"{"a":1}"#).unwrap();
    for (one, two) in
        [(r#"{"a":null}"#, "{}"), (r#"{"a":1}"#, r#"{"a":1.0}"#), (r#"{"a":[2,1]}"#, r#"{"a":1}"#)]
    {
        assert_eq!(equal.key(&object(one)), equal.key(&object(two)), "{one} and {two}");
    }
}

#[test]
fn sorts_are_read() {
    let sort = Sort::parse(r#"{"b":-1,"a.c":1.0}"#).unwrap();
    let fields: Vec<_> = sort.fields().iter().map(|(path, direction)| (path.as_str(), *direction)).collect();
    assert_eq!(fields, [("b", Direction::Descending), ("a.c", Direction::Ascending)]);
    assert!(Sort::parse("{}").unwrap().is_empty() && Sort::parse("[]").unwrap().is_empty());
    let many: Vec<String> = (0..33).map(|at| format!(r#"["f{at}",1]"#)).collect();
    let many = format!("[{}]", many.join(","));
    let refused = [
        r#"{"a":2}"#,
        r#"{"a":"asc"}"#,
        "1",
        r#"[["a"]]"#,
        r#"[["a",1],["a",-1]]"#,
        r#"{"":1}"#,
        r#"{"$a":1}"#,
        &many,
    ];
    for json in refused {
        assert!(Sort::parse(json).unwrap_err().message.starts_with("sort"), "{json}");
    }
}
