//! Channels: names under which messages are told to those who listen, and who may listen and send. Pure.
//!
//! A channel that is declared as `NAME/*` stands for one of each part: `rooms/a`, `rooms/b`. Its rules ask for the part.

use std::collections::BTreeMap;

use super::Result;
use crate::catalog::check_name;
use crate::documents::language::json::{self, Names};
use crate::documents::language::{Fault, Object, Rule, Value};
use crate::documents::{Caller, Failure};

/// Longest message, bytes of JSON.
pub const MAX_MESSAGE_BYTES: usize = 16 << 10;
/// Longest part of a channel's name, bytes.
pub const MAX_PART_BYTES: usize = 128;
/// Channels of a project, as they are declared.
pub const MAX_CHANNELS: usize = 200;

/// What stands for the part in a name that is declared.
const ANY: &str = "*";
/// What rules can ask of a channel.
const FIELDS: [&str; 2] = ["channel.name", "channel.part"];

/// A channel: one that can be listened to, and sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    name: String,
    /// How much of it stands in front of the part, bytes; none without one.
    head: Option<usize>,
}

/// A channel, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// `NAME`, or `NAME/*`.
    pub name: String,
    /// What callers from outside may do with it.
    pub rules: ChannelRules,
}

/// What callers from outside may do with a channel. What has no rule is for functions only.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRules {
    /// Who may listen.
    pub read: Option<String>,
    /// Who may send what.
    pub send: Option<String>,
}

/// The channels of a project, as they are declared, with their rules read.
#[derive(Debug, Default)]
pub(crate) struct Declared(BTreeMap<String, Ruling>);

/// The rules of a channel, read, beside what they were read from.
#[derive(Debug, Default)]
struct Ruling {
    text: String,
    read: Option<Rule>,
    send: Option<Rule>,
}

impl Channel {
    /// Reads `NAME` or `NAME/PART`: a name as [`check_name`] has it, a part of 1 to [`MAX_PART_BYTES`] letters, digits and
    /// `_`, `-`, `.`, `~`, `:`, `@`, but not of dots alone. The error says what is wrong.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let (name, part) = split(text);
        check_name(name)?;
        let Some(part) = part else { return Ok(Self { name: text.to_owned(), head: None }) };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~:@".contains(&byte);
        let is_part = (1..=MAX_PART_BYTES).contains(&part.len()) && part.bytes().all(known);
        match is_part && part.bytes().any(|byte| byte != b'.') {
            true => Ok(Self { name: text.to_owned(), head: Some(name.len()) }),
            false => Err(format!(
                "a part has 1 to {MAX_PART_BYTES} letters, digits, `_`, `-`, `.`, `~`, `:` or `@`"
            )),
        }
    }

    /// All of its name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Under which name it is declared.
    pub fn declared(&self) -> String {
        self.head.map_or_else(|| self.name.clone(), |head| format!("{}/{ANY}", self.name.split_at(head).0))
    }

    /// What rules see of it.
    fn document(&self) -> Object {
        let text = |text: &str| Value::String(text.to_owned());
        let mut fields = Object::new();
        fields.insert("name", text(&self.name));
        if let Some(part) = split(&self.name).1 {
            fields.insert("part", text(part));
        }
        let mut document = Object::new();
        document.insert("channel", Value::Object(fields));
        document
    }
}

/// Whether channels can be declared under that name: `NAME`, or `NAME/*`. The error says what is wrong.
pub fn check_channel(name: &str) -> std::result::Result<(), &'static str> {
    match split(name) {
        (name, None | Some(ANY)) => check_name(name),
        _ => Err("behind `/` stands `*`, for every part"),
    }
}

fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('/').map_or((name, None), |(name, part)| (name, Some(part)))
}

impl ChannelRules {
    /// Reads the rule of who may listen. A fault has the byte of the text that it is at.
    pub fn locate_read(text: &str) -> std::result::Result<(), (usize, Fault)> {
        let rule = locate(text)?;
        match rule.mentions_data() {
            false => Ok(()),
            true => {
                let at = text.find("request").unwrap_or_default();
                Err((
                    at,
                    Fault::new("who listens is asked before anything is sent: there is no `request.data`"),
                ))
            }
        }
    }

    /// Reads the rule of who may send what, in the same way.
    pub fn locate_send(text: &str) -> std::result::Result<(), (usize, Fault)> {
        locate(text).map(|_| ())
    }
}

