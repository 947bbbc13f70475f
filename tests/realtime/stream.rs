//! A client of streams: it reads events as a page does, and sees how the stream ends.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client_documents::Visitor;
use crate::support::http::Connection;
use crate::support::{Answer, Ended};

/// A stream that is open.
pub struct Stream {
    connection: Connection,
    text: String,
    /// The last place that was told.
    pub id: Option<String>,
    /// When the server wants to be asked again, milliseconds.
    pub retry_ms: Option<u64>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// What a page watches: names and filters of one collection.
pub fn notes(filters: &[(&str, Value)]) -> Value {
    let one = |(id, filter): &(&str, Value)| json!({ "id": id, "collection": "notes", "filter": filter });
    json!({ "subscriptions": filters.iter().map(one).collect::<Vec<_>>() })
}

impl Stream {
    /// Opens one, behind the event of that id, and waits until everything is watched.
    pub fn open(visitor: &Visitor<'_>, subscriptions: &Value, after: Option<&str>) -> Self {
        let mut request = visitor.request("realtime", subscriptions);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let mut connection = Connection::open(visitor.bench.server.listen);
        connection.send(&request.bytes());
        let head = connection.head();
        assert_eq!(head.status, 200, "{head:?}");
        let kind = head.headers.iter().find(|(name, _)| name == "content-type");
        assert_eq!(kind.map(|(_, value)| value.as_str()), Some("text/event-stream"));
        Self { connection, text: String::new(), id: None, retry_ms: None, ended: None }
    }

    /// Opens one on all notes.
    pub fn all(visitor: &Visitor<'_>) -> Self {
        let mut stream = Self::open(visitor, &notes(&[("1", json!({}))]), None);
        stream.begin();
        stream
    }

    /// Is refused one.
    pub fn refused(visitor: &Visitor<'_>, subscriptions: &Value) -> Answer {
        visitor.ask("realtime", subscriptions)
    }

    /// Reads the first block, which has nothing but a place.
    pub fn begin(&mut self) -> &mut Self {
        let block = self.block().expect("a first block");
        assert_eq!(block, None, "nothing has happened yet");
        assert!(self.id.is_some());
        self
    }

    /// The next event: its kind and data. None at the end.
    pub fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.block()? {
                return Some(event);
            }
        }
    }

    /// The next event as text: `insert 1 a`.
    pub fn told(&mut self) -> String {
        let (kind, data) = self.next().expect("an event");
        let id = data["document"]["_id"].as_str().or(data["id"].as_str()).unwrap_or_default();
        format!("{kind} {} {id}", data["subscription"].as_str().unwrap()).trim_end().to_owned()
    }

    /// Nothing is told within a while in which it would have been.
    pub fn is_told_nothing(&mut self) {
        self.connection.patience(Duration::from_millis(400));
        let event = self.block();
        assert!(matches!(event, None | Some(None)) && self.ended.is_none(), "{event:?} {:?}", self.ended);
        self.connection.patience(Duration::from_secs(60));
    }

    /// One block; None at the end or when patience is, none in it where it has no data.
    fn block(&mut self) -> Option<Option<(String, Value)>> {
        let block = loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                break block;
            }
            match self.connection.chunk() {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Ok(None) => {
                    self.ended = Some(Ended::Complete);
                    return None;
                }
                Err(error) => {
                    let is_patient = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    self.ended = (!is_patient).then_some(Ended::Cut);
                    return None;
                }
            }
        };
        let (mut kind, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ").unwrap() {
                ("event", text) => kind = text.to_owned(),
                ("data", text) => data = Some(serde_json::from_str(text).unwrap()),
                ("id", text) => self.id = Some(text.to_owned()),
                ("retry", text) => self.retry_ms = Some(text.parse().unwrap()),
                other => panic!("{other:?}"),
            }
        }
        Some(data.map(|data| (kind, data)))
    }
}
