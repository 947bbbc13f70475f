//! Events as blocks of a stream (HTML standard, section 9.2.5). Pure.

use std::fmt::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};
use store::realtime::Event;

use crate::problem::Problem;

/// Text of a stream in the making.
#[derive(Default)]
pub(super) struct Blocks(BytesMut);

impl Blocks {
    /// An event for the subscription of that name, and the place behind it.
    pub(super) fn event(&mut self, name: &str, event: Event, id: Option<&str>) {
        match event {
            Event::Insert(document) => self.block("insert", name, "document", &document, id),
            Event::Update(document) => self.block("update", name, "document", &document, id),
            Event::Delete(gone) => self.block("delete", name, "id", &json!(*gone).to_string(), id),
            Event::Message(data) => self.block("message", name, "data", &data, id),
            Event::Reset => self.block("reset", name, "", "", id),
            Event::Refused(failure) => {
                let problem = Problem::from(failure).to_json();
                let error = problem.get("error").map(Value::to_string).unwrap_or_default();
                self.block("error", name, "error", &error, id);
            }
        }
    }

    /// A place, without anything that has happened.
    pub(super) fn place(&mut self, id: &str) {
        self.text(format_args!("id: {id}\n\n"));
    }

    /// What the client waits before it comes again, milliseconds. Not 0, which is no time for clients.
    pub(super) fn retry(&mut self, wait_ms: u64) {
        self.text(format_args!("retry: {wait_ms}\n\n"));
    }

    /// How much there is, bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes what there is.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }

    /// JSON has no line breaks outside of texts, and in texts they are escaped: data is one line.
    fn block(&mut self, kind: &str, name: &str, key: &str, value: &str, id: Option<&str>) {
        self.0.reserve(value.len() + name.len() + 128);
        self.text(format_args!("event: {kind}\ndata: {{\"subscription\":{}", json!(name)));
        if !key.is_empty() {
            self.text(format_args!(",\"{key}\":"));
            self.0.put_slice(value.as_bytes());
        }
        self.text(format_args!("}}\n"));
        if let Some(id) = id {
            self.text(format_args!("id: {id}\n"));
        }
        self.0.put_u8(b'\n');
    }

    fn text(&mut self, text: std::fmt::Arguments<'_>) {
        // There is always room.
        let _ = self.0.write_fmt(text);
    }
}

#[cfg(test)]
mod tests {
    use store::documents::Failure;

    use super::*;

    #[test]
    fn every_event_is_one_block() {
        let mut blocks = Blocks::default();
        blocks.event("1", Event::Insert(r#"{"_id":"a"}"#.into()), None);
        blocks.event("1", Event::Delete("a\n\"".into()), Some("7"));
        blocks.event("2", Event::Message("[1]".into()), None);
        blocks.event("x\"\n", Event::Reset, None);
        blocks.event("1", Event::Refused(Failure::Forbidden), None);
        blocks.place("8");
        blocks.retry(10);
        let expected = [
            "event: insert\ndata: {\"subscription\":\"1\",\"document\":{\"_id\":\"a\"}}\n\n",
            "event: delete\ndata: {\"subscription\":\"1\",\"id\":\"a\\n\\\"\"}\nid: 7\n\n",
            "event: message\ndata: {\"subscription\":\"2\",\"data\":[1]}\n\n",
            "event: reset\ndata: {\"subscription\":\"x\\\"\\n\"}\n\n",
            "event: error\ndata: {\"subscription\":\"1\",\"error\":",
            "{\"code\":\"forbidden\",\"message\":\"nothing in this collection is open to you\"}}\n\n",
            "id: 8\n\nretry: 10\n\n",
        ];
        assert_eq!(String::from_utf8(blocks.take().to_vec()).unwrap(), expected.concat());
        assert_eq!(blocks.len(), 0);
    }
}
