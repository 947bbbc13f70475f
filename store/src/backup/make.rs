//! Making a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use super::manifest::{Manifest, SavedFile, SavedProject};
use super::{Draft, Result, draft_of, files, refuse_taken, unusable};
use crate::catalog::ProjectId;
use crate::sqlite::{at_rest, snapshot};
use crate::{DataDir, StoreError};

/// How often contents may be replaced in the moment between a copy of their database and the look for them.
const TRIES: usize = 20;
/// Where files are kept from being deleted until they are copied, in the folder for what can be made again.
const ASIDE: &str = "backup";

/// What is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Whole,
    /// The project of that name, with its tokens, functions, secrets and data. Nothing of any other.
    Project(String),
}

/// What a backup says of its making.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// Version of Ostro.
    pub server_version: &'a str,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

/// Makes a backup in a new folder, which appears when it is complete. Nothing that runs is stopped or waits for it. One
/// at a time: the caller sees to that. Blocks.
///
/// `Unusable` when the folder is there already and not empty, or inside the data directory; `NotFound` when there is no
/// such project.
pub fn make(data: &DataDir, to: &Path, scope: &Scope, about: &About<'_>) -> Result<Manifest> {
    refuse_taken(to)?;
    let above = to.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = above.canonicalize().map_err(|error| unusable(above, &format!("cannot be used: {error}")))?;
    if above.starts_with(data.path()) {
        return Err(unusable(to, "lies inside the data directory; choose a folder elsewhere"));
    }
    let aside = data.path().join("cache").join(ASIDE);
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(error)),
        _ => {}
    }
    let draft = Draft::make(draft_of(to)?)?;
    let mut making = Making {
        from: data.path().to_owned(),
        aside: Draft::make(aside)?,
        manifest: Manifest::new(about.server_version, about.now_ms, *scope == Scope::Whole),
        to: draft.path.clone(),
    };
    making.catalog(scope)?;
    for project in making.manifest.projects.clone() {
        making.project(ProjectId(project.id))?;
    }
    making.key_check()?;
    making.manifest.write(&draft.path)?;
    let manifest = making.manifest;
    draft.keep(to)?;
    Ok(manifest)
}

struct Making {
    from: PathBuf,
    to: PathBuf,
    aside: Draft,
    manifest: Manifest,
}

impl Making {
    /// The catalog, and what was uploaded of the revisions that it has.
    fn catalog(&mut self, scope: &Scope) -> Result<()> {
        let copy = self.to.join("catalog.db");
        self.with_contents("catalog.db", |connection| uploads(connection, scope))?;
        if let Scope::Project(name) = scope {
            keep_only(&copy, name)?;
        }
        self.manifest.projects = projects(&at_rest(&copy)?)?;
        self.listed("catalog.db")
    }

    /// The databases of a project, and the contents of its objects.
    fn project(&mut self, id: ProjectId) -> Result<()> {
        let folder = format!("projects/{}", id.0);
        for database in databases(&self.from, &folder)? {
            self.with_contents(&database, |connection| contents(connection, &folder))?;
            self.listed(&database)?;
        }
        Ok(())
    }

    /// Copies a database and all files that it speaks of.
    fn with_contents(
        &mut self,
        database: &str,
        spoken_of: impl Fn(&Connection) -> Result<Vec<String>>,
    ) -> Result<()> {
        let copy = self.to.join(database);
        self.folder_of(&copy)?;
        for _ in 0..TRIES {
            snapshot(&self.from.join(database), &copy)?;
            let names = spoken_of(&at_rest(&copy)?)?;
            if self.set_aside(&names)? {
                return names.iter().try_for_each(|name| self.copy(name));
            }
        }
        Err(unusable(&self.from.join(database), "changes too fast, or files that it speaks of are missing"))
    }

