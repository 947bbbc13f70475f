//! What the listener is told of, each under a name of its own in the collection `heard`, with how often.

use ostro::{db, json};
use serde_json::Value;

use crate::{Done, Refusal};

/// A change of data. Its name is its place, what was changed, and the step.
pub fn event(body: &[u8]) -> Done {
    let event: Value = serde_json::from_slice(body)?;
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let step = event["document"]["step"].as_u64();
    match (text("collection"), text("bucket"), text("change")) {
        ("notes", _, "delete") => {
            // It is as it was; to be deleted was its next step.
            step_of("notes", text("id"), step.ok_or_else(|| unknown(&event))? + 1)
        }
        ("notes", ..) => step_of("notes", text("id"), step.ok_or_else(|| unknown(&event))?),
        ("journal", _, "insert") => note(&format!("journal/{}", text("id"))),
        (_, "files", "put") => {
            let step = event["object"]["metadata"]["step"].as_str().and_then(|step| step.parse().ok());
            step_of("files", text("key"), step.ok_or_else(|| unknown(&event))?)
        }
        _ => Err(unknown(&event)),
    }
}

/// A step of a document or an object. They are told in their order, so that the step before is known already.
fn step_of(place: &str, id: &str, step: u64) -> Done {
    let before = format!("{place}/{id}/{}", step - 1);
    if step > 1 && !db::collection("heard")?.exists(json!({ "_id": before }))? {
        note(&format!("early/{place}/{id}/{step}"))?;
    }
    note(&format!("{place}/{id}/{step}"))
}

/// The message of a transfer.
pub fn message(body: &[u8]) -> Done {
    note(&format!("message/{}", String::from_utf8_lossy(body)))
}

/// Once or more often: delivery is at least once.
fn note(name: &str) -> Done {
    let heard = db::collection("heard")?;
    heard.update_one(json!({ "_id": name }), json!({ "$inc": { "times": 1 } })).upsert().run()?;
    Ok(String::new())
}

fn unknown(event: &Value) -> Refusal {
    Refusal::Failed(format!("nobody expects {event}"))
}
