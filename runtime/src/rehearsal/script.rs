//! A script of cases: TOML in, calls and what is expected of them out. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::documents::Caller;

use crate::client_api::documents::Operation;

/// Something was found, put in, changed or removed.
pub(super) const DONE: &str = "done";
/// The call was let through, and there was nothing for it.
pub(super) const NOTHING: &str = "nothing";

/// Documents, and what callers try with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What is there before each case: JSON, by collection.
    pub documents: BTreeMap<String, Vec<String>>,
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
    /// What is done: an operation of the client API.
    pub operation: String,
    /// With which collection.
    pub collection: String,
    /// The JSON of the call.
    pub body: String,
    /// How it ends.
    pub expected: Expected,
}

/// How a case ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// `done`, `nothing`, or the code of an error such as `forbidden`.
    pub word: String,
    /// The `_id`s of the documents that are answered, in any order.
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
        let cases = match file.remove("case") {
            Some(toml::Value::Array(all)) if !all.is_empty() => all,
            _ => return Err("there is no [[case]]".to_owned()),
        };
        if let Some(unknown) = file.keys().next() {
            return Err(format!("`{unknown}` is not known: a script has [documents] and [[case]]"));
        }
        let numbered = cases.into_iter().enumerate();
        let cases =
            numbered.map(|(number, value)| Case::read(number + 1, value)).collect::<Result<_, _>>()?;
        Ok(Self { documents, cases })
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
        let expected = expected(table.remove("expect"), table.remove("ids")).map_err(&of)?;
        let mut named = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            _ => Err(of(format!("it has no `{key}`, such as call = \"find\", in = \"notes\""))),
        };
        let (operation, collection) = (named("call")?, named("in")?);
        if Operation::named(&operation).is_none() {
            return Err(of(format!("`{operation}` is no operation of the client API")));
        }
        let body = match table.remove("body") {
            Some(toml::Value::String(text)) if table.is_empty() => text,
            Some(_) => {
                return Err(of("`body` is the JSON of the call as a text, and stands alone".to_owned()));
            }
            None => {
                let fields = table.into_iter().map(|(name, value)| (name, to_json(value)));
                Value::Object(fields.collect::<Map<_, _>>()).to_string()
            }
        };
        Ok(Self { caller, operation, collection, body, expected, name })
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

fn expected(word: Option<toml::Value>, ids: Option<toml::Value>) -> Result<Expected, String> {
    let ids = ids.map(texts).transpose().map_err(|()| "`ids` is a list of texts".to_owned())?;
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
        assert_eq!((case.operation.as_str(), case.collection.as_str()), ("update", "notes"));
        assert_eq!(case.caller.roles, ["editor"]);
        assert_eq!(case.body, r#"{"filter":{"_id":"a"},"update":{"$set":{"n":1}}}"#);
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
        ] {
            let fault = Script::parse(text).unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }
}
