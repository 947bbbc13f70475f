//! Without any grant.

use ostro::auth::users;
use ostro::queue::Message;
use ostro::{db, functions, kv, queue, realtime, secrets, sql, storage};
use serde_json::Value;

use crate::Outcome;

/// Each refusal names the line to add.
pub fn everything() -> Outcome {
    let names = |text: &str, grant: &str| assert!(text.contains(grant), "{grant}: {text}");
    match db::collection("users") {
        Err(db::Error::Denied(text)) => names(&text, "collection:users:read"),
        other => return Err(format!("{other:?}").into()),
    }
    let tx = db::Transaction::begin()?;
    match tx.collection("users") {
        Err(db::Error::Denied(text)) => names(&text, "collection:users:read"),
        other => return Err(format!("{other:?}").into()),
    }
    match tx.namespace("sessions").set("a", "1") {
        Err(db::Error::Denied(text)) => names(&text, "kv:sessions:write"),
        other => return Err(format!("{other:?}").into()),
    }
    match tx.send("mail", Message::new("x")) {
        Err(db::Error::Denied(text)) => names(&text, "queue:mail:send"),
        other => return Err(format!("{other:?}").into()),
    }
    match storage::bucket("files") {
        Err(storage::Error::Denied(text)) => names(&text, "bucket:files:read"),
        other => return Err(format!("{other:?}").into()),
    }
    match sql::database("main") {
        Err(sql::Error::Denied(text)) => names(&text, "sql:main"),
        other => return Err(format!("{other:?}").into()),
    }
    match queue::send("mail", Message::new("x")) {
        Err(queue::Error::Denied(text)) => names(&text, "queue:mail:send"),
        other => return Err(format!("{other:?}").into()),
    }
    match realtime::send("rooms/a", &1) {
        Err(realtime::Error::Denied(text)) => names(&text, "channel:rooms/*:send"),
        other => return Err(format!("{other:?}").into()),
    }
    match functions::invoke::<Value>("shop", &()) {
        Err(functions::Error::Denied(text)) => names(&text, "function:shop"),
        other => return Err(format!("{other:?}").into()),
    }
    match secrets::get("TOKEN") {
        Err(secrets::Error::Denied(text)) => names(&text, "secret:TOKEN"),
        other => return Err(format!("{other:?}").into()),
    }
    match users::sign_in_external("wechat", "openid") {
        Err(users::Error::Denied(text)) => names(&text, "users:sign-in"),
        other => return Err(format!("{other:?}").into()),
    }
    assert!(matches!(kv::namespace("sessions"), Err(kv::Error::Denied)));
    assert!(secrets::names().is_empty() && functions::bindings().is_empty());
    Ok(())
}
