//! Limits: what is too large, too deep or too much work is refused, and what is allowed is done in time.

use std::time::{Duration, Instant};

use super::super::{
    Applied, Document, Filter, Object, Path, Pipeline, Projection, Sort, Stopped, Update, Value, entries,
};
use super::object;

/// Nested in each other, the innermost empty.
fn nested(levels: usize, begin: &str, end: &str) -> String {
    format!("{}{}", begin.repeat(levels), end.repeat(levels))
}

#[test]
fn depth() {
    assert!(Value::parse(&nested(100, "[", "]")).is_ok());
    for levels in [101, 500_000] {
        let fault = Value::parse(&nested(levels, "[", "]")).unwrap_err();
        assert!(fault.message.contains("deeper than 100 levels"), "{fault}");
    }
    let document = |levels| format!(r#"{{"_id":"x","a":{}}}"#, nested(levels, "[", "]"));
    assert!(Document::parse(&document(99)).is_ok());
    assert!(Document::parse(&document(100)).is_err());
    // An update makes it deeper.
    let update = Update::parse(&format!(r#"{{"$set":{{"b.c":{}}}}}"#, nested(97, "[", "]"))).unwrap();
    let mut made = object(r#"{"_id":"x"}"#);
    assert_eq!(update.apply(&mut made, 0, Applied::Update), Ok(true));
    assert!(Document::new(made.clone(), || unreachable!()).is_ok());
    made.insert("d", Value::parse(&nested(100, "[", "]")).unwrap());
    assert!(Document::new(made, || unreachable!()).unwrap_err().message.contains("deeper than 100"));
    // Filters within filters.
    let deep = |levels| format!("{}1{}", r#"{"$or":[{"a":"#.repeat(levels), "}]}".repeat(levels));
    assert!(Filter::parse(&deep(1)).is_ok());
    assert!(Filter::parse(&format!("{}{{}}{}", r#"{"$or":["#.repeat(60), "]}".repeat(60))).is_err());
    assert!(Filter::parse(&format!("{}{{}}{}", r#"{"$or":["#.repeat(49), "]}".repeat(49))).is_ok());
}

#[test]
fn sizes() {
    let text = |bytes| format!(r#"{{"_id":"x","t":"{}"}}"#, "x".repeat(bytes));
    let overhead = text(0).len();
    assert!(Document::parse(&text((1 << 20) - overhead)).unwrap().to_json().is_ok());
    assert!(
        Document::parse(&text((1 << 20) - overhead + 1)).unwrap_err().message.contains("1048576 at most")
    );
    // What is written longer than it was read.
    let grown = Document::parse(&format!(r#"{{"_id":"x","t":[{}1]}}"#, "1e9,".repeat(200_000))).unwrap();
    assert!(grown.to_json().unwrap_err().message.contains("1048576 at most"));
    let query = format!(r#"{{"t":"{}"}}"#, "x".repeat(64 << 10));
    assert!(Filter::parse(&query).unwrap_err().message.contains("65536 at most"));
    assert!(Update::parse(&query).unwrap_err().message.contains("65536 at most"));
    assert!(
        Sort::parse(&query).is_err()
            && Projection::parse(&query).is_err()
            && Pipeline::parse(&query).is_err()
    );
}

#[test]
fn counts() {
    let list = |count: usize, one: &str| vec![one; count].join(",");
    let of = |operator: &str, count| format!(r#"{{"a":{{"{operator}":[{}]}}}}"#, list(count, "1"));
    assert!(Filter::parse(&of("$in", 10_000)).is_ok());
    assert!(Filter::parse(&of("$nin", 10_001)).unwrap_err().message.contains("10000 at most"));
    assert!(Filter::parse(&of("$all", 256)).unwrap_err().message.contains("256 conditions"));
    let any = |count| format!(r#"{{"$or":[{}]}}"#, list(count, r#"{"a":1}"#));
    assert!(Filter::parse(&any(255)).is_ok());
    assert!(Filter::parse(&any(256)).unwrap_err().message.contains("256 conditions"));
    let patterns = |count| format!(r#"{{"$or":[{}]}}"#, list(count, r#"{"a":{"$regex":"x"}}"#));
    assert!(Filter::parse(&patterns(32)).is_ok());
    assert!(Filter::parse(&patterns(33)).unwrap_err().message.contains("32 patterns"));
    assert!(
        Filter::parse(r#"{"a":{"$regex":"(\\w{100}){100}"}}"#).unwrap_err().message.contains("size limit")
    );
    assert!(Pipeline::parse(&format!("[{}]", list(101, r#"{"$limit":1}"#))).is_err());
    assert!(Path::parse(&list(101, "a").replace(',', ".")).unwrap_err().message.contains("100 at most"));
    assert!(Path::parse("0.0.0.0.0.0.0.0").is_ok() && Path::parse("0.0.0.0.0.0.0.0.0").is_err());
    assert!(Path::parse(&"x".repeat(1025)).is_err());
}

/// No part of it may take time in proportion to the square of a document. Far from what is needed, so that a slow
/// machine passes, and far below what a square would take.
#[test]
fn large_documents_are_done_in_time() {
    let numbers: Vec<String> = (0..150_000).map(|n| n.to_string()).collect();
    let fields: Vec<String> = numbers.iter().take(70_000).map(|n| format!(r#""f{n}":0"#)).collect();
    let array = format!(r#"{{"a":[{}]}}"#, numbers.join(","));
    let wide = format!("{{{}}}", fields.join(","));
    let members: Vec<&str> = numbers.iter().rev().take(8000).map(String::as_str).collect();
    within(Duration::from_secs(20), || {
        let (array, wide) = (object(&array), object(&wide));
        assert!(
            Filter::parse(&format!(r#"{{"a":{{"$in":[{}]}}}}"#, members.join(","))).unwrap().matches(&array)
        );
        assert!(!Filter::parse(r#"{"a":{"$elemMatch":{"$gt":5,"$lt":4}}}"#).unwrap().matches(&array));
        assert!(Filter::parse(r#"{"f69999":0}"#).unwrap().matches(&wide));
        let add = Update::parse(&format!(r#"{{"$addToSet":{{"a":{{"$each":[{}]}}}}}}"#, members.join(",")))
            .unwrap();
        assert_eq!(add.apply(&mut array.clone(), 0, Applied::Update), Ok(false));
        let pull = Update::parse(&format!(r#"{{"$pullAll":{{"a":[{}]}}}}"#, members.join(","))).unwrap();
        assert_eq!(pull.apply(&mut array.clone(), 0, Applied::Update), Ok(true));
        assert!(!Sort::parse(r#"{"a":-1}"#).unwrap().key(&array).is_empty());
        assert!(entries(&array, &[Path::parse("a").unwrap()]).is_err());
        let unwound =
            Pipeline::parse(r#"[{"$unwind":"$a"},{"$group":{"_id":"$a"}},{"$count":"n"}]"#).unwrap();
        let counted = unwound.run([Ok::<_, ()>(array)].into_iter(), 64 << 20, &|_| Ok(())).unwrap();
        assert_eq!(counted.first().map(Object::to_json).as_deref(), Some(r#"{"n":150000}"#));
    });
}

/// What stages make of one document may be as much work as many documents: each tells what it looks at (threat C1).
#[test]
fn c1_stages_tell_what_they_look_at() {
    let numbers: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let document = object(&format!(r#"{{"u":[{0}],"a":[{0}]}}"#, numbers.join(",")));
    let looked = std::cell::Cell::new(0);
    let pace = |bytes: usize| {
        looked.set(looked.get() + bytes);
        if looked.get() > 10_000_000 { Err(()) } else { Ok(()) }
    };
    let run = |pipeline: &str| {
        looked.set(0);
        Pipeline::parse(pipeline).unwrap().run([Ok(document.clone())].into_iter(), 64 << 20, &pace)
    };
    assert!(run(r#"[{"$limit":1},{"$match":{"u":5}},{"$count":"n"}]"#).is_ok());
    assert!((1..1_000_000).contains(&looked.get()), "{}", looked.get());
    let each = r#"[{"$unwind":"$u"},{"$match":{"$expr":{"$in":["x","$a"]}}},{"$count":"n"}]"#;
    assert_eq!(run(each), Err(Stopped::Input(())));
    let often = vec![r#"{"$in":["x","$a"]}"#; 2_000].join(",");
    assert_eq!(
        run(&format!(r#"[{{"$limit":1}},{{"$match":{{"$expr":{{"$or":[{often}]}}}}}}]"#)),
        Err(Stopped::Input(()))
    );
}

/// However many filters a question has, its patterns are few: each takes many times its length to be compiled.
#[test]
fn c2_patterns_of_a_question_are_counted_together() {
    let pattern = |n: usize| format!(r#"{{"$match":{{"a":{{"$regex":"x{n}"}}}}}}"#);
    let pipeline = |count: usize| format!("[{}]", (0..count).map(pattern).collect::<Vec<_>>().join(","));
    assert!(Pipeline::parse(&pipeline(32)).is_ok());
    let fault = Pipeline::parse(&pipeline(33)).unwrap_err();
    assert!(fault.message.contains("more than 32 patterns"), "{}", fault.message);
}

/// Numbers in a path are a position and a name: each way is walked, but not each of 2^n.
#[test]
fn a_path_of_numbers_is_done_in_time() {
    let document = format!(r#"{{"a":{}}}"#, nested(45, r#"[{"0":"#, "}]").replace(r#""0":}"#, r#""0":1}"#));
    within(Duration::from_secs(5), || {
        assert!(!Filter::parse(r#"{"a.0.0.0.0.0.0.0.0":7}"#).unwrap().matches(&object(&document)));
    });
}

/// `$[]` adds to each element of a large array.
#[test]
fn updates_do_not_grow_without_bound() {
    let mut array = object(&format!(r#"{{"a":[{}1]}}"#, "1,".repeat(400_000)));
    let text = "x".repeat(60_000);
    let update = Update::parse(&format!(r#"{{"$set":{{"a.$[]":"{text}"}}}}"#)).unwrap();
    let fault = update.apply(&mut array, 0, Applied::Update).unwrap_err();
    assert_eq!(fault.message, "`$set` at `a.$[]`: the document would become too large");
    let mut arrays = object(&format!(r#"{{"a":[{}[]]}}"#, "[],".repeat(300_000)));
    let fill = Update::parse(r#"{"$set":{"a.$[].999":1}}"#).unwrap();
    assert!(fill.apply(&mut arrays, 0, Applied::Update).unwrap_err().message.contains("too large"));
    let concat = format!(r#"[{{"$project":{{"t":{{"$concat":[{}]}}}}}}]"#, vec![r#""$t""#; 1000].join(","));
    let large = object(&format!(r#"{{"t":"{}"}}"#, "x".repeat(100_000)));
    let result =
        Pipeline::parse(&concat).unwrap().run([Ok::<_, ()>(large)].into_iter(), 1 << 30, &|_| Ok(()));
    assert!(format!("{result:?}").contains("more than 16777216 bytes"));
}

#[allow(clippy::disallowed_methods, reason = "a test that measures")]
fn within(limit: Duration, work: impl FnOnce()) {
    let begin = Instant::now();
    work();
    assert!(begin.elapsed() < limit, "took {:?}", begin.elapsed());
}
