//! Making a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use super::contents::{self, Speaker};
use super::manifest::{Manifest, Missing, SavedFile, SavedProject};
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

impl Scope {
    /// The name of the one project that is saved.
    pub(super) fn project(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Project(name) => Some(name),
        }
    }
}

/// Makes a backup in a new folder, which appears when it is complete. Nothing that runs is stopped or waits for it. One
/// at a time: the caller sees to that. Blocks.
///
/// What of a project is lost or cannot be read is named in the manifest, and all else is saved: one project's damage is
/// not the others'. A project that is deleted meanwhile is not in it.
///
/// `Unusable` when the folder is there already and not empty, or inside the data directory; `NotFound` when there is no
/// such project; `NoSpace` when the backup does not fit.
pub fn make(data: &DataDir, to: &Path, scope: &Scope, about: &About<'_>) -> Result<Manifest> {
    let mut making = Making::begin(data, to, scope, about)?;
    making.projects()?;
    making.end(to)
}

/// A backup that is being made.
pub(super) struct Making {
    from: PathBuf,
    draft: Draft,
    aside: Draft,
    manifest: Manifest,
}

impl Making {
    /// Begins it with the catalog, which says which projects there are.
    pub(super) fn begin(data: &DataDir, to: &Path, scope: &Scope, about: &About<'_>) -> Result<Self> {
        refuse_taken(to)?;
        let above = to.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let above =
            above.canonicalize().map_err(|error| unusable(above, &format!("cannot be used: {error}")))?;
        if above.starts_with(data.path()) {
            return Err(unusable(to, "lies inside the data directory; choose a folder elsewhere"));
        }
        let aside = data.path().join("cache").join(ASIDE);
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(error)),
            _ => {}
        }
        let mut making = Self {
            from: data.path().to_owned(),
            draft: Draft::make(draft_of(to)?)?,
            aside: Draft::make(aside)?,
            manifest: Manifest::new(about.server_version, about.now_ms, *scope == Scope::Whole),
        };
        making.catalog(scope)?;
        Ok(making)
    }

    /// The catalog, and what was uploaded of the revisions that it has.
    fn catalog(&mut self, scope: &Scope) -> Result<()> {
        self.with_contents("catalog.db", &Speaker::Catalog(scope))?;
        let copy = self.to("catalog.db");
        if let Some(name) = scope.project() {
            keep_only(&copy, name)?;
        }
        self.manifest.projects = projects(&at_rest(&copy)?)?;
        Ok(())
    }

    /// What the projects have, one after the other.
    pub(super) fn projects(&mut self) -> Result<()> {
        self.manifest.projects.clone().iter().try_for_each(|project| self.project(project))
    }

    /// The databases of a project, and the contents of its objects.
    fn project(&mut self, project: &SavedProject) -> Result<()> {
        let folder = format!("projects/{}", project.id);
        let databases = match databases(&self.from, &folder) {
            Ok(databases) => databases,
            Err(error) => return self.give_up(project, "all that it has".to_owned(), folder, error),
        };
        for database in databases {
            let saved = self.with_contents(&database, &Speaker::Project(project));
            let saved = saved.and_then(|()| contents::leave_out_unfinished(&self.to(&database)));
            if let Err(error) = saved.and_then(|()| self.listed(&database)) {
                // Half of a database is none.
                let _ = fs::remove_file(self.to(&database));
                let what =
                    format!("database {}", database.trim_start_matches(&folder).trim_start_matches('/'));
                self.give_up(project, what, database, error)?;
            }
        }
        Ok(())
    }

    /// Takes down that something of a project is not in the backup; a full disk ends it all.
    fn give_up(
        &mut self,
        project: &SavedProject,
        what: String,
        path: String,
        error: StoreError,
    ) -> Result<()> {
        let why = reason(error)?;
        self.manifest.missing.push(Missing { project: project.name.clone(), what, path, why });
        Ok(())
    }

    /// Copies a database and all files that it speaks of; those that are lost are taken down.
    fn with_contents(&mut self, database: &str, speaker: &Speaker<'_>) -> Result<()> {
        let copy = self.to(database);
        self.folder_of(&copy)?;
        let mut absent = BTreeSet::new();
        for _ in 0..TRIES {
            snapshot(&self.from.join(database), &copy)?;
            let connection = at_rest(&copy)?;
            let names = speaker.files(&connection)?;
            let before = std::mem::replace(&mut absent, self.set_aside(&names)?);
            // A file may have been replaced between the copy and the look for it. One that was not there before a copy
            // which speaks of it still is lost.
            if !absent.is_subset(&before) {
                continue;
            }
            let there: Vec<_> = names.into_iter().filter(|name| !absent.contains(name)).collect();
            let unread = self.copy_all(&there)?;
            absent.extend(unread.keys().cloned());
            let mut missing = speaker.missing(&connection, &absent)?;
            for one in &mut missing {
                if let Some(why) = unread.get(&one.path) {
                    one.why.clone_from(why);
                }
            }
            self.manifest.missing.append(&mut missing);
            return Ok(());
        }
        Err(unusable(&self.from.join(database), "changes too fast; try again later"))
    }

    /// Copies files; those that could not be read, and why.
    fn copy_all(&mut self, names: &[String]) -> Result<BTreeMap<String, String>> {
        let mut unread = BTreeMap::new();
        for name in names {
            if let Err(error) = self.copy(name) {
                unread.insert(name.clone(), reason(error)?);
                let _ = fs::remove_file(self.to(name));
            }
        }
        Ok(unread)
    }

    /// Gives files another name, so that they stay until they are copied; those that are not there.
    fn set_aside(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut absent = BTreeSet::new();
        for name in names {
            let aside = self.aside.path.join(name);
            self.folder_of(&aside)?;
            match fs::hard_link(self.from.join(name), &aside) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    absent.insert(name.clone());
                }
                Err(error) => return Err(StoreError::io(error)),
            }
        }
        Ok(absent)
    }

    fn copy(&mut self, name: &str) -> Result<()> {
        let (from, to) = (self.aside.path.join(name), self.to(name));
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
        let file = self.to(name);
        let written = crate::sqlite::settle(&file).and_then(|()| files::digest(&file));
        let (bytes, sha256) = written.map_err(StoreError::io)?;
        self.manifest.files.push(SavedFile { path: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// What tells the right master key from a wrong one.
    fn key_check(&mut self) -> Result<()> {
        for name in ["keys/master.check", "VERSION"] {
            let to = self.to(name);
            self.folder_of(&to)?;
            let (bytes, sha256) = files::copy(&self.from.join(name), &to).map_err(StoreError::io)?;
            self.manifest.files.push(SavedFile { path: name.to_owned(), bytes, sha256 });
        }
        Ok(())
    }

    /// Takes out what was deleted meanwhile: nobody wants it back.
    fn leave_out_deleted(&mut self) -> Result<()> {
        let look = self.aside.path.join("look.db");
        snapshot(&self.from.join("catalog.db"), &look)?;
        let there = projects(&at_rest(&look)?)?;
        let is_there = |project: &SavedProject| there.iter().any(|other| other.id == project.id);
        let gone: Vec<_> = self.manifest.projects.extract_if(.., |project| !is_there(project)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        if !self.manifest.is_whole {
            return Err(StoreError::NotFound { what: "project" });
        }
        for project in &gone {
            let folder = format!("projects/{}", project.id);
            match fs::remove_dir_all(self.to(&folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(error)),
                _ => {}
            }
            self.manifest.files.retain(|file| !file.path.starts_with(&format!("{folder}/")));
            self.manifest.missing.retain(|missing| missing.project != project.name);
        }
        thin(&self.to("catalog.db"), |catalog| {
            let mut delete = catalog.prepare("DELETE FROM projects WHERE id = ?1")?;
            gone.iter().try_for_each(|project| delete.execute([ProjectId(project.id)]).map(drop))?;
            Ok(())
        })
    }

    /// Ends it: the folder has its name.
    pub(super) fn end(mut self, to: &Path) -> Result<Manifest> {
        self.leave_out_deleted()?;
        self.listed("catalog.db")?;
        self.key_check()?;
        self.manifest.write(&self.draft.path)?;
        self.draft.keep(to)?;
        Ok(self.manifest)
    }

    /// The place of a file in the backup.
    fn to(&self, name: &str) -> PathBuf {
        self.draft.path.join(name)
    }

    fn folder_of(&self, file: &Path) -> Result<()> {
        file.parent().map_or(Ok(()), |folder| files::make_folder(folder).map_err(StoreError::io))
    }
}

/// Why something could not be saved. A full disk is not the fault of what was to be copied.
fn reason(error: StoreError) -> Result<String> {
    match error {
        StoreError::NoSpace(_) => Err(error),
        StoreError::Driver(cause) => Ok(cause.to_string()),
        other => Ok(other.to_string()),
    }
}

fn projects(catalog: &Connection) -> Result<Vec<SavedProject>> {
    let mut statement = catalog.prepare("SELECT name, id FROM projects ORDER BY name")?;
    let rows = statement
        .query_map([], |row| Ok(SavedProject { name: row.get(0)?, id: row.get::<_, ProjectId>(1)?.0 }))?;
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
    thin(copy, |catalog| {
        let query = "SELECT id FROM projects WHERE name = ?1";
        let id = catalog.query_row(query, [name], |row| row.get::<_, ProjectId>(0)).optional()?;
        let id = id.ok_or(StoreError::NotFound { what: "project" })?;
        catalog.execute("DELETE FROM projects WHERE id <> ?1", [id])?;
        catalog.execute("DELETE FROM tokens WHERE project IS NULL", [])?;
        catalog.execute("DELETE FROM audit WHERE project IS NOT ?1", [id])?;
        Ok(())
    })
}

/// Takes projects out of a copy of the catalog, with all that is theirs.
fn thin(copy: &Path, delete: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
    let catalog = Connection::open(copy)?;
    catalog
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON")?;
    delete(&catalog)?;
    catalog.execute("DELETE FROM totals WHERE function NOT IN (SELECT id FROM functions)", [])?;
    catalog.execute_batch("VACUUM")?;
    catalog.close().map_err(|(_, error)| error)?;
    Ok(())
}
