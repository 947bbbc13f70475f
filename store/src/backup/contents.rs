//! The files that a database of a backup speaks of, and what they are to whoever misses them.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use super::manifest::{Missing, SavedProject};
use super::{Result, Scope};

/// Revisions in scope, with their functions and projects.
const REVISIONS: &str =
    "FROM revisions r JOIN functions f ON f.id = r.function JOIN projects p ON p.id = f.project
                         WHERE (?1 IS NULL OR p.name = ?1)";

/// Contents of the files of sites in scope, with their versions and projects.
const SITES: &str = "FROM sites s JOIN projects p ON p.id = s.project, json_each(s.spec, '$.files') file,
    json_each(json_array(file.value ->> '$.digest', file.value ->> '$.gzip.digest',
        file.value ->> '$.brotli.digest')) content
    WHERE content.value IS NOT NULL AND (?1 IS NULL OR p.name = ?1)";

/// A database that may speak of files.
pub(super) enum Speaker<'a> {
    /// The catalog, of what was uploaded.
    Catalog(&'a Scope),
    /// A database in the folder of a project: its own speaks of the contents of objects, others of nothing.
    Project(&'a SavedProject),
}

impl Speaker<'_> {
    /// Every file that it speaks of, below the data directory.
    pub(super) fn files(&self, database: &Connection) -> Result<Vec<String>> {
        match self {
            Self::Catalog(scope) => uploads(database, scope),
            Self::Project(project) => contents(database, project),
        }
    }

    /// What it is that those files would hold.
    pub(super) fn missing(&self, database: &Connection, lost: &BTreeSet<String>) -> Result<Vec<Missing>> {
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let mut missing = match self {
            Self::Catalog(scope) => revisions(database, scope)?,
            Self::Project(project) => objects(database, project)?,
        };
        missing.retain(|one| lost.contains(&one.path));
        Ok(missing)
    }
}

/// Takes uploads that are not complete out of a copy of a project's database: their files are not saved, and whoever asks what
/// was restored is to be told that there is no such upload. What was reserved for them is free when the copy is opened first.
pub(super) fn leave_out_unfinished(copy: &Path) -> Result<()> {
    let database = Connection::open(copy)?;
    let is_own = is_own(&database, "object_uploads")?;
    let unfinished = "SELECT 1 FROM object_uploads WHERE content IS NOT NULL LIMIT 1";
    if is_own && database.prepare(unfinished)?.exists([])? {
        database.execute_batch(
            "PRAGMA journal_mode = DELETE; DELETE FROM object_uploads WHERE content IS NOT NULL",
        )?;
    }
    database.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Whether a database is that of a project, and has such a table.
fn is_own(database: &Connection, table: &str) -> Result<bool> {
    let query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let own: i64 = database.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(own == crate::project::SCHEMA.application_id && database.prepare(query)?.exists([table])?)
}

fn uploads(catalog: &Connection, scope: &Scope) -> Result<Vec<String>> {
    let mut statement = catalog.prepare(&format!(
        "SELECT 'artifacts/' || r.wasm || '.wasm' {REVISIONS}
         UNION SELECT 'assets/' || r.assets || '.tar' {REVISIONS} AND r.assets IS NOT NULL
         UNION SELECT 'sites/' || content.value || '.file' {SITES}"
    ))?;
    let rows = statement.query_map([scope.project()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn revisions(catalog: &Connection, scope: &Scope) -> Result<Vec<Missing>> {
    let mut of_sites = site_files(catalog, scope)?;
    let mut statement = catalog.prepare(&format!(
        "SELECT p.name, f.name, r.number, 'artifacts/' || r.wasm || '.wasm', 'component' {REVISIONS}
         UNION ALL SELECT p.name, f.name, r.number, 'assets/' || r.assets || '.tar', 'assets' {REVISIONS}
             AND r.assets IS NOT NULL ORDER BY 1, 2, 3"
    ))?;
    let rows = statement.query_map([scope.project()], |row| {
        let (function, number, part): (String, i64, String) = (row.get(1)?, row.get(2)?, row.get(4)?);
        let what = format!("{part} of revision {number} of function `{function}`");
        Ok(Missing { project: row.get(0)?, what, path: row.get(3)?, why: lost() })
    })?;
    let mut revisions = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    revisions.append(&mut of_sites);
    Ok(revisions)
}

fn site_files(catalog: &Connection, scope: &Scope) -> Result<Vec<Missing>> {
    let mut statement = catalog.prepare(&format!(
        "SELECT p.name, file.key, s.number, 'sites/' || content.value || '.file' {SITES} ORDER BY 1, 3, 2"
    ))?;
    let rows = statement.query_map([scope.project()], |row| {
        let (file, number): (String, i64) = (row.get(1)?, row.get(2)?);
        let what = format!("file `{file}` of version {number} of the site");
        Ok(Missing { project: row.get(0)?, what, path: row.get(3)?, why: lost() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn contents(database: &Connection, project: &SavedProject) -> Result<Vec<String>> {
    if !is_own(database, "object_contents")? {
        return Ok(Vec::new());
    }
    let mut statement = database.prepare("SELECT file FROM object_contents WHERE uses > 0 ORDER BY file")?;
    let rows = statement.query_map([], |row| Ok(content(project, &row.get::<_, String>(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn objects(database: &Connection, project: &SavedProject) -> Result<Vec<Missing>> {
    let query = "SELECT b.name, o.key, c.file FROM objects o JOIN object_contents c ON c.id = o.content
                 JOIN buckets b ON b.id = o.bucket ORDER BY b.name, o.key";
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], |row| {
        let (bucket, key, file): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let what = format!("object `{key}` of bucket `{bucket}`");
        Ok(Missing { project: project.name.clone(), what, path: content(project, &file), why: lost() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn content(project: &SavedProject, file: &str) -> String {
    format!("projects/{}/objects/{file}", project.id)
}

fn lost() -> String {
    "its file is not there".to_owned()
}
