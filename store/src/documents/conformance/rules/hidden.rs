//! Hidden fields: not seen, not asked for, not set. Threat C9 by name.

use super::super::Opener;
use super::super::bench::{Bench, assert_invalid, index, owned, unique};
use super::{aggregate, assert_forbidden, count, declare, distinct, modify, replace, rules, user};
use crate::documents::{
    Change, Failure, Find, FindAndModify, Found, Read, Result, Returning, Rules, Target, Write, Written,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    hidden_fields_are_not_seen(opener).await?;
    hidden_fields_are_not_asked_for(opener).await?;
    hidden_fields_are_not_set(opener).await?;
    hidden_fields_stay(opener).await
}

async fn with_hidden<'o>(opener: &Opener<'o>) -> Result<Bench<'o>> {
    let bench = opener.bench().await?;
    let hidden = owned(&["secret", "items.price", "deep.er"]);
    let rules = Rules { hidden, ..rules(["true", "true", "true", "true"]) };
    let indexes = [index(&["secret"]), index(&["kind", "secret"]), unique(&["slug", "secret"])];
    declare(&bench, &indexes, rules).await?;
    for (n, secret) in [(1, "z"), (2, "m"), (3, "a")] {
        let document = format!(
            r#"{{"_id":"{n}","kind":"k","slug":"s{n}","secret":"{secret}","items":[{{"price":{n},"name":"x"}}],"deep":{{"er":{n},"y":1}}}}"#
        );
        bench.insert(&[&document]).await?;
    }
    Ok(bench)
}

