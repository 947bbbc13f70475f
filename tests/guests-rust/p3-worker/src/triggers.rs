//! Slots and messages, taken by calls that wait.

use exports::ostro::triggers::queued_async::{Failure, Guest as Queued, Message};
use exports::ostro::triggers::scheduled_async::{Guest as Scheduled, Slot};

wit_bindgen::generate!({
    path: "../../../wit/triggers.wit",
    world: "consumer-async",
    generate_all,
});

export!(Triggers);

struct Triggers;

impl Scheduled for Triggers {
    async fn handle(slot: Slot) -> Result<(), String> {
        super::sleep(20).await;
        println!("slot {} of {:?}, start {}", slot.time_ms, slot.schedule, slot.start);
        match super::variable("SLOT_FAILS").as_str() {
            "" => Ok(()),
            word => Err(word.to_owned()),
        }
    }
}

impl Queued for Triggers {
    /// Messages that say `bad` fail, with a word.
    async fn handle(queue: String, messages: Vec<Message>) -> Result<Vec<Failure>, String> {
        super::sleep(20).await;
        println!("{} messages of {queue}", messages.len());
        let bad = messages.into_iter().filter(|message| message.body == b"bad");
        Ok(bad
            .map(|message| Failure { id: message.id, reason: "it is bad".into(), retry_after_ms: None })
            .collect())
    }
}
