//! A script of cases: TOML in, calls and what is expected of them out. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::documents::Caller;

use super::objects::{Attempt, Object};
use crate::client_api::documents::Operation;

/// Something was found, put in, changed or removed.
pub(super) const DONE: &str = "done";
/// The call was let through, and there was nothing for it.
pub(super) const NOTHING: &str = "nothing";

/// Documents and objects, and what callers try with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What is there before each case: JSON, by collection.
    pub documents: BTreeMap<String, Vec<String>>,
    /// The same of objects, by bucket.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One call of the client API, and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// Who calls.
    pub caller: Caller,
    /// What is tried.
    pub asked: Asked,
    /// How it ends.
    pub expected: Expected,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something with documents.
    Documents {
        /// An operation of the client API.
        operation: String,
        /// With which collection.
        collection: String,
        /// The JSON of the call.
        body: String,
    },
    /// Something with objects.
    Objects {
        /// Of which bucket.
        bucket: String,
        /// What.
        attempt: Attempt,
    },
}

/// How a case ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// `done`, `nothing`, or the code of an error such as `forbidden`.
    pub word: String,
    /// The `_id`s of the documents that are answered, or the keys of the objects, in any order.
    pub ids: Option<Vec<String>>,
}

impl Script {
    /// Reads a script; what is wrong says in which case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut file: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let documents = match file.remove("documents") {
            None => BTreeMap::new(),
            Some(toml::Value::Table(all)) => all
                .into_iter()
                .map(|(name, list)| Ok((name.clone(), documents(&name, list)?)))
                .collect::<Result<_, String>>()?,
            Some(_) => return Err("`documents` is a table of lists, by collection".to_owned()),
        };
        let objects = match file.remove("objects") {
            None => BTreeMap::new(),
            Some(objects) => objects.try_into().map_err(|fault| {
                format!("`objects` is a table of lists of objects, by bucket: {}", said(&fault))
            })?,
        };
        let cases = match file.remove("case") {
            Some(toml::Value::Array(all)) if !all.is_empty() => all,
            _ => return Err("there is no [[case]]".to_owned()),
        };
        if let Some(unknown) = file.keys().next() {
            return Err(format!(
                "`{unknown}` is not known: a script has [documents], [objects] and [[case]]"
            ));
        }
        let numbered = cases.into_iter().enumerate();
        let cases =
            numbered.map(|(number, value)| Case::read(number + 1, value)).collect::<Result<_, _>>()?;
        Ok(Self { documents, objects, cases })
    }
}

impl Case {
    fn read(number: usize, value: toml::Value) -> Result<Self, String> {
        let toml::Value::Table(mut table) = value else { return Err(format!("case {number} is no table")) };
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) => name,
            _ => return Err(format!("case {number} has no `name`")),
        };
        let of = |what: String| format!("case {number}, {name:?}: {what}");
        let caller = caller(table.remove("as")).map_err(&of)?;
        let ids = if table.contains_key("bucket") { "keys" } else { "ids" };
        let expected = expected(table.remove("expect"), (ids, table.remove(ids))).map_err(&of)?;
        let asked = match table.remove("bucket") {
            None => Asked::of_documents(table),
            Some(toml::Value::String(bucket)) => Asked::of_objects(bucket, table),
            Some(_) => Err("`bucket` is the name of one".to_owned()),
        };
        Ok(Self { caller, asked: asked.map_err(&of)?, expected, name })
    }
}

impl Asked {
    fn of_objects(bucket: String, table: toml::Table) -> Result<Self, String> {
        let attempt: Attempt = toml::Value::Table(table).try_into().map_err(|fault| said(&fault))?;
        attempt.check()?;
        Ok(Self::Objects { bucket, attempt })
    }

