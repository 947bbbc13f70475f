//! `ostro backup` and `ostro restore`.

use runtime::{
    backup,
    config::{Config, Flags},
    control::wire::{BackupReport, BackupRequest, MissingView},
};
use serde_json::json;

use super::{Context, serve};
use crate::{
    args::{BackupArgs, RestoreArgs},
    failure::Failure,
    output::units,
};

/// `ostro backup`.
pub(super) fn make(context: &Context, args: &BackupArgs) -> Result<(), Failure> {
    let project = context.typed_project().map(str::to_owned);
    // Another machine has other folders: there the path must be whole as it was typed.
    let folder =
        std::path::absolute(&args.folder).map_err(|error| Failure::io(args.folder.display(), &error))?;
    let name =
        folder.to_str().ok_or_else(|| Failure::usage("the folder's name is not UTF-8 text"))?.to_owned();
    let progress = context.out.progress(&format!("backing up to {name}"));
    let report = match &args.data {
        Some(data) => {
            let made = backup::make_at_rest(data, &folder, project.as_deref()).map_err(serve::failure)?;
            BackupReport::of(name, &made)
        }
        None => {
            let client = context.client()?;
            if !client.url().is_this_machine() && args.folder.is_relative() {
                return Err(Failure::usage(
                    "the server is another machine: give the whole path of a folder there",
                ));
            }
            let request = BackupRequest { folder: name, project };
            client.post_patiently(&crate::client::path(&["backup"]), &request)?
        }
    };
    drop(progress);
    context.out.show(&report, |report| {
        context.out.word(&format!(
            "backed up {}: {} files, {} in {}",
            named(&report.projects),
            report.files,
            units::bytes(report.bytes),
            report.folder
        ));
        Ok(())
    })?;
    if report.missing == 0 {
        return Ok(());
    }
    say_missing(context, report.missing, &report.missing_list);
    // A timer that makes backups must notice.
    let word = format!("the backup lacks {}", things(report.missing));
    Err(Failure::local(word).hint("all else is saved; `backup.json` in its folder lists what is missing"))
}

/// Names what a backup lacks.
fn say_missing(context: &Context, count: u64, list: &[MissingView]) {
    for missing in list {
        let MissingView { project, what, path, why } = missing;
        context.out.warn(&format!("project {project}: {what} is not in the backup: {why} ({path})"));
    }
    let more = count - (list.len() as u64).min(count);
    if more > 0 {
        context.out.warn(&format!("and {more} more, which `backup.json` lists"));
    }
}

/// `1 thing`, `2 things`.
fn things(count: u64) -> String {
    format!("{count} thing{}", if count == 1 { "" } else { "s" })
}

/// `ostro restore`.
pub(super) fn restore(context: &Context, args: &RestoreArgs) -> Result<(), Failure> {
    let data = args.data.display();
    let progress = context.out.progress(&format!("restoring {}", args.folder.display()));
    let Some(project) = context.typed_project() else {
        if args.name.is_some() {
            return Err(Failure::usage("`--name` renames one project: name it with `--project`"));
        }
        let restored = backup::restore(&args.folder, &args.data).map_err(serve::failure)?;
        drop(progress);
        let report = BackupReport::of(args.folder.display().to_string(), &restored);
        return context.out.show(&report, |report| {
            context.out.word(&format!("restored {} as {data}", named(&report.projects)));
            context.out.word("  start it with the master key of the server that made the backup");
            say_missing(context, report.missing, &report.missing_list);
            Ok(())
        });
    };
    let flags = Flags {
        data: Some(args.data.clone()),
        key_file: args.key_file.clone(),
        master_key: serve::master_key()?,
        ..Flags::default()
    };
    let config = Config::new(flags).map_err(serve::failure)?;
    let restored = backup::restore_project(&args.folder, project, args.name.as_deref(), config);
    let restored = restored.map_err(serve::failure)?;
    drop(progress);
    let missing: Vec<_> = restored.missing.iter().map(MissingView::of).collect();
    let (name, id) = (&restored.project.name, restored.project.id);
    context.out.show(&json!({ "project": name, "id": id, "missing": missing }), |_| {
        context.out.word(&format!("restored project {name} in {data}"));
        say_missing(context, missing.len() as u64, &missing);
        Ok(())
    })
}

/// `3 projects (default, post, shop)`.
fn named(projects: &[String]) -> String {
    match projects {
        [one] => format!("project {one}"),
        many => format!("{} projects ({})", many.len(), many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_named() {
        assert_eq!(named(&["shop".to_owned()]), "project shop");
        assert_eq!(named(&["a".to_owned(), "b".to_owned()]), "2 projects (a, b)");
        assert_eq!((things(1), things(2)), ("1 thing".to_owned(), "2 things".to_owned()));
    }
}
