//! Many calls of one kind in one request, timed here: what a call costs without HTTP and without an instance.

use ostro::{db, json, kv};
use serde::de::IgnoredAny;
use wasip2::clocks::monotonic_clock;

use crate::Outcome;
use crate::documents::User;

/// Documents that there are, and the step from one that is asked for to the next.
const DOCUMENTS: usize = 100_000;
const STEP: usize = 7_919;

/// Makes the calls of `KIND,HOW-MANY`; nanoseconds for all of them.
pub fn time(argument: &str) -> Outcome<Vec<u8>> {
    let (kind, calls) = argument.split_once(',').ok_or("how many?")?;
    let calls: usize = calls.parse()?;
    let (users, values) = (db::collection("users")?, kv::namespace("bench")?);
    let numbers = (0..calls).map(|call| call * STEP % DOCUMENTS);
    let begin = monotonic_clock::now();
    for number in numbers {
        let there = match kind {
            "clock" => monotonic_clock::now() >= begin,
            "kv-get" => values.get(&format!("key{}", number % 1_000))?.is_some(),
            "get" => users.get::<IgnoredAny>(&format!("{number:08}"))?.is_some(),
            "get-typed" => users.get::<User>(&format!("{number:08}"))?.is_some(),
            "find" => users.find_one::<User>(json!({ "name": format!("user{number}") }))?.is_some(),
            other => return Err(format!("there is no call {other}").into()),
        };
        if !there {
            return Err(format!("{kind} finds nothing of {number}").into());
        }
    }
    Ok((monotonic_clock::now() - begin).to_string().into_bytes())
}
