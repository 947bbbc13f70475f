//! Indexes are those that are declared, and what is unique stays so.

use super::Opener;
use super::bench::{assert_invalid, assert_taken, index, project, spec, unique};
use crate::documents::{
    CollectionSpec, IndexSpec, MAX_INDEX_FIELDS, MAX_INDEXES, MAX_KEY_BYTES, Result, Target, Write, Written,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    declared(opener).await?;
    unique_ones(opener).await?;
    built_over_documents(opener).await?;
    arrays(opener).await?;
    wrong_ones(opener).await
}

async fn declared(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let there = async || {
        let all = bench.documents.collections(bench.project).await?;
        Ok::<_, crate::documents::Failure>(
            all.into_iter().map(|info| (info.name, info.indexes)).collect::<Vec<_>>(),
        )
    };
    let named = |name: &str, indexes: &[IndexSpec]| (name.to_owned(), indexes.to_vec());
    assert_eq!(there().await?, [named("a", &[])]);
    let indexes = [index(&["x"]), unique(&["y", "z"])];
    bench.documents.declare(bench.project, &[spec("b", &indexes), spec("a", &[])]).await?;
    assert_eq!(there().await?, [named("a", &[]), named("b", &indexes)]);
    // Who only wants it to be there leaves it as it is.
    let only = |name: &str| CollectionSpec { name: name.to_owned(), indexes: None, rules: None };
    bench.documents.declare(bench.project, &[only("b"), only("c")]).await?;
    assert_eq!(there().await?, [named("a", &[]), named("b", &indexes), named("c", &[])]);
    bench.documents.declare(bench.project, &[spec("b", &indexes[..1])]).await?;
    let bench = bench.reopen()?;
    let all = bench.documents.collections(bench.project).await?;
    assert_eq!(all[1].indexes, indexes[..1]);
    assert_eq!(bench.documents.collections(project(2)).await?, []);
    Ok(())
}

async fn unique_ones(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.declare(&[unique(&["slug"]), unique(&["x.y", "z"])]).await?;
    bench.insert(&[r#"{"_id":"1","slug":"a","z":1}"#, r#"{"_id":"2","slug":"b","z":2}"#]).await?;
    assert_taken(bench.insert(&[r#"{"slug":"a","z":3}"#]).await, "slug", r#"{"slug": "a"}"#);
    assert_taken(bench.insert(&[r#"{"slug":"c","z":2.0}"#]).await, "x.y,z", r#"{"x.y": null, "z": 2.0}"#);
    // What is missing is null, once.
    bench.insert(&[r#"{"_id":"3","z":3}"#]).await?;
    assert_taken(bench.insert(&[r#"{"slug":null,"z":4}"#]).await, "slug", r#"{"slug": null}"#);
    let to_a = r#"{"$set":{"slug":"a"}}"#;
    assert_taken(bench.update(Target::one(r#"{"_id":"2"}"#), to_a).await, "slug", r#"{"slug": "a"}"#);
    assert_eq!(bench.update(Target::one(r#"{"_id":"1"}"#), to_a).await?, (1, 0));
    // Freed in the same call, one after the other.
    bench.delete(Target::one(r#"{"_id":"1"}"#)).await?;
    assert_eq!(bench.update(Target::one(r#"{"_id":"2"}"#), to_a).await?, (1, 1));
    let upsert = |slug: &str| Write::Update {
        target: Target::one(format!(r#"{{"slug":"{slug}"}}"#)),
        update: r#"{"$inc":{"hits":1},"$setOnInsert":{"z":9}}"#.to_owned(),
        upsert: true,
    };
    for (slug, is_new) in [("a", false), ("n", true), ("n", false)] {
        let Written::Changed { upserted, .. } = bench.write(upsert(slug)).await? else { panic!("{slug}") };
        assert_eq!(upserted.is_some(), is_new, "{slug}");
    }
    Ok(())
}

async fn built_over_documents(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.insert(&[r#"{"_id":"1","n":1}"#, r#"{"_id":"2","n":1}"#, r#"{"_id":"3","n":[3,4]}"#]).await?;
    let before = bench.counted().await?;
    assert_taken(bench.declare(&[index(&["m"]), unique(&["n"])]).await, "n", r#"{"n": 1}"#);
    assert_eq!(bench.documents.collections(bench.project).await?[0].indexes, [], "nothing has changed");
    assert_eq!(bench.counted().await?, before);
    bench.delete(Target::one(r#"{"_id":"2"}"#)).await?;
    let less = bench.counted().await?;
    bench.declare(&[unique(&["n"])]).await?;
    assert!(bench.counted().await?.1 > less.1, "entries count");
    assert_eq!(bench.ids(r#"{"n":4}"#, None).await?, ["3"]);
    assert_taken(bench.insert(&[r#"{"n":4}"#]).await, "n", r#"{"n": 4}"#);
    bench.declare(&[]).await?;
    assert_eq!(bench.counted().await?, less);
    bench.insert(&[r#"{"n":4}"#]).await?;
    assert_eq!(bench.count(r#"{"n":4}"#).await?, 2);
    Ok(())
}

/// A document with several entries is found once.
async fn arrays(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.declare(&[index(&["n"]), index(&["m", "n"])]).await?;
    bench.insert(&[r#"{"_id":"1","n":5,"m":1}"#, r#"{"_id":"2","n":[1,5,9],"m":1}"#]).await?;
    for filter in
        [r#"{"n":{"$gt":0}}"#, r#"{"n":{"$in":[1,5,9]}}"#, r#"{"m":1,"n":{"$gte":5}}"#, r#"{"n":{"$ne":2}}"#]
    {
        for sort in [None, Some(r#"{"n":1}"#), Some(r#"{"n":-1}"#)] {
            let mut found = bench.ids(filter, sort).await?;
            found.sort();
            assert_eq!(found, ["1", "2"], "{filter} {sort:?}");
        }
        assert_eq!(bench.count(filter).await?, 2, "{filter}");
        assert_eq!(bench.update(Target::many(filter), r#"{"$inc":{"k":1}}"#).await?, (2, 2));
    }
    assert_eq!(bench.ids("{}", Some(r#"{"n":1}"#)).await?, ["2", "1"]);
    assert_eq!(bench.ids("{}", Some(r#"{"n":-1}"#)).await?, ["2", "1"]);
    assert_invalid(bench.insert(&[r#"{"n":[1],"m":[2]}"#]).await, "m,n");
    Ok(())
}

async fn wrong_ones(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let names: Vec<String> = (0..MAX_INDEXES + 1).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many: Vec<IndexSpec> = names.iter().map(|name| index(&[*name])).collect();
    let wrong = [
        vec![index(&[])],
        vec![index(&["a", "a"])],
        vec![index(&["a"]), unique(&["a"])],
        vec![index(&["_id"])],
        vec![index(&["$a"])],
        vec![index(&names[..MAX_INDEX_FIELDS + 1])],
        many.clone(),
    ];
    for indexes in wrong {
        assert_invalid(bench.declare(&indexes).await, "");
    }
    bench.declare(&many[1..]).await?;
    bench.declare(&[index(&names[..MAX_INDEX_FIELDS]), index(&["t"])]).await?;
    let text = |length| format!(r#"{{"t":"{}"}}"#, "x".repeat(length));
    bench.insert(&[&text(MAX_KEY_BYTES - 100)]).await?;
    assert_invalid(bench.insert(&[&text(MAX_KEY_BYTES + 1)]).await, "too long");
    Ok(())
}
