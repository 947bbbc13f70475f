//! Filters: what matches and what does not, what is refused, what they tell the driver.

use super::super::Filter;
use super::object;

/// A filter, documents that match, documents that do not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

fn check(table: &[Row]) {
    for (json, matching, others) in table {
        let filter = Filter::parse(json).unwrap_or_else(|fault| panic!("{json}: {fault}"));
        for document in *matching {
            assert!(filter.matches(&object(document)), "{json} must match {document}");
        }
        for document in *others {
            assert!(!filter.matches(&object(document)), "{json} must not match {document}");
        }
    }
}

#[test]
fn equality() {
    check(&[
        ("{}", &["{}", r#"{"a":1}"#], &[]),
        (
            r#"{"a":1}"#,
            &[r#"{"a":1}"#, r#"{"a":1.0}"#, r#"{"a":[0,1]}"#],
            &["{}", r#"{"a":"1"}"#, r#"{"a":[[1]]}"#, r#"{"a":true}"#],
        ),
        (
            r#"{"a":null}"#,
            &["{}", r#"{"a":null}"#, r#"{"a":[null]}"#, r#"{"b":1}"#],
            &[r#"{"a":0}"#, r#"{"a":[]}"#, r#"{"a":{}}"#],
        ),
        (r#"{"a":{"$eq":null}}"#, &["{}", r#"{"a":null}"#], &[r#"{"a":false}"#]),
        (
            r#"{"a":[1,2]}"#,
            &[r#"{"a":[1,2]}"#, r#"{"a":[[1,2]]}"#, r#"{"a":[1.0,2]}"#],
            &[r#"{"a":[2,1]}"#, r#"{"a":[1,2,3]}"#, r#"{"a":1}"#],
        ),
        (r#"{"a":[]}"#, &[r#"{"a":[]}"#, r#"{"a":[[]]}"#], &["{}", r#"{"a":null}"#, r#"{"a":[1]}"#]),
        // The order of fields counts.
        (
            r#"{"a":{"b":1,"c":2}}"#,
            &[r#"{"a":{"b":1,"c":2}}"#, r#"{"a":[{"b":1.0,"c":2}]}"#],
            &[r#"{"a":{"c":2,"b":1}}"#, r#"{"a":{"b":1}}"#],
        ),
        (r#"{"a":{}}"#, &[r#"{"a":{}}"#], &["{}", r#"{"a":{"b":1}}"#]),
        (r#"{"a":{"$date":"1970-01-01T00:00:00Z"}}"#, &[r#"{"a":{"$date":0}}"#], &[r#"{"a":0}"#]),
        (r#"{"a":{"$numberDouble":"NaN"}}"#, &[r#"{"a":{"$numberDouble":"NaN"}}"#], &[r#"{"a":0}"#]),
        (r#"{"a":9007199254740993}"#, &[r#"{"a":9007199254740993}"#], &[r#"{"a":9007199254740992.0}"#]),
        (r#"{"a":1,"b":2}"#, &[r#"{"a":1,"b":2}"#], &[r#"{"a":1}"#]),
    ]);
}

#[test]
fn dotted_paths() {
    check(&[
        (
            r#"{"a.b":1}"#,
            &[r#"{"a":{"b":1}}"#, r#"{"a":[{"b":1}]}"#, r#"{"a":[2,{"b":[1]}]}"#],
            &[r#"{"a.b":1}"#, r#"{"a":[[{"b":1}]]}"#, r#"{"a":1}"#],
        ),
        (
            r#"{"a.b":null}"#,
            &[
                "{}",
                r#"{"a":1}"#,
                r#"{"a":null}"#,
                r#"{"a":{}}"#,
                r#"{"a":[{"c":1}]}"#,
                r#"{"a":[1,{"c":1}]}"#,
            ],
            &[r#"{"a":[]}"#, r#"{"a":[1]}"#, r#"{"a":[{"b":1}]}"#, r#"{"a":[1,{"b":2}]}"#],
        ),
        (
            r#"{"a.b":{"$exists":false}}"#,
            &["{}", r#"{"a":[1]}"#, r#"{"a":[]}"#],
            &[r#"{"a":[{"b":null}]}"#, r#"{"a":[{},{"b":1}]}"#],
        ),
        (
            r#"{"a.0":1}"#,
            &[r#"{"a":[1,2]}"#, r#"{"a":{"0":1}}"#, r#"{"a":[{"0":1}]}"#],
            &[r#"{"a":[2,1]}"#, r#"{"a":[[1]]}"#, r#"{"a":1}"#],
        ),
        (r#"{"a.0":[1]}"#, &[r#"{"a":[[1]]}"#], &[r#"{"a":[1]}"#]),
        (
            r#"{"a.0.b":1}"#,
            &[r#"{"a":[{"b":1}]}"#, r#"{"a":[[{"b":1}]]}"#, r#"{"a":[3,{"0":{"b":1}}]}"#],
            &[r#"{"a":[2,{"b":1}]}"#],
        ),
        (r#"{"a.0.0":1}"#, &[r#"{"a":[[1]]}"#, r#"{"a":[{"0":1}]}"#], &[r#"{"a":[1]}"#]),
        // `01` is a name, no position.
        (r#"{"a.01":1}"#, &[r#"{"a":{"01":1}}"#], &[r#"{"a":[0,1]}"#]),
        (
            r#"{"a.b.c":1}"#,
            &[r#"{"a":[{"b":[{"c":1}]}]}"#, r#"{"a":{"b":[2,{"c":[1]}]}}"#],
            &[r#"{"a":{"b":1}}"#],
        ),
    ]);
}

#[test]
fn comparisons_stay_within_a_type() {
    check(&[
        (
            r#"{"a":{"$gt":1}}"#,
            &[r#"{"a":2}"#, r#"{"a":1.5}"#, r#"{"a":[0,2]}"#],
            &[r#"{"a":1}"#, r#"{"a":"2"}"#, r#"{"a":null}"#, "{}", r#"{"a":true}"#, r#"{"a":{"$date":5}}"#],
        ),
        (r#"{"a":{"$gte":1,"$lt":3}}"#, &[r#"{"a":1}"#, r#"{"a":[0,5]}"#], &[r#"{"a":3}"#, r#"{"a":[]}"#]),
        (r#"{"a":{"$lt":"b"}}"#, &[r#"{"a":"a"}"#, r#"{"a":""}"#], &[r#"{"a":1}"#, r#"{"a":"b"}"#]),
        (r#"{"a":{"$lte":null}}"#, &["{}", r#"{"a":null}"#], &[r#"{"a":0}"#]),
        (r#"{"a":{"$gt":null}}"#, &[], &["{}", r#"{"a":null}"#, r#"{"a":1}"#]),
        (
            r#"{"a":{"$lt":5}}"#,
            &[r#"{"a":{"$numberDouble":"-Infinity"}}"#],
            &[r#"{"a":{"$numberDouble":"NaN"}}"#],
        ),
        (r#"{"a":{"$gte":{"$numberDouble":"NaN"}}}"#, &[r#"{"a":{"$numberDouble":"NaN"}}"#], &[r#"{"a":1}"#]),
        (r#"{"a":{"$gt":false}}"#, &[r#"{"a":true}"#], &[r#"{"a":1}"#]),
        (
            r#"{"a":{"$gt":[1]}}"#,
            &[r#"{"a":[2]}"#, r#"{"a":[1,0]}"#, r#"{"a":[[3]]}"#],
            &[r#"{"a":[0]}"#, r#"{"a":2}"#],
        ),
        (r#"{"a":{"$gt":{"b":1}}}"#, &[r#"{"a":{"b":2}}"#], &[r#"{"a":{"b":1}}"#, r#"{"a":2}"#]),
        (
            r#"{"a":{"$gte":{"$date":"2020-01-01T00:00:00Z"}}}"#,
            &[r#"{"a":{"$date":"2021-01-01T00:00:00Z"}}"#],
            &[r#"{"a":"2021-01-01T00:00:00Z"}"#],
        ),
    ]);
}

#[test]
fn complements() {
    check(&[
        (r#"{"a":{"$ne":1}}"#, &["{}", r#"{"a":2}"#, r#"{"a":[]}"#], &[r#"{"a":1}"#, r#"{"a":[2,1]}"#]),
        (
            r#"{"a":{"$ne":null}}"#,
            &[r#"{"a":0}"#, r#"{"a":[]}"#],
            &["{}", r#"{"a":null}"#, r#"{"a":[1,null]}"#],
        ),
        (r#"{"a":{"$nin":[1,null]}}"#, &[r#"{"a":2}"#], &["{}", r#"{"a":[2,1]}"#]),
        (
            r#"{"a":{"$not":{"$gt":1}}}"#,
            &["{}", r#"{"a":1}"#, r#"{"a":"x"}"#],
            &[r#"{"a":2}"#, r#"{"a":[0,2]}"#],
        ),
        // Not both at once; each may hold for another element.
        (r#"{"a":{"$not":{"$gt":1,"$lt":3}}}"#, &[r#"{"a":1}"#], &[r#"{"a":2}"#, r#"{"a":[0,4]}"#]),
        (r#"{"a":{"$not":{"$regex":"^x"}}}"#, &["{}", r#"{"a":"y"}"#, r#"{"a":1}"#], &[r#"{"a":"xy"}"#]),
        (r#"{"$nor":[{"a":1},{"b":1}]}"#, &["{}", r#"{"a":2}"#], &[r#"{"a":1}"#, r#"{"b":1}"#]),
        (r#"{"a":{"$not":{"$exists":true}}}"#, &["{}"], &[r#"{"a":null}"#]),
    ]);
}

#[test]
fn lists_and_logic() {
    check(&[
        (
            r#"{"a":{"$in":[1,"x",null]}}"#,
            &[r#"{"a":1.0}"#, r#"{"a":"x"}"#, "{}", r#"{"a":[5,"x"]}"#],
            &[r#"{"a":2}"#, r#"{"a":[]}"#],
        ),
        (r#"{"a":{"$in":[[1,2]]}}"#, &[r#"{"a":[1,2]}"#, r#"{"a":[[1,2]]}"#], &[r#"{"a":[1]}"#]),
        (r#"{"a":{"$in":[]}}"#, &[], &["{}", r#"{"a":1}"#]),
        (r#"{"$or":[{"a":1},{"b":{"$gt":1}}]}"#, &[r#"{"a":1}"#, r#"{"b":2}"#], &["{}", r#"{"a":2,"b":1}"#]),
        (r#"{"$and":[{"a":{"$gt":1}},{"a":{"$lt":3}}]}"#, &[r#"{"a":2}"#, r#"{"a":[0,5]}"#], &[r#"{"a":3}"#]),
        (
            r#"{"$expr":{"$gt":["$a","$b"]}}"#,
            &[r#"{"a":2,"b":1}"#, r#"{"a":1}"#],
            &[r#"{"a":1,"b":1}"#, "{}"],
        ),
        (r#"{"$expr":{"$add":["$a",1]}}"#, &[r#"{"a":1}"#], &[r#"{"a":"x"}"#, r#"{"a":-1}"#]),
        (r#"{"$comment":"why","a":1}"#, &[r#"{"a":1}"#], &["{}"]),
    ]);
}

#[test]
fn arrays() {
    check(&[
        (r#"{"a":{"$all":[1,2]}}"#, &[r#"{"a":[2,3,1]}"#], &[r#"{"a":[1]}"#, r#"{"a":1}"#]),
        (r#"{"a":{"$all":[1]}}"#, &[r#"{"a":1}"#, r#"{"a":[1]}"#], &["{}"]),
        (r#"{"a":{"$all":[[1,2]]}}"#, &[r#"{"a":[1,2]}"#, r#"{"a":[[1,2],3]}"#], &[r#"{"a":[2,1]}"#]),
        (r#"{"a":{"$all":[]}}"#, &[], &[r#"{"a":[]}"#, "{}"]),
        (
            r#"{"a":{"$all":[{"$elemMatch":{"b":1}},{"$elemMatch":{"b":2}}]}}"#,
            &[r#"{"a":[{"b":1},{"b":2}]}"#],
            &[r#"{"a":[{"b":1}]}"#],
        ),
        (
            r#"{"a":{"$size":2}}"#,
            &[r#"{"a":[1,[2]]}"#],
            &[r#"{"a":[1]}"#, r#"{"a":2}"#, r#"{"a":[[1,2]]}"#, "{}"],
        ),
        (r#"{"a.b":{"$size":1}}"#, &[r#"{"a":[{"b":[1]},{"b":1}]}"#], &[r#"{"a":[{"b":1}]}"#]),
        (
            r#"{"a":{"$elemMatch":{"$gt":1,"$lt":3}}}"#,
            &[r#"{"a":[5,2]}"#],
            &[r#"{"a":[0,5]}"#, r#"{"a":2}"#, r#"{"a":[[2]]}"#],
        ),
        (
            r#"{"a":{"$elemMatch":{"b":1,"c":2}}}"#,
            &[r#"{"a":[{"b":1,"c":2}]}"#],
            &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":{"b":1,"c":2}}"#],
        ),
        (
            r#"{"a":{"$elemMatch":{"$or":[{"b":1},{"c":1}]}}}"#,
            &[r#"{"a":[1,{"c":1}]}"#],
            &[r#"{"a":[{"b":2}]}"#],
        ),
        // An array is an object here, with positions for names.
        (
            r#"{"a":{"$elemMatch":{"0":1,"b":null}}}"#,
            &[r#"{"a":[2,[1]]}"#, r#"{"a":[{"0":1}]}"#],
            &[r#"{"a":[1]}"#, r#"{"a":[[2,1]]}"#],
        ),
        (r#"{"a":{"$elemMatch":{"$ne":1}}}"#, &[r#"{"a":[1,2]}"#], &[r#"{"a":[1]}"#, r#"{"a":[]}"#]),
        (r#"{"a":{"$elemMatch":{"$elemMatch":{"$eq":1}}}}"#, &[r#"{"a":[[2,1]]}"#], &[r#"{"a":[1]}"#]),
        (
            r#"{"a":{"$not":{"$elemMatch":{"$gt":1}}}}"#,
            &["{}", r#"{"a":[1]}"#, r#"{"a":2}"#],
            &[r#"{"a":[2]}"#],
        ),
    ]);
}

#[test]
fn types_presence_and_texts() {
    check(&[
        (r#"{"a":{"$exists":true}}"#, &[r#"{"a":null}"#, r#"{"a":[]}"#], &["{}"]),
        (r#"{"a":{"$exists":0}}"#, &["{}"], &[r#"{"a":null}"#]),
        (
            r#"{"a":{"$type":"number"}}"#,
            &[r#"{"a":1}"#, r#"{"a":1.5}"#, r#"{"a":["x",1]}"#],
            &[r#"{"a":"1"}"#, "{}"],
        ),
        (r#"{"a":{"$type":"int"}}"#, &[r#"{"a":2147483647}"#], &[r#"{"a":2147483648}"#, r#"{"a":1.0}"#]),
        (r#"{"a":{"$type":18}}"#, &[r#"{"a":2147483648}"#], &[r#"{"a":1}"#]),
        (r#"{"a":{"$type":["null","array"]}}"#, &[r#"{"a":null}"#, r#"{"a":[]}"#], &["{}", r#"{"a":1}"#]),
        (
            r#"{"a":{"$type":"binData"}}"#,
            &[r#"{"a":{"$binary":{"base64":"","subType":"00"}}}"#],
            &[r#"{"a":""}"#],
        ),
        (r#"{"a":{"$type":"objectId"}}"#, &[], &[r#"{"a":"x"}"#]),
        (
            r#"{"a":{"$mod":[3,1]}}"#,
            &[r#"{"a":4}"#, r#"{"a":4.9}"#, r#"{"a":[0,1]}"#],
            &[r#"{"a":3}"#, r#"{"a":-2}"#, r#"{"a":"4"}"#, r#"{"a":{"$numberDouble":"NaN"}}"#],
        ),
        (r#"{"a":{"$mod":[-1,0]}}"#, &[r#"{"a":-9223372036854775808}"#], &[]),
        (
            r#"{"a":{"$regex":"^b.*c$"}}"#,
            &[r#"{"a":"bxc"}"#, r#"{"a":["bc"]}"#],
            &[r#"{"a":"abc"}"#, r#"{"a":"b\nc"}"#, r#"{"a":1}"#],
        ),
        (r#"{"a":{"$regex":"^b.*C$","$options":"si"}}"#, &[r#"{"a":"B\nc"}"#], &[]),
        (r#"{"a":{"$options":"m","$regex":"^b$"}}"#, &[r#"{"a":"a\nb"}"#], &[r#"{"a":"ab"}"#]),
        (r#"{"a":{"$regex":" b # x","$options":"x"}}"#, &[r#"{"a":"b"}"#], &[]),
    ]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        ("[]", "an object"),
        (r#"{"$where":"1"}"#, "no `$where`"),
        (r#"{"a":{"$near":1}}"#, "filter at `a`: there is no operator `$near`"),
        (r#"{"a":{"$gt":1,"b":1}}"#, "no operator `b`"),
        (r#"{"a":{"b":{"$gt":1}}}"#, "`$gt` cannot stand inside a value"),
        (r#"{"a":{"$in":1}}"#, "has a list"),
        (r#"{"a":{"$in":[{"$regex":"x"}]}}"#, "cannot stand inside"),
        (r#"{"$or":[]}"#, "at least one"),
        (r#"{"$and":[1]}"#, "list of filters"),
        (r#"{"a":{"$not":1}}"#, "`$not`"),
        (r#"{"a":{"$not":{}}}"#, "`$not`"),
        (r#"{"a":{"$size":-1}}"#, "`$size`"),
        (r#"{"a":{"$size":1.5}}"#, "`$size`"),
        (r#"{"a":{"$mod":[0,1]}}"#, "divisor"),
        (r#"{"a":{"$mod":[2]}}"#, "divisor"),
        (r#"{"a":{"$type":"text"}}"#, "`$type`"),
        (r#"{"a":{"$type":[]}}"#, "at least one"),
        (r#"{"a":{"$elemMatch":1}}"#, "`$elemMatch`"),
        (r#"{"a":{"$regex":"(?=x)"}}"#, "look-around"),
        (r#"{"a":{"$regex":"(x)\\1"}}"#, "backreferences"),
        (r#"{"a":{"$regex":"("}}"#, "unclosed"),
        (r#"{"a":{"$regex":"x","$options":"g"}}"#, "`g`"),
        (r#"{"a":{"$options":"i"}}"#, "beside `$regex`"),
        (r#"{"a..b":1}"#, "a name is empty"),
        (r#"{"":1}"#, "a name is empty"),
        (r#"{"a.$b":1}"#, "begins with `$`"),
    ];
    for (json, why) in table {
        let fault = Filter::parse(json).unwrap_err();
        assert!(fault.message.contains(why), "{json}: {fault}");
    }
}

#[test]
fn the_only_id_is_known() {
    let table = [
        (r#"{"_id":"x"}"#, Some("x")),
        (r#"{"a":1,"_id":{"$eq":"x"}}"#, Some("x")),
        (r#"{"$and":[{"a":1},{"_id":"x"}]}"#, Some("x")),
        (r#"{"_id":{"$in":["x"]}}"#, Some("x")),
        (r#"{"_id":{"$in":["x","y"]}}"#, None),
        (r#"{"_id":{"$ne":"x"}}"#, None),
        (r#"{"$or":[{"_id":"x"},{"a":1}]}"#, None),
        (r#"{"_id":1}"#, None),
        ("{}", None),
    ];
    for (json, id) in table {
        assert_eq!(Filter::parse(json).unwrap().id(), id, "{json}");
    }
    assert!(Filter::parse("{}").unwrap().is_all() && Filter::all().is_all());
}

#[test]
fn an_upsert_begins_with_what_must_be_equal() {
    let table = [
        (r#"{"a":1,"b":{"$eq":2},"c":{"$gt":3}}"#, Ok(r#"{"a":1,"b":2}"#)),
        (r#"{"_id":"x","a.b":1,"a.c":{"d":[1]}}"#, Ok(r#"{"_id":"x","a":{"b":1,"c":{"d":[1]}}}"#)),
        (r#"{"$and":[{"a":1},{"$or":[{"b":2}]}],"c":{"$all":[3]}}"#, Ok(r#"{"a":1,"b":2,"c":3}"#)),
        (r#"{"$or":[{"a":1},{"b":2}],"$nor":[{"c":1}],"d":{"$in":[1]}}"#, Ok("{}")),
        (r#"{"a":1,"$and":[{"a":1}]}"#, Err("more than once")),
        (r#"{"a":{"b":1},"a.b":1}"#, Err("more than once")),
        (r#"{"a.b":1,"a":{"b":1}}"#, Err("more than once")),
    ];
    for (json, expected) in table {
        match (Filter::parse(json).unwrap().upsert_base(), expected) {
            (Ok(base), Ok(expected)) => assert_eq!(base.to_json(), expected, "{json}"),
            (Err(fault), Err(why)) => assert!(fault.message.contains(why), "{json}: {fault}"),
            (got, _) => panic!("{json}: {got:?}"),
        }
    }
}
