//! A mailer: every message of a queue is posted to a web API; those that fail are named, and come again.

mod api;

use exports::ostro::triggers::queued::{Failure, Guest, Message};
use wstd::runtime::{block_on, spawn};

wit_bindgen::generate!({
    path: ["../../wit/secrets.wit", "../../wit/triggers.wit"],
    inline: "
        package example:mailer;
        world mailer {
            import ostro:secrets/store@0.1.0;
            export ostro:triggers/queued@0.1.0;
        }
    ",
    generate_all,
});

struct Mailer;

export!(Mailer);

impl Guest for Mailer {
    /// Messages that are not named in the answer are done. An error instead would fail the sent ones too.
    fn handle(_queue: String, messages: Vec<Message>) -> Result<Vec<Failure>, String> {
        Ok(block_on(async {
            // All at once: a slow answer for one does not hold up the others.
            let sendings: Vec<_> = messages.into_iter().map(|message| spawn(deliver(message))).collect();
            let mut failures = Vec::new();
            for sending in sendings {
                failures.extend(sending.await);
            }
            failures
        }))
    }
}

async fn deliver(message: Message) -> Option<Failure> {
    let refused = api::post(&message.id, &message.content_type, message.body).await.err()?;
    Some(Failure { id: message.id, reason: refused.reason, retry_after_ms: refused.retry_after_ms })
}
