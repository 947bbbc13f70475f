//! Restoring a backup: whole into a new data directory, or a project into one that no server has open.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::contents::Speaker;
use super::manifest::{Manifest, Missing, SavedFile, SavedProject};
use super::{Draft, Result, Scope, draft_of, files, refuse_taken, unusable};
use crate::catalog::{ProjectId, check_name, sqlite};
use crate::keys::Keys;
use crate::sqlite::{at_rest, snapshot};
use crate::{DataDir, StoreError};

/// Rows of a project, with what they belong to, in the order in which they refer to each other.
const ROWS: [(&str, &str); 8] = [
    ("tokens", "project = ?1"),
    ("functions", "project = ?1"),
    ("revisions", "function IN (SELECT id FROM saved.functions WHERE project = ?1)"),
    ("routes", "project = ?1"),
    ("consumers", "project = ?1"),
    ("sites", "project = ?1"),
    ("secrets", "project = ?1"),
    ("totals", "function IN (SELECT id FROM saved.functions WHERE project = ?1)"),
];

/// Restores a whole backup as a new data directory, which appears when it is complete. Every file is looked at: `Unusable`
/// when one is missing or is not what was saved, when another version of Ostro is needed, and when the directory is there
/// already and not empty. Blocks.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest> {
    let manifest = Manifest::read(from)?;
    refuse_taken(data)?;
    let draft = Draft::make(draft_of(data)?)?;
    for file in &manifest.files {
        copy(from, file, &draft.path.join(&file.path))?;
    }
    draft.keep(data)?;
    Ok(manifest)
}

/// Where a project is restored to.
#[derive(Debug)]
pub struct Place<'a> {
    /// The data directory, which no server has open.
    pub data: &'a DataDir,
    /// Its keys: secrets must open with them.
    pub keys: &'a Keys,
    /// The name that the project gets; none is the one that it had.
    pub name: Option<&'a str>,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

/// A project that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The project, under its new name.
    pub project: SavedProject,
    /// What the backup does not have of it.
    pub missing: Vec<Missing>,
}

/// Restores one project of a backup beside those that are there. `NotFound` when the backup does not have it, `Conflict`
/// when the directory has that project still, or another of that name; `Unusable` as [`restore`], and when its secrets do
/// not open. It is restored whole or not at all. Blocks.
pub fn restore_project(from: &Path, project: &str, place: &Place<'_>) -> Result<Restored> {
    let manifest = Manifest::read(from)?;
    let saved = manifest.project(project).ok_or(StoreError::NotFound { what: "project" })?;
    let name = place.name.unwrap_or(&saved.name);
    check_name(name).map_err(|word| StoreError::Unusable(word.to_owned()))?;
    let root = place.data.path();
    let draft = Draft::make(root.join("cache").join("restore"))?;
    let catalog = draft.path.join("catalog.db");
    let listed = manifest.files.iter().find(|file| file.path == "catalog.db");
    let listed = listed.ok_or_else(|| unusable(from, "has no catalog"))?;
    copy(from, listed, &catalog)?;
    present(&catalog)?;
    let id = ProjectId(saved.id);
    open_secrets(&catalog, id, place.keys)?;
    refuse_present(place.data, id, name)?;
    let folder = format!("projects/{}/", saved.id);
    let own: Vec<_> = manifest.files.iter().filter(|file| file.path.starts_with(&folder)).collect();
    for file in own {
        copy(from, file, &draft.path.join(&file.path))?;
    }
    restore_uploads(from, &manifest, &saved.name, root, &draft)?;
    let (new, place_of) = (draft.path.join(&folder), root.join(&folder));
    if new.exists() {
        // The catalog has no such project: what is there is left of one that was deleted, or of a run that was cut off.
        let _ = fs::remove_dir_all(&place_of);
        let moved = files::sync_tree(&new).and_then(|()| fs::rename(&new, &place_of));
        moved.and_then(|()| fs::File::open(root.join("projects"))?.sync_all()).map_err(StoreError::io)?;
    }
    add_rows(place, &catalog, id, name)?;
    let missing = manifest.missing.iter().filter(|missing| missing.project == saved.name).cloned().collect();
    Ok(Restored { project: SavedProject { name: name.to_owned(), id: saved.id }, missing })
}

