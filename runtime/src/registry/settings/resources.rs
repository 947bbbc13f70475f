//! The names that a function gives to resources, `MAIL` for `queue:mail`, and settings of resources. Pure.

use std::collections::BTreeMap;

use host_api::grants::{Data, Grants, call_grant, send_grant};
use store::catalog::check_name;

use super::Refused;
use crate::registry::manifest::{IndexSettings, units};

/// Most names of one function.
const MAX_BINDINGS: usize = 100;
/// Longest name, characters.
const MAX_BINDING_CHARACTERS: usize = 64;
/// How a resource is written.
const FORMS: &str = "write it as `KIND:NAME`, such as `queue:mail`; the kinds are `queue`, `function`, `collection`, `bucket`, `kv` and `sql`";
/// Collections of one manifest, or buckets, or namespaces.
pub const MAX_OF_A_KIND: usize = 200;
/// Indexes of a collection.
const MAX_INDEXES: usize = 20;
/// Fields of an index.
const MAX_INDEX_FIELDS: usize = 8;
/// Longest path of a field, bytes.
const MAX_FIELD_BYTES: usize = 256;
/// Shortest and longest time that a value may be there, milliseconds.
const TTL_MS: (u64, u64) = (1_000, 3_650 * 24 * 3_600_000);

/// Checks how long a namespace keeps a value, milliseconds.
pub fn check_ttl(millis: u64) -> Result<u64, String> {
    let (least, most) = TTL_MS;
    if (least..=most).contains(&millis) {
        return Ok(millis);
    }
    let (least, most) = (units::show_millis(least), units::show_millis(most));
    Err(format!("`ttl` is {least} to {most}, not {}", units::show_millis(millis)))
}

/// Checks an index beside those that stand before it.
pub fn check_index(others: &[IndexSettings], index: &IndexSettings) -> Result<(), String> {
    if others.len() >= MAX_INDEXES {
        return Err(format!("a collection has at most {MAX_INDEXES} indexes"));
    }
    if !(1..=MAX_INDEX_FIELDS).contains(&index.fields.len()) {
        return Err(format!("an index has 1 to {MAX_INDEX_FIELDS} fields"));
    }
    for (place, field) in index.fields.iter().enumerate() {
        let shown = field.escape_debug();
        let part = |part: &str| !part.is_empty() && !part.starts_with('$') && !part.contains('\0');
        if field.len() > MAX_FIELD_BYTES || !field.split('.').all(part) {
            return Err(format!("`{shown}` is not the path of a field, such as `owner` or `address.city`"));
        }
        if field == "_id" {
            return Err("`_id` has its index always".to_owned());
        }
        if index.fields.iter().take(place).any(|other| other == field) {
            return Err(format!("`{shown}` stands twice in the index"));
        }
    }
    match others.iter().any(|other| other.fields == index.fields) {
        true => Err("there is an index on these fields already".to_owned()),
        false => Ok(()),
    }
}

/// Checks one name and its resource, without the grant.
pub fn check_binding(name: &str, resource: &str) -> Result<(), Refused> {
    check_binding_name(name)?;
    let (kind, rest) = resource.split_once(':').unwrap_or((resource, ""));
    if !matches!(kind, "queue" | "function") && Data::named(kind).is_none() {
        return Err(Refused::new(format!("`{}` is no resource", resource.escape_debug())).hint(FORMS));
    }
    check_name(rest).map_err(|reason| {
        let shown = resource.escape_debug();
        Refused::new(format!("`{shown}`: {reason}")).hint(FORMS)
    })
}

/// Refuses a name that something else in the guest's `env` has, and a resource that the function may not use: a name
/// grants nothing.
pub fn check_granted(
    name: &str,
    resource: &str,
    grants: &[String],
    env: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    if env.contains_key(name) {
        return Err(Refused::new(format!("`{name}` is an environment variable already"))
            .hint("give the resource another name"));
    }
    let granted = Grants::parse(grants).unwrap_or_default();
    if granted.allows_secret(name) {
        return Err(Refused::new(format!("`{name}` is a granted secret already"))
            .hint("give the resource another name"));
    }
    let (kind, rest) = resource.split_once(':').unwrap_or(("", resource));
    let (is_granted, grant) = match Data::named(kind) {
        Some(data) => (granted.data(data, rest).is_some(), resource.to_owned()),
        None if kind == "function" => (granted.allows_call(rest), call_grant(rest)),
        None => (granted.allows_send(rest), send_grant(rest)),
    };
    if is_granted {
        return Ok(());
    }
    Err(Refused::new(format!("`{name}` names `{resource}`, which the function may not use"))
        .hint(format!("add \"{grant}\" to the function's grants")))
}

