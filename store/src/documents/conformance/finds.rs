//! The right documents are found, with and without indexes.

use super::Opener;
use super::bench::{Bench, assert_invalid, index, owned};
use crate::documents::{Find, IndexSpec, Read, Result};

/// What is in the collection.
const DOCUMENTS: [&str; 8] = [
    r#"{"_id":"1","name":"Ann","age":30,"tags":["a","b"],"at":{"x":1}}"#,
    r#"{"_id":"2","name":"Bob","age":25,"tags":["b"],"at":{"x":2}}"#,
    r#"{"_id":"3","name":"Cid","age":30.0,"tags":[],"at":{"x":3}}"#,
    r#"{"_id":"4","name":"Dee","age":41,"at":[{"x":4},{"x":9}]}"#,
    r#"{"_id":"5","name":"Eve","age":null}"#,
    r#"{"_id":"6","name":"Fay"}"#,
    r#"{"_id":"7","name":7,"age":"30"}"#,
    r#"{"_id":"8","name":"Ann","age":19,"tags":["c","a"]}"#,
];

/// Filters, the order that is asked for, and the documents in that order (or as they were put in).
const FINDS: [(&str, Option<&str>, &str); 22] = [
    ("{}", None, "12345678"),
    (r#"{"_id":"3"}"#, None, "3"),
    (r#"{"_id":"3","name":"Ann"}"#, None, ""),
    (r#"{"_id":{"$in":["8","2","9"]}}"#, Some(r#"{"_id":1}"#), "28"),
    (r#"{"age":30}"#, Some(r#"{"_id":1}"#), "13"),
    (r#"{"age":{"$gt":25}}"#, Some(r#"{"_id":1}"#), "134"),
    (r#"{"age":{"$gte":25,"$lt":41}}"#, Some(r#"{"_id":-1}"#), "321"),
    (r#"{"age":{"$in":[19,41,"30"]}}"#, Some(r#"{"_id":1}"#), "478"),
    (r#"{"age":null}"#, Some(r#"{"_id":1}"#), "56"),
    (r#"{"age":{"$ne":30}}"#, Some(r#"{"_id":1}"#), "245678"),
    (r#"{"name":"Ann","age":{"$lt":30}}"#, None, "8"),
    (r#"{"name":"Ann"}"#, Some(r#"{"age":1}"#), "81"),
    (r#"{"name":"Ann"}"#, Some(r#"{"age":-1}"#), "18"),
    (r#"{"tags":"a"}"#, Some(r#"{"_id":1}"#), "18"),
    (r#"{"tags":{"$gt":"a"}}"#, Some(r#"{"_id":1}"#), "128"),
    (r#"{"at.x":{"$gt":2,"$lt":5}}"#, Some(r#"{"_id":1}"#), "34"),
    (r#"{"at.x":{"$gt":5}}"#, None, "4"),
    (r#"{"$or":[{"age":19},{"name":"Bob"}]}"#, Some(r#"{"_id":1}"#), "28"),
    ("{}", Some(r#"{"age":1,"_id":1}"#), "56821347"),
    ("{}", Some(r#"{"age":-1,"_id":1}"#), "74132856"),
    ("{}", Some(r#"{"name":1,"age":-1}"#), "71823456"),
    (r#"{"age":{"$gt":5}}"#, Some(r#"[["age",-1],["name",-1]]"#), "43128"),
];

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    let none = finds(opener, &[]).await?;
    let indexes = [
        vec![index(&["age"])],
        vec![index(&["name"]), index(&["tags"]), index(&["at.x"])],
        vec![index(&["name", "age"]), index(&["age", "name"])],
        vec![index(&["tags", "age"]), index(&["age", "tags"])],
    ];
    for indexes in indexes {
        assert_eq!(finds(opener, &indexes).await?, none, "{indexes:?}");
    }
    counts_and_values(opener).await?;
    wrong_questions(opener).await
}

/// The answers, with pages of every size.
async fn finds(opener: &Opener<'_>, indexes: &[IndexSpec]) -> Result<Vec<Vec<String>>> {
    let bench = opener.bench().await?;
    bench.declare(indexes).await?;
    bench.insert(&DOCUMENTS).await?;
    let mut answers = Vec::new();
    for (filter, sort, expected) in FINDS {
        let expected: Vec<String> = expected.chars().map(String::from).collect();
        let mut found = bench.ids(filter, sort).await?;
        for limit in 1..5 {
            let paged = bench.pages(filter, sort, limit).await?;
            let paged: Vec<String> = paged.iter().map(|document| super::bench::id(document)).collect();
            assert_eq!(paged, found, "{filter} {sort:?} by {limit}");
        }
        if sort.is_none() {
            found.sort();
        }
        assert_eq!(found, expected, "{filter} {sort:?}");
        assert_eq!(bench.count(filter).await?, expected.len() as u64, "{filter}");
        skips(&bench, filter, sort).await?;
        answers.push(found);
    }
    Ok(answers)
}

async fn skips(bench: &Bench<'_>, filter: &str, sort: Option<&str>) -> Result<()> {
    let all = bench.pages(filter, sort, 1_000).await?;
    for skip in 0..all.len() + 1 {
        let find =
            Find { sort: sort.map(str::to_owned), skip: skip as u64, limit: Some(2), ..Find::new(filter) };
        let page = bench.page(find).await?;
        let expected: Vec<_> = all.iter().skip(skip).take(2).cloned().collect();
        assert_eq!(page.documents, expected, "{filter} {sort:?} behind {skip}");
        assert_eq!(page.cursor.is_some(), all.len() > skip + 2);
    }
    Ok(())
}

async fn counts_and_values(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.declare(&[index(&["age"])]).await?;
    bench.insert(&DOCUMENTS).await?;
    let count = |filter: &str, limit| Read::Count { filter: filter.to_owned(), limit };
    for (filter, limit, expected) in [
        ("{}", Some(3), 3),
        ("{}", Some(9), 8),
        (r#"{"age":{"$gt":1}}"#, Some(2), 2),
        (r#"{"x":1}"#, None, 0),
    ] {
        let counted = bench.read(count(filter, limit)).await?;
        assert_eq!(counted, crate::documents::Found::Count(expected), "{filter}");
    }
    let distinct =
        |field: &str, filter: &str| Read::Distinct { field: field.to_owned(), filter: filter.to_owned() };
    assert_eq!(bench.values(distinct("tags", "{}")).await?, [r#""a""#, r#""b""#, r#""c""#]);
    let ages = bench.values(distinct("age", r#"{"age":{"$gt":20}}"#)).await?;
    assert_eq!(ages, ["25", "30", "41"]);
    let pipeline =
        r#"[{"$match":{"age":{"$gte":25}}},{"$group":{"_id":"$age","n":{"$sum":1}}},{"$sort":{"_id":1}}]"#;
    let groups = bench.values(Read::Aggregate { pipeline: pipeline.to_owned() }).await?;
    assert_eq!(groups, [r#"{"_id":25,"n":1}"#, r#"{"_id":30,"n":2}"#, r#"{"_id":41,"n":1}"#]);
    let fields = Find {
        sort: Some(r#"{"_id":1}"#.to_owned()),
        limit: Some(2),
        fields: Some(r#"{"name":1}"#.to_owned()),
        ..Find::new("{}")
    };
    let page = bench.page(fields).await?;
    assert_eq!(page.documents, owned(&[r#"{"_id":"1","name":"Ann"}"#, r#"{"_id":"2","name":"Bob"}"#]));
    Ok(())
}

async fn wrong_questions(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let find = |filter: &str| Find::new(filter);
    let wrong = [
        find("{"),
        find(r#"{"$where":"1"}"#),
        Find { sort: Some(r#"{"a":2}"#.to_owned()), ..find("{}") },
        Find { fields: Some(r#"{"a":1,"b":0}"#.to_owned()), ..find("{}") },
        Find { limit: Some(0), ..find("{}") },
        Find { limit: Some(1_001), ..find("{}") },
        Find { skip: 1_000_001, ..find("{}") },
        Find { cursor: Some("x".to_owned()), ..find("{}") },
    ];
    for find in wrong {
        assert_invalid(bench.page(find).await, "");
    }
    let most = Find { limit: Some(1_000), skip: 1_000_000, ..find("{}") };
    assert_eq!(bench.page(most).await?.documents.len(), 0);
    Ok(())
}