/// What was uploaded of a project's revisions, each whole under its name or not there. Named by their digests: one that
/// nothing speaks of in the end is collected.
fn restore_uploads(
    from: &Path,
    manifest: &Manifest,
    project: &str,
    root: &Path,
    draft: &Draft,
) -> Result<()> {
    let scope = Scope::Project(project.to_owned());
    let catalog = at_rest(&draft.path.join("catalog.db"))?;
    let needed: HashSet<_> = Speaker::Catalog(&scope).files(&catalog)?.into_iter().collect();
    let is_whole = |file: &SavedFile| {
        files::digest(&root.join(&file.path))
            .is_ok_and(|(bytes, sha256)| bytes == file.bytes && sha256 == file.sha256)
    };
    let needed = manifest.files.iter().filter(|file| needed.contains(&file.path));
    let absent: Vec<_> = needed.filter(|file| !is_whole(file)).collect();
    for file in &absent {
        copy(from, file, &draft.path.join(&file.path))?;
    }
    let put = || {
        for file in &absent {
            fs::rename(draft.path.join(&file.path), root.join(&file.path))?;
        }
        ["artifacts", "assets", "sites"]
            .iter()
            .try_for_each(|folder| fs::File::open(root.join(folder))?.sync_all())
    };
    put().map_err(StoreError::io)
}

/// Copies a file that is what was saved, or none.
fn copy(from: &Path, file: &SavedFile, to: &Path) -> Result<()> {
    let source = from.join(&file.path);
    if let Some(folder) = to.parent() {
        files::make_folder(folder).map_err(StoreError::io)?;
    }
    let (bytes, sha256) = match files::copy(&source, to) {
        Ok(copied) => copied,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(unusable(&source, "is missing: the backup is not complete"));
        }
        Err(error) => return Err(StoreError::io(error)),
    };
    match bytes == file.bytes && sha256 == file.sha256 {
        true => Ok(()),
        false => {
            let _ = fs::remove_file(to);
            Err(unusable(&source, "is damaged: it is not what was saved"))
        }
    }
}

/// Brings the copy of an older catalog up to date.
fn present(catalog: &Path) -> Result<()> {
    let connection = Connection::open(catalog)?;
    connection.execute_batch("PRAGMA journal_mode = DELETE")?;
    sqlite::SCHEMA.refuse_foreign(&connection)?;
    sqlite::SCHEMA.migrate(&connection)?;
    connection.close().map_err(|(_, error)| error.into())
}

fn open_secrets(catalog: &Path, project: ProjectId, keys: &Keys) -> Result<()> {
    let connection = at_rest(catalog)?;
    let mut statement = connection.prepare("SELECT name, sealed FROM secrets WHERE project = ?1")?;
    let rows = statement.query_map([project], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (name, sealed): (String, Vec<u8>) = row?;
        keys.open(project, &name, &sealed).map_err(|_| {
            StoreError::Unusable(format!(
                "the secret {name} was sealed under another master key; give this data directory that key first"
            ))
        })?;
    }
    Ok(())
}

fn refuse_present(data: &DataDir, id: ProjectId, name: &str) -> Result<()> {
    let look = data.path().join("cache").join("restore").join("look.db");
    snapshot(&data.path().join("catalog.db"), &look)?;
    let query = "SELECT name FROM projects WHERE id = ?1 OR name = ?2";
    let connection = at_rest(&look)?;
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query((id, name))?;
    match rows.next()? {
        None => Ok(()),
        Some(row) => {
            let holder: String = row.get(0)?;
            Err(StoreError::Conflict {
                what: format!("the name or the id of project `{name}`"),
                holder: format!("project `{holder}`"),
            })
        }
    }
}

/// Everything that the catalog has of a project, in one transaction.
fn add_rows(place: &Place<'_>, saved: &Path, id: ProjectId, name: &str) -> Result<()> {
    sqlite::change(place.data, |connection| {
        let saved = saved.to_str().ok_or_else(|| StoreError::driver("the path is no text"))?;
        connection.execute("ATTACH ?1 AS saved", [saved])?;
        let transaction = connection.unchecked_transaction()?;
        let projects = "INSERT INTO projects (id, name, created_ms)
                        SELECT id, ?2, created_ms FROM saved.projects WHERE id = ?1";
        transaction.execute(projects, (id, name))?;
        for (table, which) in ROWS {
            let rows =
                format!("INSERT OR IGNORE INTO main.{table} SELECT * FROM saved.{table} WHERE {which}");
            transaction.execute(&rows, [id])?;
        }
        let audit = "INSERT INTO audit (at_ms, actor, project, action, subject)
                     VALUES (?1, 'restore', ?2, 'project.restore', ?3)";
        transaction.execute(audit, (place.now_ms, id, name))?;
        transaction.commit()?;
        connection.execute_batch("DETACH saved")?;
        Ok(())
    })
}
