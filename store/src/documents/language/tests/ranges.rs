//! What an index can answer of a filter: never less than what matches.

use std::ops::Bound;

use proptest::prelude::*;

use super::super::{Filter, KeyRange, Object, Path, Value, entries, key};
use super::{object, random};

/// How many ranges a filter gives for `a`, when an array may be there and when none is.
#[test]
fn an_index_is_of_use() {
    let table: &[(&str, Option<usize>, Option<usize>)] = &[
        (r#"{"a":1}"#, Some(1), Some(1)),
        (r#"{"a":null}"#, Some(1), Some(1)),
        (r#"{"a":[1,2]}"#, Some(2), Some(2)),
        (r#"{"a":{"$in":[3,1,1.0,2]}}"#, Some(3), Some(3)),
        (r#"{"a":{"$in":[]}}"#, Some(0), Some(0)),
        (r#"{"a":{"$gt":1,"$lt":5}}"#, Some(1), Some(1)),
        (r#"{"$and":[{"a":{"$gt":1}},{"a":{"$lt":0}}]}"#, Some(1), Some(0)),
        (r#"{"a":{"$gt":null}}"#, Some(0), Some(0)),
        (r#"{"a":{"$gt":[1]}}"#, None, None),
        (r#"{"a":{"$ne":1}}"#, None, None),
        (r#"{"a":{"$exists":true}}"#, None, None),
        (r#"{"a":{"$exists":false}}"#, Some(1), Some(1)),
        (r#"{"a":{"$regex":"^ab"}}"#, Some(1), Some(1)),
        (r#"{"a":{"$all":[1,2]}}"#, Some(1), Some(0)),
        (r#"{"a":{"$elemMatch":{"$gt":1,"$lt":0}}}"#, Some(0), Some(0)),
        (r#"{"$or":[{"a":1},{"a":2}]}"#, Some(2), Some(2)),
        (r#"{"$or":[{"a":{"$lt":5}},{"a":{"$lte":7}}]}"#, Some(1), Some(1)),
        (r#"{"$or":[{"a":1},{"b":2}]}"#, None, None),
        (r#"{"b":1}"#, None, None),
        (r#"{"a":{"$type":["string","bool"]}}"#, Some(2), Some(2)),
    ];
    for (json, several, one) in table {
        let filter = Filter::parse(json).unwrap();
        assert_eq!(filter.ranges("a").map(|ranges| ranges.len()), *several, "{json}");
        assert_eq!(
            filter.ranges_without_arrays("a").map(|ranges| ranges.len()),
            *one,
            "{json} without arrays"
        );
    }
    let inside = Filter::parse(r#"{"a":{"$elemMatch":{"b":1}}}"#).unwrap();
    assert_eq!(inside.ranges("a.b").map(|ranges| ranges.len()), Some(1));
    assert_eq!(inside.ranges("a"), None);
}

#[test]
fn ranges_hold_what_they_say() {
    // A filter, and values whose entries lie in the ranges or do not.
    let table: &[(&str, &[&str], &[&str])] = &[
        (r#"{"a":{"$gt":1,"$lte":5}}"#, &["5", "1.1"], &["1", "5.1", "\"x\"", "null"]),
        (r#"{"a":{"$lt":"b"}}"#, &["\"\"", "\"az\""], &["\"b\"", "1"]),
        (r#"{"a":{"$regex":"^ab+c"}}"#, &["\"ab\"", "\"abzz\""], &["\"a\"", "\"ac\""]),
        (r#"{"a":{"$regex":"^abc?"}}"#, &["\"ab\"", "\"abc\""], &["\"ac\""]),
        (r#"{"a":{"$regex":"^a|b"}}"#, &["\"b\""], &["1"]),
        (r#"{"a":{"$regex":"^a","$options":"i"}}"#, &["\"A\""], &["1"]),
        (r#"{"a":{"$exists":false}}"#, &["null"], &["1", "[]"]),
    ];
    for (json, within, without) in table {
        let ranges = Filter::parse(json).unwrap().ranges_without_arrays("a").unwrap();
        for value in *within {
            assert!(holds(&ranges, &key(&Value::parse(value).unwrap())), "{value} in {json}");
        }
        for value in *without {
            assert!(!holds(&ranges, &key(&Value::parse(value).unwrap())), "{value} not in {json}");
        }
    }
}

fn holds(ranges: &[KeyRange], key: &[u8]) -> bool {
    ranges.iter().any(|range| {
        let from = match &range.from {
            Bound::Included(from) => key >= from.as_slice(),
            Bound::Excluded(from) => key > from.as_slice(),
            Bound::Unbounded => true,
        };
        let to = match &range.to {
            Bound::Included(to) => key <= to.as_slice(),
            Bound::Excluded(to) => key < to.as_slice(),
            Bound::Unbounded => true,
        };
        from && to
    })
}

fn operator() -> impl Strategy<Value = String> {
    let compare = prop::sample::select(vec!["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"]);
    prop_oneof![
        6 => (compare, random::value()).prop_map(|(name, value)| format!(r#""{name}":{}"#, value.to_json())),
        2 => prop::collection::vec(random::value(), 0..3)
            .prop_map(|values| format!(r#""$in":{}"#, Value::Array(values).to_json())),
        1 => prop::collection::vec(random::scalar(), 0..3)
            .prop_map(|values| format!(r#""$all":{}"#, Value::Array(values).to_json())),
        1 => any::<bool>().prop_map(|is_there| format!(r#""$exists":{is_there}"#)),
        1 => prop::sample::select(vec!["number", "string", "null", "array", "object", "bool"])
            .prop_map(|name| format!(r#""$type":"{name}""#)),
        1 => prop::sample::select(vec!["^a", "a", "^ab?", "^a|b", "^a*"])
            .prop_map(|pattern| format!(r#""$regex":"{pattern}""#)),
        1 => (0..3_i64).prop_map(|size| format!(r#""$size":{size}"#)),
        1 => (1..3_i64, 0..2_i64).prop_map(|(divisor, rest)| format!(r#""$mod":[{divisor},{rest}]"#)),
    ]
}

fn field() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        3 => prop::collection::btree_map(0..2, operator(), 1..3).prop_map(joined),
        1 => operator().prop_map(|inner| format!(r#"{{"$elemMatch":{{{inner}}}}}"#)),
        1 => (random::path(), operator())
            .prop_map(|(path, inner)| format!(r#"{{"$elemMatch":{{"{path}":{{{inner}}}}}}}"#)),
        1 => operator().prop_map(|inner| format!(r#"{{"$not":{{{inner}}}}}"#)),
        2 => random::value().prop_map(|value| value.to_json()),
    ];
    (random::path(), condition).prop_map(|(path, condition)| format!(r#"{{"{path}":{condition}}}"#))
}

/// Two of the same operator would be a name that stands twice; the first one is enough then.
fn joined(operators: std::collections::BTreeMap<i32, String>) -> String {
    let mut names = std::collections::HashSet::new();
    let kept = operators.into_values().filter(|one| names.insert(one.split(':').next().map(str::to_owned)));
    format!("{{{}}}", kept.collect::<Vec<_>>().join(","))
}

fn filter() -> impl Strategy<Value = String> {
    let logic = prop::sample::select(vec!["$and", "$or", "$nor"]);
    prop_oneof![
        3 => field(),
        1 => (logic, prop::collection::vec(field(), 1..4))
            .prop_map(|(name, all)| format!(r#"{{"{name}":[{}]}}"#, all.join(","))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn what_matches_has_an_entry_in_the_ranges(json in filter(), document in random::document(), path in random::path()) {
        let filter = Filter::parse(&json).unwrap();
        check(&filter, &json, &document, &path)?;
    }

    /// The path of the filter itself, and a document that was made for it: more of these match.
    #[test]
    fn so_does_what_is_nearly_equal(path in random::path(), value in random::value(), document in random::document()) {
        for operator in ["$eq", "$gte", "$lte"] {
            let json = format!(r#"{{"{path}":{{"{operator}":{}}}}}"#, value.to_json());
            let filter = Filter::parse(&json).unwrap();
            check(&filter, &json, &document, &path)?;
            let mut made = Object::new();
            let (first, rest) = path.split_once('.').unwrap_or((&path, ""));
            let names = rest.split('.').filter(|name| !name.is_empty()).rev();
            let inner = names.fold(value.clone(), |value, name| Value::Object(Object::from_iter([(name.to_owned(), value)])));
            made.insert(first, Value::Array(vec![inner.clone(), Value::Array(vec![inner])]));
            check(&filter, &json, &made, &path)?;
        }
    }
}

fn check(filter: &Filter, json: &str, document: &Object, path: &str) -> Result<(), TestCaseError> {
    if !filter.matches(document) {
        return Ok(());
    }
    let entries = entries(document, &[Path::parse(path).unwrap()]).unwrap();
    let shown = document.to_json();
    if let Some(ranges) = filter.ranges(path) {
        let is_found = entries.keys.iter().any(|key| holds(&ranges, key));
        prop_assert!(is_found, "{json} at {path} in {shown}: {ranges:?} {:?}", entries.keys);
        // The same with another field behind it.
        let behind =
            entries.keys.iter().map(|first| [first.as_slice(), &key(&Value::Date(i64::MAX))].concat());
        prop_assert!(
            behind.into_iter().any(|key| holds(&ranges, &key)),
            "{json} at {path}, as one of two fields"
        );
    }
    if let Some(ranges) = filter.ranges_without_arrays(path)
        && !entries.is_multikey
    {
        prop_assert_eq!(entries.keys.len(), 1);
        prop_assert!(holds(&ranges, &entries.keys[0]), "{json} at {path} in {shown}, without arrays");
    }
    Ok(())
}

#[test]
fn a_document_is_seen_by_its_index() {
    let filter = Filter::parse(r#"{"tags":"x"}"#).unwrap();
    let ranges = filter.ranges("tags").unwrap();
    let entries = entries(&object(r#"{"tags":["y","x"]}"#), &[Path::parse("tags").unwrap()]).unwrap();
    assert_eq!(entries.keys.iter().filter(|key| holds(&ranges, key)).count(), 1);
}
