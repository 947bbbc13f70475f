//! Updates: what becomes of a document, what is refused.

use super::super::{Applied, Update};
use super::object;

/// The clock of these tests: one day after 1970 began.
const NOW_MS: i64 = 86_400_000;

fn applied(update: &str, before: &str, kind: Applied) -> Result<(String, bool), String> {
    let update = Update::parse(update).map_err(|fault| fault.message)?;
    let mut document = object(before);
    let is_changed = update.apply(&mut document, NOW_MS, kind).map_err(|fault| fault.message)?;
    Ok((document.to_json(), is_changed))
}

/// An update, a document, and what becomes of it; the same means that nothing is changed.
fn check(table: &[(&str, &str, &str)]) {
    for (update, before, after) in table {
        let expected = ((*after).to_owned(), after != before);
        assert_eq!(applied(update, before, Applied::Update), Ok(expected), "{update} of {before}");
    }
}

#[test]
fn fields_are_set_and_unset() {
    check(&[
        (r#"{"$set":{"a":1}}"#, "{}", r#"{"a":1}"#),
        (r#"{"$set":{"a":1}}"#, r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"$set":{"a":1.0}}"#, r#"{"a":1}"#, r#"{"a":1.0}"#),
        // New fields come in the order of their names, numbers by their size.
        (r#"{"$set":{"b":1,"a":2,"10":3,"9":4}}"#, r#"{"z":0}"#, r#"{"z":0,"9":4,"10":3,"a":2,"b":1}"#),
        (r#"{"$set":{"a.b.c":1}}"#, r#"{"a":{"x":0}}"#, r#"{"a":{"x":0,"b":{"c":1}}}"#),
        (r#"{"$set":{"a.0":1}}"#, "{}", r#"{"a":{"0":1}}"#),
        (r#"{"$set":{"a.1":9}}"#, r#"{"a":[1,2]}"#, r#"{"a":[1,9]}"#),
        (r#"{"$set":{"a.3.b":9}}"#, r#"{"a":[1]}"#, r#"{"a":[1,null,null,{"b":9}]}"#),
        (r#"{"$set":{"a.$[].b":1}}"#, r#"{"a":[{},{"b":2}]}"#, r#"{"a":[{"b":1},{"b":1}]}"#),
        (r#"{"$set":{}}"#, "{}", "{}"),
        (r#"{"$set":{"a":{"$date":0}}}"#, "{}", r#"{"a":{"$date":"1970-01-01T00:00:00.000Z"}}"#),
        (r#"{"$unset":{"a":"","b.c":1}}"#, r#"{"a":1,"b":{"c":1,"d":2}}"#, r#"{"b":{"d":2}}"#),
        (r#"{"$unset":{"a.0":1}}"#, r#"{"a":[1,2]}"#, r#"{"a":[null,2]}"#),
        (r#"{"$unset":{"a.$[].b":1}}"#, r#"{"a":[{"b":1},2]}"#, r#"{"a":[{},2]}"#),
        (r#"{"$unset":{"a.b":1,"c":1,"d.x":1,"d.5":1}}"#, r#"{"a":1,"d":[1]}"#, r#"{"a":1,"d":[1]}"#),
        (r#"{"$rename":{"a":"b"}}"#, r#"{"a":1,"b":2}"#, r#"{"b":1}"#),
        (r#"{"$rename":{"a":"b.c"}}"#, r#"{"a":1}"#, r#"{"b":{"c":1}}"#),
        (r#"{"$rename":{"x":"y"}}"#, r#"{"a":1}"#, r#"{"a":1}"#),
        (
            r#"{"$currentDate":{"a":true,"b":{"$type":"date"}}}"#,
            "{}",
            r#"{"a":{"$date":"1970-01-02T00:00:00.000Z"},"b":{"$date":"1970-01-02T00:00:00.000Z"}}"#,
        ),
        (r#"{"$set":{"_id":"x"}}"#, r#"{"_id":"x"}"#, r#"{"_id":"x"}"#),
    ]);
}

#[test]
fn numbers_are_calculated() {
    check(&[
        (r#"{"$inc":{"a":2}}"#, r#"{"a":1}"#, r#"{"a":3}"#),
        (r#"{"$inc":{"a":2}}"#, "{}", r#"{"a":2}"#),
        (r#"{"$inc":{"a":0.5}}"#, r#"{"a":1}"#, r#"{"a":1.5}"#),
        (r#"{"$inc":{"a":1}}"#, r#"{"a":1.0}"#, r#"{"a":2.0}"#),
        (r#"{"$inc":{"a":0}}"#, r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"$inc":{"a":1}}"#, r#"{"a":9007199254740992}"#, r#"{"a":9007199254740993}"#),
        (r#"{"$inc":{"a.$[]":1}}"#, r#"{"a":[1,2.0]}"#, r#"{"a":[2,3.0]}"#),
        (r#"{"$mul":{"a":3}}"#, r#"{"a":2}"#, r#"{"a":6}"#),
        (r#"{"$mul":{"a":3}}"#, "{}", r#"{"a":0}"#),
        (r#"{"$mul":{"a":3.0}}"#, "{}", r#"{"a":0.0}"#),
        (r#"{"$min":{"a":1}}"#, r#"{"a":2}"#, r#"{"a":1}"#),
        (r#"{"$min":{"a":3}}"#, r#"{"a":2}"#, r#"{"a":2}"#),
        (r#"{"$min":{"a":"x"}}"#, r#"{"a":2}"#, r#"{"a":2}"#),
        (r#"{"$max":{"a":"x"}}"#, r#"{"a":2}"#, r#"{"a":"x"}"#),
        (r#"{"$max":{"a":2.0}}"#, r#"{"a":2}"#, r#"{"a":2}"#),
        (r#"{"$min":{"a":1}}"#, "{}", r#"{"a":1}"#),
        (r#"{"$min":{"a":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#),
    ]);
}

#[test]
fn arrays_are_changed() {
    check(&[
        (r#"{"$push":{"a":1}}"#, "{}", r#"{"a":[1]}"#),
        (r#"{"$push":{"a":[1]}}"#, r#"{"a":[0]}"#, r#"{"a":[0,[1]]}"#),
        (r#"{"$push":{"a":{"$each":[1,2]}}}"#, r#"{"a":[0]}"#, r#"{"a":[0,1,2]}"#),
        (r#"{"$push":{"a":{"$each":[]}}}"#, "{}", r#"{"a":[]}"#),
        (r#"{"$push":{"a":{"$each":[]}}}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"$push":{"a":{"$each":[8,9],"$position":1}}}"#, r#"{"a":[0,1]}"#, r#"{"a":[0,8,9,1]}"#),
        (r#"{"$push":{"a":{"$each":[9],"$position":-1}}}"#, r#"{"a":[0,1]}"#, r#"{"a":[0,9,1]}"#),
        (r#"{"$push":{"a":{"$each":[9],"$position":-5}}}"#, r#"{"a":[0,1]}"#, r#"{"a":[9,0,1]}"#),
        (r#"{"$push":{"a":{"$each":[3],"$slice":2}}}"#, r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
        (r#"{"$push":{"a":{"$each":[3],"$slice":-2}}}"#, r#"{"a":[1,2]}"#, r#"{"a":[2,3]}"#),
        (r#"{"$push":{"a":{"$each":[],"$slice":0}}}"#, r#"{"a":[1]}"#, r#"{"a":[]}"#),
        (r#"{"$push":{"a":{"$each":[2],"$sort":-1}}}"#, r#"{"a":[1,"x",3]}"#, r#"{"a":["x",3,2,1]}"#),
        (
            r#"{"$push":{"a":{"$each":[{"b":1}],"$sort":{"b":1},"$slice":2}}}"#,
            r#"{"a":[{"b":2},{"b":0}]}"#,
            r#"{"a":[{"b":0},{"b":1}]}"#,
        ),
        (r#"{"$pop":{"a":1}}"#, r#"{"a":[1,2]}"#, r#"{"a":[1]}"#),
        (r#"{"$pop":{"a":-1}}"#, r#"{"a":[1,2]}"#, r#"{"a":[2]}"#),
        (r#"{"$pop":{"a":1,"b":1}}"#, r#"{"a":[]}"#, r#"{"a":[]}"#),
        (r#"{"$addToSet":{"a":1}}"#, r#"{"a":[1.0]}"#, r#"{"a":[1.0]}"#),
        (r#"{"$addToSet":{"a":{"b":1}}}"#, r#"{"a":[{"b":2}]}"#, r#"{"a":[{"b":2},{"b":1}]}"#),
        (r#"{"$addToSet":{"a":{"$each":[1,1,2,3,4,5,1.0]}}}"#, r#"{"a":[2]}"#, r#"{"a":[2,1,3,4,5]}"#),
        (r#"{"$addToSet":{"a":{"$each":[1,1]}}}"#, "{}", r#"{"a":[1]}"#),
        (r#"{"$pull":{"a":1}}"#, r#"{"a":[1,2,1.0,[1]]}"#, r#"{"a":[2,[1]]}"#),
        (r#"{"$pull":{"a":{"$gt":1}}}"#, r#"{"a":[1,2,[3],"x"]}"#, r#"{"a":[1,"x"]}"#),
        (r#"{"$pull":{"a":{"b":1}}}"#, r#"{"a":[{"b":1,"c":2},{"b":2},1]}"#, r#"{"a":[{"b":2},1]}"#),
        (
            r#"{"$pull":{"a":{"b":{"$gte":2},"c":1}}}"#,
            r#"{"a":[{"b":2,"c":1},{"b":2}]}"#,
            r#"{"a":[{"b":2}]}"#,
        ),
        (r#"{"$pull":{"a":{"$in":[1,2]},"z":1}}"#, r#"{"a":[1,3]}"#, r#"{"a":[3]}"#),
        (r#"{"$pullAll":{"a":[1,[2]]}}"#, r#"{"a":[1,2,[2],1]}"#, r#"{"a":[2]}"#),
        (r#"{"$push":{"a.$[].b":1}}"#, r#"{"a":[{"b":[0]},{}]}"#, r#"{"a":[{"b":[0,1]},{"b":[1]}]}"#),
    ]);
}

#[test]
fn an_insert_is_not_an_update() {
    let update = r#"{"$set":{"a":1},"$setOnInsert":{"b":2,"_id":"x"}}"#;
    assert_eq!(applied(update, "{}", Applied::Insert), Ok((r#"{"_id":"x","a":1,"b":2}"#.to_owned(), true)));
    assert_eq!(
        applied(update, r#"{"_id":"y"}"#, Applied::Update),
        Ok((r#"{"_id":"y","a":1}"#.to_owned(), true))
    );
    assert!(applied(update, r#"{"_id":"y"}"#, Applied::Insert).unwrap_err().contains("cannot be changed"));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let table = [
        // At once.
        ("{}", "{}", "an object of operators"),
        (r#"{"a":1}"#, "{}", "an object of operators"),
        (r#"{"$set":{"a":1},"b":2}"#, "{}", "no operator `b`"),
        (r#"{"$set":1}"#, "{}", "an object of places"),
        (r#"{"$frob":{"a":1}}"#, "{}", "no operator `$frob`"),
        (r#"{"$bit":{"a":1}}"#, "{}", "`$bit` at `a`: is not supported"),
        (r#"{"$set":{"a":{"$x":1}}}"#, "{}", "`$x` cannot stand"),
        (r#"{"$set":{"a.$":1}}"#, "{}", "`$` is not supported"),
        (r#"{"$set":{"a.$[x].b":1}}"#, "{}", "only `$[]`"),
        (r#"{"$set":{"$[]":1}}"#, "{}", "only `$[]`"),
        (r#"{"$set":{"a.":1}}"#, "{}", "a name is empty"),
        (r#"{"$set":{"a":1},"$inc":{"a":1}}"#, "{}", "`a` and `a` are in conflict"),
        (r#"{"$set":{"a.b":1,"a.b.c":1}}"#, "{}", "in conflict"),
        (r#"{"$set":{"a":1,"aa":2},"$unset":{"a.b":1}}"#, "{}", "`a` and `a.b` are in conflict"),
        (r#"{"$rename":{"a":"a.b"}}"#, "{}", "in conflict"),
        (r#"{"$set":{"a.$[]":1,"a.0.b":1,"b":1}}"#, "{}", "`a.0.b` and `a.$[]` are in conflict"),
        (r#"{"$set":{"a.$[].b":1},"$unset":{"a.x":1}}"#, "{}", "`a.x` and `a.$[].b` are in conflict"),
        (r#"{"$rename":{"a":1}}"#, "{}", "is a text"),
        (r#"{"$rename":{"a.$[].b":"c"}}"#, "{}", "`$[]` cannot"),
        (r#"{"$inc":{"a":"1"}}"#, "{}", "`$inc` at `a`: a number is needed, not a text"),
        (r#"{"$pop":{"a":2}}"#, "{}", "`$pop` at `a`"),
        (r#"{"$push":{"a":{"$each":1}}}"#, "{}", "`$each` has a list"),
        (r#"{"$push":{"a":{"$each":[],"$x":1}}}"#, "{}", "`$x` cannot stand beside"),
        (r#"{"$push":{"a":{"$slice":1}}}"#, "{}", "`$slice` cannot stand"),
        (r#"{"$push":{"a":{"$each":[],"$slice":1.5}}}"#, "{}", "whole number"),
        (r#"{"$push":{"a":{"$each":[],"$sort":2}}}"#, "{}", "`$sort`"),
        (r#"{"$addToSet":{"a":{"$each":[],"$slice":1}}}"#, "{}", "beside `$each`"),
        (r#"{"$pullAll":{"a":1}}"#, "{}", "has a list"),
        (r#"{"$currentDate":{"a":{"$type":"timestamp"}}}"#, "{}", "no timestamps"),
        // For that document.
        (r#"{"$inc":{"a":1}}"#, r#"{"a":"x"}"#, "`$inc` at `a`: a number is needed, there is a text"),
        (r#"{"$inc":{"a":1}}"#, r#"{"a":null}"#, "there is null"),
        (r#"{"$inc":{"a":1}}"#, r#"{"a":9223372036854775807}"#, "beyond 64 bits"),
        (r#"{"$mul":{"a":2}}"#, r#"{"a":9223372036854775807}"#, "beyond 64 bits"),
        (r#"{"$push":{"a":1}}"#, r#"{"a":1}"#, "`$push` at `a`: an array is needed, there is a number"),
        (r#"{"$addToSet":{"a":1}}"#, r#"{"a":null}"#, "an array is needed"),
        (r#"{"$pop":{"a":1}}"#, r#"{"a":1}"#, "an array is needed"),
        (r#"{"$pull":{"a":1}}"#, r#"{"a":1}"#, "an array is needed"),
        (r#"{"$set":{"a.b":1}}"#, r#"{"a":1}"#, "there is a number where the field `b`"),
        (r#"{"$set":{"a.b":1}}"#, r#"{"a":null}"#, "there is null where"),
        (r#"{"$set":{"a.b":1}}"#, r#"{"a":[]}"#, "there is an array where"),
        (r#"{"$set":{"a.1001":1}}"#, r#"{"a":[]}"#, "1001 behind the array's end"),
        (r#"{"$set":{"a.$[]":1}}"#, "{}", "where there is no array"),
        (r#"{"$set":{"a.$[]":1}}"#, r#"{"a":1}"#, "`$[]` behind a number"),
        (r#"{"$pull":{"a.$[]":1}}"#, "{}", "where there is no array"),
        (r#"{"$unset":{"a.$[].b":1}}"#, "{}", "where there is no array"),
        (r#"{"$unset":{"a.$[].b":1}}"#, r#"{"a":1}"#, "`$[]` behind a number"),
        (r#"{"$rename":{"a.0":"b"}}"#, r#"{"a":[1]}"#, "in an array"),
        (r#"{"$rename":{"b":"a.0"}}"#, r#"{"a":[1],"b":1}"#, "into an array"),
        (r#"{"$set":{"_id":"y"}}"#, r#"{"_id":"x"}"#, "`_id` cannot be changed"),
        (r#"{"$unset":{"_id":1}}"#, r#"{"_id":"x"}"#, "`_id` cannot be changed"),
        (r#"{"$rename":{"a":"_id"}}"#, r#"{"_id":"x","a":1}"#, "`_id` cannot be changed"),
    ];
    for (update, before, why) in table {
        let fault = applied(update, before, Applied::Update).unwrap_err();
        assert!(fault.contains(why), "{update} of {before}: {fault}");
    }
    assert!(applied(r#"{"$set":{"a.1000":1}}"#, r#"{"a":[]}"#, Applied::Update).is_ok());
}
