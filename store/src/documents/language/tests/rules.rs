//! Rules: what they mean, what is refused, and that what an index is asked for is never too little.

use proptest::prelude::*;

use super::super::filter::Filter;
use super::super::rules::{MAX_RULE_BYTES, MAX_RULE_DEPTH};
use super::super::{Caller, Hidden, Object, Path, Pipeline, Projection, Rule, Update};
use super::{object, random};

fn ada() -> Caller {
    Caller { user: Some("ada".to_owned()), roles: vec!["editor".to_owned()], anonymous: false }
}

fn nobody() -> Caller {
    Caller::default()
}

const DOCUMENT: &str = r#"{"_id":"1","owner":"ada","n":5,"half":1.5,"one":1.0,"on":true,"off":false,"nothing":null,
    "tags":["a","ada",null],"who":{"name":"ada","age":3},"items":[{"a":1}],"at":{"$date":"2020-01-01T00:00:00Z"},
    "later":{"$date":"2021-01-01T00:00:00Z"},"nan":{"$numberDouble":"NaN"}}"#;

#[track_caller]
fn holds(rule: &str, caller: &Caller, new: Option<&str>) -> bool {
    let read = Rule::parse(rule).unwrap_or_else(|fault| panic!("{rule}: {fault}"));
    let new = new.map(object);
    read.known(caller).holds(&object(DOCUMENT), new.as_ref())
}

/// What holds for the document and ada.
const SO: &[&str] = &[
    "true",
    "on",
    "on == true",
    "owner == auth.user",
    "auth.user == owner",
    "'editor' in auth.roles",
    "auth.user in tags",
    "_id == '1'",
    "n == 5.0",
    "one == 1",
    "n > 4 && n < 6",
    "n >= 5 && n <= 5",
    "half < 2",
    "missing == null",
    "nothing == null",
    "null in tags",
    "owner in ['bob', \"ada\"]",
    "who.name == 'ada'",
    "!off",
    "!(n == 6)",
    "!n == 6",
    "!(on && off)",
    "off || on",
    "off || on && on",
    "true || false && false",
    "owner < 'b'",
    "at < later",
    "items == items",
    "tags != ['a']",
    "tags == ['a', 'ada', null]",
    "request.data == null",
    "request.data.a == null",
    "!auth.anonymous",
    "who != null",
    "[] == []",
    "'\\u0061da' == owner",
    "'it\\'s' == \"it's\"",
    "(((owner))) == 'ada'",
    "n\n==\n5",
    "!!on",
    "-1 < n",
    "nan == nan",
    "owner != 'bob' && n in [1, 5]",
    "auth.user != null",
    "!(missing < 5)",
    "[n, 1] == [5, 1]",
];

/// What does not.
const NOT_SO: &[&str] = &[
    "false",
    "null",
    "n",
    "1",
    "'true'",
    "owner",
    "[true]",
    "who",
    "!n",
    "!null",
    "!missing",
    "!'x'",
    "n && true",
    "n || off",
    "n && on || off",
    "on && n",
    "n == '5'",
    "n < '9'",
    "owner < 5",
    "null < 5",
    "missing >= null",
    "off < on",
    "at < 5",
    "nan < 1",
    "nan >= nan",
    "tags == 'a'",
    "items.a == 1",
    "items.a != null",
    "n in 5",
    "owner in owner",
    "missing in missing",
    "owner in []",
    "tags in tags",
    "auth.anonymous",
    "'admin' in auth.roles",
    "who.name.x != null",
    "request.data.n == 5",
    "on == 1",
    "(on && n) == n",
];

#[test]
fn what_holds_and_what_does_not() {
    for rule in SO {
        assert!(holds(rule, &ada(), None), "{rule}");
    }
    for rule in NOT_SO {
        assert!(!holds(rule, &ada(), None), "{rule}");
    }
}

