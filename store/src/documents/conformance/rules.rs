//! What callers from outside may do: a sentence of `docs/rules.md` after the other. Threat C9 is in most of them.

mod hidden;

use super::Opener;
use super::bench::{Bench, assert_invalid, assert_taken, id, index, owned, spec, unique};
use crate::documents::{
    Caller, Change, CollectionSpec, Failure, Find, FindAndModify, Found, IndexSpec, Page, Read, Result,
    Returning, Rules, Target, Write, Written,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    nothing_is_open_by_itself(opener).await?;
    what_cannot_be_declared(opener).await?;
    reads(opener).await?;
    cursors(opener).await?;
    inserts(opener).await?;
    updates(opener).await?;
    what_becomes_of_a_document(opener).await?;
    deletes(opener).await?;
    upserts(opener).await?;
    owners(opener).await?;
    hidden::all(opener).await
}

/// Somebody who is signed in, with a role if there is a `/` in the name.
fn user(name: &str) -> Caller {
    let (name, role) = name.split_once('/').unwrap_or((name, ""));
    let roles = if role.is_empty() { Vec::new() } else { vec![role.to_owned()] };
    Caller { user: Some(name.to_owned()), roles, anonymous: false }
}

fn nobody() -> Caller {
    Caller::default()
}

/// Rules for read, create, update and delete; an empty one is none.
fn rules(texts: [&str; 4]) -> Rules {
    let [read, create, update, delete] =
        texts.map(|text| if text.is_empty() { None } else { Some(text.to_owned()) });
    Rules { read, create, update, delete, hidden: Vec::new(), owner: None }
}

/// Collection `a` with those rules.
async fn declare(bench: &Bench<'_>, indexes: &[IndexSpec], rules: Rules) -> Result<()> {
    let spec = CollectionSpec { rules: Some(rules), ..spec("a", indexes) };
    bench.documents.declare(bench.project, &[spec]).await
}

impl Bench<'_> {
    async fn read_as(&self, caller: &Caller, read: Read) -> Result<Found> {
        self.documents.read_as(self.project, caller, "a", read).await
    }

    async fn write_as(&self, caller: &Caller, write: Write) -> Result<Written> {
        self.documents.write_as(self.project, caller, "a", write).await
    }

    async fn page_as(&self, caller: &Caller, find: Find) -> Result<Page> {
        match self.read_as(caller, Read::Find(find)).await? {
            Found::Page(page) => Ok(page),
            other => panic!("{other:?}"),
        }
    }

    /// The `_id`s that a caller finds, one after the other.
    async fn ids_as(&self, caller: &Caller, filter: &str) -> Result<String> {
        let page = self.page_as(caller, Find::new(filter)).await?;
        let mut ids: Vec<String> = page.documents.iter().map(|document| id(document)).collect();
        ids.sort();
        Ok(ids.join(" "))
    }

    async fn get_as(&self, caller: &Caller, id: &str) -> Result<Option<String>> {
        match self.read_as(caller, get(id)).await? {
            Found::Document(document) => Ok(document),
            other => panic!("{other:?}"),
        }
    }

    async fn insert_as(&self, caller: &Caller, document: &str) -> Result<Written> {
        self.write_as(caller, Write::Insert(owned(&[document]))).await
    }

    /// How many matched and how many were changed.
    async fn update_as(&self, caller: &Caller, target: Target, update: &str) -> Result<(u64, u64)> {
        let update = Write::Update { target, update: update.to_owned(), upsert: false };
        match self.write_as(caller, update).await? {
            Written::Changed { matched, modified, upserted: None } => Ok((matched, modified)),
            other => panic!("{other:?}"),
        }
    }
}

fn get(id: &str) -> Read {
    Read::Get { id: id.to_owned(), fields: None }
}

fn count(filter: &str) -> Read {
    Read::Count { filter: filter.to_owned(), limit: None }
}

