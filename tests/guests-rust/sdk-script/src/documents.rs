//! `ostro::db` outside of transactions.

use std::collections::BTreeSet;

use ostro::db::{self, Binary, Collection, Date, Error};
use ostro::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Outcome;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    age: i64,
    #[serde(default)]
    tags: Vec<String>,
}

fn user(id: &str, name: &str, age: i64) -> User {
    User { id: Some(id.to_owned()), name: name.to_owned(), age, tags: Vec::new() }
}

/// A collection with nothing in it.
fn empty(name: &str) -> db::Result<Collection> {
    let collection = db::collection(name)?;
    collection.delete_many(json!({}))?;
    Ok(collection)
}

pub fn change_and_find() -> Outcome {
    let users = empty("users")?;
    let made = users.insert_one(&User { id: None, ..user("", "Zoe", 7) })?;
    assert_eq!(made.len(), 36, "a UUID");
    let ids = users.insert_many(&[user("a", "Ann", 41), user("b", "Bob", 17), user("c", "Cyd", 41)])?;
    assert_eq!(ids, ["a", "b", "c"]);

    assert_eq!(users.get::<User>("a")?, Some(user("a", "Ann", 41)));
    assert_eq!(users.get::<User>("none")?, None);
    assert_eq!(users.find_one::<User>(json!({ "name": "Bob" }))?, Some(user("b", "Bob", 17)));
    assert_eq!(users.find_one::<User>(json!({ "name": "None" }))?, None);
    // The order of the fields of a sort decides.
    let sorted: Vec<User> = users.find(json!({})).sort(json!({ "name": -1, "age": 1 })).all()?;
    assert_eq!(names(&sorted), ["Zoe", "Cyd", "Bob", "Ann"]);
    let sorted: Vec<User> = users.find(json!({})).sort([("age", -1), ("name", -1)]).skip(1).limit(2).all()?;
    assert_eq!(names(&sorted), ["Ann", "Bob"]);
    let oldest = users.find(json!({})).sort(json!({ "age": -1, "name": 1 })).first::<User>()?;
    assert_eq!(oldest, Some(user("a", "Ann", 41)));
    let fields = users.find(json!({ "_id": "a" })).fields(json!({ "name": 1, "_id": 0 })).first::<Value>()?;
    assert_eq!(fields, Some(json!({ "name": "Ann" })));

    assert_eq!((users.count(json!({ "age": 41 }))?, users.count(json!({}))?), (2, 4));
    assert!(users.exists(json!({ "name": "Ann" }))? && !users.exists(json!({ "name": "None" }))?);
    let ages: BTreeSet<i64> = users.distinct("age", json!({ "age": { "$gt": 7 } }))?.into_iter().collect();
    assert_eq!(ages, BTreeSet::from([17, 41]));
    let groups: Vec<Value> = users.aggregate(json!([
        { "$match": { "age": { "$gt": 7 } } },
        { "$group": { "_id": "$age", "number": { "$sum": 1 } } },
        { "$sort": { "_id": 1 } },
    ]))?;
    assert_eq!(groups, [json!({ "_id": 17, "number": 1 }), json!({ "_id": 41, "number": 2 })]);

    updates(&users)?;
    modifications(&users)
}

fn updates(users: &Collection) -> Outcome {
    let done =
        users.update_one(json!({ "age": 41 }), json!({ "$inc": { "age": 1 } })).sort([("name", -1)]).run()?;
    assert_eq!((done.matched, done.modified, done.upserted), (1, 1, None));
    assert_eq!(users.get("c")?, Some(user("c", "Cyd", 42)));
    let done =
        users.update_many(json!({ "age": { "$gt": 10 } }), json!({ "$push": { "tags": "old" } })).run()?;
    assert_eq!((done.matched, done.modified), (3, 3));
    let done = users
        .update_one(json!({ "_id": "d" }), json!({ "$set": { "name": "Dan", "age": 1 } }))
        .upsert()
        .run()?;
    assert_eq!((done.matched, done.upserted.as_deref()), (0, Some("d")));
    assert_eq!(users.get("d")?, Some(user("d", "Dan", 1)));
    let eve = User { id: None, ..user("", "Eve", 2) };
    assert_eq!(users.replace_one(json!({ "_id": "d" }), &eve).run()?.modified, 1);
    assert_eq!(users.get("d")?, Some(user("d", "Eve", 2)));
    let done = users.replace_one(json!({ "_id": "e" }), &eve).upsert().run()?;
    assert_eq!(done.upserted.as_deref(), Some("e"));
    assert_eq!(users.update_one(json!({ "_id": "none" }), json!({ "$set": { "age": 1 } })).run()?.matched, 0);

    assert_eq!(
        (users.delete_one(json!({ "name": "Eve" }))?, users.delete_one(json!({ "_id": "none" }))?),
        (1, 0)
    );
    assert_eq!(users.delete_many(json!({ "age": { "$lt": 10 } }))?, 2);
    assert_eq!(users.count(json!({}))?, 3);
    Ok(())
}