fn locate(text: &str) -> std::result::Result<Rule, (usize, Fault)> {
    let rule = Rule::locate(text)?;
    let unknown = rule.fields_there().into_iter().find(|path| !FIELDS.contains(&path.as_str()));
    let fault = unknown.map(|path| {
        let at = text.find(path.as_str()).unwrap_or_default();
        let known = FIELDS.join("`, `");
        (at, Fault::new(format!("a channel has no `{}`, but `{known}`", path.as_str())))
    });
    fault.map_or(Ok(rule), Err)
}

impl Declared {
    /// Reads what is stored: names, and rules as JSON. What cannot be understood permits nothing.
    pub(crate) fn stored(all: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(all.into_iter().map(|(name, text)| (name, Ruling::stored(text))).collect())
    }

    /// Whether all rules are the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let both = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && both.into_iter().all(|((name, one), (other, two))| name == other && one.text == two.text)
    }

    /// Whether that caller may listen.
    pub(crate) fn lets_listen(&self, caller: &Caller, channel: &Channel) -> bool {
        let rule = self.of(channel).and_then(|ruling| ruling.read.as_ref());
        rule.is_some_and(|rule| rule.known(caller).holds(&channel.document(), None))
    }

    /// Whether that caller may send that message.
    pub(crate) fn lets_send(&self, caller: &Caller, channel: &Channel, message: &Message) -> bool {
        let rule = self.of(channel).and_then(|ruling| ruling.send.as_ref());
        rule.is_some_and(|rule| rule.known(caller).holds_with(&channel.document(), &message.0))
    }

    fn of(&self, channel: &Channel) -> Option<&Ruling> {
        self.0.get(&channel.declared())
    }
}

impl Ruling {
    fn stored(text: String) -> Self {
        let rules = serde_json::from_str::<ChannelRules>(&text).ok();
        let read = rules.and_then(|ChannelRules { read, send }| {
            let is_read = |rule: &String| ChannelRules::locate_read(rule).is_ok();
            let rule = |text: Option<String>| text.map(|text| locate(&text)).transpose().ok();
            read.as_ref().is_none_or(is_read).then_some(())?;
            Some((rule(read)?, rule(send)?))
        });
        let (read, send) = read.unwrap_or_default();
        Self { text, read, send }
    }
}

/// A message: a value as documents have them.
#[derive(Debug)]
pub struct Message(Value);

impl Message {
    /// Reads JSON of at most [`MAX_MESSAGE_BYTES`]. `TooLarge`, `Invalid`.
    pub fn parse(json: &str) -> Result<Self> {
        if json.len() > MAX_MESSAGE_BYTES {
            let limit = MAX_MESSAGE_BYTES as u64;
            return Err(Failure::TooLarge { what: "the message, in bytes of JSON", limit });
        }
        Ok(Self(json::read(json, MAX_MESSAGE_BYTES, Names::OfFields)?))
    }

