//! The sections of what a project has: `[collection.NAME]`, `[bucket.NAME]`, `[kv.NAME]`, `[channel.NAME]`.

use std::collections::BTreeMap;

use store::buckets;
use store::catalog::check_name;
use store::documents::Rules;
use store::documents::language::{self, Rule};
use store::realtime::channels::{ChannelRules, check_channel};
use toml::Spanned;
use toml::de::DeValue;

use super::reader::{Fault, Section, inside, string, wrong_type};
use super::{BucketSettings, CollectionSettings, IndexSettings, NamespaceSettings, units};
use crate::registry::settings;

/// The `[collection.NAME]` sections.
pub(super) fn collections(root: &Section<'_, '_>) -> Result<BTreeMap<String, CollectionSettings>, Fault> {
    named(root, "collection", "a collection", check_name, |body| {
        body.allow(&["indexes", "rules", "hidden", "owner"], &[])?;
        let mut indexes: Vec<IndexSettings> = Vec::new();
        for value in body.array("indexes")?.into_iter().flatten() {
            let index = index(&body.name("indexes"), value)?;
            settings::check_index(&indexes, &index)
                .map_err(|reason| Fault::at(value.span().start, reason))?;
            indexes.push(index);
        }
        Ok(CollectionSettings { indexes, rules: rules(body)? })
    })
}

/// `rules`, `hidden` and `owner` of a collection.
fn rules(body: &Section<'_, '_>) -> Result<Rules, Fault> {
    let [read, create, update, delete] = four(body, |text| Rule::locate(text).map(|_| ()))?;
    let hidden = body.strings("hidden")?.into_iter().map(|(field, _)| field.to_owned()).collect();
    let mut rules = Rules { read, create, update, delete, hidden, owner: None };
    let start = |key| body.value(key).map_or(body.start(), |value| value.span().start);
    rules.check().map_err(|fault| Fault::at(start("hidden"), fault.message))?;
    rules.owner = body.string("owner")?.map(|(field, _)| field.to_owned());
    rules.check().map_err(|fault| Fault::at(start("owner"), fault.message))?;
    Ok(rules)
}

/// `rules`: those for `read`, `create`, `update` and `delete`. `judge` finds what is wrong with one, and at which byte.
fn four(
    body: &Section<'_, '_>,
    judge: impl Fn(&str) -> Result<(), (usize, language::Fault)>,
) -> Result<[Option<String>; 4], Fault> {
    let Some(section) = body.section("rules")? else { return Ok(Default::default()) };
    section.allow(&["read", "create", "update", "delete"], &[])?;
    let rule = |key| rule(&section, key, &judge);
    Ok([rule("read")?, rule("create")?, rule("update")?, rule("delete")?])
}

/// One of `rules`. `judge` finds what is wrong with it, and at which byte.
fn rule(
    section: &Section<'_, '_>,
    key: &str,
    judge: impl Fn(&str) -> Result<(), (usize, language::Fault)>,
) -> Result<Option<String>, Fault> {
    let (Some((text, _)), Some(value)) = (section.string(key)?, section.value(key)) else {
        return Ok(None);
    };
    match judge(text) {
        Ok(()) => Ok(Some(text.to_owned())),
        Err((byte, fault)) => {
            Err(Fault::at(inside(value, byte), format!("`{}`, {}", section.name(key), fault.message)))
        }
    }
}

/// The `[channel.NAME]` and `[channel."NAME/*"]` sections.
pub(super) fn channels(root: &Section<'_, '_>) -> Result<BTreeMap<String, ChannelRules>, Fault> {
    named(root, "channel", "a channel", check_channel, |body| {
        body.allow(&["rules"], &[])?;
        let Some(section) = body.section("rules")? else { return Ok(ChannelRules::default()) };
        section.allow(&["read", "send"], &[])?;
        let read = rule(&section, "read", ChannelRules::locate_read)?;
        Ok(ChannelRules { read, send: rule(&section, "send", ChannelRules::locate_send)? })
    })
}

/// The `[bucket.NAME]` sections.
pub(super) fn buckets(root: &Section<'_, '_>) -> Result<BTreeMap<String, BucketSettings>, Fault> {
    named(root, "bucket", "a bucket", check_name, |body| {
        body.allow(&["rules"], &[])?;
        let [read, create, update, delete] = four(body, buckets::Rules::locate)?;
        Ok(BucketSettings { rules: buckets::Rules { read, create, update, delete } })
    })
}

/// The `[kv.NAME]` sections.
pub(super) fn namespaces(root: &Section<'_, '_>) -> Result<BTreeMap<String, NamespaceSettings>, Fault> {
    named(root, "kv", "a namespace", check_name, |body| {
        body.allow(&["ttl"], &[])?;
        let Some((text, at)) = body.string("ttl")? else { return Ok(NamespaceSettings::default()) };
        let ttl = units::millis(text).and_then(settings::check_ttl);
        let ttl = ttl.map_err(|reason| Fault::at(at, reason).hint("write for example \"30d\""))?;
        Ok(NamespaceSettings { ttl_ms: Some(ttl) })
    })
}

/// The sections below `[KIND]`, each read by `read`. `what` is what they are, with its article; `check` judges names.
fn named<T>(
    root: &Section<'_, '_>,
    kind: &str,
    what: &str,
    check: impl Fn(&str) -> Result<(), &'static str>,
    read: impl Fn(&Section<'_, '_>) -> Result<T, Fault>,
) -> Result<BTreeMap<String, T>, Fault> {
    let mut found = BTreeMap::new();
    let Some(section) = root.section(kind)? else { return Ok(found) };
    for (name, at) in section.keys() {
        check(name)
            .map_err(|reason| Fault::at(at, format!("`{name}` is not the name of {what}: {reason}")))?;
        if found.len() >= settings::MAX_OF_A_KIND {
            return Err(Fault::at(
                at,
                format!("more than {} sections `[{kind}.…]`", settings::MAX_OF_A_KIND),
            ));
        }
        if let Some(body) = section.section(name)? {
            found.insert(name.to_owned(), read(&body)?);
        }
    }
    Ok(found)
}

/// `["owner", "created"]`, or `{ fields = ["slug"], unique = true }`.
fn index(name: &str, value: &Spanned<DeValue<'_>>) -> Result<IndexSettings, Fault> {
    match value.get_ref() {
        DeValue::Array(array) => {
            let fields = array.iter().map(|field| Ok(string(name, field)?.0.to_owned()));
            Ok(IndexSettings { fields: fields.collect::<Result<_, Fault>>()?, unique: false })
        }
        DeValue::Table(_) => {
            let table = Section::of(name.to_owned(), value)?;
            table.allow(&["fields", "unique"], &[])?;
            let fields = table.strings("fields")?.into_iter().map(|(field, _)| field.to_owned()).collect();
            let unique = table.boolean("unique")?.is_some_and(|(unique, _)| unique);
            Ok(IndexSettings { fields, unique })
        }
        other => Err(wrong_type(name, "lists of fields or tables with `fields`", other, value.span().start)),
    }
}
