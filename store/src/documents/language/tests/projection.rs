//! Projections: what is left of a document.

use super::super::Projection;
use super::object;

const DOCUMENT: &str = r#"{"_id":"x","a":1,"b":{"c":2,"d":3},"e":[{"f":1,"g":2},[{"f":3,"g":4}],5,{"g":6}]}"#;

#[test]
fn fields_are_chosen() {
    let table = [
        ("{}", DOCUMENT),
        (r#"{"a":1}"#, r#"{"_id":"x","a":1}"#),
        (r#"{"a":true,"_id":0}"#, r#"{"a":1}"#),
        (r#"{"_id":1}"#, r#"{"_id":"x"}"#),
        (r#"{"b.c":1,"a":1,"_id":0}"#, r#"{"a":1,"b":{"c":2}}"#),
        (r#"{"b":{"c":1},"_id":0}"#, r#"{"b":{"c":2}}"#),
        (r#"{"b.x":1,"_id":0}"#, r#"{"b":{}}"#),
        (r#"{"a.x":1,"z":1,"_id":0}"#, "{}"),
        (r#"{"e.f":1,"_id":0}"#, r#"{"e":[{"f":1},[{"f":3}],{}]}"#),
        (r#"{"e":0,"b":0}"#, r#"{"_id":"x","a":1}"#),
        (r#"{"_id":0,"e":0,"b":0}"#, r#"{"a":1}"#),
        (r#"{"b.c":0,"e.g":0}"#, r#"{"_id":"x","a":1,"b":{"d":3},"e":[{"f":1},[{"f":3}],5,{}]}"#),
        (r#"{"_id":0,"e":{"$slice":1}}"#, r#"{"a":1,"b":{"c":2,"d":3},"e":[{"f":1,"g":2}]}"#),
        (r#"{"_id":0,"a":1,"e":{"$slice":-2}}"#, r#"{"a":1,"e":[5,{"g":6}]}"#),
        (r#"{"_id":0,"a":1,"e":{"$slice":[1,2]}}"#, r#"{"a":1,"e":[[{"f":3,"g":4}],5]}"#),
        (r#"{"_id":0,"a":1,"e":{"$slice":[-1,5]}}"#, r#"{"a":1,"e":[{"g":6}]}"#),
        (r#"{"b":0,"e":0,"a":{"$slice":1}}"#, r#"{"_id":"x","a":1}"#),
        (r#"{"e":{"$elemMatch":{"g":6}}}"#, r#"{"_id":"x","e":[{"g":6}]}"#),
        (r#"{"e":{"$elemMatch":{"$gt":4}},"a":1}"#, r#"{"_id":"x","a":1,"e":[5]}"#),
        (r#"{"e":{"$elemMatch":{"$type":"array"}}}"#, r#"{"_id":"x","e":[[{"f":3,"g":4}]]}"#),
        (r#"{"e":{"$elemMatch":{"$elemMatch":{"f":3}}}}"#, r#"{"_id":"x","e":[[{"f":3,"g":4}]]}"#),
        (r#"{"e":{"$elemMatch":{"g":7}}}"#, r#"{"_id":"x"}"#),
        (r#"{"a":{"$elemMatch":{"$eq":1}}}"#, r#"{"_id":"x"}"#),
    ];
    for (projection, expected) in table {
        let chosen = Projection::parse(projection).unwrap_or_else(|fault| panic!("{projection}: {fault}"));
        assert_eq!(chosen.apply(&object(DOCUMENT)).to_json(), expected, "{projection}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let table = [
        ("[]", "an object"),
        (r#"{"a":1,"b":0}"#, "not both"),
        (r#"{"a":1,"a.b":1}"#, "in conflict"),
        (r#"{"a.b":1,"a":1}"#, "in conflict"),
        (r#"{"a":"$b"}"#, "is needed"),
        (r#"{"a":{"$add":[1,2]}}"#, "is needed"),
        (r#"{"a":{}}"#, "chooses nothing"),
        (r#"{"a":{"$slice":"x"}}"#, "`$slice`"),
        (r#"{"a":{"$slice":[1,0]}}"#, "`$slice`"),
        (r#"{"a.b":{"$elemMatch":{"c":1}}}"#, "field of the document itself"),
        (r#"{"a.$":1}"#, "begins with `$`"),
        (r#"{"a..b":1}"#, "a name is empty"),
    ];
    for (projection, why) in table {
        let fault = Projection::parse(projection).unwrap_err();
        assert!(fault.message.contains(why), "{projection}: {fault}");
    }
}
