//! Documents, as a function that has a type for them goes about it.

use ostro::{db, json};
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Documents of one call that fills.
const FILLED_AT_ONCE: usize = 1_000;

#[derive(Serialize, Deserialize)]
pub struct User {
    #[serde(rename = "_id", default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    age: u32,
    text: String,
}

/// One document of the request's body; its `_id`.
pub fn insert(body: &[u8]) -> Outcome<Vec<u8>> {
    let user: User = serde_json::from_slice(body)?;
    Ok(db::collection("plain")?.insert_one(&user)?.into_bytes())
}

/// All documents of the request's body in one call; their `_id`s.
pub fn insert_many(body: &[u8]) -> Outcome<Vec<u8>> {
    let users: Vec<User> = serde_json::from_slice(body)?;
    Ok(serde_json::to_vec(&db::collection("plain")?.insert_many(&users)?)?)
}

/// A thousand documents that the others look for, from that number on.
pub fn fill(start: usize) -> Outcome<Vec<u8>> {
    let users: Vec<User> = (start..start + FILLED_AT_ONCE)
        .map(|number| User {
            id: Some(format!("{number:08}")),
            name: format!("user{number}"),
            age: number as u32 % 1_000,
            text: "x".repeat(100),
        })
        .collect();
    db::collection("users")?.insert_many(&users)?;
    Ok(Vec::new())
}

/// The document of an `_id`.
pub fn get(id: &str) -> Outcome<Vec<u8>> {
    let user: User = db::collection("users")?.get(id)?.ok_or("there is no such document")?;
    Ok(serde_json::to_vec(&user)?)
}

/// The documents of several `_id`s, each by a call of its own.
pub fn get_many(ids: &str) -> Outcome<Vec<u8>> {
    let users = db::collection("users")?;
    let found: db::Result<Vec<Option<User>>> = ids.split(',').map(|id| users.get(id)).collect();
    let found: Option<Vec<User>> = found?.into_iter().collect();
    Ok(serde_json::to_vec(&found.ok_or("one of them is not there")?)?)
}

/// The document of a name, by the index.
pub fn find(name: &str) -> Outcome<Vec<u8>> {
    let user: User =
        db::collection("users")?.find_one(json!({ "name": name }))?.ok_or("nobody has this name")?;
    Ok(serde_json::to_vec(&user)?)
}
