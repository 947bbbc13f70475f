//! Writes of one thing: a document, a value, a pair of rows, an object. Each thing is written in steps, by one client.

use ostro::sql::{Statement, params};
use ostro::storage::{self, Put};
use ostro::{db, json, kv, sql};
use serde::Deserialize;
use std::io::Write as _;

use crate::{Done, Refusal, part};

/// Up to here an object is put in one call, and in pieces beyond.
const ONE_CALL: usize = 256 << 10;

/// What the client asks for: the step behind `after`, which is 0 for what is not there yet.
#[derive(Deserialize)]
struct Write {
    kind: String,
    id: String,
    after: u32,
    /// The text of the step; none to delete.
    text: Option<String>,
}

pub fn one(body: &[u8]) -> Done {
    let write: Write = serde_json::from_slice(body)?;
    match write.kind.as_str() {
        "document" => document(&write),
        "value" => value(&write),
        "rows" => rows(&write),
        "object" => match storage::bucket("files")?.delete(&write.id)? {
            true => Ok(String::new()),
            false => Err(lost(&write)),
        },
        kind => Err(Refusal::Failed(format!("{kind:?} is no kind"))),
    }
}

fn document(write: &Write) -> Done {
    let (notes, step) = (db::collection("notes")?, write.after + 1);
    let is = json!({ "_id": write.id, "step": write.after });
    let changed = match &write.text {
        Some(text) if write.after == 0 => {
            notes.insert_one(&json!({ "_id": write.id, "step": step, "text": text, "twin": step }))?;
            1
        }
        Some(text) => {
            let update = json!({ "$set": { "text": text }, "$inc": { "step": 1, "twin": 1 } });
            notes.update_one(is, update).run()?.modified
        }
        None => notes.delete_one(is)?,
    };
    match changed {
        1 => Ok(String::new()),
        _ => Err(lost(write)),
    }
}

fn value(write: &Write) -> Done {
    let values = kv::namespace("values")?;
    let is: Option<serde_json::Value> = values.get_json(&write.id)?;
    let step = is.and_then(|is| is["step"].as_u64()).unwrap_or_default();
    if step != u64::from(write.after) {
        return Err(lost(write));
    }
    match &write.text {
        Some(text) => values.set_json(&write.id, &json!({ "step": write.after + 1, "text": text }))?,
        None => values.delete(&write.id)?,
    }
    Ok(String::new())
}

/// Two rows of one id, which are written and deleted together.
fn rows(write: &Write) -> Done {
    let (table, step) = (sql::database("main")?, write.after + 1);
    let changed = match &write.text {
        Some(text) if write.after == 0 => {
            let insert = |side| {
                let values = params![write.id.as_str(), side, i64::from(step), text.as_str()];
                Statement::new("INSERT INTO pairs (id, side, step, text) VALUES (?, ?, ?, ?)", values)
            };
            table.batch([insert("left"), insert("right")])?.iter().map(|outcome| outcome.rows_affected).sum()
        }
        Some(text) => {
            let values = params![i64::from(step), text.as_str(), write.id.as_str(), i64::from(write.after)];
            let update = "UPDATE pairs SET step = ?, text = ? WHERE id = ? AND step = ?";
            table.execute(update, values)?.rows_affected
        }
        None => {
            let values = params![write.id.as_str(), i64::from(write.after)];
            table.execute("DELETE FROM pairs WHERE id = ? AND step = ?", values)?.rows_affected
        }
    };
    match changed {
        2 => Ok(String::new()),
        _ => Err(lost(write)),
    }
}

/// Puts the body as step `step` of the object `id`.
pub fn object(query: &str, body: &[u8]) -> Done {
    let of = |name| part(query, name).ok_or_else(|| Refusal::Failed(format!("{name} is missing")));
    let (id, step) = (of("id")?, of("step")?);
    let bucket = storage::bucket("files")?;
    let options = Put::default().content_type("application/octet-stream").metadata("step", step);
    let options = if step == "1" { options.if_absent() } else { options };
    if step != "1" && bucket.head(id)?.is_none() {
        return Err(Refusal::Lost(format!("object {id} is not there before step {step}")));
    }
    if body.len() <= ONE_CALL {
        bucket.put_as(id, body, &options)?;
    } else {
        let mut upload = bucket.upload(id, &options.size(body.len() as u64))?;
        upload.write_all(body)?;
        upload.finish()?;
    }
    Ok(String::new())
}

fn lost(write: &Write) -> Refusal {
    Refusal::Lost(format!("{} {} is not at step {}", write.kind, write.id, write.after))
}