fn distinct(field: &str, filter: &str) -> Read {
    Read::Distinct { field: field.to_owned(), filter: filter.to_owned() }
}

fn aggregate(pipeline: &str) -> Read {
    Read::Aggregate { pipeline: pipeline.to_owned() }
}

fn replace(filter: &str, document: &str, upsert: bool) -> Write {
    Write::Replace { target: Target::one(filter), document: document.to_owned(), upsert }
}

fn modify(filter: &str, change: Change, returning: Returning) -> FindAndModify {
    FindAndModify { filter: filter.to_owned(), sort: None, change, returning, upsert: false, fields: None }
}

/// One text for all of it, which says nothing.
#[track_caller]
fn assert_forbidden<T: std::fmt::Debug>(answer: Result<T>) {
    match answer {
        Err(failure @ Failure::Forbidden) => {
            assert_eq!(failure.to_string(), "nothing in this collection is open to you");
        }
        other => panic!("{other:?}"),
    }
}

/// One of each kind of write.
fn every_write() -> Vec<Write> {
    let set = r#"{"$set":{"n":2}}"#.to_owned();
    let modify = |change| Write::FindAndModify(modify("{}", change, Returning::After));
    vec![
        Write::Insert(owned(&[r#"{"_id":"new"}"#])),
        Write::Update { target: Target::many("{}"), update: set.clone(), upsert: false },
        Write::Update { target: Target::one(r#"{"_id":"1"}"#), update: set.clone(), upsert: true },
        replace("{}", "{}", false),
        Write::Delete(Target::many("{}")),
        modify(Change::Update(set)),
        modify(Change::Replace("{}".to_owned())),
        modify(Change::Delete),
    ]
}

/// A collection is for functions only until rules say otherwise, and it looks like one that is not there.
async fn nothing_is_open_by_itself(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.insert(&[r#"{"_id":"1","n":1}"#]).await?;
    let reads = [get("1"), Read::Find(Find::new("{}")), count("{}"), distinct("n", "{}"), aggregate("[]")];
    let closed =
        [None, Some(Rules::default()), Some(rules(["false", "auth.user == null && true", "1", "n"]))];
    for rules in closed {
        if let Some(rules) = rules {
            declare(&bench, &[], rules).await?;
        }
        for read in &reads {
            let there = bench.read_as(&user("ada/admin"), read.clone()).await;
            let documents = &bench.documents;
            let not_there = documents.read_as(bench.project, &user("ada"), "none", read.clone()).await;
            let nowhere = documents.read_as(super::bench::project(9), &user("ada"), "a", read.clone()).await;
            [there, not_there, nowhere].into_iter().for_each(assert_forbidden);
        }
    }
    declare(&bench, &[], rules(["true", "false", "false", "false"])).await?;
    for write in every_write() {
        assert_forbidden(bench.write_as(&user("ada"), write.clone()).await);
        let documents = &bench.documents;
        assert_forbidden(documents.write_as(bench.project, &user("ada"), "none", write.clone()).await);
        assert_forbidden(documents.write_as(super::bench::project(9), &user("ada"), "a", write).await);
    }
    // What may be changed but not seen is not changed.
    declare(&bench, &[], rules(["", "", "true", "true"])).await?;
    for write in every_write() {
        assert_forbidden(bench.write_as(&user("ada"), write).await);
    }
    assert_eq!(bench.get("1").await?.unwrap_or_default(), r#"{"_id":"1","n":1}"#);
    // What a declaration does not speak of stays; what it says holds at once, and after a start.
    declare(&bench, &[], rules(["true", "", "", ""])).await?;
    bench.declare(&[index(&["n"])]).await?;
    let bench = bench.reopen()?;
    assert_eq!(bench.ids_as(&nobody(), "{}").await?, "1");
    declare(&bench, &[], Rules::default()).await?;
    assert_forbidden(bench.ids_as(&nobody(), "{}").await);
    Ok(())
}

async fn what_cannot_be_declared(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    declare(&bench, &[], rules(["true", "", "", ""])).await?;
    let refused = declare(&bench, &[], rules(["true", "", "a ==\n auth.usr", ""])).await;
    assert_invalid(refused, "collection `a`: rule `update`, line 2, column 2: there is no `auth.usr`");
    let hidden = |field: &str| Rules { hidden: owned(&[field]), ..Rules::default() };
    assert_invalid(declare(&bench, &[], hidden("_id")).await, "hidden: `_id` cannot be hidden");
    let owner = |field: &str| Rules { owner: Some(field.to_owned()), ..Rules::default() };
    for field in ["a.b", "_id", "", "$a"] {
        assert_invalid(declare(&bench, &[], owner(field)).await, "owner: ");
    }
    // What was there is there still.
    assert_eq!(bench.ids_as(&nobody(), "{}").await?, "");
    Ok(())
}

const MINE_AND_PUBLIC: &str = "owner == auth.user || public";

async fn mixed(opener: &Opener<'_>, indexes: &[IndexSpec]) -> Result<Vec<String>> {
    let bench = opener.bench().await?;
    declare(&bench, indexes, rules([MINE_AND_PUBLIC, "", "", ""])).await?;
    let all = [
        r#"{"_id":"a1","owner":"ada","n":1}"#,
        r#"{"_id":"a2","owner":"ada","n":2,"public":true}"#,
        r#"{"_id":"b1","owner":"bob","n":3}"#,
        r#"{"_id":"b2","owner":"bob","n":4,"public":true}"#,
        r#"{"_id":"c1","owner":["ada"],"n":5}"#,
        r#"{"_id":"d1","n":6,"public":1}"#,
        r#"{"_id":"e1","owner":null,"n":7}"#,
    ];
    bench.insert(&all).await?;
    let mut told = Vec::new();
    for caller in [user("ada"), user("bob"), nobody(), user("eve/admin")] {
        let mut answers = vec![bench.ids_as(&caller, "{}").await?];
        for filter in [
            r#"{"owner":"ada"}"#,
            r#"{"n":{"$gt":2}}"#,
            r#"{"$nor":[{"_id":"zzz"}]}"#,
            r#"{"_id":{"$in":["a1","b1"]}}"#,
        ] {
            answers.push(bench.ids_as(&caller, filter).await?);
        }
        for read in [
            count("{}"),
            count(r#"{"owner":"bob"}"#),
            distinct("n", "{}"),
            aggregate(r#"[{"$group":{"_id":null,"n":{"$sum":"$n"}}}]"#),
        ] {
            answers.push(format!("{:?}", bench.read_as(&caller, read).await?));
        }
        for id in ["a1", "b1", "b2", "d1", "none"] {
            answers.push(bench.get_as(&caller, id).await?.map_or("-".to_owned(), |_| id.to_owned()));
        }
        let find = Find { sort: Some(r#"{"n":-1}"#.to_owned()), limit: Some(1), ..Find::new("{}") };
        answers.push(format!("{:?}", bench.page_as(&caller, find).await?.documents));
        told.push(answers.join(" | "));
    }
    Ok(told)
}

/// Every way to read finds the same documents, by an index or without one.
async fn reads(opener: &Opener<'_>) -> Result<()> {
    let told = mixed(opener, &[]).await?;
    let expected = [
        r#"a1 a2 b2 | a1 a2 | b2 | a1 a2 b2 | a1 | Count(3) | Count(1) | Values(["1", "2", "4"]) | Values(["{\"_id\":null,\"n\":7}"]) | a1 | - | b2 | - | - | ["{\"_id\":\"b2\",\"owner\":\"bob\",\"n\":4,\"public\":true}"]"#,
        r#"a2 b1 b2 | a2 | b1 b2 | a2 b1 b2 | b1 | Count(3) | Count(2) | Values(["2", "3", "4"]) | Values(["{\"_id\":null,\"n\":9}"]) | - | b1 | b2 | - | - | ["{\"_id\":\"b2\",\"owner\":\"bob\",\"n\":4,\"public\":true}"]"#,
        r#"a2 b2 | a2 | b2 | a2 b2 |  | Count(2) | Count(1) | Values(["2", "4"]) | Values(["{\"_id\":null,\"n\":6}"]) | - | - | b2 | - | - | ["{\"_id\":\"b2\",\"owner\":\"bob\",\"n\":4,\"public\":true}"]"#,
    ];
    assert_eq!(told[..3], expected);
    assert_eq!(told[2], told[3]);
    assert_eq!(told, mixed(opener, &[index(&["owner"]), index(&["n"]), unique(&["n", "owner"])]).await?);
    Ok(())
}

/// A cursor is that of its caller, however another one came by it.
async fn cursors(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    declare(&bench, &[index(&["owner"])], rules(["owner == auth.user", "", "", ""])).await?;
    for n in 0..6 {
        let owner = if n % 2 == 0 { "ada" } else { "bob" };
        bench.insert(&[&format!(r#"{{"_id":"{n}","owner":"{owner}"}}"#)]).await?;
    }
    let page = |cursor: Option<String>| Find { limit: Some(2), cursor, ..Find::new("{}") };
    let first = bench.page_as(&user("ada"), page(None)).await?;
    assert_eq!(first.documents.len(), 2);
    let next = bench.page_as(&user("ada"), page(first.cursor.clone())).await?;
    assert_eq!(next.documents, [r#"{"_id":"4","owner":"ada"}"#]);
    let of_function = bench.page(page(None)).await?;
    for (caller, cursor) in [(user("bob"), first.cursor.clone()), (user("ada"), of_function.cursor)] {
        let refused = bench.page_as(&caller, page(cursor)).await;
        assert_invalid(refused, "the cursor is none of this collection");
    }
    assert_forbidden(bench.page_as(&nobody(), page(first.cursor.clone())).await);
    assert_invalid(bench.page(page(first.cursor)).await, "the cursor is none of this collection");
    Ok(())
}

/// The rule must hold for every document, or none is put in. Whoever may create need not be able to read.
async fn inserts(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let create =
        "auth.user != null && request.data.by == auth.user && n > 0 && !(request.data.admin == true)";
    declare(&bench, &[], rules(["", create, "", ""])).await?;
    let good = r#"{"_id":"1","by":"ada","n":1}"#;
    for bad in [r#"{"by":"bob","n":1}"#, r#"{"by":"ada","n":0}"#, r#"{"by":"ada","n":1,"admin":true}"#, "{}"]
    {
        assert_forbidden(bench.write_as(&user("ada"), Write::Insert(owned(&[good, bad]))).await);
        assert_eq!(bench.count("{}").await?, 0);
    }
    assert_forbidden(bench.insert_as(&nobody(), good).await);
    assert_eq!(bench.insert_as(&user("ada"), good).await?, Written::Inserted(owned(&["1"])));
    assert_taken(bench.insert_as(&user("ada"), good).await, "_id", r#"{"_id":"1"}"#);
    assert_forbidden(bench.get_as(&user("ada"), "1").await);
    Ok(())
}

/// Changed is what may be seen and may be changed, and the rest might as well not be there.
async fn updates(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    declare(&bench, &[], rules(["owner == auth.user || public", "", "owner == auth.user && !locked", ""]))
        .await?;
    // `!locked` holds where it is false, not where it is missing.
    let all = [
        r#"{"_id":"a1","owner":"ada","locked":false,"n":1}"#,
        r#"{"_id":"a2","owner":"ada","locked":true,"n":1}"#,
        r#"{"_id":"a3","owner":"ada","n":1}"#,
        r#"{"_id":"b1","owner":"bob","locked":false,"public":true,"n":1}"#,
    ];
    bench.insert(&all).await?;
    let (ada, inc) = (user("ada"), r#"{"$inc":{"n":1}}"#);
    assert_eq!(bench.update_as(&ada, Target::many("{}"), inc).await?, (1, 1));
    for id in ["a2", "a3", "b1", "none"] {
        let target = Target::one(format!(r#"{{"_id":"{id}"}}"#));
        assert_eq!(bench.update_as(&ada, target.clone(), inc).await?, (0, 0), "{id}");
        let set = Write::Replace {
            target,
            document: r#"{"owner":"ada","locked":false}"#.to_owned(),
            upsert: false,
        };
        let none = Written::Changed { matched: 0, modified: 0, upserted: None };
        assert_eq!(bench.write_as(&ada, set).await?, none);
        for change in [Change::Update(inc.to_owned()), Change::Replace("{}".to_owned())] {
            let modify = modify(&format!(r#"{{"_id":"{id}"}}"#), change, Returning::Before);
            assert_eq!(bench.write_as(&ada, Write::FindAndModify(modify)).await?, Written::Document(None));
        }
    }
    assert_eq!(bench.ids("{\"n\":1}", None).await?.len(), 3);
    // What it becomes must be open to the same change.
    for update in [r#"{"$set":{"owner":"bob"}}"#, r#"{"$set":{"locked":true}}"#, r#"{"$unset":{"locked":1}}"#]
    {
        assert_forbidden(bench.update_as(&ada, Target::many("{}"), update).await);
        let modify = modify("{}", Change::Update(update.to_owned()), Returning::After);
        assert_forbidden(bench.write_as(&ada, Write::FindAndModify(modify)).await);
    }
    assert_forbidden(bench.write_as(&ada, replace("{}", r#"{"owner":"ada"}"#, false)).await);
    let after = r#"{"_id":"a1","owner":"ada","locked":false,"n":3}"#;
    let modify = modify("{}", Change::Update(inc.to_owned()), Returning::After);
    assert_eq!(
        bench.write_as(&ada, Write::FindAndModify(modify)).await?,
        Written::Document(Some(after.to_owned()))
    );
    assert_eq!(bench.get("b1").await?.unwrap_or_default(), all[3]);
    Ok(())
}

/// A rule that names `request.data` says itself what a document may become, and nothing is done where one may not.
async fn what_becomes_of_a_document(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let update =
        "owner == auth.user && request.data.version > version && request.data.owner in [owner, 'heir']";
    declare(&bench, &[index(&["owner"])], rules(["true", "", update, ""])).await?;
    bench
        .insert(&[
            r#"{"_id":"a1","owner":"ada","version":1}"#,
            r#"{"_id":"a2","owner":"ada","version":5}"#,
            r#"{"_id":"b1","owner":"bob","version":1}"#,
        ])
        .await?;
    let ada = user("ada");
    assert_forbidden(bench.update_as(&ada, Target::many("{}"), r#"{"$set":{"version":3}}"#).await);
    assert_forbidden(bench.update_as(&ada, Target::one(r#"{"_id":"a1"}"#), r#"{"$set":{"x":1}}"#).await);
    assert_eq!(bench.ids(r#"{"version":{"$in":[1,5]},"x":null}"#, None).await?.len(), 3);
    assert_eq!(bench.update_as(&ada, Target::many("{}"), r#"{"$inc":{"version":1}}"#).await?, (2, 2));
    // Given away, though it could not be changed afterwards.
    let given = r#"{"$set":{"owner":"heir"},"$inc":{"version":1}}"#;
    assert_eq!(bench.update_as(&ada, Target::one(r#"{"_id":"a1"}"#), given).await?, (1, 1));
    assert_eq!(bench.update_as(&ada, Target::one(r#"{"_id":"a1"}"#), given).await?, (0, 0));
    Ok(())
}

async fn deletes(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    declare(&bench, &[], rules(["owner == auth.user || public", "", "", "n > 1 && request.data == null"]))
        .await?;
    let all = [
        r#"{"_id":"a1","owner":"ada","n":1}"#,
        r#"{"_id":"a2","owner":"ada","n":2}"#,
        r#"{"_id":"a3","owner":"ada","n":3}"#,
        r#"{"_id":"b1","owner":"bob","n":2}"#,
    ];
    bench.insert(&all).await?;
    let ada = user("ada");
    // What may not be seen is not removed, though its own rule would let it.
    for id in ["a1", "b1"] {
        let deleted =
            bench.write_as(&ada, Write::Delete(Target::one(format!(r#"{{"_id":"{id}"}}"#)))).await?;
        assert_eq!(deleted, Written::Deleted(0));
    }
    let modify = modify(r#"{"_id":{"$ne":"a3"}}"#, Change::Delete, Returning::Before);
    let modified = bench.write_as(&ada, Write::FindAndModify(modify)).await?;
    assert_eq!(modified, Written::Document(Some(all[1].to_owned())));
    assert_eq!(bench.write_as(&ada, Write::Delete(Target::many("{}"))).await?, Written::Deleted(1));
    assert_eq!(bench.ids("{}", None).await?, ["a1", "b1"]);
    // Who deletes makes nothing of a document: what is asked of that is asked of null, also where it would open more.
    for delete in ["owner == auth.user && n > 9 || request.data.x == 1", "request.data.confirm == true"] {
        declare(&bench, &[], rules(["true", "", "", delete])).await?;
        let deleted = bench.write_as(&ada, Write::Delete(Target::many("{}"))).await?;
        assert_eq!(deleted, Written::Deleted(0), "{delete}");
    }
    Ok(())
}

/// What is put in because nothing was found that the caller may change has to pass the rule for new documents.
async fn upserts(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let mine = "owner == auth.user";
    declare(&bench, &[], rules([mine, "owner == auth.user && n == 1", mine, mine])).await?;
    bench.insert(&[r#"{"_id":"b1","owner":"bob","n":1}"#]).await?;
    let (ada, upsert) = (user("ada"), |filter: &str, update: &str| Write::Update {
        target: Target::one(filter),
        update: update.to_owned(),
        upsert: true,
    });
    assert_forbidden(bench.write_as(&ada, upsert(r#"{"_id":"a1"}"#, r#"{"$set":{"n":1}}"#)).await);
    assert_forbidden(
        bench.write_as(&ada, upsert(r#"{"_id":"a1","owner":"ada"}"#, r#"{"$set":{"n":2}}"#)).await,
    );
    assert_forbidden(
        bench.write_as(&ada, upsert(r#"{"_id":"a1","owner":"bob"}"#, r#"{"$set":{"n":1}}"#)).await,
    );
    assert_forbidden(bench.write_as(&ada, replace(r#"{"_id":"a1"}"#, r#"{"n":1}"#, true)).await);
    assert_eq!(bench.count("{}").await?, 1);
    let made = bench.write_as(&ada, upsert(r#"{"_id":"a1","owner":"ada"}"#, r#"{"$set":{"n":1}}"#)).await?;
    assert_eq!(made, Written::Changed { matched: 0, modified: 0, upserted: Some("a1".to_owned()) });
    let made = bench.write_as(&ada, replace(r#"{"_id":"a2"}"#, r#"{"owner":"ada","n":1}"#, true)).await?;
    assert_eq!(made, Written::Changed { matched: 0, modified: 0, upserted: Some("a2".to_owned()) });
    let change = Change::Update(r#"{"$set":{"n":1,"owner":"ada"}}"#.to_owned());
    let wanted =
        FindAndModify { upsert: true, ..modify(r#"{"_id":"a3"}"#, change.clone(), Returning::After) };
    let found = bench.write_as(&ada, Write::FindAndModify(wanted.clone())).await?;
    assert_eq!(found, Written::Document(Some(r#"{"_id":"a3","n":1,"owner":"ada"}"#.to_owned())));
    let wanted = FindAndModify {
        filter: r#"{"_id":"a4","owner":"eve"}"#.to_owned(),
        change: Change::Update(r#"{"$set":{"n":1}}"#.to_owned()),
        ..wanted
    };
    assert_forbidden(bench.write_as(&ada, Write::FindAndModify(wanted)).await);
    // What another one has is not changed; that there is such an `_id` is told, as by any insert.
    assert_taken(
        bench.write_as(&ada, replace(r#"{"_id":"b1"}"#, r#"{"owner":"ada","n":1}"#, true)).await,
        "_id",
        r#"{"_id":"b1"}"#,
    );
    // Without a rule for new documents there is no upsert, also where something would be found.
    declare(&bench, &[], rules([mine, "", mine, mine])).await?;
    assert_forbidden(bench.write_as(&ada, upsert(r#"{"_id":"a1"}"#, r#"{"$set":{"x":1}}"#)).await);
    Ok(())
}

/// The owner is whoever puts a document in, and stays it.
async fn owners(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let rules = Rules { owner: Some("by".to_owned()), ..rules(["true", "true", "true", "true"]) };
    declare(&bench, &[], rules).await?;
    let ada = user("ada");
    for document in [r#"{"_id":"1"}"#, r#"{"_id":"2","by":"ada"}"#] {
        bench.insert_as(&ada, document).await?;
    }
    assert_eq!(bench.ids(r#"{"by":"ada"}"#, None).await?, ["1", "2"]);
    for document in [r#"{"by":"bob"}"#, r#"{"by":null}"#, r#"{"by":["ada"]}"#] {
        assert_forbidden(bench.insert_as(&ada, document).await);
    }
    assert_forbidden(bench.insert_as(&nobody(), "{}").await);
    let bob = user("bob");
    for update in [
        r#"{"$set":{"by":"bob"}}"#,
        r#"{"$unset":{"by":1}}"#,
        r#"{"$rename":{"by":"x"}}"#,
        r#"{"$rename":{"_x":"by"}}"#,
        r#"{"$set":{"by.x":1}}"#,
    ] {
        for target in [Target::many("{}"), Target::one(r#"{"_id":"1"}"#)] {
            match bench.update_as(&bob, target, update).await {
                // Of a text nothing can be a field, and what is not there is not renamed.
                Err(Failure::Forbidden | Failure::Invalid(_)) | Ok((_, 0)) => {}
                other => panic!("{update}: {other:?}"),
            }
        }
    }
    assert_forbidden(bench.write_as(&bob, replace(r#"{"_id":"1"}"#, r#"{"by":"bob"}"#, false)).await);
    bench.write_as(&bob, replace(r#"{"_id":"1"}"#, r#"{"n":1}"#, false)).await?;
    assert_eq!(bench.get("1").await?.unwrap_or_default(), r#"{"_id":"1","n":1,"by":"ada"}"#);
    // One that nobody owns cannot be taken.
    bench.insert(&[r#"{"_id":"3"}"#]).await?;
    assert_forbidden(bench.update_as(&bob, Target::one(r#"{"_id":"3"}"#), r#"{"$set":{"by":"bob"}}"#).await);
    let upsert = |filter: &str| Write::Update {
        target: Target::one(filter),
        update: r#"{"$set":{"n":1}}"#.to_owned(),
        upsert: true,
    };
    bench.write_as(&bob, upsert(r#"{"_id":"4"}"#)).await?;
    assert_eq!(bench.ids(r#"{"by":"bob"}"#, None).await?, ["4"]);
    assert_forbidden(bench.write_as(&bob, upsert(r#"{"_id":"5","by":"ada"}"#)).await);
    assert_forbidden(bench.write_as(&nobody(), upsert(r#"{"_id":"1"}"#)).await);
    Ok(())
}