/// Checks all names of a function as they will stand.
pub fn check_bindings(
    names: &BTreeMap<String, String>,
    grants: &[String],
    env: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    if names.len() > MAX_BINDINGS {
        return Err(Refused::new(format!("more than {MAX_BINDINGS} bindings")));
    }
    for (name, resource) in names {
        check_binding(name, resource)?;
        check_granted(name, resource, grants, env)?;
    }
    Ok(())
}

/// A name has to be one that a program can write after `env.`.
fn check_binding_name(name: &str) -> Result<(), Refused> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
    if !name.is_empty() && name.len() <= MAX_BINDING_CHARACTERS && name.chars().all(word) && begins_well {
        return Ok(());
    }
    Err(Refused::new(format!("`{}` can't be the name of a binding", name.escape_debug())).hint(format!(
        "it has 1 to {MAX_BINDING_CHARACTERS} letters, digits, `_` or `$`, and no digit at its beginning"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_resources_are_of_a_kind() {
        let long = "x".repeat(64);
        for name in ["MAIL", "mail", "$", "_", "a1", &long] {
            assert_eq!(check_binding(name, "queue:mail"), Ok(()), "{name}");
        }
        for name in ["", "1a", "a-b", "a b", "ä", "a.b", &format!("{long}x")] {
            assert!(check_binding(name, "queue:mail").is_err(), "{name}");
        }
        for resource in ["", "mail", "queue", "queue:", "queue:Mail", "queue:mail:send", "topic:a"] {
            let refused = check_binding("MAIL", resource).expect_err(resource);
            assert!(refused.hint.unwrap().contains("queue:mail"), "{resource}");
        }
        for resource in
            ["kv:sessions", "collection:entries", "bucket:avatars", "sql:main", "function:thumbnail"]
        {
            assert_eq!(check_binding("IT", resource), Ok(()), "{resource}");
        }
    }

    #[test]
    fn values_live_a_second_to_ten_years() {
        for millis in [1_000, 30 * 86_400_000, 3_650 * 86_400_000] {
            assert_eq!(check_ttl(millis), Ok(millis));
        }
        assert!(check_ttl(999).unwrap_err().contains("`ttl` is 1s to"));
        assert!(check_ttl(3_651 * 86_400_000).is_err());
    }

    #[test]
    fn a_name_needs_its_grant_and_a_place_of_its_own() {
        let env = BTreeMap::from([("GREETING".to_owned(), "hi".to_owned())]);
        let check = |name: &str, grants: &[&str]| {
            let grants: Vec<String> = grants.iter().map(|&grant| grant.to_owned()).collect();
            check_granted(name, "queue:mail", &grants, &env)
        };
        assert_eq!(check("MAIL", &["queue:mail:send"]), Ok(()));
        let refused = check("MAIL", &["queue:other:send"]).unwrap_err();
        assert_eq!(refused.hint.unwrap(), "add \"queue:mail:send\" to the function's grants");
        assert!(check("GREETING", &["queue:mail:send"]).unwrap_err().message.contains("variable"));
        let named = |resource: &str, grant: &str| check_granted("S", resource, &[grant.to_owned()], &env);
        for resource in ["kv:s", "collection:s", "bucket:s", "sql:s", "function:s"] {
            assert_eq!(named(resource, resource), Ok(()));
            let refused = named(resource, "kv:other").unwrap_err();
            assert_eq!(refused.hint.unwrap(), format!("add \"{resource}\" to the function's grants"));
        }
        assert_eq!(named("kv:s", "kv:s:read"), Ok(()));
        assert!(check("KEY", &["queue:mail:send", "secret:KEY"]).unwrap_err().message.contains("secret"));
    }
}
