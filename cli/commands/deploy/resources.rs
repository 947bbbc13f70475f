//! What a project has beside functions and a site, declared where no function is deployed.

use runtime::{
    control::wire::{ResourcesDeploy, ResourcesReport},
    registry::manifest::with_project,
};

use crate::{commands::Session, failure::Failure};

/// Declares what the manifest says.
pub(in crate::commands) fn send(session: &Session, manifest: &str) -> Result<ResourcesReport, Failure> {
    // `--project` wins over the manifest, and the server wants them to agree.
    let deploy = ResourcesDeploy { manifest: with_project(manifest, &session.project) };
    session
        .client
        .post_patiently(&session.path(&["resources"]), &deploy)
        .map_err(|failure| super::manifest::locate_in(failure, manifest))
}

/// For people: `accounts; collections notes, todos; bucket files`.
pub(super) fn sentence(report: &ResourcesReport) -> String {
    let ResourcesReport { accounts, collections, buckets, channels, namespaces, queues, .. } = report;
    let kinds = [
        (collections, "collection", "collections"),
        (buckets, "bucket", "buckets"),
        (channels, "channel", "channels"),
        (namespaces, "namespace", "namespaces"),
        (queues, "queue", "queues"),
    ];
    let kinds = kinds.into_iter().filter_map(|(names, one, several)| match names.as_slice() {
        [] => None,
        [name] => Some(format!("{one} {name}")),
        names => Some(format!("{several} {}", names.join(", "))),
    });
    accounts.then(|| "accounts".to_owned()).into_iter().chain(kinds).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_said_in_a_line() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let report = ResourcesReport {
            project: "todo".to_owned(),
            accounts: true,
            collections: names(&["notes", "todos"]),
            buckets: names(&["files"]),
            channels: names(&["rooms/*"]),
            namespaces: Vec::new(),
            queues: names(&["mail"]),
            took_ms: 1,
        };
        assert_eq!(
            sentence(&report),
            "accounts; collections notes, todos; bucket files; channel rooms/*; queue mail"
        );
    }
}
