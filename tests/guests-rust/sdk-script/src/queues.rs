//! `ostro::queue`.

use std::time::Duration;

use ostro::json;
use ostro::queue::{self, Error, Message};

use crate::Outcome;

pub fn send() -> Outcome {
    let first =
        queue::send("mail", Message::json(&json!({ "to": "ann" }))?.dedupe_key("7").order_key("ann"))?;
    assert_eq!(queue::send("mail", Message::new("again").dedupe_key("7"))?, first);
    let later = Message::new("later").content_type("text/plain").delay(Duration::from_secs(3_600));
    let ids = queue::send_all("mail", [later, Message::new([0, 1])])?;
    assert!(ids.len() == 2 && !ids.contains(&first));

    let long = queue::send("mail", Message::new(vec![0; (128 << 10) + 1]));
    assert!(matches!(long, Err(Error::Invalid(_))), "{long:?}");
    let late = queue::send("mail", Message::new("x").delay(Duration::MAX));
    assert!(matches!(late, Err(Error::Invalid(_))), "{late:?}");
    Ok(())
}
