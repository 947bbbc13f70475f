//! What a stream is to be about: `{"subscriptions": [{"id", "collection", "filter"}, {"id", "channel"}, …]}`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use store::realtime::{MAX_SUBSCRIPTIONS, Topic};
use utoipa::ToSchema;

use crate::client_api::body::bad;
use crate::problem::Problem;

/// Longest name of a subscription, bytes.
const MAX_NAME_BYTES: usize = 64;

/// What is watched, and what the client calls each of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) names: Vec<String>,
    pub(super) topics: Vec<Topic>,
}

/// What a stream is to be about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscriptions {
    /// 1 to 16.
    subscriptions: Vec<Subscription>,
}

/// One thing that is watched.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Subscription {
    /// What the client calls it, 1 to 64 bytes.
    id: String,
    /// A collection, or else `channel`.
    collection: Option<String>,
    /// Of which documents of the collection; all unless given.
    #[schema(value_type = Option<Object>)]
    filter: Option<Box<RawValue>>,
    /// The name of a channel.
    channel: Option<String>,
}

impl Asked {
    /// Reads it. `invalid` where there is nothing, too much, or a name twice.
    pub(super) fn read(json: &[u8]) -> Result<Self, Problem> {
        let Subscriptions { subscriptions } = serde_json::from_slice(json)
            .map_err(|error| bad(format!("the body is not what is expected here: {error}")))?;
        if !(1..=MAX_SUBSCRIPTIONS).contains(&subscriptions.len()) {
            return Err(invalid(format!("a stream has 1 to {MAX_SUBSCRIPTIONS} subscriptions")));
        }
        let (mut names, mut topics, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for Subscription { id, collection, filter, channel } in subscriptions {
            if !(1..=MAX_NAME_BYTES).contains(&id.len()) || !seen.insert(id.clone()) {
                let text = format!(
                    "the `id` of a subscription has 1 to {MAX_NAME_BYTES} bytes, and no other one has it"
                );
                return Err(invalid(text));
            }
            topics.push(match (collection, filter, channel) {
                (Some(collection), filter, None) => {
                    let filter = filter.map_or_else(|| "{}".to_owned(), |filter| filter.get().to_owned());
                    Topic::Documents { collection, filter }
                }
                (None, None, Some(channel)) => {
                    let topic = Topic::Channel(channel);
                    // Each message would be told as often.
                    if topics.contains(&topic) {
                        return Err(invalid(format!("subscription `{id}` has the channel of another one")));
                    }
                    topic
                }
                _ => {
                    let text = format!(
                        "subscription `{id}` has a `collection`, and maybe a `filter`, or a `channel`"
                    );
                    return Err(bad(text));
                }
            });
            names.push(id);
        }
        Ok(Self { names, topics })
    }
}

fn invalid(text: String) -> Problem {
    Problem::new(422, "invalid", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_subscriptions_is_refused() {
        let documents =
            |filter: &str| Topic::Documents { collection: "a".to_owned(), filter: filter.to_owned() };
        let asked = Asked::read(br#"{"subscriptions":[{"id":"1","collection":"a"},{"id":"x","collection":"a","filter":{"n": 1}},{"id":"c","channel":"rooms/a"}]}"#);
        let expected = Asked {
            names: ["1", "x", "c"].map(str::to_owned).into(),
            topics: vec![documents("{}"), documents(r#"{"n": 1}"#), Topic::Channel("rooms/a".to_owned())],
        };
        assert_eq!(asked.unwrap(), expected);
        let long = format!(r#"{{"subscriptions":[{{"id":"{}","collection":"a"}}]}}"#, "x".repeat(65));
        let one = |id: usize| format!(r#"{{"id":"{id}","collection":"a"}}"#);
        let many: Vec<String> = (0..17).map(one).collect();
        let many = format!(r#"{{"subscriptions":[{}]}}"#, many.join(","));
        for (json, code) in [
            ("", "bad_request"),
            ("[]", "bad_request"),
            (r#"{"subscriptions":[{"id":1,"collection":"a"}]}"#, "bad_request"),
            (r#"{"subscriptions":[{"id":"1","collection":"a","sort":{}}]}"#, "bad_request"),
            (r#"{"subscriptions":[{"id":"1","channel":"c"},{"id":"2","channel":"c"}]}"#, "invalid"),
            (r#"{"subscriptions":[{"id":"1"}]}"#, "bad_request"),
            (r#"{"subscriptions":[{"id":"1","collection":"a","channel":"b"}]}"#, "bad_request"),
            (r#"{"subscriptions":[{"id":"1","channel":"b","filter":{}}]}"#, "bad_request"),
            (r#"{"subscriptions":[{"id":"1","channel":1}]}"#, "bad_request"),
            (r#"{"subscriptions":[]}"#, "invalid"),
            (r#"{"subscriptions":[{"id":"","collection":"a"}]}"#, "invalid"),
            (r#"{"subscriptions":[{"id":"1","collection":"a"},{"id":"1","collection":"b"}]}"#, "invalid"),
            (&long, "invalid"),
            (&many, "invalid"),
        ] {
            assert_eq!(Asked::read(json.as_bytes()).unwrap_err().code, code, "{json}");
        }
    }
}