#[test]
fn what_a_document_is_to_become() {
    let new = Some(r#"{"_id":"1","owner":"ada","n":6,"deep":{"x":[1]}}"#);
    for rule in [
        "request.data.n == n || request.data.n > n",
        "request.data.owner == owner",
        "request.data.deep.x == [1]",
        "request.data != null",
    ] {
        assert!(holds(rule, &ada(), new), "{rule}");
        assert!(Rule::parse(rule).unwrap().mentions_data(), "{rule}");
    }
    assert!(!holds("request.data.n == n", &ada(), new));
    assert!(!Rule::parse("owner == auth.user && !(n == 3)").unwrap().mentions_data());
    let rule = Rule::parse("owner == auth.user && request.data.n > n && n < 9").unwrap();
    let known = rule.known(&ada()).without_data();
    assert_eq!(known, Rule::parse("owner == 'ada' && n < 9").unwrap().known(&ada()));
    assert!(
        Rule::parse("request.data.n == 1 || owner == 'ada'")
            .unwrap()
            .known(&ada())
            .without_data()
            .is_always()
    );
}

/// Nobody is equal to nothing, though `auth.user` is null then: a document without an owner is not everyone's.
#[test]
fn nobody_owns_nothing() {
    let ownerless = object(r#"{"_id":"1","members":[null],"x":null}"#);
    let closed = [
        "owner == auth.user",
        "auth.user == owner",
        "owner != auth.user",
        "auth.user in members",
        "owner in [auth.user]",
        "owner in [auth.user, 'bob']",
        "x == auth.user",
        "auth.user == request.data.owner",
        "auth.user != null",
        "auth.user == auth.user",
        "'admin' in auth.roles",
        "auth.anonymous",
        "x in auth.roles",
    ];
    for rule in closed {
        let known = Rule::parse(rule).unwrap().known(&nobody());
        assert!(!known.holds(&ownerless, Some(&ownerless)), "{rule}");
    }
    for rule in [
        "auth.user == null",
        "!(auth.user != null)",
        "null == auth.user",
        "owner == null",
        "auth.roles == []",
    ] {
        assert!(Rule::parse(rule).unwrap().known(&nobody()).holds(&ownerless, None), "{rule}");
    }
}

#[test]
fn what_hangs_on_no_document_is_worked_out() {
    for rule in
        ["auth.user != null", "'editor' in auth.roles || owner == 'x'", "true || n", "!(1 == 2)", "5 in [5]"]
    {
        let known = Rule::parse(rule).unwrap().known(&ada());
        assert!(known.is_always() && !known.is_never(), "{rule}: {known:?}");
    }
    for rule in [
        "'admin' in auth.roles && on",
        "auth.user == null",
        "n == 5 && 1",
        "null",
        "owner in []",
        "owner in 5",
    ] {
        let known = Rule::parse(rule).unwrap().known(&ada());
        assert!(known.is_never() && !known.is_always(), "{rule}: {known:?}");
    }
}

#[test]
fn what_is_no_rule_is_refused_with_its_place() {
    let cases = [
        ("", "line 1, column 1: the rule ends where a value is expected"),
        ("owner == auth.usr", "line 1, column 10: there is no `auth.usr`"),
        ("auth == 1", "line 1, column 1: there is no `auth`"),
        ("auth.user.name == 1", "line 1, column 1: there is no `auth.user.name`"),
        ("true &&\n  request.body == 1", "line 2, column 3: there is no `request.body`"),
        ("request == 1", "there is no `request`"),
        ("a = 1", "column 3: nothing can follow here: `=`"),
        ("a == 1 == 1", "column 8: comparisons do not follow each other"),
        ("a < b in c", "comparisons do not follow each other"),
        ("a & b", "column 3: nothing can follow here: `&`"),
        ("a and b", "nothing can follow here: `and`"),
        ("(a", "the rule ends before its `)`"),
        ("[a, b", "the rule ends before its `]`"),
        ("[a, ]", "a value is expected, not `]`"),
        ("a == 'x", "column 6: this text does not end"),
        ("a == \"\\x\"", "this is no text as JSON has it"),
        ("a == 'x\ny'", "this is no text as JSON has it"),
        ("a == 1.", "`1.` is no number"),
        ("a == 1e5", "`1e5` is no number"),
        ("a == 9223372036854775808", "is no number"),
        ("a == -", "`-` is no number"),
        ("a == 1-1", "`1-1` is no number"),
        ("f(a)", "`(` cannot stand behind a name"),
        ("a[0]", "`[` cannot stand behind a name"),
        ("a.", "`.` cannot stand behind a name"),
        ("a.0", "`.` cannot stand behind a name"),
        ("a..b", "`.` cannot stand behind a name"),
        ("$where", "a value is expected, not `$`"),
        ("true.x", "`true.x` is no field"),
        ("in == 1", "`in` is no field"),
        ("a ==", "the rule ends where a value is expected"),
        ("a; b", "nothing can follow here: `;`"),
        ("a /* x */", "nothing can follow here: `/`"),
    ];
    for (rule, fault) in cases {
        match Rule::parse(rule) {
            Err(told) => assert!(told.message.contains(fault), "{rule}: {told}"),
            Ok(read) => panic!("{rule}: {read:?}"),
        }
    }
    let long = format!("a == '{}'", "x".repeat(MAX_RULE_BYTES));
    assert!(Rule::parse(&long).unwrap_err().message.contains("at most"));
    for (open, close) in [("(", ")"), ("[", "]"), ("!", "")] {
        let nested = |depth: usize| format!("{}a{}", open.repeat(depth), close.repeat(depth));
        assert!(Rule::parse(&nested(MAX_RULE_DEPTH)).is_ok());
        assert!(Rule::parse(&nested(MAX_RULE_DEPTH + 1)).unwrap_err().message.contains("deeper than 32"));
    }
    // A long chain is not deep.
    let chain = vec!["a"; 600].join(" && ");
    assert!(!Rule::parse(&chain).unwrap().known(&ada()).holds(&object(DOCUMENT), None));
}

fn hidden(fields: &[&str]) -> Result<Hidden, super::super::Fault> {
    Hidden::parse(&fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
}

/// Filters that ask for something hidden.
const CLOSED_FILTERS: &[&str] = &[
    r#"{"secret":1}"#,
    r#"{"secret.a":1}"#,
    r#"{"secret":{"$exists":true}}"#,
    r#"{"items":{"$elemMatch":{"price":1}}}"#,
    r#"{"items.0.price":1}"#,
    r#"{"items.0":{"price":1}}"#,
    r#"{"items.price.0":1}"#,
    r#"{"items":[]}"#,
    r#"{"deep":{}}"#,
    r#"{"deep.er":1}"#,
    r#"{"$or":[{"a":1},{"$and":[{"secret":1}]}]}"#,
    r#"{"$nor":[{"secret":{"$regex":"^a"}}]}"#,
    r#"{"$expr":{"$eq":["$secret",1]}}"#,
    r#"{"$expr":{"$eq":[{"$size":"$items"},1]}}"#,
    r#"{"$expr":"$$ROOT.secret"}"#,
    r#"{"$expr":{"$eq":["$$ROOT",1]}}"#,
    r#"{"$expr":{"$in":[1,["$$CURRENT"]]}}"#,
    r#"{"$expr":{"$cond":[true,{"a":"$deep"},1]}}"#,
    r#"{"$expr":{"$dateToString":{"date":"$a","onNull":"$secret"}}}"#,
];

#[test]
fn hidden_fields_are_named_in_nothing() {
    let hidden = hidden(&["secret", "items.price", "deep.er.x"]).unwrap();
    for filter in CLOSED_FILTERS {
        assert!(hidden.check_filter(&Filter::parse(filter).unwrap()).is_err(), "{filter}");
    }
    for filter in [
        r#"{"a.secret":1,"items.name":1,"deep.x":1}"#,
        r#"{"a":{"$elemMatch":{"secret":1}}}"#,
        r#"{"$expr":"$a.secret"}"#,
        "{}",
    ] {
        assert!(hidden.check_filter(&Filter::parse(filter).unwrap()).is_ok(), "{filter}");
    }
    for path in ["secret", "items", "items.price", "items.3.price.x", "deep.er"] {
        assert!(hidden.check_path(&Path::parse(path).unwrap()).is_err(), "{path}");
        for value in ["0", "1"] {
            let projection = Projection::parse(&format!(r#"{{"{path}":{value}}}"#)).unwrap();
            assert!(hidden.check_projection(&projection).is_err(), "{path}");
        }
        let update = Update::parse(&format!(r#"{{"$inc":{{"{path}":1}}}}"#)).unwrap();
        assert_eq!(
            hidden.check_update(&update).unwrap_err().message,
            format!("`{path}` cannot be asked for or set here")
        );
    }
    for update in [
        r#"{"$set":{"items.$[].price":1}}"#,
        r#"{"$rename":{"a":"secret"}}"#,
        r#"{"$rename":{"secret":"a"}}"#,
        r#"{"$push":{"items":1}}"#,
        r#"{"$unset":{"items.0":1}}"#,
    ] {
        assert!(hidden.check_update(&Update::parse(update).unwrap()).is_err(), "{update}");
    }
    assert!(hidden.check_update(&Update::parse(r#"{"$set":{"items.0.name":1,"a":1}}"#).unwrap()).is_ok());
    let pipelines = [
        r#"[{"$match":{"secret":1}}]"#,
        r#"[{"$match":{"$expr":"$$ROOT"}}]"#,
        r#"[{"$limit":1},{"$match":{"secret":1}}]"#,
        r#"[{"$project":{"x":"$secret"}}]"#,
        r#"[{"$project":{"secret":1}}]"#,
        r#"[{"$group":{"_id":"$secret"}}]"#,
        r#"[{"$group":{"_id":null,"x":{"$max":"$deep"}}}]"#,
        r#"[{"$sort":{"secret":1}}]"#,
        r#"[{"$unwind":"$items"}]"#,
        r#"[{"$unwind":{"path":"$a","includeArrayIndex":"secret"}}]"#,
    ];
    for pipeline in pipelines {
        assert!(hidden.check_pipeline(&Pipeline::parse(pipeline).unwrap()).is_err(), "{pipeline}");
    }
    for pipeline in [r#"[{"$match":{"a":1}},{"$group":{"_id":null,"all":{"$push":"$$ROOT"}}}]"#, "[]"] {
        assert!(hidden.check_pipeline(&Pipeline::parse(pipeline).unwrap()).is_ok(), "{pipeline}");
    }
}

#[test]
fn hidden_fields_are_taken_out_and_kept() {
    let hidden = hidden(&["secret", "items.price", "deep.er.x"]).unwrap();
    let shown = hidden.projection().unwrap().apply(&object(
        r#"{"_id":"1","secret":{"a":1},"items":[{"price":1,"name":"x"},[{"price":2}],3],"deep":{"er":{"x":1,"y":2}}}"#,
    ));
    assert_eq!(shown.to_json(), r#"{"_id":"1","items":[{"name":"x"},[{}],3],"deep":{"er":{"y":2}}}"#);
    for given in [r#"{"secret":null}"#, r#"{"items":[1,[{"price":1}]]}"#, r#"{"deep":{"er":[{"x":1}]}}"#] {
        assert!(hidden.check_given(&object(given)).is_err(), "{given}");
    }
    assert!(hidden.check_given(&object(r#"{"items":[{"name":1}],"deep":{"er":1}}"#)).is_ok());
    let keep = |old: &str, new: &str| {
        let mut new = object(new);
        hidden.keep(&object(old), &mut new).map(|()| new.to_json()).ok()
    };
    assert_eq!(keep(r#"{"secret":1,"a":1}"#, r#"{"b":1}"#).unwrap(), r#"{"b":1,"secret":1}"#);
    assert_eq!(keep(r#"{"deep":{"er":{"x":1,"y":2}}}"#, "{}").unwrap(), r#"{"deep":{"er":{"x":1}}}"#);
    assert_eq!(
        keep(r#"{"deep":{"er":{"x":1}}}"#, r#"{"deep":{"z":1}}"#).unwrap(),
        r#"{"deep":{"z":1,"er":{"x":1}}}"#
    );
    assert_eq!(keep(r#"{"deep":{"er":{"y":1}}}"#, r#"{"deep":5}"#).unwrap(), r#"{"deep":5}"#);
    assert_eq!(keep(r#"{"deep":{"er":{"x":1}}}"#, r#"{"deep":5}"#), None);
    assert_eq!(keep(r#"{"items":[{"price":1}]}"#, "{}"), None);
    assert_eq!(keep(r#"{"items":[{"name":1}]}"#, "{}").unwrap(), "{}");
}

#[test]
fn what_cannot_be_hidden() {
    for fields in [&["_id"][..], &["a", "a.b"], &["a", "a"], &["a.0"], &["$a"], &[""]] {
        assert!(hidden(fields).is_err(), "{fields:?}");
    }
    let many: Vec<String> = (0..101).map(|n| format!("f{n}")).collect();
    assert!(Hidden::parse(&many).is_err() && Hidden::parse(&many[1..]).is_ok());
}

fn rule() -> impl Strategy<Value = String> {
    let operand = prop_oneof![
        4 => random::path().prop_filter("no positions", |path| !path.contains(|char: char| char.is_ascii_digit())),
        2 => prop::sample::select(vec!["0", "1", "-2", "1.5", "'a'", "'b'", "null", "true", "false", "[]", "[1, 'a']"])
            .prop_map(str::to_owned),
        1 => Just("auth.user".to_owned()),
        1 => Just("[auth.user, 1, 0.5]".to_owned()),
    ];
    let sign = prop::sample::select(vec!["==", "==", "!=", "<", "<=", ">", ">=", "in", "in"]);
    let compared =
        (operand.clone(), sign, operand.clone()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}"));
    prop_oneof![4 => compared, 1 => operand].prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// What is found by an index that a rule leads to is all that the rule holds for.
    #[test]
    fn indexes_are_never_asked_for_too_little(text in rule(), document in random::document(), path in random::path()) {
        let caller = Caller { user: Some("a".to_owned()), ..Caller::default() };
        let condition = Rule::parse(&text).unwrap().known(&caller);
        let filter = Filter::all().ruled(&condition, &Hidden::default());
        let holds = condition.holds(&document, None);
        prop_assert_eq!(filter.matches(&document), holds);
        if holds {
            let path = Path::parse(&path).unwrap();
            let entries = super::super::entries(&document, std::slice::from_ref(&path));
            if let (Ok(entries), Some(ranges)) = (entries, filter.ranges(path.as_str())) {
                let is_in = |key: &Vec<u8>| ranges.iter().any(|range| {
                    use std::ops::RangeBounds as _;
                    (range.from.clone(), range.to.clone()).contains(key)
                });
                prop_assert!(entries.keys.iter().any(is_in), "{} {}", text, document.to_json());
            }
        }
    }

    /// Whatever is read comes to an answer.
    #[test]
    fn nothing_that_is_read_panics(text in "[a-z.()\\[\\]!&|=<>'\"\\\\ 0-9-]{0,40}") {
        if let Ok(rule) = Rule::parse(&text) {
            rule.known(&nobody()).holds(&Object::new(), None);
        }
    }
}
