//! The sections of what a project keeps: `[kv.NAME]`.

use std::collections::BTreeMap;

use super::reader::{Fault, Section};
use super::{NamespaceSettings, units};
use crate::registry::settings;

/// The `[kv.NAME]` sections.
pub(super) fn namespaces(root: &Section<'_, '_>) -> Result<BTreeMap<String, NamespaceSettings>, Fault> {
    let mut namespaces = BTreeMap::new();
    let Some(section) = root.section("kv")? else { return Ok(namespaces) };
    for (name, at) in section.keys() {
        settings::check_name(name)
            .map_err(|reason| Fault::at(at, format!("`{name}` is not the name of a namespace: {reason}")))?;
        if namespaces.len() >= settings::MAX_NAMESPACES {
            return Err(Fault::at(at, format!("more than {} namespaces", settings::MAX_NAMESPACES)));
        }
        let Some(body) = section.section(name)? else { continue };
        body.allow(&["ttl"], &[])?;
        let mut namespace = NamespaceSettings::default();
        if let Some((text, at)) = body.string("ttl")? {
            let ttl = units::millis(text).and_then(settings::check_ttl);
            let ttl = ttl.map_err(|reason| Fault::at(at, reason).hint("write for example \"30d\""))?;
            namespace.ttl_ms = Some(ttl);
        }
        namespaces.insert(name.to_owned(), namespace);
    }
    Ok(namespaces)
}