    fn of_documents(mut table: toml::Table) -> Result<Self, String> {
        let mut named = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            _ => Err(format!("it has no `{key}`, such as call = \"find\", in = \"notes\"")),
        };
        let (operation, collection) = (named("call")?, named("in")?);
        if Operation::named(&operation).is_none() {
            return Err(format!("`{operation}` is no operation of the client API"));
        }
        let body = match table.remove("body") {
            Some(toml::Value::String(text)) if table.is_empty() => text,
            Some(_) => {
                return Err("`body` is the JSON of the call as a text, and stands alone".to_owned());
            }
            None => {
                let fields = table.into_iter().map(|(name, value)| (name, to_json(value)));
                Value::Object(fields.collect::<Map<_, _>>()).to_string()
            }
        };
        Ok(Self::Documents { operation, collection, body })
    }
}

/// `"ann"`, or `{ user = "ann", roles = ["editor"], anonymous = true }`; nobody where nothing is said.
fn caller(value: Option<toml::Value>) -> Result<Caller, String> {
    let wrong = || "`as` is the id of an account, or { user = \"…\", roles = […], anonymous = … }".to_owned();
    match value {
        None => Ok(Caller::default()),
        Some(toml::Value::String(user)) => Ok(Caller { user: Some(user), ..Caller::default() }),
        Some(toml::Value::Table(mut table)) => {
            let Some(toml::Value::String(user)) = table.remove("user") else { return Err(wrong()) };
            let roles = table.remove("roles").map_or(Ok(Vec::new()), texts).map_err(|()| wrong())?;
            let anonymous = match table.remove("anonymous") {
                None => false,
                Some(toml::Value::Boolean(anonymous)) => anonymous,
                Some(_) => return Err(wrong()),
            };
            match table.is_empty() {
                true => Ok(Caller { user: Some(user), roles, anonymous }),
                false => Err(wrong()),
            }
        }
        Some(_) => Err(wrong()),
    }
}

/// How a case ends; what is answered is told under that name.
fn expected(word: Option<toml::Value>, (name, ids): (&str, Option<toml::Value>)) -> Result<Expected, String> {
    let ids = ids.map(texts).transpose().map_err(|()| format!("`{name}` is a list of texts"))?;
    let word = match (word, &ids) {
        (Some(toml::Value::String(word)), _) => word,
        (None, Some(ids)) => if ids.is_empty() { NOTHING } else { DONE }.to_owned(),
        _ => {
            let words = "`expect` is \"done\", \"nothing\" or the code of an error such as \"forbidden\"";
            return Err(words.to_owned());
        }
    };
    Ok(Expected { word, ids })
}

/// What is wrong with a part of a script, on one line.
fn said(fault: &toml::de::Error) -> String {
    fault.message().replace('\n', " ")
}

fn documents(collection: &str, list: toml::Value) -> Result<Vec<String>, String> {
    let wrong = || format!("`documents.{collection}` is a list of documents");
    let toml::Value::Array(all) = list else { return Err(wrong()) };
    let one = |value| match value {
        value @ toml::Value::Table(_) => Ok(to_json(value).to_string()),
        toml::Value::String(json) => Ok(json),
        _ => Err(wrong()),
    };
    all.into_iter().map(one).collect()
}

fn texts(value: toml::Value) -> Result<Vec<String>, ()> {
    let toml::Value::Array(all) = value else { return Err(()) };
    let text = |value| match value {
        toml::Value::String(text) => Ok(text),
        _ => Err(()),
    };
    all.into_iter().map(text).collect()
}

