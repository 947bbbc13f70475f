//! `ostro::realtime`.

use ostro::json;
use ostro::realtime::{self, Error};

use crate::Outcome;

pub fn send() -> Outcome {
    realtime::send("users/ann", &json!({ "n": 1 }))?;
    realtime::send("news", "two")?;
    // Nobody has declared it: nobody hears it.
    realtime::send("unheard", &())?;

    let refused = realtime::send("rooms/a", &1);
    assert!(
        matches!(&refused, Err(Error::Denied(text)) if text.contains("channel:rooms/*:send")),
        "{refused:?}"
    );
    for name in ["", "News", "users/", "users/*", "users/a/b"] {
        assert!(matches!(realtime::send(name, &1), Err(Error::Invalid(_))), "{name}");
    }
    let long = realtime::send("news", &"x".repeat(16 << 10));
    assert!(matches!(long, Err(Error::Invalid(_))), "{long:?}");
    Ok(())
}
