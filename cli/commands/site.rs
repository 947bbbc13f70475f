//! `ostro site`: show, rollback, delete.

use runtime::control::wire::{RollbackRequest, SiteView};

use super::{Context, deploy::site::counted};
use crate::{
    args::SiteCommand,
    failure::Failure,
    output::{Table, escape, units},
};

/// `ostro site`.
pub(super) fn run(context: &Context, command: &SiteCommand) -> Result<(), Failure> {
    match command {
        SiteCommand::Show => show(context),
        SiteCommand::Rollback { to } => rollback(context, *to),
        SiteCommand::Delete => delete(context),
    }
}

fn show(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let site: SiteView = session.client.get(&session.path(&["site"]), &[]).map_err(none_yet)?;
    context.out.show(&site, |site| {
        context.out.word(&format!("version {} answers at {}", site.version, escape(&site.url)));
        let mut table = Table::new(&["VERSION", "ACTIVE", "DEPLOYED", "BY", "FILES", "SIZE", "PREVIEW"]);
        for version in &site.versions {
            table.row([
                version.number.to_string(),
                if version.active { "active" } else { "" }.to_owned(),
                units::time_to_second(version.created_ms),
                version.created_by.clone(),
                version.files.to_string(),
                units::bytes(version.bytes),
                version.url.clone().unwrap_or_default(),
            ]);
        }
        context.out.table(&table, "no versions")
    })
}

fn rollback(context: &Context, to: Option<u32>) -> Result<(), Failure> {
    let session = context.session()?;
    let path = session.path(&["site", "rollback"]);
    let site: SiteView = session.client.post(&path, &RollbackRequest { to }).map_err(none_yet)?;
    context.out.show(&site, |site| {
        let version = site.versions.iter().find(|version| version.active);
        let files = version.map_or_else(String::new, |version| format!(", {}", counted(version.files)));
        context.out.word(&format!("rolled the site back to version {}{files}", site.version));
        Ok(())
    })
}

fn delete(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    session.client.delete(&session.path(&["site"])).map_err(none_yet)?;
    context.out.word(&format!("deleted the site of project {}", session.project));
    Ok(())
}

fn none_yet(failure: Failure) -> Failure {
    let is_none = failure.word().is_some_and(|word| word.message == "site not found");
    match is_none {
        true => failure.hint("[site] in ostro.toml and `ostro deploy` make one"),
        false => failure,
    }
}
