//! Pipelines: what comes out, what is refused.

use super::super::{Fault, Object, Pipeline, Stopped};
use super::object;

/// Room enough for every test that is not about room.
const MAX_BYTES: usize = 1 << 20;

fn run(pipeline: &str, input: &[&str]) -> Result<Vec<String>, String> {
    let pipeline = Pipeline::parse(pipeline).map_err(|fault| fault.message)?;
    let leading = pipeline.leading_match().cloned();
    let input = input.iter().map(|json| object(json));
    let matching = input.filter(|document| leading.as_ref().is_none_or(|filter| filter.matches(document)));
    match pipeline.run(matching.map(Ok::<Object, ()>), MAX_BYTES, &|_| Ok(())) {
        Ok(documents) => Ok(documents.iter().map(Object::to_json).collect()),
        Err(Stopped::Fault(fault)) => Err(fault.message),
        Err(Stopped::Input(())) => panic!("the input cannot fail"),
    }
}

fn check(input: &[&str], table: &[(&str, &[&str])]) {
    for (pipeline, expected) in table {
        let documents = run(pipeline, input).unwrap_or_else(|fault| panic!("{pipeline}: {fault}"));
        assert_eq!(documents, *expected, "{pipeline}");
    }
}

#[test]
fn stages_follow_each_other() {
    let input = [r#"{"n":3,"t":["x","y"]}"#, r#"{"n":1,"t":[]}"#, r#"{"n":2}"#, r#"{"n":2.0,"t":"z"}"#];
    check(
        &input,
        &[
            (
                r#"[{"$match":{"n":{"$gt":1}}},{"$project":{"n":1}}]"#,
                &[r#"{"n":3}"#, r#"{"n":2}"#, r#"{"n":2.0}"#],
            ),
            (r#"[{"$project":{"t":0}},{"$match":{"n":1}}]"#, &[r#"{"n":1}"#]),
            (
                r#"[{"$sort":{"n":1}},{"$skip":1},{"$limit":2},{"$project":{"n":1}}]"#,
                &[r#"{"n":2}"#, r#"{"n":2.0}"#],
            ),
            (r#"[{"$sort":{"n":-1}},{"$project":{"n":1}},{"$limit":1}]"#, &[r#"{"n":3}"#]),
            (r#"[{"$limit":3},{"$count":"many"}]"#, &[r#"{"many":3}"#]),
            (r#"[{"$match":{"n":9}},{"$count":"many"}]"#, &[]),
            (r#"[{"$unwind":"$t"}]"#, &[r#"{"n":3,"t":"x"}"#, r#"{"n":3,"t":"y"}"#, r#"{"n":2.0,"t":"z"}"#]),
            (
                r#"[{"$unwind":{"path":"$t","preserveNullAndEmptyArrays":true,"includeArrayIndex":"i"}}]"#,
                &[
                    r#"{"n":3,"t":"x","i":0}"#,
                    r#"{"n":3,"t":"y","i":1}"#,
                    r#"{"n":1,"i":null}"#,
                    r#"{"n":2,"i":null}"#,
                    r#"{"n":2.0,"t":"z","i":null}"#,
                ],
            ),
            (
                r#"[{"$match":{}},{"$limit":1},{"$match":{"n":3}},{"$project":{"t":1}}]"#,
                &[r#"{"t":["x","y"]}"#],
            ),
        ],
    );
}

#[test]
fn groups_gather() {
    let input = [
        r#"{"k":"a","v":1,"w":2}"#,
        r#"{"k":"b","v":2.5}"#,
        r#"{"k":"a","v":3,"w":null}"#,
        r#"{"v":"x","w":5}"#,
        r#"{"k":null,"v":1,"w":5.0}"#,
    ];
    check(
        &input,
        &[
            (
                r#"[{"$group":{"_id":"$k","n":{"$sum":1}}}]"#,
                &[r#"{"_id":"a","n":2}"#, r#"{"_id":"b","n":1}"#, r#"{"_id":null,"n":2}"#],
            ),
            (
                r#"[{"$group":{"_id":null,"sum":{"$sum":"$v"},"avg":{"$avg":"$v"},"min":{"$min":"$v"},"max":{"$max":"$v"},"n":{"$count":{}}}}]"#,
                &[r#"{"_id":null,"sum":7.5,"avg":1.875,"min":1,"max":"x","n":5}"#],
            ),
            (
                r#"[{"$group":{"_id":null,"f":{"$first":"$w"},"l":{"$last":"$w"},"p":{"$push":"$w"},"s":{"$addToSet":"$w"}}}]"#,
                &[r#"{"_id":null,"f":2,"l":5.0,"p":[2,null,5,5.0],"s":[2,null,5]}"#],
            ),
            (
                r#"[{"$group":{"_id":{"k":"$k"},"a":{"$avg":"$z"},"m":{"$min":"$z"},"s":{"$sum":"$z"}}},{"$limit":1}]"#,
                &[r#"{"_id":{"k":"a"},"a":null,"m":null,"s":0}"#],
            ),
            (r#"[{"$match":{"v":9}},{"$group":{"_id":null}}]"#, &[]),
        ],
    );
    let large = [r#"{"v":9223372036854775807}"#, r#"{"v":9223372036854775807}"#];
    check(
        &large,
        &[(
            r#"[{"$group":{"_id":null,"s":{"$sum":"$v"}}}]"#,
            &[r#"{"_id":null,"s":1.8446744073709552e+19}"#],
        )],
    );
    let small = [r#"{"v":1e16}"#, r#"{"v":1.0}"#, r#"{"v":-1e16}"#];
    check(&small, &[(r#"[{"$group":{"_id":null,"s":{"$sum":"$v"}}}]"#, &[r#"{"_id":null,"s":1.0}"#])]);
}

/// An expression, and what it comes to for the document below; none where it is missing.
#[test]
fn expressions_are_computed() {
    let document = r#"{"n":5,"f":2.5,"s":"Ab","d":{"$date":"2024-02-29T13:04:05.006Z"},"z":null,"o":{"p":1},"a":[{"p":1},{"p":2},3],"l":[10,20]}"#;
    let table: &[(&str, Option<&str>)] = &[
        (r#""$n""#, Some("5")),
        (r#""$o.p""#, Some("1")),
        (r#""$a.p""#, Some("[1,2]")),
        (r#""$l.0""#, Some("[]")),
        (r#""$nothing""#, None),
        (r#""$$ROOT.n""#, Some("5")),
        (r#""$$REMOVE""#, None),
        (r#""text""#, Some(r#""text""#)),
        (r#"{"$literal":"$n"}"#, Some(r#""$n""#)),
        (r#"["$n","$nothing",1]"#, Some("[5,null,1]")),
        (r#"{"$add":["$n",1,0.5]}"#, Some("6.5")),
        (r#"{"$add":["$n","$z"]}"#, Some("null")),
        (r#"{"$add":[]}"#, Some("0")),
        (r#"{"$add":[9223372036854775807,1]}"#, Some("9.223372036854776e+18")),
        (r#"{"$add":["$d",1000]}"#, Some(r#"{"$date":"2024-02-29T13:04:06.006Z"}"#)),
        (r#"{"$subtract":["$d",{"$date":"2024-02-29T13:04:05Z"}]}"#, Some("6")),
        (r#"{"$subtract":["$d",6]}"#, Some(r#"{"$date":"2024-02-29T13:04:05.000Z"}"#)),
        (r#"{"$subtract":["$n","$f"]}"#, Some("2.5")),
        (r#"{"$multiply":["$n",3]}"#, Some("15")),
        (r#"{"$divide":["$n",2]}"#, Some("2.5")),
        (r#"{"$divide":[4,2]}"#, Some("2.0")),
        (r#"{"$mod":["$n",3]}"#, Some("2")),
        (r#"{"$mod":[-5.5,2]}"#, Some("-1.5")),
        (r#"{"$concat":["$s","-","x"]}"#, Some(r#""Ab-x""#)),
        (r#"{"$concat":["$s","$nothing"]}"#, Some("null")),
        (r#"{"$toUpper":"$s"}"#, Some(r#""AB""#)),
        (r#"{"$toLower":["$s"]}"#, Some(r#""ab""#)),
        (r#"{"$toUpper":"$z"}"#, Some(r#""""#)),
        (r#"{"$cond":["$z",1,2]}"#, Some("2")),
        (r#"{"$cond":{"if":{"$gte":["$n",5]},"then":"$s","else":0}}"#, Some(r#""Ab""#)),
        (r#"{"$ifNull":["$z","$nothing","$n"]}"#, Some("5")),
        (r#"{"$ifNull":["$z","$nothing"]}"#, None),
        (r#"{"$eq":["$nothing",null]}"#, Some("false")),
        (r#"{"$lt":["$nothing",null]}"#, Some("true")),
        (r#"{"$ne":["$n",5.0]}"#, Some("false")),
        (r#"{"$gt":["$s","$n"]}"#, Some("true")),
        (r#"{"$and":[1,"$s",{}]}"#, Some("true")),
        (r#"{"$or":[0,"$z","$nothing"]}"#, Some("false")),
        (r#"{"$not":["$z"]}"#, Some("true")),
        (r#"{"$size":"$l"}"#, Some("2")),
        (r#"{"$year":"$d"}"#, Some("2024")),
        (r#"{"$month":["$d"]}"#, Some("2")),
        (r#"{"$dayOfMonth":"$d"}"#, Some("29")),
        (r#"{"$hour":"$d"}"#, Some("13")),
        (r#"{"$year":"$nothing"}"#, Some("null")),
        (
            r#"{"$dateToString":{"date":"$d","format":"%Y/%m/%d %H:%M:%S.%L %j %%"}}"#,
            Some(r#""2024/02/29 13:04:05.006 060 %""#),
        ),
        (r#"{"$dateToString":{"date":"$d"}}"#, Some(r#""2024-02-29T13:04:05.006Z""#)),
        (r#"{"$dateToString":{"date":"$z","onNull":"never"}}"#, Some(r#""never""#)),
        (r#"{"$arrayElemAt":["$l",1]}"#, Some("20")),
        (r#"{"$arrayElemAt":["$l",-2]}"#, Some("10")),
        (r#"{"$arrayElemAt":["$l",2]}"#, None),
        (r#"{"$in":[20.0,"$l"]}"#, Some("true")),
        (r#"{"$in":["$nothing","$l"]}"#, Some("false")),
        (r#"{"x":"$n","y":"$nothing","z":[1]}"#, Some(r#"{"x":5,"z":[1]}"#)),
    ];
    for (expression, expected) in table {
        // In a group, so that an object of expressions is one.
        let pipeline = format!(r#"[{{"$group":{{"_id":null,"v":{{"$push":{expression}}}}}}}]"#);
        let expected = format!(r#"{{"_id":null,"v":[{}]}}"#, expected.unwrap_or_default());
        assert_eq!(run(&pipeline, &[document]), Ok(vec![expected]), "{expression}");
    }
}

#[test]
fn projections_compute() {
    let input = [r#"{"_id":"x","a":1,"b":{"c":2},"l":[{"m":1},2]}"#];
    check(
        &input,
        &[
            (r#"[{"$project":{"a":1,"t":"$b.c"}}]"#, &[r#"{"_id":"x","a":1,"t":2}"#]),
            (r#"[{"$project":{"_id":"$a","b.d":"$a","b.c":1}}]"#, &[r#"{"_id":1,"b":{"c":2,"d":1}}"#]),
            (
                r#"[{"$project":{"_id":0,"n.m":"$a","a.b":"$a","l.k":"$a"}}]"#,
                &[r#"{"a":{"b":1},"l":[{"k":1},{"k":1}],"n":{"m":1}}"#],
            ),
            (r#"[{"$project":{"_id":0,"z":"$nothing","y":"text"}}]"#, &[r#"{"y":"text"}"#]),
        ],
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    let table = [
        ("{}", "a list of stages"),
        ("[1]", "stage 1: an object with one stage"),
        (r#"[{"$match":{},"$limit":1}]"#, "one stage"),
        (r#"[{"$match":{}},{"$lookup":{}}]"#, "stage 2: there is no `$lookup`"),
        (r#"[{"$limit":0}]"#, "at least 1"),
        (r#"[{"$skip":-1}]"#, "at least 0"),
        (r#"[{"$skip":1.5}]"#, "whole number"),
        (r#"[{"$sort":{}}]"#, "at least one field"),
        (r#"[{"$project":{}}]"#, "at least one field"),
        (r#"[{"$project":{"a":0,"b":"$c"}}]"#, "not both"),
        (r#"[{"$project":{"a":{"$slice":1}}}]"#, "no expression `$slice`"),
        (r#"[{"$count":"$a"}]"#, "name of a field"),
        (r#"[{"$unwind":"a"}]"#, "begins with `$`"),
        (r#"[{"$unwind":{"path":"$a","x":1}}]"#, "`x` cannot be"),
        (r#"[{"$group":{"n":{"$sum":1}}}]"#, "`_id` is needed"),
        (r#"[{"$group":{"_id":1,"n":1}}]"#, "one accumulator"),
        (r#"[{"$group":{"_id":1,"n":{"$stdDev":1}}}]"#, "no accumulator `$stdDev`"),
        (r#"[{"$group":{"_id":1,"a.b":{"$sum":1}}}]"#, "no name of a field"),
        (r#"[{"$group":{"_id":{"$frob":1}}}]"#, "no expression `$frob`"),
        (r#"[{"$project":{"v":{"$subtract":[1]}}}]"#, "2 expressions are needed, not 1"),
        (r#"[{"$project":{"v":"$$NOW"}}]"#, "no variable"),
        (r#"[{"$project":{"v":{"$dateToString":{"date":"$a","format":"%x"}}}}]"#, "behind `%`"),
        (r#"[{"$project":{"v":{"$dateToString":{"date":"$a","timezone":"Europe/Berlin"}}}}]"#, "UTC"),
        // For that document.
        (r#"[{"$project":{"v":{"$add":["$s",1]}}}]"#, "`$add` takes numbers, not a text"),
        (r#"[{"$project":{"v":{"$divide":[1,0]}}}]"#, "by 0"),
        (r#"[{"$project":{"v":{"$mod":[1,0.0]}}}]"#, "by 0"),
        (r#"[{"$project":{"v":{"$concat":["$s",1]}}}]"#, "takes texts"),
        (r#"[{"$project":{"v":{"$size":"$s"}}}]"#, "takes an array"),
        (r#"[{"$project":{"v":{"$year":"$s"}}}]"#, "a date, not a text"),
        (r#"[{"$project":{"v":{"$in":[1,"$s"]}}}]"#, "takes a list"),
        (r#"[{"$project":{"v":{"$arrayElemAt":["$s",0]}}}]"#, "takes an array"),
    ];
    for (pipeline, why) in table {
        let fault = run(pipeline, &[r#"{"s":"x"}"#]).unwrap_err();
        assert!(fault.contains(why), "{pipeline}: {fault}");
    }
}

#[test]
fn memory_is_bounded() {
    let text = "x".repeat(1000);
    let documents = || (0..100).map(|at| Ok::<_, ()>(object(&format!(r#"{{"n":{at},"t":"{text}"}}"#))));
    let run = |json: &str, max_bytes| Pipeline::parse(json).unwrap().run(documents(), max_bytes, &|_| Ok(()));
    let too_much = |result: Result<Vec<Object>, Stopped<()>>| match result {
        Err(Stopped::Fault(fault)) => assert!(fault.message.contains("more than 20000 bytes"), "{fault}"),
        other => panic!("{other:?}"),
    };
    too_much(run("[]", 20_000));
    too_much(run(r#"[{"$sort":{"n":1}},{"$count":"n"}]"#, 20_000));
    too_much(run(r#"[{"$group":{"_id":"$n"}}]"#, 20_000));
    too_much(run(r#"[{"$group":{"_id":null,"t":{"$push":"$t"}}}]"#, 20_000));
    // What streams through needs no room, what is given up gives its room back.
    assert_eq!(run(r#"[{"$match":{}},{"$project":{"t":1}},{"$count":"n"}]"#, 20_000).unwrap().len(), 1);
    assert_eq!(run(r#"[{"$group":{"_id":null,"t":{"$last":"$t"}}}]"#, 20_000).unwrap().len(), 1);
    // A sort for a limit holds little more than the limit.
    let many = (0..100_000).rev().map(|at| Ok::<_, ()>(object(&format!(r#"{{"n":{at}}}"#))));
    let first = Pipeline::parse(r#"[{"$sort":{"n":1}},{"$limit":2}]"#)
        .unwrap()
        .run(many, 300_000, &|_| Ok(()))
        .unwrap();
    assert_eq!(first.iter().map(Object::to_json).collect::<Vec<_>>(), [r#"{"n":0}"#, r#"{"n":1}"#]);
}

#[test]
fn an_input_that_fails_stops_it() {
    for json in [
        "[]",
        r#"[{"$skip":5}]"#,
        r#"[{"$sort":{"a":1}}]"#,
        r#"[{"$group":{"_id":null}}]"#,
        r#"[{"$unwind":"$a"}]"#,
        r#"[{"$count":"n"}]"#,
    ] {
        let input = [Ok(object(r#"{"a":[1]}"#)), Err("lost")];
        assert_eq!(
            Pipeline::parse(json).unwrap().run(input.into_iter(), MAX_BYTES, &|_| Ok(())),
            Err(Stopped::Input("lost")),
            "{json}"
        );
    }
}

#[test]
fn results_are_no_deeper_than_documents() {
    let wrap = r#"{"$project":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":"$$ROOT"}}}}}}}}}},"#.repeat(12);
    let pipeline = format!("[{}]", wrap.trim_end_matches(','));
    let fault = run(&pipeline, &["{}"]).unwrap_err();
    assert_eq!(Fault::new(fault).message, "pipeline: a result is deeper than 100 levels");
}