async fn hidden_fields_are_not_seen(opener: &Opener<'_>) -> Result<()> {
    let bench = with_hidden(opener).await?;
    let (ada, shown) = (user("ada"), |n: u8| {
        format!(r#"{{"_id":"{n}","kind":"k","slug":"s{n}","items":[{{"name":"x"}}],"deep":{{"y":1}}}}"#)
    });
    assert_eq!(bench.get_as(&ada, "1").await?, Some(shown(1)));
    // Nor by the order in which an index has them, and not in a cursor.
    for filter in ["{}", r#"{"kind":"k"}"#, r#"{"kind":{"$gt":"a"}}"#] {
        let find = Find { limit: Some(2), ..Find::new(filter) };
        let page = bench.page_as(&ada, find.clone()).await?;
        assert_eq!(page.documents, [shown(1), shown(2)], "{filter}");
        let cursor = page.cursor.unwrap_or_default();
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&cursor).unwrap_or_default();
        let told = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!told.contains("secret") && !bytes.is_empty(), "{told}");
        let next = bench.page_as(&ada, Find { cursor: Some(cursor), ..find }).await?;
        assert_eq!(next.documents, [shown(3)], "{filter}");
    }
    let find = Find { fields: Some(r#"{"kind":0,"slug":0}"#.to_owned()), limit: Some(1), ..Find::new("{}") };
    assert_eq!(
        bench.page_as(&ada, find).await?.documents,
        [r#"{"_id":"1","items":[{"name":"x"}],"deep":{"y":1}}"#]
    );
    let pipeline = r#"[{"$match":{"_id":"2"}},{"$group":{"_id":null,"all":{"$push":"$$ROOT"}}}]"#;
    assert_eq!(
        bench.read_as(&ada, aggregate(pipeline)).await?,
        Found::Values(vec![format!(r#"{{"_id":null,"all":[{}]}}"#, shown(2))])
    );
    assert_eq!(bench.read_as(&ada, aggregate(r#"[{"$limit":1}]"#)).await?, Found::Values(vec![shown(1)]));
    let update = || Change::Update(r#"{"$set":{"kind":"k"}}"#.to_owned());
    for returning in [Returning::Before, Returning::After] {
        let modify = modify(r#"{"_id":"3"}"#, update(), returning);
        assert_eq!(
            bench.write_as(&ada, Write::FindAndModify(modify)).await?,
            Written::Document(Some(shown(3)))
        );
    }
    let modify = modify(r#"{"_id":"3"}"#, Change::Delete, Returning::Before);
    assert_eq!(bench.write_as(&ada, Write::FindAndModify(modify)).await?, Written::Document(Some(shown(3))));
    Ok(())
}

/// Threat C9: nothing that a caller says may hang on what it may not see.
async fn hidden_fields_are_not_asked_for(opener: &Opener<'_>) -> Result<()> {
    let bench = with_hidden(opener).await?;
    let ada = user("ada");
    let find = |filter: &str, sort: Option<&str>, fields: Option<&str>| {
        let (sort, fields) = (sort.map(str::to_owned), fields.map(str::to_owned));
        Read::Find(Find { sort, fields, ..Find::new(filter) })
    };
    let reads = [
        find(r#"{"secret":"z"}"#, None, None),
        find(r#"{"secret":{"$regex":"^z"}}"#, None, None),
        find(r#"{"items.0.price":{"$gt":1}}"#, None, None),
        find(r#"{"items":{"$elemMatch":{"price":1}}}"#, None, None),
        find(r#"{"deep":{"er":1,"y":1}}"#, None, None),
        find(r#"{"$expr":{"$gt":["$secret","m"]}}"#, None, None),
        find(r#"{"$expr":{"$in":["z",[{"$ifNull":["$$ROOT.secret",1]}]]}}"#, None, None),
        find(r#"{"$or":[{"_id":"1"},{"$nor":[{"secret":"z"}]}]}"#, None, None),
        find("{}", Some(r#"{"secret":1}"#), None),
        find("{}", Some(r#"{"items.price":1}"#), None),
        find("{}", None, Some(r#"{"secret":1}"#)),
        find("{}", None, Some(r#"{"items":{"$slice":1}}"#)),
        Read::Get { id: "1".to_owned(), fields: Some(r#"{"deep.er.x":1}"#.to_owned()) },
        count(r#"{"secret":"z"}"#),
        distinct("secret", "{}"),
        distinct("items", "{}"),
        distinct("kind", r#"{"secret":"z"}"#),
        aggregate(r#"[{"$match":{"secret":"z"}}]"#),
        aggregate(r#"[{"$match":{"$expr":{"$eq":["$$ROOT",1]}}}]"#),
        aggregate(r#"[{"$sort":{"secret":1}}]"#),
        aggregate(r#"[{"$project":{"x":"$$CURRENT.secret"}}]"#),
        aggregate(r#"[{"$group":{"_id":"$deep.er"}}]"#),
    ];
    for read in reads {
        let answer = bench.read_as(&ada, read.clone()).await;
        assert!(
            matches!(&answer, Err(Failure::Invalid(text)) if text.ends_with("cannot be asked for or set here")),
            "{read:?}: {answer:?}"
        );
        assert!(bench.read(read.clone()).await.is_ok(), "{read:?}");
    }
    Ok(())
}

/// The same of what is written.
async fn hidden_fields_are_not_set(opener: &Opener<'_>) -> Result<()> {
    let bench = with_hidden(opener).await?;
    let ada = user("ada");
    let update = |filter: &str, update: &str| Write::Update {
        target: Target::one(filter),
        update: update.to_owned(),
        upsert: true,
    };
    let modify = |sort: Option<&str>, fields: Option<&str>| {
        let change = Change::Update(r#"{"$set":{"a":1}}"#.to_owned());
        let (sort, fields) = (sort.map(str::to_owned), fields.map(str::to_owned));
        Write::FindAndModify(FindAndModify { sort, fields, ..modify("{}", change, Returning::After) })
    };
    let writes = [
        update(r#"{"secret":"z"}"#, r#"{"$set":{"a":1}}"#),
        update("{}", r#"{"$set":{"secret":"a"}}"#),
        update("{}", r#"{"$rename":{"secret":"mine"}}"#),
        update("{}", r#"{"$rename":{"kind":"secret"}}"#),
        update("{}", r#"{"$inc":{"items.$[].price":1}}"#),
        update("{}", r#"{"$pull":{"items":{"price":1}}}"#),
        update("{}", r#"{"$setOnInsert":{"deep":{}}}"#),
        Write::Delete(Target::many(r#"{"secret":{"$gt":"b"}}"#)),
        replace("{}", r#"{"secret":"x"}"#, false),
        replace("{}", r#"{"items":[{"price":1}]}"#, true),
        Write::Insert(owned(&[r#"{"deep":{"er":null}}"#])),
        modify(Some(r#"{"secret":1}"#), None),
        modify(None, Some(r#"{"items.price":1}"#)),
    ];
    for write in writes {
        let answer = bench.write_as(&ada, write.clone()).await;
        assert!(
            matches!(&answer, Err(Failure::Invalid(text)) if text.ends_with("cannot be asked for or set here")),
            "{write:?}: {answer:?}"
        );
    }
    assert_eq!(bench.count(r#"{"a":null}"#).await?, 3);
    Ok(())
}

/// A document that is replaced keeps what its caller does not know of, and a failure tells nothing of it.
async fn hidden_fields_stay(opener: &Opener<'_>) -> Result<()> {
    let bench = with_hidden(opener).await?;
    let ada = user("ada");
    // Which element of `items` becomes which is not known.
    let refused = bench.write_as(&ada, replace(r#"{"_id":"1"}"#, r#"{"kind":"new"}"#, false)).await;
    assert_invalid(refused, "this document cannot be replaced as a whole");
    bench.insert(&[r#"{"_id":"4","kind":"k","slug":"s4","secret":"z","deep":{"er":1,"y":1}}"#]).await?;
    let done =
        bench.write_as(&ada, replace(r#"{"_id":"4"}"#, r#"{"kind":"new","slug":"s4"}"#, false)).await?;
    assert_eq!(done, Written::Changed { matched: 1, modified: 1, upserted: None });
    let kept = r#"{"_id":"4","kind":"new","slug":"s4","secret":"z","deep":{"er":1}}"#;
    assert_eq!(bench.get("4").await?.unwrap_or_default(), kept);
    // The key of a unique index would show it.
    assert_forbidden(bench.update_as(&ada, Target::one(r#"{"_id":"4"}"#), r#"{"$set":{"slug":"s1"}}"#).await);
    assert_eq!(
        bench.update_as(&ada, Target::one(r#"{"_id":"4"}"#), r#"{"$set":{"slug":"s2"}}"#).await?,
        (1, 1)
    );
    Ok(())
}