fn modifications(users: &Collection) -> Outcome {
    let older = json!({ "$inc": { "age": 1 } });
    let before = users.find_one_and_update(json!({ "_id": "b" }), &older).run::<User>()?;
    assert_eq!(before.map(|user| user.age), Some(17));
    let after = users.find_one_and_update(json!({ "_id": "b" }), &older).return_after().run::<User>()?;
    assert_eq!(after.map(|user| user.age), Some(19));
    let oldest =
        users.find_one_and_update(json!({}), &older).sort(json!({ "age": -1 })).fields(json!({ "age": 1 }));
    assert_eq!(oldest.run::<Value>()?, Some(json!({ "_id": "c", "age": 42 })));
    let set = json!({ "$set": { "name": "New", "age": 0 } });
    let made = users.find_one_and_update(json!({ "_id": "n" }), set).upsert().return_after().run::<User>()?;
    assert_eq!(made, Some(user("n", "New", 0)));
    let other = User { id: None, ..user("", "Other", 3) };
    let replaced = users.find_one_and_replace(json!({ "_id": "n" }), &other).return_after().run::<User>()?;
    assert_eq!(replaced, Some(user("n", "Other", 3)));
    let gone = users.find_one_and_delete(json!({})).sort(json!({ "age": 1 })).run::<User>()?;
    assert_eq!(gone, Some(user("n", "Other", 3)));
    assert_eq!(users.find_one_and_delete(json!({ "_id": "n" })).run::<User>()?, None);
    Ok(())
}

fn names(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.name.as_str()).collect()
}

/// More documents than a page has, whatever is written in between.
pub fn pages() -> Outcome {
    #[derive(Serialize, Deserialize)]
    struct Numbered {
        n: u32,
    }
    let many = empty("many")?;
    for batch in 0..3 {
        let documents: Vec<Numbered> = (batch * 1_000..(batch + 1) * 1_000).map(|n| Numbered { n }).collect();
        assert_eq!(many.insert_many(&documents)?.len(), 1_000);
    }
    let all = || many.find(json!({})).sort(json!({ "n": 1 }));
    assert!(all().all::<Numbered>()?.iter().map(|document| document.n).eq(0..3_000));
    let part: Vec<u32> = numbers(all().skip(10).limit(250).iter())?;
    assert!(part.into_iter().eq(10..260));
    let small: Vec<u32> = numbers(all().page_size(7).limit(20).iter())?;
    assert!(small.into_iter().eq(0..20));
    assert_eq!(numbers(all().limit(0).iter())?, Vec::<u32>::new());

    let mut going = all().limit(300).iter::<Numbered>();
    assert_eq!(going.by_ref().take(100).count(), 100);
    many.delete_many(json!({ "n": { "$lt": 150 } }))?;
    let rest: Vec<u32> = numbers(going)?;
    assert!(rest.into_iter().eq(150..350), "deleted documents are passed over, others come once");
    return Ok(());

    fn numbers(documents: impl Iterator<Item = db::Result<Numbered>>) -> db::Result<Vec<u32>> {
        documents.map(|document| Ok(document?.n)).collect()
    }
}

