//! The folders of projects on the disk.

use std::path::PathBuf;

use cap_std::fs::Dir;
use rusqlite::Connection;
use uuid::Uuid;

use super::Result;
use super::schema::SCHEMA;
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::data_dir::{self, DataDir};
use crate::sqlite::Place;

/// What stands before the name of a folder that is being deleted.
const DELETED: &str = ".deleted-";

/// The folder of a project, if there is one.
pub(super) fn find(data: &DataDir, project: ProjectId) -> Result<Option<Place>> {
    let name = project.0.to_string();
    match data.projects().open_dir(&name) {
        Ok(dir) => Ok(Some(Place::project(data, dir, &data.path().join("projects").join(name)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(error)),
    }
}

/// The folder of a project, made when there is none.
pub(super) fn find_or_make(data: &DataDir, project: ProjectId) -> Result<Place> {
    if let Some(place) = find(data, project)? {
        return Ok(place);
    }
    data_dir::private_dir(data.projects(), &project.0.to_string()).map_err(StoreError::io)?;
    data_dir::sync(data.projects()).map_err(StoreError::io)?;
    find(data, project)?.ok_or(StoreError::NotFound { what: "project" })
}

/// A folder in a project's, and its path; both are made when they are not there. Blocks.
pub(crate) fn subfolder(data: &DataDir, project: ProjectId, name: &str) -> Result<(Dir, PathBuf)> {
    let place = find_or_make(data, project)?;
    let make = || {
        if !place.dir.exists(name) {
            data_dir::private_dir(&place.dir, name)?;
            data_dir::sync(&place.dir)?;
        }
        place.dir.open_dir(name)
    };
    let path = data.path().join("projects").join(project.0.to_string()).join(name);
    Ok((make().map_err(StoreError::io)?, path))
}

/// Projects that have a folder, whatever is in it. Blocks.
pub(super) fn list(data: &DataDir) -> Result<Vec<ProjectId>> {
    let mut projects = Vec::new();
    for entry in data.projects().entries().map_err(StoreError::io)? {
        let name = entry.map_err(StoreError::io)?.file_name();
        projects.extend(name.to_str().and_then(|name| name.parse::<Uuid>().ok()).map(ProjectId));
    }
    Ok(projects)
}

/// Deletes the folder of a project, if there is one. Blocks.
pub(super) fn delete(data: &DataDir, project: ProjectId) -> Result<()> {
    let (name, projects) = (project.0.to_string(), data.projects());
    if !projects.exists(&name) {
        return Ok(());
    }
    // At once by its name; what is left of it after a kill, the next start deletes.
    let deleted = format!("{DELETED}{name}");
    let delete = || {
        projects.rename(&name, projects, &deleted)?;
        data_dir::sync(projects)?;
        projects.remove_dir_all(&deleted)
    };
    delete().map_err(StoreError::io)
}

/// Finishes deletions that a killed server began. What cannot be deleted is logged, and stays for the next start.
pub(super) fn delete_the_rest(data: &DataDir) -> Result<()> {
    for entry in data.projects().entries().map_err(StoreError::io)? {
        let name = entry.map_err(StoreError::io)?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.starts_with(DELETED))
            && let Err(error) = data.projects().remove_dir_all(name)
        {
            tracing::warn!(folder = name, %error, "the rest of a deleted project stays for the next start");
        }
    }
    Ok(())
}

/// Opens a project's file on the thread that will write it.
pub(super) fn open(place: &Place) -> Result<Connection> {
    match place.has_traces() {
        true => place.refuse_lost()?,
        false => place.create(|connection| SCHEMA.migrate(connection))?,
    }
    let connection = place.writer(Some(&SCHEMA))?;
    SCHEMA.migrate(&connection)?;
    place.mark()?;
    Ok(connection)
}

/// Looks into a file that no writer has open.
pub(super) fn look<T>(place: &Place, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    place.refuse_lost()?;
    let connection = place.glance()?;
    SCHEMA.refuse_foreign(&connection)?;
    look(&connection)
}
