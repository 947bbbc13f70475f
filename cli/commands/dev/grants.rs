//! Missing grants: found in what the platform logs, added to a manifest whose form stays. Pure.

use toml_edit::{Array, DocumentMut, Item, RawString, TableLike, Value};

/// What a refusal of the platform says before and after the grant that would allow the call.
const BEFORE: &str = "add \"";
const AFTER: &str = "\" to the function's grants";

/// The grant that a refusal names, if the text is one.
pub(super) fn missing(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(BEFORE)?;
    let (grant, _) = rest.split_once(AFTER)?;
    // A grant has a kind and a name, and no quotes or spaces in it.
    let plain = !grant.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control());
    (plain && grant.contains(':')).then_some(grant)
}

/// A manifest with one grant more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Granted {
    /// The whole manifest; comments, order and spaces are as they were.
    pub(super) manifest: String,
    /// The `grants` of the function now, on one line.
    pub(super) line: String,
}

/// Adds a grant to a function of a manifest. `None` when the function is not there, when it has the grant
/// already, or when the manifest can't be read.
pub(super) fn add(manifest: &str, function: &str, grant: &str) -> Option<Granted> {
    let mut document: DocumentMut = manifest.parse().ok()?;
    let functions = document.get_mut("function")?.as_table_like_mut()?;
    let table = functions.get_mut(function)?.as_table_like_mut()?;
    let grants = array(table)?;
    if grants.iter().any(|known| known.as_str() == Some(grant)) {
        return None;
    }
    push(grants, grant);
    let line = format!("grants = {}", one_line(grants));
    Some(Granted { manifest: document.to_string(), line })
}

/// The function's `grants`, which are made when they are not there.
fn array(table: &mut dyn TableLike) -> Option<&mut Array> {
    if !table.contains_key("grants") {
        table.insert("grants", Item::Value(Value::Array(Array::new())));
    }
    table.get_mut("grants")?.as_array_mut()
}

/// Appends in the form that the last element has: on a line of its own where the others are.
fn push(grants: &mut Array, grant: &str) {
    let prefix = grants
        .len()
        .checked_sub(1)
        .and_then(|last| grants.get(last))
        .and_then(|last| last.decor().prefix())
        .and_then(RawString::as_str)
        .map(|prefix| prefix.to_owned());
    let mut value = Value::from(grant);
    match prefix {
        Some(prefix) if prefix.contains('\n') => {
            value.decor_mut().set_prefix(without_comments(&prefix));
            grants.push_formatted(value);
            grants.set_trailing_comma(true);
        }
        _ => grants.push(grant),
    }
}

/// A comment above the last element is not about the new one.
fn without_comments(prefix: &str) -> String {
    let indent = prefix.rsplit('\n').next().unwrap_or_default();
    format!("\n{indent}")
}

fn one_line(grants: &Array) -> String {
    let items: Vec<String> =
        grants.iter().filter_map(Value::as_str).map(|grant| format!("{grant:?}")).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_grant() {
        for (text, grant) in [
            (
                "GET https://a.b/: not granted: add \"http:https://a.b\" to the function's grants and deploy again",
                Some("http:https://a.b"),
            ),
            ("not granted: add \"queue:mail:send\" to the function's grants", Some("queue:mail:send")),
            ("add \"\" to the function's grants", None),
            ("add \"no kind\" to the function's grants", None),
            ("add \"x:a\nb\" to the function's grants", None),
            ("add \"http:https://a.b\" to your list", None),
            ("hello", None),
        ] {
            assert_eq!(missing(text), grant, "{text}");
        }
    }

    #[test]
    fn the_manifest_keeps_its_form() {
        for (before, after, line) in [
            (
                "# mine\n[function.shop]\nsource = \"a.js\"   # here\n\n[queue.mail]\n",
                "# mine\n[function.shop]\nsource = \"a.js\"   # here\ngrants = [\"queue:mail:send\"]\n\n[queue.mail]\n",
                "grants = [\"queue:mail:send\"]",
            ),
            (
                "[function.shop]\ngrants = []\nreuse = 1\n",
                "[function.shop]\ngrants = [\"queue:mail:send\"]\nreuse = 1\n",
                "grants = [\"queue:mail:send\"]",
            ),
            (
                "[function.shop]\ngrants = [ \"secret:A\" ] # why\n",
                "[function.shop]\ngrants = [ \"secret:A\" , \"queue:mail:send\"] # why\n",
                "grants = [\"secret:A\", \"queue:mail:send\"]",
            ),
            (
                "[function.shop]\ngrants = [\n  \"secret:A\",\n  # b\n  \"secret:B\",\n]\n",
                "[function.shop]\ngrants = [\n  \"secret:A\",\n  # b\n  \"secret:B\",\n  \"queue:mail:send\",\n]\n",
                "grants = [\"secret:A\", \"secret:B\", \"queue:mail:send\"]",
            ),
            (
                "function.shop.source = \"a.js\"\n",
                "function.shop.source = \"a.js\"\nfunction.shop.grants = [\"queue:mail:send\"]\n",
                "grants = [\"queue:mail:send\"]",
            ),
            (
                "function = { shop = { source = \"a.js\" } }\n",
                "function = { shop = { source = \"a.js\" , grants = [\"queue:mail:send\"] } }\n",
                "grants = [\"queue:mail:send\"]",
            ),
        ] {
            let granted = add(before, "shop", "queue:mail:send").unwrap();
            assert_eq!(granted.manifest, after);
            assert_eq!(granted.line, line);
            assert_eq!(add(after, "shop", "queue:mail:send"), None, "it is there already");
        }
    }

    #[test]
    fn what_can_not_be_edited_is_left_alone() {
        for manifest in ["", "[function]\n", "[function.shop]\ngrants = 7\n", "function = 1", "not toml"] {
            assert_eq!(add(manifest, "shop", "secret:A"), None, "{manifest:?}");
        }
    }
}