    /// As it is told: JSON without blanks.
    pub(super) fn to_json(&self) -> String {
        self.0.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(all: &[(&str, &str)]) -> Declared {
        Declared::stored(all.iter().map(|(name, rules)| ((*name).to_owned(), (*rules).to_owned())))
    }

    fn caller(user: &str) -> Caller {
        Caller { user: (!user.is_empty()).then(|| user.to_owned()), ..Caller::default() }
    }

    #[test]
    fn channels_have_a_name_and_at_most_one_part() {
        let long = "x".repeat(MAX_PART_BYTES);
        for (text, declared) in [
            ("lobby", "lobby"),
            ("rooms/a", "rooms/*"),
            ("rooms/Ab_-.~:@9", "rooms/*"),
            ("rooms/..a", "rooms/*"),
            (&format!("rooms/{long}"), "rooms/*"),
        ] {
            assert_eq!(Channel::parse(text).unwrap().declared(), declared, "{text}");
        }
        for text in [
            "",
            "/",
            "rooms/",
            "/a",
            "Rooms",
            "rooms/a/b",
            "rooms/*",
            "rooms/.",
            "rooms/..",
            "rooms/a b",
            "rooms/ä",
            "rooms/a%2f",
            "a--b",
            "rooms/\n",
            &format!("rooms/{long}x"),
        ] {
            assert!(Channel::parse(text).is_err(), "{text:?}");
        }
        for name in ["lobby", "rooms/*"] {
            assert_eq!(check_channel(name), Ok(()), "{name}");
        }
        for name in ["", "*", "/*", "rooms/", "rooms/a", "rooms/**", "rooms/*/a", "rooms*", "Rooms/*"] {
            assert!(check_channel(name).is_err(), "{name}");
        }
    }

    #[test]
    fn rules_ask_for_the_channel_and_for_what_is_sent() {
        for rule in ["true", "channel.part == auth.user", "channel.name in ['a', 'b'] && 'x' in auth.roles"] {
            assert!(ChannelRules::locate_read(rule).is_ok(), "{rule}");
            assert!(ChannelRules::locate_send(rule).is_ok(), "{rule}");
        }
        assert!(ChannelRules::locate_send("request.data.from == auth.user && request.data != null").is_ok());
        for (rule, at, part) in [
            ("true && owner == 'a'", 8, "no `owner`"),
            ("channel == 'a'", 0, "no `channel`"),
            ("channel.part.x == 'a'", 0, "no `channel.part.x`"),
            ("channel.part = 'a'", 13, "nothing can follow"),
        ] {
            for (found, fault) in
                [ChannelRules::locate_read(rule).unwrap_err(), ChannelRules::locate_send(rule).unwrap_err()]
            {
                assert_eq!(found, at, "{rule}: {}", fault.message);
                assert!(fault.message.contains(part), "{}", fault.message);
            }
        }
        let (at, fault) = ChannelRules::locate_read("true || request.data.to == auth.user").unwrap_err();
        assert!(at == 8 && fault.message.contains("no `request.data`"), "{at} {}", fault.message);
    }

    #[test]
    fn c9_only_what_a_rule_says_is_open() {
        let all = declared(&[
            ("users/*", r#"{"read":"channel.part == auth.user","send":"request.data.from == auth.user"}"#),
            ("lobby", r#"{"read":"true","send":"auth.user != null && request.data != null"}"#),
            ("closed", "{}"),
            ("damaged", r#"{"read":"true","later":"true"}"#),
            ("odd", r#"{"read":"request.data == null","send":"true"}"#),
        ]);
        let listens = |user: &str, name: &str| all.lets_listen(&caller(user), &Channel::parse(name).unwrap());
        for (user, name, expected) in [
            ("ann", "users/ann", true),
            ("bob", "users/ann", false),
            ("", "users/ann", false),
            ("", "lobby", true),
            ("ann", "lobby/ann", false),
            ("ann", "users", false),
            ("ann", "closed", false),
            ("ann", "damaged", false),
            ("ann", "odd", false),
            ("ann", "none", false),
        ] {
            assert_eq!(listens(user, name), expected, "{user} {name}");
        }
        let sends = |user: &str, name: &str, json: &str| {
            let (channel, message) = (Channel::parse(name).unwrap(), Message::parse(json).unwrap());
            all.lets_send(&caller(user), &channel, &message)
        };
        for (user, name, json, expected) in [
            ("ann", "users/bob", r#"{"from":"ann"}"#, true),
            ("ann", "users/bob", r#"{"from":"bob"}"#, false),
            ("", "users/bob", r#"{"from":null}"#, false),
            ("ann", "users/bob", r#"[{"from":"ann"}]"#, false),
            ("ann", "users/bob", r#""ann""#, false),
            ("ann", "lobby", "5", true),
            ("ann", "lobby", "null", false),
            ("", "lobby", "5", false),
            ("ann", "closed", "5", false),
            ("ann", "damaged", "5", false),
            ("ann", "odd", "5", false),
        ] {
            assert_eq!(sends(user, name, json), expected, "{user} {name} {json}");
        }
    }

    #[test]
    fn a_message_is_one_value_of_documents() {
        for (json, told) in [
            ("{\n \"a\" : [1,\t2.5, null]\r\n}", r#"{"a":[1,2.5,null]}"#),
            ("\"a\\nb\"", r#""a\nb""#),
            (r#"{"at": {"$date": 5}}"#, r#"{"at":{"$date":"1970-01-01T00:00:00.005Z"}}"#),
        ] {
            assert_eq!(Message::parse(json).unwrap().to_json(), told);
        }
        let deep = "[".repeat(101) + &"]".repeat(101);
        for json in ["", "{", "nul", "1 2", "{\"a\":1,\"a\":2}", "{\"$where\":1}", &deep] {
            assert!(matches!(Message::parse(json), Err(Failure::Invalid(_))), "{json}");
        }
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(Message::parse(&text(MAX_MESSAGE_BYTES)).is_ok());
        assert!(matches!(Message::parse(&text(MAX_MESSAGE_BYTES + 1)), Err(Failure::TooLarge { .. })));
    }
}
