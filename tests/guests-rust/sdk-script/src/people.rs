//! What `tests/identity.rs` asks for: who calls, and what is seen and done as that caller. A deed is JSON, and so is what came
//! of it: what was given, or `{"error": …}`.

use ostro::auth::{self, users};
use ostro::db::{self, Collection};
use ostro::functions::Call;
use ostro::json;
use serde_json::Value;

use crate::buckets;

/// What came of a deed; the text itself where it is none.
pub fn answer(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(deed) if deed["do"].is_string() => make(&deed).to_string(),
        _ => text.to_owned(),
    }
}

fn make(deed: &Value) -> Value {
    let word = |name: &str| deed[name].as_str().unwrap_or_default();
    match word("do") {
        "who" => who(),
        "keep" => done(keep()),
        "kept" => done(kept()),
        "function" => done(collection(word("collection"), deed, false)),
        "caller" => done(collection(word("collection"), deed, true)),
        "call" => done(call(deed).invoke::<Value>(&deed["input"])),
        "send" => done(call(deed).send(&deed["input"])),
        "users" => users(deed),
        "objects" => done(buckets::operation(deed)),
        other => json!({ "error": format!("there is no deed {other}") }),
    }
}

fn done<T: serde::Serialize, E: std::fmt::Debug>(result: Result<T, E>) -> Value {
    match result {
        Ok(value) => json!(value),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

fn who() -> Value {
    let (kind, user) = match auth::caller() {
        auth::Caller::User(user) => ("user", Some(user)),
        auth::Caller::Nobody => ("nobody", None),
        auth::Caller::System => ("system", None),
        _ => ("other", None),
    };
    json!({
        "caller": kind,
        "user": user.as_ref().map(|user| &user.id),
        "roles": user.as_ref().map(|user| &user.roles),
        "anonymous": user.as_ref().map(|user| user.is_anonymous),
    })
}

/// A call of `ostro:auth/users`.
fn users(deed: &Value) -> Value {
    let word = |name: &str| deed[name].as_str().unwrap_or_default();
    let id = word("id");
    match word("call") {
        "external" if id.is_empty() => done(users::sign_in_external(word("provider"), word("subject"))),
        "external" => done(users::link_external(word("provider"), word("subject"), id)),
        "sign-up" => done(users::sign_up(word("email"), word("password"))),
        "sign-in" => done(users::sign_in(word("email"), word("password"))),
        "anonymous" => done(users::sign_in_anonymous()),
        "refresh" => done(users::refresh(word("token"))),
        "get" => done(users::get(id)),
        "list" => {
            let limit = deed["limit"].as_u64().and_then(|limit| limit.try_into().ok());
            let text = |name: &str| deed[name].as_str().map(str::to_owned);
            let page = users::List { limit, cursor: text("cursor"), email: text("email") };
            done(users::list(&page).map(|page| json!({ "users": page.users, "cursor": page.cursor })))
        }
        "roles" => {
            let roles: Vec<&str> =
                deed["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            done(users::set_roles(id, &roles))
        }
        "disable" => done(users::set_disabled(id, true)),
        "enable" => done(users::set_disabled(id, false)),
        "sign-out" => done(users::sign_out(id)),
        "delete" => done(users::delete(id)),
        other => json!({ "error": format!("there is no call {other}") }),
    }
}

/// Keeps who calls, for whoever has no answer to give.
pub fn keep() -> db::Result<String> {
    db::collection("kept")?.insert_one(&who())
}

fn kept() -> db::Result<Vec<Value>> {
    db::collection("kept")?.find(json!({})).sort(json!({ "_id": 1 })).all()
}

/// A call of another function that tries to say who it is for.
fn call(deed: &Value) -> Call {
    let function = deed["function"].as_str().unwrap_or_default();
    let call = Call::new(function).path("/people");
    match deed["as"].as_str() {
        Some(other) => call.header("ostro-user", other).header("authorization", "Bearer forged"),
        None => call,
    }
}

/// An operation, as the function or as its caller.
fn collection(name: &str, deed: &Value, as_caller: bool) -> db::Result<Value> {
    let open = if as_caller { db::collection_as_caller } else { db::collection };
    operation(&open(name)?, deed["operation"].as_str().unwrap_or_default(), deed)
}

fn operation(collection: &Collection, operation: &str, deed: &Value) -> db::Result<Value> {
    let filter = || deed["filter"].clone();
    let change = || deed["update"].clone();
    Ok(match operation {
        "insert" => json!(collection.insert_one(&deed["document"])?),
        "get" => json!(collection.get::<Value>(deed["id"].as_str().unwrap_or_default())?),
        "find" => {
            let find = collection.find(filter());
            let find = if deed["sort"].is_null() { find } else { find.sort(&deed["sort"]) };
            json!(find.all::<Value>()?)
        }
        "count" => json!(collection.count(filter())?),
        "distinct" => {
            json!(collection.distinct::<Value>(deed["field"].as_str().unwrap_or_default(), filter())?)
        }
        "aggregate" => json!(collection.aggregate::<Value>(&deed["pipeline"])?),
        "update" => json!(collection.update_many(filter(), change()).run()?.modified),
        "replace" => json!(collection.replace_one(filter(), &deed["document"]).run()?.modified),
        "delete" => json!(collection.delete_many(filter())?),
        "modify" => json!(collection.find_one_and_update(filter(), change()).run::<Value>()?),
        _ => Value::Null,
    })
}
