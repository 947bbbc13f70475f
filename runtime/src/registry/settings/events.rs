//! Changes of data that start a function, as the manifest gives them. Pure.

use store::catalog::{DataChange, DataSource, DataTrigger, check_name};

use super::triggers::{Unfit, path};

/// Where events go unless the trigger says otherwise; no client can reach it.
pub const EVENT_PATH: &str = "/_ostro/event";
/// Collections and buckets of which one function is told.
const MAX_EVENTS: usize = 50;

/// One entry of `events`, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFlag {
    /// Name of a collection.
    pub collection: Option<String>,
    /// Or of a bucket.
    pub bucket: Option<String>,
    /// Names of changes.
    pub on: Vec<String>,
    /// Path of the request.
    pub path: Option<String>,
}

/// Checks one entry beside those that stand before it.
pub fn data_trigger(earlier: &[DataTrigger], flag: EventFlag) -> Result<DataTrigger, Unfit> {
    let source = match (flag.collection, flag.bucket) {
        (Some(name), None) => DataSource::Collection(name),
        (None, Some(name)) => DataSource::Bucket(name),
        (Some(_), Some(_)) => {
            return Err(Unfit::new("bucket", "an entry has a `collection` or a `bucket`, not both"));
        }
        (None, None) => {
            return Err(Unfit::new("on", "this entry has no `collection` and no `bucket`")
                .hint("write for example { collection = \"entries\", on = \"insert\" }"));
        }
    };
    let (kind, name) = (source.kind(), source.name());
    check_name(name).map_err(|reason| {
        Unfit::new(kind, format!("`{}` is not the name of a {kind}: {reason}", name.escape_debug()))
    })?;
    if earlier.len() >= MAX_EVENTS {
        return Err(Unfit::new(kind, format!("more than {MAX_EVENTS} entries")));
    }
    if earlier.iter().any(|other| other.source == source) {
        return Err(Unfit::new(kind, format!("the {kind} `{name}` stands twice"))
            .hint("name all its changes in one entry: on = [\"put\", \"delete\"]"));
    }
    let mut on = Vec::new();
    for name in &flag.on {
        let change = change(&source, name)?;
        if !on.contains(&change) {
            on.push(change);
        }
    }
    if on.is_empty() {
        return Err(Unfit::new("on", "it does not say `on` which changes").hint(known(&source)));
    }
    on.sort_unstable();
    Ok(DataTrigger { source, on, path: path(flag.path.as_deref(), EVENT_PATH)? })
}

fn change(source: &DataSource, name: &str) -> Result<DataChange, Unfit> {
    let found = source.changes().iter().find(|change| change.name() == name);
    found.copied().ok_or_else(|| {
        Unfit::new("on", format!("a {} has no change `{}`", source.kind(), name.escape_debug()))
            .hint(known(source))
    })
}

fn known(source: &DataSource) -> String {
    let names: Vec<String> = source.changes().iter().map(|change| format!("\"{}\"", change.name())).collect();
    format!("the changes of a {} are {}", source.kind(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(collection: Option<&str>, bucket: Option<&str>, on: &[&str]) -> EventFlag {
        EventFlag {
            collection: collection.map(str::to_owned),
            bucket: bucket.map(str::to_owned),
            on: on.iter().map(|&on| on.to_owned()).collect(),
            path: None,
        }
    }

    #[test]
    fn an_entry_names_data_and_changes() {
        let trigger =
            data_trigger(&[], flag(Some("entries"), None, &["delete", "insert", "delete"])).unwrap();
        assert_eq!(trigger.on, [DataChange::Insert, DataChange::Delete]);
        assert_eq!(
            (trigger.source, trigger.path.as_str()),
            (DataSource::Collection("entries".to_owned()), EVENT_PATH)
        );
    }

    #[test]
    fn what_is_refused_names_its_key() {
        let there = [data_trigger(&[], flag(None, Some("b"), &["put"])).unwrap()];
        for (flag, key, message) in [
            (flag(None, None, &["put"]), "on", "no `collection`"),
            (flag(Some("a"), Some("a"), &["put"]), "bucket", "not both"),
            (flag(Some("A"), None, &["insert"]), "collection", "lower-case"),
            (flag(Some("a"), None, &[]), "on", "which changes"),
            (flag(Some("a"), None, &["put"]), "on", "no change `put`"),
            (flag(None, Some("a"), &["insert"]), "on", "no change `insert`"),
            (flag(None, Some("b"), &["delete"]), "bucket", "stands twice"),
            (
                EventFlag { path: Some("/_ostro/cron".to_owned()), ..flag(None, Some("a"), &["put"]) },
                "path",
                "own",
            ),
        ] {
            let unfit = data_trigger(&there, flag).expect_err(message);
            assert_eq!(unfit.key, key, "{unfit:?}");
            assert!(unfit.message.contains(message), "{unfit:?}");
        }
    }
}