/// The same in JSON; a time is a date of Extended JSON.
fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(value) => Value::from(value),
        toml::Value::Datetime(time) => json!({ "$date": time.to_string() }),
        toml::Value::Array(all) => all.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(name, value)| (name, to_json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read() {
        let text = r#"
            [documents]
            notes = [{ _id = "a", at = 2026-11-22T03:04:05Z }, '{"_id": "b", "owner": null}']
            [[case]]
            name = "one"
            as = { user = "ann", roles = ["editor"] }
            call = "update"
            in = "notes"
            filter = { _id = "a" }
            update = { "$set" = { n = 1 } }
            expect = "forbidden"
        "#;
        let script = Script::parse(text).unwrap();
        let documents =
            [r#"{"_id":"a","at":{"$date":"2026-11-22T03:04:05Z"}}"#, r#"{"_id": "b", "owner": null}"#];
        assert_eq!(script.documents["notes"], documents);
        let [case] = script.cases.as_slice() else { panic!("{script:?}") };
        let asked = Asked::Documents {
            operation: "update".to_owned(),
            collection: "notes".to_owned(),
            body: r#"{"filter":{"_id":"a"},"update":{"$set":{"n":1}}}"#.to_owned(),
        };
        assert_eq!((&case.asked, case.caller.roles.as_slice()), (&asked, &["editor".to_owned()][..]));
    }

    #[test]
    fn a_case_may_be_about_a_bucket() {
        let text = r#"
            [objects]
            photos = [{ key = "a/1", owner = "ann", size = 3, metadata = { public = "yes" } }]
            [[case]]
            name = "one"
            as = "ann"
            call = "put"
            bucket = "photos"
            key = "a/2"
            size = 10
            expect = "done"
            [[case]]
            name = "two"
            call = "list"
            bucket = "photos"
            keys = []
        "#;
        let script = Script::parse(text).unwrap();
        let [object] = script.objects["photos"].as_slice() else { panic!("{script:?}") };
        assert_eq!((object.owner.as_deref(), object.size), (Some("ann"), 3));
        let [put, list] = script.cases.as_slice() else { panic!("{script:?}") };
        let attempt = Attempt::Put { key: "a/2".to_owned(), size: 10, content_type: String::new() };
        assert_eq!(put.asked, Asked::Objects { bucket: "photos".to_owned(), attempt });
        assert_eq!(list.expected, Expected { word: NOTHING.to_owned(), ids: Some(Vec::new()) });
    }

    #[test]
    fn what_is_no_script_says_where() {
        for (text, word) in [
            ("", "no [[case]]"),
            ("[[case]]\ncall = 'find'", "case 1 has no `name`"),
            ("[[case]]\nname = 'x'\nexpect = 'done'", "no `call`"),
            ("[[case]]\nname = 'x'\ncall = 'find'\nexpect = 'done'", "no `in`"),
            ("[[case]]\nname = 'x'\ncall = 'drop'\nin = 'a'\nexpect = 'done'", "`drop` is no operation"),
            ("[[case]]\nname = 'x'\ncall = 'find'\nin = 'a'", "`expect` is"),
            ("[[case]]\nname = 'x'\ncall = 'find'\nin = 'a'\nexpect = 'done'\nas = 1", "`as` is"),
            (
                "more = 1\n[[case]]\nname = 'x'\ncall = 'find'\nin = 'a'\nexpect = 'done'",
                "`more` is not known",
            ),
            ("[documents]\na = 1\n[[case]]", "list of documents"),
            ("[objects]\na = [{ keys = 'x' }]\n[[case]]", "unknown field `keys`"),
            ("[[case]]\nname = 'x'\ncall = 'sign'\nbucket = 'a'\nexpect = 'done'", "unknown variant `sign`"),
            ("[[case]]\nname = 'x'\ncall = 'get'\nbucket = 'a'\nexpect = 'done'", "missing field `key`"),
            ("[[case]]\nname = 'x'\ncall = 'get'\nbucket = 'a'\nkey = ''\nexpect = 'done'", "key"),
            (
                "[[case]]\nname = 'x'\ncall = 'list'\nbucket = 'a'\nin = 'a'\nexpect = 'done'",
                "unknown field `in`",
            ),
            ("[[case]]\nname = 'x'\ncall = 'list'\nbucket = 'a'\nkeys = 1", "`keys` is a list"),
        ] {
            let fault = Script::parse(text).unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }
}
