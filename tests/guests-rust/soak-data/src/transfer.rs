//! Transfers between accounts: two documents, a journal entry, a value and a message in one commit.

use ostro::queue::Message;
use ostro::sql::params;
use ostro::{db, json, sql};
use serde::Deserialize;
use serde_json::Value;

use crate::{Done, Refusal};

#[derive(Deserialize)]
struct Begin {
    accounts: u32,
    opening: i64,
}

/// Makes the table and the accounts.
pub fn begin(body: &[u8]) -> Done {
    let begin: Begin = serde_json::from_slice(body)?;
    sql::database("main")?.execute(
        "CREATE TABLE pairs (id TEXT, side TEXT, step INTEGER, text TEXT, PRIMARY KEY (id, side)) WITHOUT ROWID",
        params![],
    )?;
    let accounts: Vec<Value> = (0..begin.accounts)
        .map(|number| json!({ "_id": format!("a{number}"), "balance": begin.opening }))
        .collect();
    db::collection("accounts")?.insert_many(&accounts)?;
    Ok(String::new())
}

#[derive(Deserialize)]
struct Transfer {
    id: String,
    from: String,
    to: String,
    amount: i64,
    /// Everything is written, and then given up.
    undo: bool,
}

/// Makes a transfer, or begins one and gives it up.
pub fn make(body: &[u8]) -> Done {
    let transfer: Transfer = serde_json::from_slice(body)?;
    let done = db::transaction(|tx| {
        write(tx, &transfer)?;
        match transfer.undo {
            true => Err(db::Error::Invalid(UNDONE.to_owned())),
            false => Ok(()),
        }
    });
    match done {
        Ok(()) => Ok(String::new()),
        Err(db::Error::Conflict(_)) => Err(Refusal::Conflict),
        Err(db::Error::Invalid(text)) if text == UNDONE => Err(Refusal::Undone),
        Err(error) => Err(error.into()),
    }
}

const UNDONE: &str = "undone";

fn write(tx: &db::Transaction, transfer: &Transfer) -> db::Result<()> {
    let accounts = tx.collection("accounts")?;
    for (id, change) in [(&transfer.from, -transfer.amount), (&transfer.to, transfer.amount)] {
        // Read and set rather than `$inc`: a commit that has not seen another one would lose it.
        let account: Option<Value> = accounts.get(id)?;
        let balance = account.and_then(|account| account["balance"].as_i64());
        let balance = balance.ok_or_else(|| db::Error::Invalid(format!("there is no account {id}")))?;
        accounts
            .update_one(json!({ "_id": id }), json!({ "$set": { "balance": balance + change } }))
            .run()?;
    }
    let (id, amount) = (transfer.id.as_str(), transfer.amount);
    let entry = json!({ "_id": id, "from": transfer.from, "to": transfer.to, "amount": amount });
    tx.collection("journal")?.insert_one(&entry)?;
    tx.namespace("transfers").set_json(id, &entry)?;
    tx.send("transfers", Message::new(id).content_type("text/plain"))
}