/// Values that JSON has no form for, and whole numbers beyond those of a double.
pub fn forms() -> Outcome {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Forms {
        at: Date,
        long_ago: Date,
        bytes: Binary,
        big: i64,
        half: f64,
        nothing: Option<u8>,
    }
    let forms = empty("forms")?;
    let stored = Forms {
        at: Date(1_769_860_800_123),
        long_ago: Date(-62_000_000_000_000),
        bytes: Binary((0..=255).collect()),
        big: i64::MAX,
        half: 0.5,
        nothing: None,
    };
    let id = forms.insert_one(&stored)?;
    assert_eq!(forms.get(&id)?, Some(stored));
    assert_eq!(
        forms.count(json!({ "at": { "$gt": Date(1_769_860_800_122) }, "bytes": { "$type": "binData" } }))?,
        1
    );
    assert_eq!(forms.count(json!({ "at": { "$gt": Date(1_769_860_800_123) } }))?, 0);
    assert_eq!(forms.count(json!({ "big": i64::MAX, "long_ago": { "$lt": Date(0) } }))?, 1);
    forms.update_one(json!({ "_id": id }), json!({ "$currentDate": { "at": true } })).run()?;
    let now: Vec<Date> = forms.distinct("at", json!({}))?;
    assert!(now[0] > Date(1_700_000_000_000), "{now:?}");
    Ok(())
}

/// Each kind of refusal that a caller decides by.
pub fn faults() -> Outcome {
    let users = empty("unique")?;
    users.insert_one(&user("a", "Ann", 1))?;
    let by_id = users.insert_one(&user("a", "Bob", 1));
    assert!(matches!(&by_id, Err(Error::Duplicate(text)) if text.contains('a')), "{by_id:?}");
    let by_index = users.insert_one(&user("b", "Ann", 1));
    assert!(matches!(&by_index, Err(Error::Duplicate(text)) if text.contains("name")), "{by_index:?}");
    let both = users.insert_many(&[user("c", "Cyd", 1), user("a", "Dan", 1)]);
    assert!(matches!(both, Err(Error::Duplicate(_))), "{both:?}");
    assert_eq!(users.count(json!({}))?, 1, "all or none");

    let filter = users.count(json!({ "age": { "$nearly": 3 } }));
    assert!(matches!(&filter, Err(Error::Invalid(text)) if text.contains("$nearly")), "{filter:?}");
    let update = users.update_one(json!({}), json!({ "$inc": { "name": 1 } })).run();
    assert!(matches!(&update, Err(Error::Invalid(_))), "{update:?}");
    let many = vec![json!({}); 1_001];
    assert!(matches!(users.insert_many(&many), Err(Error::Invalid(_))));
    let large = users.insert_one(&json!({ "text": "x".repeat(2 << 20) }));
    assert!(matches!(large, Err(Error::Invalid(_))), "{large:?}");
    // A list is no document: `insert_one` would store all of it, and answer one `_id`.
    let listed = users.insert_one(&[user("l", "Lea", 1), user("m", "Mia", 1)]);
    assert!(matches!(&listed, Err(Error::Invalid(text)) if text.contains("insert_many")), "{listed:?}");
    assert_eq!(users.count(json!({}))?, 1);
    // What is `None` in a filter is null, which asks for what is not there, and no filter is everything.
    assert_eq!(users.delete_many(json!({ "name": None::<String> }))?, 0);
    for none in [users.delete_many(None::<Value>), users.delete_many(()), users.count([json!({})])] {
        assert!(matches!(none, Err(Error::Invalid(_))), "{none:?}");
    }
    // What serde can't make JSON of does not reach the server, what it can't read has.
    let keys = std::collections::BTreeMap::from([([1, 2], 3)]);
    assert!(matches!(users.find_one::<Value>(&keys), Err(Error::Invalid(_))));
    assert!(matches!(users.update_one(json!({}), &keys).run(), Err(Error::Invalid(_))));
    let shape = users.get::<Vec<u8>>("a");
    assert!(matches!(&shape, Err(Error::Mismatch(_))), "{shape:?}");
    let mut broken = users.find(json!({})).iter::<Vec<u8>>();
    assert!(matches!(broken.next(), Some(Err(Error::Mismatch(_)))) && broken.next().is_none());
    Ok(())
}
