//! `ostro::db` in transactions.

use ostro::db::{self, Error, MAX_ATTEMPTS, Transaction};
use ostro::queue::Message;
use ostro::{json, kv};
use serde_json::Value;

use crate::Outcome;

fn fresh() -> Outcome {
    let stock = db::collection("stock")?;
    stock.delete_many(json!({}))?;
    stock.insert_many(&[json!({ "_id": "apples", "left": 3 }), json!({ "_id": "pears", "left": 0 })])?;
    kv::namespace("orders")?.set_json("count", &0)?;
    Ok(())
}

fn left(id: &str) -> db::Result<i64> {
    let found: Option<Value> = db::collection("stock")?.get(id)?;
    found.and_then(|found| found["left"].as_i64()).ok_or_else(|| Error::Invalid("no number".to_owned()))
}

pub fn commit_as_a_whole() -> Outcome {
    fresh()?;
    let orders = kv::namespace("orders")?;
    let count = db::transaction(|tx| {
        let stock = tx.collection("stock")?;
        stock.update_one(json!({ "_id": "apples" }), json!({ "$inc": { "left": -1 } })).run()?;
        let within: Option<Value> = stock.get("apples")?;
        assert_eq!(within, Some(json!({ "_id": "apples", "left": 2 })), "its own changes are seen");
        assert_eq!(left("apples")?, 3, "nobody else sees them");
        let values = tx.namespace("orders");
        let count: u32 = values.get_json("count")?.unwrap_or_default();
        values.set_json("count", &(count + 1))?;
        values.set("gone", "x")?;
        values.delete("gone")?;
        tx.send(
            "taken",
            Message::json(&json!({ "item": "apples" })).expect("it is JSON").order_key("apples"),
        )?;
        Ok(count + 1)
    })?;
    assert_eq!((count, left("apples")?), (1, 2));
    assert_eq!((orders.get_json("count")?, orders.exists("gone")?), (Some(1), false));

    // What fails, or is dropped, has changed nothing.
    let failed: db::Result<()> = db::transaction(|tx| {
        tx.collection("stock")?.delete_many(json!({}))?;
        tx.namespace("orders").set("count", "7")?;
        Err(Error::Invalid("not today".to_owned()))
    });
    assert_eq!(failed, Err(Error::Invalid("not today".to_owned())));
    let dropped = Transaction::begin()?;
    dropped.collection("stock")?.delete_many(json!({}))?;
    drop(dropped);
    assert_eq!((left("apples")?, orders.get_json("count")?), (2, Some(1)));

    // A handle outlives its transaction, and can do nothing then.
    let transaction = Transaction::begin()?;
    let stock = transaction.collection("stock")?;
    stock.insert_one(&json!({ "_id": "plums", "left": 9 }))?;
    transaction.commit()?;
    assert!(stock.count(json!({})).is_err());
    assert_eq!(left("plums")?, 9);
    Ok(())
}

pub fn conflicts() -> Outcome {
    fresh()?;
    let outside = db::collection("stock")?;
    let disturb = || outside.update_one(json!({ "_id": "apples" }), json!({ "$inc": { "left": 10 } })).run();
    // Two are disturbed, the third gets through and has seen what the others did.
    let mut attempts = 0;
    let seen = db::transaction(|tx| {
        attempts += 1;
        let stock = tx.collection("stock")?;
        let apples: Option<Value> = stock.get("apples")?;
        if attempts < 3 {
            disturb()?;
        }
        stock.update_one(json!({ "_id": "pears" }), json!({ "$inc": { "left": 1 } })).run()?;
        Ok(apples.map(|apples| apples["left"].clone()))
    })?;
    assert_eq!((attempts, seen), (3, Some(json!(23))));
    assert_eq!(left("pears")?, 1, "only the last one counts");

    let mut attempts = 0;
    let never = db::transaction(|tx| {
        attempts += 1;
        let stock = tx.collection("stock")?;
        stock.get::<Value>("apples")?;
        disturb()?;
        stock.update_one(json!({ "_id": "pears" }), json!({ "$inc": { "left": 1 } })).run()
    });
    assert!(matches!(never, Err(Error::Conflict(_))), "{never:?}");
    assert_eq!((attempts, left("pears")?), (MAX_ATTEMPTS, 1));

    // A key that was read, and written by somebody else.
    let transaction = Transaction::begin()?;
    let values = transaction.namespace("orders");
    assert_eq!(values.get("count")?, Some(b"0".to_vec()));
    values.set("mine", "1")?;
    kv::namespace("orders")?.increment("count", 1)?;
    let lost = transaction.commit();
    assert!(matches!(lost, Err(Error::Conflict(_))), "{lost:?}");
    assert!(!kv::namespace("orders")?.exists("mine")?);
    Ok(())
}