    /// Gives files another name, so that they stay until they are copied; whether all of them are there.
    fn set_aside(&self, names: &[String]) -> Result<bool> {
        for name in names {
            let aside = self.aside.path.join(name);
            self.folder_of(&aside)?;
            match fs::hard_link(self.from.join(name), &aside) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(StoreError::io(error)),
            }
        }
        Ok(true)
    }

    fn copy(&mut self, name: &str) -> Result<()> {
        let (from, to) = (self.aside.path.join(name), self.to.join(name));
        if to.exists() {
            return Ok(());
        }
        self.folder_of(&to)?;
        let (bytes, sha256) = files::copy(&from, &to).map_err(StoreError::io)?;
        self.manifest.files.push(SavedFile { path: name.to_owned(), bytes, sha256 });
        // Its space is free again when the original is deleted.
        fs::remove_file(from).map_err(StoreError::io)
    }

    /// Lists a file that is written.
    fn listed(&mut self, name: &str) -> Result<()> {
        let file = self.to.join(name);
        let written = crate::sqlite::settle(&file).and_then(|()| files::digest(&file));
        let (bytes, sha256) = written.map_err(StoreError::io)?;
        self.manifest.files.push(SavedFile { path: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// What tells the right master key from a wrong one.
    fn key_check(&mut self) -> Result<()> {
        for name in ["keys/master.check", "VERSION"] {
            let to = self.to.join(name);
            self.folder_of(&to)?;
            let (bytes, sha256) = files::copy(&self.from.join(name), &to).map_err(StoreError::io)?;
            self.manifest.files.push(SavedFile { path: name.to_owned(), bytes, sha256 });
        }
        Ok(())
    }

    fn folder_of(&self, file: &Path) -> Result<()> {
        file.parent().map_or(Ok(()), |folder| files::make_folder(folder).map_err(StoreError::io))
    }
}

fn projects(catalog: &Connection) -> Result<Vec<SavedProject>> {
    let mut statement = catalog.prepare("SELECT name, id FROM projects ORDER BY name")?;
    let rows = statement
        .query_map([], |row| Ok(SavedProject { name: row.get(0)?, id: row.get::<_, ProjectId>(1)?.0 }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The components and bundles of the revisions that are saved.
fn uploads(catalog: &Connection, scope: &Scope) -> Result<Vec<String>> {
    let name = match scope {
        Scope::Whole => None,
        Scope::Project(name) => Some(name),
    };
    let revisions =
        "FROM revisions r JOIN functions f ON f.id = r.function JOIN projects p ON p.id = f.project
                     WHERE (?1 IS NULL OR p.name = ?1)";
    let mut statement = catalog.prepare(&format!(
        "SELECT 'artifacts/' || r.wasm || '.wasm' {revisions}
         UNION SELECT 'assets/' || r.assets || '.tar' {revisions} AND r.assets IS NOT NULL"
    ))?;
    let rows = statement.query_map([name], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The contents of a project's objects; other databases than its own have none.
fn contents(database: &Connection, folder: &str) -> Result<Vec<String>> {
    let query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'object_contents'";
    let own: i64 = database.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let has_objects = database.query_row(query, [], |_| Ok(())).optional()?.is_some();
    if own != crate::project::SCHEMA.application_id || !has_objects {
        return Ok(Vec::new());
    }
    let mut statement = database.prepare("SELECT file FROM object_contents WHERE uses > 0 ORDER BY file")?;
    let rows = statement.query_map([], |row| Ok(format!("{folder}/objects/{}", row.get::<_, String>(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The database files in the folder of a project and in the folders right below it, by name; none where it has no
/// folder yet.
fn databases(from: &Path, folder: &str) -> Result<Vec<String>> {
    let mut databases = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match fs::read_dir(from.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io(error)),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(StoreError::io)?;
            if kind.is_file() && name.ends_with(".db") && !name.starts_with('.') {
                databases.push(format!("{folder}/{name}"));
            } else if kind.is_dir() && depth == 0 && name != "objects" {
                folders.push((format!("{folder}/{name}"), 1));
            }
        }
    }
    databases.sort();
    Ok(databases)
}

/// Takes all other projects out of a copy of the catalog, so that no byte of them is left in it.
fn keep_only(copy: &Path, name: &str) -> Result<()> {
    let catalog = Connection::open(copy)?;
    catalog
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON")?;
    let query = "SELECT id FROM projects WHERE name = ?1";
    let id = catalog.query_row(query, [name], |row| row.get::<_, ProjectId>(0)).optional()?;
    let id = id.ok_or(StoreError::NotFound { what: "project" })?;
    catalog.execute("DELETE FROM projects WHERE id <> ?1", [id])?;
    catalog.execute("DELETE FROM tokens WHERE project IS NULL", [])?;
    catalog.execute("DELETE FROM audit WHERE project IS NOT ?1", [id])?;
    catalog.execute("DELETE FROM totals WHERE function NOT IN (SELECT id FROM functions)", [])?;
    catalog.execute_batch("VACUUM")?;
    catalog.close().map_err(|(_, error)| error)?;
    Ok(())
}
