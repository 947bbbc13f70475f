//! What a backup says of itself: `backup.json`.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Result, unusable};
use crate::StoreError;
use crate::data_dir::LAYOUT;

/// The file's name in the folder of the backup.
pub(super) const NAME: &str = "backup.json";
/// Form of a backup; another one is refused.
const FORMAT: u32 = 1;
/// Longest description that is read, bytes.
const MAX_BYTES: u64 = 1 << 30;

/// What a backup is made of, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of the backup.
    pub format: u32,
    /// Version of the Ostro that made it.
    pub server_version: String,
    /// Layout of the data directory.
    pub layout: u32,
    /// Schema of `catalog.db`.
    pub catalog_schema: usize,
    /// Newest schema that a project's `data.db` can have.
    pub project_schema: usize,
    /// When it was begun, milliseconds since 1970.
    pub made_ms: i64,
    /// Whether it has all projects of its server.
    pub is_whole: bool,
    /// The projects that it has, by name.
    pub projects: Vec<SavedProject>,
    /// Every other file of the backup.
    pub files: Vec<SavedFile>,
    /// What should be in it and could not be saved. Empty in a sound one.
    #[serde(default)]
    pub missing: Vec<Missing>,
}

/// A project in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedProject {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Path below the folder, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Digest of its content, hexadecimal.
    pub sha256: String,
}

/// Something that a project has, or had, and a backup has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Name of the project.
    pub project: String,
    /// What it is, such as ``object `a.txt` of bucket `files` ``.
    pub what: String,
    /// Where it should be, below the data directory.
    pub path: String,
    /// Why it could not be saved.
    pub why: String,
}

impl Manifest {
    /// One that lists nothing yet.
    pub(super) fn new(server_version: &str, made_ms: i64, is_whole: bool) -> Self {
        Self {
            format: FORMAT,
            server_version: server_version.to_owned(),
            layout: LAYOUT,
            catalog_schema: crate::catalog::sqlite::SCHEMA.steps.len(),
            project_schema: crate::project::SCHEMA.steps.len(),
            made_ms,
            is_whole,
            projects: Vec::new(),
            files: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Reads and judges it. `Unusable` where it is none, of another form, or made by a newer Ostro.
    pub fn read(folder: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            server_version: String,
        }
        let file = folder.join(NAME);
        let none = || unusable(folder, "is no backup: it has no readable backup.json");
        let mut text = Vec::new();
        let opened = fs::File::open(&file).map_err(|_| none())?;
        opened.take(MAX_BYTES).read_to_end(&mut text).map_err(|_| none())?;
        let head: Head = serde_json::from_slice(&text).map_err(|_| none())?;
        let newer = |what: &str| {
            let version = &head.server_version;
            unusable(
                folder,
                &format!(
                    "was made by Ostro {version}, in {what}; restore it with that version or a newer one"
                ),
            )
        };
        if head.format != FORMAT {
            return Err(newer(&format!("format {}, and this one knows format {FORMAT}", head.format)));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| none())?;
        let known = Self::new("", 0, true);
        if manifest.layout != known.layout {
            return Err(newer(&format!("layout {}, and this one knows layout {LAYOUT}", manifest.layout)));
        }
        if manifest.catalog_schema > known.catalog_schema || manifest.project_schema > known.project_schema {
            return Err(newer("a newer schema than this one knows"));
        }
        match manifest.files.iter().all(|file| is_plain(&file.path)) {
            true => Ok(manifest),
            false => Err(unusable(folder, "lists a file outside of itself")),
        }
    }

    /// Writes it, durably.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(StoreError::driver)?;
        let file = folder.join(NAME);
        super::files::write_new(&file, &text).map_err(StoreError::io)
    }

    /// The project of that name.
    pub fn project(&self, name: &str) -> Option<&SavedProject> {
        self.projects.iter().find(|project| project.name == name)
    }
}

/// Whether a path leads from a folder down into it and nowhere else.
fn is_plain(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_in_the_folder() {
        for (path, plain) in [
            ("catalog.db", true),
            ("projects/a/data.db", true),
            ("", false),
            ("/etc/passwd", false),
            ("../x", false),
            ("a/../../x", false),
        ] {
            assert_eq!(is_plain(path), plain, "{path}");
        }
    }

    #[test]
    fn what_is_none_or_newer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::new("1.2.3", 7, true);
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut json = serde_json::to_value(&manifest).unwrap();
            change(&mut json);
            fs::write(folder.path().join(NAME), json.to_string()).unwrap();
            Manifest::read(folder.path()).map_err(|error| error.to_string())
        };
        assert!(Manifest::read(folder.path()).unwrap_err().to_string().contains("is no backup"));
        assert_eq!(refused(&|_| {}), Ok(manifest.clone()));
        for (key, part) in [
            ("format", "format 99"),
            ("layout", "layout 99"),
            ("catalog_schema", "newer schema"),
            ("project_schema", "newer schema"),
        ] {
            let error = refused(&|json| json[key] = 99.into()).unwrap_err();
            assert!(error.contains(part) && error.contains("1.2.3"), "{error}");
        }
        let file = serde_json::json!([{ "path": "../x", "bytes": 1, "sha256": "" }]);
        assert!(refused(&|json| json["files"] = file.clone()).unwrap_err().contains("outside"));
    }
}
